"""EscrowCreate, EscrowFinish, EscrowCancel: XRP or tokens locked until a time or a secret.

Times compare with the close time of the ledger before. While tokens are locked they are with nobody: they have left the
holder's line, and `gateway_balances` counts them as locked.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any

from fntx_dagster.simulate.xrpl.amounts import (
    UNITY,
    LedgerToken,
    TokenAmount,
    amount_of,
    is_bad_currency,
    over,
    plus,
)
from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.entries import (
    ALLOW_LOCKING,
    DEEP_FROZEN,
    DEPOSIT_AUTH,
    REQUIRE_DEST,
    LedgerEntry,
    escrow_index,
)
from fntx_dagster.simulate.xrpl.lines import (
    authority_fault,
    balance_of,
    credit,
    is_frozen,
    limit_of,
    line_between,
    open_line,
    side_has,
)
from fntx_dagster.simulate.xrpl.payments import transfer_rate
from fntx_dagster.simulate.xrpl.view import Work

_LONGEST_PREIMAGE = 127


def condition_of(fulfillment: str) -> str | None:
    """The PREIMAGE-SHA-256 condition that a fulfillment fulfils, in hex; None where it is no such fulfillment."""
    content = bytes.fromhex(fulfillment)
    for count in {len(content) - 4, len(content) - 5} & {*range(_LONGEST_PREIMAGE + 1)}:
        size = [count + 2] if count + 2 < 0x80 else [0x81, count + 2]
        if content.startswith(bytes([0xA0, *size, 0x80, count])) and len(content) == count + 3 + len(size):
            return f"A0258020{sha256(content[-count:] if count else b'').hexdigest()}8101{count:02x}".upper()
    return None


def shape_of_creation(tx: dict[str, Any]) -> str | None:
    amount = tx["Amount"]
    if is_bad_currency(amount):
        return "temBAD_CURRENCY"
    if Decimal(amount if isinstance(amount, str) else amount["value"]) <= 0:
        return "temBAD_AMOUNT"
    finish, cancel, condition = tx.get("FinishAfter"), tx.get("CancelAfter"), tx.get("Condition")
    if finish is None and cancel is None:
        return "temBAD_EXPIRATION"
    if finish is not None and cancel is not None and cancel <= finish:
        return "temBAD_EXPIRATION"
    if condition is None:
        return "temMALFORMED" if finish is None else None
    upper = condition.upper()
    well_formed = len(upper) == 78 and upper.startswith("A0258020") and upper[72:76] == "8101"
    return None if well_formed else "temMALFORMED"


def create(work: Work) -> str:
    amount, destination, tx = amount_of(work.tx["Amount"]), work.tx["Destination"], work.tx
    if work.view.root(destination) is None:
        return "tecNO_DST"
    if not amount.token.is_xrp and (fault := _fault_of_token(work, amount)):
        return fault
    if any(field in tx and work.parent_close > tx[field] for field in ("CancelAfter", "FinishAfter")):
        return "tecNO_PERMISSION"
    root = work.view.root(work.account) or {}
    reserve = work.rules.reserve(root["OwnerCount"] + 1)
    if int(root["Balance"]) < reserve:
        return "tecINSUFFICIENT_RESERVE"
    if amount.token.is_xrp and int(root["Balance"]) < reserve + amount.value:
        return "tecUNFUNDED"
    if work.view.has_flag(destination, REQUIRE_DEST) and "DestinationTag" not in tx:
        return "tecDST_TAG_NEEDED"
    kept = ("Condition", "CancelAfter", "FinishAfter", "SourceTag", "DestinationTag")
    entry: LedgerEntry = {
        "LedgerEntryType": "Escrow",
        "Account": work.account,
        "Destination": destination,
        "Amount": tx["Amount"],
        "Flags": 0,
        "index": escrow_index(work.account, work.sequence),
    } | {field: tx[field] for field in kept if field in tx}
    if work.rules.keylet_fields:
        entry["Sequence"] = work.sequence
    if amount.token.is_xrp:
        work.move_drops(work.account, -int(amount.value))
    else:
        rate = transfer_rate(work.view, amount.token)
        if rate != UNITY:
            entry["TransferRate"] = int(rate * 10**9)
        credit(work, work.account, amount.token.issuer, amount.token.currency, amount.value)
    work.view.put(entry)
    work.count(work.account, 1)
    return SUCCESS


def _fault_of_token(work: Work, amount: TokenAmount) -> str | None:
    """Why a token may not be locked: the issuer must allow it, and both ends must be allowed to hold it."""
    token, destination, view = amount.token, work.tx["Destination"], work.view
    if work.account == token.issuer:
        return "tecNO_PERMISSION"
    if view.root(token.issuer) is None:
        return "tecNO_ISSUER"
    if not view.has_flag(token.issuer, ALLOW_LOCKING):
        return "tecNO_PERMISSION"
    line = line_between(view, work.account, token.issuer, token.currency)
    if line is None:
        return "tecNO_LINE"
    for address in (work.account, destination):
        if fault := authority_fault(view, address, token):
            return fault
    if is_frozen(view, work.account, token) or is_frozen(view, destination, token):
        return "tecFROZEN"
    return "tecINSUFFICIENT_FUNDS" if balance_of(line, work.account) < amount.value else None


def shape_of_finish(tx: dict[str, Any]) -> str | None:
    return "temMALFORMED" if ("Condition" in tx) != ("Fulfillment" in tx) else None


def finish(work: Work) -> str:
    tx = work.tx
    escrow = work.view.read(escrow_index(tx["Owner"], tx["OfferSequence"]))
    if escrow is None:
        return "tecNO_TARGET"
    if "FinishAfter" in escrow and work.parent_close <= escrow["FinishAfter"]:
        return "tecNO_PERMISSION"
    if "CancelAfter" in escrow and work.parent_close > escrow["CancelAfter"]:
        return "tecNO_PERMISSION"
    condition = tx.get("Condition")
    if condition is not None and condition_of(tx["Fulfillment"]) != condition.upper():
        return "tecCRYPTOCONDITION_ERROR"
    if (condition or "").upper() != escrow.get("Condition", "").upper():
        return "tecCRYPTOCONDITION_ERROR"
    destination = escrow["Destination"]
    if work.view.root(destination) is None:
        return "tecNO_DST"
    if work.view.has_flag(destination, DEPOSIT_AUTH) and work.account != destination:
        return "tecNO_PERMISSION"
    amount = amount_of(escrow["Amount"])
    if amount.token.is_xrp:
        work.move_drops(destination, int(amount.value))
    elif fault := _release(work, escrow, destination, keeps_fee=True):
        return fault
    work.view.erase(escrow["index"])
    work.count(escrow["Account"], -1)
    return SUCCESS


def _release(work: Work, escrow: LedgerEntry, receiver: str, *, keeps_fee: bool) -> str | None:
    """Give a token to one who may hold it. The issuer's fee comes out of it, at the lower of the rates of then and
    now."""
    token, value = amount_of(escrow["Amount"])
    if fault := authority_fault(work.view, receiver, token):
        return fault
    if receiver == token.issuer:
        return None  # it has left the holder's line when it was locked: nobody owes it any more
    line = line_between(work.view, receiver, token.issuer, token.currency)
    if line is not None and keeps_fee and _is_deep_frozen(line, token, receiver):
        return "tecFROZEN"
    locked = Decimal(escrow.get("TransferRate", 10**9)) / 10**9
    rate = min(locked, transfer_rate(work.view, token)) if keeps_fee else UNITY
    value = over(value, rate)
    if line is None:
        if work.account != receiver:
            return "tecNO_LINE"
        if not work.can_own(1):
            return "tecNO_LINE_INSUF_RESERVE"
        open_line(work, receiver, token, Decimal(0))
    elif keeps_fee and work.account != receiver and plus(balance_of(line, receiver), value) > limit_of(line, receiver):
        return "tecLIMIT_EXCEEDED"
    credit(work, token.issuer, receiver, token.currency, value)
    return None


def _is_deep_frozen(line: LedgerEntry, token: LedgerToken, receiver: str) -> bool:
    return side_has(line, token.issuer, DEEP_FROZEN) or side_has(line, receiver, DEEP_FROZEN)


def cancel(work: Work) -> str:
    escrow = work.view.read(escrow_index(work.tx["Owner"], work.tx["OfferSequence"]))
    if escrow is None:
        return "tecNO_TARGET"
    if "CancelAfter" not in escrow or work.parent_close <= escrow["CancelAfter"]:
        return "tecNO_PERMISSION"
    amount, owner = amount_of(escrow["Amount"]), escrow["Account"]
    if amount.token.is_xrp:
        work.move_drops(owner, int(amount.value))
    elif fault := _release(work, escrow, owner, keeps_fee=False):
        return fault
    work.view.erase(escrow["index"])
    work.count(owner, -1)
    return SUCCESS

"""What an account does to itself: flags, its regular key, its list of signers, tickets, and its end."""

from __future__ import annotations

from typing import Any

from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.entries import (
    ALLOW_CLAWBACK,
    DISABLE_MASTER,
    NO_FREEZE,
    ONE_OWNER_COUNT,
    REQUIRE_AUTH,
    REQUIRE_DEST,
    SETTABLE,
    signers_index,
    ticket_index,
)
from fntx_dagster.simulate.xrpl.view import Work

MOST_SIGNERS, MOST_TICKETS = 32, 250
_DISABLE_MASTER, _REQUIRE_AUTH, _NO_FREEZE, _GLOBAL_FREEZE, _CLAWBACK, _LOCKING = 4, 2, 6, 7, 16, 17
_LEDGERS_BEFORE_DELETION = 256


def shape_of_flags(tx: dict[str, Any]) -> str | None:
    set_it, clear_it = tx.get("SetFlag", 0), tx.get("ClearFlag", 0)
    if set_it and set_it == clear_it:
        return "temINVALID_FLAG"
    rate = tx.get("TransferRate", 0)
    if rate and not 10**9 <= rate <= 2 * 10**9:
        return "temBAD_TRANSFER_RATE"
    ticks = tx.get("TickSize", 0)
    return "temBAD_TICK_SIZE" if ticks and not 3 <= ticks <= 15 else None


def set_flags(work: Work) -> str:
    set_it, clear_it = work.tx.get("SetFlag", 0), work.tx.get("ClearFlag", 0)
    root = work.view.edit_root(work.account)
    flags = root["Flags"]
    if set_it == _REQUIRE_AUTH and not flags & REQUIRE_AUTH and work.view.owned(work.account):
        return "tecOWNERS"
    if set_it == _CLAWBACK:
        if flags & NO_FREEZE:
            return "tecNO_PERMISSION"
        if work.view.owned(work.account):
            return "tecOWNERS"
    if set_it == _NO_FREEZE and flags & ALLOW_CLAWBACK:
        return "tecNO_PERMISSION"
    if set_it in (_DISABLE_MASTER, _NO_FREEZE) and not flags & DISABLE_MASTER and work.signed_by != work.account:
        return "tecNEED_MASTER_KEY"
    if set_it == _DISABLE_MASTER and _has_one_way_to_sign(work):
        return "tecNO_ALTERNATIVE_KEY"
    flags |= SETTABLE.get(set_it, 0)
    for_good = {_NO_FREEZE, _CLAWBACK, _LOCKING} | ({_GLOBAL_FREEZE} if flags & NO_FREEZE else set())
    if clear_it not in for_good:
        flags &= ~SETTABLE.get(clear_it, 0)
    root["Flags"] = flags
    for field in ("TransferRate", "TickSize", "Domain", "EmailHash"):
        if work.tx.get(field):
            root[field] = work.tx[field]
        elif field in work.tx:
            root.pop(field, None)
    if root.get("TransferRate") == 10**9:
        del root["TransferRate"]
    return SUCCESS


def _has_one_way_to_sign(work: Work) -> bool:
    """Whether nothing but the master key can sign."""
    root = work.view.root(work.account) or {}
    return "RegularKey" not in root and work.view.read(signers_index(work.account)) is None


def shape_of_key(tx: dict[str, Any]) -> str | None:
    return "temBAD_REGKEY" if tx.get("RegularKey") == tx["Account"] else None


def set_regular_key(work: Work) -> str:
    root = work.view.edit_root(work.account)
    if "RegularKey" in work.tx:
        root["RegularKey"] = work.tx["RegularKey"]
    elif root["Flags"] & DISABLE_MASTER and work.view.read(signers_index(work.account)) is None:
        return "tecNO_ALTERNATIVE_KEY"
    else:
        root.pop("RegularKey", None)
    return SUCCESS


def shape_of_signers(tx: dict[str, Any]) -> str | None:
    entries = [each["SignerEntry"] for each in tx.get("SignerEntries", [])]
    quorum = tx["SignerQuorum"]
    if not quorum:
        return "temMALFORMED" if entries else None
    if not 1 <= len(entries) <= MOST_SIGNERS:
        return "temMALFORMED"
    accounts = [entry["Account"] for entry in entries]
    if len({*accounts}) < len(accounts) or tx["Account"] in accounts:
        return "temBAD_SIGNER"
    if not all(entry["SignerWeight"] for entry in entries):
        return "temBAD_WEIGHT"
    return "temBAD_QUORUM" if sum(entry["SignerWeight"] for entry in entries) < quorum else None


def set_signers(work: Work) -> str:
    index = signers_index(work.account)
    there = work.view.read(index)
    if not work.tx["SignerQuorum"]:
        root = work.view.root(work.account) or {}
        if there is not None and root["Flags"] & DISABLE_MASTER and "RegularKey" not in root:
            return "tecNO_ALTERNATIVE_KEY"
        if there is not None:
            work.view.erase(index)
            work.count(work.account, -1)
        return SUCCESS
    if not work.can_own(0 if there else 1):
        return "tecINSUFFICIENT_RESERVE"
    if there is None:
        work.count(work.account, 1)
    work.view.put(
        {
            "LedgerEntryType": "SignerList",
            "Account": work.account,
            "Flags": ONE_OWNER_COUNT,
            "SignerEntries": work.tx["SignerEntries"],
            "SignerListID": 0,
            "SignerQuorum": work.tx["SignerQuorum"],
            "index": index,
        }
    )
    return SUCCESS


def shape_of_tickets(tx: dict[str, Any]) -> str | None:
    return None if 1 <= tx["TicketCount"] <= MOST_TICKETS else "temINVALID_COUNT"


def create_tickets(work: Work) -> str:
    count = work.tx["TicketCount"]
    root = work.view.edit_root(work.account)
    if root.get("TicketCount", 0) + count > MOST_TICKETS:
        return "tecDIR_FULL"
    if not work.can_own(count):
        return "tecINSUFFICIENT_RESERVE"
    first = root["Sequence"]
    for number in range(first, first + count):
        work.view.put(
            {
                "LedgerEntryType": "Ticket",
                "Account": work.account,
                "Flags": 0,
                "TicketSequence": number,
                "index": ticket_index(work.account, number),
            }
        )
    root["Sequence"] = first + count
    root["TicketCount"] = root.get("TicketCount", 0) + count
    root["OwnerCount"] += count
    return SUCCESS


def shape_of_deletion(tx: dict[str, Any]) -> str | None:
    return "temDST_IS_SRC" if tx["Account"] == tx["Destination"] else None


def delete_account(work: Work) -> str:
    """The account's XRP go to another one; signers, tickets and offers go with it, nothing else does."""
    destination = work.tx["Destination"]
    there = work.view.root(destination)
    if there is None:
        return "tecNO_DST"
    if there["Flags"] & REQUIRE_DEST and "DestinationTag" not in work.tx:
        return "tecDST_TAG_NEEDED"
    root = work.view.edit_root(work.account)
    if root["Sequence"] + _LEDGERS_BEFORE_DELETION > work.ledger_index:
        return "tecTOO_SOON"
    owned = work.view.owned(work.account)
    if any(entry["LedgerEntryType"] in ("RippleState", "Escrow") for entry in owned):
        return "tecHAS_OBLIGATIONS"
    for entry in owned:
        work.view.erase(entry["index"])
    work.delivered = root["Balance"]
    work.move_drops(destination, int(root["Balance"]))
    work.view.erase(root["index"])
    return SUCCESS

"""Payment: XRP from account to account, and a token from its issuer, to it, or through it. Nothing goes through order
books, so a payment that spends another currency than it delivers finds no path."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

from fntx_dagster.simulate.xrpl.amounts import (
    UNITY,
    LedgerToken,
    TokenAmount,
    amount_of,
    is_bad_currency,
    over,
    plus,
    times,
    written,
)
from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.entries import (
    AUTHORIZED,
    DEEP_FROZEN,
    DEPOSIT_AUTH,
    FROZEN,
    GLOBAL_FREEZE,
    NO_RIPPLE,
    REQUIRE_AUTH,
    REQUIRE_DEST,
    new_root,
)
from fntx_dagster.simulate.xrpl.lines import balance_of, credit, limit_of, line_between, side_has
from fntx_dagster.simulate.xrpl.view import TrialState, Work

NO_DIRECT, PARTIAL, LIMIT_QUALITY = 0x10000, 0x20000, 0x40000
KNOWN = NO_DIRECT | PARTIAL | LIMIT_QUALITY
_NOTHING = Decimal(0)


def shape(tx: dict[str, Any]) -> str | None:
    amount, most = tx["Amount"], tx.get("SendMax")
    for each in (amount, most):
        if each is not None and is_bad_currency(each):
            return "temBAD_CURRENCY"
        if each is not None and Decimal(each if isinstance(each, str) else each["value"]) <= 0:
            return "temBAD_AMOUNT"
    if not isinstance(amount, str):
        return "temREDUNDANT" if tx["Account"] == tx["Destination"] and most is None else None
    if most is not None:
        return "temBAD_SEND_XRP_MAX" if isinstance(most, str) else None
    if tx["Account"] == tx["Destination"]:
        return "temREDUNDANT"
    if "Paths" in tx:
        return "temBAD_SEND_XRP_PATHS"
    return "temBAD_SEND_XRP_PARTIAL" if tx.get("Flags", 0) & PARTIAL else None


def apply(work: Work) -> str:
    amount, destination = amount_of(work.tx["Amount"]), work.tx["Destination"]
    if work.view.root(destination) is None:
        if not amount.token.is_xrp:
            return "tecNO_DST"
        if amount.value < work.rules.reserve_base:
            return "tecNO_DST_INSUF_XRP"
    elif work.view.has_flag(destination, REQUIRE_DEST) and "DestinationTag" not in work.tx:
        return "tecDST_TAG_NEEDED"
    most = amount_of(work.tx["SendMax"]) if "SendMax" in work.tx else None
    if amount.token.is_xrp and most is None:
        return _pay_drops(work, destination, int(amount.value))
    if work.view.has_flag(destination, DEPOSIT_AUTH) and destination != work.account:
        return "tecNO_PERMISSION"
    if most is not None and (most.token.is_xrp or most.token.currency != amount.token.currency):
        return "tecPATH_DRY"
    return _pay_token(work, destination, amount, amount.value if most is None else most.value)


def _pay_drops(work: Work, destination: str, drops: int) -> str:
    view, sender = work.view, work.account
    kept = max(work.rules.reserve(work.owner_count(sender)), int(work.tx["Fee"]))
    if work.prior_balance < drops + kept:
        return "tecUNFUNDED_PAYMENT"
    root = view.root(destination)
    if root is None:
        view.put(new_root(destination, 0, work.ledger_index))
    elif root["Flags"] & DEPOSIT_AUTH:
        base = work.rules.reserve_base
        if drops > base or int(root["Balance"]) > base:  # so little is let in that the account can pay a fee again
            return "tecNO_PERMISSION"
    work.move_drops(sender, -drops)
    work.move_drops(destination, drops)
    work.delivered = str(drops)
    return SUCCESS


def _pay_token(work: Work, destination: str, amount: TokenAmount, most: Decimal) -> str:
    view, (token, wanted) = work.view, amount
    way = [work.account, token.issuer, destination]
    way = [each for at, each in enumerate(way) if at == 0 or each != way[at - 1]]
    hops = [*pairwise(way)]
    if not hops or any(_refuses(view, *hop, token, pure=len(hops) == 1) for hop in hops):
        return "tecPATH_DRY"
    if len(hops) == 2 and all(_no_ripple(view, token, each) for each in (work.account, destination)):
        return "tecPATH_DRY"
    rate = transfer_rate(view, token) if len(hops) == 2 else UNITY
    spendable = min(most, _capacity(view, *hops[0], token.currency))
    delivered = min(wanted, _capacity(view, *hops[-1], token.currency), over(spendable, rate))
    if delivered <= 0:
        return "tecPATH_DRY"
    least = amount_of(work.tx["DeliverMin"]).value if "DeliverMin" in work.tx else _NOTHING
    if delivered < wanted and (not work.flags & PARTIAL or delivered < least):
        return "tecPATH_PARTIAL"
    if len(hops) == 2:
        credit(work, *hops[0], token.currency, min(times(delivered, rate, up=True), spendable))
    credit(work, *hops[-1], token.currency, delivered)
    work.delivered = written(TokenAmount(token, delivered))
    return SUCCESS


def transfer_rate(view: TrialState, token: LedgerToken) -> Decimal:
    """What a sender pays for each unit that arrives from holder to holder."""
    root = view.root(token.issuer)
    return Decimal((root or {}).get("TransferRate") or 10**9) / 10**9


def _refuses(view: TrialState, sender: str, receiver: str, token: LedgerToken, *, pure: bool) -> bool:
    """Whether a step is dry before anything flows. A step from issuer to holder alone, or back, is never frozen."""
    line = line_between(view, sender, receiver, token.currency)
    if line is None:
        return True
    balance = balance_of(line, sender)
    if balance == 0 and view.has_flag(sender, REQUIRE_AUTH) and not side_has(line, sender, AUTHORIZED):
        return True
    frozen = (
        view.has_flag(receiver, GLOBAL_FREEZE)
        or side_has(line, receiver, FROZEN)
        or side_has(line, receiver, DEEP_FROZEN)
        or side_has(line, sender, DEEP_FROZEN)
    )
    return (not pure and frozen) or (balance <= 0 and -balance >= limit_of(line, receiver))


def _no_ripple(view: TrialState, token: LedgerToken, holder: str) -> bool:
    """Whether the issuer lets nothing ripple through the line with a holder."""
    line = line_between(view, holder, token.issuer, token.currency)
    return line is not None and side_has(line, token.issuer, NO_RIPPLE)


def _capacity(view: TrialState, sender: str, receiver: str, currency: str) -> Decimal:
    """How much can flow in one step: what the sender holds of the receiver's token or, where it holds none, what the
    receiver still takes of the sender's."""
    line = line_between(view, sender, receiver, currency)
    assert line is not None
    balance = balance_of(line, sender)
    return balance if balance > 0 else plus(limit_of(line, receiver), balance)

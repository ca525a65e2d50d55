"""OfferCreate and OfferCancel: a book of resting offers for each pair, crossed at the resting offer's exact price.

A price is what a taker pays for a unit. No transfer fee is taken, and no offer is found through a third currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.simulate.xrpl.amounts import (
    LedgerToken,
    TokenAmount,
    amount_of,
    is_bad_currency,
    over,
    rounded,
    times,
    written,
)
from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.entries import GLOBAL_FREEZE, NO_RIPPLE, PASSIVE, SELL, LedgerEntry, offer_index
from fntx_dagster.simulate.xrpl.lines import authority_fault, held, is_frozen, line_between, move_token, side_has
from fntx_dagster.simulate.xrpl.view import TrialState, Work

TF_PASSIVE, IMMEDIATE_OR_CANCEL, FILL_OR_KILL, TF_SELL = 0x10000, 0x20000, 0x40000, 0x80000
KNOWN = TF_PASSIVE | IMMEDIATE_OR_CANCEL | FILL_OR_KILL | TF_SELL
_NOTHING = Decimal(0)
_ENDLESS = Decimal("9999999999999999e80")
"""What an issuer has of its own token."""


def shape(tx: dict[str, Any]) -> str | None:
    flags, pays, gets = tx.get("Flags", 0), tx["TakerPays"], tx["TakerGets"]
    if flags & IMMEDIATE_OR_CANCEL and flags & FILL_OR_KILL:
        return "temINVALID_FLAG"
    if tx.get("Expiration") == 0:
        return "temBAD_EXPIRATION"
    if tx.get("OfferSequence") == 0:
        return "temBAD_SEQUENCE"
    if isinstance(pays, str) and isinstance(gets, str):
        return "temBAD_OFFER"
    if is_bad_currency(pays) or is_bad_currency(gets):
        return "temBAD_CURRENCY"
    if amount_of(pays).value <= 0 or amount_of(gets).value <= 0:
        return "temBAD_OFFER"
    return "temREDUNDANT" if amount_of(pays).token == amount_of(gets).token else None


class _Rest(NamedTuple):
    """What a new offer still gives and still wants."""

    gives: Decimal
    wants: Decimal


def create(work: Work) -> str:
    tx, view = work.tx, work.view
    pays, gets = amount_of(tx["TakerPays"]), amount_of(tx["TakerGets"])
    for token in (pays.token, gets.token):
        if not token.is_xrp and view.root(token.issuer) is None:
            return "tecNO_ISSUER"
        if not token.is_xrp and view.has_flag(token.issuer, GLOBAL_FREEZE):
            return "tecFROZEN"
    if funds(work, work.account, gets.token) <= 0:
        return "tecUNFUNDED_OFFER"
    if "Expiration" in tx and work.parent_close >= tx["Expiration"]:
        return "tecEXPIRED"
    if not pays.token.is_xrp and (fault := authority_fault(view, work.account, pays.token)):
        return fault
    if "OfferSequence" in tx:
        _remove(work, view.read(offer_index(work.account, tx["OfferSequence"])))
    rest = _Rest(gets.value, pays.value)
    if not _stays_out(view, work.account, gets.token):
        rest = _cross(work, pays, gets)
    is_filled = rest.gives <= 0 if work.flags & TF_SELL else rest.wants <= 0
    crossed = rest.gives < gets.value
    if work.flags & FILL_OR_KILL and not is_filled:
        return "tecKILLED"
    if work.flags & IMMEDIATE_OR_CANCEL:
        return SUCCESS if crossed else "tecKILLED"
    return _place(work, pays, gets, rest) if not is_filled else SUCCESS


def _stays_out(view: TrialState, address: str, token: LedgerToken) -> bool:
    """Whether what an account gives may not reach the book: the issuer has NoRipple on the line."""
    if token.is_xrp or address == token.issuer:
        return False
    line = line_between(view, address, token.issuer, token.currency)
    return line is None or side_has(line, token.issuer, NO_RIPPLE)


def _place(work: Work, pays: TokenAmount, gets: TokenAmount, rest: _Rest) -> str:
    if rest.gives <= 0 or funds(work, work.account, gets.token) <= 0:
        return SUCCESS  # what it had is spent
    crossed = rest.gives < gets.value
    if not work.can_own(1):
        return SUCCESS if crossed else "tecINSUF_RESERVE_OFFER"
    price = pays.value / gets.value
    if work.flags & TF_SELL or not crossed:
        left = TokenAmount(gets.token, rest.gives)
        wanted = rounded(TokenAmount(pays.token, times(rest.gives, price, up=True)), up=True) if crossed else pays
    else:
        wanted = TokenAmount(pays.token, rest.wants)
        left = rounded(TokenAmount(gets.token, over(rest.wants, price)))
    if left.value <= 0 or wanted.value <= 0:
        return SUCCESS
    entry: LedgerEntry = {
        "LedgerEntryType": "Offer",
        "Account": work.account,
        "Flags": (PASSIVE if work.flags & TF_PASSIVE else 0) | (SELL if work.flags & TF_SELL else 0),
        "Sequence": work.sequence,
        "TakerGets": written(left),
        "TakerPays": written(wanted),
        "index": offer_index(work.account, work.sequence),
        "_placed": [work.ledger_index, work.sequence, str(price)],
    }
    if "Expiration" in work.tx:
        entry["Expiration"] = work.tx["Expiration"]
    work.view.put(entry)
    work.count(work.account, 1)
    return SUCCESS


def _cross(work: Work, pays: TokenAmount, gets: TokenAmount) -> _Rest:
    """Take from the book what is not worse than the new offer's own price."""
    gives, wants = min(gets.value, funds(work, work.account, gets.token)), pays.value
    unfunded = gets.value - gives
    limit = gets.value / pays.value
    for offer in book(work.view, pays.token, gets.token):
        cost = price_of(offer)
        worse = cost >= limit if work.flags & TF_PASSIVE else cost > limit
        if worse or gives <= 0 or (wants <= 0 and not work.flags & TF_SELL):
            break
        owner = offer["Account"]
        there = min(amount_of(offer["TakerGets"]).value, funds(work, owner, pays.token))
        if owner == work.account or there <= 0 or _is_expired(offer, work.parent_close):
            _remove(work, offer)
            continue
        taken = there if work.flags & TF_SELL else min(there, wants)
        taken = min(taken, over(gives, cost))
        taken = rounded(TokenAmount(pays.token, taken)).value
        paid = min(rounded(TokenAmount(gets.token, times(taken, cost, up=True)), up=True).value, gives)
        if taken <= 0 or paid <= 0:
            break
        _move(work, pays.token, owner, work.account, taken)
        _move(work, gets.token, work.account, owner, paid)
        _shrink(work, offer, taken, paid, is_empty=there == taken)
        gives, wants = gives - paid, max(wants - taken, _NOTHING)
    return _Rest(gives + unfunded, wants)


def _shrink(work: Work, offer: LedgerEntry, taken: Decimal, paid: Decimal, *, is_empty: bool) -> None:
    gets, pays = amount_of(offer["TakerGets"]), amount_of(offer["TakerPays"])
    left, wanted = max(gets.value - taken, _NOTHING), max(pays.value - paid, _NOTHING)
    entry = work.view.edit(offer["index"])
    entry["TakerGets"] = written(TokenAmount(gets.token, left))
    entry["TakerPays"] = written(TokenAmount(pays.token, wanted))
    if is_empty or not left or not wanted:
        _remove(work, offer)


def _move(work: Work, token: LedgerToken, sender: str, receiver: str, value: Decimal) -> None:
    if token.is_xrp:
        work.move_drops(sender, -int(value))
        work.move_drops(receiver, int(value))
    else:
        move_token(work, token, sender, receiver, value)


def _is_expired(offer: LedgerEntry, close: int) -> bool:
    return "Expiration" in offer and close >= offer["Expiration"]


def _remove(work: Work, offer: LedgerEntry | None) -> None:
    if offer is not None:
        work.view.erase(offer["index"])
        work.count(offer["Account"], -1)


def price_of(offer: LedgerEntry) -> Decimal:
    """What a taker pays for a unit: it stays as it was when the offer was placed."""
    return Decimal(offer["_placed"][2])


def book(view: TrialState, gets: LedgerToken, pays: LedgerToken) -> list[LedgerEntry]:
    """The offers that give one token for another, the cheapest for a taker first, then the oldest."""
    offers = [
        entry
        for entry in view.entries()
        if entry["LedgerEntryType"] == "Offer"
        and amount_of(entry["TakerGets"]).token == gets
        and amount_of(entry["TakerPays"]).token == pays
    ]
    return sorted(offers, key=lambda each: (price_of(each), each["_placed"][:2]))


def funds(work: Work, address: str, token: LedgerToken) -> Decimal:
    """What an account can give: XRP above its reserve; of a token what it holds, nothing of a frozen one."""
    root = work.view.root(address)
    if root is None:
        return _NOTHING
    if token.is_xrp:
        return max(Decimal(root["Balance"]) - work.rules.reserve(root["OwnerCount"]), _NOTHING)
    if address == token.issuer:
        return _ENDLESS
    return _NOTHING if is_frozen(work.view, address, token) else max(held(work.view, address, token), _NOTHING)


def shape_of_cancellation(tx: dict[str, Any]) -> str | None:
    return "temBAD_SEQUENCE" if not tx["OfferSequence"] else None


def cancel(work: Work) -> str:
    _remove(work, work.view.read(offer_index(work.account, work.tx["OfferSequence"])))
    return SUCCESS

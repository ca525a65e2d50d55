"""The kinds of entries that a broker's statements bring beside fills and funding, each balanced in its postings.

- `booking`: a position opens or closes without an execution (assignment, expiration, delivery, shares for cash), or its
  lots come or go in kind (transfer, what was held before the first statement); `cause` says which.
- `carry`: the oldest lots go on as another lot, with their cost (split, merger, change of symbol); one entry per lot.
- `conversion`: cash of one currency becomes cash of another.
- `income`: dividends, interest, taxes and fees, negative of what was paid.
- `confirmation`: the statement shows a fill that is in the book already; it moves nothing.

Quantity × price is money in the symbol's currency: the price of a contract with a multiplier contains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from fntx_dagster.ledger.book import Book, Booked, Booking, Carry
from fntx_dagster.ledger.exact import STORED, written
from fntx_dagster.ledger.positions import Key
from fntx_dagster.ledger.postings import CAPITAL, CASH, FEES, INCOME, TRADING, LedgerLeg, held_by

BOOKING, CARRY, CONVERSION, EARNING, CONFIRMATION = "booking", "carry", "conversion", "income", "confirmation"
KINDS = frozenset({BOOKING, CARRY, CONVERSION, EARNING, CONFIRMATION})


def booking(stated: Mapping[str, str], cause: str, key: Key, moved: Booking, rate: Fraction | None) -> dict[str, Any]:
    """A position that opens or closes without an execution. `stated`: the entry's moments."""
    return _event(BOOKING, stated) | {
        "cause": cause,
        **key._asdict(),
        "qty": _text(moved.quantity),
        "price": _text(moved.price),
        "proceeds": _text(moved.proceeds),
        "fee": _text(moved.fee),
        "settles": CAPITAL if moved.in_kind else CASH,
        "rate": None if rate is None else _text(rate),
    }


def carry(stated: Mapping[str, str], cause: str, key: Key, moved: Carry, rate: Fraction | None) -> dict[str, Any]:
    """One lot that goes on as another, at the cost that is stated."""
    return _event(CARRY, stated) | {
        "cause": cause,
        **key._asdict(),
        "qty": _text(moved.quantity),
        "to_symbol": moved.to.symbol,
        "to_qty": _text(moved.given),
        "to_price": _text(moved.price),
        "cash": _text(moved.cash),
        "rate": None if rate is None else _text(rate),
    }


def conversion(
    stated: Mapping[str, str], amounts: Mapping[str, Fraction], fee: Fraction, fee_currency: str, rate: Fraction | None
) -> dict[str, Any]:
    """Cash of one currency that becomes cash of another: currency → amount, negative of what was given."""
    return _event(CONVERSION, stated) | {
        "amounts": {currency: _text(amount) for currency, amount in amounts.items()},
        "fee": _text(fee),
        "fee_currency": fee_currency,
        "rate": None if rate is None else _text(rate),
    }


def income(
    stated: Mapping[str, str], cause: str, amount: Fraction, currency: str, rate: Fraction | None, words: str | None
) -> dict[str, Any]:
    """Cash that came (negative: went) without a fill and is neither brought nor taken by the user."""
    return _event(EARNING, stated) | {
        "cause": cause,
        "amount": _text(amount),
        "currency": currency,
        "rate": None if rate is None else _text(rate),
        "description": words,
    }


def confirmation(stated: Mapping[str, str], number: int) -> dict[str, Any]:
    """That the statement shows the fill of an entry, with the same content."""
    return _event(CONFIRMATION, stated) | {"confirms": number}


def postings(entry: Mapping[str, Any]) -> list[LedgerLeg]:
    """The legs of an entry of these kinds."""
    kind = entry["event_type"]
    if kind == BOOKING:
        return _of_booking(entry)
    if kind == CARRY:
        return _of_carry(entry)
    legs: list[LedgerLeg] = []
    if kind == CONVERSION:
        for currency, text in entry["amounts"].items():
            legs += _paid(TRADING, currency, Fraction(text))
        return legs + _paid(FEES, entry["fee_currency"], -Fraction(entry["fee"]))
    if kind == EARNING:
        return _paid(f"{INCOME}:{entry['cause']}", entry["currency"], Fraction(entry["amount"]))
    return legs


def apply(book: Book, entry: Mapping[str, Any], at: datetime, day: date) -> Booked | None:
    """Do to the book what an entry of these kinds states."""
    kind, number = entry["event_type"], entry["entry_no"]
    if kind == CONFIRMATION:
        return None
    rate = None if entry["rate"] is None else Fraction(entry["rate"])
    if kind == BOOKING:
        return book.booking(_key(entry), number, _booking(entry, at), rate, day)
    if kind == CARRY:
        key = _key(entry)
        quantity, given, price, cash = (Fraction(entry[name]) for name in ("qty", "to_qty", "to_price", "cash"))
        to = key._replace(symbol=entry["to_symbol"])
        return book.carry(key, number, Carry(quantity, to, given, price, cash, at), rate)
    if kind == CONVERSION:
        amounts = {currency: Fraction(text) for currency, text in entry["amounts"].items()}
        book.convert(amounts, Fraction(entry["fee"]), entry["fee_currency"], rate)
    else:
        book.income(Fraction(entry["amount"]), entry["currency"], rate)
    return None


def _of_booking(entry: Mapping[str, Any]) -> list[LedgerLeg]:
    key = _key(entry)
    base, _, currency = key.symbol.partition("/")
    quantity, proceeds = Fraction(entry["qty"]), Fraction(entry["proceeds"])
    legs = [LedgerLeg(held_by(key), base, quantity), LedgerLeg(TRADING, base, -quantity)]
    if proceeds:
        payer = CASH if entry["settles"] == CASH else CAPITAL
        legs += [LedgerLeg(payer, currency, proceeds), LedgerLeg(TRADING, currency, -proceeds)]
    return legs + _paid(FEES, currency, -Fraction(entry["fee"]))


def _of_carry(entry: Mapping[str, Any]) -> list[LedgerLeg]:
    key = _key(entry)
    to = key._replace(symbol=entry["to_symbol"])
    base, _, currency = key.symbol.partition("/")
    quantity, given = Fraction(entry["qty"]), Fraction(entry["to_qty"])
    new = to.symbol.partition("/")[0]
    legs = [LedgerLeg(held_by(key), base, -quantity), LedgerLeg(TRADING, base, quantity)]
    legs += [LedgerLeg(held_by(to), new, given), LedgerLeg(TRADING, new, -given)]
    return legs + _paid(TRADING, currency, Fraction(entry["cash"]))


def _paid(account: str, currency: str, amount: Fraction) -> list[LedgerLeg]:
    """Cash that comes out of an account, where it is not 0."""
    return [LedgerLeg(CASH, currency, amount), LedgerLeg(account, currency, -amount)] if amount else []


def _booking(entry: Mapping[str, Any], at: datetime) -> Booking:
    quantity, price, proceeds, fee = (Fraction(entry[name]) for name in ("qty", "price", "proceeds", "fee"))
    return Booking(quantity, price, proceeds, fee, entry["settles"] == CAPITAL, at)


def _key(entry: Mapping[str, Any]) -> Key:
    return Key(entry["bot_id"], entry["exchange"], entry["symbol"])


def _event(kind: str, stated: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "event", "event_type": kind, **stated}


def _text(number: Fraction) -> str:
    return written(number, STORED)

"""The kinds of entries: what each states, as the API shows it, and what each does to a book.

An entry states all that its effect needs, the rates of its moment among it, so that a replay of the entries alone gives
balances, positions, lots and figures. Only what depends on the prices between entries (drawdown, best and worst of a
round trip) needs the quotes too. Amounts are texts; moments are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import statements
from fntx_dagster.ledger.book import Book, Booked, EntryRates
from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import STORED, exact, written
from fntx_dagster.ledger.positions import Key
from fntx_dagster.ledger.postings import LedgerLeg, of_fill, of_funding, of_shares, reversed_
from fntx_dagster.model.orders import OrderFill

DEPOSIT, WITHDRAWAL, ALLOCATION = FUNDING = ("deposit", "withdrawal", "allocation")
REJECTED, ERROR, TRIP, RESET, REVERSAL = "order_rejected", "error", "breaker_trip", "breaker_reset", "reversal"
FOREIGN_FILL, FILL_CONFLICT, LATE_FILL, ORDER_LOST = "foreign_fill", "fill_conflict", "late_fill", "order_lost"
SIGNAL_RULE, SIGNAL_SHARES = "signal_rule", "signal_shares"
"""By which rule a signal's fills are shared among whom, stated before its order leaves; what the shares are then."""
FILL_UNUSABLE, ORDER_OVERFILLED = "fill_unusable", "order_overfilled"
"""What an exchange reported that moves no money by itself: a fill of no order of ours, a fill that says something else
than before, a fill of an order that had failed, an order that never came to its exchange."""


class Moments(NamedTuple):
    """When an entry takes effect, and when it was recorded: the server's clock."""

    at: datetime
    recorded_at: datetime

    @property
    def stated(self) -> dict[str, str]:
        return {"timestamp": moment(self.at), "recorded_at": moment(self.recorded_at)}


def funding(
    kind: str,
    event_id: str,
    amount: Decimal,
    currency: str,
    rate: Fraction,
    bot_id: str | None,
    description: str | None,
    is_paper: bool,
    when: Moments,
) -> dict[str, Any]:
    """A deposit, a withdrawal, or an allocation of the book's money to a bot, at the rate of the currency then."""
    return {
        "type": "event",
        "event_type": kind,
        **when.stated,
        "event_id": event_id,
        "amount": written(amount),
        "currency": currency,
        "rate": written(rate, STORED),
        "bot_id": bot_id,
        "description": description,
        "is_paper": is_paper,
    }


def fill(
    fill_id: str,
    order_id: str | None,
    key: Key,
    execution: OrderFill,
    rates: EntryRates,
    realized: Fraction,
    is_paper: bool,
    recorded_at: datetime,
) -> dict[str, Any]:
    """A fill, with its gross P&L in the quote currency and the rates that it was booked at (None: unknown)."""
    return {
        "type": "fill",
        "event_type": "fill",
        **Moments(execution.at, recorded_at).stated,
        "fill_id": fill_id,
        "order_id": order_id,
        "bot_id": key.bot_id,
        "exchange": key.exchange,
        "symbol": key.symbol,
        "side": execution.side,
        "qty": written(execution.quantity, STORED),
        "price": written(execution.price, STORED),
        "fee": written(execution.fee, STORED),
        "fee_currency": execution.fee_currency,
        "liquidity": execution.liquidity,
        "exchange_trade_id": execution.trade_id,
        "rate": _optional(rates.price),
        "fee_rate": _optional(rates.fee),
        "realized_pnl": written(realized, STORED),
        "is_paper": is_paper,
    }


def event(kind: str, when: Moments, is_paper: bool, **own: object) -> dict[str, Any]:
    """An entry that moves no money: a refusal, an error, a trip or a reset of the breaker, with fields of its own."""
    return {"type": "event", "event_type": kind, **when.stated, **own, "is_paper": is_paper}


def reversal(number: int, reason: str, by: str, is_paper: bool, when: Moments) -> dict[str, Any]:
    """The entry that takes another one back: who did it, and why."""
    return event(REVERSAL, when, is_paper, reverses=number, reason=reason, reversed_by=by)


def postings(entry: Mapping[str, Any], reversed_entry: Mapping[str, Any] | None = None) -> list[LedgerLeg]:
    """The legs of an entry; none of one that moves no money. A reversal needs the entry that it takes back."""
    if entry["type"] == "fill":
        return of_fill(key_of(entry), execution_of(entry))
    if entry["event_type"] in FUNDING:
        return of_funding(entry["event_type"], exact(entry["amount"]), entry["currency"], entry["bot_id"])
    if entry["event_type"] in statements.KINDS:
        return statements.postings(entry)
    if entry["event_type"] == SIGNAL_SHARES:
        return of_shares(entry["symbol"], Fraction(entry["shared_qty"]), Fraction(entry["shared_money"]))
    if entry["event_type"] == REVERSAL and reversed_entry is not None:
        return reversed_(postings(reversed_entry))
    return []


def key_of(entry: Mapping[str, Any]) -> Key:
    """The position that a fill's entry moves."""
    return Key(entry["bot_id"], entry["exchange"], entry["symbol"])


def execution_of(entry: Mapping[str, Any]) -> OrderFill:
    """The fill that an entry states."""
    return OrderFill(
        entry["exchange_trade_id"],
        entry["side"],
        Decimal(entry["qty"]),
        Decimal(entry["price"]),
        Decimal(entry["fee"]),
        entry["fee_currency"],
        entry["liquidity"],
        at_of(entry),
    )


def at_of(entry: Mapping[str, Any]) -> datetime:
    """When an entry took effect."""
    return datetime.fromisoformat(entry["timestamp"])


def counted_at(entry: Mapping[str, Any]) -> datetime:
    """The moment whose trading day an entry counts to: of a live fill when it was booked, else when it took effect."""
    return datetime.fromisoformat(entry.get("booked_at") or entry["timestamp"])


def apply(book: Book, entry: Mapping[str, Any], day: date) -> Booked | None:
    """Do to the book what an entry states; `day`: its trading day. What a fill did is returned.

    The caller values the book (`Book.observe`) afterwards, at the quotes that it knows.
    """
    kind = entry["event_type"]
    if kind in statements.KINDS:
        return statements.apply(book, entry, at_of(entry), day)
    if entry["type"] == "fill":
        rates = EntryRates(*(None if entry[name] is None else exact(entry[name]) for name in ("rate", "fee_rate")))
        return book.fill(key_of(entry), entry["entry_no"], execution_of(entry), rates)
    if kind == ALLOCATION:
        book.allocate(exact(entry["amount"]), exact(entry["rate"]), entry["bot_id"], day)
    elif kind in FUNDING:
        amount = exact(entry["amount"]) * (1 if kind == DEPOSIT else -1)
        book.flow(amount, entry["currency"], exact(entry["rate"]), entry["bot_id"], day)
    elif kind == ERROR:
        book.errors[entry["bot_id"]].append(at_of(entry))
    elif kind == RESET:
        book.reset(entry["bot_id"] or "")
    return None


def replayed(currency: str, entries: Iterable[Mapping[str, Any]], day_of: Callable[[datetime], date]) -> Book:
    """The book that these entries make, from the first on, in their order; no quote is known to it."""
    book = Book(currency)
    for entry in entries:
        apply(book, entry, day_of(counted_at(entry)))
    return book


def _optional(rate: Fraction | None) -> str | None:
    return None if rate is None else written(rate, STORED)

"""The days of a book: which entries are a day's, what is held at its ends, and the head that leads to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.ledger.days import DayOfBook, day_of, days_of, ends_at
from fntx_dagster.ledger.entries import START, Entry, Head, chained
from fntx_dagster.ledger.kinds import Moments
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill

FRIDAY = date(2026, 3, 6)
BTC = Key("bot:1", "binance", "BTC/USDT")
ONE = EntryRates(Fraction(1), Fraction(1))
LATER = datetime(2026, 4, 1, tzinfo=UTC)


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def deposit(amount: str, when: datetime, kind: str = "deposit") -> dict[str, Any]:
    moments = Moments(when, LATER)
    return kinds.funding(kind, "event", Decimal(amount), "USDT", Fraction(1), None, None, True, moments)


def trade(quantity: str, price: str, when: datetime, fee: str = "0", fee_currency: str = "USDT") -> dict[str, Any]:
    """A negative quantity is a sale."""
    amount = Decimal(quantity)
    side = "buy" if amount > 0 else "sell"
    execution = OrderFill("trade", side, abs(amount), Decimal(price), Decimal(fee), fee_currency, "taker", when)
    return kinds.fill("fill", None, BTC, execution, ONE, Fraction(0), True, LATER)


def book(*bodies: dict[str, Any]) -> list[Entry]:
    return list(chained(START, bodies))


def days(entries: list[Entry], first: int, last: int) -> list[DayOfBook]:
    numbered = {entry["entry_no"]: entry for entry in entries}
    return list(days_of(entries, date(2026, 3, first), date(2026, 3, last), numbered.__getitem__))


def test_a_day_has_what_took_effect_in_it_and_what_was_held_at_its_two_ends() -> None:
    entries = book(deposit("1000", at(6)), trade("2", "100", at(7), "0.2"), trade("-0.5", "110", at(8), "0.001", "BTC"))
    friday, saturday, sunday = days(entries, 6, 8)
    assert (friday.opening.cash, friday.closing.cash) == ({}, {"USDT": 1000})
    assert (saturday.opening, saturday.closing.cash) == (friday.closing, {"USDT": Fraction("799.8")})
    assert saturday.closing.positions == {BTC: 2}
    assert (sunday.closing.cash, sunday.closing.positions) == ({"USDT": Fraction("854.8")}, {BTC: Fraction("1.499")})
    assert sunday.held_since == {BTC: at(7)}
    assert [[entry["entry_no"] for entry in day.entries] for day in (friday, saturday, sunday)] == [[1], [2], [3]]


def test_midnight_ends_a_day_and_a_microsecond_later_is_the_next() -> None:
    midnight = ends_at(FRIDAY)
    assert midnight == datetime(2026, 3, 7, tzinfo=UTC)
    assert day_of(midnight) == FRIDAY
    assert day_of(midnight + datetime.resolution) == FRIDAY + timedelta(days=1)
    assert day_of(midnight.astimezone(None) + timedelta(hours=24)) == FRIDAY + timedelta(days=1)


def test_a_day_without_entries_keeps_what_is_held_and_the_head_of_the_day_before() -> None:
    entries = book(deposit("1000", at(6)))
    _, saturday = days(entries, 6, 7)
    assert (saturday.entries, saturday.closing.cash) == ((), {"USDT": 1000})
    assert saturday.head == Head(1, entries[0]["hash"])
    assert days(entries, 4, 5)[1].head == START


def test_an_entry_that_came_late_is_of_its_own_day_and_moves_the_heads_from_then_on() -> None:
    before = book(deposit("1000", at(6)), deposit("5", at(8)))
    after = book(deposit("1000", at(6)), deposit("5", at(8)), deposit("7", at(7), "withdrawal"))
    assert [day.head.entry_no for day in days(before, 6, 8)] == [1, 1, 2]
    late = days(after, 6, 8)
    assert [day.head.entry_no for day in late] == [1, 3, 3]
    assert [day.closing.cash["USDT"] for day in late] == [1000, 993, 998]


def test_what_is_taken_back_is_taken_back_on_the_day_of_the_reversal() -> None:
    taken_back = kinds.event(kinds.REVERSAL, Moments(at(7), LATER), True, reverses=2, reason="never happened")
    entries = book(deposit("1000", at(6)), trade("1", "100", at(6), "0.1"), taken_back)
    friday, saturday = days(entries, 6, 7)
    assert (friday.closing.cash["USDT"], friday.closing.positions) == (Fraction("899.9"), {BTC: 1})
    assert (saturday.closing.cash["USDT"], saturday.closing.positions) == (1000, {})


def test_a_position_that_ended_and_began_anew_is_held_since_it_began_anew() -> None:
    entries = book(trade("1", "100", at(6)), trade("-1", "100", at(7)), trade("1", "100", at(7, 15)))
    assert [day.held_since.get(BTC) for day in days(entries, 6, 7)] == [at(6), at(7, 15)]


@given(
    st.lists(
        st.tuples(st.integers(1, 240), st.integers(-5, 5).filter(bool), st.integers(1, 500), st.integers(0, 3)),
        max_size=12,
    )
)
def test_at_each_days_end_is_held_what_a_replay_of_the_entries_until_then_holds(moves: list[tuple[int, ...]]) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    bodies = [deposit("10000", start + timedelta(minutes=1))]
    bodies += [
        trade(f"{quantity}", f"{price}", start + timedelta(hours=hour), f"0.00{fee}", "BTC" if fee == 2 else "USDT")
        for hour, quantity, price, fee in moves
    ]
    entries = book(*bodies)
    for day in days(entries, 2, 12):
        until = [entry for entry in entries if kinds.at_of(entry) <= ends_at(day.day)]
        until.sort(key=lambda entry: (kinds.at_of(entry), entry["entry_no"]))
        replayed = kinds.replayed("USDT", until, day_of)
        assert day.closing.cash == {name: amount for name, amount in replayed.balances.items() if amount}
        held = {key: position.quantity for key, position in replayed.positions.items() if position.quantity}
        assert day.closing.positions == held

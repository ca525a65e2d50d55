"""What statements book without fills: balanced, and exact in lots and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from fntx_dagster.ledger import statements
from fntx_dagster.ledger.book import USER, Book, Booking, Carry, EntryRates
from fntx_dagster.ledger.corrections import corrections
from fntx_dagster.ledger.kinds import Moments, apply, event, fill, funding, postings, replayed, reversal
from fntx_dagster.ledger.positions import Key
from fntx_dagster.ledger.postings import unbalanced
from fntx_dagster.ledger.replay import differences, replay
from fntx_dagster.model.orders import OrderFill
from tests.ledger.examples import NOW, TODAY

WHEN = Moments(NOW, NOW)
SPY, NEW = Key("statement", "ibkr", "SPY/USD"), Key("statement", "ibkr", "NEW/USD")
ONE = Fraction(1)


def bought(quantity: str, price: str, key: Key = SPY, trade: str = "t") -> dict[str, Any]:
    amount = Decimal(quantity)
    done = OrderFill(
        trade, "buy" if amount > 0 else "sell", abs(amount), Decimal(price), Decimal(1), "USD", "taker", NOW
    )
    return fill("id", None, key, done, EntryRates(ONE, ONE), Fraction(0), False, NOW)


def booked(quantity: str, price: str, proceeds: str, fee: str = "0", *, in_kind: bool = False) -> dict[str, Any]:
    moved = Booking(Fraction(quantity), Fraction(price), Fraction(proceeds), Fraction(fee), in_kind, NOW)
    return statements.booking(WHEN.stated, "assignment", SPY, moved, ONE)


def carried(quantity: str, given: str, price: str, cash: str = "0", to: Key = SPY) -> dict[str, Any]:
    moved = Carry(Fraction(quantity), to, Fraction(given), Fraction(price), Fraction(cash), NOW)
    return statements.carry(WHEN.stated, "split", SPY, moved, ONE)


def numbered(*bodies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**body, "entry_no": number} for number, body in enumerate(bodies, 1)]


def made(*bodies: dict[str, Any]) -> Book:
    return replayed("USD", numbered(*bodies), lambda _: TODAY)


def lots(book: Book, key: Key = SPY) -> list[tuple[Fraction, Fraction]]:
    return [(lot.quantity, lot.price) for lot in book.lots[key]]


CONVERTED = {"USD": Fraction(-100), "HKD": Fraction("781.2")}
EVERY_KIND = [
    booked("3", "10", "-30", "0.5"),
    booked("3", "10", "-30", in_kind=True),
    booked("-1", "0", "0"),
    carried("2", "4", "25", "0.01", NEW),
    statements.conversion(WHEN.stated, CONVERTED, Fraction(2), "USD", ONE),
    statements.income(WHEN.stated, "dividend", Fraction("12.5"), "USD", ONE, "SPY cash dividend"),
    statements.income(WHEN.stated, "tax", Fraction("-3.75"), "USD", ONE, None),
    statements.confirmation(WHEN.stated, 1),
]


@pytest.mark.parametrize("entry", EVERY_KIND, ids=lambda entry: entry["event_type"])
def test_the_postings_of_each_kind_balance_in_each_currency(entry: dict[str, Any]) -> None:
    assert unbalanced(postings(entry)) == {}


def test_the_cash_of_the_postings_is_the_balance_of_the_book() -> None:
    entries = numbered(bought("5", "20"), *EVERY_KIND)
    book = replayed("USD", entries, lambda _: TODAY)
    for currency in ("USD", "HKD"):
        legs = [leg for entry in entries for leg in postings(entry)]
        assert (
            sum(leg.amount for leg in legs if (leg.account, leg.currency) == ("cash", currency))
            == (book.balances[currency])
        )


def test_an_assignment_closes_lots_at_its_price_and_counts_as_no_fill() -> None:
    book = made(bought("-2", "150"), booked("2", "0", "0"))
    assert (book.figures[USER].realized, book.figures[USER].fills, lots(book)) == (300, 1, [])
    assert (book.figures[USER].wins, book.balances["USD"]) == (1, 299)


def test_a_transfer_in_kind_moves_no_cash_and_is_capital() -> None:
    book = made(booked("10", "20", "-200", in_kind=True), booked("-4", "25", "100", in_kind=True))
    assert (book.balances["USD"], book.funds[USER].capital) == (0, 100)
    assert (book.figures[USER].realized, lots(book)) == (20, [(6, 20)])


def test_a_split_carries_each_lot_at_its_cost_and_keeps_their_order() -> None:
    book = made(
        bought("10", "30", trade="a"),
        bought("20", "36", trade="b"),
        carried("10", "30", "10"),
        carried("20", "60", "12"),
    )
    assert lots(book) == [(30, 10), (60, 12)]
    assert (book.figures[USER].realized, book.figures[USER].ended) == (0, 0)
    assert book.positions[SPY].quantity == 90


def test_what_no_price_can_carry_is_realised() -> None:
    book = made(bought("1", "10"), carried("1", "3", "3.333333333333"))
    assert book.figures[USER].realized == Fraction("3.333333333333") * 3 - 10


def test_a_merger_carries_the_round_trip_to_the_other_symbol_with_the_cash_that_came() -> None:
    after = made(bought("10", "30"), carried("10", "5", "58", "10", NEW), bought("-5", "70", NEW, "c"))
    assert (lots(after), lots(after, NEW), after.figures[USER].realized) == ([], [], 60)
    assert (after.figures[USER].ended, after.figures[USER].gains) == (1, 58)


def test_a_carry_of_more_than_is_held_is_no_entry() -> None:
    with pytest.raises(ValueError, match="holds less"):
        made(bought("1", "10"), carried("2", "4", "5"))


def test_income_is_part_of_what_the_book_made_and_no_capital() -> None:
    book = made(*EVERY_KIND[5:7])
    assert (book.balances["USD"], book.figures[USER].income, book.funds) == (Fraction("8.75"), Fraction("8.75"), {})


def noted(results: dict[int, Fraction]) -> Callable[[Mapping[str, Any], Fraction], None]:
    """Keeps what each entry of a replay realises."""
    return lambda entry, realized: results.update({entry["entry_no"]: realized})


def test_an_entry_takes_the_place_of_the_one_that_was_reversed() -> None:
    right = made(bought("2", "90", trade="a"), bought("1", "110", trade="b"), bought("-2", "120", trade="c"))
    wrong = numbered(
        bought("2", "100", trade="a"),
        bought("1", "110", trade="b"),
        bought("-2", "120", trade="c"),
        reversal(1, "the price was wrong", "operator", False, WHEN),
        bought("2", "90", trade="a") | {"place": 1},
    )
    realized: dict[int, Fraction] = {}
    again = replay("USD", wrong, (), lambda _: TODAY, corrections(wrong), noted(realized))
    right_lots = {key: [lot._replace(entry_no=0) for lot in of_key] for key, of_key in right.lots.items()}
    assert {key: [lot._replace(entry_no=0) for lot in of_key] for key, of_key in again.book.lots.items()} == right_lots
    assert [*differences(again.book, right)] == []
    assert (realized[3], realized.keys()) == (60, {2, 3, 5})


def test_what_became_known_late_comes_before_what_followed_it_and_among_its_like_in_order() -> None:
    entries = numbered(
        bought("1", "30", trade="c"),
        bought("-1", "40", trade="d"),
        bought("1", "10", trade="a") | {"place": 1},
        bought("1", "20", trade="b") | {"place": 1},
        bought("1", "5", trade="0") | {"place": 3},
    )
    realized: dict[int, Fraction] = {}
    again = replay("USD", entries, (), lambda _: TODAY, corrections(entries), noted(realized))
    assert lots(again.book) == [(1, 10), (1, 20), (1, 30)]
    assert realized[2] == 35


def test_a_trip_of_the_breaker_stays_where_it_was() -> None:
    trip = event("breaker_trip", WHEN, False, bot_id=None)
    entries = numbered(
        funding("deposit", "e", Decimal(100), "USD", ONE, None, None, False, WHEN),
        trip,
        reversal(1, "never came", "operator", False, WHEN),
    )
    again = replay("USD", entries, (), lambda _: TODAY, corrections(entries))
    assert (again.tripped, again.book.balances["USD"]) == ({USER}, 0)
    assert apply(Book("USD"), entries[2], TODAY) is None

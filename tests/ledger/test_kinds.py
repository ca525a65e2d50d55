"""Entries state all that their effect needs: a replay of them gives the book."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.entries import START, chained
from fntx_dagster.ledger.exact import STORED, written
from fntx_dagster.ledger.postings import unbalanced
from fntx_dagster.model.orders import OrderFill

from .examples import BTC, NOW, TODAY, quote
from .test_postings import EXECUTIONS

WHEN = kinds.Moments(NOW, NOW)
FLOWS = st.tuples(st.sampled_from(kinds.FUNDING), st.decimals("1", "1000", places=2, allow_nan=False))


def entry_of(book: Book, number: int, what: Any) -> dict[str, Any]:
    """The next entry, done to the book as the orders' transaction does it."""
    if not isinstance(what, OrderFill):
        kind, amount = what
        body = kinds.funding(kind, f"{number}", amount, "USDT", Fraction(1), "bot", None, True, WHEN)
    else:
        rates = book.rates("USDT", what.fee_currency)
        body = kinds.fill(f"{number}", None, BTC, what, rates, Fraction(0), True, NOW)
        booked = kinds.apply(book, body | {"entry_no": number}, TODAY)
        assert booked is not None
        return body | {"realized_pnl": written(booked.realized, STORED)}
    kinds.apply(book, body | {"entry_no": number}, TODAY)
    return body


@given(st.lists(EXECUTIONS | FLOWS, max_size=25))
def test_a_replay_of_the_entries_gives_balances_positions_lots_and_figures(steps: list[Any]) -> None:
    book = Book("USDT")
    book.quote("binance", "BNB/USDT", quote("3", "3.1"))
    bodies = [entry_of(book, number, what) for number, what in enumerate(steps, 1)]
    entries = json.loads(json.dumps([*chained(START, bodies)]))
    again = kinds.replayed("USDT", entries, lambda at: at.date())
    assert (again.balances, again.positions, again.lots) == (book.balances, book.positions, book.lots)
    assert (again.figures, again.fees) == (book.figures, book.fees)
    assert [fund.capital for fund in again.funds.values()] == [fund.capital for fund in book.funds.values()]
    assert not any(unbalanced(kinds.postings(entry)) for entry in entries)


def test_errors_and_resets_are_replayed() -> None:
    bodies = [
        kinds.event(kinds.ERROR, kinds.Moments(NOW + timedelta(minutes=minute), NOW), True, bot_id="bot")
        for minute in range(3)
    ]
    book = kinds.replayed("USDT", chained(START, bodies), lambda at: at.date())
    assert len(book.errors["bot"]) == 3
    bodies.append(kinds.event(kinds.RESET, WHEN, True, bot_id="bot", reason="looked into and mended"))
    assert not kinds.replayed("USDT", chained(START, bodies), lambda at: at.date()).errors["bot"]


def test_a_rate_is_booked_as_it_is_stored() -> None:
    book = Book("USDT")
    book.quote("luno", "USDT/ZAR", quote("3"))
    rate = book.rates("ZAR", "ZAR").price
    assert rate is not None
    assert rate == Fraction("0." + "3" * STORED)
    body = kinds.funding("deposit", "1", Decimal(3), "ZAR", rate, None, None, True, WHEN)
    again = kinds.replayed("USDT", chained(START, [body]), lambda at: at.date())
    assert again.funds[USER].capital == 3 * rate


def test_a_reversal_balances_what_it_takes_back() -> None:
    body = kinds.funding("deposit", "1", Decimal(3), "USDT", Fraction(1), None, None, True, WHEN)
    reversal = kinds.event(kinds.REVERSAL, WHEN, True, reversed_entry_no=1)
    both = kinds.postings(body) + kinds.postings(reversal, body)
    assert sum((leg.amount for leg in both if leg.account == "cash"), Fraction(0)) == 0

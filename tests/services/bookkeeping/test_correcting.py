"""Corrections: a wrong entry and the right one in its place make the book that the right one alone would have made."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.entries import faults
from fntx_dagster.ledger.exact import written
from fntx_dagster.services.bookkeeping.correcting import Corrected, correct
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.asking import audit_trail, fills
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.portfolio import profits, summary
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books, checking

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHY = "the broker named the wrong price"


class Day:
    """Orders of one bot, each at the price that the test gives; `user` has a book of his own."""

    def __init__(self, database: Database, user: str) -> None:
        self.desk, self.user, self.now = Desk(database), user, NOW
        fund(self.desk, user, requests.funding(b'{"amount": "10000"}', None), NOW)

    def trade(self, side: str, amount: str, price: str) -> int:
        """The number of the fill's entry."""
        self.now += timedelta(seconds=20)
        quote = {"bid": price, "ask": price, "ts": self.now.isoformat()}
        body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": side, "amount": amount}
        order = requests.submission(json.dumps(body | {"expected_edge_bps": "500", "quote": quote}).encode(), None)
        assert json.loads(submit(self.desk, self.user, order, self.now).body)["state"] == "filled"
        return self.entries()[0]["entry_no"]

    def correct(self, number: int, **fields: str) -> Corrected:
        return correct(self.desk, self.user, True, number, fields, WHY, "operator")

    def entries(self) -> list[dict[str, Any]]:
        return audit_trail(self.desk, self.user, True, None, 100)["audit_trail"]

    def fills(self) -> list[dict[str, str]]:
        """As the API shows them, oldest first."""
        wanted: dict[str, Any] = dict.fromkeys(("bot_id", "since", "until", "cursor"))
        return fills(self.desk, self.user, True, **wanted, limit=100)["fills"][::-1]

    def state(self) -> tuple[Any, ...]:
        """What the summary, the day and the lots say, whatever the numbers of the entries are."""
        return summary(self.desk, self.user, True, self.now), self.series(), self.lots()

    def series(self) -> list[dict[str, Any]]:
        return profits(self.desk, self.user, True, "daily", 30, self.now)["series"]

    def lots(self) -> list[tuple[str, str]]:
        """Quantity and price of the open lots, oldest first."""
        book_id = books.book_of(self.desk.db, self.user, True)
        assert book_id is not None
        with self.desk.db.connect() as connection:
            found = checking.lots(connection, book_id)
        return [(written(lot.quantity), written(lot.price)) for lots in found.values() for lot in lots]

    def holds(self) -> None:
        assert [book.faults for book in verify(self.desk, self.user)] == [()]


@pytest.fixture
def day(database: Database) -> Day:
    return Day(database, "ada")


def test_a_corrected_price_reaches_the_lots_and_the_results_of_what_was_sold_since(day: Day) -> None:
    first = day.trade("buy", "2", "100")
    day.trade("buy", "1", "110")
    day.trade("sell", "1", "120")
    assert day.correct(first, price="90") == Corrected(5, 6)
    assert day.lots() == [("1", "90"), ("1", "110")]
    assert [(fill["price"], fill["realized_pnl"]) for fill in day.fills()] == [("110", "0"), ("120", "30"), ("90", "0")]
    shown, series, _ = day.state()
    assert (shown["realized_pnl"], shown["total_fills"], shown["total_volume"]) == ("30", 3, "410")
    assert (series[-1]["realized_pnl"], series[-1]["volume"], series[-1]["trades"]) == ("30", "410", 3)
    day.holds()


def test_the_wrong_entry_and_its_reversal_stay_in_the_audit_trail_with_the_reason(day: Day) -> None:
    number = day.trade("buy", "2", "100")
    day.correct(number, qty="1", fee="0.05")
    new, reversal, old = day.entries()[:3]
    assert (old["entry_no"], old["qty"]) == (2, "2")
    assert (reversal["event_type"], reversal["reverses"], reversal["reason"]) == ("reversal", 2, WHY)
    assert (new["place"], new["qty"], new["fee"], new["order_id"]) == (2, "1", "0.05", old["order_id"])
    assert new["exchange_trade_id"] == old["exchange_trade_id"]
    assert not [*faults(reversed(day.entries()))]


def test_corrections_there_and_back_leave_the_book_as_it_was(day: Day) -> None:
    numbers = [day.trade(*trade) for trade in (("buy", "2", "100"), ("sell", "3", "101.5"), ("buy", "2", "99"))]
    before = day.state()
    there = day.correct(numbers[0], qty="0.5", price="93.1")
    assert day.state() != before
    assert there.entry_no is not None
    day.correct(there.entry_no, qty="2", price="100")
    assert day.state() == before
    day.holds()


def test_a_fill_that_never_was_is_taken_back_and_posted_again(day: Day) -> None:
    day.trade("buy", "1", "100")
    before = day.state()
    wrong = day.trade("buy", "1", "100")
    with_it = day.state()
    assert correct(day.desk, "ada", True, wrong, None, WHY, "operator") == Corrected(4, None)
    assert day.lots() == before[2]
    assert len(day.fills()) == 1
    with pytest.raises(Permanent, match="was taken back already"):
        correct(day.desk, "ada", True, wrong, None, WHY, "operator")
    assert day.correct(wrong) == Corrected(None, 5)
    assert day.state() == with_it
    day.holds()


def test_a_deposit_is_corrected_with_the_units_that_it_bought(day: Day) -> None:
    day.trade("buy", "10", "100")
    day.correct(1, amount="20000")
    shown, _, _ = day.state()
    assert shown["starting_capital"] == "20000"
    assert Decimal(shown["equity"]) == Decimal(20000) - Decimal(shown["fees_total"])
    day.holds()


def test_orders_go_on_after_a_correction_in_the_order_that_it_made(day: Day) -> None:
    first = day.trade("buy", "2", "100")
    day.trade("buy", "1", "110")
    day.correct(first, price="90")
    day.trade("sell", "1.5", "120")
    assert day.fills()[-1]["realized_pnl"] == "45"
    assert day.lots() == [("0.5", "90"), ("1", "110")]
    day.holds()


@pytest.mark.parametrize(
    ("number", "fields", "why", "words"),
    [
        (2, {"price": "90"}, "too short", "less than 10 characters"),
        (9, {"price": "90"}, WHY, "there is no entry 9"),
        (2, {"amount": "90"}, WHY, "an entry of fill has no amount"),
        (2, {"price": "1e3"}, WHY, "price is '1e3'"),
        (2, {"qty": "0"}, WHY, "must be above 0|qty is '0'"),
        (2, {"side": "hold"}, WHY, "side is 'hold'"),
        (2, {"bot_id": ""}, WHY, "bot_id is ''"),
        (2, {"fee_currency": "usdt"}, WHY, "fee_currency is 'usdt'"),
        (1, {"currency": "US DT"}, WHY, "currency is 'US DT'"),
        (4, None, WHY, "moves nothing"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_changes_nothing(
    day: Day, number: int, fields: dict[str, str] | None, why: str, words: str
) -> None:
    day.trade("buy", "2", "100")
    correct(day.desk, "ada", True, day.trade("buy", "1", "100"), None, WHY, "operator")
    before = day.entries()
    with pytest.raises(Permanent, match=words):
        correct(day.desk, "ada", True, number, fields, why, "operator")
    assert day.entries() == before


@pytest.mark.parametrize("seed", [1, 2])
def test_random_corrections_leave_a_ledger_that_holds(day: Day, seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(12):
        day.trade(chosen.choice(["buy", "sell"]), f"{chosen.randint(1, 30) / 10}", f"{chosen.randint(95, 105)}")
        standing = [fill for fill in day.entries() if fill["type"] == "fill"]
        of_ids = {fill["fill_id"] for fill in day.fills()}
        wrong = chosen.choice([fill["entry_no"] for fill in standing if fill["fill_id"] in of_ids])
        if chosen.random() < 0.5:
            day.correct(wrong, qty=f"{chosen.randint(1, 40) / 10}", side=chosen.choice(["buy", "sell"]))
    day.holds()
    assert any(lot for lot in day.lots())

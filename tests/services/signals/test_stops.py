"""Stops and targets: reached by the price of the side that fills, at that price, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals import exiting, stops
from fntx_dagster.services.signals.overview import count_rows, list_executions, list_log
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.services.signals.stops import Stops
from fntx_dagster.signals.stops import Levels, reached
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices
from tests.services.signals.signalled import Clock, entry_of, exit_of

MARKET = "NIFTY26MAR23501CE/USDT"


class Watched:
    """A desk, a stop's watcher, and the price feed of its exchange."""

    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.desk = Desk(database, clock=self.clock)
        self.stops = Stops(self.desk)

    def enter(self, unique_id: str, **more: Any) -> None:
        assert not enter_signal(self.desk, "test", entry_of(unique_id, **more), self.clock.now).replayed

    def price(self, bid: str, ask: str, later: float = 1) -> None:
        """A price of the feed, some seconds later, and a look."""
        self.clock.now += timedelta(seconds=later)
        quote = Quote(Decimal(bid), Decimal(ask), None, None, self.clock.now)
        prices.keep(self.desk.db, "rest", "NFO", MARKET, quote, self.clock.now)
        self.stops.look()

    @property
    def ended(self) -> dict[str, tuple[str | None, Decimal]]:
        """Unique id → the reason and the P&L of those that are closed."""
        rows = list_executions(self.desk.db, "S", 100)
        return {row.unique_id: (row.exit_reason, row.total_pnl) for row in rows if row.status == "CLOSED"}


@pytest.fixture
def watched(database: Database) -> Watched:
    return Watched(database)


def test_a_level_is_reached_from_its_side_and_exactly_at_it() -> None:
    long, short = (
        Levels(Decimal(stop), Decimal(target), is_short)
        for stop, target, is_short in ((90, 110, False), (110, 90, True))
    )
    found = {
        price: (reached(long, Decimal(price)), reached(short, Decimal(price))) for price in (89, 90, 91, 109, 110, 111)
    }
    assert found == {
        89: ("STOPLOSS", "TARGET"),
        90: ("STOPLOSS", "TARGET"),
        91: (None, None),
        109: (None, None),
        110: ("TARGET", "STOPLOSS"),
        111: ("TARGET", "STOPLOSS"),
    }
    assert reached(Levels(None, None, False), Decimal(1)) is None


def test_the_feeds_price_closes_at_itself_by_the_side_that_fills(watched: Watched) -> None:
    watched.enter("long", ask="100", stop_loss="95", target="105")
    watched.enter("short", bid="100", signal="SELL_ENTRY", stop_loss="104.5", target="90")
    watched.enter("free", ask="100")
    assert watched.stops.symbols() == [("NFO", MARKET)]
    watched.price("95.01", "104.49")
    assert watched.ended == {}
    watched.price("94.5", "104")
    assert watched.ended == {"long": ("STOPLOSS", Decimal("-16.5"))}
    watched.price("104.4", "104.6")
    assert watched.ended["short"] == ("STOPLOSS", Decimal("-13.8"))
    watched.price("1", "200")
    assert watched.ended.keys() == {"long", "short"}
    assert watched.stops.symbols() == []
    fired = [row for row in list_log(watched.desk.db, "S", 100) if row.source == "feed"]
    assert [(row.unique_id, row.outcome) for row in fired] == [("short", "processed"), ("long", "processed")]


def test_an_old_price_and_one_from_before_the_entry_close_nothing(watched: Watched) -> None:
    watched.price("80", "81")
    watched.enter("long", ask="100", stop_loss="95")
    watched.stops.look()
    watched.price("94", "95", later=1)
    assert watched.ended.keys() == {"long"}
    watched.enter("late", ask="100", stop_loss="95")
    watched.clock.now += timedelta(seconds=1)
    quote = Quote(Decimal(90), Decimal(91), None, None, watched.clock.now)
    prices.keep(watched.desk.db, "rest", "NFO", MARKET, quote, watched.clock.now)
    watched.clock.now += timedelta(hours=1)
    watched.stops.look()
    assert watched.ended.keys() == {"long"}


def test_many_watchers_and_the_providers_own_exit_close_once(watched: Watched) -> None:
    watched.enter("long", ask="100", target="110")
    watched.clock.now += timedelta(seconds=1)
    quote = Quote(Decimal(111), Decimal(112), None, None, watched.clock.now)
    prices.keep(watched.desk.db, "rest", "NFO", MARKET, quote, watched.clock.now)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(6):
            pool.submit(Stops(watched.desk).look)
    assert watched.ended == {"long": ("TARGET", Decimal(33))}
    rows = list_log(watched.desk.db, "S", 100)
    assert [row.outcome for row in rows if row.source == "feed"].count("processed") == 1
    assert count_rows(watched.desk.db, "S").trades == 1


def test_what_its_provider_has_closed_is_not_closed_again(watched: Watched) -> None:
    watched.enter("long", ask="100", target="110")
    leave_signal(watched.desk, "test", exit_of("long", bid="101"), watched.clock.now)
    watched.price("111", "112")
    assert watched.ended == {"long": ("SIGNAL", Decimal(3))}


def test_a_kill_before_the_exit_is_stored_leaves_it_to_the_next_look(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.enter("long", ask="100", target="110")
    with monkeypatch.context() as patch:

        def killed(*_arguments: object) -> None:
            raise Transient("the database went away")

        patch.setattr(exiting, "_trade", killed)
        with pytest.raises(Transient, match="execution"):
            watched.price("111", "112")
    assert (watched.ended, count_rows(watched.desk.db, "S").trades) == ({}, 0)
    watched.stops.look()
    assert watched.ended == {"long": ("TARGET", Decimal(33))}


def test_the_quote_of_another_signal_counts_for_the_strategy_and_the_instrument_alone(watched: Watched) -> None:
    watched.enter("long", bid="94", ask="100", stop_loss="95", target="120")
    watched.enter("other token", token="2", bid="90", ask="100")
    watched.enter("asks only", ask="90")
    assert watched.ended == {}
    leave_signal(watched.desk, "test", exit_of("asks only", bid="94.5"), watched.clock.now)
    assert watched.ended["long"] == ("STOPLOSS", Decimal("-16.5"))
    assert [row.source for row in list_log(watched.desk.db, "S", 1)] == [stops.QUOTE]

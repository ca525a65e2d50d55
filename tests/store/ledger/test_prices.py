"""Prices as they are kept: the newest of each symbol, and the last of each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices

MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)


def keep(db: Database, seconds: float, bid: str, symbol: str = "BTC/USDT") -> bool:
    """A price so many seconds after midnight."""
    at = MIDNIGHT + timedelta(seconds=seconds)
    return prices.keep(db, "rest", "binance", symbol, Quote(Decimal(bid), Decimal(bid) + 1, None, None, at), at)


def test_the_newest_price_of_a_symbol_is_known_and_an_older_one_changes_nothing(database: Database) -> None:
    assert keep(database, 1, "100.000000000000000001")
    assert keep(database, 0, "20", "ETH/USDT")
    assert not keep(database, 0.5, "99")
    known = prices.newest(database, [("binance", "BTC/USDT"), ("kraken", "BTC/USDT")])
    assert {symbol: price.quote.bid for symbol, price in known.items()} == {
        ("binance", "BTC/USDT"): Decimal("100.000000000000000001")
    }
    assert prices.newest(database).keys() == {("binance", "BTC/USDT"), ("binance", "ETH/USDT")}
    assert prices.newest(database, []) == {}


def test_the_last_price_of_each_minute_stays_known_for_the_ends_of_days(database: Database) -> None:
    for seconds, bid in ((-90, "1"), (-61, "2"), (-50, "3"), (-0.001, "4"), (0, "5"), (30, "6"), (70, "7")):
        assert keep(database, seconds, bid)
    ends = {
        seconds: prices.last_before(database, "binance", "BTC/USDT", MIDNIGHT + timedelta(seconds=seconds))
        for seconds in (-3600, -60, 0, 60, 3600)
    }
    bids = {seconds: quote and f"{quote.bid}" for seconds, quote in ends.items()}
    assert bids == {-3600: None, -60: "2", 0: "4", 60: "6", 3600: "7"}

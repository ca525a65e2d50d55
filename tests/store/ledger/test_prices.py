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


def test_the_last_price_of_each_minute_that_is_over_is_kept(database: Database) -> None:
    for seconds, bid in ((-90, "1"), (-61, "2"), (-50, "3"), (-0.001, "4"), (0, "5"), (30, "6"), (70, "7")):
        assert keep(database, seconds, bid)
    with database.connect() as connection:
        rows = connection.execute("select minute, bid from ledger.price_history order by minute").fetchall()
    kept = [(int((minute - MIDNIGHT).total_seconds()), f"{bid}") for minute, bid in rows]
    assert kept == [(-120, "2"), (-60, "4"), (0, "6")]

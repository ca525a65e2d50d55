"""The price feed: which symbols it asks for, what it keeps, and what its prices do to live books."""

from __future__ import annotations

import threading

import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import entity, status
from fntx_dagster.services.orders.health import prices_needed
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.prices import Feed
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices
from tests.services.orders.live_books import Market, asked, bought, deposit, live_desk

ADA = Caller("ada", "trader")
BTC = ("binance", "BTC/USDT")


class Fed:
    """A desk, its exchanges, and a feed between them."""

    def __init__(self, database: Database) -> None:
        self.desk, self.clock = live_desk(database)
        self.markets = {name: Market(self.clock) for name in ("binance", "luno")}
        self.told: dict[str, str | None] = {}
        self.feed = self.new_feed()

    def new_feed(self) -> Feed:
        return Feed(self.desk, self.opened, self.told.__setitem__)

    def opened(self, exchange: str) -> Market:
        if exchange not in self.markets:
            raise Permanent(f"no exchange is called {exchange!r}")
        return self.markets[exchange]

    def poll(self, seconds: float = 2, **mids: str) -> None:
        """A round, so many seconds later, with other prices at binance."""
        self.clock.later(seconds)
        self.markets["binance"].mids |= {f"{base}/USDT": price for base, price in mids.items()}
        self.feed._rests_until.clear()  # the test's clock goes on, and the computer's does not
        self.feed.poll(60)

    @property
    def price(self) -> str | None:
        found = prices.newest(self.desk.db, [BTC])
        return f"{found[BTC].quote.bid}" if found else None

    @property
    def summary(self) -> dict[str, object]:
        return summary(self.desk, "ada", False, self.clock.now)

    @property
    def tripped(self) -> object:
        return status(self.desk, ADA, entity(ADA, None, None), False, self.clock.now)["trigger_type"]


@pytest.fixture
def fed(database: Database) -> Fed:
    return Fed(database)


def test_what_an_order_asked_for_is_polled_for_a_day_and_what_is_held_for_as_long_as_it_is(fed: Fed) -> None:
    deposit(fed.desk)
    fed.poll()
    assert fed.markets["binance"].asked == []
    asked(fed.desk, "ETH/USDT")
    bought(fed.desk, "1", "100")
    fed.poll(BTC="100", ETH="20")
    assert sorted(fed.markets["binance"].asked) == ["BTC/USDT", "ETH/USDT"]
    fed.markets["binance"].asked.clear()
    fed.poll(86_401)
    assert fed.markets["binance"].asked == ["BTC/USDT"]
    bought(fed.desk, "-1", "100")
    fed.markets["binance"].asked.clear()
    fed.poll(86_401)
    assert fed.markets["binance"].asked == []


def test_each_new_price_values_the_book_and_its_replay_equals_the_tables(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "2", "100")
    for price in ("101", "101", "105", "98"):
        fed.poll(BTC=price)
    assert (fed.price, fed.summary["equity"], fed.summary["unrealized_pnl"]) == ("98", "996", "-4")
    assert fed.summary["drawdown_max"] == fed.summary["drawdown_current"] != "0"
    with fed.desk.db.connect() as connection:
        taken = connection.execute("select bid::text from ledger.quote_history order by quote_no").fetchall()
    assert taken == [("101",), ("105",), ("98",)]
    assert [book.faults for book in verify(fed.desk)] == [()]


def test_a_price_that_stays_the_same_is_given_again_before_it_counts_as_old(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "1", "100")
    for _ in range(30):
        fed.poll(BTC="100")
    with fed.desk.db.connect() as connection:
        assert connection.execute("select count(*) from ledger.quote_history").fetchone() == (3,)


def test_the_breaker_trips_by_the_feed_alone(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "9", "100")
    for price in ("100", "96", "92", "90"):
        fed.poll(BTC=price)
        assert fed.tripped is None
    fed.poll(BTC="88")
    assert fed.tripped == "daily_loss"
    assert [book.faults for book in verify(fed.desk)] == [()]


def test_a_bot_with_capital_of_its_own_trips_by_the_feed_too(fed: Fed) -> None:
    deposit(fed.desk, "10000")
    deposit(fed.desk, "100", bot="bot")
    bought(fed.desk, "1", "100")
    for price in ("100", "95", "89"):
        fed.poll(BTC=price)
    assert fed.tripped is None
    assert status(fed.desk, ADA, entity(ADA, "bot", None), False, fed.clock.now)["trigger_type"] == "daily_loss"


def test_a_jump_neither_values_nor_trips_and_is_told_until_it_has_lasted(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "9", "100")
    fed.poll(BTC="100")
    fed.poll(BTC="10")
    assert (fed.price, fed.tripped, fed.summary["equity"]) == ("100", None, "1000")
    assert fed.told["prices of binance"] == "BTC/USDT: held back: it jumped to bid 10, ask 10"
    assert [market.state for market in prices_needed(fed.desk)] == ["held back"]
    fed.poll(BTC="99")
    assert (fed.price, fed.told["prices of binance"]) == ("99", None)
    fed.poll(BTC="60")
    fed.feed = fed.new_feed()  # another process goes on where this one ended
    fed.poll(28, BTC="61")
    assert fed.price == "99"
    fed.poll(2, BTC="61")
    assert (fed.price, fed.tripped) == ("61", "drawdown")


def test_an_exchange_that_is_away_and_a_symbol_that_it_does_not_have_keep_no_other_from_its_prices(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "1", "100")
    for symbol, exchange in (("NO/USDT", "binance"), ("BTC/ZAR", "luno"), ("X/Y", "ovex")):
        asked(fed.desk, symbol, exchange)
    fed.markets["binance"].fails["NO/USDT"] = Permanent("binance has no market NO/USDT")
    fed.markets["luno"].fails["BTC/ZAR"] = Transient("luno is away")
    fed.poll(BTC="100")
    fed.poll(BTC="101")
    assert fed.price == "101"
    assert fed.told == {"prices of binance": None, "prices of luno": "BTC/ZAR: luno is away", "prices of ovex": None}
    assert fed.markets["binance"].asked.count("NO/USDT") == 1
    fed.poll(601)
    assert fed.markets["binance"].asked.count("NO/USDT") == 2


def test_symbols_without_an_answer_come_last_in_the_next_round_and_end_it_when_they_are_two(fed: Fed) -> None:
    symbols = [f"{name}/USDT" for name in ("A", "B", "C", "D")]
    for symbol in symbols:
        asked(fed.desk, symbol)
        fed.markets["binance"].mids[symbol] = "100"
    for symbol in ("A/USDT", "B/USDT"):
        fed.markets["binance"].fails[symbol] = Transient(f"no bid for {symbol} now")
    fed.poll()
    assert fed.markets["binance"].asked == ["A/USDT", "B/USDT"]
    fed.poll()
    assert fed.markets["binance"].asked[2:] == ["C/USDT", "D/USDT", "A/USDT", "B/USDT"]
    assert {symbol for _, symbol in prices.newest(fed.desk.db)} == {"C/USDT", "D/USDT"}


def test_an_unforeseen_error_of_one_exchange_is_told_by_its_kind_and_stops_no_other(fed: Fed) -> None:
    asked(fed.desk, "BTC/ZAR", "luno")
    asked(fed.desk, "BTC/USDT")
    fed.markets["luno"].fails["BTC/ZAR"] = KeyError("a secret")
    fed.poll(BTC="100")
    assert (fed.price, fed.told["prices of luno"]) == ("100", "KeyError")


def test_an_exchange_that_hangs_is_left_out_of_the_next_rounds_until_it_answers(fed: Fed) -> None:
    asked(fed.desk, "BTC/ZAR", "luno")
    asked(fed.desk, "BTC/USDT")
    answer, calls = threading.Event(), []

    def hang(symbol: str) -> None:
        calls.append(symbol)
        answer.wait(60)
        raise Transient("luno is away")

    fed.markets["luno"].quote = hang  # pyright: ignore[reportAttributeAccessIssue]  # this one does not answer
    for price in ("100", "101"):
        fed.clock.later(2)
        fed.markets["binance"].mids["BTC/USDT"] = price
        fed.feed._rests_until.clear()
        fed.feed.poll(0.2)
    assert (fed.price, calls) == ("101", ["BTC/ZAR"])
    answer.set()
    for thread in [each for each in threading.enumerate() if "_round" in each.name]:
        thread.join(60)
    fed.poll()
    assert calls == ["BTC/ZAR"] * 2


def test_an_exchange_is_left_alone_after_a_round_for_longer_than_it_took(fed: Fed) -> None:
    asked(fed.desk, "BTC/USDT")
    fed.poll(BTC="100")
    fed.feed._rests_until["binance"] += 3600
    fed.feed.poll(60)
    assert len(fed.markets["binance"].asked) == 1


def test_rates_of_the_currencies_that_a_book_holds_are_polled_both_ways(fed: Fed) -> None:
    deposit(fed.desk)
    bought(fed.desk, "1", "1800", "BTC/ZAR", "luno")
    luno = fed.markets["luno"]
    luno.mids = {"BTC/ZAR": "1800", "USDT/ZAR": "18"}
    luno.fails["ZAR/USDT"] = Permanent("luno has no market ZAR/USDT")
    assert fed.summary["equity"] is None
    fed.poll()
    assert sorted(luno.asked) == ["BTC/ZAR", "USDT/ZAR", "ZAR/USDT"]
    assert fed.told["prices of luno"] is None
    assert fed.summary["equity"] == "1000"


def test_a_book_that_sends_no_orders_to_an_exchange_needs_no_prices_of_it(fed: Fed) -> None:
    """What a broker's statements brought into a book has its prices from the statements."""
    deposit(fed.desk)
    bought(fed.desk, "1", "100")
    with fed.desk.db.connect() as connection:
        connection.execute("update ledger.positions set exchange = 'ibkr', symbol = 'AAPL/USD'")
        connection.execute("update ledger.orders set created_at = created_at - interval '2 days'")
    assert {want.symbol for want in prices.wanted(fed.desk.db, fed.clock.now)} == set()


def test_a_paper_book_is_not_fed(fed: Fed) -> None:
    body = b'{"bot_id":"b","exchange":"binance","symbol":"BTC/USDT","side":"buy","amount":"1"}'
    submit(fed.desk, "ada", requests.submission(body, None), fed.clock.now)
    fed.poll(BTC="100")
    assert (fed.told, fed.price) == ({}, None)


def test_a_symbol_that_a_stop_needs_is_polled_and_given_to_no_book(database: Database) -> None:
    fed = Fed(database)
    needed = [("binance", "SOL/USDT"), ("nowhere", "X/USDT")]
    fed.feed = Feed(fed.desk, fed.opened, fed.told.__setitem__, lambda: needed)
    fed.poll(SOL="20")
    assert fed.markets["binance"].asked == ["SOL/USDT"]
    assert f"{prices.newest(fed.desk.db)['binance', 'SOL/USDT'].quote.bid}" == "20"
    assert fed.told == {"prices of binance": None, "prices of nowhere": "X/USDT: no exchange is called 'nowhere'"}
    needed.clear()
    fed.markets["binance"].asked.clear()
    fed.poll()
    assert fed.markets["binance"].asked == []

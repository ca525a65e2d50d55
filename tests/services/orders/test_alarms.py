"""Alerts of the ledger: one for each event, whoever looks and how often, also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.feed import HeldPrice
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.alarms import Alarms, verify_and_record
from fntx_dagster.services.orders.guarding import entity, kill, reset
from fntx_dagster.services.orders.overview import overview
from fntx_dagster.services.orders.turn import turn
from fntx_dagster.settings import Settings
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.alerts import open_alerts, raised_after
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices
from fntx_dagster.store.ledger.books import About
from tests.services.orders.live_books import asked, bought, deposit, live_desk
from tests.services.test_alerting import Destination, listening

ADMIN = Caller("ada", "admin")


class Looked:
    """A desk whose alerts go to a destination; each look is of a process that has just started."""

    def __init__(self, database: Database, destination: Destination) -> None:
        self.desk, self.clock = live_desk(database)
        self.destination = destination
        self.settings = Settings(alerts={"urls": [destination.url]})

    def look(self, times: int = 2) -> list[str]:
        """The texts of the alerts that are open after so many looks."""
        for _ in range(times):
            Alarms(self.settings, self.desk).look()
        return [alert.text for alert in open_alerts(self.desk.db)]

    def price(self, bid: str, symbol: str = "BTC/USDT") -> None:
        price = Quote(Decimal(bid), Decimal(bid), None, None, self.clock.now)
        prices.keep(self.desk.db, "rest", "binance", symbol, price, self.clock.now)


@pytest.fixture
def looked(database: Database) -> Iterator[Looked]:
    with listening() as destination:
        yield Looked(database, destination)


def test_a_trip_is_one_alert_until_it_is_reset_and_the_next_trip_is_another(looked: Looked) -> None:
    deposit(looked.desk)
    whose = entity(ADMIN, None, None)
    for times in (1, 2):
        kill(looked.desk, ADMIN, whose, False, "by hand, for a test", looked.clock.now)
        [text] = looked.look()
        assert text == "book 1 (live): the breaker of the user tripped: by hand"
        assert len(looked.destination.lines) == times
        reset(looked.desk, ADMIN, whose, False, "it was only a test", looked.clock.now)
        assert looked.look() == []
    assert len(raised_after(looked.desk.db, 0)) == 2


def test_a_trip_that_was_reset_before_anybody_looked_is_reported_once(looked: Looked) -> None:
    deposit(looked.desk)
    asked(looked.desk, "BTC/USDT")
    whose = entity(ADMIN, "bot", None)
    kill(looked.desk, ADMIN, whose, False, "by hand, for a test", looked.clock.now)
    reset(looked.desk, ADMIN, whose, False, "it was only a test", looked.clock.now)
    assert looked.look(3) == []
    [line] = looked.destination.lines
    assert line.startswith("book 1 (live): the breaker of bot bot tripped")


def test_an_order_of_unknown_outcome_is_an_alert_until_it_is_known(looked: Looked) -> None:
    deposit(looked.desk)
    unknown, new = asked(looked.desk, "BTC/USDT", state="unknown"), asked(looked.desk, "ETH/USDT", state="submitting")
    looked.price("100")
    [text] = looked.look()
    assert unknown in text
    assert "binance has the order" in text
    looked.clock.later(61)
    assert any(new in text for text in looked.look())
    with looked.desk.db.connect() as connection:
        connection.execute("update ledger.orders set state = 'failed'")
    assert looked.look() == []
    assert len(looked.destination.lines) == 2


def test_what_a_live_order_met_is_one_alert_and_open_for_a_day(looked: Looked) -> None:
    deposit(looked.desk)
    with turn(looked.desk, "ada", False, About(looked.clock.now)) as at:
        at.alarm("foreign_fill", "binance BTC/USDT 7", "binance reports a fill that belongs to no order")
    assert looked.look() == ["book 1 (live): binance reports a fill that belongs to no order"]
    looked.clock.later(86_400)
    assert looked.look() == []
    assert len(looked.destination.lines) == 1


def test_a_price_that_grows_old_is_an_alert_until_the_next_one_arrives(looked: Looked) -> None:
    deposit(looked.desk)
    bought(looked.desk, "1", "100")
    assert ["never came" in text for text in looked.look()] == [True]
    looked.price("100")
    assert looked.look() == []
    looked.clock.later(60)
    assert looked.look() == []
    looked.clock.later(1)
    [text] = looked.look()
    assert "the price of BTC/USDT at binance is of 2026-03-02 12:00:00 UTC" in text
    looked.price("101")
    assert looked.look() == []
    assert len(looked.destination.lines) == 2


def test_an_old_rate_of_a_currency_is_an_alert_until_either_way_to_say_it_arrives(looked: Looked) -> None:
    deposit(looked.desk)
    bought(looked.desk, "1", "100", symbol="BTC/EUR")
    asked(looked.desk, "BTC/EUR", state="open")
    looked.price("100", "BTC/EUR")
    assert [text for text in looked.look() if "the rate of EUR and USDT never came" in text]
    looked.price("0.9", "USDT/EUR")
    assert looked.look() == []
    looked.clock.later(61)
    looked.price("100", "BTC/EUR")
    [text] = looked.look()
    assert text == "book 1 (live): the rate of EUR and USDT is of 2026-03-02 12:00:00 UTC: its orders are refused"
    looked.price("1.1", "EUR/USDT")
    assert looked.look() == []


def test_a_price_that_is_held_back_is_an_alert_until_one_is_used(looked: Looked) -> None:
    deposit(looked.desk)
    bought(looked.desk, "1", "100")
    looked.price("100")
    jump = Decimal(5)
    prices.hold(looked.desk.db, "binance", "BTC/USDT", HeldPrice(jump, jump, looked.clock.now))
    [text] = looked.look()
    assert "jumped from bid 100, ask 100 to bid 5, ask 5" in text
    looked.price("100")
    assert looked.look() == []
    assert len(looked.destination.lines) == 1


def test_a_book_that_does_not_verify_is_an_alert_until_it_does(looked: Looked) -> None:
    deposit(looked.desk)
    for amount in ("5000", "1000"):
        with looked.desk.db.connect() as connection:
            connection.execute("update ledger.balances set amount = %s", (amount,))
        verify_and_record(looked.desk)
        texts = looked.look()
        [book] = overview(looked.desk)
        assert (book.problem in texts) == (amount == "5000")
        assert [("book 1 (live) does not hold: the balance of USDT is 5000" in text) for text in texts] == (
            [True] if amount == "5000" else []
        )
    assert len(looked.destination.lines) == 1


def test_a_destination_that_is_away_is_said_and_tried_again_later_not_at_every_look(looked: Looked) -> None:
    deposit(looked.desk)
    kill(looked.desk, ADMIN, entity(ADMIN, None, None), False, "by hand, for a test", looked.clock.now)
    looked.destination.away = True
    alarms = Alarms(looked.settings, looked.desk)
    with pytest.raises(Transient, match="destination 1"):
        alarms.look()
    alarms.look()
    looked.destination.away = False
    alarms.look()
    assert looked.destination.lines == []
    looked.clock.later(900)
    alarms.look()
    assert len(looked.destination.lines) == 1


def test_while_another_process_delivers_nothing_is_sent_twice(looked: Looked) -> None:
    deposit(looked.desk)
    kill(looked.desk, ADMIN, entity(ADMIN, None, None), False, "by hand, for a test", looked.clock.now)
    other = AdvisoryLock(looked.desk.db.url, "delivery of alerts")
    assert other.take()
    looked.look()
    assert looked.destination.lines == []
    other.release()
    looked.look()
    assert len(looked.destination.lines) == 1

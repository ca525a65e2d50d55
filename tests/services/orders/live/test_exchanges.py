"""Live orders at each exchange that is reached through ccxt, over HTTP: the live path and the adapters together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.ledger.costs import DEFAULT_FEES
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.asking import order_status
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.live.sweeping import sweep
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.prices import Feed
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import Shuffler, serve_exchange
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices, watch
from tests.adapters.exchanges.conftest import DIALECTS, KEY, KEYS, MARKETS, PATIENCE, SECRET, SYMBOL, Venue


@pytest.fixture(params=sorted(DIALECTS))
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    client_ids, dialect = DIALECTS[request.param]
    exchange = PaperExchange(request.param, MARKETS, {KEY: SECRET}, client_ids=client_ids)
    exchange.deliver = Shuffler(3)
    with serve_exchange(dialect(exchange)) as server:
        yield Venue(server, open_exchange(request.param, KEYS, server.url, PATIENCE))
    assert server.problems == []


def test_lost_answers_partial_fills_and_duplicates_end_in_a_ledger_that_equals_the_exchange(
    venue: Venue, database: Database
) -> None:
    now = datetime.now(UTC)
    # the lease ends at once, so that a sweep takes what has no answer
    reach = Reach(lambda user, exchange: venue.account, lease=timedelta(minutes=2), wait=timedelta(seconds=30))
    desk = Desk(database, Rules(fees=DEFAULT_FEES), live=reach)
    later = Desk(database, Rules(fees=DEFAULT_FEES), live=reach, clock=lambda: datetime.now(UTC) + timedelta(minutes=3))
    fund(desk, "ada", requests.funding(json.dumps({"amount": "1000", "is_paper": False}).encode(), None), now)

    def order(key: str, **more: Any) -> Any:
        body = {"bot_id": "bot", "exchange": venue.account.name, "symbol": SYMBOL, "side": "buy", "amount": "0.5"}
        asked = json.dumps(body | {"expected_edge_bps": "200", "is_paper": False} | more).encode()
        return json.loads(submit(desk, "ada", requests.submission(asked, key), datetime.now(UTC)).body)

    venue.show("99.99", "100", "0.3")
    taken = order("partly", amount="0.500004321")
    assert (taken["state"] in ("cancelled", "expired"), taken["filled_amount"]) == (True, "0.3")
    venue.show("99.99", "100")
    venue.server.fail("lost")
    lost = order("lost", order_type="limit", price="99.5")
    waiting = order("waiting", order_type="limit", price="98")
    assert waiting["state"] == "open"
    venue.server.fail("too_many", accepted=False)
    never = order("never")
    venue.show("99.3", "99.4")
    sweep(later)
    follow(desk)
    states = [order_status(desk, "ada", each["order_id"])["state"] for each in (lost, waiting, never)]
    assert states == ["filled", "open", "unknown"]
    booked = "select exchange_trade_id, qty, price, fee from ledger.fills order by executed_at, entry_no"
    with database.connect() as connection:
        fills = connection.execute(booked).fetchall()
    trades = venue.server.exchange.trades
    assert [fill[1:] for fill in fills] == [(one.quantity, one.price, one.fee) for one in trades]
    assert len(trades) == 2
    assert sum((one.fees for one in venue.server.exchange.orders), Decimal(0)) == sum(fill[3] for fill in fills)
    assert [book.faults for book in verify(desk)] == [()]


def test_the_feed_asks_without_keys_and_trips_the_breaker_by_what_the_exchange_says(
    venue: Venue, database: Database
) -> None:
    name, told = venue.account.name, dict[str, str | None]()
    desk = Desk(database, Rules(fees=DEFAULT_FEES), live=Reach(lambda user, exchange: venue.account))
    fund(desk, "ada", requests.funding(b'{"amount": "1000", "is_paper": false}', None), datetime.now(UTC))
    body = {"bot_id": "bot", "exchange": name, "symbol": SYMBOL, "side": "buy", "amount": "9", "is_paper": False}
    asked = json.dumps(body | {"expected_edge_bps": "200"}).encode()
    venue.show("99.99", "100")
    assert json.loads(submit(desk, "ada", requests.submission(asked, "k"), datetime.now(UTC)).body)["success"]
    feed = Feed(desk, lambda exchange: open_exchange(exchange, None, venue.server.url, 5), told.__setitem__)
    for bid, ask in (("95", "95.01"), ("86", "86.01")):
        venue.show(bid, ask)
        feed._rests_until.clear()
        feed.poll(60)
    assert told == {f"prices of {name}": None}
    assert prices.newest(database)[name, SYMBOL].quote[:2] == (Decimal(86), Decimal("86.01"))
    [trip] = watch.trips(database, datetime.now(UTC))
    assert trip.trigger_type == "daily_loss"
    assert [book.faults for book in verify(desk)] == [()]

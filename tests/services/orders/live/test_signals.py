"""Live signals: a block order of the strategy's live book at an exchange, shared as its fills come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.signals.elsewhere import follow_entries
from fntx_dagster.services.signals.overview import list_executions
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.services.signals.stops import Stops
from fntx_dagster.store.ledger import prices
from tests.services.orders.live.desk import LEASE, LiveDesk
from tests.services.orders.live.market import CrashError

UNKNOWN = LEASE.total_seconds() + 1
NAMES = {"token": "BTC", "unique_id": "one", "strike_price_token": "BTC", "strategy_code": "LIVE"}
BTC = {"symbol": "BTC/USDT", "exchange": "binance", "lot_qty": "0.01"}


@pytest.fixture
def signals(live: LiveDesk) -> LiveDesk:
    body = json.dumps({"amount": "100000", "is_paper": False}).encode()
    fund(live.desk, "strategy:LIVE", requests.funding(body, None), live.now)
    return live


def entry(live: LiveDesk, *wishes: str, **more: object) -> dict[str, Any]:
    for symbol, quote in live.market.prices.items():
        live.market.prices[symbol] = quote._replace(at=live.now)
    users = [{"user_id": name, "qty": wish} for name, wish in zip("abc", wishes, strict=False)]
    body = NAMES | {"signal": "BUY_ENTRY", "strike_data": BTC, "allocations": users, "is_paper": False, **more}
    return json.loads(enter_signal(live.desk, "source", json.dumps(body).encode(), live.now).body)["data"]


def leave(live: LiveDesk) -> dict[str, Any]:
    for symbol, quote in live.market.prices.items():
        live.market.prices[symbol] = quote._replace(at=live.now)
    body = json.dumps(NAMES | {"signal": "BUY_EXIT"}).encode()
    return json.loads(leave_signal(live.desk, "source", body, live.now).body)["data"]


def test_a_live_block_order_is_shared_and_left_at_the_exchanges_prices(signals: LiveDesk) -> None:
    entered = entry(signals, "0.3", "0.2", "0.1")
    assert (entered["status"], entered["total_qty"], entered["entry_price"]) == ("OPEN", "0.6", "100")
    assert [each["qty"] for each in entered["trader_results"]] == ["0.3", "0.2", "0.1"]
    signals.later(60)
    signals.market.price("BTC/USDT", "110")
    left = leave(signals)
    assert (left["status"], left["total_pnl"], left["holding_time"]) == ("CLOSED", "6", 1)
    assert len(signals.market.placed) == 2
    signals.holds()


def test_a_part_of_a_live_order_is_shared_in_lots_and_the_rest_is_gone(signals: LiveDesk) -> None:
    signals.market.price("BTC/USDT", "100", size="0.4")
    entered = entry(signals, "0.2", "0.2", "0.2")
    assert [each["qty"] for each in entered["trader_results"]] == ["0.14", "0.13", "0.13"]
    signals.holds()


def test_a_lost_answer_is_followed_until_the_outcome_is_known(signals: LiveDesk) -> None:
    signals.market.faults = ["late"]
    entered = entry(signals, "0.3", "0.2")
    assert (entered["status"], entered["total_qty"]) == ("PENDING", "0")
    signals.sweep(10)
    assert follow_entries(signals.desk) == 0
    signals.sweep(15)
    assert (follow_entries(signals.desk), follow_entries(signals.desk)) == (1, 0)
    signals.market.price("BTC/USDT", "110")
    left = leave(signals)
    assert (left["status"], left["total_qty"], left["total_pnl"]) == ("CLOSED", "0.5", "5")
    signals.holds()


def test_a_crash_while_the_order_is_sent_sends_none_twice(signals: LiveDesk) -> None:
    signals.market.faults = ["crash after"]
    with pytest.raises(CrashError):
        entry(signals, "0.3")
    with pytest.raises(Declined, match="being placed"):
        entry(signals, "0.3")
    signals.sweep(UNKNOWN)
    entered = entry(signals, "0.3")
    assert entered["total_qty"] == "0.3"
    assert len(signals.market.placed) == 1
    signals.holds()


def test_a_target_that_the_feed_reaches_is_left_at_the_exchange_once(signals: LiveDesk) -> None:
    entered = entry(signals, "0.3", "0.2", target="110")
    assert entered["status"] == "OPEN"
    stops = Stops(signals.desk)
    assert stops.symbols() == [("binance", "BTC/USDT")]
    for price, placed in (("109", 1), ("110", 2), ("120", 2)):
        signals.later(60)
        signals.market.price("BTC/USDT", price)
        quote = signals.market.prices["BTC/USDT"]._replace(at=signals.now)
        signals.market.prices["BTC/USDT"] = quote
        prices.keep(signals.desk.db, "rest", "binance", "BTC/USDT", quote, signals.now)
        stops.look()
        assert len(signals.market.placed) == placed
    [closed] = list_executions(signals.desk.db, "LIVE", 1)
    assert (closed.status, closed.exit_reason, f"{closed.total_pnl:f}") == ("CLOSED", "TARGET", "5")
    signals.holds()

"""Live orders that rest: their fills, their ends, their cancelling; and fills that are not ours."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.model.exchanges import FoundOrder
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.asking import fills
from fntx_dagster.services.orders.guarding import cancel, entity, kill
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.reports import Report, for_each
from fntx_dagster.services.orders.live.settling import settle, turn_of
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.ledger.live import FollowedMarket, named
from fntx_dagster.store.ledger.live import markets as live_markets
from tests.services.orders.live.desk import NOON, LiveDesk

ADA = Caller("ada", "trader")


def test_an_order_that_rests_is_followed_until_it_is_filled(live: LiveDesk) -> None:
    resting = live.limit("95")
    assert resting["state"] == "open"
    live.market.price("BTC/USDT", "95", size="0.4")
    live.follow()
    shown = live.status(resting)
    assert (shown["state"], shown["filled_amount"]) == ("partially_filled", "0.4")
    live.market.price("BTC/USDT", "94")
    live.follow()
    assert live.status(resting)["state"] == "filled"
    live.follow()
    live.holds()


def test_an_order_that_ends_at_the_exchange_ends_here_with_the_reason(live: LiveDesk) -> None:
    by_hand, expired = live.limit("95"), live.limit("94")
    live.market.ends(by_hand["order_id"], "cancelled")
    live.market.ends(expired["order_id"], "expired")
    live.follow()
    ends = [(shown["state"], shown["reason_code"]) for shown in map(live.status, (by_hand, expired))]
    assert ends == [("cancelled", "cancelled_at_exchange"), ("expired", "expired_at_exchange")]
    live.holds()


def test_an_order_that_the_exchange_rejects_afterwards_has_failed(live: LiveDesk) -> None:
    resting = live.limit("95")
    live.market.ends(resting["order_id"], "rejected")
    live.follow()
    assert live.status(resting)["reason_code"] == "exchange_refused"
    assert len(live.entries("error")) == 1


def test_an_order_that_the_exchange_loses_is_over_with_what_it_was_filled(live: LiveDesk) -> None:
    live.market.price("BTC/USDT", "100", size="0.4")
    partly = live.limit("100")
    live.market.placed.clear()
    live.market.told = [fill._replace(client_id="") for fill in live.market.told]
    live.follow()
    assert live.status(partly)["state"] == "unknown"
    live.sweep(1)
    live.sweep(61)
    shown = live.status(partly)
    assert (shown["state"], shown["reason_code"], shown["filled_amount"]) == ("cancelled", "lost_at_exchange", "0.4")
    assert live.alarms() == ["order_lost"]
    live.holds()


def test_an_order_that_was_shown_meanwhile_has_the_exchanges_delay_anew(live: LiveDesk) -> None:
    live.market.faults = ["late"]
    resting = live.limit("95")
    live.sweep(1)
    live.sweep(30)
    assert live.status(resting)["state"] == "open"
    [placed] = live.market.placed.values()
    placed.visible_at = live.now.replace(hour=14)
    live.follow(600)
    live.sweep(1)
    assert live.status(resting)["state"] == "unknown"
    placed.visible_at = live.now
    live.sweep(1)
    assert live.status(resting)["state"] == "open"
    assert live.alarms() == []
    live.holds()


def test_the_end_of_an_order_that_got_nothing_is_booked_once_whoever_reports_it(live: LiveDesk) -> None:
    live.market.price("BTC/USDT", "100", size="0")
    nothing = live.order()
    assert nothing["reason_code"] == "no_liquidity"
    [order] = named(live.desk.db, live_markets(live.desk.db)[0], [nothing["order_id"]], [])
    found = live.market.find(order.client_id, order.symbol, order.created_at)
    assert found is not None
    with turn_of(live.desk, order) as at:
        settle(at, at.order(order.order_id), Report(found))
    assert len(live.entries("error")) == 1
    assert live.alarms() == []
    live.holds()


def test_a_user_cancels_what_rests_and_keeps_what_was_filled(live: LiveDesk) -> None:
    live.market.price("BTC/USDT", "100", size="0.4")
    partly = live.limit("100")
    assert partly["state"] == "partially_filled"
    answer = cancel(live.desk, "ada", partly["order_id"], live.now)
    assert (answer["state"], answer["reason_code"], answer["filled_amount"]) == (
        "cancelled",
        "cancelled_by_user",
        "0.4",
    )
    again = cancel(live.desk, "ada", partly["order_id"], live.now)
    assert again["state"] == "cancelled"
    assert len(live.market.cancelled) == 1
    live.holds()


def test_an_order_that_is_unknown_is_cancelled_as_soon_as_it_is_found(live: LiveDesk) -> None:
    live.market.faults = ["late"]
    unknown = live.limit("95")
    assert cancel(live.desk, "ada", unknown["order_id"], live.now)["state"] == "unknown"
    live.sweep(30)
    live.follow()
    shown = live.status(unknown)
    assert (shown["state"], shown["reason_code"]) == ("cancelled", "cancelled_by_user")


def test_an_exchange_that_is_away_is_asked_to_cancel_again(live: LiveDesk) -> None:
    resting = live.limit("95")
    live.market.is_away = True
    assert cancel(live.desk, "ada", resting["order_id"], live.now)["state"] == "open"
    live.market.is_away = False
    live.follow()
    assert live.status(resting)["state"] == "cancelled"


def test_the_kill_switch_cancels_what_rests_and_would_not_reduce(live: LiveDesk) -> None:
    live.order()
    entry = live.limit("95")
    exit_ = live.limit("120", side="sell", reduce_only=True, expected_edge_bps=None)
    kill(live.desk, ADA, entity(ADA, None, "ada"), False, "enough for today", live.now)
    assert [live.status(order)["state"] for order in (entry, exit_)] == ["cancelled", "open"]
    assert live.status(entry)["reason_code"] == "breaker_tripped"
    assert live.order()["reason_code"] == "user_breaker_tripped"
    live.holds()


def test_a_fill_that_trips_the_breaker_cancels_what_rests(live: LiveDesk) -> None:
    live.order(amount="9")
    entry = live.limit("50", amount="0.1")
    live.later(11)
    live.market.price("BTC/USDT", "60")
    live.order(amount="1", side="sell", reduce_only=True, expected_edge_bps=None)
    live.follow()
    assert live.entries("breaker_trip")[0]["trigger_type"] == "drawdown"
    assert live.status(entry)["state"] == "cancelled"
    live.holds()


def test_a_fill_that_belongs_to_no_order_is_told_once_and_not_booked(live: LiveDesk) -> None:
    live.order()
    live.market.trades_by_hand("BTC/USDT", "3", "99")
    live.follow()
    live.follow()
    [told] = live.entries("foreign_fill")
    assert (told["qty"], told["price"], told["side"]) == ("3", "99", "buy")
    assert live.alarms() == ["foreign_fill"]
    live.holds()


def test_a_fill_is_not_called_foreign_while_an_order_may_be_there_unseen(live: LiveDesk) -> None:
    live.market.shows_client_ids = False
    live.crash("crash after")
    live.market.trades_by_hand("BTC/USDT", "3", "99")
    live.market.is_away = False
    for placed in live.market.placed.values():
        placed.visible_at = live.now.replace(hour=13)
    live.follow()
    assert live.alarms() == []
    live.later(3700)
    live.sweep()
    live.follow()
    assert live.alarms() == ["foreign_fill"]
    live.holds()


def test_a_trade_that_is_told_anew_with_another_content_is_an_alarm_and_not_booked_again(live: LiveDesk) -> None:
    live.order(amount="0.5")
    [told] = live.market.told
    live.market.told.append(told._replace(fill=told.fill._replace(price=told.fill.price + 1)))
    live.follow()
    live.follow()
    assert live.alarms() == ["fill_conflict"]
    assert len(live.entries("fill")) == 1


@pytest.mark.parametrize(
    "lie", [{"side": "sell"}, {"quantity": Decimal("NaN")}, {"price": Decimal(0)}, {"trade_id": "\0"}]
)
def test_a_fill_that_cannot_be_true_is_told_once_and_keeps_no_other_waiting(
    live: LiveDesk, lie: dict[str, Any]
) -> None:
    first, second = live.limit("95"), live.limit("94")
    live.market.price("BTC/USDT", "94")
    told = live.market.told
    told[0] = told[0]._replace(fill=told[0].fill._replace(**lie))
    live.follow()
    live.follow()
    assert live.alarms() == ["fill_unusable"]
    assert [live.status(order)["state"] for order in (first, second)] == ["open", "filled"]
    assert [book.faults for book in verify(live.desk)] == [()]


def test_a_fill_beyond_the_amount_of_its_order_is_booked_and_told(live: LiveDesk) -> None:
    order = live.limit("95")
    live.market.price("BTC/USDT", "95")
    [told] = live.market.told
    live.market.told[0] = told._replace(fill=told.fill._replace(quantity=Decimal(3)))
    live.follow()
    live.follow()
    assert live.alarms() == ["order_overfilled"]
    assert live.status(order)["filled_amount"] == "3"
    live.holds()


def test_exchanges_that_count_trades_per_symbol_lose_none(live: LiveDesk) -> None:
    live.market.price("ETH/USDT", "20")
    live.order()
    live.order(symbol="ETH/USDT")
    found = fills(live.desk, "ada", False, bot_id=None, since=None, until=None, cursor=None, limit=10)["fills"]
    assert [(fill["symbol"], fill["exchange_trade_id"]) for fill in found] == [("ETH/USDT", "1"), ("BTC/USDT", "1")]
    live.holds()


def test_a_fill_counts_to_the_day_on_which_it_is_booked_and_keeps_its_own_time(live: LiveDesk) -> None:
    live.now = live.now.replace(hour=23, minute=59, second=58)
    resting = live.limit("95")
    live.market.price("BTC/USDT", "95")
    live.follow(5)
    [entry] = live.entries("fill")
    assert (entry["timestamp"], entry["booked_at"]) == ("2026-03-02T23:59:58Z", "2026-03-03T00:00:03Z")
    assert json.dumps(live.status(resting)["state"]) == '"filled"'
    live.holds()


def test_an_order_that_cannot_be_read_keeps_neither_another_nor_a_fill_of_its_market_waiting(
    live: LiveDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = live.limit("95"), live.limit("94")
    live.market.price("BTC/USDT", "93")
    find, unreadable = live.market.find, first["order_id"].replace("-", "")

    def find_others(client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        if client_id == unreadable:
            raise Transient("an answer that cannot be read")
        return find(client_id, symbol, since)

    monkeypatch.setattr(live.market, "find", find_others)
    live.later()
    with pytest.raises(Transient, match="an answer that cannot be read"):
        follow(live.desk)
    shown = [(live.status(order)["state"], live.status(order)["filled_amount"]) for order in (first, second)]
    assert shown == [("filled", "1"), ("filled", "1")]
    live.holds()


def test_one_that_always_fails_keeps_no_other_waiting_and_an_exchange_that_is_away_no_other_exchange() -> None:
    markets = [FollowedMarket(1, "ada", *name, NOON) for name in (*(("a", f"{n}") for n in range(20)), ("b", "x"))]
    asked: list[str] = []

    def work(market: FollowedMarket) -> bool:
        asked.append(market.exchange)
        if market.exchange == "a" and market.symbol not in ("3", "19"):
            raise Transient("away") if market.symbol != "1" else KeyError("1")
        return True

    with pytest.raises(Transient) as told:
        for_each(markets, work)
    assert str(told.value) == "a: away; a: KeyError. It is tried again"
    assert asked.count("a") == 7, "three from one end, the last, and three more"
    assert asked.count("b") == 1
    assert for_each([], work) == 0

"""A live order: two transactions and the exchange between them, whatever becomes of any of the three."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from fntx_dagster.ledger.gates import Rules
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Database
from tests.services.orders.live.desk import LEASE, LiveDesk

UNKNOWN = LEASE.total_seconds() + 1


def test_a_market_order_is_sent_as_a_limit_through_the_far_side_that_takes_at_once(live: LiveDesk) -> None:
    live.market.price("BTC/USDT", "99.9", "100")
    answer = live.order(amount="0.5")
    assert (answer["success"], answer["state"], answer["filled_amount"]) == (True, "filled", "0.5")
    assert answer["average_price"] == "100"
    [placed] = live.market.placed.values()
    assert (placed.sent.price, placed.sent.time_in_force) == (Decimal("100.5"), "IOC")
    assert placed.sent.client_id == answer["order_id"].replace("-", "")
    live.holds()


def test_a_price_that_took_long_to_ask_for_is_none_of_the_future(
    live: LiveDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = live.market.quote

    def slowly(symbol: str) -> Quote:
        live.later(20)
        live.market.price(symbol, "100")
        return ask(symbol)

    monkeypatch.setattr(live.market, "quote", slowly)
    answer = live.order()
    assert (answer["state"], answer["rejection_reason"]) == ("filled", None)
    live.holds()


def test_what_the_price_band_does_not_give_is_cancelled_and_nothing_at_all_is_a_failure(live: LiveDesk) -> None:
    live.market.price("BTC/USDT", "100", size="0.25")
    partly = live.order()
    assert (partly["state"], partly["filled_amount"]) == ("cancelled", "0.25")
    live.market.price("BTC/USDT", "100", size="0")
    nothing = live.order()
    assert (nothing["success"], nothing["state"], nothing["reason_code"]) == (False, "failed", "no_liquidity")
    assert [entry["reason"] for entry in live.entries("error")] == ["no_liquidity"]
    live.holds()


def test_amounts_and_prices_are_rounded_by_the_markets_rules_before_the_gates_judge(live: LiveDesk) -> None:
    resting = live.limit("90.019", amount="0.12399")
    assert resting["state"] == "open"
    shown = live.status(resting)
    assert (shown["amount"], shown["price"]) == ("0.123", "90.01")
    live.order()
    sold = live.limit("110.011", amount="0.5", side="sell")
    assert live.status(sold)["price"] == "110.02"
    exit_ = live.order(side="sell", amount="1.0009", reduce_only=True, expected_edge_bps=None)
    assert exit_["state"] == "filled"
    assert live.status(exit_)["amount"] == "1"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "0.0009"}, "amount_below_minimum"),
        ({"amount": "0.009"}, "cost_below_minimum"),
        ({"order_type": "limit", "price": "0.001"}, "price_below_minimum"),
    ],
)
def test_what_is_below_the_markets_minimum_is_refused_as_such_and_never_sent(
    live: LiveDesk, more: dict[str, str], code: str
) -> None:
    answer = live.order(**more)
    assert (answer["success"], answer["gate_failed"], answer["reason_code"]) == (False, "validation", code)
    assert not live.market.sent
    assert live.entries("order_rejected")[0]["reason_code"] == code


def test_a_key_gets_the_same_bytes_again_and_a_changed_request_is_refused(live: LiveDesk) -> None:
    first = live.submit("k")
    again = live.submit("k")
    assert (again.body, again.replayed) == (first.body, True)
    with pytest.raises(requests.Declined) as declined:
        live.submit("k", amount="2")
    assert declined.value.code == "idempotency_key_reused"
    assert len(live.market.sent) == 1


def test_a_key_whose_order_is_being_placed_is_answered_so_until_its_answer_is_there(database: Database) -> None:
    live = LiveDesk(database, wait=60)
    live.fund()
    live.market.faults = ["slow"]
    with ThreadPoolExecutor(1) as other:
        first = other.submit(live.submit, "k")
        while not live.market.sent:
            assert not first.done()
        for more, code, status in (({}, "request_in_progress", 409), ({"amount": "2"}, "idempotency_key_reused", 422)):
            with pytest.raises(requests.Declined) as declined:
                live.submit("k", **more)
            assert (declined.value.code, declined.value.status) == (code, status)
        live.market.go.set()
    assert json.loads(first.result().body)["state"] == "filled"
    assert live.submit("k").body == first.result().body


def test_the_answer_comes_in_time_with_the_state_reached_and_stays_the_keys_answer(database: Database) -> None:
    live = LiveDesk(database, wait=0.1)
    live.fund()
    live.market.faults = ["slow"]
    answer = live.submit("k")
    assert json.loads(answer.body)["state"] == "submitting"
    live.market.go.set()
    while live.only_order()["state"] == "submitting":
        pass
    assert live.only_order()["state"] == "filled"
    again = live.submit("k")
    assert (again.body, again.replayed) == (answer.body, True)
    live.holds()


def test_a_price_that_jumped_judges_no_order_until_it_has_lasted(live: LiveDesk) -> None:
    live.desk = replace(live.desk, rules=Rules())
    assert live.order()["state"] == "filled"
    live.market.price("BTC/USDT", "50")
    live.later(6)
    assert live.order()["reason_code"] == "quote_stale"
    live.later(30)
    assert live.order()["average_price"] == "50"


def test_an_order_that_the_exchange_refuses_has_failed_with_its_words_and_counts_as_an_error(live: LiveDesk) -> None:
    live.market.faults = ["refused"]
    answer = live.order()
    assert (answer["success"], answer["state"]) == (False, "failed")
    assert (answer["reason_code"], answer["rejection_reason"]) == ("exchange_refused", "insufficient balance")
    assert [entry["reason"] for entry in live.entries("error")] == ["exchange_refused"]
    live.holds()


def test_ten_orders_that_the_exchange_refuses_trip_the_bot(live: LiveDesk) -> None:
    live.market.faults = ["refused"] * 10
    for _ in range(10):
        live.later(2)
        live.order()
    live.later(2)
    assert live.order()["reason_code"] == "bot_breaker_tripped"


def test_a_lost_answer_is_asked_for_and_the_order_is_not_sent_again(live: LiveDesk) -> None:
    live.market.faults = ["lost after"]
    answer = live.order()
    assert (answer["success"], answer["state"]) == (True, "filled")
    live.holds()


def test_an_order_that_the_exchange_shows_late_is_unknown_until_then(live: LiveDesk) -> None:
    live.market.faults = ["late"]
    answer = live.order()
    assert (answer["success"], answer["state"]) == (True, "unknown")
    live.sweep(10)
    assert live.status(answer)["state"] == "unknown"
    live.sweep(15)
    assert live.status(answer)["state"] == "filled"
    assert live.alarms() == []
    live.holds()


def test_an_order_that_never_arrived_fails_once_the_exchange_had_time_to_show_it(live: LiveDesk) -> None:
    live.market.faults = ["lost before"]
    answer = live.order()
    assert answer["state"] == "unknown"
    live.sweep(1)
    live.sweep(60)
    assert live.status(answer)["state"] == "unknown"
    live.sweep(0.001)
    failed = live.status(answer)
    assert (failed["success"], failed["state"], failed["reason_code"]) == (False, "failed", "never_arrived")
    live.sweep(100)
    assert [entry["reason"] for entry in live.entries("error")] == ["never_arrived"]
    assert live.alarms() == ["order_lost"]
    assert sum(live.market.sent.values()) == 1
    live.holds()


@pytest.mark.parametrize("shows_client_ids", [True, False])
def test_a_late_fill_of_a_failed_order_is_booked_because_it_is_money(live: LiveDesk, shows_client_ids: bool) -> None:
    live.market.shows_client_ids = shows_client_ids
    live.market.lateness *= 10
    live.market.faults = ["late"]
    answer = live.order()
    live.sweep(1)
    live.sweep(61)
    assert live.status(answer)["state"] == "failed"
    live.follow(200)
    live.follow(1)
    found = live.status(answer)
    assert (found["state"], found["filled_amount"]) == ("filled", "1")
    assert live.alarms()[0] == "order_lost"
    assert set(live.alarms()[1:]) == {"late_fill"}
    live.holds()


@pytest.mark.parametrize(("fault", "state"), [("crash after", "filled"), ("crash before", "failed")])
def test_a_crash_between_the_transactions_loses_no_order_and_sends_none_twice(
    live: LiveDesk, fault: str, state: str
) -> None:
    live.crash(fault, key="k")
    assert live.only_order()["state"] == "submitting"
    live.sweep(5)
    assert live.only_order()["state"] == "submitting", "somebody may still work on it"
    with pytest.raises(requests.Declined) as declined:
        live.submit("k")
    assert declined.value.code == "request_in_progress"
    live.sweep(UNKNOWN)
    live.sweep(61)
    assert live.only_order()["state"] == state
    replayed = live.submit("k")
    assert replayed.replayed
    assert json.loads(replayed.body)["state"] == "unknown"
    live.holds()


def test_sweeps_at_once_settle_and_fail_an_order_once(live: LiveDesk) -> None:
    live.crash("crash after")
    live.crash("crash before")
    live.later(UNKNOWN)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            for done in [threads.submit(live.sweep) for _ in range(4)]:
                done.result()
            live.later(61)
    assert [entry["reason"] for entry in live.entries("error")] == ["never_arrived"]
    assert live.alarms() == ["order_lost"]
    live.holds()


def test_an_exchange_that_is_away_leaves_an_order_unknown_for_as_long_as_it_is(live: LiveDesk) -> None:
    live.crash("crash after")
    live.market.is_away = True
    live.sweep(UNKNOWN)
    live.sweep(10_000)
    assert live.only_order()["state"] == "unknown"
    live.market.is_away = False
    live.sweep(1)
    assert live.only_order()["state"] == "filled"
    live.holds()


def test_an_order_that_a_busy_server_did_not_send_in_time_is_not_sent_at_all(database: Database) -> None:
    live = LiveDesk(database, lease=timedelta(0))
    live.fund()
    answer = live.order()
    assert (answer["state"], answer["reason_code"]) == ("failed", "not_sent")
    assert not live.market.sent


def test_one_key_many_times_at_once_is_one_order(live: LiveDesk) -> None:
    def submit_it(_: int) -> bytes | None:
        with suppress(requests.Declined):
            return live.submit("k").body
        return None

    with ThreadPoolExecutor(16) as threads:
        answers = {*threads.map(submit_it, range(64))} - {None}
    assert len(answers) == 1
    assert [*live.market.sent.values()] == [1]
    live.holds()


def test_of_orders_at_once_no_more_are_sent_than_the_limit_has_left(live: LiveDesk) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = [*threads.map(lambda number: live.order(f"key {number}", amount="0.01"), range(32))]
    assert [answer["reason_code"] for answer in answers].count("burst_limit") == 22
    assert len(live.market.sent) == 10
    live.holds()


def test_a_feed_that_stopped_lets_no_order_through(live: LiveDesk) -> None:
    live.submit()
    live.later(6)
    live.market.is_away = True
    assert live.order()["reason_code"] == "quote_stale"


def test_a_book_without_keys_at_an_exchange_is_told_so(database: Database) -> None:
    body = b'{"bot_id":"bot","exchange":"binance","symbol":"BTC/USDT","side":"buy","amount":"1","is_paper":false}'
    desk = Desk(database)
    with pytest.raises(requests.Declined) as declined:
        submit(desk, "ada", requests.submission(body, "k"), desk.clock())
    assert [fault.code for fault in declined.value.faults] == ["not_connected"]

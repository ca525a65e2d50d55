"""What attacks a signal in separate accounts: an exit between its orders, others' keys, exits that cross."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.signals import SEPARATE, SignalStrategy
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.signals import elsewhere
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.store.database import Database
from fntx_dagster.store.signals.sending import sender
from fntx_dagster.store.signals.strategies import keep_strategy
from tests.services.signals.test_crashes import NOON, CrashError, Signal, crash


@pytest.fixture
def signal(module_database: Database) -> Signal:
    return Signal(module_database, SEPARATE)


def held(signal: Signal) -> list[str]:
    """What the traders' own books hold, one after the other."""
    with signal.desk.db.connect() as connection:
        rows = connection.execute(
            """select coalesce(sum(case side when 'buy' then qty else -qty end), 0)::float8::text
            from unnest(%s::text[]) with ordinality as asked (user_id, place)
                left join ledger.books using (user_id) left join ledger.fills using (book_id)
            group by place order by place""",
            (signal.users,),
        ).fetchall()
    return [row[0] for row in rows]


def leave(signal: Signal, *users: str, bid: str = "110") -> dict[str, Any]:
    body = signal.named("BUY_EXIT") | {"quote": {"bid": bid, "ask": bid}, "user_ids": list(users)}
    answer = leave_signal(signal.desk, "test", json.dumps(body).encode(), NOON + timedelta(minutes=1))
    return json.loads(answer.body)


def test_an_exit_between_the_orders_of_an_entry_waits_for_the_last(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def submitted(*given: Any) -> Any:
        if not refused:
            with pytest.raises(Declined) as declined:
                signal.leave()
            refused.append(declined.value.code)
        return submit(*given)

    monkeypatch.setattr(elsewhere, "submit", submitted)
    assert signal.entry()["data"]["total_qty"] == "6"
    assert refused == ["entry_under_way"]
    assert signal.leave()["data"]["status"] == "CLOSED"
    assert held(signal) == ["0", "0", "0"]


def test_an_exit_ends_an_entry_that_crashed_and_the_entry_sends_no_more(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        crash(patch, elsewhere, "submit", 1, after=True)
        with pytest.raises(CrashError):
            signal.entry()
    assert signal.leave()["data"]["total_qty"] == "3"
    again = signal.entry()["data"]
    assert (again["status"], again["total_qty"]) == ("CLOSED", "3")
    assert again["trader_results"][2]["reason"] == "not_sent"
    assert held(signal) == ["0", "0", "0"]


def test_nothing_is_left_by_an_exit_of_an_entry_that_crashed_before_its_first_order(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        crash(patch, elsewhere, "submit", 0, after=False)
        with pytest.raises(CrashError):
            signal.entry()
    with pytest.raises(Declined) as declined:
        signal.leave()
    assert declined.value.code == "no_entry"
    assert signal.entry()["data"]["status"] == "FAILED"


def test_an_exit_of_one_is_not_lost_to_another_exit_that_comes_between(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.entry()
    ada, bob, eve = signal.users
    with monkeypatch.context() as patch:
        crash(patch, elsewhere, "submit", 0, after=True)
        with pytest.raises(CrashError):
            leave(signal, ada)
    assert leave(signal, bob)["success"]
    assert held(signal) == ["0", "0", "3"]
    assert leave(signal, ada, bid="120")["success"]
    assert leave(signal, eve)["data"]["status"] == "CLOSED"
    assert held(signal) == ["0", "0", "0"]


def test_an_exit_whose_order_got_nothing_is_sent_again(signal: Signal) -> None:
    signal.entry()
    ada = signal.users[0]
    body = signal.named("BUY_EXIT") | {"quote": {"bid": "110", "bid_size": "0"}, "user_ids": [ada]}
    nothing = json.loads(leave_signal(signal.desk, "test", json.dumps(body).encode(), NOON).body)
    assert nothing["success"] is False
    assert leave(signal, ada)["success"]
    assert held(signal)[0] == "0"


def test_an_order_of_a_trader_under_the_key_of_a_signal_is_none_of_it(signal: Signal) -> None:
    ada = signal.users[0]
    order = {"bot_id": "own", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "9"}
    more = {"quote": {"bid": "100", "ask": "100", "ts": NOON.isoformat()}, "expected_edge_bps": "100"}
    key = f"{signal.code}|one|ENTRY|{ada}"
    submit(signal.desk, ada, requests.submission(json.dumps(order | more).encode(), key), NOON)
    data = signal.entry()["data"]
    assert [each["qty"] for each in data["trader_results"]] == ["1", "2", "3"]


def test_signals_whose_keys_would_be_the_same_share_no_order(module_database: Database) -> None:
    first, second = Signal(module_database, SEPARATE), Signal(module_database, SEPARATE)
    second.users = first.users
    for signal, unique_id in ((first, f"b|{second.code}"), (second, second.code)):
        body = signal.named("BUY_ENTRY") | {
            "strategy_code": first.code if signal is first else f"{first.code}|b",
            "unique_id": unique_id,
            "strike_data": {"symbol": "X26MAR", "exchange": "NFO"},
            "allocations": [{"user_id": user, "qty": 1} for user in signal.users],
            "quote": {"bid": "100", "ask": "100"},
        }
        keep_strategy(module_database, SignalStrategy(body["strategy_code"], SEPARATE, "USDT", None, Decimal(10_000)))
        assert json.loads(enter_signal(signal.desk, "test", json.dumps(body).encode(), NOON).body)["success"]
    assert held(first) == ["2", "2", "2"]


def test_while_another_process_sends_the_orders_of_a_signal_nobody_else_does(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "sender", partial(sender, seconds=0))
    with sender(signal.desk.db, signal.code, "one"), pytest.raises(Transient, match="being sent"):
        signal.entry()
    assert signal.entry()["data"]["total_qty"] == "6"


def test_nobody_gets_a_token_to_trade_in_the_book_of_a_strategy(module_database: Database) -> None:
    for role in ("trader", "admin"):
        with pytest.raises(Permanent, match="its signals alone"):
            make_token(module_database, "strategy:STRATEGY_001", role)
    assert make_token(module_database, "strategy:STRATEGY_001", "reader")

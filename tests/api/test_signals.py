"""Signals over HTTP: five users and one signal to the cent, and what every field, code and status is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from fntx_dagster.model.signals import SEPARATE, SignalStrategy
from fntx_dagster.services.signals.checking_shares import check_share
from fntx_dagster.store.signals.strategies import keep_strategy
from tests.api.conftest import Client, Server

STRIKE = {
    "token": "45678",
    "exchange": "NFO",
    "index_name": "NIFTY",
    "DOE": "2026-03-26",
    "strike_price": "23500",
    "position": "CE",
    "symbol": "NIFTY26MAR23500CE",
    "lot_qty": 1,
}


class Source(Client):
    """A signal source of a strategy of its own, whose time stands still."""

    strategy = ""

    def entry(self, unique_id: str = "unique_123", **more: Any) -> requests.Response:
        body = {
            "token": "23",
            "signal": "BUY_ENTRY",
            "unique_id": unique_id,
            "strike_price_token": "45678",
            "strategy_code": self.strategy,
            "strike_data": STRIKE,
            "quote": {"bid": "99.95", "ask": "100"},
        }
        return self.post("/db/signals/v2/entry", **(body | more))

    def leave(self, unique_id: str = "unique_123", **more: Any) -> requests.Response:
        body = {
            "token": "23",
            "signal": "BUY_EXIT",
            "unique_id": unique_id,
            "strike_price_token": "45678",
            "strategy_code": self.strategy,
            "quote": {"bid": "110", "ask": "110.05"},
        }
        return self.post("/db/signals/v2/exit", **(body | more))


@pytest.fixture
def source(server: Server) -> Source:
    client = server.client("provider", "signal_source")
    made = Source(server.url, client.session.headers["Authorization"].removeprefix("Bearer "))
    made.strategy = f"STRATEGY{server.users}"
    made.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    return made


def five(quantity: str = "1", **more: Any) -> list[dict[str, Any]]:
    return [{"user_id": str(number), "qty": quantity} | more for number in range(1, 6)]


def results(answer: requests.Response) -> dict[str, Mapping[str, Any]]:
    assert answer.status_code == 201, answer.text
    return {each["user_id"]: each for each in answer.json()["data"]["trader_results"]}


def test_five_users_make_ten_each_of_one_execution(source: Source) -> None:
    entered = source.entry(allocations=five())
    assert entered.status_code == 201, entered.text
    data = entered.json()["data"]
    assert entered.json()["success"] is True
    assert (data["status"], data["total_qty"], data["entry_price"]) == ("OPEN", "5", "100")
    assert (data["total_traders"], data["successful_entries"], data["failed_entries"]) == (5, 5, 0)
    source.later(350 * 60)
    left = source.leave()
    assert left.status_code == 201, left.text
    data = left.json()["data"]
    assert (data["status"], data["total_pnl"], data["pnl_percent"]) == ("CLOSED", "50", "10")
    assert (data["holding_time"], data["exit_reason"], data["exit_price"]) == (350, "SIGNAL", "110")
    assert [each["pnl"] for each in data["trader_results"]] == ["10"] * 5
    again = source.leave()
    assert (again.content, again.headers["Idempotent-Replayed"]) == (left.content, "true")


def test_four_hundred_of_six_hundred_are_shared_by_largest_remainder(source: Source) -> None:
    wishes = [{"user_id": name, "qty": 100} for name in "abcdef"]
    entered = source.entry(allocations=wishes, quote={"ask": "100", "ask_size": "400"})
    assert [each["qty"] for each in results(entered).values()] == ["67", "67", "67", "67", "66", "66"]


def test_exits_in_parts_never_take_a_lot_back(source: Source) -> None:
    wishes = [{"user_id": "a", "qty": 6}, {"user_id": "b", "qty": 6}, {"user_id": "c", "qty": 2}]
    source.entry(allocations=wishes)
    first = results(source.leave(quote={"bid": "110", "bid_size": 10}))
    assert [each["closed_qty"] for each in first.values()] == ["4", "4", "2"]
    second = source.leave(quote={"bid": "111", "bid_size": 1})
    assert second.json()["data"]["status"] == "CLOSING"
    assert [each["closed_qty"] for each in results(second).values()] == ["5", "4", "2"]
    last = source.leave(quote={"bid": "112"}).json()["data"]
    assert (last["status"], last["total_pnl"]) == ("CLOSED", "147")


def test_the_same_entry_sixty_four_times_at_once_is_one_execution(source: Source, server: Server) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: source.entry(allocations=five()), range(64)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    with server.desk.db.connect() as connection:
        rows = connection.execute(
            """select (select count(*) from ledger.signal_executions where strategy_code = %(code)s),
                (select count(*) from ledger.signal_log where strategy_code = %(code)s),
                (select count(*) from ledger.signal_log where strategy_code = %(code)s and outcome = 'processed')""",
            {"code": source.strategy},
        ).fetchone()
    assert rows == (1, 64, 1)


def separate(server: Server, source: Source, *names: str) -> dict[str, Client]:
    """Traders with money of their own, and the strategy trades in each one's account."""
    keep_strategy(server.desk.db, SignalStrategy(source.strategy, SEPARATE, "USDT", None, Decimal(10_000)))
    clients = {name: server.client(name) for name in names}
    for client in clients.values():
        client.now = source.now
        client.deposit("100000")
    return clients


def test_separate_accounts_have_an_order_and_a_price_each(source: Source, server: Server) -> None:
    traders = separate(server, source, "ada", "bob", "eve")
    eve = traders["eve"]
    assert eve.post("/api/circuit-breaker/trip", user_id=eve.user, reason="she sleeps a while").status_code == 200
    poor = server.client("poor")
    wishes = [{"user_id": client.user, "qty": 2, "fee_fixed": "0.5"} for client in (*traders.values(), poor)]
    entered = source.entry(allocations=wishes)
    found = results(entered)
    assert [each["status"] for each in found.values()] == ["ACTIVE", "ACTIVE", "FAILED", "UNFILLED"]
    assert found[eve.user]["reason"] == "breaker_tripped"
    assert found[poor.user]["reason"] == "no_capital"
    assert (entered.json()["data"]["total_qty"], entered.json()["data"]["status"]) == ("4", "OPEN")
    again = source.entry(allocations=wishes)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (entered.content, "true")
    [fill] = traders["ada"].get("/api/ledger/fills")["fills"]
    assert (fill["qty"], fill["price"], fill["side"], fill["bot_id"]) == ("2", "100", "buy", source.strategy)
    source.later(60)
    left = source.leave(user_ids=[traders["bob"].user])
    assert left.json()["data"]["status"] == "OPEN", left.text
    assert results(left)[traders["bob"].user]["net_pnl"] == "19"
    source.later(60)
    last = source.leave(quote={"bid": "90"}).json()["data"]
    assert (last["status"], last["total_pnl"], last["fees_total"]) == ("CLOSED", "0", "2")
    assert last["exit_price"] == "100"
    [fill, _] = traders["ada"].get("/api/ledger/fills")["fills"]
    assert (fill["side"], fill["realized_pnl"]) == ("sell", "-20")


def test_a_settlement_at_expiry_needs_the_day_and_no_market(source: Source) -> None:
    source.entry(allocations=five("2", fee_bps=10, fee_fixed=1))
    early = source.leave(exit_reason="EXPIRY", settlement_price="0", quote=None)
    assert (early.status_code, early.json()["code"]) == (409, "not_expired")
    source.now = datetime(2026, 3, 26, 10, 30, tzinfo=UTC)
    data = source.leave(exit_reason="EXPIRY", settlement_price="0", quote=None).json()["data"]
    assert (data["status"], data["total_pnl"], data["pnl_percent"]) == ("CLOSED", "-1000", "-100")
    assert data["fees_total"] == "6", "the entry's alone: 0.20 by basis points and 1 each"


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"strike_data": None, "strike_price_token": "nobody"}, 404, "unknown_instrument"),
        ({"allocations": [{"user_id": "1", "qty": 1}, {"user_id": 1, "qty": 2}]}, 422, "user_twice"),
        ({"allocations": [{"user_id": "1", "qty": "1e3"}]}, 422, "validation_failed"),
        ({"unique_id": ""}, 422, "validation_failed"),
        ({"signal": "BUY_EXIT"}, 422, "validation_failed"),
        ({"quote": {}}, 422, "validation_failed"),
        ({"quote": {"asks": [["100", 1]] * 1001}}, 422, "validation_failed"),
        ({"strike_data": {"symbol": "X/"}}, 422, "validation_failed"),
        ({"quote": {"ask": "100.0000000001"}}, 422, "validation_failed"),
        ({"quote": {"asks": {"12": "a price and a size"}}}, 422, "validation_failed"),
        ({"quote": {"asks": ["12"]}}, 422, "validation_failed"),
    ],
)
def test_an_entry_that_is_not_valid_is_refused_and_logged(
    source: Source, server: Server, more: dict[str, Any], status: int, code: str
) -> None:
    body: dict[str, Any] = {"allocations": five()} | more
    refused = source.entry(**body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    with server.desk.db.connect() as connection:
        last = connection.execute("select code from ledger.signal_log order by signal_log_id desc limit 1").fetchone()
    assert last == (code,)


def test_an_exit_fits_what_was_entered(source: Source) -> None:
    def refusal(**more: Any) -> tuple[int, str]:
        answer = source.leave(**more)
        return answer.status_code, answer.json()["code"]

    assert refusal() == (409, "no_entry")
    source.entry(allocations=five())
    assert refusal(unique_id="unique_12") == (409, "no_entry")
    assert refusal(signal="SELL_EXIT") == (409, "wrong_side")
    assert refusal(user_ids=["6"]) == (409, "no_allocation")
    assert source.leave(user_ids=["1"]).json()["data"]["status"] == "OPEN"
    assert refusal(user_ids=["1"], quote={"bid": "1"}) == (409, "no_allocation")
    assert source.leave(user_ids=["1"]).headers["Idempotent-Replayed"] == "true"
    assert source.leave().json()["data"]["status"] == "CLOSED"
    assert refusal(quote={"bid": "1"}) == (422, "idempotency_key_reused")


def test_who_may_not_take_part_moves_nobody_elses_share(source: Source) -> None:
    wishes = [
        {"user_id": "none", "qty": 0},
        {"user_id": "odd", "qty": 80},
        {"user_id": "big", "qty": 750, "max_notional": "1000"},
        *({"user_id": name, "qty": 150} for name in "abc"),
    ]
    strike = STRIKE | {"symbol": "BANKNIFTY", "lot_qty": 75}
    entered = source.entry(
        allocations=wishes, strike_data=strike, strike_price_token="75", quote={"asks": [["100", 200], ["101", 180]]}
    )
    found = results(entered)
    assert [each["reason"] for each in found.values()][:3] == [
        "qty_not_positive",
        "qty_not_lot_multiple",
        "over_max_notional",
    ]
    assert [each["qty"] for each in found.values()] == ["0", "0", "0", "150", "150", "75"]
    assert entered.json()["data"]["entry_price"] == "100.466666666666666667"
    alone = source.entry(
        "other",
        allocations=wishes[3:],
        strike_data=strike,
        strike_price_token="75",
        quote={"asks": [["100", 200], ["101", 180]]},
    )
    assert list(results(alone).values()) == list(found.values())[3:]


def test_a_signal_trades_the_instrument_that_it_describes_and_a_repeated_one_changes_none(source: Source) -> None:
    wishes = [{"user_id": "a", "qty": "75"}]
    first = source.entry("one", allocations=wishes, strike_data=STRIKE | {"lot_qty": 75})
    assert [each["status"] for each in results(first).values()] == ["ACTIVE"]
    same_moment = source.entry("two", allocations=wishes, strike_data=STRIKE | {"lot_qty": 50})
    assert [each["reason"] for each in results(same_moment).values()] == ["qty_not_lot_multiple"]
    source.later(60)
    again = source.entry("one", allocations=wishes, strike_data=STRIKE | {"lot_qty": 75})
    assert again.content == first.content
    source.later(60)
    undescribed = source.entry("three", allocations=wishes, strike_data=None)
    assert [each["reason"] for each in results(undescribed).values()] == ["qty_not_lot_multiple"]


def test_everybody_has_the_same_price_to_its_last_digit(source: Source) -> None:
    wishes = [{"user_id": name, "qty": 1} for name in "abc"]
    entered = source.entry(allocations=wishes, quote={"asks": [["100", 1], ["101", 2]]})
    left = source.leave(quote={"bids": [["110", 2], ["109", 1]]})
    number = left.json()["data"]["signal_execution_id"]
    execution = source.call("GET", f"/db/signals/v2/executions/{number}")
    assert {each["entry_price"] for each in results(entered).values()} == {"100.666666666666666667"}
    for answer in (left, execution):
        data = answer.json()["data"]
        prices = {(each["entry_price"], each["exit_price"]) for each in data["trader_results"]}
        assert prices == {("100.666666666666666667", "109.666666666666666667")}
        assert prices == {(data["entry_price"], data["exit_price"])}


def test_sold_first_gains_as_the_price_falls(source: Source) -> None:
    source.entry(signal="SELL_ENTRY", allocations=five())
    left = source.leave(signal="SELL_EXIT", quote={"ask": "90"})
    data = left.json()["data"]
    assert (data["entry_price"], data["total_pnl"]) == ("99.95", "49.75")
    assert [each["pnl"] for each in data["trader_results"]] == ["9.95"] * 5


def test_each_participant_proves_his_share_and_sees_no_other(source: Source, server: Server, tmp_path: Path) -> None:
    ada = server.client("ada")
    wishes = [{"user_id": ada.user, "qty": 3}, *five("2")]
    entered = source.entry(allocations=wishes, quote={"ask": "100", "ask_size": 7}).json()["data"]
    number = entered["signal_execution_id"]
    source.leave(quote={"bid": "110", "bid_size": 4})
    proof = ada.get(f"/db/signals/v2/executions/{number}/proof")
    assert check_share(json.dumps(proof).encode()).faults == []
    assert proof["share"]["leaf"]["user"] == ada.user
    assert ada.call("GET", f"/db/signals/v2/executions/{number}/proof?user_id=1").status_code == 403
    assert source.call("GET", f"/db/signals/v2/executions/{number}/proof?user_id=nobody").status_code == 404
    file = tmp_path / "share.json"
    for user_id in [wish["user_id"] for wish in wishes]:
        shown = source.get(f"/db/signals/v2/executions/{number}/proof", user_id=user_id)
        file.write_text(json.dumps(shown), encoding="utf-8")
        assert check_share(file.read_bytes()).faults == []
    script = [sys.executable, str(Path(__file__).parents[2] / "verify" / "share.py"), str(file)]
    assert "The proof holds." in subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_a_trader_is_left_out_after_as_many_signals_of_a_day_as_his_bot_may_have(
    source: Source, server: Server
) -> None:
    ada = server.client("ada")
    ada.deposit("1000")
    limit = server.desk.rules.bot_daily
    wishes = [{"user_id": ada.user, "qty": 1}, {"user_id": "stranger", "qty": 1}]
    found: dict[str, Mapping[str, Any]] = {}
    for number in range(limit + 1):
        source.later(2)
        signal = {"signal": "SELL_ENTRY"} if number % 2 else {}
        found = results(source.entry(f"signal {number}", allocations=wishes, **signal))
    assert (found[ada.user]["reason"], found["stranger"]["status"]) == ("bot_daily_limit", "ACTIVE")
    source.now = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
    assert results(source.entry("tomorrow", allocations=wishes))[ada.user]["status"] == "ACTIVE"

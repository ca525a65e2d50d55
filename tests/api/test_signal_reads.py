"""What is read of signals over HTTP: who sees what, open positions, executions page by page, a strategy's figures."""

# ruff: noqa: F811  # `source` is a fixture of another module

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Client, Server
from tests.api.test_client import checked
from tests.api.test_signals import STRIKE, Source, five, separate, source  # noqa: F401

POSITIONS, EXECUTIONS, PERFORMANCE = (
    f"/db/signals/v2/{name}" for name in ("active-positions", "executions", "performance")
)


def positions(client: Client, **query: object) -> list[dict[str, Any]]:
    return checked(client.get(POSITIONS, **query), "PositionsAnswer")["data"]


def execution(client: Client, number: int, **query: object) -> dict[str, Any]:
    return checked(client.get(f"{EXECUTIONS}/{number}", **query), "ExecutionAnswer")["data"]


def figures(client: Source, **query: object) -> dict[str, Any]:
    answer = client.get(PERFORMANCE, strategy_code=client.strategy, **query)
    return checked(answer, "PerformanceAnswer")["data"]


def pages(client: Client, path: str, query: dict[str, object], name: str) -> Iterator[dict[str, Any]]:
    """What is on a page and on all that follow it."""
    following: str | None = path
    while following:
        data = client.get(following, **query)["data"]
        yield from data[name]
        following, query = data.get(f"{name}_next"), {}


def trade(source: Source, unique_id: str, bid: str, wishes: list[dict[str, Any]], **more: Any) -> int:
    """An entry at 100 and, an hour later, its exit at `bid`: the number of the execution."""
    number = source.entry(unique_id, allocations=wishes, **more).json()["data"]["signal_execution_id"]
    source.later(3600)
    assert source.leave(unique_id, quote={"bid": bid, "ask": bid}).json()["data"]["status"] == "CLOSED"
    return number


def test_open_positions_are_worth_what_the_newest_price_says(source: Source) -> None:
    number = source.entry(allocations=five("3")).json()["data"]["signal_execution_id"]
    [first, *others] = positions(source, strategy_code=source.strategy)
    assert first == {
        "signal_execution_id": number,
        "user_id": "1",
        "symbol": STRIKE["symbol"],
        "underlying": "NIFTY",
        "qty": "3",
        "entry_price": "100",
        "unrealized_pnl": "-0.08",  # 3 x (99.975 - 100) = -0.075, half to even
        "entry_time": "2026-03-02T09:30:00Z",
    }
    assert len(others) == 4
    source.later()
    source.leave(user_ids=["1"], quote={"bid": "110", "ask": "110.1", "bid_size": "1"})
    left = positions(source, strategy_code=source.strategy)
    assert [(each["qty"], each["unrealized_pnl"]) for each in left[:2]] == [("2", "20.1"), ("3", "30.15")]
    source.later()
    source.leave(quote={"bid": "110", "ask": "110.1"})
    assert positions(source, strategy_code=source.strategy) == []


def test_a_short_position_gains_when_the_price_falls(source: Source) -> None:
    source.entry(allocations=five("2"), signal="SELL_ENTRY", quote={"bid": "100", "ask": "100.5"})
    source.later()
    source.entry("another", allocations=five(), quote={"bid": "90", "ask": "91"})
    found = positions(source, strategy_code=source.strategy, user_id="1")
    assert [each["unrealized_pnl"] for each in found] == ["19", "-0.5"]


def test_a_position_in_an_account_of_its_own_has_that_accounts_price(source: Source, server: Server) -> None:
    ada = separate(server, source, "ada")["ada"]
    source.entry(allocations=[{"user_id": ada.user, "qty": 2}])
    assert [each["unrealized_pnl"] for each in positions(ada)] == ["-0.05"]
    ada.order("104", symbol=f"{STRIKE['symbol']}/USDT", exchange="NFO", bot_id="another", amount="1")
    [held] = positions(ada)
    assert (held["qty"], held["entry_price"], held["unrealized_pnl"]) == ("2", "100", "8")


def test_a_trader_sees_his_own_alone_and_others_see_all(source: Source, server: Server) -> None:
    trader, stranger, reader = server.client("ada"), server.client("bob"), server.client("eve", "reader")
    wishes = [{"user_id": trader.user, "qty": 2}, {"user_id": "2", "qty": 1}]
    number = source.entry(allocations=wishes).json()["data"]["signal_execution_id"]
    source.later()
    source.leave()
    source.entry("second", allocations=wishes)
    asked = {"strategy_code": source.strategy}
    assert [each["user_id"] for each in positions(reader, **asked)] == [trader.user, "2"]
    assert [each["user_id"] for each in positions(trader, **asked)] == [trader.user]
    assert positions(stranger, **asked) == []
    assert [each["user_id"] for each in execution(reader, number)["trader_results"]] == [trader.user, "2"]
    own = execution(trader, number)
    assert [each["user_id"] for each in own["trader_results"]] == [trader.user]
    assert (own["total_traders"], own["total_pnl"], own["trade"]["total_qty"]) == (2, "30", "3")
    assert stranger.call("GET", f"{EXECUTIONS}/{number}").json()["code"] == "execution_not_found"
    assert [each["user_id"] for each in trader.get(PERFORMANCE, **asked)["data"]["users"]] == [trader.user]
    assert stranger.get(PERFORMANCE, **asked)["data"]["users"] == []
    for path in (POSITIONS, PERFORMANCE):
        assert trader.call("GET", path, params=asked | {"user_id": trader.user}).status_code == 200
        refused = trader.call("GET", path, params=asked | {"user_id": "2"})
        assert (refused.status_code, refused.json()["code"]) == (403, "admin_only")


def test_what_is_not_there_or_cannot_be_read_is_said_so(source: Source) -> None:
    for path, query, status, code in (
        (f"{EXECUTIONS}/99999999", {}, 404, "execution_not_found"),
        (f"{EXECUTIONS}/one", {}, 422, "validation_failed"),
        (PERFORMANCE, {"strategy_code": "NOBODY"}, 404, "strategy_not_found"),
        (PERFORMANCE, {}, 422, "validation_failed"),
        (PERFORMANCE, {"strategy_code": "X", "from": "2026-02-30"}, 422, "validation_failed"),
        (POSITIONS, {"user_id": "a\0b"}, 422, "validation_failed"),
    ):
        answer = source.call("GET", path, params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    assert positions(source, strategy_code="NOBODY") == []


def test_every_page_of_an_answer_leads_to_the_next_and_nobody_is_left_out(source: Source) -> None:
    wishes = [{"user_id": f"u{number}", "qty": 0 if number % 4 == 1 else 1} for number in range(170)]
    entered = source.entry(allocations=wishes).json()["data"]
    everybody = [wish["user_id"] for wish in wishes]
    assert len(entered["trader_results"]) == 100
    following = [*pages(source, entered["trader_results_next"], {}, "trader_results")]
    assert [each["user_id"] for each in entered["trader_results"] + following] == everybody
    source.later()
    left = source.leave().json()["data"]
    shown = [each["user_id"] for each in left["trader_results"]]
    holders = [wish["user_id"] for wish in wishes if wish["qty"]]
    assert shown == holders[:100]
    rest = [each for each in pages(source, left["trader_results_next"], {}, "trader_results") if each["qty"] != "0"]
    assert [each["user_id"] for each in rest] == holders[100:]
    read = execution(source, entered["signal_execution_id"], limit=1000)
    assert [each["user_id"] for each in read["trader_results"]] == everybody
    assert {each["reason"] for each in read["trader_results"] if each["status"] == "FAILED"} == {"qty_not_positive"}
    assert sum(Decimal(each["pnl"]) for each in read["trader_results"]) == Decimal(read["total_pnl"])
    assert sum(Decimal(each["qty"]) for each in read["exits"]) == Decimal(read["total_qty"])


def test_figures_of_a_strategy_and_of_its_participants_by_hand(source: Source) -> None:
    wishes = [{"user_id": "a", "qty": 3, "fee_fixed": "1"}, {"user_id": "b", "qty": 1, "fee_bps": "10"}]
    trade(source, "one", "110", wishes, quote={"bid": "99", "asks": [["100", 2], ["101", 2]]})  # Monday: 4 at 100.5
    source.later(86400)
    trade(source, "two", "95", [*wishes, {"user_id": "c", "qty": 0}])  # Tuesday
    source.entry("three", allocations=wishes, quote={"bid": "99"})  # no ask: nothing is filled
    source.entry("four", allocations=wishes)
    data = figures(source)
    assert [data[name] for name in ("signals", "executed", "failed", "open", "trades")] == [4, 3, 1, 1, 2]
    assert [data[name] for name in ("requested_qty", "filled_qty", "fill_ratio")] == ["16", "12", "0.75"]
    # fees: 2 of a, and of b 0.1 x (1.005 + 1.1) = 0.10 + 0.11; then 2, and 0.10 + 0.10 (0.095 half to even)
    assert [data[name] for name in ("total_pnl", "fees_total", "net_pnl")] == ["18", "4.41", "13.59"]
    assert [data[name] for name in ("wins", "losses", "win_rate")] == [1, 1, "50"]
    assert [data[name] for name in ("best", "worst", "average_pnl", "median_pnl")] == ["35.79", "-22.2", "9", "9"]
    assert (data["average_win"], data["average_loss"], data["drawdown_max"]) == ("35.79", "-22.2", "22.2")
    assert (data["average_holding_time"], data["current_streak"], data["priced_trades"]) == ("60", -1, 2)
    # two of the first cost 1 more each than the best ask of 100
    assert (data["slippage"], data["slippage_bps"]) == ("2", f"{Decimal(2) / Decimal(1620) * 10000:.18f}")
    # first: 99.5 when it was entered, 110 when it was left; second: 99.975, then 95
    assert (data["average_mfe"], data["average_mae"]) == ("19", "-12")
    assert [(each["name"], each["net_pnl"]) for each in data["by_weekday"]] == [
        ("Monday", "35.79"),
        ("Tuesday", "-22.2"),
    ]
    assert [(each["name"], each["trades"]) for each in data["by_symbol"]] == [(STRIKE["symbol"], 2)]
    first, second, third = data["users"]
    assert (first["taken"], first["missed"], first["pnl"], first["net_pnl"]) == (3, {"no_liquidity": 1}, "13.5", "9.5")
    assert (second["pnl"], second["fees"], second["fee_ratio"]) == (
        "4.5",
        "0.41",
        f"{Decimal('0.41') / Decimal('4.5'):.18f}",
    )
    assert (third["signals"], third["taken"], third["missed"]) == (1, 0, {"qty_not_positive": 1})
    assert data["participants"] == 3


def test_a_signal_counts_on_the_day_of_its_entry_and_a_trade_on_the_day_of_its_end(source: Source) -> None:
    source.entry("over night", allocations=five())
    source.later(86400)
    source.leave("over night")
    monday = figures(source, **{"from": "2026-03-02", "to": "2026-03-02"})
    tuesday = figures(source, **{"from": "2026-03-03", "to": "2026-03-03"})
    assert [(data["signals"], data["trades"], data["net_pnl"]) for data in (monday, tuesday)] == [
        (1, 0, "0"),
        (0, 1, "50"),
    ]
    assert [each["net_pnl"] for each in tuesday["users"]] == ["10"] * 5
    assert [each["name"] for each in tuesday["by_weekday"]] == ["Monday"]
    until = figures(source, to=source.now.isoformat())
    assert (until["trades"], until["end"]) == (0, "2026-03-03T09:30:00Z")
    assert figures(source, symbol="ANOTHER")["signals"] == 0
    assert figures(source, is_paper="false")["signals"] == 0


@pytest.mark.parametrize("limit", [2, 100])
def test_the_users_sum_is_the_total_to_the_cent_however_many_are_on_a_page(source: Source, limit: int) -> None:
    wishes = [{"user_id": f"é{number}", "qty": number, "fee_bps": "7"} for number in range(1, 8)]
    for number, (bid, size) in enumerate((("100.07", "11"), ("99.13", "17"), ("101.01", "28"))):
        trade(source, f"{number}", bid, wishes, quote={"bid": "99.9", "ask": "100.01", "ask_size": size})
    data = figures(source)
    query = {"strategy_code": source.strategy, "limit": limit}
    users = [*pages(source, PERFORMANCE, query, "users")]
    assert [user["user_id"] for user in users] == [wish["user_id"] for wish in wishes]
    for name, total in (("pnl", "total_pnl"), ("fees", "fees_total"), ("net_pnl", "net_pnl")):
        assert sum(Decimal(user[name]) for user in users) == Decimal(data[total])

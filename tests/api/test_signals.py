"""Signals over HTTP: the seed's example to the cent, and what every field, code and status is."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

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

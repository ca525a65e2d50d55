"""Races: processes that submit at once to one book. At any limit never one more; one key is one order."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_RACER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Database

url, body, keys, now, user_daily, bot_daily = json.loads(sys.argv[1])
desk = Desk(Database(url, 16), Rules(user_daily=user_daily, bot_daily=bot_daily))

def one(key):
    return submit(desk, "ada", requests.submission(json.dumps(body).encode(), key), datetime.fromisoformat(now))

with desk.db.connect():
    print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(16) as threads:
    for reply in threads.map(one, keys):
        print(reply.body.decode())
"""
BODY: dict[str, Any] = {
    "bot_id": "bot",
    "exchange": "binance",
    "symbol": "BTC/USDT",
    "side": "buy",
    "amount": "0.001",
    "expected_edge_bps": "100",
    "quote": {"bid": "100", "ask": "100", "ts": NOW.isoformat()},
}


def race(database: Database, keys: list[str], rules: Rules) -> list[dict[str, object]]:
    """The answers to these keys, asked for by four processes of 16 threads each, which begin together."""
    racers = []
    for place in range(4):
        asked = json.dumps([database.url, BODY, keys[place::4], NOW.isoformat(), rules.user_daily, rules.bot_daily])
        racers.append(
            subprocess.Popen(
                [sys.executable, "-c", _RACER, asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [json.loads(line) for racer in racers for line in racer.communicate(timeout=120)[0].splitlines()]
    assert len(answers) == len(keys)
    return answers


def earlier(desk: Desk, number: int) -> None:
    """A deposit, and orders of this morning, a minute apart."""
    fund(desk, "ada", requests.funding(b'{"amount": "100000"}', None), NOW.replace(hour=0))
    for place in range(number):
        at = NOW.replace(hour=1 + place // 60, minute=place % 60)
        quote = {"bid": "100", "ask": "100", "ts": at.isoformat()}
        body = BODY | {"quote": quote}
        assert json.loads(submit(desk, "ada", requests.submission(json.dumps(body).encode(), None), at).body)["success"]


@pytest.mark.parametrize(
    ("code", "before", "free"),
    [("bot_daily_limit", 45, 5), ("user_daily_limit", 45, 5), ("burst_limit", 0, 10)],
)
def test_of_64_orders_at_once_no_more_pass_than_the_limit_has_left(
    database: Database, code: str, before: int, free: int
) -> None:
    rules = Rules(user_daily=50, bot_daily=500) if code == "user_daily_limit" else Rules()
    desk = Desk(database, rules)
    earlier(desk, before)
    answers = race(database, [f"k{number}" for number in range(64)], rules)
    assert sum(bool(answer["success"]) for answer in answers) == free
    assert {answer["reason_code"] for answer in answers} == {None, code}
    assert [book.faults for book in verify(desk)] == [()]


def test_a_burst_is_limited_in_whatever_order_its_orders_get_the_lock(database: Database) -> None:
    desk = Desk(database)
    earlier(desk, 0)
    passed: list[datetime] = []
    for step in Random(15).sample(range(60), 60):  # moments of 30 seconds, mixed
        at = NOW + timedelta(seconds=step / 2)
        body = BODY | {"quote": BODY["quote"] | {"ts": at.isoformat()}}
        reply = json.loads(submit(desk, "ada", requests.submission(json.dumps(body).encode(), None), at).body)
        assert reply["reason_code"] in (None, "burst_limit")
        passed += [at] if reply["success"] else []
    window = desk.rules.burst_window
    assert max(sum(at - window < other <= at for other in passed) for at in passed) == desk.rules.burst


def test_one_key_64_times_at_once_is_one_order_and_64_equal_answers(database: Database) -> None:
    desk = Desk(database)
    earlier(desk, 0)
    answers = race(database, ["the same"] * 64, desk.rules)
    assert len({json.dumps(answer) for answer in answers}) == 1
    with database.connect() as connection:
        counts = "select (select count(*) from ledger.orders), (select count(*) from ledger.fills)"
        assert connection.execute(counts).fetchone() == (1, 1)

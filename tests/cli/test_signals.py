"""`fntx signals` as processes: from a strategy and its followers to a closed execution."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import homes
from tests.processes import run

STRIKE = {"symbol": "NIFTY26MAR23500CE", "index_name": "NIFTY", "strike_price": "23500", "position": "CE"}


@pytest.fixture(scope="module")
def place(used_home: Path) -> Iterator[Path]:
    with homes.home(used_home) as path:
        yield path


def said(home: Path, *arguments: str) -> str:
    done = run(home, "signals", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_strategy_and_its_followers_to_a_closed_execution(place: Path) -> None:
    assert "no strategy yet" in said(place, "strategies")
    assert "NIFTY trades in INR" in said(place, "strategy", "NIFTY", "--currency", "INR")
    users = place / "users.csv"
    users.write_text("user_id,qty\nada,2\nbob,3\neve,none\n", encoding="utf-8")
    loaded = run(place, "signals", "subscribe", "NIFTY", "--load", str(users))
    assert (loaded.returncode, loaded.stdout) == (1, "2 participants are new or changed; 0 were known.\n")
    assert "users.csv, row 3, qty = 'none': " in loaded.stderr
    message = {"token": "26000", "signal": "BUY_ENTRY", "unique_id": "one", "strike_price_token": "45678"}
    message |= {"strategy_code": "NIFTY", "strike_data": STRIKE, "quote": {"ask": "100"}}
    file = place / "entry.json"
    file.write_text(json.dumps(message), encoding="utf-8")
    entered = json.loads(said(place, "enter", str(file), "--json"))
    assert (entered["data"]["status"], entered["data"]["total_qty"]) == ("OPEN", "5")
    assert said(place, "enter", str(file)).endswith("(answered before).\n")
    names = ("--strategy", "NIFTY", "--id", "one", "--token", "26000", "--instrument", "45678")
    left = said(place, "exit", *names, "--bid", "110.5")
    assert left == "Execution 1: closed 5 at 110.5: 5 of 5 in all.\n"
    figures = json.loads(said(place, "performance", "NIFTY", "--to", "2030-01-01", "--user", "bob", "--json"))
    assert (figures["net_pnl"], [user["net_pnl"] for user in figures["users"]]) == ("52.5", ["31.5"])
    shown = said(place, "performance", "NIFTY")
    assert "money (INR): total pnl 52.5, fees total 0, net pnl 52.5" in shown
    assert re.search("NIFTY26MAR23500CE .* 52.5 ", shown)
    assert run(place, "signals", "performance", "NOBODY").returncode == 2


def test_a_refused_message_names_its_faults_and_a_half_command_is_a_wrong_one(place: Path) -> None:
    names = ("--strategy", "NIFTY", "--id", "never", "--token", "26000", "--instrument", "45678")
    refused = run(place, "signals", "exit", *names, "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no_entry: unique_id: " in refused.stderr
    for wrong in (["enter", "--strategy", "NIFTY"], ["enter", "x.json", "--id", "1"], ["subscribe", "NIFTY"]):
        assert run(place, "signals", *wrong).returncode == 2

"""`fntx signals` as processes: from a strategy and its followers to a closed execution."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.simulate.gateway import unused_port
from tests import homes
from tests.processes import FNTX, environment, run

PAGE = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
STRIKE = {"symbol": "NIFTY26MAR23500CE", "index_name": "NIFTY", "strike_price": "23500", "position": "CE"}


@pytest.fixture(scope="module")
def place(used_home: Path) -> Iterator[Path]:
    with homes.home(used_home) as path:
        yield path


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """The API as `fntx api serve` serves it."""
    port = unused_port()
    server = subprocess.Popen(
        [FNTX, "api", "serve", "--no-watch", "--port", f"{port}"],
        env=environment(place),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    assert f"http://127.0.0.1:{port}" in server.stderr.readline()
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    server.stderr.close()


def in_shell(place: Path, url: str, script: str) -> str:
    script = script.replace(".venv/bin/fntx", shlex.quote(str(FNTX))).replace("http://127.0.0.1:8000", url)
    done = subprocess.run(["bash", "-c", script], env=environment(place), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_works_as_it_is_written(place: Path, url: str) -> None:
    _, started, sent, *others = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    expiry, proof = ([code for code in others if words in code] for words in ("signals settlement", "signals prove"))
    serve, commands = started.split("\n", 1)
    assert serve == ".venv/bin/fntx api serve &"
    script = commands + sent.replace("curl -sS ", "curl -sS --retry 20 --retry-connrefused --retry-delay 1 -w '\\n' ")
    said = in_shell(place, url, script + 'echo "$TOKEN"').splitlines()
    entered, left, found = map(json.loads, said[-4:-1])
    assert [(share["user_id"], share["qty"]) for share in entered["data"]["trader_results"]] == [
        ("ada", "75"),
        ("bob", "75"),
    ]
    shares = [(share["pnl"], share["fees"], share["status"]) for share in left["data"]["trader_results"]]
    assert shares == [("750", "0", "CLOSED"), ("750", "3.15", "CLOSED")]
    assert (found["data"]["trade"]["total_pnl"], found["data"]["trade"]["fees_total"]) == ("1500", "3.15")
    [python] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = f"TOKEN = {said[-1]!r}\n" + python.replace("Client(TOKEN)", f"Client(TOKEN, {url!r})")
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    expected = ["ada 75 ACTIVE None", "eve 0 FAILED qty_not_lot_multiple", "CLOSED 337.5", "409 no_entry"]
    assert asked.stdout.splitlines() == expected, asked.stderr
    assert "45678 settles at 152.35 on 2030-12-26" in in_shell(place, url, *expiry)
    file = shlex.quote(str(place / "share.json"))
    assert "The proof holds" in in_shell(place, url, proof[0].replace("share.json", file))


def said(home: Path, *arguments: str) -> str:
    done = run(home, "signals", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_strategy_and_its_followers_to_a_closed_execution(place: Path) -> None:
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
    figures = json.loads(said(place, "performance", "NIFTY", "--to", "2030-01-01", "--user", "bob", "--json"))
    assert (figures["net_pnl"], [user["net_pnl"] for user in figures["users"]]) == ("52.5", ["31.5"])
    shown = said(place, "performance", "NIFTY")
    assert "money (INR): total pnl 52.5, fees total 0, net pnl 52.5" in shown
    assert re.search("NIFTY26MAR23500CE .* 52.5 ", shown)
    assert run(place, "signals", "performance", "NOBODY").returncode == 2
    assert re.fullmatch(r"Execution \d+: closed 5 at 110.5: 5 of 5 in all.\n", left)
    [listed] = json.loads(said(place, "executions", "NIFTY", "--json"))
    assert (listed["status"], listed["total_pnl"], listed["overdue"]) == ("CLOSED", "52.5", False)
    shown = said(place, "show", f"{listed['signal_execution_id']}")
    assert ": 5 in at 100, out at 110.5 after 0 minutes (SIGNAL): P&L 52.50 INR, 10.5 %, net 52.50." in shown
    assert [row["outcome"] for row in json.loads(said(place, "log", "NIFTY", "--json"))] == [
        "processed",
        "duplicate",
        "processed",
    ]
    assert said(place, "settle") == "Nothing is open of an instrument that has expired.\n"


def test_a_refused_message_names_its_faults_and_a_half_command_is_a_wrong_one(place: Path) -> None:
    names = ("--strategy", "NIFTY", "--id", "never", "--token", "26000", "--instrument", "45678")
    refused = run(place, "signals", "exit", *names, "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no_entry: unique_id: " in refused.stderr
    for wrong in (
        ["enter", "--strategy", "NIFTY"],
        ["enter", "x.json", "--id", "1"],
        ["subscribe", "NIFTY"],
        ["subscribe", "NIFTY", "ada", "--qty", "1e3"],
    ):
        assert CliRunner().invoke(app, ["signals", *wrong]).exit_code == 2


def test_the_demo_carries_out_the_examples_to_the_cent(place: Path) -> None:
    done = run(place, "demo", "--signals")
    assert done.returncode == 0, done.stderr
    assert "In at 100.00 at 09:30 for 5, out at 110.00 at 15:20 after 350 minutes (SIGNAL)." in done.stdout
    assert "50.00 (10 %)" in done.stdout
    assert done.stdout.count(" 10.00 │") == 5
    assert "100 equal answers, 1 execution." in done.stdout
    assert "refused, over_max_notional" in done.stdout
    assert "The shares add up to the trade" in done.stdout
    assert "user-003 proves his share, 75 units and 98.37" in done.stdout
    assert re.search(r"The chains of \d+ entries hold", done.stdout)


def test_signals_are_committed_at_their_entry_and_revealed_to_whoever_verifies_them(place: Path) -> None:
    made = json.loads(said(place, "strategy", "COMMITTED", "--currency", "INR", "--commit", "--json"))
    assert made["commits"] is True
    message = {"token": "26000", "signal": "SELL_ENTRY", "unique_id": "one", "strike_price_token": "45678"}
    message |= {"strategy_code": "COMMITTED", "strike_data": STRIKE, "quote": {"bid": "100"}, "allocations": []}
    (place / "entry.json").write_text(json.dumps(message), encoding="utf-8")
    assert run(place, "signals", "enter", str(place / "entry.json"), "--json").returncode == 0
    waiting = json.loads(said(place, "commitments", "COMMITTED", "--json"))
    assert [(row["unique_id"], row["state"], row["number"]) for row in waiting] == [("one", "queued", None)]
    assert said(place, "commit").endswith("1 signals are committed; 0 wait or have failed.\n")
    assert json.loads(said(place, "commit", "--json")) == {"new": [], "waiting": [], "stopped": {}}
    file = place / "signals.json"
    assert "wrote 1 signals to" in said(place, "reveal", "COMMITTED", "-o", str(file))
    checked = run(place, "verify", str(file), "--json")
    assert (checked.returncode, json.loads(checked.stdout)["holds"]) == (0, True)
    file.write_text(file.read_text(encoding="utf-8").replace('"short"', '"long"'), encoding="utf-8")
    altered = run(place, "verify", str(file))
    assert (altered.returncode, "1 DO NOT HOLD." in altered.stdout) == (1, True)

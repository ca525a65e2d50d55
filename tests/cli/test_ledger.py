"""`fntx demo --orders`, `fntx api` and `fntx ledger`, as processes: the pages' own examples against a served API."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.simulate.gateway import unused_port
from tests import folders
from tests.processes import FNTX, environment, run

ROOT = Path(__file__).parents[2]
PAGE, BOTS = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("ledger.md", "bots.md"))


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fntx-ledger-", dir=folders.short()) as folder:
        place = Path(folder)
        place.chmod(0o755)
        yield place
        run(place, "db", "stop")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[tuple[Path, str]]:
    """The API as `fntx api serve` serves it, and its address."""
    port = unused_port()
    server = subprocess.Popen(
        [FNTX, "api", "serve", "--port", f"{port}"], env=environment(home), stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    assert f"http://127.0.0.1:{port}" in server.stderr.readline()
    yield home, f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert server.stderr.read() == "The API has ended.\n"


def in_shell(served: tuple[Path, str], script: str) -> str:
    """What a script of the page prints, against the served API."""
    home, url = served
    script = script.replace(".venv/bin/fntx", shlex.quote(str(FNTX))).replace("http://127.0.0.1:8000", url)
    done = subprocess.run(["bash", "-c", script], env=environment(home), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_of_a_bots_author_works_as_it_is_written(served: tuple[Path, str]) -> None:
    started, refused, filled = (code for code in re.findall(r"```sh\n(.*?)```", BOTS, re.DOTALL))
    serve, token = started.split("\n", 1)
    assert serve == ".venv/bin/fntx api serve &"
    for _ in range(100):
        asked = subprocess.run(["curl", "-sS", served[1]], capture_output=True, text=True)
        if "Connection refused" not in asked.stderr:
            break
        time.sleep(0.2)
    commands = (refused + filled).replace("curl -sS ", "curl -sS -w '\\n' ")
    answers = map(json.loads, in_shell(served, token + commands).splitlines())
    without, funding, order, summary, profits, breaker, limits = answers
    assert (without["success"], without["gate_failed"], without["reason_code"]) == (
        False,
        "fee_coverage",
        "quote_missing",
    )
    assert "the field quote" in without["rejection_reason"]
    assert "expected_edge_bps is missing" in without["rejection_reason"]
    assert (funding["type"], funding["amount"]) == ("deposit", "1000")
    assert (order["success"], order["state"], order["average_price"]) == (True, "filled", "100")
    assert (summary["total_fills"], profits["series"][-1]["trades"]) == (1, 1)
    assert (breaker["tripped"], limits["bot_daily"]["used"]) == (False, 1)


def in_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_the_python_of_the_page_and_the_strangers_check_work_as_written(served: tuple[Path, str]) -> None:
    home, url = served
    [first] = re.findall(r"```python\n(.*?)```", BOTS, re.DOTALL)
    [check] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    token = run(home, "api", "token", "--user", "ada").stdout.splitlines()[-1]
    asked = in_python(f"TOKEN = {token!r}\n" + first.replace("Client(TOKEN)", f"Client(TOKEN, {url!r})"))
    assert asked.stdout.splitlines() == ["filled 0.01 at 100", "404 order_not_found"], asked.stderr
    entries = home / "entries.jsonl"
    assert run(home, "ledger", "export", "--user", "ada", "-o", str(entries)).returncode == 0
    check = check.replace('"entries.jsonl"', repr(str(entries)))
    assert in_python(check).returncode == 0
    altered = entries.read_text(encoding="utf-8").replace('"amount": "1000"', '"amount": "1001"', 1)
    entries.write_text(altered, encoding="utf-8")
    assert "AssertionError: 2" in in_python(check).stderr


def test_the_ledger_holds_and_its_state_is_shown(served: tuple[Path, str]) -> None:
    home, _ = served
    verified = run(home, "ledger", "verify")
    assert verified.returncode == 0, verified.stderr
    assert "a replay equals the tables" in verified.stdout
    state = json.loads(run(home, "ledger", "status", "--json").stdout)
    [book] = state["books"]
    assert (book["user_id"], book["book"], book["tripped"]) == ("ada", "paper", [])
    assert ({task["task"] for task in state["watcher"]}, state["prices"]) == ({"prices", "stops", "alerts"}, [])
    assert "ada" in run(home, "ledger", "status").stdout


@pytest.mark.parametrize("command", ["verify", "status"])
def test_a_user_without_a_book_is_no_book_that_holds(served: tuple[Path, str], command: str) -> None:
    asked = run(served[0], "ledger", command, "--user", "adda")
    assert (asked.returncode, "adda has no book" in asked.stderr) == (1, True)


def test_a_second_watcher_waits_and_ends_cleanly_by_sigterm(served: tuple[Path, str]) -> None:
    home, _ = served
    second = subprocess.Popen([FNTX, "api", "watch"], env=environment(home), stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "Watching live books" in second.stderr.readline()
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert second.stderr.read() == "The watcher has ended.\n"
    second.stderr.close()
    state = json.loads(run(home, "ledger", "status", "--json").stdout)
    assert {task["holder"].partition(" on ")[0] for task in state["watcher"]} != {f"process {second.pid}"}


def test_tokens_are_listed_without_what_they_are_and_end_at_once(served: tuple[Path, str]) -> None:
    home, _ = served
    token = run(home, "api", "token", "--user", "bob", "--role", "reader", "--days", "1").stdout.strip()
    rows = json.loads(run(home, "api", "tokens", "--json").stdout)
    newest = rows[0]
    assert (newest["user_id"], newest["role"], newest["revoked_at"]) == ("bob", "reader", None)
    assert token not in json.dumps(rows)
    assert run(home, "api", "revoke", f"{newest['token_id']}").returncode == 0
    again = run(home, "api", "revoke", f"{newest['token_id']}")
    assert (again.returncode, "no token" in again.stderr) == (1, True)
    assert run(home, "api", "token", "--user", "x", "--role", "king").returncode == 1


def test_the_api_listens_on_this_machine_alone(home: Path) -> None:
    refused = run(home, "api", "serve", "--host", "0.0.0.0")
    assert (refused.returncode, "no address of this machine alone" in refused.stderr) == (2, True)


def test_the_demo_takes_a_bot_through_gates_trip_and_reset_and_to_an_exchange(home: Path) -> None:
    done = run(home, "demo", "--orders")
    assert done.returncode == 0, done.stderr
    assert "expected_edge_bps is missing" in done.stdout
    assert "10 approved orders at binance within 10 s" in done.stdout
    assert "5 losing round trips in a row" in done.stdout
    lost, resting, reached, again = [row for row in done.stdout.splitlines() if row.count("│") == 5][:4]
    assert re.search(r"filled +│ 0.5 +│ POST order, GET order, GET myTrades", lost)
    assert re.search(r"open +│ 0 +│ POST order ", resting)
    assert re.search(r"filled +│ 0.5 ", reached)
    assert re.search(r"filled +│ 0.5 +│ nothing", again)
    assert "The exchange has 2 orders" in done.stdout
    assert re.search(r"The chains of \d+ entries hold, and a replay of them equals the tables", done.stdout)
    assert f"FNTX_HOME={home}/demo-orders fntx ledger verify" in done.stdout


def test_a_row_that_the_owner_alters_as_the_page_says_is_named_by_the_verification(home: Path) -> None:
    """After the demo of the test before, in the demo's own home."""
    [script] = [code for code in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "db psql" in code]
    script = script.replace(".venv/bin/fntx", shlex.quote(str(FNTX))).replace("=.fntx", f"={home}")
    done = subprocess.run(["bash", "-c", script], env=environment(home), capture_output=True, text=True, timeout=120)
    assert "entry 9 was altered" in run(home / "demo-orders", "ledger", "status").stderr
    run(home / "demo-orders", "db", "stop")
    live = "ada (live): the chain of 3 entries holds, and a replay equals the tables."
    paper = "ada (paper): the chain of 32 entries holds, and a replay equals the tables."
    assert done.stdout.splitlines() == [live, paper, "ALTER TABLE", "UPDATE 1", live]
    assert (done.returncode, "ada (paper): entry 9 was altered" in done.stderr) == (1, True)


def test_a_file_of_fills_is_imported_and_an_entry_corrected(home: Path) -> None:
    file = home / "fills.jsonl"
    fill = {
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "side": "buy",
        "qty": 1,
        "price": 100.5,
        "exchange_trade_id": "t",
    }
    file.write_text(json.dumps(fill | {"timestamp": "2026-03-02T09:00:00Z"}), encoding="utf-8")
    command = ("ledger", "import", str(file), "--user", "cleo")
    assert json.loads(run(home, *command, "--json").stdout) == {"added": 1, "known": 0, "bad": 0, "faults": []}
    assert "0 fills added; 1 were in the book." in run(home, *command).stdout
    file.write_text(json.dumps(fill | {"timestamp": "2026-03-02"}), encoding="utf-8")
    refused = run(home, *command)
    assert (refused.returncode, "fills.jsonl, row 1, timestamp = '2026-03-02'" in refused.stderr) == (1, True)
    wrong = ("ledger", "correct", "1", "--user", "cleo", "--reason", "the price was wrong")
    assert "Entry 2 takes entry 1 back; entry 3 stands in its place." in run(home, *wrong, "--set", "price=99").stdout
    refused = run(home, *wrong)
    assert (refused.returncode, "entry 3 stands in the place of entry 1" in refused.stderr) == (1, True)
    wrong = ("ledger", "correct", "3", *wrong[3:])
    assert json.loads(run(home, *wrong, "--json").stdout) == {"reversal_no": 4, "entry_no": None}
    assert json.loads(run(home, *wrong, "--again", "--json").stdout) == {"reversal_no": None, "entry_no": 5}
    assert run(home, *wrong, "--set", "price").returncode == 2
    assert run(home, "ledger", "verify", "--user", "cleo").returncode == 0
    closes = home / "closes.csv"
    closes.write_text("exchange,symbol,day,price\nbinance,BTC/USDT,2026-03-02,100\nbinance,BTC/USDT,soon,100\n")
    refused = run(home, "ledger", "prices", str(closes), "--user", "cleo")
    assert (refused.returncode, "closes.csv, row 2, day = 'soon'" in refused.stderr) == (1, True)
    closes.write_text(closes.read_text().replace("soon", "2026-03-03"))
    given = run(home, "ledger", "prices", str(closes), "--user", "cleo", "--json")
    assert json.loads(given.stdout) == {"added": 2, "known": 0, "bad": 0, "faults": []}


@pytest.mark.slow
def test_the_demo_of_the_ledgers_days_ends_with_a_day_that_a_stranger_verified() -> None:
    with tempfile.TemporaryDirectory(prefix="fntx-days-", dir=folders.short()) as folder:
        shown = run(Path(folder), "demo", "--ledger")
        run(Path(folder), "db", "stop")
    assert shown.returncode == 0, shown.stderr
    assert "HOLDS" in shown.stdout
    assert "days after the end of the day in UTC, which is no day of the New York Stock Exchange, late" in shown.stdout
    assert re.search(r"the day's statement follows from the \d+ entries up to that head\n", shown.stdout)

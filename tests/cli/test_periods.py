"""A period from a terminal: proved, checked by itself and from a list, refused, and after the process was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_days
from tests import by_hand
from tests.processes import ALONE

ACCOUNT = "U7000001"
DAYS = [session.day for session in sessions(date(2025, 3, 3), date(2025, 3, 14))]
WHOLE = ("--from", "2025-03-03", "--to", "2025-03-14")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def signed(database: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two weeks that are signed, and not posted."""
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT, *DAYS)
    for day in DAYS:
        by_hand.build(database, ACCOUNT, day, closing_nav="100000")
    assert not sign(Settings(home=home), database, Period(DAYS[0], DAYS[-1])).refused
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "FNTX_HOME": str(home),
        "FNTX_DATABASE_URL": database.url,
        **dict.fromkeys(ALONE, "1"),
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    return database


def fntx(*arguments: str, code: int = 0) -> Result:
    """A command to its end; `code` is what the shell would see."""
    done = CliRunner().invoke(app, arguments)
    found = done.exception.exit_code if isinstance(done.exception, FntxError) else done.exit_code
    assert found == code, (done.output, done.exception)
    return done


def test_a_period_is_proved_listed_and_checked_with_the_codes_of_a_strangers_check(
    signed: Database, tmp_path: Path
) -> None:
    file = str(tmp_path / "period.json")
    made = fntx("signature", "period", *WHOLE, "--show", "net_pnl,win_rate", "--audience", "Ada", "-o", file, "--json")
    described = json.loads(made.stdout)
    assert (described["days"], described["shown"]) == (10, ["net_pnl", "wins", "losses"])
    assert "is not on the chain yet" in " ".join(described["warnings"])
    [row] = json.loads(fntx("signature", "shown", "--json").stdout)
    assert (row["kind"], row["audience"], row["items"]) == ("period", "Ada", described["shown"])
    assert "2025-03-03 to 2025-03-14" in fntx("signature", "shown").stdout
    alone = json.loads(fntx("verify", file, "--json", code=75).stdout)
    assert (alone["verdict"], alone["figures"]["net_pnl"]) == ("HOLDS, as far as checked", "125")
    lines = [f"{day.trading_day} {day.version} 0x{day.root.hex()}" for day in signed_days(signed, Period(*DAYS[::9]))]
    (tmp_path / "days.txt").write_text("\n".join(lines))
    said = fntx("verify", file, "--root-file", str(tmp_path / "days.txt"), "--audience", "Ada").stdout
    assert said.startswith("For: Ada\n")
    assert "net P&L: 125.00 HKD" in said
    assert "HOLDS, as far as checked" in said
    (tmp_path / "days.txt").write_text("\n".join([*lines, f"2025-03-08 1 0x{'11' * 32}"]))
    said = fntx("verify", file, "--root-file", str(tmp_path / "days.txt"), code=1).stdout
    assert "2025-03-08: the contract holds a record that the period leaves out" in said
    fntx("verify", file, "--audience", "Bob", code=1)
    fntx("verify", file, "--root", "0x" + "11" * 32, code=2)
    fntx("verify", file, "--rpc", "http://127.0.0.1:9", code=75)


def test_without_a_file_it_is_written_to_standard_output_and_what_cannot_be_is_refused(tmp_path: Path) -> None:
    text = fntx("signature", "period", *WHOLE, "--show", "costs").stdout
    assert json.loads(text[text.index("{") :])["format"] == "fntx.period/1"
    fntx("signature", "period", *WHOLE, "--show", "costs", "--json", code=2)
    refused = fntx("signature", "period", "--from", "2025-03-03", "--to", "2025-03-13", "--show", "costs", code=1)
    assert "2025-03-14 would stand alone" in str(refused.exception)
    fntx("signature", "period", "--from", "2025-03-03", "--to", "2025-03-13", "--show", "costs", "--isolate")
    fntx("signature", "disclose", "--date", "2025-03-05", "--metric", "net_pnl", code=1)
    fntx("signature", "disclose", "--date", "2025-03-05", "--metric", "net_pnl", "--isolate")
    assert len(json.loads(fntx("signature", "shown", "--json").stdout)) == 3


def test_what_cannot_be_written_is_not_registered_as_shown(tmp_path: Path) -> None:
    folder, file = tmp_path / "nowhere", tmp_path / "file.json"
    refused = fntx("signature", "period", *WHOLE, "--show", "costs", "-o", str(folder / "period.json"), code=1)
    assert f"the folder {folder} of period.json does not exist" in str(refused.exception)
    fntx("signature", "period", *WHOLE, "--show", "costs", "-o", str(tmp_path), code=1)
    fntx("signature", "disclose", "--date", "2025-03-05", "--metric", "net_pnl", "-o", str(folder / "a"), code=1)
    fntx("attest", "package", *WHOLE, "--witness", f"0x{'11' * 20}", "-o", str(folder / "a"), code=1)
    package = ("attest", "package", "--witness", f"0x{'11' * 20}", "-o", str(file))
    refused = fntx(*package, "--from", "2025-03-14", "--to", "2025-03-03", code=1)
    assert "is signed" not in str(refused.exception)
    fntx("attest", "check", str(tmp_path / "nothing.json"), "-o", str(file), code=2)
    assert json.loads(fntx("signature", "shown", "--json").stdout) == []
    fntx("signature", "period", *WHOLE, "--show", "costs", "-o", str(file))
    assert len(json.loads(fntx("signature", "shown", "--json").stdout)) == 1


def test_a_process_that_is_killed_before_it_writes_leaves_a_row_and_no_file(tmp_path: Path) -> None:
    """What was about to be shown is kept first: a file without its row would let days stand alone unseen."""
    file = tmp_path / "period.json"
    arguments = ["signature", "period", *WHOLE, "--show", "net_pnl", "-o", str(file)]
    killed = "import os, sys, pathlib; pathlib.Path.replace = lambda *_, **__: os.kill(os.getpid(), 9)\n"
    script = f"{killed}from fntx_dagster.cli import main; sys.argv = ['fntx', *{arguments!r}]; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not file.exists()
    assert len(json.loads(fntx("signature", "shown", "--json").stdout)) == 1
    fntx(*arguments)
    fntx("verify", str(file), code=75)

"""The database server is killed while a command waits for it: one line, exit code 75, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.samples import SAMPLES
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.processes import Process, run

DAYS = ("--from", "2025-07-01", "--to", "2025-07-18")
LOAD = ("load", str(SAMPLES))
RUN = ("run", *DAYS)
REPORT = ("report", *DAYS)


@pytest.fixture(scope="module")
def home(used_home: Path) -> Iterator[Path]:
    with homes.home(used_home) as path:
        yield path


def killed(home: Path, database: str, table: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A command whose database server is killed while the command waits for a table."""
    server = EmbeddedPostgres(home / "postgres")
    url = database_url(server.start(), database)
    with psycopg.connect(url, autocommit=True) as watching, psycopg.connect(url) as holding:
        holding.execute(f"lock table {table}".encode())
        process = Process(home, *command)
        waits = "select count(*) from pg_locks where not granted and relation = %s::regclass"
        while watching.execute(waits, [table]).fetchone() == (0,):
            assert process.is_running(), process.ended()
            time.sleep(0.02)
        os.kill(int((server.cluster / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
        done = process.ended()
        holding.close()
    return done


def is_said_in_a_line(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 75, done
    steps = ("  ✓", "  ✗", "    ", "skipped ")
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith(steps)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("fntx: ")


@pytest.mark.slow
# in the order in which the days come to be; each command goes on from what is there
@pytest.mark.parametrize(
    ("command", "database", "table"),
    [
        (LOAD, "fntx", "raw_flex.trades"),
        (LOAD, "fntx", "raw_flex.statements"),
        (RUN, "fntx", "alm_reporting.fills"),
        (RUN, "dagster", "event_logs"),
        (RUN, "fntx", "alm_reporting.daily_summary"),
        (RUN, "fntx", "alm_reporting.daily_signatures"),
        (REPORT, "fntx", "alm_reporting.daily_summary"),
    ],
)
def test_a_killed_server_is_one_line_and_try_again(
    home: Path, command: tuple[str, ...], database: str, table: str
) -> None:
    if (command, table) == (LOAD, "raw_flex.trades"):
        assert run(home, "status").returncode == 0  # the tables are there
    if (command, table) == (RUN, "alm_reporting.daily_summary"):
        assert run(home, *RUN).returncode == 0
    is_said_in_a_line(killed(home, database, table, *command))
    again = run(home, *command)
    assert again.returncode == 0, again.stderr

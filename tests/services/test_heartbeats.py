"""The heartbeat of a run whose process was only paused: it is given up, and writes nothing when it wakes up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from fntx_dagster.services.heartbeats import give_up, silences
from fntx_dagster.settings import Settings
from fntx_dagster.settings.runs import DagsterSettings
from fntx_dagster.store.database import Database

RUN = "b5c1a4b2-0000-4000-8000-000000000001"
SILENCE = 1.0

_PAUSED = """
import os, sys
from pathlib import Path
from fntx_dagster.services.heartbeats import living
from fntx_dagster.settings import Settings
from fntx_dagster.settings.runs import DagsterSettings
from fntx_dagster.store.database import Database

url, run, silence, home = sys.argv[1:]
db = Database(url)
settings = Settings(home=Path(home), dagster={"run_silence": float(silence)})
with db.connect() as before:  # a connection from before the run, used again in it
    before.execute("select 1")
with living(settings, lambda: db, run, "Test", "", lambda: os._exit(7)):
    with db.connect() as connection:
        connection.execute("insert into written values (1)")
        connection.execute("select pg_advisory_xact_lock(1)")
        print("ready", flush=True)
        sys.stdin.readline()
    print("committed", flush=True)
    with db.connect() as connection:
        connection.execute("insert into written values (2)")
"""


def paused(database: Database, home: Path) -> subprocess.Popen[str]:
    """A run in the middle of a transaction that holds a lock."""
    with database.connect() as connection:
        connection.execute("create table written (n int primary key)")
    command = [sys.executable, "-c", _PAUSED, database.url, RUN, str(SILENCE), str(home)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def written(database: Database) -> list[tuple[int]]:
    with database.connect() as connection:
        return connection.execute("select n from written order by n").fetchall()


def test_a_paused_run_holds_no_lock_once_given_up_and_commits_nothing_when_it_wakes_up(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, dagster=DagsterSettings(run_silence=SILENCE))
    process = paused(database, tmp_path)
    assert process.stdin
    assert process.stdout
    try:
        assert not give_up(settings, database, RUN, has_beaten=True), "it lives"
        os.kill(process.pid, signal.SIGSTOP)
        with psycopg.connect(database.url) as other:
            assert other.execute("select pg_try_advisory_xact_lock(1)").fetchone() == (False,)
        deadline = time.monotonic() + 20
        while not give_up(settings, database, RUN, has_beaten=True):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with database.connect() as connection:  # the one that takes its place
            connection.execute("set local lock_timeout = '5s'")
            connection.execute("select pg_advisory_xact_lock(1)")
            connection.execute("insert into written values (1)")
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait(20) in (1, 7), "an error of its ended session, or the end at its next heartbeat"
        assert "committed" not in process.stdout.read()
    finally:
        process.kill()
        process.wait()
    assert written(database) == [(1,)]
    assert silences(database, [RUN])[RUN].is_given_up


def test_a_run_that_lives_is_heard_of_and_ends(database: Database, tmp_path: Path) -> None:
    process = paused(database, tmp_path)
    out, _ = process.communicate("go\n", 20)
    assert "committed" in out
    assert written(database) == [(1,), (2,)]
    with database.connect() as connection:
        assert connection.execute("select ended_at is not null, given_up_at from fntx.run_heartbeats").fetchall() == [
            (True, None)
        ]

"""Runs on several machines: a machine that dies in the middle of a run, and the days that another one finishes."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database
from tests import folders
from tests.processes import run
from tests.served_ui import Ui, free_port, wait_for
from tests.servers import (
    CELERY,
    Machines,
    at_work,
    chain_of,
    deliver,
    kill_machine,
    launch,
    node,
    own_database,
    redis,
)
from tests.tools import needs_redis

IS_SEARCH = os.environ.get("FNTX_TEST_PROFILE") == "search"
ACCOUNTS = [f"U{3_000_000 + number}" for number in range(30 if IS_SEARCH else 3)]
FIRST, LAST = date(2024, 12, 2), date(2024, 12, 30 if IS_SEARCH else 4)
SESSIONS = len(sessions(FIRST, LAST))
"""Twenty, or three."""
SILENCE = 300 if IS_SEARCH else 15
ELSEWHERE_WITHIN = 360
"""Seconds from the death of a machine until its work goes on."""


@pytest.fixture
def machines(postgres: str, used_home: Path) -> Iterator[Machines]:
    folder = Path(tempfile.mkdtemp(prefix="fntx-servers-", dir=folders.short()))
    folder.chmod(0o755)
    try:
        (folder / "chain").mkdir(mode=0o755)
        chain_of(folder / "chain", ACCOUNTS)
        deliver(folder / "statements", ACCOUNTS, FIRST, LAST)
        with (
            redis() as broker,
            node(folder / "chain") as rpc,
            own_database(postgres, "servers", "template_fntx") as ours,
            own_database(postgres, "servers_dagster", "template1") as dagsters,
        ):
            machines = Machines(
                folder,
                used_home,
                FNTX_DATABASE_URL=ours,
                FNTX_DAGSTER_DATABASE_URL=dagsters,
                FNTX_BROKER_URL=broker,
                FNTX_DAGSTER_INSTANCE=str(CELERY),
                FNTX_RPC_URL=rpc,
                FNTX_CONTRACTS=str(folder / "chain" / "chain" / "contracts.json"),
                FNTX_RUN_SILENCE=str(SILENCE),
                FNTX_FIRST_SESSION=FIRST.isoformat(),
            )
            try:
                yield machines
            finally:
                machines.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@needs_redis
@pytest.mark.slow
def test_a_machine_that_dies_in_the_middle_is_replaced_and_every_day_is_signed_and_posted_once(
    machines: Machines,
) -> None:
    home, db = machines.home("daemon"), Database(machines.variables["FNTX_DATABASE_URL"])
    loaded = run(home, "load", str(machines.folder / "statements"), **machines.variables)
    assert loaded.returncode == 0, loaded.stderr
    for _ in range(2):
        machines.add_worker()
    ui = Ui(home, free_port(), in_background=False, token="", **machines.variables)
    try:
        launch(ui, range_tags(Period(FIRST, LAST)))
        wait_for(lambda: is_working(db), 240)
        victim = next(each for each in machines.workers if at_work(each, heard_of(db)[0][1]))
        kill_machine(victim)
        died = time.monotonic()
        wait_for(lambda: len(heard_of(db)) == 2, ELSEWHERE_WITHIN)
        assert time.monotonic() - died < ELSEWHERE_WITHIN
        wait_for(lambda: {run["status"] for run in ui.runs()} == {"FAILURE", "SUCCESS"}, 1200)
    finally:
        ui.end()
        db.close()
    assert posted(db) == len(ACCOUNTS) * SESSIONS
    assert posted_twice(db) == []


def heard_of(db: Database) -> list[tuple[str, int]]:
    """The runs that wrote a heartbeat, and their processes, in the order of their beginning."""
    with db.connect() as connection:
        return connection.execute("select run_id, process from fntx.run_heartbeats order by started_at").fetchall()


def is_working(db: Database) -> bool:
    """Whether a run is in the middle: it has written lots, and signed no day."""
    with db.connect() as connection:
        return connection.execute("select 1 from alm_reporting.position_lots limit 1").fetchone() is not None


def posted(db: Database) -> int:
    with db.connect() as connection:
        return len(connection.execute("select 1 from alm_reporting.chain_receipts").fetchall())


def posted_twice(db: Database) -> list[tuple[str, date]]:
    with db.connect() as connection:
        return connection.execute(
            """select account_id, trading_day from alm_reporting.chain_receipts
            group by account_id, trading_day having count(*) > 1"""
        ).fetchall()

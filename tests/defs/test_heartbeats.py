"""A run whose process died has failed, whatever launched it; one that lives, or was only quiet in Dagster's log, has
not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.defs import sensors
from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.heartbeats import heartbeat
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

from .around import Daemon, remember_run


@pytest.fixture
def daemon(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon(Settings(home=tmp_path), database, monkeypatch)
    daemon.now = datetime.now(UTC)
    return daemon


def started(daemon: Daemon, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> dg.DagsterRun:
    remember_run(daemon.instance, "refresh_days", status)
    [run] = daemon.instance.get_runs()
    daemon.instance.report_engine_event("the last that was heard", run)
    return run


def beat_and_die(daemon: Daemon, run: dg.DagsterRun, silent: float) -> None:
    """The run wrote its heartbeat, and then nothing for so many seconds."""
    with heartbeat(daemon.settings, lambda: daemon.db, daemon.instance, run), daemon.db.connect() as connection:
        for _ in range(100):
            if connection.execute("select 1 from fntx.run_heartbeats").fetchone():
                break
            connection.execute("select pg_sleep(0.05)")
            connection.commit()
    with daemon.db.connect() as connection:
        connection.execute(
            "update fntx.run_heartbeats set ended_at = null, seen_at = clock_timestamp() - make_interval(secs => %s)",
            [silent],
        )


def status_of(daemon: Daemon) -> dg.DagsterRunStatus:
    [run] = daemon.instance.get_runs()
    return run.status


def test_a_run_that_beats_goes_on(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it has written nothing to Dagster's log for an hour: a step may take that long."""
    beat_and_die(daemon, started(daemon), 10)
    daemon.now += timedelta(hours=1)
    assert daemon.tick(sensors.silent_runs) == "1 runs are under way."
    assert status_of(daemon) == dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_a_run_that_is_silent_for_five_minutes_is_over(
    daemon: Daemon, status: dg.DagsterRunStatus, becomes: dg.DagsterRunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tests' server may be younger than five minutes, and nobody is silent while it is away
    monkeypatch.setattr("fntx_dagster.services.heartbeats.is_silent", lambda *_: True)
    monkeypatch.setattr("fntx_dagster.defs.heartbeats.is_silent", lambda *_: True)
    beat_and_die(daemon, started(daemon, status), 301)
    assert daemon.tick(sensors.silent_runs) == "No run is under way."
    assert status_of(daemon) == becomes
    assert "its process is dead" in daemon.logged[0]


def test_a_run_that_is_heard_of_between_the_look_and_the_verdict_goes_on(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fntx_dagster.defs.heartbeats.is_silent", lambda *_: True)
    beat_and_die(daemon, started(daemon), 10)
    assert daemon.tick(sensors.silent_runs) == "1 runs are under way."


def test_a_run_that_died_before_its_first_heartbeat_is_judged_by_what_it_wrote_last(daemon: Daemon) -> None:
    started(daemon)
    daemon.now += timedelta(minutes=4)
    assert daemon.tick(sensors.silent_runs) == "1 runs are under way."
    daemon.now += timedelta(minutes=2)
    assert daemon.tick(sensors.silent_runs) == "No run is under way."
    assert status_of(daemon) == dg.DagsterRunStatus.FAILURE


def test_every_job_beats() -> None:
    """The platform does it: a job that does not need it would be failed while it works."""
    jobs = [defs.resolve_job_def(job.name) for job in defs.jobs or ()]
    ops = {job.name: [node for node in job.all_node_defs if isinstance(node, dg.OpDefinition)] for job in jobs}
    assert not [name for name, own in ops.items() if not any("platform" in node.required_resource_keys for node in own)]

"""What was recorded under the former names of jobs and checks is still understood."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.defs import former_names, sensors
from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.jobs import JOBS
from fntx_dagster.errors import Permanent
from fntx_dagster.model.finding import Finding
from fntx_dagster.settings import Settings
from fntx_dagster.store import alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import migrate
from tests.store.test_database import at_revision

from .around import Daemon, remember_run


def test_every_current_name_is_a_job_or_a_check_and_no_former_one_is() -> None:
    jobs = {job.name for job in JOBS}
    assert {*former_names.JOBS.values()} <= jobs
    assert not jobs & former_names.JOBS.keys()
    graph = defs.resolve_asset_graph()
    checks = {f"{key.asset_key.to_user_string()}/{key.name}" for key in graph.asset_check_keys}
    assert {*former_names.CHECKS.values()} <= checks
    assert not checks & former_names.CHECKS.keys()


def test_the_migration_renames_what_the_stored_alerts_are_about(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = at_revision(postgres, monkeypatch, "former_names", "0010")
    with database.connect() as connection:  # a later migration adds it; the store writes it today
        connection.execute("alter table alm_reporting.alerts add column dismissed_at timestamptz")
    renamed = {f"run/{former}": f"run/{current}" for former, current in former_names.JOBS.items()}
    renamed |= former_names.CHECKS
    for source in renamed:
        job = source.removeprefix("run/")
        alerts.observe(database, "run", source, [Finding(f"{job}: a, b", "text"), Finding("U…0001", f"{job}: text")])
    with database.connect() as connection:
        connection.execute("alter table alm_reporting.alerts drop column dismissed_at")
    migrate(database)
    stored = [(raised.source, raised.subject, raised.text) for raised in alerts.open_alerts(database)]
    expected = []
    for source, current in renamed.items():
        job, name = source.removeprefix("run/"), current.removeprefix("run/")
        subject = f"{name}: a, b" if source.startswith("run/") else f"{job}: a, b"
        expected += [(current, subject, "text"), (current, "U…0001", f"{job}: text")]
    assert stored == expected


@pytest.fixture
def daemon(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return Daemon(Settings(home=tmp_path), database, monkeypatch)


@pytest.mark.parametrize("former", ["from_loaded", "verified_day", "fetched_files", "refreshed_days", "signed_days"])
def test_a_run_under_way_with_a_former_name_is_waited_for(daemon: Daemon, former: str) -> None:
    remember_run(daemon.instance, former)
    assert daemon.tick(sensors.complete_days) == "Days are being built or signed."


def run_of(daemon: Daemon, name: str, error: Exception | None = None) -> None:
    """Run a job of one step under a name, and tick the sensor that its end is for."""

    @dg.op(name="step")
    def step() -> None:
        if error:
            raise error

    @dg.job(name=name)
    def job() -> None:
        step()

    done = job.execute_in_process(instance=daemon.instance, raise_on_error=False)
    sensor = sensors.failed_run if error else sensors.succeeded_run
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=done.get_run_failure_event() if error else done.get_run_success_event(),
        dagster_instance=daemon.instance,
        dagster_run=done.dagster_run,
        context=dg.build_sensor_context(instance=daemon.instance, resources=daemon.resources),
        resources=daemon.resources,
    )
    sensor(context.for_run_failure() if error else context)


def test_a_failure_under_the_former_name_is_resolved_by_a_success_under_the_current_one(daemon: Daemon) -> None:
    run_of(daemon, "signed_days", Permanent("no"))
    assert [raised.source for raised in alerts.open_alerts(daemon.db)] == ["run/sign_days"]
    run_of(daemon, "sign_days")
    assert alerts.open_alerts(daemon.db) == []


def test_a_failure_to_deliver_under_the_former_name_raises_no_alert(daemon: Daemon) -> None:
    run_of(daemon, "delivered_alerts", Permanent("no"))
    assert alerts.open_alerts(daemon.db) == []


def test_an_evaluation_of_the_former_check_is_one_of_the_current_check(daemon: Daemon) -> None:
    daemon.tick(sensors.alert)

    @dg.asset(check_specs=[dg.AssetCheckSpec("nothing_waits", asset="chain_receipt")])
    def chain_receipt() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="nothing_waits", passed=False)])

    dg.materialize([chain_receipt], instance=daemon.instance)
    daemon.tick(sensors.alert)
    assert [raised.source for raised in alerts.raised_after(daemon.db, 0)] == ["chain_receipt/no_record_waits"]

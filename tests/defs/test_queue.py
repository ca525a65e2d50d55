"""The queue of records for the chain: posted without a person when the chain is back, and an alert where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.served import serve
from fntx_dagster.defs import sensors
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.jobs import post_queue, sign_days
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.defs.signature import chain_receipt, daily_signature, signed_days_unchanged
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.gateway import unused_port
from fntx_dagster.store import alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days
from tests import by_hand

from .around import Daemon, remember_run

ONE = "U7000001"
JULY_15, JULY_16, JULY_17 = DAYS = [date(2025, 7, day) for day in (15, 16, 17)]


@pytest.fixture
def daemon(home: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    ready = Daemon(Settings(home=home), by_hand.create_marts(database), monkeypatch)
    ready.now = datetime.now(UTC)  # the queue's times are the database's
    return ready


def run(daemon: Daemon, job: str, days: dict[str, str]) -> dg.ExecuteInProcessResult:
    """A run as the daemon would start it."""
    defs = dg.Definitions(
        assets=[daily_signature, chain_receipt],
        asset_checks=[signed_days_unchanged],
        jobs=[sign_days, post_queue],
        resources=daemon.resources,
        executor=dg.in_process_executor,
    )
    return defs.resolve_job_def(job).execute_in_process(instance=daemon.instance, tags=days, raise_on_error=False)


def queue(daemon: Daemon, *days: date, state: str = "queued", hours: float = 0) -> None:
    """Signed days that wait, since some hours."""
    for day in days:
        by_hand.build(daemon.db, ONE, day)
    sign(daemon.settings, daemon.db, Period(days[0], days[-1]))
    with daemon.db.connect() as connection:
        connection.execute(
            """update alm_reporting.chain_postings set state = %s, error = 'the reason',
                queued_at = queued_at - make_interval(secs => %s)""",
            (state, hours * 3600),
        )


def states(daemon: Daemon) -> list[tuple[date, str]]:
    return [(record.trading_day, record.state) for record in unfinished(daemon.db)]


class TestAChainThatIsAway:
    """The embedded chain over HTTP is the node: stopped, and started again."""

    @contextmanager
    def node(self, home: Path, port: int) -> Iterator[None]:
        with connect(Settings(home=home)) as chain, serve(chain.web3.provider, port=port):
            yield

    def test_what_was_signed_meanwhile_is_posted_in_order_without_a_person_when_it_is_back(
        self, daemon: Daemon, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chain_receipt.op, "_retry_policy", None)  # it would wait for a quarter of a minute
        with connect(daemon.settings) as chain:
            trader = chain.trader(ONE).address  # funded, and burning is approved
        port = unused_port()
        daemon.settings = Settings(
            home=home,
            chain={
                "rpc_url": f"http://127.0.0.1:{port}",
                "contracts": home / "chain" / "contracts.json",
                "confirmations": 0,
                "explorer_url": "https://explorer.example/tx/{tx_hash}",
            },
        )
        daemon.tick(sensors.alert)
        for day in DAYS:
            by_hand.build(daemon.db, ONE, day)
        assert not run(daemon, "sign_days", range_tags(Period(JULY_15, JULY_16))).success
        assert states(daemon) == [(JULY_15, "queued"), (JULY_16, "queued")]

        asked = daemon.tick(sensors.chain_queue)
        assert asked.tags == range_tags(Period(JULY_15, JULY_16))
        failed = run(daemon, "post_queue", asked.tags)
        [event] = [event for event in failed.all_events if event.is_step_failure]
        said = event.step_failure_data.error.cause.message
        assert "Transient: 2 records wait for the chain: the RPC node does not answer" in said
        assert "the sensor `chain_queue` sends them later" in said

        assert not run(daemon, "sign_days", range_tags(Period.on(JULY_17))).success
        with self.node(home, port):
            asked = daemon.tick(sensors.chain_queue)
            assert asked.tags == range_tags(Period(JULY_15, JULY_17))
            done = run(daemon, "post_queue", asked.tags)
        assert done.success
        assert states(daemon) == []
        posted = posted_days(daemon.db, Period(JULY_15, JULY_17))
        assert [(day.trading_day, day.trader, day.is_final) for day in posted] == [(day, trader, True) for day in DAYS]
        assert len({day.tx_hash for day in posted}) == 1, "one transaction for all"
        assert daemon.tick(sensors.chain_queue) == "No record waits for the chain."
        [shown] = [
            event.step_materialization_data.materialization.metadata
            for event in done.all_events
            if event.is_step_materialization and event.partition == f"{JULY_16}"
        ]
        assert shown["transaction U…0001"].value == f"https://explorer.example/tx/{posted[0].tx_hash}"
        assert (shown["days in transaction U…0001"].value, shown["state U…0001"].value) == (3, "final")


class TestTheSensor:
    def test_nothing_is_asked_for_when_nothing_waits(self, daemon: Daemon) -> None:
        assert daemon.tick(sensors.chain_queue) == "No record waits for the chain."

    def test_all_that_waits_is_asked_for_at_once(self, daemon: Daemon) -> None:
        queue(daemon, JULY_15, JULY_16, JULY_17)
        assert daemon.tick(sensors.chain_queue).tags == range_tags(Period(JULY_15, JULY_17))

    def test_what_has_failed_waits_for_a_person(self, daemon: Daemon) -> None:
        queue(daemon, JULY_15, state="failed")
        assert daemon.tick(sensors.chain_queue) == "No record waits for the chain."

    @pytest.mark.parametrize("job", ["daily_run", "run_loaded_days", "sign_days", "post_queue"])
    def test_nothing_is_asked_for_while_records_are_posted(self, daemon: Daemon, job: str) -> None:
        queue(daemon, JULY_15)
        remember_run(daemon.instance, job)
        assert daemon.tick(sensors.chain_queue) == "Records are being signed or posted."

    @pytest.mark.parametrize(("hours", "runs"), [(0.0, 12), (30.0, 2)])
    def test_it_is_patient_and_the_more_the_longer_the_chain_is_away(
        self, daemon: Daemon, hours: float, runs: int
    ) -> None:
        queue(daemon, JULY_15, hours=hours)
        daemon.now = daemon.now.replace(minute=0, second=0)
        with daemon.db.connect() as connection:
            connection.execute(
                "update alm_reporting.chain_postings set queued_at = %s", (daemon.now - timedelta(hours=hours),)
            )
        keys = set()
        for _ in range(60):
            keys.add(daemon.tick(sensors.chain_queue).run_key)
            daemon.now += timedelta(minutes=1)
        assert len(keys) == runs

    def test_a_mined_record_is_asked_for_when_there_was_time_to_become_final(self, daemon: Daemon) -> None:
        queue(daemon, JULY_15, state="mined")
        with daemon.db.connect() as connection:
            connection.execute(
                """insert into alm_reporting.chain_receipts (account_id, trading_day, version, chain_id, contract,
                    trader, tx_hash, block_number, block_hash, gas_used, posted_at, confirmed_at)
                values (%s, %s, 1, 1, '', '', '1', 1, '1', 1, %s, null)""",
                (ONE, JULY_15, daemon.now),
            )
        said = "1 records are mined and become final in a few blocks."
        assert daemon.tick(sensors.chain_queue) == said
        daemon.now += timedelta(seconds=143)
        assert daemon.tick(sensors.chain_queue) == said
        daemon.now += timedelta(seconds=2)
        assert isinstance(daemon.tick(sensors.chain_queue), dg.RunRequest)


class TestAlerts:
    def open(self, daemon: Daemon) -> list[tuple[str, str]]:
        daemon.tick(sensors.alert)
        return [(raised.kind, raised.text) for raised in alerts.open_alerts(daemon.db)]

    def test_a_record_that_waits_too_long_is_one_alert_per_account_and_ends_with_the_queue(
        self, daemon: Daemon
    ) -> None:
        queue(daemon, JULY_15, JULY_16, hours=23)
        assert self.open(daemon) == []
        daemon.now += timedelta(hours=2)
        for _ in range(2):
            [(kind, text)] = self.open(daemon)
        assert kind == "queue"
        assert text.startswith("U…0001: 2 records from 2025-07-15 on wait for the chain, the oldest since ")
        with daemon.db.connect() as connection:
            connection.execute("update alm_reporting.chain_postings set state = 'final'")
        assert self.open(daemon) == []

    def test_a_failed_record_is_an_alert_at_once_with_its_reason_and_way_out(self, daemon: Daemon) -> None:
        queue(daemon, JULY_15, JULY_16, state="failed")
        text = (
            "U…0001: 2 records of 2025-07-15 to 2025-07-16 not posted: the reason. When that is settled: "
            "`fntx signature resubmit --date 2025-07-15 --to 2025-07-16`"
        )
        assert self.open(daemon) == [("queue", text)]

    def test_the_check_of_a_run_and_the_sensor_raise_it_once(self, daemon: Daemon) -> None:
        self.open(daemon)
        queue(daemon, JULY_15, state="failed")
        done = run(daemon, "post_queue", range_tags(Period.on(JULY_15)))
        assert done.success
        checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
        assert not checks["every_day_is_posted"].passed
        assert observed(checks["every_day_is_posted"]).findings == [], "its alert is the queue's"
        assert [kind for kind, _ in self.open(daemon)] == ["queue"]
        assert len(daemon.logged) == 1

    def test_what_another_run_could_not_post_is_over_when_the_queue_was_emptied(self, daemon: Daemon) -> None:
        for job in ("sign_days", "refresh_days"):
            finding = alerts.Finding(f"{job}: chain_receipt", f"{job}: chain_receipt: the node does not answer")
            alerts.observe(daemon.db, "run", f"run/{job}", [finding])
        done = run(daemon, "post_queue", range_tags(Period.on(JULY_15)))
        context = dg.build_run_status_sensor_context(
            sensor_name="succeeded_run",
            dagster_event=done.get_run_success_event(),
            dagster_instance=daemon.instance,
            dagster_run=done.dagster_run,
            context=dg.build_sensor_context(instance=daemon.instance, resources=daemon.resources),
            resources=daemon.resources,
        )
        sensors.succeeded_run(context)
        assert [raised.source for raised in alerts.open_alerts(daemon.db)] == ["run/refresh_days"]

"""What happens when something has changed, ticked as the daemon would, on an instance in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.defs import evaluations, sensors
from fntx_dagster.defs.alerts import deliver_alerts
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.ranges import BEGINNING, SHARD, range_tags
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services import alerting as notifications
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.following import StrategyChange, keep_strategy
from fntx_dagster.services.signals.receiving import enter_signal
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.settings.runs import DagsterSettings
from fntx_dagster.store import alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.fetches import Fetch, remember
from tests import by_hand

from .around import Daemon, remember_run

ONE, OTHER = "U7000001", "U7000002"
JULY_15, JULY_16, JULY_17 = (date(2025, 7, day) for day in (15, 16, 17))
UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
QUERIES = {"tokens": {"mine": "1"}, "queries": {"mine": {"Activity": "2"}}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def daemon(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return Daemon(settings, database, monkeypatch)


@pytest.fixture
def built(daemon: Daemon) -> Database:
    return by_hand.create_marts(daemon.db)


class TestMissingSessions:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(home=tmp_path, flex=QUERIES)

    def test_without_queries_nothing_is_missing(self, daemon: Daemon, tmp_path: Path) -> None:
        daemon.settings = Settings(home=tmp_path)
        assert daemon.tick(sensors.missing_sessions) == "No Flex queries are in the settings."

    def test_before_anything_was_fetched_the_due_session_is_asked_for(self, daemon: Daemon) -> None:
        assert daemon.tick(sensors.missing_sessions).tags == range_tags(Period.on(JULY_17))

    def test_nothing_is_asked_for_when_nothing_is_missing(self, daemon: Daemon) -> None:
        by_hand.fetched(daemon.db, ONE, JULY_16, JULY_17)
        assert daemon.tick(sensors.missing_sessions) == "Nothing is missing up to 2025-07-17."

    def test_after_an_outage_the_oldest_month_comes_first(self, daemon: Daemon) -> None:
        by_hand.fetched(daemon.db, ONE, date(2025, 6, 26))
        asked = daemon.tick(sensors.missing_sessions)
        assert asked.tags == range_tags(Period(date(2025, 6, 27), date(2025, 6, 30)))

    def test_what_was_asked_for_a_short_while_ago_waits_and_says_so(self, daemon: Daemon) -> None:
        by_hand.fetched(daemon.db, ONE, JULY_16)
        remember(daemon.db, Fetch("mine", "Activity", JULY_16, JULY_17, daemon.now - timedelta(minutes=5), "no_data"))
        assert daemon.tick(sensors.missing_sessions) == "2025-07-17 missing, asked for a short while ago."
        daemon.now += timedelta(hours=1)
        assert daemon.tick(sensors.missing_sessions).tags == range_tags(Period.on(JULY_17))

    @pytest.mark.parametrize("status", UNDER_WAY)
    @pytest.mark.parametrize("job", ["refresh_days", "daily_run", "fetch_files"])
    def test_nothing_is_asked_for_while_statements_are_fetched(
        self, daemon: Daemon, job: str, status: dg.DagsterRunStatus
    ) -> None:
        remember_run(daemon.instance, job, status)
        assert daemon.tick(sensors.missing_sessions) == "Statements are being fetched."

    def test_other_runs_and_finished_ones_are_no_reason_to_wait(self, daemon: Daemon) -> None:
        remember_run(daemon.instance, "refresh_current_day")
        for status in OVER:
            remember_run(daemon.instance, "refresh_days", status)
        assert isinstance(daemon.tick(sensors.missing_sessions), dg.RunRequest)

    def test_settings_that_do_not_fit_together_are_the_reason(self, daemon: Daemon, tmp_path: Path) -> None:
        daemon.settings = Settings(home=tmp_path, flex={"tokens": {"mine": "1"}, "queries": {ONE: {"Activity": "2"}}})
        said = daemon.tick(sensors.missing_sessions)
        assert said.startswith("FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES name different things: U…0001, mine")


class TestCompleteDays:
    @pytest.fixture
    def settings(self, home: Path) -> Settings:
        return Settings(home=home)

    def sign(self, daemon: Daemon, account: str, day: date) -> None:
        sign(daemon.settings, daemon.db, Period.on(day), account)

    def test_an_account_that_has_never_signed_waits_for_a_person_or_the_schedule(
        self, daemon: Daemon, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_16)
        said = "U…0001 has never signed: the first signature is the schedule's or yours."
        assert daemon.tick(sensors.complete_days) == said
        by_hand.build(built, OTHER, JULY_16)
        self.sign(daemon, OTHER, JULY_16)
        assert daemon.tick(sensors.complete_days) == f"Every built session of every other account is signed. {said}"

    def test_the_days_after_the_last_signed_one_are_asked_for_at_once(self, daemon: Daemon, built: Database) -> None:
        by_hand.build(built, ONE, JULY_15)
        self.sign(daemon, ONE, JULY_15)
        by_hand.build(built, ONE, JULY_17)
        by_hand.build(built, ONE, JULY_16)
        assert daemon.tick(sensors.complete_days).tags == {BEGINNING: "nothing"} | range_tags(Period(JULY_16, JULY_17))

    def test_a_day_that_fails_its_verification_is_named_and_not_requested(
        self, daemon: Daemon, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_15)
        self.sign(daemon, ONE, JULY_15)
        by_hand.build(built, ONE, JULY_16, passed=False)
        by_hand.build(built, ONE, JULY_17)
        said = daemon.tick(sensors.complete_days)
        assert said.startswith("U…0001 stops at 2025-07-16: 2025-07-16 of account U…0001 fails its verification")

    def test_an_account_that_had_to_stop_holds_no_other_up(self, daemon: Daemon, built: Database) -> None:
        for account in (ONE, OTHER):
            by_hand.build(built, account, JULY_15)
            self.sign(daemon, account, JULY_15)
        by_hand.build(built, ONE, JULY_16, passed=False)
        by_hand.build(built, OTHER, JULY_16)
        assert daemon.tick(sensors.complete_days).tags == {BEGINNING: "nothing"} | range_tags(Period.on(JULY_16))
        self.sign(daemon, OTHER, JULY_16)
        assert daemon.tick(sensors.complete_days).startswith("U…0001 stops at 2025-07-16")

    def test_what_waits_is_asked_for_once_an_hour(self, daemon: Daemon, built: Database) -> None:
        by_hand.build(built, ONE, JULY_15)
        self.sign(daemon, ONE, JULY_15)
        by_hand.build(built, ONE, JULY_16)
        first = daemon.tick(sensors.complete_days).run_key
        daemon.now += timedelta(minutes=59)
        assert daemon.tick(sensors.complete_days).run_key == first
        daemon.now += timedelta(minutes=1)
        assert daemon.tick(sensors.complete_days).run_key != first

    def test_a_day_more_is_asked_for_within_the_hour(self, daemon: Daemon, built: Database) -> None:
        by_hand.build(built, ONE, JULY_15)
        self.sign(daemon, ONE, JULY_15)
        by_hand.build(built, ONE, JULY_16)
        first = daemon.tick(sensors.complete_days)
        by_hand.build(built, ONE, JULY_17)
        assert daemon.tick(sensors.complete_days).run_key != first.run_key

    @pytest.mark.parametrize(
        "job",
        ["refresh_days", "daily_run", "fetch_files", "run_loaded_days", "verify_days", "sign_days", "post_queue"],
    )
    def test_nothing_is_requested_while_days_are_built_or_signed(self, daemon: Daemon, job: str) -> None:
        remember_run(daemon.instance, job)
        assert daemon.tick(sensors.complete_days) == "Days are being built or signed."


class TestShards:
    """Where the accounts are divided, each part has runs of its own; ONE is in 1/8, OTHER in 8/8."""

    @pytest.fixture
    def settings(self, home: Path) -> Settings:
        return Settings(home=home, dagster=DagsterSettings(shards=8))

    @pytest.fixture
    def signed(self, daemon: Daemon, built: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
        monkeypatch.setattr("fntx_dagster.services.shards.loaded", lambda _: [ONE, OTHER])
        for account in (ONE, OTHER):
            by_hand.build(built, account, JULY_15)
            sign(daemon.settings, daemon.db, Period.on(JULY_15), account)
            by_hand.build(built, account, JULY_16)
        return daemon

    def test_each_shard_with_days_to_sign_gets_a_run_of_its_own(self, signed: Daemon) -> None:
        asked = signed.ticks(sensors.complete_days)
        assert [run.tags[SHARD] for run in asked] == ["1/8", "8/8"]
        assert len({run.run_key for run in asked}) == 2

    def test_a_slow_shard_holds_up_no_other(self, signed: Daemon) -> None:
        remember_run(signed.instance, "sign_days", shard="1/8")
        assert [run.tags[SHARD] for run in signed.ticks(sensors.complete_days)] == ["8/8"]

    def test_a_run_for_all_accounts_holds_up_every_shard(self, signed: Daemon) -> None:
        remember_run(signed.instance, "daily_run")
        assert signed.tick(sensors.complete_days) == "Days are being built or signed."

    def test_nothing_is_built_where_nothing_is_stale(self, signed: Daemon) -> None:
        with signed.db.connect() as connection:
            connection.execute("delete from alm_reporting.untold_changes")
        assert signed.tick(sensors.stale_days) == "Everything that is loaded is built."

    def test_what_is_missing_is_fetched_once_for_all(self, daemon: Daemon, home: Path) -> None:
        daemon.settings = Settings(home=home, flex=QUERIES, dagster=DagsterSettings(shards=8))
        asked = daemon.tick(sensors.missing_sessions)
        assert (asked.job_name, SHARD in asked.tags) == ("fetch_files", False)


class TestOpenSession:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(home=tmp_path, gateway={"addresses": {ONE: "127.0.0.1:1"}})

    def test_without_a_gateway_nothing_is_asked(self, daemon: Daemon, tmp_path: Path) -> None:
        daemon.settings = Settings(home=tmp_path)
        assert daemon.tick(sensors.open_session) == "No IB Gateway is in the settings."

    @pytest.mark.parametrize(
        ("now", "is_open"),
        [
            ("2025-07-18 13:29", False),
            ("2025-07-18 13:30", True),
            ("2025-07-18 20:00", True),
            ("2025-07-18 20:30", True),  # what was booked at the close
            ("2025-07-18 20:31", False),
            ("2025-07-19 15:00", False),  # Saturday
            ("2025-07-04 15:00", False),  # a holiday
            ("2025-07-03 17:30", True),  # an early close at 17:00
            ("2025-07-03 17:31", False),
            ("2025-12-01 14:29", False),  # New York's winter
            ("2025-12-01 14:30", True),
        ],
    )
    def test_the_gateway_is_asked_while_the_session_is_open_and_half_an_hour_on(
        self, daemon: Daemon, now: str, is_open: bool
    ) -> None:
        daemon.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        said = daemon.tick(sensors.open_session)
        assert isinstance(said, dg.RunRequest) if is_open else said == "No session is open."

    def test_a_gateway_that_is_being_asked_is_not_asked_again(self, daemon: Daemon) -> None:
        remember_run(daemon.instance, "sign_days")
        assert isinstance(daemon.tick(sensors.open_session), dg.RunRequest)
        remember_run(daemon.instance, "refresh_current_day")
        assert daemon.tick(sensors.open_session) == "IB Gateway is being asked."

    def test_each_tick_is_a_run_of_its_own(self, daemon: Daemon) -> None:
        first = daemon.tick(sensors.open_session).run_key
        daemon.now += timedelta(minutes=5)
        assert daemon.tick(sensors.open_session).run_key != first


def evaluate(
    instance: dg.DagsterInstance,
    findings: Sequence[Finding],
    *,
    kind: str = "verification",
    days: Period | None = None,
) -> None:
    """A run whose asset has one check with these findings."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="figures")])
    def figures() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[result(kind, "holds", findings, "it does", days=days)])

    assert dg.materialize([figures], instance=instance).success


def short(day: date) -> Finding:
    return Finding(f"U…0001 {day}", f"{day} U…0001: a = b does not hold", day)


class TestAlert:
    @pytest.fixture
    def daemon(self, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
        """The first tick is over: what was found before it is not looked at."""
        ready = Daemon(settings, database, monkeypatch)
        ready.tick(sensors.alert)
        return ready

    def open(self, daemon: Daemon) -> list[str]:
        return [raised.text for raised in alerts.open_alerts(daemon.db)]

    def test_what_was_found_before_the_first_tick_raises_nothing(
        self, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daemon = Daemon(settings, database, monkeypatch)
        evaluate(daemon.instance, [short(JULY_16)])
        for _ in range(2):
            daemon.tick(sensors.alert)
        assert self.open(daemon) == []
        evaluate(daemon.instance, [short(JULY_17)])
        daemon.tick(sensors.alert)
        assert self.open(daemon) == ["2025-07-17 U…0001: a = b does not hold"]

    def test_a_failed_check_is_raised_and_logged_at_the_next_tick_and_only_there(self, daemon: Daemon) -> None:
        evaluate(daemon.instance, [short(JULY_16), short(JULY_17)])
        for _ in range(3):
            said = daemon.tick(sensors.alert)
        assert said == "2 alerts are open; FNTX_ALERT_URLS names no destination."
        assert daemon.logged == [
            "verification: 2025-07-16 U…0001: a = b does not hold",
            "verification: 2025-07-17 U…0001: a = b does not hold",
        ]

    def test_a_check_that_fails_again_is_not_raised_again(self, daemon: Daemon) -> None:
        for _ in range(3):
            evaluate(daemon.instance, [short(JULY_16)])
            daemon.tick(sensors.alert)
        assert len(daemon.logged) == 1

    def test_a_check_that_passes_later_ends_it(self, daemon: Daemon) -> None:
        evaluate(daemon.instance, [short(JULY_16), short(JULY_17)])
        daemon.tick(sensors.alert)
        evaluate(daemon.instance, [], days=Period.on(JULY_17))
        daemon.tick(sensors.alert)
        assert self.open(daemon) == ["2025-07-16 U…0001: a = b does not hold"]
        evaluate(daemon.instance, [])
        daemon.tick(sensors.alert)
        assert self.open(daemon) == []

    def test_what_failed_and_passed_between_two_ticks_is_over_and_was_logged(self, daemon: Daemon) -> None:
        evaluate(daemon.instance, [short(JULY_16)])
        evaluate(daemon.instance, [])
        daemon.tick(sensors.alert)
        assert self.open(daemon) == []
        assert len(daemon.logged) == 1

    def test_more_evaluations_than_a_tick_reads_are_read_by_the_next(
        self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(evaluations, "_EVENTS", 2)
        for day in (JULY_15, JULY_16, JULY_17):
            evaluate(daemon.instance, [short(day)], days=Period.on(day))
        daemon.tick(sensors.alert)
        assert len(self.open(daemon)) == 2
        daemon.tick(sensors.alert)
        assert len(self.open(daemon)) == 3

    def test_an_evaluation_that_appears_after_one_with_a_higher_id_is_read_once(
        self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluate(daemon.instance, [short(JULY_15)], days=Period.on(JULY_15))
        evaluate(daemon.instance, [short(JULY_16)], days=Period.on(JULY_16))
        storage = daemon.instance.event_log_storage
        known = storage.get_event_records
        with monkeypatch.context() as patch:
            patch.setattr(storage, "get_event_records", lambda *_, **options: known(*_, **options)[1:])
            daemon.tick(sensors.alert)
        assert self.open(daemon) == ["2025-07-16 U…0001: a = b does not hold"]
        daemon.tick(sensors.alert)
        assert len(self.open(daemon)) == 2
        alerts.observe(daemon.db, "verification", "figures/holds", [])
        daemon.tick(sensors.alert)
        assert self.open(daemon) == [], "what is over is not raised again by what was read before"

    def test_of_what_was_found_before_the_first_tick_nothing_is_raised_later(
        self, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daemon = Daemon(settings, database, monkeypatch)
        for day in (JULY_15, JULY_16):
            evaluate(daemon.instance, [short(day)])
        for _ in range(3):
            daemon.tick(sensors.alert)
        assert daemon.logged == []

    def test_settings_that_do_not_fit_together_are_an_alert_while_that_lasts(
        self, daemon: Daemon, tmp_path: Path
    ) -> None:
        daemon.settings = Settings(home=tmp_path, flex={"tokens": {"mine": "1"}})
        for _ in range(2):
            daemon.tick(sensors.alert)
        [text] = self.open(daemon)
        assert "name different things: mine" in text
        assert len(daemon.logged) == 1
        daemon.settings = Settings(home=tmp_path, flex=QUERIES)
        daemon.tick(sensors.alert)
        assert self.open(daemon) == []

    def test_assignments_of_the_last_seven_days_are_logged_once_for_ever(self, daemon: Daemon) -> None:
        for day in (date(2025, 7, 10), date(2025, 7, 11), JULY_17):
            by_hand.book(daemon.db, ONE, f"{day}", day)
        for _ in range(3):
            daemon.tick(sensors.alert)
        assert daemon.logged == [
            "assignment: U…0001: 1 SPY   250717P00625000 assigned in session 2025-07-11",
            "assignment: U…0001: 1 SPY   250717P00625000 assigned in session 2025-07-17",
        ]
        assert self.open(daemon) == []

    class TestWithADestination:
        @pytest.fixture
        def settings(self, tmp_path: Path) -> Settings:
            return Settings(home=tmp_path, alerts={"urls": ["json://127.0.0.1:1/secret"]})

        def test_a_new_alert_is_sent_by_a_run(self, daemon: Daemon) -> None:
            assert daemon.tick(sensors.alert) == "Every alert is delivered."
            evaluate(daemon.instance, [short(JULY_17)])
            assert isinstance(daemon.tick(sensors.alert), dg.RunRequest)

        def test_what_was_not_taken_is_tried_again_in_a_quarter_of_an_hour(self, daemon: Daemon) -> None:
            evaluate(daemon.instance, [short(JULY_17)])
            first = daemon.tick(sensors.alert).run_key
            daemon.now += timedelta(minutes=14)
            assert daemon.tick(sensors.alert).run_key == first
            daemon.now += timedelta(minutes=1)
            assert daemon.tick(sensors.alert).run_key != first

        def test_another_alert_does_not_wait_for_that(self, daemon: Daemon) -> None:
            evaluate(daemon.instance, [short(JULY_16)])
            first = daemon.tick(sensors.alert).run_key
            evaluate(daemon.instance, [short(JULY_16), short(JULY_17)])
            assert daemon.tick(sensors.alert).run_key != first

        def test_while_alerts_are_sent_no_other_run_is_asked_for(self, daemon: Daemon) -> None:
            evaluate(daemon.instance, [short(JULY_17)])
            remember_run(daemon.instance, "deliver_alerts")
            assert daemon.tick(sensors.alert) == "Alerts are being sent."

        def test_the_run_fails_in_words_without_the_url_when_nobody_takes_them(self, daemon: Daemon) -> None:
            evaluate(daemon.instance, [short(JULY_17)])
            daemon.tick(sensors.alert)
            done = deliver_alerts.execute_in_process(
                instance=daemon.instance, resources=daemon.resources, raise_on_error=False
            )
            assert not done.success
            [failed] = [event for event in done.all_events if event.is_step_failure]
            said = failed.step_failure_data.user_failure_data.description
            assert said.startswith("destination 1 (json): the message was not taken")
            assert "secret" not in "".join(map(repr, done.all_events))

        def test_the_run_sends_what_waits_and_the_next_tick_has_nothing_to_do(
            self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
        ) -> None:
            sent = []
            monkeypatch.setattr(notifications, "send", lambda url, title, text: sent.append(text))
            evaluate(daemon.instance, [short(JULY_17)])
            by_hand.book(daemon.db, ONE, "1", JULY_17)
            daemon.tick(sensors.alert)
            done = deliver_alerts.execute_in_process(instance=daemon.instance, resources=daemon.resources)
            assert done.success
            assert sent == [
                "U…0001: 1 SPY   250717P00625000 assigned in session 2025-07-17",
                "2025-07-17 U…0001: a = b does not hold",
            ]
            assert daemon.tick(sensors.alert) == "Every alert is delivered."


class TestRuns:
    def run(self, daemon: Daemon, body: Callable[[], None], job_name: str = "sign_days") -> None:
        """Runs a job of one step, and ticks the sensor that its end is for."""
        self.hear(daemon, self.end(daemon, body, job_name))

    def end(self, daemon: Daemon, body: Callable[[], None], job_name: str = "sign_days") -> dg.ExecuteInProcessResult:

        @dg.op(name="step")
        def step() -> None:
            body()

        @dg.job(name=job_name)
        def job() -> None:
            step()

        return job.execute_in_process(instance=daemon.instance, raise_on_error=False)

    def hear(self, daemon: Daemon, done: dg.ExecuteInProcessResult) -> None:
        event = done.get_run_success_event() if done.success else done.get_run_failure_event()
        sensor = sensors.succeeded_run if done.success else sensors.failed_run
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_event=event,
            dagster_instance=daemon.instance,
            dagster_run=done.dagster_run,
            context=dg.build_sensor_context(instance=daemon.instance, resources=daemon.resources),
            resources=daemon.resources,
        )
        sensor(context if done.success else context.for_run_failure())

    @staticmethod
    def fails(error: Exception) -> Callable[[], None]:
        def body() -> None:
            raise error

        return body

    def open(self, daemon: Daemon) -> list[tuple[str, str]]:
        return [(raised.kind, raised.text) for raised in alerts.open_alerts(daemon.db)]

    def test_a_run_that_fails_is_one_alert_with_what_the_step_said_and_accounts_masked(self, daemon: Daemon) -> None:
        for _ in range(2):
            self.run(daemon, self.fails(dg.Failure(f"account {ONE} has no key", allow_retries=False)))
        assert self.open(daemon) == [("run", "sign_days: step: account U…0001 has no key")]

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (Transient(f"the chain of {ONE} is away", "Try again"), "the chain of U…0001 is away. Try again"),
            (Permanent(f"{ONE} is unknown"), "U…0001 is unknown"),
            (KeyError(ONE), "KeyError: 'U…0001'"),
        ],
    )
    def test_whatever_was_raised_is_reported_without_a_whole_account(
        self, daemon: Daemon, error: Exception, said: str
    ) -> None:
        self.run(daemon, self.fails(error))
        [(_, text)] = self.open(daemon)
        assert said in text
        assert not re.search(r"U\d", text)

    def test_a_run_of_the_same_job_that_succeeds_ends_it_and_another_job_does_not(self, daemon: Daemon) -> None:
        self.run(daemon, self.fails(Permanent("no")))
        self.run(daemon, lambda: None, "refresh_days")
        assert len(self.open(daemon)) == 1
        self.run(daemon, lambda: None)
        assert self.open(daemon) == []

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_failure_before_a_success_is_an_alert_and_over_in_whatever_order_they_arrive(
        self, daemon: Daemon, reverse: bool
    ) -> None:
        ended = [self.end(daemon, self.fails(Permanent("no"))), self.end(daemon, lambda: None)]
        for done in reversed(ended) if reverse else ended:
            self.hear(daemon, done)
        assert self.open(daemon) == []
        assert len(alerts.raised_after(daemon.db, 0)) == 1

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_failure_after_a_success_stays_open_in_whatever_order_they_arrive(
        self, daemon: Daemon, reverse: bool
    ) -> None:
        ended = [self.end(daemon, lambda: None), self.end(daemon, self.fails(Permanent("no")))]
        for done in reversed(ended) if reverse else ended:
            self.hear(daemon, done)
        assert len(self.open(daemon)) == 1

    def test_a_run_that_succeeds_does_not_end_what_checks_found(self, daemon: Daemon) -> None:
        alerts.observe(daemon.db, "verification", "figures/holds", [short(JULY_17)])
        self.run(daemon, lambda: None)
        assert len(self.open(daemon)) == 1

    def test_a_failure_to_send_alerts_raises_none(self, daemon: Daemon) -> None:
        self.run(daemon, self.fails(dg.Failure("destination 1 (json): not taken")), "deliver_alerts")
        assert self.open(daemon) == []


def test_signals_that_wait_for_the_chain_request_a_run_each_minute_and_each_half_hour_when_they_are_old(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.tick(sensors.signal_commitments) == "No signal waits for the chain."
    desk = Desk(daemon.db)
    keep_strategy(desk, "NIFTY", StrategyChange(currency="INR", commits=True))
    entry = {"token": "23", "signal": "BUY_ENTRY", "unique_id": "one", "strike_price_token": "45678"}
    entry |= {"strategy_code": "NIFTY", "strike_data": {"symbol": "NIFTY26MAR23500CE"}, "allocations": []}
    enter_signal(desk, "provider", json.dumps(entry).encode(), daemon.now)
    now = datetime.now(UTC)
    keys = []
    for later in (timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=2)):
        daemon.now = now + later
        requested = daemon.tick(sensors.signal_commitments)
        assert isinstance(requested, dg.RunRequest)
        keys.append(requested.run_key)
    assert len(set(keys)) == 3
    assert "1 wait, 30 min" in str(keys[-1])
    remember_run(daemon.instance, "commit_signals")
    assert daemon.tick(sensors.signal_commitments) == "Signals are being committed."


def test_a_pool_is_attended_to_every_quarter_of_an_hour_once_it_is_named(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.tick(sensors.pool_days) == "No pool is in the settings."
    monkeypatch.setattr(sensors, "is_named", lambda settings: True)
    requested = daemon.tick(sensors.pool_days)
    daemon.now += timedelta(minutes=15)
    later = daemon.tick(sensors.pool_days)
    assert isinstance(requested, dg.RunRequest)
    assert isinstance(later, dg.RunRequest)
    assert requested.run_key != later.run_key
    remember_run(daemon.instance, "attend_pool")
    assert daemon.tick(sensors.pool_days) == "The pool is being attended to."

"""What happens at a time of day: which sessions are asked for, and why on some days none are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import BEGINNING, range_tags
from fntx_dagster.defs.schedules import month_to_date, signature_of_the_day
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

from .around import platform_of

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
ONE, OTHER = "U7000001", "U7000002"
JULY_15, JULY_16, JULY_17, JULY_18 = (date(2025, 7, day) for day in (15, 16, 17, 18))


def tick(
    schedule: dg.ScheduleDefinition, at: datetime, settings: Settings, db: Database
) -> dg.RunRequest | dg.SkipReason:
    """What a schedule asks for at an aware moment; it asks for one thing or says why not."""
    resources = {"platform": platform_of(settings, db)}
    [said] = schedule(dg.build_schedule_context(scheduled_execution_time=at, resources=resources))
    return said


BEGIN_LATEST = {BEGINNING: "latest"}


class TestMonthToDate:
    SETTINGS = Settings(flex={"tokens": {"mine": "1"}, "queries": {"mine": {"Activity": "2"}}})

    def at_five_in_hong_kong(self, day: str, settings: Settings = SETTINGS) -> dg.RunRequest | dg.SkipReason:
        at = datetime.fromisoformat(f"{day} 17:00").replace(tzinfo=HONG_KONG)
        return tick(month_to_date, at, settings, Database("postgresql:///nobody-asks-it"))

    @pytest.mark.parametrize(
        ("day", "first", "last"),
        [
            ("2025-07-18", "2025-07-01", "2025-07-17"),  # Friday
            ("2025-07-19", "2025-07-01", "2025-07-18"),  # Saturday: Friday's session
            ("2025-07-02", "2025-07-01", "2025-07-01"),  # the day after the month's first session
            ("2025-08-01", "2025-07-01", "2025-07-31"),  # the month is over: all of it
            ("2025-08-02", "2025-08-01", "2025-08-01"),  # a month that begins on a Friday
            ("2025-09-03", "2025-09-02", "2025-09-02"),  # a month whose first weekday is a holiday
            ("2025-05-31", "2025-05-01", "2025-05-30"),  # a month whose last day is no session
            ("2026-01-01", "2025-12-01", "2025-12-31"),  # a holiday in New York, after a session
            ("2025-03-11", "2025-03-03", "2025-03-10"),  # just after New York's clocks went forward
            ("2025-11-04", "2025-11-03", "2025-11-03"),  # and back
        ],
    )
    def test_the_month_of_the_session_that_is_over_is_asked_for(self, day: str, first: str, last: str) -> None:
        asked = self.at_five_in_hong_kong(day)
        assert asked.tags == range_tags(Period(date.fromisoformat(first), date.fromisoformat(last)))
        assert SESSIONS.has_partition_key(first)
        assert SESSIONS.has_partition_key(last)

    @pytest.mark.parametrize(
        ("day", "reason"),
        [
            ("2025-07-20", "2025-07-19 was no session (weekend): there is no new statement."),
            ("2025-07-21", "2025-07-20 was no session (weekend): there is no new statement."),
            ("2025-07-05", "2025-07-04 was no session (July 4th): there is no new statement."),
            ("2025-12-26", "2025-12-25 was no session (Christmas): there is no new statement."),
            ("2025-04-19", "2025-04-18 was no session (Good Friday): there is no new statement."),
            ("2025-01-10", "2025-01-09 was no session (holiday): there is no new statement."),
        ],
    )
    def test_the_day_after_a_day_without_a_session_says_which_day_that_was(self, day: str, reason: str) -> None:
        assert self.at_five_in_hong_kong(day).skip_message == reason

    def test_without_queries_it_says_so(self) -> None:
        assert "statements come by hand" in self.at_five_in_hong_kong("2025-07-18", Settings()).skip_message

    def test_settings_that_do_not_fit_together_are_the_reason(self) -> None:
        said = self.at_five_in_hong_kong("2025-07-18", Settings(flex={"tokens": {"mine": "1"}}))
        assert "name different things: mine" in said.skip_message

    def test_two_days_ask_for_two_runs(self) -> None:
        asked = [self.at_five_in_hong_kong(day) for day in ("2025-07-18", "2025-07-18", "2025-07-19")]
        assert len({request.run_key for request in asked}) == 2


class TestSignatureOfTheDay:
    @pytest.fixture
    def settings(self, home: Path) -> Settings:
        return Settings(home=home)

    @pytest.fixture
    def built(self, database: Database) -> Database:
        return by_hand.create_marts(database)

    def at_midnight(self, settings: Settings, db: Database, day: date = JULY_18) -> dg.RunRequest | dg.SkipReason:
        return tick(signature_of_the_day, datetime(day.year, day.month, day.day, tzinfo=UTC), settings, db)

    def test_before_anything_is_built_there_is_nothing_to_sign(self, settings: Settings, database: Database) -> None:
        said = self.at_midnight(settings, database).skip_message
        assert said == "Every built session is signed; the next waits for its official NAV."

    def test_an_account_that_has_never_signed_begins_with_its_latest_session(
        self, settings: Settings, built: Database
    ) -> None:
        for day in (JULY_15, JULY_16, JULY_17):
            by_hand.build(built, ONE, day)
        assert self.at_midnight(settings, built).tags == BEGIN_LATEST | range_tags(Period.on(JULY_17))

    def test_history_that_was_built_and_never_signed_is_not_signed_by_itself(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, date(2024, 12, 31))
        assert self.at_midnight(settings, built).skip_message

    def test_an_account_that_has_signed_goes_on_where_it_stopped(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_15)
        sign(settings, built, Period.on(JULY_15))
        by_hand.build(built, ONE, JULY_17)
        by_hand.build(built, ONE, JULY_16)
        assert self.at_midnight(settings, built).tags == BEGIN_LATEST | range_tags(Period(JULY_16, JULY_17))

    def test_when_all_are_signed_it_says_so_whatever_lies_before_the_first(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_16)
        by_hand.build(built, ONE, JULY_17)
        sign(settings, built, Period.on(JULY_17))
        said = self.at_midnight(settings, built).skip_message
        assert said == "Every built session is signed; the next waits for its official NAV."

    def test_a_signed_day_that_waits_for_the_chain_is_left_to_the_queue(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_16)
        sign(settings, built, Period.on(JULY_16))
        said = self.at_midnight(settings, built).skip_message
        assert said == "Every built session is signed; the next waits for its official NAV."

    def test_an_account_that_fails_its_verification_holds_no_other_up(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_16, passed=False)
        by_hand.build(built, OTHER, JULY_17)
        assert self.at_midnight(settings, built).tags == BEGIN_LATEST | range_tags(Period.on(JULY_17))

    def test_when_every_account_had_to_stop_it_says_where_and_why(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_17, passed=False)
        said = self.at_midnight(settings, built).skip_message
        assert said.startswith("U…0001 stops at 2025-07-17: 2025-07-17 of account U…0001 fails its verification: a = b")
        assert ONE not in said

    def test_days_before_the_one_that_fails_are_signed(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_15)
        sign(settings, built, Period.on(JULY_15))
        by_hand.build(built, ONE, JULY_16)
        by_hand.build(built, ONE, JULY_17, passed=False)
        assert self.at_midnight(settings, built).tags == BEGIN_LATEST | range_tags(Period.on(JULY_16))

    def test_a_session_that_the_statements_lack_keeps_the_ones_after_it_from_being_signed(
        self, settings: Settings, built: Database
    ) -> None:
        """Signed in order: what fills the hole would change the figures of the days after it."""
        by_hand.build(built, ONE, JULY_15)
        sign(settings, built, Period.on(JULY_15))
        by_hand.build(built, ONE, JULY_17)
        by_hand.official_navs(built, ONE, JULY_15, JULY_17)
        said = self.at_midnight(settings, built).skip_message
        assert said.startswith("U…0001 stops at 2025-07-16: 2025-07-16 U…0001: no official NAV in the statements")

    @pytest.mark.parametrize(
        ("midnight", "reason"),
        [
            (date(2025, 7, 5), "2025-07-04 was no session (July 4th)."),
            (date(2025, 7, 20), "2025-07-19 was no session (weekend)."),
            (date(2025, 11, 28), "2025-11-27 was no session (Thanksgiving)."),
        ],
    )
    def test_on_a_holiday_without_anything_to_sign_it_names_the_holiday(
        self, settings: Settings, built: Database, midnight: date, reason: str
    ) -> None:
        said = self.at_midnight(settings, built, midnight).skip_message
        assert said == f"{reason} Every built session is signed; the next waits for its official NAV."

    def test_what_waits_is_signed_on_a_holiday_too(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, date(2025, 7, 3))
        asked = self.at_midnight(settings, built, date(2025, 7, 5))
        assert asked.tags == BEGIN_LATEST | range_tags(Period.on(date(2025, 7, 3)))

    def test_the_next_night_asks_again_for_what_still_waits(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_17)
        nights = [JULY_18, JULY_18, JULY_18 + timedelta(days=1)]
        assert len({self.at_midnight(settings, built, night).run_key for night in nights}) == 2

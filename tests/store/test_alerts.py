"""The memory of what a person has to know: what opens an alert, what ends it, who has had it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.store.alerts import (
    Finding,
    mark_delivered,
    newest,
    note_assignments,
    observe,
    open_alerts,
    raised_after,
    undelivered,
)
from fntx_dagster.store.database import Database
from tests import by_hand

JULY_16, JULY_17, JULY_18 = date(2025, 7, 16), date(2025, 7, 17), date(2025, 7, 18)
ONE = "U7000001"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def finding(subject: str, day: date | None = None) -> Finding:
    return Finding(subject, f"{subject} is not as it should be", day)


def see(
    db: Database,
    *findings: Finding,
    source: str = "daily_verification/logical",
    days: Period | None = None,
    looked: list[str] | None = None,
) -> int:
    """How many alerts the findings open."""
    count = "select count(*) from alm_reporting.alerts"
    [(before,)] = query(db, count)
    observe(db, "verification", source, findings, days, looked=looked)
    [(after,)] = query(db, count)
    return after - before


def subjects(db: Database) -> list[str]:
    return [alert.subject for alert in open_alerts(db)]


def query(db: Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    with db.connect() as connection:
        return connection.execute(text, values).fetchall()


def test_a_finding_that_is_observed_again_is_raised_once(database: Database) -> None:
    assert [see(database, finding("a"), finding("b")) for _ in range(3)] == [2, 0, 0]
    assert subjects(database) == ["a", "b"]


def test_a_finding_that_comes_twice_is_one_alert(database: Database) -> None:
    assert see(database, finding("a"), finding("a")) == 1


def test_an_open_alert_keeps_the_words_in_which_it_was_raised(database: Database) -> None:
    see(database, Finding("a", "it is 3 short"))
    see(database, Finding("a", "it is 4 short"))
    assert [alert.text for alert in open_alerts(database)] == ["it is 3 short"]


def test_a_finding_that_is_not_observed_again_is_over(database: Database) -> None:
    see(database, finding("a"), finding("b"))
    see(database, finding("b"))
    assert subjects(database) == ["b"]
    [(over,)] = query(database, "select resolved_at >= raised_at from alm_reporting.alerts where subject = 'a'")
    assert over


def test_what_comes_back_after_it_was_over_is_a_second_alert(database: Database) -> None:
    see(database, finding("a"))
    see(database)
    assert see(database, finding("a")) == 1
    assert len(subjects(database)) == 1
    assert query(database, "select count(*) from alm_reporting.alerts") == [(2,)]


def test_a_look_at_some_days_does_not_end_the_others(database: Database) -> None:
    see(database, *(finding(str(day), day) for day in (JULY_16, JULY_17, JULY_18)), finding("every day"))
    see(database, days=Period(JULY_16, JULY_17))
    assert subjects(database) == ["2025-07-18", "every day"]


def test_a_look_at_some_subjects_does_not_end_the_others(database: Database) -> None:
    see(database, finding("a"), finding("b"), finding("c"))
    see(database, finding("b"), looked=["b", "c"])
    assert subjects(database) == ["a", "b"]
    see(database, looked=[])
    assert subjects(database) == ["a", "b"]


def test_one_source_does_not_end_what_another_observed(database: Database) -> None:
    see(database, finding("a"), source="one")
    see(database, finding("a"), source="other")
    see(database, source="one")
    assert [(alert.source, alert.subject) for alert in open_alerts(database)] == [("other", "a")]


class TestDelivery:
    def test_each_destination_has_its_own_memory(self, database: Database) -> None:
        see(database, finding("a"), finding("b"))
        first, second = open_alerts(database)
        mark_delivered(database, [first], "here")
        mark_delivered(database, [first, second], "there")
        assert undelivered(database, "here", LONG_AGO) == [second]
        assert undelivered(database, "there", LONG_AGO) == []
        assert undelivered(database, "new", LONG_AGO) == [first, second]

    def test_marking_twice_marks_once(self, database: Database) -> None:
        see(database, finding("a"))
        for _ in range(2):
            mark_delivered(database, open_alerts(database), "here")
        assert query(database, "select delivered_to from alm_reporting.alerts") == [(["here"],)]

    def test_what_is_over_and_was_raised_before_a_moment_is_not_waiting_and_what_is_open_is(
        self, database: Database
    ) -> None:
        see(database, finding("over"), finding("open"))
        with database.connect() as connection:
            connection.execute("update alm_reporting.alerts set raised_at = raised_at - interval '4 days'")
        see(database, finding("open"), finding("new"))
        since = datetime.now(UTC) - timedelta(days=3)
        assert [alert.subject for alert in undelivered(database, "here", since)] == ["open", "new"]

    def test_what_was_raised_since_another_is_listed_whether_it_is_over_or_not(self, database: Database) -> None:
        assert newest(database) == 0
        see(database, finding("a"))
        before = newest(database)
        see(database, finding("b"))
        see(database, finding("c"))
        assert [alert.subject for alert in raised_after(database, before)] == ["b", "c"]
        assert len(raised_after(database, 0)) == 3


class TestAssignments:
    @pytest.fixture
    def assigned(self, database: Database) -> Database:
        by_hand.book(database, ONE, "1", JULY_17, quantity="10")
        return database

    def texts(self, db: Database) -> list[str]:
        return [alert.text for alert in undelivered(db, "here", LONG_AGO)]

    def test_each_is_raised_once_for_ever(self, assigned: Database) -> None:
        assert [note_assignments(assigned, JULY_16) for _ in range(3)] == [1, 0, 0]
        assert self.texts(assigned) == ["U…0001: 10 SPY   250717P00625000 assigned in session 2025-07-17"]

    def test_it_waits_for_delivery_and_is_never_open(self, assigned: Database) -> None:
        note_assignments(assigned, JULY_16)
        assert open_alerts(assigned) == []
        [alert] = undelivered(assigned, "here", LONG_AGO)
        assert (alert.kind, alert.trading_day) == ("assignment", JULY_17)

    def test_one_whose_day_is_rebuilt_is_not_raised_again(self, assigned: Database) -> None:
        note_assignments(assigned, JULY_16)
        with assigned.connect() as connection:
            connection.execute("delete from alm_reporting.fills")
        by_hand.book(assigned, ONE, "1", JULY_17, quantity="10")
        assert note_assignments(assigned, JULY_16) == 0

    def test_two_of_a_night_are_two_alerts(self, assigned: Database) -> None:
        by_hand.book(assigned, ONE, "2", JULY_17)
        by_hand.book(assigned, "U7000002", "2", JULY_17)
        assert note_assignments(assigned, JULY_16) == 3

    def test_accounts_that_are_masked_alike_have_an_alert_each(self, assigned: Database) -> None:
        by_hand.fetched(assigned, ONE, JULY_16)
        by_hand.fetched(assigned, "U1000001", JULY_16)
        by_hand.book(assigned, "U1000001", "1", JULY_17)
        assert note_assignments(assigned, JULY_16) == 2
        assert self.texts(assigned)[0].startswith("U…0001 (2): 1 SPY")

    def test_what_is_older_or_another_kind_is_not_raised(self, assigned: Database) -> None:
        by_hand.book(assigned, ONE, "2", JULY_16)
        by_hand.book(assigned, ONE, "3", JULY_17, kind="expiration")
        assert note_assignments(assigned, JULY_17) == 1

    def test_an_option_without_a_symbol_is_named_by_its_contract(self, database: Database) -> None:
        by_hand.book(database, ONE, "1", JULY_17, symbol=None)
        note_assignments(database, JULY_16)
        assert self.texts(database) == ["U…0001: 1 800000625 assigned in session 2025-07-17"]

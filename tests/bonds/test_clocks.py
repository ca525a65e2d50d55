"""When a payment is late: to the second, on both sides of each moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.clocks import BondLateness, default_from, delinquent_from, lateness, step_of_the_clock
from fntx_dagster.governance.machines import BOND, step


class Owed(NamedTuple):
    due_date: date
    unpaid: int


DUE = date(2026, 3, 1)
SECOND = timedelta(seconds=1)
DELINQUENT_AT = datetime(2026, 3, 12, tzinfo=UTC)
DEFAULT_AT = datetime(2026, 4, 11, tzinfo=UTC)


def test_the_tenth_day_after_the_due_date_is_still_in_time() -> None:
    assert delinquent_from(DUE) == DELINQUENT_AT
    assert default_from(DUE) == DEFAULT_AT
    assert delinquent_from(DUE, grace=0) == datetime(2026, 3, 2, tzinfo=UTC)
    assert default_from(DUE, grace=0, cure=0) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "unpaid", "now", "event"),
    [
        ("Current", 1, DELINQUENT_AT - SECOND, None),
        ("Current", 1, DELINQUENT_AT, "miss_payment"),
        ("Current", 0, DELINQUENT_AT, None),
        ("Current", 1, DEFAULT_AT, "miss_payment"),
        ("Delinquent", 1, DEFAULT_AT - SECOND, None),
        ("Delinquent", 1, DEFAULT_AT, "cure_period_ends"),
        ("Delinquent", 0, DEFAULT_AT - SECOND, "pay"),
        ("Delinquent", 0, DEFAULT_AT, "pay"),
        ("Defaulted", 1, DEFAULT_AT, None),
    ],
)
def test_a_step_is_taken_at_its_moment_and_not_before(
    state: str, unpaid: int, now: datetime, event: str | None
) -> None:
    assert step_of_the_clock(state, [Owed(DUE, unpaid)], now) == event


def test_a_moment_is_judged_in_utc_wherever_it_was_written() -> None:
    far = timezone(timedelta(hours=14))
    assert step_of_the_clock("Current", [Owed(DUE, 1)], (DELINQUENT_AT - SECOND).astimezone(far)) is None
    assert lateness([Owed(DUE, 1)], datetime(2026, 3, 2, 5, tzinfo=far)).oldest is None


def test_the_oldest_payment_that_is_not_paid_sets_the_clock() -> None:
    second = date(2026, 3, 20)
    late = lateness([Owed(second, 5), Owed(DUE, 1), Owed(date(2027, 1, 1), 9)], DEFAULT_AT)
    assert late == BondLateness(DUE, 41, 6, DELINQUENT_AT, DEFAULT_AT)
    paid = lateness([Owed(second, 5), Owed(DUE, 0)], DEFAULT_AT)
    assert paid == BondLateness(second, 22, 5, delinquent_from(second), default_from(second))
    # It is not cured by paying the oldest alone.
    assert step_of_the_clock("Delinquent", [Owed(second, 5), Owed(DUE, 0)], DEFAULT_AT) is None


def test_nothing_is_overdue_on_the_due_date_itself() -> None:
    owed = [Owed(DUE, 7)]
    assert lateness(owed, datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)) == BondLateness(None, 0, 0, None, None)
    assert lateness(owed, datetime(2026, 3, 2, tzinfo=UTC))[:3] == (DUE, 1, 7)


@given(st.integers(1, 100), st.integers(1, 100), st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_a_part_that_is_paid_moves_no_clock(unpaid: int, more: int, day: date) -> None:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for state in ("Current", "Delinquent"):
        assert step_of_the_clock(state, [Owed(DUE, unpaid)], now) == step_of_the_clock(
            state, [Owed(DUE, unpaid + more)], now
        )


def test_each_event_of_the_clock_is_one_of_the_bond() -> None:
    for state, event in (("Current", "miss_payment"), ("Delinquent", "pay"), ("Delinquent", "cure_period_ends")):
        assert step(BOND, state, event).event == event

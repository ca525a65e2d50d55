"""Dates of a contract: how they are written, how a cycle counts them, and where a day without business moves them."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.business_days import CONVENTIONS, NO_SHIFT, business_days
from fntx_dagster.bonds.cycles import Cycle, after, dates, read_cycle
from fntx_dagster.bonds.moments import Moment, read_moment

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


def of(anchor: str, cycle: str, end: str, **options: bool) -> list[str]:
    found = dates(read_moment(anchor), read_cycle(cycle), read_moment(end), **{"with_end": True, **options})
    return [str(each.day)[2:] for each in found]


def test_each_date_is_counted_from_the_anchor_and_cut_to_its_month() -> None:
    assert of("2026-01-31", "P1ML1", "2026-05-15") == ["26-01-31", "26-02-28", "26-03-31", "26-04-30", "26-05-15"]
    assert of("2024-02-29", "P1YL1", "2028-02-29") == ["24-02-29", "25-02-28", "26-02-28", "27-02-28", "28-02-29"]


def test_an_anchor_at_the_end_of_a_month_keeps_all_dates_there() -> None:
    ends = of("2026-02-28", "P1QL1", "2026-09-01", at_month_ends=True)
    assert ends == ["26-02-28", "26-05-31", "26-08-31", "26-09-01"]
    assert of("2026-02-27", "P1QL1", "2026-06-01", at_month_ends=True) == ["26-02-27", "26-05-27", "26-06-01"]
    assert of("2026-02-28", "P2WL1", "2026-03-20", at_month_ends=True) == ["26-02-28", "26-03-14", "26-03-20"]


def test_a_long_stub_drops_the_date_before_an_end_off_the_cycle() -> None:
    assert of("2026-01-01", "P2ML0", "2026-06-15") == ["26-01-01", "26-03-01", "26-06-15"]
    assert of("2026-01-01", "P2ML0", "2026-05-01") == ["26-01-01", "26-03-01", "26-05-01"]
    assert of("2026-01-01", "P1YL0", "2026-06-15") == ["26-01-01", "26-06-15"]
    assert of("2026-01-01", "P2ML0", "2026-06-15", with_end=False) == ["26-01-01", "26-03-01"]


def test_an_anchor_from_the_end_on_has_no_date_of_its_own() -> None:
    assert of("2026-05-01", "P1ML1", "2026-05-01") == ["26-05-01"]
    assert of("2026-06-01", "P1ML1", "2026-05-01", with_end=False) == []


@pytest.mark.parametrize("unit", "DWMQHY")
def test_every_unit_has_its_length(unit: str) -> None:
    lengths = {"D": 1, "W": 7, "M": 31, "Q": 90, "H": 181, "Y": 365}
    assert (after(date(2026, 1, 1), Cycle(1, unit, False), 1) - date(2026, 1, 1)).days == lengths[unit]


@pytest.mark.parametrize(
    "text", ["P1M", "1ML0", "P0ML0", "P1ML2", "P1mL0", "P1ML0 ", "P-1ML0", "P1.5ML0", "P11111DL0", ""]
)
def test_what_is_no_cycle_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it is not P, a number, a unit"):
        read_cycle(text)


def test_a_cycle_of_too_many_dates_is_refused_before_it_takes_long() -> None:
    with pytest.raises(ValueError, match="more than 50000 dates"):
        of("1900-01-01", "P1DL0", "2399-01-01")


@given(DAYS, st.integers(1, 40), st.integers(1, 30), st.booleans())
def test_months_are_counted_as_a_slow_walk_counts_them(anchor: date, count: int, number: int, ends: bool) -> None:
    year, month = anchor.year, anchor.month
    for _ in range(count * number):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = monthrange(year, month)[1]
    is_end = (anchor + timedelta(days=1)).day == 1
    assert after(anchor, Cycle(count, "M", False), number, ends) == date(
        year, month, last if ends and is_end else min(anchor.day, last)
    )


def test_a_second_before_midnight_counts_as_the_next_day_and_lies_before_it() -> None:
    closing = read_moment("2026-12-31T23:59:59")
    assert closing.counted == date(2027, 1, 1) == read_moment("2027-01-01").counted
    assert read_moment("2026-12-31T00:00") < closing < read_moment("2027-01-01T00:00:00")
    assert (str(closing), str(closing._replace(closes=False))) == ("2026-12-31T23:59:59", "2026-12-31T00:00")


@pytest.mark.parametrize(
    "text", ["2026-12-31T12:00:00", "2026-13-01", "31.12.2026", "2026-12-31Z", "1899-12-31", "2400-01-01", "٢٠٢٦-01-01"]
)
def test_what_is_no_time_of_a_contract_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|neither a date nor|the year is not"):
        read_moment(text)


@pytest.mark.parametrize(
    ("convention", "paid", "counted"),
    [
        ("NOS", "2026-01-31", "2026-01-31"),
        ("NULL", "2026-01-31", "2026-01-31"),
        ("SCF", "2026-02-02", "2026-02-02"),
        ("SCMF", "2026-01-30", "2026-01-30"),
        ("SCP", "2026-01-30", "2026-01-30"),
        ("CSF", "2026-02-02", "2026-01-31"),
        ("CSMF", "2026-01-30", "2026-01-31"),
        ("CSP", "2026-01-30", "2026-01-31"),
    ],
)
def test_a_saturday_at_the_end_of_a_month_moves_as_its_convention_says(
    convention: str, paid: str, counted: str
) -> None:
    saturday = Moment(date(2026, 1, 31))
    days = business_days(convention, "MF")
    assert (str(days.paid(saturday).day), str(days.counted(saturday))) == (paid, counted)
    everyday = business_days(convention, None)
    assert (everyday.paid(saturday), everyday.counted(saturday)) == (saturday, saturday.day)


@pytest.mark.parametrize(("convention", "counted"), [("SCMP", "2026-02-02"), ("CSMP", "2026-02-01")])
def test_a_modified_preceding_shift_stays_in_its_month(convention: str, counted: str) -> None:
    sunday = Moment(date(2026, 2, 1))
    days = business_days(convention, "MF")
    assert (str(days.paid(sunday).day), str(days.counted(sunday))) == ("2026-02-02", counted)


@given(DAYS, st.sampled_from(CONVENTIONS[len(NO_SHIFT) :]))
def test_a_shift_ends_on_a_business_day_near_by(day: date, convention: str) -> None:
    moved = business_days(convention, "MF").shifted(day)
    assert moved.weekday() < 5
    assert abs((moved - day).days) <= 2
    assert (moved == day) == (day.weekday() < 5)
    assert "M" not in convention or moved.month == day.month


def test_a_calendar_or_convention_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="the calendar is none of NC, MF"):
        business_days("SCF", "TARGET")
    with pytest.raises(ValueError, match="the convention is none of NOS"):
        business_days("SCX", "MF")

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.calendar import Calendar, last_session, session_at, sessions, why_closed
from fntx_dagster.errors import Permanent
from fntx_dagster.model.session import SEVEN_DAYS
from tests.accounting.examples import at, july

HONG_KONG = ZoneInfo("Asia/Hong_Kong")


def session(day: date):
    (session,) = sessions(day, day)
    return session


@pytest.mark.parametrize(
    ("day", "hong_kong"),
    [
        (date(2025, 7, 18), "2025-07-19 04:00"),
        (date(2025, 12, 18), "2025-12-19 05:00"),
        (date(2025, 3, 7), "2025-03-08 05:00"),
        (date(2025, 3, 10), "2025-03-11 04:00"),
        (date(2025, 10, 31), "2025-11-01 04:00"),
        (date(2025, 11, 3), "2025-11-04 05:00"),
        (date(2025, 7, 3), "2025-07-04 01:00"),
        (date(2025, 11, 28), "2025-11-29 02:00"),
    ],
)
def test_the_close_in_hong_kong_follows_new_yorks_summer_time_and_early_closes(day, hong_kong):
    assert f"{session(day).closes_at.astimezone(HONG_KONG):%Y-%m-%d %H:%M}" == hong_kong


@pytest.mark.parametrize(
    "holiday",
    [date(2025, 7, 4), date(2025, 6, 19), date(2025, 4, 18), date(2025, 1, 9), date(2024, 3, 29), date(2001, 9, 11)],
)
def test_a_holiday_is_no_session_and_belongs_to_the_next_one(holiday):
    assert sessions(holiday, holiday) == ()
    calendar = Calendar(sessions(holiday - timedelta(days=5), holiday + timedelta(days=10)))
    assert calendar.on_or_after(holiday).day > holiday


@pytest.mark.parametrize("day", [date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24)])
def test_an_early_close_is_at_13_00_in_new_york(day):
    assert session(day).early_close
    assert session(day).closes_at == at(f"{day} 13:00")


def test_an_ordinary_day_is_open_from_9_30_to_16_00_in_new_york_and_starts_at_the_previous_close():
    monday = session(date(2025, 7, 14))
    assert not monday.early_close
    assert (monday.opens_at, monday.closes_at) == (at("2025-07-14 09:30"), at("2025-07-14 16:00"))
    assert monday.previous_close == at("2025-07-11 16:00")


@pytest.mark.parametrize(
    ("moment", "day", "phase"),
    [
        ("2025-07-17 16:20", date(2025, 7, 18), "overnight"),  # the role model's assignment
        ("2025-07-18 01:15:49", date(2025, 7, 18), "pre_market"),  # and its cover
        ("2025-07-18 10:32", date(2025, 7, 18), "intraday"),
        ("2025-07-18 09:30", date(2025, 7, 18), "intraday"),
        ("2025-07-18 09:29:59", date(2025, 7, 18), "pre_market"),
        ("2025-07-18 16:00", date(2025, 7, 18), "intraday"),
        ("2025-07-18 16:00:01", date(2025, 7, 21), "overnight"),
        ("2025-07-18 16:20", date(2025, 7, 21), "overnight"),  # a Friday
        ("2025-07-19 12:00", date(2025, 7, 21), "overnight"),  # a Saturday
        ("2025-07-20 23:59", date(2025, 7, 21), "overnight"),
        ("2025-07-21 00:00", date(2025, 7, 21), "pre_market"),
        ("2025-07-03 13:00", date(2025, 7, 3), "intraday"),  # an early close
        ("2025-07-03 13:05", date(2025, 7, 7), "overnight"),
        ("2025-07-03 16:20", date(2025, 7, 7), "overnight"),  # before a holiday and a weekend
        ("2025-07-04 10:00", date(2025, 7, 7), "overnight"),  # on the holiday
        ("2025-06-18 16:20", date(2025, 6, 20), "overnight"),  # before a holiday in mid-week
    ],
)
def test_a_moment_belongs_to_the_trading_day_from_the_previous_close_to_the_close(moment, day, phase):
    calendar = Calendar(sessions(date(2025, 6, 16), date(2025, 7, 31)))
    session = calendar.at(at(moment))
    assert (session.day, session.phase(at(moment))) == (day, phase)


def test_friday_16_20_before_a_holiday_weekend_belongs_to_tuesday():
    calendar = Calendar(sessions(date(2025, 8, 25), date(2025, 9, 5)))  # Labor Day is Monday 1 September
    assert calendar.at(at("2025-08-29 16:20")).day == date(2025, 9, 2)


def test_a_report_of_a_weekday_without_a_session_belongs_to_the_next_session():
    assert july().on_or_after(date(2025, 7, 4)).day == date(2025, 7, 7)
    assert july().on_or_after(date(2025, 7, 18)).day == date(2025, 7, 18)


def test_forty_years_are_known():
    known = sessions(date(2000, 1, 1), date(2040, 12, 31))
    assert (known[0].day, known[-1].day) == (date(2000, 1, 3), date(2040, 12, 31))


@pytest.mark.parametrize("moment", ["2025-06-18 12:00", "2025-08-01 12:00"])
def test_a_moment_beyond_the_calendar_is_an_error_that_says_so(moment):
    with pytest.raises(Permanent, match="outside the calendar from 2025-06-20 to 2025-07-31"):
        july().at(at(moment))


def test_a_day_beyond_the_calendar_is_an_error_that_says_so():
    with pytest.raises(Permanent, match="outside the calendar"):
        july().on_or_after(date(2025, 8, 1))


def test_a_calendar_without_sessions_is_an_error():
    with pytest.raises(Permanent, match="at least one session"):
        Calendar(())


@given(
    st.datetimes(min_value=at("2025-06-19 00:00").replace(tzinfo=None), max_value=at("2025-07-31").replace(tzinfo=None))
)
def test_every_moment_belongs_to_exactly_one_session(naive):
    moment = naive.replace(tzinfo=ZoneInfo("UTC"))
    assert [s.day for s in july().sessions if s.previous_close < moment <= s.closes_at] == [july().at(moment).day]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2025, 7, 28, 14, 15, tzinfo=UTC), date(2025, 7, 28)),
        (datetime(2025, 7, 28, 4, 0, tzinfo=UTC), date(2025, 7, 28)),  # midnight in New York: pre-market begins
        (datetime(2025, 7, 28, 3, 59, 59, tzinfo=UTC), date(2025, 7, 25)),  # Sunday evening
        (datetime(2025, 7, 25, 20, 0, tzinfo=UTC), date(2025, 7, 25)),  # the close itself
        (datetime(2025, 7, 25, 21, 0, tzinfo=UTC), date(2025, 7, 25)),  # Friday 17:00
        (datetime(2025, 7, 26, 16, 0, tzinfo=UTC), date(2025, 7, 25)),
        (datetime(2025, 7, 4, 16, 0, tzinfo=UTC), date(2025, 7, 3)),  # a holiday
        (datetime(2025, 7, 29, 1, 0, tzinfo=UTC), date(2025, 7, 28)),  # Monday evening
        (datetime(2026, 1, 1, 17, 0, tzinfo=UTC), date(2025, 12, 31)),
        (datetime(2025, 7, 29, 12, 0, tzinfo=timezone(timedelta(hours=8))), date(2025, 7, 29)),
    ],
)
def test_today_is_the_latest_session_on_or_before_the_gateways_new_york_date(moment: datetime, day: date) -> None:
    assert session_at(moment).day == day


def test_the_last_session_is_the_day_itself_or_the_one_before_the_closure() -> None:
    assert last_session(date(2025, 7, 3)).day == last_session(date(2025, 7, 6)).day == date(2025, 7, 3)
    assert last_session(date(2001, 9, 16)).day == date(2001, 9, 10)


def test_every_day_of_utc_is_a_session_where_the_market_never_closes() -> None:
    year = sessions(date(2024, 1, 1), date(2024, 12, 31), SEVEN_DAYS)
    assert [each.day for each in year] == [date(2024, 1, 1) + timedelta(days=number) for number in range(366)]
    assert all(each.previous_close == each.opens_at == each.closes_at - timedelta(days=1) for each in year)
    assert all(each.previous_day == each.day - timedelta(days=1) for each in year)
    assert not any(each.early_close or why_closed(each.day, SEVEN_DAYS) for each in year)
    assert last_session(date(2024, 12, 25), SEVEN_DAYS).day == date(2024, 12, 25)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2025, 7, 19, 0, 0, tzinfo=UTC), date(2025, 7, 18)),  # the end of a day is still of it
        (datetime(2025, 7, 19, 0, 0, 0, 1, tzinfo=UTC), date(2025, 7, 19)),
        (datetime(2025, 7, 19, 8, 0, tzinfo=timezone(timedelta(hours=8))), date(2025, 7, 18)),
        (datetime(2025, 7, 20, 23, 59, 59, tzinfo=UTC), date(2025, 7, 20)),
    ],
)
def test_a_moment_belongs_to_the_day_of_utc_that_it_does_not_begin(moment: datetime, day: date) -> None:
    calendar = Calendar(sessions(date(2025, 7, 17), date(2025, 7, 21), SEVEN_DAYS))
    session = calendar.at(moment)
    assert (session.day, session.phase(moment)) == (day, "intraday")
    assert calendar.ending_at(session.closes_at) == day
    assert session.phase(session.morning) == "intraday"
    assert calendar.at(session.morning) == session

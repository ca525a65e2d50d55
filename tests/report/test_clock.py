"""The observer's time, Hong Kong's unless another is asked for, with New York time beside."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.report import clock

from .role_model import JULY_17, JULY_18, new_york


def test_both_dates_are_given_where_hong_kong_is_a_day_ahead() -> None:
    text = clock.both_zones(new_york(JULY_17, "12:46:37"), new_york(JULY_17, "12:50:36"), undated=JULY_17)
    assert text == "00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17"


def test_one_date_is_given_where_the_zones_agree() -> None:
    moment = new_york(JULY_18, "01:15:49")
    assert clock.both_zones(moment, moment) == "13:15 HKT / 01:15 EDT, July 18"


def test_no_date_is_given_where_the_zones_agree_on_the_trading_day() -> None:
    moment = new_york(JULY_18, "09:30")
    assert clock.both_zones(moment, moment, undated=JULY_18) == "21:30 HKT / 09:30 EDT"


def test_a_span_over_midnight_in_hong_kong_names_both_its_dates() -> None:
    text = clock.both_zones(new_york(JULY_17, "11:58"), new_york(JULY_17, "12:03"), undated=JULY_17)
    assert text == "23:58 HKT, July 17 – 00:03 HKT, July 18 / 11:58–12:03 EDT, July 17"


@pytest.mark.parametrize(
    ("day", "close", "text"),
    [
        (date(2025, 7, 17), "16:00", "04:00 HKT, July 18 / 16:00 EDT, July 17"),
        (date(2025, 1, 15), "16:00", "05:00 HKT, January 16 / 16:00 EST, January 15"),
        (date(2025, 7, 3), "13:00", "01:00 HKT, July 4 / 13:00 EDT, July 3"),
        (date(2025, 12, 24), "13:00", "02:00 HKT, December 25 / 13:00 EST, December 24"),
        (date(2025, 12, 31), "16:00", "05:00 HKT, January 1 / 16:00 EST, December 31"),
    ],
)
def test_the_close_is_an_hour_later_in_hong_kong_in_winter(day: date, close: str, text: str) -> None:
    moment = new_york(day, close)
    assert clock.both_zones(moment, moment, undated=day) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/London", "14:30 BST / 09:30 EDT, July 17"),
        ("Asia/Kolkata", "19:00 IST / 09:30 EDT, July 17"),
        ("Asia/Kathmandu", "19:15 UTC+5:45 / 09:30 EDT, July 17"),
        ("Asia/Singapore", "21:30 UTC+8 / 09:30 EDT, July 17"),
        ("America/St_Johns", "11:00 NDT / 09:30 EDT, July 17"),
        ("America/Sao_Paulo", "10:30 UTC-3 / 09:30 EDT, July 17"),
        ("Pacific/Kiritimati", "03:30 UTC+14, July 18 / 09:30 EDT, July 17"),
        ("Pacific/Honolulu", "03:30 HST / 09:30 EDT, July 17"),
        ("UTC", "13:30 UTC / 09:30 EDT, July 17"),
        ("America/New_York", "09:30 EDT, July 17"),
        ("America/Toronto", "09:30 EDT, July 17"),
    ],
)
def test_the_open_as_another_observer_sees_it(zone: str, text: str) -> None:
    moment = new_york(JULY_17, "09:30")
    assert clock.both_zones(moment, moment, clock.zone(zone)) == text


def test_an_observer_behind_new_york_may_still_be_in_the_day_before() -> None:
    moment = new_york(JULY_18, "01:15")
    assert clock.both_zones(moment, moment, clock.zone("Pacific/Honolulu")) == (
        "19:15 HST, July 17 / 01:15 EDT, July 18"
    )


def test_the_weeks_in_which_only_one_of_the_zones_has_changed_its_clocks() -> None:
    london = clock.zone("Europe/London")
    for day, text in [
        (date(2025, 3, 7), "14:30 GMT / 09:30 EST"),
        (date(2025, 3, 10), "13:30 GMT / 09:30 EDT"),
        (date(2025, 3, 31), "14:30 BST / 09:30 EDT"),
        (date(2025, 10, 27), "13:30 GMT / 09:30 EDT"),
    ]:
        assert clock.both_zones(*[new_york(day, "09:30")] * 2, london, undated=day) == text


def test_a_span_over_the_hour_that_comes_twice_names_the_clock_it_ends_in() -> None:
    starts, ends = datetime(2025, 11, 2, 5, 30, tzinfo=UTC), datetime(2025, 11, 2, 6, 45, tzinfo=UTC)
    assert clock.both_zones(starts, ends, clock.NEW_YORK) == "01:30–01:45 EST, November 2"


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/New_York", "New York time."),
        ("Asia/Hong_Kong", "Hong Kong time first, New York time second."),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time first, New York time second."),
    ],
)
def test_a_report_says_whose_times_it_tells(zone: str, said: str) -> None:
    assert clock.zones_sentence(clock.zone(zone)) == said


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("asia/kolkata", "Asia/Kolkata"),
        ("London", "Europe/London"),
        ("new york", "America/New_York"),
        ("Europe/Lodon", "Europe/London"),
    ],
)
def test_a_zone_that_is_written_wrongly_is_answered_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(Permanent, match=rf"no time zone '{wrong}'. Did you mean {meant}\?"):
        clock.zone(wrong)


@pytest.mark.parametrize("wrong", ["", "xx/yy", "America", "../UTC", "/etc/localtime", "UTC\0", "zone.tab"])
def test_what_is_no_zone_at_all_is_refused_with_the_form_of_one(wrong: str) -> None:
    with pytest.raises(Permanent, match="take an IANA name, such as Europe/London"):
        clock.zone(wrong)


def test_stamps_name_their_zone() -> None:
    moment = new_york(JULY_17, "12:46:37")
    assert clock.utc_stamp(moment) == "2025-07-17T16:46:37Z"
    assert clock.zone_stamp(moment, clock.NEW_YORK) == "2025-07-17 12:46:37 EDT"
    assert clock.zone_stamp(moment, clock.HONG_KONG) == "2025-07-18 00:46:37 HKT"


def test_a_date_is_written_in_english_whatever_the_locale() -> None:
    assert clock.weekday_date(JULY_17) == "Thursday, July 17, 2025"

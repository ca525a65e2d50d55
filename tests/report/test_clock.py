"""Hong Kong time with New York time beside."""

from __future__ import annotations

from datetime import date

import pytest

from fntx_dagster.report import clock

from .role_model import JULY_17, JULY_18, new_york


def test_both_dates_are_given_where_hong_kong_is_a_day_ahead() -> None:
    told = clock.both_zones(new_york(JULY_17, "12:46:37"), new_york(JULY_17, "12:50:36"), undated=JULY_17)
    assert told == "00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17"


def test_one_date_is_given_where_the_zones_agree() -> None:
    moment = new_york(JULY_18, "01:15:49")
    assert clock.both_zones(moment, moment) == "13:15 HKT / 01:15 EDT, July 18"


def test_no_date_is_given_where_the_zones_agree_on_the_trading_day() -> None:
    moment = new_york(JULY_18, "09:30")
    assert clock.both_zones(moment, moment, undated=JULY_18) == "21:30 HKT / 09:30 EDT"


def test_a_span_over_midnight_in_hong_kong_names_both_its_dates() -> None:
    told = clock.both_zones(new_york(JULY_17, "11:58"), new_york(JULY_17, "12:03"), undated=JULY_17)
    assert told == "23:58 HKT, July 17 – 00:03 HKT, July 18 / 11:58–12:03 EDT, July 17"


@pytest.mark.parametrize(
    ("day", "close", "told"),
    [
        (date(2025, 7, 17), "16:00", "04:00 HKT, July 18 / 16:00 EDT, July 17"),
        (date(2025, 1, 15), "16:00", "05:00 HKT, January 16 / 16:00 EST, January 15"),
        (date(2025, 7, 3), "13:00", "01:00 HKT, July 4 / 13:00 EDT, July 3"),
        (date(2025, 12, 24), "13:00", "02:00 HKT, December 25 / 13:00 EST, December 24"),
        (date(2025, 12, 31), "16:00", "05:00 HKT, January 1 / 16:00 EST, December 31"),
    ],
)
def test_the_close_is_an_hour_later_in_hong_kong_in_winter(day: date, close: str, told: str) -> None:
    moment = new_york(day, close)
    assert clock.both_zones(moment, moment, undated=day) == told


def test_stamps_name_their_zone() -> None:
    moment = new_york(JULY_17, "12:46:37")
    assert clock.utc_stamp(moment) == "2025-07-17T16:46:37Z"
    assert clock.zone_stamp(moment, clock.NEW_YORK) == "2025-07-17 12:46:37 EDT"
    assert clock.zone_stamp(moment, clock.HONG_KONG) == "2025-07-18 00:46:37 HKT"


def test_a_date_is_written_in_english_whatever_the_locale() -> None:
    assert clock.weekday_date(JULY_17) == "Thursday, July 17, 2025"

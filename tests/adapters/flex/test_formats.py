from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.flex.formats import (
    DayOrder,
    OrderUnknown,
    midnight,
    moment_texts,
    number_texts,
    parse_date,
    parse_moment,
    parse_number,
    parse_text,
)
from fntx_dagster.model.session import NEW_YORK


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-1500", "-1500"),
        ("+12.5", "12.5"),
        ("-3,000.00", "-3000.00"),
        ("1,234,567.89", "1234567.89"),
        ("-13.598255936", "-13.598255936"),
        (".5", "0.5"),
        ("7.", "7"),
        ("1E-7", "0.0000001"),
        ("-2.5e+3", "-2500"),
        (" 4 ", "4"),
    ],
)
def test_a_number_is_read_exactly(text: str, value: str) -> None:
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "-", "--", "N/A"])
def test_a_dash_is_no_number(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "1.2.3",
        "1,23",
        "12,34.5",
        "1.234,56",
        ".",
        "e5",
        "NaN",
        "Infinity",
        "1e999",
        "0x10",
        "1 2",
        "١٢",
        "9" * 65,
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_any_decimal_survives_being_written_with_or_without_separators(value: Decimal) -> None:
    assert parse_number(f"{value:f}") == value
    assert parse_number(f"{value:,f}") == value


@pytest.mark.parametrize(
    "text",
    ["20250717", "2025-07-17", "17-Jul-25", "17-JUL-2025", "20250717;124637", "2025-07-17, 12:46:37", "17-Jul-25 1246"],
)
def test_a_date_is_read_in_every_style(text: str) -> None:
    assert parse_date(text) == date(2025, 7, 17)


@pytest.mark.parametrize("text", ["01/02/2025", "01/02/25", "01/02/25;124637"])
def test_a_date_with_slashes_is_read_in_the_order_that_is_given_and_in_no_other(text: str) -> None:
    assert parse_date(text, DayOrder.DAY_FIRST) == date(2025, 2, 1)
    assert parse_date(text, DayOrder.MONTH_FIRST) == date(2025, 1, 2)
    with pytest.raises(OrderUnknown, match="yyyyMMdd"):
        parse_date(text)


def test_a_date_that_its_order_makes_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="yyyyMMdd"):
        parse_date("07/17/2025", DayOrder.DAY_FIRST)


@pytest.mark.parametrize("text", ["", "-", "--", "MULTI", "N/A"])
def test_a_dash_is_no_date(text: str) -> None:
    assert parse_date(text) is None
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "20250732",
        "20251301",
        "2025",
        "17.07.2025",
        "17-Jux-25",
        "17/07/202",
        "2025-7-17",
        "20250717x",
        "today",
        "1",
        "00010101",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "20250717;124637",
        "20250717;124637 EDT",
        "20250717;114637 EST",
        "20250717;12:46:37",
        "2025-07-17, 12:46:37",
        "2025-07-17 12:46:37",
        "2025-07-17 12:46:37 America/New_York",
        "2025-07-17 12:46:37 US/Eastern",
        "2025-07-17T12:46:37-04:00",
        "2025-07-17T16:46:37Z",
        "2025-07-17;16:46:37 UTC",
        "20250717,124637",
        "17-Jul-25;124637",
        "17-Jul-2025 12:46:37 EDT",
        "20250718;004637 HKT",
        "20250717;174637 BST",
        "20250717 16:46:37 GMT",
    ],
)
def test_a_moment_is_read_in_every_style(text: str) -> None:
    moment = parse_moment(text)
    assert moment == datetime(2025, 7, 17, 16, 46, 37, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


def test_without_a_zone_the_time_is_new_yorks_in_winter_and_in_summer() -> None:
    assert parse_moment("20250117;120000") == datetime(2025, 1, 17, 17, tzinfo=UTC)
    assert parse_moment("20250717;120000") == datetime(2025, 7, 17, 16, tzinfo=UTC)


def test_a_date_alone_is_no_moment_and_never_its_midnight() -> None:
    assert parse_moment("20250717") is None
    assert moment_texts(["20250717", "17-Jul-25"]) == ["", ""]
    assert parse_moment("20250717;000000") == midnight(date(2025, 7, 17)) == datetime(2025, 7, 17, 4, tzinfo=UTC)


def test_a_time_may_lack_its_seconds() -> None:
    assert parse_moment("2025-07-17 12:46") == datetime(2025, 7, 17, 16, 46, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["20250717;256199", "20250717;", "20250717;12", "2025-07-17 noon", "00010101;000000 HKT"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_moment(text)


@pytest.mark.parametrize("zone", ["XYZ", "Nowhere/City", "../etc/passwd"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        parse_moment(f"20250717;124637 {zone}")


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_any_date_survives_each_style(day: date) -> None:
    assert parse_date(f"{day:%Y%m%d}") == parse_date(f"{day:%Y-%m-%d}") == day
    assert (
        parse_date(f"{day:%d/%m/%Y}", DayOrder.DAY_FIRST) == parse_date(f"{day:%m/%d/%Y}", DayOrder.MONTH_FIRST) == day
    )


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_any_date_of_this_century_survives_a_year_of_two_digits(day: date) -> None:
    assert (
        parse_date(f"{day:%d/%m/%y}", DayOrder.DAY_FIRST) == parse_date(f"{day:%m/%d/%y}", DayOrder.MONTH_FIRST) == day
    )
    assert parse_date(f"{day:%d-%b-%y}") == day


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))
def test_any_moment_survives_being_written_in_utc(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert parse_moment(f"{moment:%Y%m%d;%H%M%S} UTC") == moment
    assert parse_moment(f"{moment:%Y-%m-%d %H:%M:%S} GMT") == moment


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))
def test_any_moment_survives_being_written_in_new_york_but_for_the_hour_that_comes_twice(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    local = moment.astimezone(NEW_YORK)
    read = parse_moment(f"{local:%Y%m%d;%H%M%S}")
    assert read == moment or (local.fold == 1 and read == moment - timedelta(hours=1))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)))
def test_the_text_of_any_moment_means_its_value(moment: datetime) -> None:
    text = f"{moment:%Y%m%d;%H%M%S}"
    assert datetime.fromisoformat(moment_texts([text])[0]) == parse_moment(text)


@given(st.lists(st.one_of(st.decimals(allow_nan=False, allow_infinity=False).map(str), st.sampled_from(("", "-")))))
def test_the_texts_of_numbers_mean_their_values(texts: list[str]) -> None:
    def value(text: str) -> Decimal | str | None:
        try:
            return parse_number(text)
        except ValueError:
            return "refused"

    values = [value(text) for text in texts]
    if "refused" in values:
        with pytest.raises(ValueError, match="not a number"):
            number_texts(texts)
    else:
        assert [Decimal(text) if text else None for text in number_texts(texts)] == values


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    for parse in (parse_number, parse_date, parse_moment):
        with suppress(ValueError):
            parse(text)


def test_a_text_of_dashes_is_none() -> None:
    assert parse_text("-") is None
    assert parse_text("A;C") == "A;C"

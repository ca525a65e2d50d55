"""Every date format that the broker offers, in files made of the samples and of random days: what is accepted equals
the same file in yyyyMMdd, or the file is refused with what to set."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.statements import Covered, FlexFile, Reading, Row, Statement
from fntx_dagster.errors import Permanent
from fntx_dagster.samples import SAMPLES
from fntx_dagster.simulate.documents import document, row, section, statement, write

FORMS = ("%Y%m%d", "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%d/%m/%Y", "%d/%m/%y", "%d-%b-%y")
US = ("%m/%d/%Y", "%m/%d/%y")
SEPARATORS = (";", ", ", " ", "T")
_PLAIN = re.compile(
    r'(?P<name>fromDate|toDate|whenGenerated|reportDate|tradeDate|dateTime|expiry|date|settleDate)="'
    r'(?P<day>[0-9]{8})(?:;(?P<time>[0-9]{6}(?: EDT)?))?"'
)


def rewritten(text: str, form: str, separator: str = ";") -> str:
    """A document in yyyyMMdd;HHmmss in another format of dates and another separator before times."""

    def in_form(match: re.Match[str]) -> str:
        moment = [f"{date.fromisoformat(match['day']):{form}}", *filter(None, [match["time"]])]
        return f'{match["name"]}="{separator.join(moment)}"'

    return _PLAIN.sub(in_form, text)


def content(path: Path, order: DayOrder | None = None) -> list[object]:
    """What a file says, whatever format its dates have."""
    items: list[object] = []
    for item in FlexFile(path, date_order=order):
        match item:
            case Statement():
                items.append(item)
            case Row():
                items.append((item.name, item.account_id, item.day, item.values))
            case Covered():
                items.append(item.name)
    return items


def refusal(path: Path, order: DayOrder | None = None) -> str:
    with pytest.raises(Permanent) as caught:
        content(path, order)
    return str(caught.value)


def says_the_same_or_is_refused(path: Path, plain: Path) -> bool:
    try:
        return content(path) == content(plain)
    except Permanent as error:
        return "nothing else in the file says which" in str(error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.name.partition("_")[0])
def test_a_sample_in_any_date_format_says_what_it_says_in_yyyymmdd(sample: Path, form: str, tmp_path: Path) -> None:
    text = rewritten(sample.read_text(encoding="utf-8"), form)
    assert content(write(tmp_path / "us-dates.xml", text)) == content(sample)


@pytest.mark.parametrize("form", US)
@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.name.partition("_")[0])
def test_the_first_days_of_a_month_in_us_dates_say_the_same_or_are_refused(
    sample: Path, form: str, tmp_path: Path
) -> None:
    """Generated on the 9th, so that no date has a day beyond the 12th."""
    text = sample.read_text(encoding="utf-8")
    head, *statements = re.split(r"(?=<FlexStatement )", text)
    for days in (1, 2, 3, 5):
        early = "".join((head, *statements[:days], "</FlexStatements></FlexQueryResponse>"))
        early = early.replace("</FlexStatements>\n</FlexQueryResponse>", "").replace("20250719;", "20250709;")
        plain = write(tmp_path / "plain.xml", early)
        us = write(tmp_path / "us-dates.xml", rewritten(early, form))
        if days >= 3:
            assert content(us) == content(plain)  # weekdays in a row in one order, months apart in the other
        else:
            assert says_the_same_or_is_refused(us, plain)
        assert content(us, DayOrder.MONTH_FIRST) == content(plain)


def _trades(*rows: str, first: str, last: str = "", generated: str = "") -> str:
    return document(statement(section("Trades", *rows), first=first, last=last, generated=generated))


def test_a_file_that_both_orders_fit_is_refused_with_what_to_set(tmp_path: Path) -> None:
    path = write(tmp_path / "us-dates.xml", _trades(row("Trade", reportDate="07/08/2025"), first="07/08/2025"))
    said = refusal(path)
    assert "line 3: FlexStatement has fromDate='07/08/2025', which is 7 August 2025 or 8 July 2025" in said
    assert "set its date format to yyyyMMdd" in said
    assert "FNTX_FLEX_DATE_ORDER=month-first" in said


@pytest.mark.parametrize(("order", "day"), [("day-first", date(2025, 8, 7)), ("month-first", date(2025, 7, 8))])
def test_the_setting_decides_where_the_file_does_not(order: str, day: date, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", _trades(row("Trade", reportDate="07/08/2025"), first="07/08/2025"))
    (read,) = (item for item in FlexFile(path, date_order=DayOrder(order)) if isinstance(item, Row))
    assert (read.day, read.statement.from_date) == (day, day)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        (_trades(first="01/02/2025", generated=""), "line 3, read so: FlexStatement is of 2025-02-01, a Saturday"),
        (_trades(first="07/08/2025", generated="08/07/2025;050026 EDT"), "generated before it ends, on 2025-07-08"),
        (_trades(first="07/01/2025", last="07/31/2025"), "has toDate='07/31/2025', which is no date then"),
    ],
    ids=["weekend", "generated", "impossible"],
)
def test_a_file_that_speaks_against_the_setting_is_refused_with_what_speaks_against_it(
    text: str, evidence: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.xml", text)
    said = refusal(path, DayOrder.DAY_FIRST)
    assert "does not have the order of dates that is set, FNTX_FLEX_DATE_ORDER=day-first" in said
    assert evidence in said
    assert "set FNTX_FLEX_DATE_ORDER=month-first or leave it unset" in said
    assert content(path) == content(path, DayOrder.MONTH_FIRST)


def test_the_setting_decides_where_a_file_speaks_against_both_orders(tmp_path: Path) -> None:
    rows = row("Trade", reportDate="01/02/2025"), row("Trade", reportDate="07/08/2025")
    path = write(tmp_path / "a.xml", _trades(*rows, first="20250716"))
    assert "nothing else in the file says which" in refusal(path)
    for order in DayOrder:
        file = FlexFile(path, date_order=order)
        list(file)
        assert file.order is order


@pytest.mark.parametrize(
    "text",
    [
        _trades(first="07/01/2025", last="07/31/2025"),
        _trades(first="06/02/2025", last="08/01/2025"),  # 6 February to 8 January
        _trades(first="12/01/2024", last="01/02/2025"),  # 12 January to 1 February of the next year
        _trades(first="05/07/2025", generated="05/09/2025;050000"),  # 5 July is a Saturday
        _trades(first="07/08/2025", generated="08/07/2025;050000"),  # 7 August is after 8 July
        _trades(row("Trade", expiry="07/08/2025", symbol="SPY   250708P00615000"), first="07/08/2025"),
        _trades(row("Trade", expiry="07/08/25", description="SPY 08JUL25 615 P"), first="07/08/25"),
        _trades(row("Trade", reportDate="07/08/2025"), first="20250701", last="20250731"),
        _trades(row("Trade", reportDate="05/07/2025"), first="20250501", last="20250731"),
        _trades(row("Trade", tradeDate="07/08/2025"), first="20250701", last="20250731", generated=""),
        _trades(row("Trade", reportDate="20250708", dateTime="07/08/2025;120000"), first="20250101", last="20251231"),
        _trades(row("Trade", tradeDate="07/08/2025"), first="20250701", last="20251231", generated="20250719;050000"),
    ],
    ids=[
        "beyond-12",
        "ends-before",
        "a-year",
        "a-saturday",
        "generated",
        "symbol",
        "description",
        "period",
        "weekday",
        "trade-date",
        "row",
        "trade-generated",
    ],
)
def test_a_law_of_statements_decides_that_the_month_comes_first(text: str, tmp_path: Path) -> None:
    file = FlexFile(write(tmp_path / "a.xml", text))
    list(file)
    assert file.order is DayOrder.MONTH_FIRST


def test_weekdays_in_a_row_decide(tmp_path: Path) -> None:
    days = [statement(section("Trades"), first=day, generated="") for day in ("07/01/2025", "07/02/2025", "07/03/2025")]
    file = FlexFile(write(tmp_path / "a.xml", document(*days)))
    assert [item.from_date.day for item in file if isinstance(item, Statement)] == [1, 2, 3]


def test_dates_of_no_common_order_are_refused_and_both_are_named(tmp_path: Path) -> None:
    rows = row("Trade", expiry="07/17/2025"), row("Trade", expiry="17/07/2025")
    said = refusal(write(tmp_path / "a.xml", _trades(*rows, first="20250716")))
    assert "not day first, line 5: Trade has expiry='07/17/2025'" in said
    assert "not month first, line 6: Trade has expiry='17/07/2025'" in said


def test_what_speaks_against_an_order_does_not_count_where_the_other_gives_no_dates(tmp_path: Path) -> None:
    """A trade reported outside the period is odd, and no reason to refuse a file that can be read in one way only."""
    rows = row("Trade", expiry="17/07/2025"), row("Trade", reportDate="01/02/2025")
    file = FlexFile(write(tmp_path / "a.xml", _trades(*rows, first="20250716")))
    assert [item.day for item in file if isinstance(item, Row)] == [date(2025, 7, 16)] * 2
    assert file.order is DayOrder.DAY_FIRST


def test_dates_that_both_orders_read_alike_need_no_decision(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", _trades(row("Trade", reportDate="07/07/2025"), first="07/07/2025"))
    assert [item.day for item in FlexFile(path) if isinstance(item, Row)] == [date(2025, 7, 7)]


@pytest.mark.parametrize("reading", list(Reading))
def test_a_date_with_slashes_far_into_a_file_gets_its_order_from_the_whole_file(
    reading: Reading, tmp_path: Path
) -> None:
    rows = [row("Trade", reportDate="20250708")] * 500 + [row("Trade", reportDate="07/08/2025")] * 500
    rows.append(row("Trade", reportDate="07/09/2025", expiry="07/25/2025"))
    path = write(tmp_path / "a.xml", _trades(*rows, first="20250701", last="20250731"))
    days = [item.day for item in FlexFile(path, reading) if isinstance(item, Row)]
    assert days == [date(2025, 7, 8)] * 1000 + [date(2025, 7, 9)]


def test_a_file_in_yyyymmdd_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fntx_dagster.adapters.flex import statements

    opened: list[Path] = []
    original = statements.open_statement
    monkeypatch.setattr(statements, "day_order", lambda *_: pytest.fail("read to find an order"))
    monkeypatch.setattr(statements, "open_statement", lambda path: opened.append(path) or original(path))
    path = write(tmp_path / "a.xml", _trades(row("Trade", reportDate="2025-07-17"), first="20250717"))
    list(FlexFile(path))
    assert opened == [path]


def test_a_slashed_file_that_is_cut_off_is_refused_as_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", _trades(row("Trade", reportDate="07/08/2025"), first="07/08/2025")[:-30])
    assert "cut off" in refusal(path)


WEEKDAYS = st.dates(date(2001, 1, 1), date(2098, 12, 1)).filter(lambda day: day.weekday() < 5)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """What the broker may deliver: weekdays in a row, broken out or one period, and trades that are reported in it."""
    first = draw(WEEKDAYS)
    span = [first + timedelta(days=number) for number in range(draw(st.integers(1, 20)))]
    days = [day for day in span if day.weekday() < 5]
    generated = f"{days[-1] + timedelta(days=draw(st.integers(1, 9))):%Y%m%d};050000"
    periods = [[day] for day in days] if draw(st.booleans()) else [days]
    statements = []
    for period in periods:
        rows = []
        for day in draw(st.lists(st.sampled_from(period), max_size=3)):
            expiry = day + timedelta(days=draw(st.integers(0, 40)))
            symbol = draw(st.sampled_from(("", f"SPY   {expiry:%y%m%d}P00615000")))
            time = draw(st.sampled_from(("093000", "120000", "162000")))
            dated = dict.fromkeys(("reportDate", "tradeDate"), f"{day:%Y%m%d}")
            dated |= {"dateTime": f"{day:%Y%m%d};{time}", "expiry": f"{expiry:%Y%m%d}"}
            kept = draw(st.sets(st.sampled_from(sorted(dated))))
            rows.append(row("Trade", symbol=symbol, **{name: text for name, text in dated.items() if name in kept}))
        dates = {"first": f"{period[0]:%Y%m%d}", "last": f"{period[-1]:%Y%m%d}"}
        statements.append(
            statement(section("Trades", *rows), generated=draw(st.sampled_from((generated, ""))), **dates)
        )
    return document(*statements)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents(), st.sampled_from(FORMS), st.sampled_from(SEPARATORS))
def test_what_is_accepted_in_any_format_equals_the_original(
    tmp_path: Path, text: str, form: str, separator: str
) -> None:
    plain, other = write(tmp_path / "plain.xml", text), write(tmp_path / "o.xml", rewritten(text, form, separator))
    if "/" in form:
        assert says_the_same_or_is_refused(other, plain)
        order = DayOrder.DAY_FIRST if form.startswith("%d") else DayOrder.MONTH_FIRST
        assert content(other, order) == content(plain)
    else:
        assert content(other) == content(plain)

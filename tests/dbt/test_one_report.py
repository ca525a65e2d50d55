"""The report of generated months contradicts neither the metrics nor itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.model.day import Day
from fntx_dagster.model.period import Period
from fntx_dagster.report.narrative import Line, Paragraph
from fntx_dagster.report.period import narrate_periods
from fntx_dagster.report.story import narrate
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY, option
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, deliver, delivered, write_document
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from fntx_dagster.store.marts import performance, story
from tests.dbt.conftest import Platform, fresh

MONTH = Period(date(2025, 3, 3), date(2025, 3, 31))
NUMBERS = {1: ("U3100001", "U3100002"), 2: ("U3100003", "U3100004"), 3: ("U3100005",)}
ACCOUNTS = [number for numbers in NUMBERS.values() for number in numbers]
ENDINGS = {
    r"expires? worthless": "ended_expired",
    r"(?:is|are) settled in cash": "ended_expired",
    r"(?:is|are) assigned": "ended_assigned",
    r"(?:is|are) exercised": "ended_exercised",
    r"(?:is|are) closed by trades": "ended_traded",
    r"(?:is|are) taken by (?:an option|options)": "ended_delivered",
    r"ends? by (?:a corporate action|corporate actions)": "ended_otherwise",
}
MARKED, RELEASED = (
    "Open positions marked to the closing prices",
    "Earlier marks of positions that trades closed, released",
)
EXPIRING, ENDED = (
    "Expiring options carried at their closing marks",
    "Positions that ended, against their last closing marks",
)


@pytest.fixture(scope="module")
def months(
    postgres: str, story_home: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Platform, dict[str, Account]]]:
    """A month of every kind of event, three seeds; the last account delivers no marks and no rates on rows."""
    folder, known = tmp_path_factory.mktemp("months"), {}
    with fresh(postgres, story_home) as platform:
        for seed, numbers in NUMBERS.items():
            kinds = EVERY_KIND if seed < 3 else EVERY_KIND - {"third_currency", "transaction_tax"}
            accounts = trade(seed, numbers, *MONTH, trades_per_day=4, kinds=kinds)
            if seed == 3:
                accounts[0].delivers(without=("OpenPositions",), blank=("fxRateToBase", "positionAmountInBase"))
            document = delivered(accounts, QUERIES[ACTIVITY], *MONTH, as_of=accounts[0].days[-1].date)
            assert document is not None
            platform.load(write_document(folder / f"{seed}.xml", document))
            known |= {account.number: account for account in accounts}
        platform.run(*MONTH)
        yield platform, known


def days_of(platform: Platform, account: str) -> list[Day]:
    return [*story.days(platform.database, account, MONTH)]


def close_of(day: Day) -> Paragraph:
    return narrate(day).paragraphs[-1]


def amounts(lines: tuple[Line, ...]) -> dict[str, Decimal]:
    return {line.label: line.amount for line in lines if line.amount is not None}


@pytest.mark.parametrize("number", ACCOUNTS)
def test_the_period_counts_the_endings_that_the_metrics_count(
    months: tuple[Platform, dict[str, Account]], number: str
) -> None:
    platform, _ = months
    days = days_of(platform, number)
    [period] = narrate_periods(map(narrate, days))
    [said] = [line.text for line in period.lines if line.label == "Positions"]
    counted = dict.fromkeys(ENDINGS.values(), 0)
    for words, name in ENDINGS.items():
        counted[name] += sum(
            int(count.replace(",", "")) for count in re.findall(rf"([\d,]+)(?: positions?)? {words}", said)
        )
    rows = performance.rolling_metrics(platform.database, Period.on(days[-1].trading_day), number)
    month = next(row for row in rows if row["metric_window"] == "mtd")
    assert counted == {name: month[name] for name in counted}
    trips = month["wins"] + month["losses"] + month["break_evens"]
    assert sum(counted.values()) == trips > 20, said


@pytest.mark.parametrize("number", ACCOUNTS)
def test_new_marks_and_released_ones_are_two_lines_that_sum_to_what_is_signed(
    months: tuple[Platform, dict[str, Account]], number: str
) -> None:
    """The released marks by the broker's own books: what each lot had gained by the close before its sale."""
    platform, known = months
    marks = {day.date: day.marks for day in known[number].days}
    rates = {day.date: day.rates for day in known[number].days}
    lots = platform.query(
        """select closing.report_session, session.previous_close, lots.contract_id, lots.currency,
            case direction when 'long' then 1 else -1 end * lots.quantity * lots.multiplier, lots.open_price
        from alm_reporting.position_lots as lots
        join alm_reporting.fills as opening
            on opening.account_id = lots.account_id and opening.fill_id = lots.open_fill_id
        join alm_reporting.fills as closing
            on closing.account_id = lots.account_id and closing.fill_id = lots.close_fill_id
        join alm_reporting.trading_sessions as session on session.session = closing.report_session
        where lots.account_id = %s and closing.event_type = 'trade' and closing.session = closing.report_session
            and opening.report_session < closing.report_session""",
        number,
    )
    released: dict[date, Decimal] = {}
    for day, before, conid, currency, units, open_price in lots:
        mark = next((price for kept, price in marks[before.date()].items() if kept.conid == conid), None)
        if mark is not None:
            gained = units * (mark - open_price) * rates[day].get(currency, Decimal(1))
            released[day] = released.get(day, Decimal(0)) - gained
    seen = 0
    for day in days_of(platform, number):
        shown, part = amounts(close_of(day).lines), day.difference_parts.get("mark_to_market", Decimal(0))
        new = [shown[label] for label in (MARKED, EXPIRING, ENDED) if label in shown]
        assert len(new) <= 1
        assert sum(new) + shown.get(RELEASED, Decimal(0)) == part
        if number != ACCOUNTS[-1]:  # whose statements give no marks and no rates
            assert day.released_marks == pytest.approx(released.get(day.trading_day, Decimal(0)), abs=Decimal("1e-6"))
            seen += bool(day.released_marks)
    assert seen > 3 or number == ACCOUNTS[-1]


@pytest.mark.parametrize("number", ACCOUNTS)
def test_no_interest_and_no_translation_is_said_to_be_on_open_positions(
    months: tuple[Platform, dict[str, Account]], number: str
) -> None:
    platform, _ = months
    for day in days_of(platform, number):
        lines = close_of(day).lines
        [said] = [line.text for line in lines if line.label == "Mark-to-Market P&L"] or [""]
        new = day.difference_parts.get("mark_to_market", Decimal(0)) - day.released_marks
        if said and "on these open positions." in said:
            assert day.difference == new
        elif said:
            [amount] = re.findall(r"calculates (\S+) HKD on these open positions", said)
            assert Decimal(amount.replace(",", "")) == round(new, 2)
        if any(line.text.startswith("Unrealised P&L") for line in lines):
            assert not day.released_marks
            assert {*day.difference_parts} >= {"interest_accruals"}
            paid = ("commissions", "interest", "fees", "transfers", "other", "dividends", "after_hours_trades")
            assert not any(day.difference_parts[name] for name in paid)
        if not day.open_at_close:
            assert MARKED not in {line.label for line in lines}


@pytest.mark.parametrize("number", ACCOUNTS)
def test_a_premium_that_is_fully_realised_is_not_taken_back_by_a_mark(
    months: tuple[Platform, dict[str, Account]], number: str
) -> None:
    platform, _ = months
    for day in days_of(platform, number):
        close = close_of(day)
        if re.search("fully realised|premium paid is lost", close.lines[0].text):
            assert not {MARKED, EXPIRING, ENDED} & amounts(close.lines).keys()


def test_options_that_expire_at_a_mark_are_carried_until_the_next_statement(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Sold for 40, worth 1 at the close and nothing at 16:15: the broker takes the 1 back for a night."""
    account, put = Account("U3100009", base="USD"), option("P", 600, "2025-07-15")
    day = account.day("2025-07-15", {SPY: "601", put: "0.01"})
    day.trade(put, -1, "0.40", at="10:00", commission="0")
    day.ends(put, "Expiration")
    account.day("2025-07-16", {SPY: "601"})
    platform.load(deliver(tmp_path_factory.mktemp("one"), "all", account))
    platform.run("2025-07-15", "2025-07-16")
    first, second = story.days(platform.database, "U3100009", Period(date(2025, 7, 15), date(2025, 7, 16)))
    event, *lines = close_of(first).lines
    assert event.text == (
        "The market closes. Your short SPY 600 Put expires worthless; the broker carries it at its closing mark until "
        "the next statement."
    )
    assert amounts(tuple(lines))[EXPIRING] == -1
    assert second.difference_parts["expired_option_mark"] == 1
    [period] = narrate_periods(map(narrate, (first, second)))
    assert [line.text for line in period.lines if line.label == "Positions"] == [
        "1 position expires worthless. None is held at the last close."
    ]


def test_an_assignment_says_what_its_night_costs_and_a_stop_that_it_triggered(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The put brings shares on credit; the statement's tier says what the night of it costs."""
    account, put, call = Account("U3100010", base="USD"), option("P", 600, "2025-07-15"), option("C", 610, "2025-07-18")
    day = account.day("2025-07-15", {SPY: "595", put: "5", call: "0.20"})
    day.trade(put, -1, "2.00", at="10:00")
    day.trade(call, -1, "0.10", at="10:30")
    day.ends(put, "Assignment")
    night = account.day("2025-07-16", {SPY: "596"})
    night.trade(call, 1, "0.40", at="11:00", order_type="STP")
    night.accrues_night("USD", "-49800.5", "6.83")
    account.days[-1].close()
    [first, last] = [day.date for day in account.days]
    pieces = delivered([account], QUERIES[ACTIVITY], first, last, as_of=last)
    assert pieces is not None
    platform.load(write_document(tmp_path_factory.mktemp("night") / "all.xml", pieces))
    platform.run("2025-07-15", "2025-07-16")
    [night] = story.days(platform.database, "U3100010", Period.on(date(2025, 7, 16)))
    lines = {line.label: line.text for paragraph in narrate(night).paragraphs for line in paragraph.lines}
    assert lines["Margin Interest"] == (
        "The broker charges 9.45 USD for the night: 6.83 % a year on a balance of -49,800.50 USD. The shares that the "
        "assignment brought are in that balance."
    )
    assert lines["Stop"] == "Your stop triggers and buys back 1 SPY July 18 610 Call."

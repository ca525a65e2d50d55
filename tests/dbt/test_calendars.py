"""One small history, told for an account of the exchange's calendar and for one whose market never closes: the same
fills of a Saturday and a Sunday are Monday's for the one and have days of their own for the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from statistics import mean, stdev

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS, XNYS
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.performance import window_metrics
from fntx_dagster.services.reporting import report
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.services.signatures.values import day_values
from fntx_dagster.services.status import account_states
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SimulatedContract
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.store.accounting.calendars import calendar_of, calendars_of, set_calendar
from fntx_dagster.store.raw_flex.coverage import missing
from tests.dbt.conftest import Platform, fresh
from tests.processes import run

STOCKS, COINS = "U4300001", "U4300002"
COIN = SimulatedContract("990001", "BTC")
WEEK = Period(date(2025, 7, 17), date(2025, 7, 22))
THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY = (date(2025, 7, day) for day in range(17, 23))


def history(number: str) -> Account:
    """Six days with a statement each; the times are New York's, in July four hours behind UTC."""
    account = Account(number, base="USD", cash={"USD": "10000"})
    account.day("2025-07-17", {COIN: "100"}).trade(COIN, 10, "99", at="12:00")
    account.day("2025-07-18", {COIN: "104"}).trade(COIN, 2, "103", at="19:59")
    saturday = account.day("2025-07-19", {COIN: "106"})
    saturday.trade(COIN, -4, "105", at="2025-07-18T20:00:01")
    saturday.moves("deposit", "500", at="08:30")
    sunday = account.day("2025-07-20", {COIN: "101"})
    sunday.trade(COIN, 5, "102", at="2025-07-19T23:15")
    sunday.trade(COIN, -3, "101.50", at="19:30")
    account.day("2025-07-21", {COIN: "103"}).moves("deposit", "250")
    account.day("2025-07-22", {COIN: "99"}).trade(COIN, -10, "100", at="09:35")
    return account


@pytest.fixture(scope="module")
def both(postgres: str, story_home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with fresh(postgres, story_home) as platform:
        set_calendar(platform.database, COINS, SEVEN_DAYS)
        accounts = [history(number) for number in (STOCKS, COINS)]
        platform.load(deliver(tmp_path_factory.mktemp("statements"), "all", *accounts))
        assert platform.run(*WEEK).failed == ()
        update_greeks(platform.settings, platform.database, WEEK)
        yield platform


def days_of(platform: Platform, account: str, table: str) -> list[date]:
    return [
        day
        for (day,) in platform.query(
            f"select distinct trading_day from alm_reporting.{table} where account_id = %s order by 1", account
        )
    ]


@pytest.mark.parametrize("table", ["official_days", "daily_summary", "closing_days", "daily_verification"])
def test_a_weekend_has_days_of_its_own_where_the_market_never_closes(both: Platform, table: str) -> None:
    assert days_of(both, COINS, table) == [THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY]
    assert days_of(both, STOCKS, table) == [THURSDAY, FRIDAY, MONDAY, TUESDAY]


def test_a_fill_belongs_to_the_day_of_its_accounts_calendar(both: Platform) -> None:
    told = {
        account: both.query(
            """select session, report_session, phase, quantity::int from alm_reporting.fills
            where account_id = %s order by executed_at""",
            account,
        )
        for account in (STOCKS, COINS)
    }
    assert told[COINS] == [
        (THURSDAY, THURSDAY, "intraday", 10),
        (FRIDAY, FRIDAY, "intraday", 2),
        (SATURDAY, SATURDAY, "intraday", -4),
        (SUNDAY, SUNDAY, "intraday", 5),
        (SUNDAY, SUNDAY, "intraday", -3),
        (TUESDAY, TUESDAY, "intraday", -10),
    ]
    assert told[STOCKS] == [
        (THURSDAY, THURSDAY, "intraday", 10),
        (MONDAY, FRIDAY, "overnight", 2),
        (MONDAY, MONDAY, "overnight", -4),
        (MONDAY, MONDAY, "overnight", 5),
        (MONDAY, MONDAY, "overnight", -3),
        (TUESDAY, TUESDAY, "intraday", -10),
    ]


def test_every_day_of_both_is_explained_to_the_cent_and_verified(both: Platform) -> None:
    for account in (STOCKS, COINS):
        assert both.failing(account) == {}
        days = both.days(account)
        assert {day.unexplained for day in days} == {0}
        assert all(day.opening_nav_official == before.closing_nav_official for before, day in pairwise(days))
    last = [both.days(account)[-1].closing_nav_official for account in (STOCKS, COINS)]
    assert last[0] == last[1]
    saturday = both.day(COINS, "2025-07-19")
    assert (saturday.deposits, saturday.opening_nav_official) == (
        500,
        both.day(COINS, "2025-07-18").closing_nav_official,
    )


def test_a_deposit_counts_from_the_first_second_of_a_day_that_has_no_morning(both: Platform) -> None:
    at = {
        account: both.query(
            """select trading_day, event_timestamp, time_assumed, phase from alm_reporting.chronological_events
            where account_id = %s and event_type = 'deposit' order by 2""",
            account,
        )
        for account in (STOCKS, COINS)
    }
    delivered = datetime(2025, 7, 19, 12, 30, tzinfo=UTC)
    assert at[COINS] == [
        (SATURDAY, delivered, False, "intraday"),
        (MONDAY, datetime(2025, 7, 21, 0, 0, 1, tzinfo=UTC), True, "intraday"),
    ]
    assert at[STOCKS] == [
        (MONDAY, delivered, False, "overnight"),
        (MONDAY, datetime(2025, 7, 21, 12, tzinfo=UTC), True, "pre_market"),
    ]


@pytest.mark.parametrize(("account", "a_year"), [(STOCKS, 252), (COINS, 365)])
def test_a_year_has_as_many_sessions_as_the_calendar(both: Platform, account: str, a_year: int) -> None:
    days = both.days(account)
    returns = [
        float((day.closing_nav_official + day.withdrawals) / (day.opening_nav_official + day.deposits) - 1)
        for day in days
    ]
    volatility = stdev(returns) * math.sqrt(a_year)
    ((found, sharpe, observations),) = both.query(
        """select volatility, sharpe, observations from alm_reporting.rolling_metrics
        where account_id = %s and trading_day = %s and metric_window = 'all'""",
        account,
        TUESDAY,
    )
    assert observations == len(days)
    assert found == pytest.approx(volatility)
    assert sharpe == pytest.approx(mean(returns) / stdev(returns) * math.sqrt(a_year))
    (chosen,) = window_metrics(both.database, WEEK, account)
    assert (chosen["volatility"], chosen["sharpe"]) == (pytest.approx(found), pytest.approx(sharpe))


def test_a_signed_day_counts_the_accounts_own_sessions_and_says_its_own_close(both: Platform) -> None:
    values = day_values(both.database, WEEK)
    numbers = {key: value["trading_day_num"] for key, value in values.items()}
    assert [numbers[COINS, day] for day in (THURSDAY, SATURDAY, TUESDAY)] == [1, 3, 6]
    assert [numbers[STOCKS, day] for day in (THURSDAY, MONDAY, TUESDAY)] == [1, 3, 4]
    closes = {
        account: datetime.fromtimestamp(int(values[account, FRIDAY]["session_close_utc"] or 0), UTC)
        for account in (STOCKS, COINS)
    }
    assert closes == {
        STOCKS: datetime(2025, 7, 18, 20, tzinfo=UTC),
        COINS: datetime(2025, 7, 19, tzinfo=UTC),
    }


def test_status_expects_the_sessions_of_each_accounts_calendar(both: Platform) -> None:
    states = {state.account_id: state for state in account_states(both.database)}
    assert {account: (state.calendar, state.built) for account, state in states.items()} == {
        STOCKS: (XNYS, 4),
        COINS: (SEVEN_DAYS, 6),
    }
    assert [(state.missing, state.last_built) for state in states.values()] == [([], TUESDAY)] * 2
    assert missing(both.database, Period(THURSDAY, date(2025, 7, 25))) == sorted(
        missing(both.database, Period(date(2025, 7, 23), date(2025, 7, 25))), key=lambda lack: (lack.day, str(lack))
    )


def test_a_report_of_a_saturday_is_there_for_the_one_and_refused_for_the_other(both: Platform) -> None:
    told = report(both.settings, both.database, Period.on(SATURDAY), HONG_KONG, COINS)
    assert "Day in UTC: Saturday, July 19, 2025" in told
    assert "Hong Kong time first, UTC time second." in told
    for word in ("New York", "EDT", "Market Open", "Market Close", "Overnight", "previous close"):
        assert word not in told, word
    with pytest.raises(Permanent, match=r"2025-07-19 is no session of the exchange \(XNYS\): weekend"):
        report(both.settings, both.database, Period.on(SATURDAY), HONG_KONG, STOCKS)
    assert STOCKS not in report(both.settings, both.database, Period.on(SATURDAY), HONG_KONG)
    with pytest.raises(Permanent, match="no trading day is built for 2025-07-26"):
        report(both.settings, both.database, Period.on(date(2025, 7, 26)), HONG_KONG, COINS)


def test_the_commands_know_the_calendars(both: Platform) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        done = run(both.settings.home, *arguments, FNTX_DATABASE_URL=both.database.url)
        return done.returncode, " ".join((done.stdout + done.stderr).replace("│", " ").split())

    code, status = said("status")
    assert code == 0
    assert "calendar XNYS 24/7" in status
    weekend = ("--from", f"{SATURDAY}", "--to", f"{SATURDAY}", "--account")
    code, told = said("report", *weekend, COINS)
    assert (code, "Day in UTC: Saturday, July 19, 2025" in told) == (0, True), told
    code, refused = said("report", *weekend, STOCKS)
    assert (code, "2025-07-19 is no session of the exchange (XNYS): weekend" in refused) == (1, True), refused


def test_building_a_weekend_again_changes_nothing_of_either(both: Platform) -> None:
    query = "select s::text from alm_reporting.daily_summary as s order by account_id, trading_day"
    before = both.query(query)
    both.run(SATURDAY, SUNDAY)
    assert both.query(query) == before


def test_an_account_keeps_the_calendar_of_its_days(both: Platform) -> None:
    with pytest.raises(Permanent, match="has days of another calendar than 24/7"):
        set_calendar(both.database, STOCKS, SEVEN_DAYS)
    with pytest.raises(Permanent, match="there is no calendar 'XLON'"):
        set_calendar(both.database, "U4300003", "XLON")
    set_calendar(both.database, COINS, SEVEN_DAYS)
    assert [calendar_of(both.database, account) for account in (STOCKS, COINS, "unknown")] == [XNYS, SEVEN_DAYS, XNYS]
    assert calendars_of(both.database, [COINS, STOCKS]) == [XNYS, SEVEN_DAYS]
    assert calendars_of(both.database, []) == [XNYS]


def test_the_database_has_the_rules_of_a_session(both: Platform) -> None:
    """`previous_day`, `morning` and the zone, in Python and in SQL."""
    told = both.query(
        """select account_id, trading_day, previous_day, morning, zone from alm_reporting.account_sessions
        where trading_day between '2025-06-20' and '2025-07-31' order by 1, 2"""
    )
    assert told == [
        (account, session.day, session.previous_day, session.morning, zone)
        for account, calendar, zone in ((STOCKS, XNYS, "America/New_York"), (COINS, SEVEN_DAYS, "UTC"))
        for session in sessions(date(2025, 6, 20), date(2025, 7, 31), calendar)
        if any(row[:2] == (account, session.day) for row in told)
    ]
    assert len(told) > 40


def test_amounts_are_those_of_the_statements(both: Platform) -> None:
    """By hand, of the account whose market never closes: cash and coins at each close."""
    navs = [day.closing_nav_official for day in both.days(COINS)]
    cash = [Decimal(9009), Decimal(8802), Decimal("9721"), Decimal("9513.50"), Decimal("9763.50"), Decimal("10762.50")]
    coins = [(10, 100), (12, 104), (8, 106), (10, 101), (10, 103), (0, 99)]
    assert navs == [held + number * price for held, (number, price) in zip(cash, coins, strict=True)]

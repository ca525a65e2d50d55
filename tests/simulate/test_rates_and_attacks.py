"""Rates that no row gives, and books that were falsified: what the platform computes against what the broker knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.simulate.documents import document, write
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from tests.dbt.conftest import Platform

FIRST, LAST = date(2025, 7, 1), date(2025, 8, 29)
KINDS = EVERY_KIND - {"transaction_tax"}
CENT = Decimal("0.01")
NO_RATES = ("fxRateToBase", "positionAmountInBase")

TRIPS = """
    select round_trip_id, gross_pnl_in_base, fees_in_base, net_pnl from alm_reporting.round_trips
    where account_id = %s order by 1
"""
PARTS = """
    select trading_day, name, value::numeric from alm_reporting.daily_summary, jsonb_each_text(difference_parts)
        as part (name, value)
    where account_id = %s and name <> 'fx_translation' order by 1, 2
"""
DAYS = """
    select trading_day, gross_pnl, commissions, interest, fees, net_pnl, closing_nav_calculated, closing_nav_official,
        difference
    from alm_reporting.daily_summary where account_id = %s order by 1
"""


def hkd(number: str, *, without: Sequence[str] = (), blank: Sequence[str] = ()) -> Account:
    """The same account under any number, delivered in one way or another."""
    (account,) = trade(11, ["U3000001"], FIRST, LAST, trades_per_day=3, kinds=KINDS)
    account.number = number
    account.delivers(without=without, blank=blank)
    return account


def the_same(found: list[tuple], expected: list[tuple]) -> bool:
    """Whether rows are equal, their amounts to the cent."""
    return len(found) == len(expected) and all(
        abs(a - b) < CENT if isinstance(a, Decimal) and isinstance(b, Decimal) else a == b
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_an_account_without_any_rate_has_the_rates_round_trips_and_pnl_of_one_with_them(
    platform: Platform, tmp_path: Path
) -> None:
    accounts = [
        hkd("U3000001"),
        hkd("U3000002", blank=NO_RATES),
        hkd("U3000003", blank=NO_RATES, without=("CashReport",)),
    ]
    platform.load(deliver(tmp_path, "hkd", *accounts))
    platform.run(FIRST, LAST)
    full, *lacking = [account.number for account in accounts]
    true = {day.date: day.rates for day in accounts[0].days}
    opening = date(2025, 6, 30)
    true[opening] = accounts[0].days[0].opening.rates
    for account in lacking:
        used = platform.query(
            """select session, currency, rate, source from alm_reporting.day_rates
            where account_id = %s and currency <> base_currency order by 1""",
            account,
        )
        # the rate before the first statement is that of the cash at the start of its Cash Report
        before = {opening} if account == "U3000002" else set()
        assert {day for day, *_ in used} == {day for day, *_ in platform.query(DAYS, full)} | before
        assert [row for row in used if row[3] != "statement"] == []
        assert [row for row in used if abs(row[2] - true[row[0]][row[1]]) > Decimal("1e-6")] == []
        assert the_same(platform.query(TRIPS, account), platform.query(TRIPS, full))
        assert the_same(platform.query(PARTS, account), platform.query(PARTS, full))
        assert the_same(platform.query(DAYS, account), platform.query(DAYS, full))
        assert (
            platform.query(
                "select trading_day, unexplained from alm_reporting.daily_summary where account_id = %s"
                " and abs(unexplained) > 0.01",
                account,
            )
            == []
        )
        assert platform.failing(account, "mathematical", "logical", "cross_reference", "historical") == {}


def shifted(text: str, day: date, attribute: str) -> str:
    """A file in which 500 appear in the NAV on a day, and everything after it is consistent; `attribute` of the day's
    ChangeInNAV holds them, or, where it is empty, none."""
    since = f"{day:%Y%m%d}"

    def with_500(row: str, *names: str) -> str:
        for name in names:
            row = re.sub(rf'(?<= {name}=")[^"]*', lambda found: str(Decimal(found[0]) + 500), row)
        return row

    def change(found: re.Match[str]) -> str:
        names = ["startingValue"] if found[1] > since else [attribute] if attribute else []
        return with_500(found[0], "endingValue", *names) if found[1] >= since else found[0]

    def equity(found: re.Match[str]) -> str:
        return with_500(found[0], "cash", "total") if found[1] >= since else found[0]

    text = re.sub(r'<ChangeInNAV [^>]*toDate="(\d+)"[^>]*>', change, text)
    return re.sub(r'<EquitySummaryByReportDateInBase [^>]*reportDate="(\d+)"[^>]*>', equity, text)


def later_without(account: Account, section: str, day: date) -> str:
    """The account's statements, with a section in the first of them alone."""
    account.delivers()
    early = [account.statement([known], "20260105;050000 EST") for known in account.days if known.date < day]
    account.delivers(without=(section,))
    late = [account.statement([known], "20260105;050000 EST") for known in account.days if known.date >= day]
    return document(*early, *late)


def test_balances_go_on_by_the_rows_where_cash_reports_end_or_where_an_account_begins_with_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    reported, ended, begun = (
        hkd("U3000001"),
        hkd("U3000002"),
        Account("U3000003", cash={"HKD": "0"}, rates={"USD": "7.85"}),
    )
    begun.day("2025-07-01", USD="7.8512").moves("deposit", "78000")
    converting = begun.day("2025-07-02", {SPY: "620"}, USD="7.8499")
    converting.convert("USD", 9000, "7.8450")
    converting.trade(SPY, 1, "619")
    begun.day("2025-07-03", {SPY: "622"}, USD="7.8437").trade(SPY, 10, "621")
    begun.day("2025-07-07", {SPY: "622"}, USD="7.8401").moves("interest", "-2", "USD")
    begun.delivers(without=("CashReport", "EquitySummaryInBase"))
    platform.load(deliver(tmp_path, "whole", reported))
    platform.load(write(tmp_path / "ended.xml", later_without(ended, "CashReport", date(2025, 7, 8))))
    platform.load(deliver(tmp_path, "begun", begun))
    platform.run(FIRST, LAST)
    fx = """select trading_day, (difference_parts ->> 'fx_translation')::numeric, unexplained
        from alm_reporting.daily_summary where account_id = %s order by 1"""
    assert platform.query(fx, ended.number) == platform.query(fx, reported.number)
    assert [row[1:] for row in platform.query(fx, begun.number)] == [(day.fx, 0) for day in begun.days]
    dollars = [9000 - 620 + 620, 9000 - 620 - 6211 + 6842]
    assert [day.fx for day in begun.days][1:] == [
        9000 * Decimal("0.0049"),
        dollars[0] * Decimal("-0.0062"),
        dollars[1] * Decimal("-0.0036"),
    ]


def test_a_conversion_without_a_rate_gains_no_more_than_the_rate_can_have_moved(
    platform: Platform, tmp_path: Path
) -> None:
    account = Account("U3000001", cash={"HKD": "90000"}, rates={"USD": "7.85"})
    account.day("2025-07-14")
    account.day("2025-07-15", USD="7.8499").convert("USD", 9000, "7.8450")
    account.delivers(without=("CashReport", "EquitySummaryInBase"))
    platform.load(deliver(tmp_path, "converted", account))
    platform.run()
    _, day = platform.days(account.number)
    assert (day.difference_parts["fx_translation"], day.unexplained) == (9000 * Decimal("0.0049"), 0)


@pytest.mark.parametrize("attribute", ["", "mtm"])
def test_500_that_appear_in_the_nav_and_stay_are_unexplained_whatever_is_delivered(
    platform: Platform, tmp_path: Path, attribute: str
) -> None:
    """Seen as a residual of the broker, and as FX translation of a day without rates."""
    accounts = [
        hkd("U3000001"),
        hkd("U3000002", blank=NO_RATES),
        hkd("U3000003", blank=NO_RATES, without=("CashReport",)),
        hkd("U3000004", without=("CashReport", "EquitySummaryInBase")),
    ]
    file = deliver(tmp_path, "shifted", *accounts)
    day = date(2025, 7, 15)
    before = file.read_text()
    file.write_text(shifted(before, day, attribute))
    assert file.read_text() != before
    platform.load(file)
    platform.run(FIRST, LAST)
    for account, fx in zip(accounts, (5, 5, 60, 60), strict=True):
        books = {book.date: book.nav + (500 if book.date >= day else 0) for book in account.days}
        days = platform.query(
            "select trading_day, closing_nav_official, unexplained from alm_reporting.daily_summary"
            " where account_id = %s",
            account.number,
        )
        assert {session: nav for session, nav, _ in days} == {session: books[session] for session, *_ in days}
        [(found, amount)] = [(session, unexplained) for session, _, unexplained in days if abs(unexplained) > CENT]
        assert found == day
        # FX takes what the last digits of the rates leave open; without balances by currency, what the rates' move does
        assert abs(amount - 500) < fx
        assert platform.failing(account.number, "historical")[f"{day}"] >= {"the difference at the close is explained"}
        assert platform.failing(account.number) == {}

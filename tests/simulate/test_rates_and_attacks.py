"""Rates that no row gives, and books that were falsified: what the platform computes against what the broker knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import deliver
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
    for account in lacking:
        used = platform.query(
            """select session, currency, rate, source from alm_reporting.day_rates
            where account_id = %s and currency <> base_currency order by 1""",
            account,
        )
        assert {day for day, *_ in used} == {day for day, *_ in platform.query(DAYS, full)}
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

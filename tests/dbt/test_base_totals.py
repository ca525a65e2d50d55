"""Totals in base currency that no row's rate stands beside: each implies the day's rate, and is compared with the rows.

Each account trades SPY on two days at rates of the broker that no row says, and delivers one total that implies them;
every `WRONG` one has a total that is 1.00 off beside the rates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import EVERY_SECTION, Account
from fntx_dagster.simulate.contracts import SPY
from fntx_dagster.simulate.documents import document, row, section, write
from tests.dbt.conftest import Platform, fresh

RATES = {date(2025, 7, 14): Decimal("7.8472"), date(2025, 7, 15): Decimal("7.8491")}
NOTHING_ELSE = ["CashReport", "EquitySummaryInBase", "OpenPositions", "ConversionRates", "MTMPerformanceSummaryInBase"]
NO_RATES = ["fxRateToBase", "AssetSummary.proceeds", "AssetSummary.ibCommission"]
GENERATED = "20260105;050000 EST"


def two_days(number: str) -> Account:
    account = Account(f"U{number}")
    account.day("2025-07-14", {SPY: "621"}, USD="7.8472").trade(SPY, 10, "620", commission="-1.37")
    second = account.day("2025-07-15", {SPY: "624"}, USD="7.8491")
    second.trade(SPY, -4, "623.50", commission="-1.11")
    second.moves("dividend", "17.50", "USD")
    account.day("2025-07-16", {SPY: "624"})
    account.delivers(without=NOTHING_ELSE, blank=NO_RATES)
    return account


def statements(account: Account) -> Iterator[tuple[date, str]]:
    for day in account.days[:2]:
        yield day.date, account.statement([day], GENERATED, EVERY_SECTION)


def with_section(text: str, tag: str, *rows: str) -> str:
    return text.replace("</FlexStatement>", f"{section(tag, *rows)}\n</FlexStatement>")


def by_mtm(number: str) -> list[str]:
    account = two_days(number)
    account.delivers(without=[name for name in NOTHING_ELSE if not name.startswith("MTM")], blank=NO_RATES)
    return [text for _, text in statements(account)]


def by_fifo(number: str) -> list[str]:
    """The sale of the second day realised 4 × 3.50 − 1.11 and the opening's 0.548."""
    account = two_days(number)
    account.delivers(without=NOTHING_ELSE, blank=[*NO_RATES, "ChangeInNAV.commissions"])
    known, texts = "12.342", []
    for day, text in statements(account):
        said = row(
            "FIFOPerformanceSummaryUnderlying",
            conid=SPY.conid,
            symbol="SPY",
            reportDate=f"{day:%Y%m%d}",
            totalRealizedPnl="0" if day.day == 14 else str(Decimal(known) * RATES[day] + 3),
            totalRealizedFxPnl="0" if day.day == 14 else "3",
        )
        realised = "0" if day.day == 14 else known
        text = text.replace('transactionType="ExchTrade"', f'transactionType="ExchTrade" fifoPnlRealized="{realised}"')
        texts.append(with_section(text, "FIFOPerformanceSummaryInBase", said))
    return texts


def by_cash(number: str, off: int = 0) -> list[str]:
    """A dividend with the sum of all dividends in base currency."""
    account = two_days(number)
    account.delivers(without=NOTHING_ELSE, blank=[*NO_RATES, "ChangeInNAV.commissions"])
    total = row(
        "CashTransaction",
        currency="BASE_SUMMARY",
        type="Dividends",
        reportDate="20250715",
        amount=str(Decimal("17.50") * RATES[date(2025, 7, 15)] + off),
    )
    return [
        text.replace("</CashTransactions>", f"{total}\n</CashTransactions>") if day.day == 15 else text
        for day, text in statements(account)
    ]


def by_equity(number: str, off: int = 0) -> list[str]:
    """A Cash Report without its sum, beside the cash of the Equity Summary."""
    account = two_days(number)
    without = [name for name in NOTHING_ELSE if name not in ("CashReport", "EquitySummaryInBase")]
    account.delivers(without=without, blank=[*NO_RATES, "ChangeInNAV.commissions"])
    texts = [
        re.sub(r'<CashReportCurrency [^>]*currency="BASE_SUMMARY"[^>]*>\n', "", text) for _, text in statements(account)
    ]
    return [
        re.sub(r'(?<= endingCash=")([\d.]+)(?="[^>]*/>\n</CashReport>)', lambda m: str(Decimal(m[1]) + off), t)
        for t in texts
    ]


IMPLIED = {
    "U4300001": (by_mtm, "commissions of MTMPerformanceSummaryInBase", RATES),
    "U4300002": (
        by_fifo,
        "realised P&L of FIFOPerformanceSummaryInBase",
        {date(2025, 7, 15): RATES[date(2025, 7, 15)]},
    ),
    "U4300003": (by_cash, "Dividends of CashTransactions", {date(2025, 7, 15): RATES[date(2025, 7, 15)]}),
    "U4300004": (by_equity, "cash of EquitySummaryInBase", RATES | {date(2025, 7, 11): Decimal("7.85")}),
}


def with_rates(texts: list[str]) -> list[str]:
    """The same statements, and the rate of each day as Conversion Rates say it."""
    known = []
    for text, (day, rate) in zip(texts, RATES.items(), strict=True):
        said = row("ConversionRate", reportDate=f"{day:%Y%m%d}", fromCurrency="USD", toCurrency="HKD", rate=str(rate))
        known.append(with_section(text, "ConversionRates", said))
    return known


def off_by_one(texts: list[str], attribute: str) -> list[str]:
    return [re.sub(rf'(?<= {attribute}=")[^"]+', lambda found: str(Decimal(found[0]) + 1), text) for text in texts]


WRONG = {
    "U4300011": (
        with_rates(off_by_one(by_mtm("4300011"), "transactionMtm")),
        "performance summaries: figures = of the trades",
    ),
    "U4300012": (
        with_rates(off_by_one(by_fifo("4300012"), "totalRealizedPnl")),
        "performance summaries: figures = of the trades",
    ),
    "U4300013": (with_rates(by_cash("4300013", 1)), "cash transactions: rows = their sums in base currency"),
    "U4300014": (with_rates(by_equity("4300014", 1)), "cash report: cash = in the equity summary"),
}
RIGHT = {
    "U4300021": with_rates(by_mtm("4300021")),
    "U4300022": with_rates(by_fifo("4300022")),
    "U4300023": with_rates(by_cash("4300023")),
    "U4300024": with_rates(by_equity("4300024")),
}


@pytest.fixture(scope="module")
def totals(postgres: str, story_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("statements")
    implied = [text for number, (made, *_) in IMPLIED.items() for text in made(number[1:])]
    wrong = [text for texts, _ in WRONG.values() for text in texts]
    right = [text for texts in RIGHT.values() for text in texts]
    with fresh(postgres, story_home) as platform:
        platform.load(write(folder / "all.xml", document(*implied, *wrong, *right)))
        assert platform.run("2025-07-14", "2025-07-15").failed == ()
        yield platform


@pytest.mark.parametrize("number", IMPLIED)
def test_a_total_implies_the_rate_of_its_day_and_says_so(totals: Platform, number: str) -> None:
    _, implied_by, rates = IMPLIED[number]
    found = totals.query(
        """select session, rate, implied_by from alm_reporting.day_rates
        where account_id = %s and currency = 'USD' and source = 'statement' order by 1""",
        number,
    )
    assert {day: said for day, _, said in found} == dict.fromkeys(rates, implied_by)
    assert all(abs(rate - rates[day]) < Decimal("1e-6") for day, rate, _ in found)


@pytest.mark.parametrize("number", WRONG)
def test_a_total_that_its_rows_do_not_make_warns(totals: Platform, number: str) -> None:
    _, equation = WRONG[number]
    failing = totals.failing(number, "historical")
    assert equation in failing["2025-07-15"], failing


@pytest.mark.parametrize("number", RIGHT)
def test_a_total_that_its_rows_make_warns_of_nothing(totals: Platform, number: str) -> None:
    found = {equation for day in totals.failing(number, "historical").values() for equation in day}
    assert found.isdisjoint(equation for _, equation in WRONG.values())
    assert totals.query(
        "select count(*) from alm_reporting.daily_verification where account_id = %s and equation = any (%s)",
        number,
        [equation for _, equation in WRONG.values()],
    ) != [(0,)]

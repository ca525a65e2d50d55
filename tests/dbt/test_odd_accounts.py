"""Accounts as people have them: each a small file of a shape that exports have been seen in, and what comes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.model.day import Day
from fntx_dagster.model.period import Period
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.report.markdown import escaped
from fntx_dagster.services.building.reports import write_reports
from fntx_dagster.services.reporting import report
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY, option
from fntx_dagster.simulate.documents import document, row, section, statement, write
from tests.dbt.conftest import Platform, fresh

CALL = option("C", 630, "2025-07-18")
INFORMED, CONVERTED, NAMELESS, TIMED, MARKED, BONUS, BARE, SOUND = (f"U420000{number}" for number in range(1, 9))
OVERLAPS = ("U4200011", "U4200012")
GENERATED, LATER = "20260105;050000 EST", "20260106;050000 EST"


def days(account: Account) -> str:
    return "\n".join(account.statements(GENERATED))


def two_days(number: str, base: str = "HKD") -> Account:
    account = Account(number, base=base)
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620")
    account.day("2025-07-15", {SPY: "622"})
    return account


def information(number: str, currency: str) -> str:
    return statement(row("AccountInformation", accountId=number, currency=currency), account=number, first="20250714")


def without_nav_currency(text: str) -> str:
    return re.sub(r'(<(?:ChangeInNAV|EquitySummary\w*) accountId="\w+") currency="\w+"', r"\1", text)


def split_times(text: str) -> str:
    """dateTime as tradeDate and tradeTime, as some queries have it."""
    return re.sub(r'dateTime="(\d{8});(\d\d)(\d\d)(\d\d) \w+"', r'tradeDate="\1" tradeTime="\2:\3:\4"', text)


def marked(number: str) -> str:
    """A buy of 14 July that the statement of the 15th takes back by the code Ca alone, with the original's time."""
    account = Account(number)
    wrong = account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620", at="10:00")
    account.day("2025-07-15", {SPY: "622"}).cancel(wrong)
    account.day("2025-07-16", {SPY: "623"})
    text = days(account).replace("BUY (Ca.)", "BUY")
    text = re.sub(r' origTransactionID="\d+"', "", text)
    return text.replace('transactionType="TradeCancel"', 'transactionType="ExchTrade" notes="Ca"')


def bonus(number: str) -> str:
    """A dividend that is stamped 20:20 on the evening before the day that the broker books it on."""
    account = Account(number)
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620")
    account.day("2025-07-15", {SPY: "622"}).moves("dividend", "17.50", "USD")
    account.day("2025-07-16", {SPY: "622"})
    return re.sub(
        r'(type="Dividends".*?) dateTime="[^"]*"', r'\1 dateTime="20250715;202000 EDT"', days(account), flags=re.DOTALL
    )


def overlapping(number: str) -> tuple[str, str]:
    """Two exports by hand of the same days: one without the trades of options, a later one of these trades alone."""
    account = Account(number)
    account.day("2025-07-14", {SPY: "621", CALL: "2"}).trade(SPY, 10, "620")
    second = account.day("2025-07-15", {SPY: "622", CALL: "1.80"})
    second.trade(SPY, -10, "622", at="10:00")
    second.trade(CALL, -1, "2.10", at="10:05")
    account.day("2025-07-16", {SPY: "623", CALL: "1.50"}).trade(CALL, 1, "1.60")
    account.delivers(blank=["AssetSummary.proceeds"])
    whole = days(account)
    options = [found[0] for found in re.finditer(r"<Trade [^>]* putCall=[^>]*/>", whole)]
    assert len(options) == 2
    shares = re.sub(r"<Trade [^>]* putCall=[^>]*/>\n", "", whole)
    alone = statement(section("Trades", *options), account=number, first="20250714", last="20250716", generated=LATER)
    return document(shares).replace('"Test"', '"Shares"'), document(alone).replace('"Test"', '"Options"')


@pytest.fixture(scope="module")
def odd(postgres: str, story_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("statements")
    rates = two_days(CONVERTED)
    rates.delivers(without=["Nothing"])
    conversion = row("ConversionRate", reportDate="20250714", fromCurrency="USD", toCurrency="HKD", rate="7.85")
    converted = statement(section("ConversionRates", conversion), account=CONVERTED, first="20250714")
    bare = two_days(BARE)
    bare.delivers(without=["OpenPositions", "CashTransactions"])
    files = {
        "informed": [days(two_days(INFORMED)), information(INFORMED, "HKD")],
        "converted": [without_nav_currency(days(rates)), converted],
        "nameless": [without_nav_currency(days(two_days(NAMELESS)))],
        "timed": [split_times(days(two_days(TIMED)))],
        "marked": [marked(MARKED)],
        "bonus": [bonus(BONUS)],
        "bare": [days(bare)],
        "sound": [days(two_days(SOUND))],
    }
    with fresh(postgres, story_home) as platform:
        for name, statements in files.items():
            platform.load(write(folder / f"{name}.xml", document(*statements)))
        for number, order in zip(OVERLAPS, (1, -1), strict=True):
            for place, text in enumerate(overlapping(number)[::order]):
                platform.load(write(folder / f"{number}-{place}.xml", text))
        failed = {account.account_id: str(account.error) for account in platform.run().failed}
        assert failed.keys() == {NAMELESS}
        assert "no statement names the base currency" in failed[NAMELESS]
        yield platform


def text(platform: Platform, number: str) -> str:
    return report(platform.settings, platform.database, Period(date(2025, 7, 14), date(2025, 7, 16)), HONG_KONG, number)


def base(platform: Platform, number: str) -> tuple:
    ((currency, source, contradictions),) = platform.query(
        "select base_currency, source, contradictions from alm_reporting.base_currencies where account_id = %s", number
    )
    return currency, source, contradictions


def parts(day: Day) -> dict[str, Decimal]:
    return {name: amount for name, amount in day.difference_parts.items() if amount}


def test_account_information_names_the_base_currency_first(odd: Platform) -> None:
    assert base(odd, INFORMED) == ("HKD", "Account Information", [])
    assert "base currency" not in text(odd, INFORMED)


def test_conversion_rates_name_it_where_no_nav_does(odd: Platform) -> None:
    assert base(odd, CONVERTED) == ("HKD", "Conversion Rates", [])
    assert [day.base_currency for day in odd.days(CONVERTED)] == ["HKD", "HKD"]
    assert odd.failing(CONVERTED) == {}


def test_trade_date_and_trade_time_are_the_time_where_date_time_is_missing(odd: Platform) -> None:
    same = "select fill_number, at from (select row_number() over (order by executed_at) as fill_number,"
    same += " executed_at as at from alm_reporting.fills where account_id = %s) as fills"
    assert odd.query(same, TIMED) == odd.query(same, SOUND) != []
    assert [day.unexplained for day in odd.days(TIMED)] == [0, 0]


def test_a_cancel_by_its_code_is_undone_on_the_day_that_it_cancels(odd: Platform) -> None:
    bought, undone, after = odd.days(MARKED)
    assert [(event.quantity, event.gross_realised) for block in bought.blocks for event in block.events] == [(10, 0)]
    assert [position.quantity for position in bought.open_at_close] == [10]
    assert [(event.quantity, event.commission) for block in undone.blocks for event in block.events] == [(-10, 1)]
    assert (undone.open_at_close, after.open_at_close) == ((), ())
    assert {day.unexplained for day in (bought, undone, after)} == {0}
    assert odd.failing(MARKED) == {}


def test_a_dividend_that_is_stamped_after_the_close_belongs_to_the_day_that_books_it(odd: Platform) -> None:
    _, booked, after = odd.days(BONUS)
    kinds = [
        (day.trading_day.day, event.event_type) for day in (booked, after) for b in day.blocks for event in b.events
    ]
    assert kinds == [(15, "dividend")]
    assert booked.unexplained == 0


@pytest.mark.parametrize("number", OVERLAPS)
def test_two_exports_of_the_same_days_count_together_in_either_order(odd: Platform, number: str) -> None:
    found = odd.days(number)
    assert [[(e.contract.symbol, e.quantity) for b in day.blocks for e in b.events if e.contract] for day in found] == [
        [("SPY", 10)],
        [("SPY", -10), (CALL.symbol, -1)],
        [(CALL.symbol, 1)],
    ]
    assert [day.unexplained for day in found] == [0, 0, 0]
    assert odd.failing(number) == {}


def test_a_missing_section_is_named_in_the_reports_head_and_a_whole_statement_has_no_such_note(odd: Platform) -> None:
    head, _, _ = text(odd, BARE).partition("\n## ")
    assert "Without Open Positions: marks are the broker's sums." in head
    assert "Without Cash Transactions" in head
    assert "Without Trades" not in head
    assert "Without" not in text(odd, SOUND)
    page = report(odd.settings, odd.database, Period.on(date(2025, 7, 14)), HONG_KONG, BARE, "html")
    assert "Without Open Positions: marks are the broker&#39;s sums." in page
    for number, notes in ((BARE, head), (SOUND, "")):
        document = report(odd.settings, odd.database, Period.on(date(2025, 7, 14)), HONG_KONG, number, "json")
        for noted in json.loads(document).get("notes", [{"account_id": SOUND, "notes": []}]):
            assert noted["account_id"] == number
            assert all(escaped(note) in notes for note in noted["notes"])
            assert len(noted["notes"]) == notes.count("\nWithout")
    run = write_reports(odd.settings, odd.database, Period.on(date(2025, 7, 14)))
    assert [note for note in run.notes if "0007" in note and "Without Open Positions" in note]
    assert not [note for note in run.notes if "0008" in note]


def test_a_second_run_of_a_late_cancel_changes_nothing(odd: Platform) -> None:
    for day in ("2025-07-16", "2025-07-15", "2025-07-14"):
        counts = odd.run(day, "2025-07-16")
        assert (counts.fills, counts.position_lots) == ((0, 0, 0), (0, 0, 0))


def test_a_section_that_contradicts_a_more_trusted_one_is_named(platform: Platform, tmp_path: Path) -> None:
    account = two_days("U4200009", base="USD")
    platform.load(
        write(tmp_path / "a.xml", document(days(account), information("U4200009", "HKD").replace("HKD", "USD"))),
    )
    said = row("ConversionRate", reportDate="20250714", fromCurrency="USD", toCurrency="EUR", rate="0.9")
    platform.load(
        write(
            tmp_path / "b.xml",
            document(statement(section("ConversionRates", said), account="U4200009", first="20250714")),
        )
    )
    platform.run()
    assert base(platform, "U4200009") == ("USD", "Account Information", ["Conversion Rates says EUR"])
    assert "The base currency is USD, as Account Information says; Conversion Rates says EUR." in text(
        platform, "U4200009"
    )

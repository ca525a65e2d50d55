"""Building again: a day, a range, an amended statement; the tables equal what one rebuild of all would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY, SimulatedContract
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.simulate.documents import document, write
from fntx_dagster.store.accounting.changes import changed_since
from tests.dbt import test_odd_days
from tests.dbt.conftest import Platform

DELIVERED = test_odd_days.DELIVERED
AMENDED = "U2999999"
ACME = SimulatedContract("501", "ACME")

TABLES = {
    "day_rates": "session",
    "fills": "session",
    "position_lots": "closed_session",
    "official_days": "trading_day",
    "chronological_events": "trading_day",
    "nav_blocks": "trading_day",
    "stock_positions": "exit_date",
    "daily_summary": "trading_day",
    "round_trips": "trading_day",
    "all_in_trades": "trading_day",
    "rolling_metrics": "trading_day",
    "daily_verification": "trading_day",
    "closing_positions": "trading_day",
    "closing_days": "trading_day",
}

Rows = dict[str, list[str]]


def rows(platform: Platform, where: str = "true") -> Rows:
    """Every table's rows as text, in order; `{day}` in the condition is the table's day."""
    return {
        table: [
            row
            for (row,) in platform.query(
                f"select t::text from alm_reporting.{table} as t where {where.format(day=day)} order by 1"
            )
        ]
        for table, day in TABLES.items()
    }


def forget(platform: Platform) -> None:
    with platform.database.connect() as connection:
        connection.execute(f"truncate {', '.join(f'alm_reporting.{table}' for table in TABLES)}")


def with_a_fee(path: Path, fee: str, generated: str) -> Path:
    """The file of an account whose third day has a fee."""
    account = Account(AMENDED)
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620")
    account.day("2025-07-15", {SPY: "622"}).moves("interest", "-1", "USD")
    account.day("2025-07-16", {SPY: "623"}).moves("fee", fee)
    account.day("2025-07-17", {SPY: "624"}).trade(SPY, -10, "625")
    return deliver(path, generated[:8], account, generated=generated)


@pytest.fixture
def whole(built: Platform) -> Rows:
    """All accounts, built at once."""
    return rows(built)


def test_telling_a_day_in_the_middle_again_changes_nothing(built: Platform, whole: Rows) -> None:
    counts = built.run("2025-07-16", "2025-07-16")
    assert not any(sum(changes) for changes in counts[:4])
    assert rows(built) == whole


def test_days_built_one_range_after_the_other_equal_all_built_at_once(built: Platform, whole: Rows) -> None:
    forget(built)
    for first, last in (("2025-07-01", "2025-07-14"), ("2025-07-15", "2025-07-15"), ("2025-07-16", "2025-12-31")):
        built.run(first, last)
    assert rows(built) == whole


def test_an_amended_statement_changes_its_account_from_its_day_on_and_nothing_else(
    built: Platform, tmp_path: Path
) -> None:
    built.load(with_a_fee(tmp_path, "-5", "20260105;050000 EST"))
    built.run("2025-07-14", "2025-07-18")
    untouched = f"account_id <> '{AMENDED}' or coalesce({{day}}, '2025-07-17') < '2025-07-16'"
    before, all_before = rows(built, untouched), rows(built)

    built.load(with_a_fee(tmp_path, "-7.5", "20260106;050000 EST"))
    built.run("2025-07-16", "2025-07-18")
    assert rows(built, untouched) == before
    days = built.days(AMENDED)
    assert [day.fees for day in days] == [0, 0, Decimal("-7.5"), 0]
    assert days[3].opening_nav_official == days[2].closing_nav_official
    after = rows(built)
    changed = {table for table in TABLES if after[table] != all_before[table]}
    assert changed == {
        "official_days",
        "chronological_events",
        "nav_blocks",
        "daily_summary",
        "rolling_metrics",
        "daily_verification",
        "closing_days",
    }

    forget(built)
    built.run(date(2025, 1, 1))
    assert rows(built) == after


def reported_late(account: Account) -> list[str]:
    """A trip that ends on the 14th, until the 16th reports a trade and of a split of the sessions before."""
    day = account.day("2025-07-14", {SPY: "620", ACME: "90"})
    day.trade(SPY, 10, "619")
    day.trade(SPY, -10, "621", at="14:00")
    day.trade(ACME, 10, "88")
    account.day("2025-07-15", {SPY: "622", ACME: "31"}).trade(SPY, -1, "621.5")
    day = account.day("2025-07-16", {SPY: "623", ACME: "32"})
    day.trade(SPY, 5, "619.5", at="2025-07-14T11:00")
    day.splits(ACME, 3, 1)
    day.legs[:] = [replace(leg, at=leg.at - timedelta(days=1)) for leg in day.legs]
    account.day("2025-07-17", {SPY: "624", ACME: "33"}).trade(SPY, -4, "625")
    account.day("2025-07-18", {SPY: "625", ACME: "34"}).trade(ACME, -30, "34")
    return [day.date.isoformat() for day in account.days]


def test_days_built_as_they_arrive_equal_all_built_at_once_though_a_row_is_of_a_day_before(
    platform: Platform, tmp_path: Path
) -> None:
    account = Account("U2777777")
    days = reported_late(account)
    for day, statement in zip(days, account.statements(), strict=True):
        platform.load(write(tmp_path / f"{day}.xml", document(statement)))
        platform.goes_on(day)
        assert changed_since(platform.database) == {}
    assert platform.query("select trading_day::text, quantity from alm_reporting.round_trips order by 1") == [
        ("2025-07-17", 15),
        ("2025-07-18", 10),
    ]
    arrived = rows(platform)
    platform.goes_on(days[2])
    assert changed_since(platform.database) == {}
    forget(platform)
    platform.run(days[0], days[-1])
    assert rows(platform) == arrived


def test_an_account_with_a_bad_row_is_not_built_and_another_is(platform: Platform, tmp_path: Path) -> None:
    """From its new NAV and its old fills it would be built as a day without events."""
    accounts = [Account(number) for number in ("U2888881", "U2888882")]
    for account in accounts:
        account.day("2025-07-14", {SPY: "620"}).trade(SPY, 10, "619")
        account.day("2025-07-15", {SPY: "621"}).trade(SPY, -10, "622")
    file = deliver(tmp_path, "bad", *accounts)
    bad, _, rest = file.read_text().partition('tradePrice="622"')
    file.write_text(f'{bad}tradePrice=""{rest}')
    platform.load(file)
    [failed] = platform.run().failed
    assert failed.account_id == "U2888881"
    built = "select account_id, trading_day::text from alm_reporting.daily_summary order by 1, 2"
    assert platform.query(built) == [("U2888882", "2025-07-14"), ("U2888882", "2025-07-15")]

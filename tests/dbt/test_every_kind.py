"""Three accounts to which everything happens that can, for a year: every difference has a name, on every day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import AGG
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, deliver, delivered, write_document
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from tests.dbt.conftest import Platform

FIRST, LAST = date(2024, 7, 1), date(2025, 6, 30)
CENT = Decimal("0.01")
NUMBERS = ("U3000001", "U3000002", "U3000003")

_NO_RATES = ("fxRateToBase", "positionAmountInBase")
DEGENERATE: Sequence[Mapping[str, Sequence[str]]] = (
    {"without": ("ConversionRates", "OptionEAE"), "blank": (*_NO_RATES, "total")},
    {"without": ("ConversionRates", "OptionEAE", "CashReport", "ChangeInNAV"), "blank": _NO_RATES},
    {"without": ("OpenPositions", "CashReport"), "blank": ("closePrice", "actionID", "CorporateAction.type")},
)
"""Rates on no row and no total; the total alone and rates on no row; no marks, and actions known by their words."""

BUILT_DAYS = """
    select trading_day, closing_nav_official, unexplained,
        (select sum(value::numeric) from jsonb_each_text(nav_change)) = closing_nav_official - opening_nav_official
    from alm_reporting.daily_summary where account_id = %s order by trading_day
"""
EVENTS = "select distinct event_type from alm_reporting.chronological_events where account_id = %s"
ALL_EVENTS = {
    *("trade", "expiration", "assignment", "exercise", "delivery", "fx_conversion"),
    *("split", "merger", "spin_off", "symbol_change", "corporate_action", "transfer_in", "transfer_out"),
    *("deposit", "withdrawal", "interest", "dividend", "tax", "fee", "other_cash"),
}
CONSERVED = """
    select
        (select sum(gross_pnl) from alm_reporting.position_lots where account_id = %s),
        (select sum(proceeds) from alm_reporting.fills
            where account_id = %s and event_type <> 'fx_conversion'),
        (select sum(case direction when 'long' then 1 else -1 end * quantity * multiplier * open_price)
            from alm_reporting.position_lots where account_id = %s and closed_at is null),
        (select sum(open_fee + coalesce(close_fee, 0)) from alm_reporting.position_lots
            where account_id = %s),
        (select sum(commission) from alm_reporting.fills
            where account_id = %s and event_type <> 'fx_conversion')
"""


def deliver_all(platform: Platform, folder: Path, accounts: list[Account]) -> None:
    document = delivered(accounts, QUERIES[ACTIVITY], FIRST, LAST, as_of=accounts[0].days[-1].date)
    platform.load(write_document(folder / "all.xml", document))


def assert_explained(platform: Platform, account: Account) -> None:
    books = {day.date: day.nav for day in account.as_of(account.days[-1].date).days}
    days = platform.query(BUILT_DAYS, account.number)
    assert [(day, nav) for day, nav, *_ in days] == [(day, books[day]) for day, *_ in days]
    assert [(day, unexplained) for day, _, unexplained, _ in days if abs(unexplained) > CENT] == []
    assert all(adds_up for *_, adds_up in days)
    assert platform.failing(account.number, "mathematical", "logical") == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_year_of_every_kind_of_event_is_explained_on_every_day(platform: Platform, tmp_path: Path, seed: int) -> None:
    accounts = trade(seed, NUMBERS, FIRST, LAST, trades_per_day=3, kinds=EVERY_KIND)
    deliver_all(platform, tmp_path, accounts)
    counts = platform.run(FIRST, LAST)
    assert (counts.unopened, counts.failed) == ((), ())
    for account in accounts:
        assert_explained(platform, account)
        assert len(platform.query(BUILT_DAYS, account.number)) == 250
        assert platform.failing(account.number) == {}
        assert {kind for (kind,) in platform.query(EVENTS, account.number)} == ALL_EVENTS
        [(gross, proceeds, open_cost, lot_fees, fees)] = platform.query(CONSERVED, *[account.number] * 5)
        assert abs(gross - proceeds - open_cost) < Decimal("1e-9")
        assert lot_fees == fees


def test_a_year_of_it_is_explained_from_statements_that_leave_things_out(platform: Platform, tmp_path: Path) -> None:
    # without a rate on any row a second foreign currency can have none
    kinds = EVERY_KIND - {"third_currency", "transaction_tax"}
    accounts = trade(3, NUMBERS, FIRST, LAST, trades_per_day=3, kinds=kinds)
    for account, how in zip(accounts, DEGENERATE, strict=True):
        account.delivers(**how)
    deliver_all(platform, tmp_path, accounts)
    counts = platform.run(FIRST, LAST)
    assert (counts.unopened, counts.failed) == ((), ())
    for account in accounts:
        assert_explained(platform, account)


def test_a_range_built_at_once_is_the_range_built_piece_by_piece(platform: Platform, tmp_path: Path) -> None:
    first, last = date(2025, 3, 3), date(2025, 4, 30)
    accounts = trade(4, NUMBERS[:1], first, last, trades_per_day=3, kinds=EVERY_KIND)
    deliver_all(platform, tmp_path, accounts)
    tables = {
        "fills": "fill_id",
        "position_lots": "lot_id",
        "chronological_events": "event_id",
        "daily_summary": "trading_day",
    }

    def built() -> list[list[tuple]]:
        return [platform.query(f"select * from alm_reporting.{name} order by {by}") for name, by in tables.items()]

    platform.run(first, last)
    at_once = built()
    for name in tables:
        platform.query(f"delete from alm_reporting.{name} returning 1")
    sessions = [day for (day,) in platform.query("select session from alm_reporting.trading_sessions order by 1")]
    pieces = [day for day in sessions if first <= day <= last]
    cuts = [0, len(pieces) // 3, len(pieces) // 3 + 1, 2 * len(pieces) // 3, len(pieces)]
    for start, end in pairwise(cuts):
        platform.run(pieces[start], pieces[end - 1])
    assert built() == at_once


def test_actions_and_transfers_that_arrive_late_change_the_days_behind_them(platform: Platform, tmp_path: Path) -> None:
    def delivers(*, generated: str, **how: Sequence[str]) -> list[tuple]:
        account = Account("U3000009")
        account.day("2025-07-14", {AGG: "96"}).trade(AGG, 10, "90")
        day = account.day("2025-07-15", {AGG: "32"})
        day.splits(AGG, 3, 1)
        day.transfers_position(AGG, 6, "31")
        account.day("2025-07-16", {AGG: "33"}).trade(AGG, -36, "33", open_close="C")
        account.delivers(**how)
        platform.load(deliver(tmp_path, generated[:8], account, generated=generated))
        platform.run("2025-07-16", "2025-07-16")
        return platform.query(
            """select how_opened, quantity, open_price, how_ended from alm_reporting.position_lots
            order by opened_at, closed_at"""
        )

    assert delivers(generated="20250717;050000", without=("CorporateActions", "Transfers")) == [
        ("trade", 10, 90, "traded"),
        ("unstated", 26, None, "traded"),
    ]
    assert delivers(generated="20250718;050000") == [
        ("trade", 10, 90, "split"),
        ("split", 30, 30, "traded"),
        ("transfer", 6, 31, "traded"),
    ]
    assert platform.query("select distinct unexplained from alm_reporting.daily_summary") == [(0,)]
    assert platform.failing("U3000009") == {}

"""Statements with a gap between them: what appeared in it, from Open Positions after it; every figure by hand.

July 1 and 2 are delivered, 3 and 7 are not, 8 and 9 are.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from fntx_dagster.model.period import Period
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.reporting import report
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import AGG, SPY, option
from fntx_dagster.simulate.documents import document, write
from tests.dbt.conftest import Platform

PUT = option("P", 600, "2025-07-18")
NUMBER = "U4400001"
GENERATED = "20260105;050000 EST"
LOTS = """
    select symbol, quantity, open_price, close_price, gross_pnl, how_opened, opened_session, opened_before,
        split_part(origin_fill_id, ':', 2)
    from alm_reporting.position_lots where account_id = %s order by opened_at, symbol, closed_at, quantity
"""
GAP_ENDS = date(2025, 7, 8)


def account() -> Account:
    account = Account(NUMBER, base="USD", cash={"USD": "90000"})
    account.day("2025-07-01", {SPY: "618"}).trade(SPY, 100, "600")
    account.day("2025-07-02", {SPY: "621"})
    gap = account.day("2025-07-03", {SPY: "625", PUT: "4"})
    gap.trade(SPY, 50, "622")
    gap.trade(PUT, -1, "4", at="11:00")
    account.day("2025-07-07", {SPY: "626", AGG: "99"}).trade(AGG, 5, "99.30")
    account.day("2025-07-08", {SPY: "630"}).trade(SPY, -120, "630", open_close="C")
    account.day("2025-07-09", {SPY: "631", PUT: "3"}).trade(PUT, 1, "3", open_close="C")
    account.days[-1].close()
    return account


def delivered(account: Account, *days: int) -> str:
    """The statements of some days; Open Positions date the put and tell what it and AGG cost."""
    texts = [account.statement([day], GENERATED) for day in account.days if day.date.day in days]
    put, agg = f'conid="{PUT.conid}"', f'conid="{AGG.conid}"'
    said = document(*texts)
    said = said.replace(
        f'<OpenPosition accountId="{NUMBER}" {put}',
        f'<OpenPosition accountId="{NUMBER}" openDateTime="20250703;110000" costBasisPrice="3.99" {put}',
    )
    return said.replace(
        f'<OpenPosition accountId="{NUMBER}" {agg}',
        f'<OpenPosition accountId="{NUMBER}" costBasisPrice="99.50" {agg}',
    )


def test_what_appears_in_a_gap_is_opened_from_open_positions_and_unknown_where_they_do_not_say(
    platform: Platform, tmp_path: Path
) -> None:
    books = account()
    platform.load(write(tmp_path / "around.xml", delivered(books, 1, 2, 8, 9)))
    assert platform.run("2025-07-01", "2025-07-09").failed == ()
    first, end = date(2025, 7, 1), date(2025, 7, 7)
    assert platform.query(LOTS, NUMBER) == [
        ("SPY", 100, 600, 630, 3000, "trade", first, None, None),
        (PUT.symbol, 1, Decimal("3.99"), 3, 99, "held", date(2025, 7, 3), None, "2025-07-08"),
        ("AGG", 5, Decimal("99.50"), None, None, "held", end, GAP_ENDS, "2025-07-08"),
        ("SPY", 20, None, 630, None, "held", end, GAP_ENDS, "2025-07-08"),
        ("SPY", 30, None, None, None, "held", end, GAP_ENDS, "2025-07-08"),
    ]
    assert platform.query(
        """select trading_day, symbol, quantity from alm_reporting.closing_positions
        where account_id = %s and quantity <> 0 and trading_day > '2025-07-02' order by 1, 2""",
        NUMBER,
    ) == [
        (GAP_ENDS, "AGG", 5),
        (GAP_ENDS, "SPY", 30),
        (GAP_ENDS, PUT.symbol, -1),
        (date(2025, 7, 9), "AGG", 5),
        (date(2025, 7, 9), "SPY", 30),
    ]
    assert platform.failing(NUMBER) == {}
    page = report(platform.settings, platform.database, Period(GAP_ENDS, date(2025, 7, 9)), HONG_KONG, NUMBER, "html")
    assert "before 2025-07-08" in page


def test_days_in_any_order_and_a_gap_that_is_filled_give_what_one_load_gives(
    platform: Platform, tmp_path: Path
) -> None:
    books = account()
    lots = {}
    for place, days in enumerate([(1, 2, 8, 9), (8,), (3, 7)]):
        platform.load(
            write(tmp_path / f"{place}.xml", delivered(books, *days).replace("20260105", f"2026010{5 + place}"))
        )
        for day in ("2025-07-09", "2025-07-09", "2025-07-08"):
            platform.rebuild(date.fromisoformat(day), date(2025, 7, 9))
            lots.setdefault(place, platform.query(LOTS, NUMBER))
            assert lots[place] == platform.query(LOTS, NUMBER)
    assert lots[0] == lots[1]
    assert {how for *_, how, _, _, _ in lots[2]} == {"trade"}
    assert [(symbol, quantity, price) for symbol, quantity, price, *_ in lots[2]] == [
        ("SPY", 100, 600),
        ("SPY", 20, 622),
        ("SPY", 30, 622),
        (PUT.symbol, 1, 4),
        ("AGG", 5, Decimal("99.30")),
    ]

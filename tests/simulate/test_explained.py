"""What simulated accounts do, the platform explains to the cent: every day, every kind of event."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.simulate.delivery import ONE_PER_SECTION, QUERIES, delivered, month_to_date, write_document
from fntx_dagster.simulate.trading import demo_month, trade
from tests.story.conftest import Platform

FIRST, LAST = date(2025, 6, 16), date(2025, 7, 22)
EVENINGS = (date(2025, 6, 20), date(2025, 6, 30), date(2025, 7, 15), LAST)
"""On which month-to-date is delivered, a file per section; what is corrected in between arrives with the next."""
CENT = Decimal("0.01")


@pytest.mark.parametrize("seed", [4, 6])
def test_every_day_of_two_busy_accounts_is_explained_and_verified(
    platform: Platform, tmp_path: Path, seed: int
) -> None:
    accounts = trade(seed, ["U3000001", "U3000002"], FIRST, LAST, trades_per_day=30)
    for evening in EVENINGS:
        for query_id in ONE_PER_SECTION:
            document = delivered(accounts, QUERIES[query_id], *month_to_date(evening), as_of=evening)
            platform.load(write_document(tmp_path / f"{query_id}_{evening}.xml", document))
        if evening >= EVENINGS[-2]:
            platform.run(FIRST, evening)
    for account in accounts:
        books = {day.date: day.nav for day in account.as_of(LAST).days}
        days = platform.query(
            """select trading_day, closing_nav_official, unexplained from alm_reporting.daily_summary
               where account_id = %s order by trading_day""",
            account.number,
        )
        assert len(days) == 25
        assert [(day, nav) for day, nav, _ in days] == [(day, books[day]) for day, _, _ in days]
        assert [day for day, _, unexplained in days if abs(unexplained) > CENT] == []
        assert platform.failing(account.number) == {}
    assert platform.query("select count(*) from raw_flex.revisions where section = 'trades'") != [(0,)]
    assert platform.query(
        "select count(*) from alm_reporting.stock_positions where origin <> 'trade' and how_ended = 'delivered'"
    ) != [(0,)]


def test_the_demos_month_is_explained_and_verified(platform: Platform, tmp_path: Path) -> None:
    account, last = demo_month(), date(2025, 7, 28)
    for query_id in ONE_PER_SECTION:
        document = delivered([account], QUERIES[query_id], *month_to_date(last), as_of=last)
        platform.load(write_document(tmp_path / f"{query_id}.xml", document))
    platform.run("2025-07-01", "2025-07-28")
    unexplained = platform.query("select distinct unexplained = 0 from alm_reporting.daily_summary")
    assert unexplained == [(True,)]
    assert platform.failing(account.number, "mathematical", "logical", "cross_reference", "historical") == {}

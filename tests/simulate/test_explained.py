"""What simulated accounts do, the platform explains to the cent: every day, every kind of event."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.simulate.delivery import ONE_PER_SECTION, QUERIES, delivered, month_to_date, write_document
from fntx_dagster.simulate.demo import demo_month
from fntx_dagster.simulate.trading import trade
from tests.dbt.conftest import Platform
from tests.processes import ALONE

FIRST, LAST = date(2025, 6, 16), date(2025, 7, 22)
EVENINGS = (date(2025, 6, 20), date(2025, 6, 30), date(2025, 7, 15), LAST)
"""On which month-to-date is delivered, a file per section; what is corrected in between arrives with the next."""
CENT = Decimal("0.01")


@pytest.mark.parametrize("seed", [4, 6])
def test_every_day_of_two_busy_accounts_is_explained_and_verified(
    platform: Platform, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
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
    monkeypatch.setenv("FNTX_HOME", str(platform.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", platform.database.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    reports_cover_both_accounts(tmp_path)


def reports_cover_both_accounts(folder: Path) -> None:
    """Each format, without an account named, as the command writes it."""
    built = {}
    for name in ("md", "json", "html"):
        asked = ["report", "--from", f"{FIRST}", "--to", f"{LAST}", "--tz", "Europe/London", "--format", name]
        done = CliRunner().invoke(app, [*asked, "-o", f"{folder}/report.{name}"])
        assert (done.exit_code, done.output) == (0, f"Written: {folder}/report.{name}\n"), done.output
        built[name] = (folder / f"report.{name}").read_text(encoding="utf-8")
    document = json.loads(built["json"])
    assert [period["account_id"] for period in document["periods"]] == ["U3000001", "U3000002"]
    for period in document["periods"]:
        moved = [Decimal(period[part]["amount"]) for part in ("opening_nav", "deposits", "withdrawals", "net_pnl")]
        assert moved[0] + moved[1] - moved[2] + moved[3] == Decimal(period["closing_nav"]["amount"])
    assert built["md"].count("# ALM Report: June 16 – July 22, 2025") == 2
    assert len(re.findall("<section ", built["html"])) == 2
    assert len(re.findall("<figure>", built["html"])) == 10  # of each account: return, NAV, P&L, heat map, distribution
    assert built["html"].count('<article class="day"') == 50
    for heading in (
        "Net Asset Value",
        "Drawdown",
        "Monthly Returns",
        "Open Positions",
        "Stock That Came or Went",
        "Metrics",
    ):
        assert len(re.findall(rf"<h3>{heading}[^<]*</h3>", built["html"])) == 2, heading
    assert "HKT" not in built["md"] + built["html"]


def test_the_demos_month_is_explained_and_verified(platform: Platform, tmp_path: Path) -> None:
    account, last = demo_month(), date(2025, 7, 28)
    for query_id in ONE_PER_SECTION:
        document = delivered([account], QUERIES[query_id], *month_to_date(last), as_of=last)
        platform.load(write_document(tmp_path / f"{query_id}.xml", document))
    platform.run("2025-07-01", "2025-07-28")
    unexplained = platform.query("select distinct unexplained = 0 from alm_reporting.daily_summary")
    assert unexplained == [(True,)]
    assert platform.failing(account.number, "mathematical", "logical", "cross_reference", "historical") == {}

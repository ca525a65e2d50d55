"""The page of performance: what it shows of a window is what the services say of it."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from pathlib import Path

import pytest
import requests

from fntx_dagster.model.period import EVER, Period
from fntx_dagster.report import money
from fntx_dagster.report.definitions import DEFINITIONS
from fntx_dagster.report.metrics_table import defined_table
from fntx_dagster.services.account_risk import account_risks
from fntx_dagster.services.against_market import against_market
from fntx_dagster.services.dashboard.performance import WINDOWS
from fntx_dagster.services.performance import rolling_metrics, window_metrics
from fntx_dagster.services.strategies import option_selling
from fntx_dagster.web.asking import Site

LAST = date(2025, 7, 18)
RANGE = Period(date(2025, 7, 7), date(2025, 7, 11))


def page(address: str, query: str = "", name: str = "performance") -> str:
    """The text of a page, tags left out."""
    answer = requests.get(f"{address}/a/1/{name}{query}", timeout=60)
    assert answer.status_code == 200
    return unescape(re.sub(r"<[^>]*>", "|", answer.text))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_shows_the_metrics_of_the_newest_session(site: Site, address: str, window: str) -> None:
    (row,) = (row for row in rolling_metrics(site.db, Period.on(LAST)) if row["metric_window"] == window)
    text = page(address, f"?window={window}")
    for label, definition, figure in defined_table(row).rows:
        assert f"|{label}||{definition}||{figure}|" in text


def test_a_range_shows_the_metrics_of_its_own_window(site: Site, address: str) -> None:
    (row,) = window_metrics(site.db, RANGE)
    text = page(address, f"?from={RANGE.first}&to={RANGE.last}")
    for label, definition, figure in defined_table(row).rows:
        assert f"|{label}||{definition}||{figure}|" in text


def test_the_market_the_falls_and_the_trades_are_those_of_the_terminal(site: Site, address: str) -> None:
    text = page(address, "?window=all")
    (market,) = against_market(site.settings, site.db, Period(date(2025, 7, 1), LAST))
    assert market.comparison
    assert f"|Beta||{money.ratio(market.comparison.beta)}|" in text
    assert f"|Commissions||{money.display(market.costs.commissions)}|" in text
    (risk,) = account_risks(site.settings, site.db, LAST)
    for fall in risk.drawdowns:
        assert f"|{money.percent(fall.depth)}|" in text
        assert f"|{fall.peak}|" in text


def test_what_strategies_made_is_what_the_terminal_says(site: Site, address: str) -> None:
    (selling,) = option_selling(site.settings, site.db, EVER)
    text = page(address, "?window=ytd", "strategies")
    assert f"|{money.display(selling.both.all_in.net_pnl, signed=True)}|" in text
    assert "No session of these days is built." in page(address, "?from=2020-01-01&to=2020-01-31", "strategies")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?window=2y", "window is one of 1y, mtd, qtd, ytd, 5y, all"),
        ("?from=yesterday", "from=yesterday is no date"),
        ("?from=2025-07-18&to=2025-07-01", "from 2025-07-18 is after to 2025-07-01"),
        ("?to=<script>alert(1)</script>", "is no date"),
    ],
)
def test_an_address_that_says_nothing_is_answered_with_what_to_write(address: str, query: str, said: str) -> None:
    answer = requests.get(f"{address}/a/1/performance{query}", timeout=60)
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text


def test_a_range_without_a_built_session_says_so(address: str) -> None:
    assert "No session of these days is built." in page(address, "?from=2019-01-01&to=2019-12-31")
    assert "No session of these days is built." in page(address, "?from=2031-01-01")


def test_every_metric_has_a_definition_and_is_in_the_page_of_definitions(site: Site) -> None:
    row = rolling_metrics(site.db, Period.on(LAST))[0]
    keys = {"account_id", "trading_day", "metric_window", "base_currency", "few_observations"}
    assert set(row) - keys == set(DEFINITIONS)
    written = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8").lower()
    unnamed = {name for name in DEFINITIONS if f"`{name}`" not in written}
    assert unnamed == {"observations", "paid_in"}

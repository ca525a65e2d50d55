"""The page of positions: what it shows of a close is what `fntx greeks` and `fntx risk` say of it."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
import requests

from fntx_dagster.report.account_risk import assignment_table, stress_table
from fntx_dagster.report.risk_tables import exposure_table, greeks_table
from fntx_dagster.services.account_risk import account_risks
from fntx_dagster.services.dashboard.positions import positions_of
from fntx_dagster.services.risk import closing_risk
from fntx_dagster.web.asking import Site

DAY = date(2025, 7, 17)


def cells(address: str, path: str) -> str:
    """A page's text, with a bar for each tag."""
    answer = requests.get(f"{address}/a/1/{path}", timeout=60)
    assert answer.status_code == 200
    return unescape(re.sub(r"(<[^>]*>\s*)+", "|", answer.text))


@pytest.mark.parametrize("day", [DAY, date(2025, 7, 16), date(2025, 7, 18)])
def test_a_close_shows_the_risk_that_the_terminal_shows(site: Site, address: str, day: date) -> None:
    text = cells(address, f"positions/{day}")
    (risk,), (greeks,) = account_risks(site.settings, site.db, day), closing_risk(site.settings, site.db, day)
    tables = (stress_table(risk), assignment_table(risk.assignments, "HKD"), exposure_table(greeks.portfolio))
    rows = [row for table in tables for row in table.rows]
    assert rows
    for row in rows:
        assert f"|{'|'.join(row)}|" in text
    for option in greeks_table(greeks.options).rows:
        assert all(f"|{greek}|" in text for greek in option[-4:])


def test_the_newest_close_is_shown_where_none_is_named(address: str) -> None:
    assert cells(address, "positions") == cells(address, "positions/2025-07-18")


def test_the_sums_by_expiry_are_the_exposure_of_the_portfolio(site: Site) -> None:
    """Theta and vega of the portfolio are in USD, and so are all positions of that day."""
    shown = positions_of(site.settings, site.db, "U1000001", DAY) or pytest.fail("not built")
    assert shown.portfolio
    for name in ("theta", "vega"):
        total = sum(getattr(each, name) for each in shown.by_expiry)
        assert total == pytest.approx(shown.portfolio[name], abs=1e-9)
    (held,) = shown.by_expiry
    assert (held.underlying, held.expiry, held.short, held.delta) == ("SPY", DAY, 2, -100.0)


def test_marks_and_open_prices_are_those_of_the_statement(address: str) -> None:
    call = "|SPY July 17, 2025, 628 Call|2025-07-18 00:50 HKT|assigned|-1|0.19|0.04|-4.00 USD|"
    assert call in cells(address, f"positions/{DAY}")


@pytest.mark.parametrize(("path", "status"), [("positions/2025-07-19", 404), ("positions/17", 400)])
def test_a_close_that_is_none_is_not_shown(address: str, path: str, status: int) -> None:
    assert requests.get(f"{address}/a/1/{path}", timeout=60).status_code == status

"""The pages of bonds say what their reports say, lead from one to the other, and hand the reports out as files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from fntx_dagster.store.database import Database
from fntx_dagster.web.asking import Site
from fntx_dagster.web.pages.treasury import spoken
from tests.services.distributions.desks import BOND, bond_desk
from tests.web.asking import ask
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER

PAGE = f"/treasury/bonds/{BOND}"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """A bond of three holders, before anything is paid."""
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2", "h3")) as desk:
        yield Site(desk.settings, database, HONG_KONG)


def shown(site: Site, address: str) -> str:
    status, text = page(site, address, THE_AUDITOR)
    assert status == 200, text
    return text


def test_all_bonds_lead_to_their_own_pages_and_these_to_each_report(site: Site) -> None:
    listed = shown(site, "/treasury/bonds")
    assert f'href="{PAGE}"' in listed
    assert "By Currency" in listed
    first = shown(site, f"{PAGE}?on=2026-04-02")
    assert "Outstanding 1,500,000.00 Arrears 127,500.00" in words(first)
    for kind, heading in (
        ("payment_reconciliation", "By Fee and Tranche"),
        ("lifecycle_status", "Possible Now"),
        ("waterfall_summary", "Lines of the Waterfall"),
        ("investor_statement", "Holdings"),
    ):
        assert f'href="{PAGE}?report={kind}"' in first
        assert f"<h2>{heading}</h2>" in shown(site, f"{PAGE}?report={kind}")


def test_the_states_are_drawn_with_the_one_that_the_bond_is_in(site: Site) -> None:
    with site.db.connect() as connection:
        state = spoken(known_bond(connection, BOND).state)
    life = shown(site, f"{PAGE}?report=lifecycle_status")
    [here] = re.findall(r'<text class="f-accent"[^>]*>([^<]+)</text>', life)
    assert here == state
    assert f"it is {state}" in life
    assert '<svg class="steps"' not in shown(site, PAGE)


def test_a_holder_is_chosen_on_the_page(site: Site) -> None:
    assert "Holder: h1." in shown(site, f"{PAGE}?report=investor_statement")
    assert "Holder: h3." in shown(site, f"{PAGE}?report=investor_statement&holder=h3")
    assert page(site, f"{PAGE}?report=investor_statement&holder=nobody", THE_OWNER)[0] == 400


def test_a_report_is_handed_out_as_a_page_and_as_json(site: Site) -> None:
    answer = ask(site, f"{PAGE}/trustee_report.html?on=2026-04-02", THE_OWNER)
    assert answer.headers["content-disposition"] == 'attachment; filename="trustee_report-2026-04-02.html"'
    assert b"<h1>Trustee Report</h1>" in bytes(answer.body)
    document = json.loads(bytes(ask(site, f"{PAGE}/investor_statement.json?holder=h2", THE_OWNER).body))
    assert (document["kind"], document["notes"][0]) == ("investor_statement", "Holder: h2.")


@pytest.mark.parametrize(
    "address",
    [
        "/treasury/bonds/bond-9",
        "/treasury/bonds/bond-9?report=investor_statement",
        "/treasury/bonds/bond-9/trustee_report.json",
        f"{PAGE}/nav_snapshot.json",
        f"{PAGE}/trustee_report.pdf",
    ],
)
def test_what_there_is_not_is_not_found(site: Site, address: str) -> None:
    assert page(site, address, THE_OWNER)[0] == 404


@pytest.mark.parametrize("role", [TRADER, FUND, SOURCE])
def test_nobody_else_finds_a_bond(site: Site, role: str) -> None:
    for address in ("/treasury/bonds", PAGE, f"{PAGE}/trustee_report.json"):
        assert page(site, address, Visitor("ada", role))[0] == 404

"""The page of a distribution shows its lines, its payments with their transactions, and what is next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.withdrawing import withdraw
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import distribution_proposals, payments_of
from fntx_dagster.web.asking import Site
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR

PAGE = f"/treasury/bonds/{BOND}/distributions"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[BondDesk]:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        yield desk


def shown(desk: BondDesk, address: str) -> str:
    status, text = page(Site(desk.settings, desk.db, HONG_KONG), address, THE_AUDITOR)
    assert status == 200, text
    return text


def test_a_bond_leads_to_its_distributions_and_these_to_their_proposal(desk: BondDesk, database: Database) -> None:
    assert PAGE not in shown(desk, f"/treasury/bonds/{BOND}")
    distribution = desk.approved("17500.00")
    assert f'href="{PAGE}/1"' in shown(desk, f"/treasury/bonds/{BOND}")
    waits = shown(desk, f"{PAGE}/1")
    with database.connect() as connection:
        [proposal] = distribution_proposals(connection, distribution)
    assert f'href="/treasury/proposals/{proposal}"' in waits
    assert "17,500.00 USD" in words(waits)
    desk.paid_out(distribution)
    paid = shown(desk, f"{PAGE}/1")
    with database.connect() as connection:
        hashes = [each.tx_hash for each in payments_of(connection, distribution)]
    assert all(each and each in paid for each in hashes)
    assert "Next, in a terminal" not in paid


def test_a_withdrawn_distribution_says_why(desk: BondDesk, database: Database) -> None:
    desk.cash("17500.00")
    first = compute(desk.settings, database, BOND, 1)
    assert f"fntx bond distribute {BOND}" in shown(desk, f"{PAGE}/1")
    withdraw(desk.settings, database, first.distribution_id, "the <register> was old")
    assert "the &lt;register&gt; was old" in shown(desk, f"{PAGE}/1")
    compute(desk.settings, database, BOND, 1)
    assert "withdrawn" in shown(desk, f"/treasury/bonds/{BOND}").lower()
    assert shown(desk, f"{PAGE}/2")
    site = Site(desk.settings, database, HONG_KONG)
    for wrong in (f"{PAGE}/3", "/treasury/bonds/none/distributions/1"):
        assert page(site, wrong, THE_AUDITOR)[0] == 404

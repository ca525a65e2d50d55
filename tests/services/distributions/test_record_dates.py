"""A distribution pays those who held at the end of its record date, whatever changed hands since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.transferring import propose_transfer
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.withdrawing import withdraw
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import DistributionRow
from tests.services.distributions.desks import BOND, BondDesk, bond_desk

HOLDERS = ("h1", "h2", "h3")


def transferred(desk: BondDesk, holder: str, to: str, day: str) -> None:
    move: dict[str, Any] = {"tranche": "A", "from": holder, "to": to, "units": "1", "address": desk.addressed(to)}
    desk.decided(propose_transfer(desk.settings, desk.db, BOND, {"record_date": day, "transfers": [move]}))


def holders_of_a(row: DistributionRow) -> dict[str, str]:
    document = json.loads(row.document)
    assert document["record_date"] == f"{row.record_date}"
    return {each["id"]: each["units"] for each in document["deal"]["tranches"][0]["holders"]}


@pytest.fixture
def desk(database: Database, tmp_path: Path):
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        yield desk


def test_who_held_when_the_period_was_due_is_paid_and_arrears_go_to_who_holds_today(desk: BondDesk) -> None:
    transferred(desk, "h1", "h2", "2026-04-01")
    transferred(desk, "h3", "h2", "2026-04-02")
    desk.cash("1000.00")
    first = compute(desk.settings, desk.db, BOND, 1)
    assert f"{first.record_date}" == "2026-04-01"
    assert holders_of_a(first) == {"h2": "2", "h3": "1"}
    with pytest.raises(Permanent, match="Date it 2026-04-02 or later"):
        transferred(desk, "h2", "h1", "2026-04-01")
    desk.decided(propose_distribution(desk.settings, desk.db, first.distribution_id))
    assert desk.paid_out(first.distribution_id).next == "nothing"
    desk.cash("2000.00", "again.pdf")
    again = compute(desk.settings, desk.db, BOND, 1)
    assert holders_of_a(again) == {"h2": "3"}


def test_a_withdrawn_distribution_lets_its_record_date_be_changed(desk: BondDesk) -> None:
    desk.cash("1000.00")
    row = compute(desk.settings, desk.db, BOND, 1)
    withdraw(desk.settings, desk.db, row.distribution_id, "a sale was not entered yet")
    transferred(desk, "h1", "h2", "2026-03-15")
    assert holders_of_a(compute(desk.settings, desk.db, BOND, 1)) == {"h2": "2", "h3": "1"}


def test_a_change_of_a_day_that_the_ledger_has_not_come_to_is_refused(desk: BondDesk) -> None:
    with pytest.raises(Permanent, match="the date of the ledger is"):
        transferred(desk, "h1", "h2", "2999-01-01")

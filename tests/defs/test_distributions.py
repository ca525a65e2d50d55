"""The asset of distributions: from cash that came in to a proposal, and never to a payment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from fntx_dagster.defs.bonds import waterfall_distribution
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import distributions, payments_of
from tests.services.distributions.desks import BOND, BondDesk, bond_desk

from .around import platform_of


def run(desk: BondDesk) -> dict[str, Any]:
    """A run of the asset: its figures, and whether its check passed."""
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": platform_of(desk.settings, desk.db)}
        done = dg.materialize([waterfall_distribution], instance=instance, resources=resources)
        [event] = done.asset_materializations_for_node("waterfall_distribution")
        [check] = done.get_asset_check_evaluations()
        return {label: each.value for label, each in event.metadata.items()} | {"passed": check.passed}


def test_cash_that_came_in_is_proposed_once_and_nothing_of_it_is_paid(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        assert run(desk) == {"proposed": 0, "waiting": 0, "passed": True}
        desk.cash("90000.00")
        first = run(desk)
        assert (first["proposed"], first["passed"]) == (1, True)
        with database.connect() as connection:
            [row] = distributions(connection, BOND)
            assert (row.state, row.computed_by) == ("proposed", "system:dagster")
            assert all(each.attempts == 0 for each in payments_of(connection, row.distribution_id))
        desk.cash("1000.00", "more.pdf")
        assert run(desk)["proposed"] == 0


def test_cash_of_a_bond_that_pays_nobody_now_waits_and_is_named(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.cash("90000.00")
        with database.connect() as connection:
            connection.execute("update treasury.bond set state = 'Paused'")
        shown = run(desk)
        assert (shown["proposed"], shown["waiting"], shown["passed"]) == (0, 1, False)

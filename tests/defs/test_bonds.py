"""The assets of bonds, run as Dagster runs them: what is due, the interest of a day, who is late by the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fntx_dagster.defs.bonds import bonds_of_the_day
from fntx_dagster.defs.definitions import defs
from fntx_dagster.services.bonds.factory import create_bond, structure_bond
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.bonds.built import BOND, STRUCTURE, TERMS, enter_parties, now, put_in
from tests.services.transactions.desks import SigningDesk, desk_at

from .around import platform_of

STEPS = ("cashflow_schedule", "accruals", "delinquency_status")


def run(settings: Settings, db: Database, day: str) -> dict[str, Any]:
    """A run of the job for a day: asset → its figures."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("follow_bonds").execute_in_process(
            instance=instance, resources={"platform": platform_of(settings, db)}, partition_key=day
        )
        found = {
            name: {label: each.value for label, each in event.metadata.items()}
            for name in STEPS
            for event in [done.asset_materializations_for_node(name)[0]]
        }
        return found | {each.check_name: each.passed for each in done.get_asset_check_evaluations()}


def begun(desk: SigningDesk, start: str, maturity: str) -> None:
    """A bond that pays."""
    enter_parties(desk.settings, desk.db)
    create_bond(desk.settings, desk.db, TERMS | {"start": start, "maturity": maturity})
    structure_bond(desk.settings, desk.db, BOND, STRUCTURE)
    put_in(desk.db, "Current")


def test_a_run_shows_what_is_due_keeps_the_interest_and_takes_the_step_of_the_clock(
    database: Database, tmp_path: Path
) -> None:
    """The simulated ledger stands at 15 January 2027, eleven days after the payment of 4 January."""
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        begun(desk, "2026-10-04", "2027-10-04")
        first = run(desk.settings, database, "2026-10-04")
        assert first["cashflow_schedule"]["bonds"] == 1
        assert first["accruals"]["new"] == 3
        assert first["delinquency_status"]["steps"] == 1
        assert now(database).state == "Delinquent"
        assert (first["schedules_are_as_structured"], first["bonds_are_paid_in_time"]) == (True, False)
        again = run(desk.settings, database, "2026-10-04")
        assert (again["accruals"]["new"], again["delinquency_status"]["steps"]) == (0, 0)
        assert again["accruals"]["bonds"] == 1


def test_a_schedule_that_somebody_altered_is_found(database: Database, tmp_path: Path) -> None:
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        begun(desk, "2027-01-01", "2028-01-01")
        with database.connect() as connection:
            connection.execute("alter table treasury.bond_cashflow disable trigger all")
            connection.execute(
                "update treasury.bond_cashflow set amount = amount + 1 where period = 2 and kind = 'fee'"
            )
        assert run(desk.settings, database, "2026-10-04")["schedules_are_as_structured"] is False


@pytest.mark.parametrize("has_treasury", [True, False])
def test_the_day_that_is_over_is_run_where_there_is_a_treasury(
    has_treasury: bool, database: Database, tmp_path: Path
) -> None:
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        settings = desk.settings if has_treasury else Settings(home=tmp_path)
        at = datetime(2027, 1, 16, 0, 10, tzinfo=UTC)
        with dg.build_schedule_context(
            scheduled_execution_time=at, resources={"platform": platform_of(settings, database)}
        ) as context:
            asked = bonds_of_the_day(context)
        if has_treasury:
            assert isinstance(asked, dg.RunRequest)
            assert asked.partition_key == "2027-01-15"
        else:
            assert isinstance(asked, dg.SkipReason)

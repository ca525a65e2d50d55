"""Reconciliation in Dagster: thirty checks named as their ids, what fails them, and that they raise no alert twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.reconciliation import reconciliation_of_the_day
from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.services.alerting import open_alerts, record
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.reconciling.estates import Estate, code, estate
from tests.services.transactions.worlds import XRPL_NAMES
from tests.simulate.xrpl.people import address

from .around import platform_of


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Iterator[Estate]:
    with estate(tmp_path / "home", database) as whole:
        yield whole


def reconciled(settings: Settings, db: Database) -> tuple[dict[str, dict[str, Any]], list[dg.AssetCheckEvaluation]]:
    """Asset → metadata of a run, and what its checks came to."""
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": platform_of(settings, db)}
        done = defs.resolve_job_def("reconcile_ledgers").execute_in_process(instance=instance, resources=resources)
        rows = {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for event in done.get_asset_materialization_events()
            if event.asset_key
        }
        return rows, [*done.get_asset_check_evaluations()]


def test_there_are_thirty_checks_named_as_their_ids_that_block_nothing() -> None:
    asset = defs.resolve_assets_def("reconciliation_report")
    specs = {spec.name: spec for spec in asset.check_specs}
    assert [*specs] == [each.id.replace(".", "_") for each in CHECKS]
    assert len(specs) == 30
    assert not any(spec.blocking for spec in specs.values())
    assert all(spec.description for spec in specs.values())


def test_a_run_shows_both_ledgers_and_names_what_differs_once(here: Estate) -> None:
    limit = {"currency": code("OPTKAS.BOND"), "issuer": address("issuer"), "value": "7"}
    by = (XRPL_NAMES["treasury"], XRPL_NAMES["trustee"])
    assert here.town.does("treasury", "TrustSet", by=by, LimitAmount=limit) == "tesSUCCESS"
    rows, checks = reconciled(here.settings, here.db)
    assert rows["xrpl_state"]["ledger"] == here.town.ledger.last.ledger_index
    assert "issuer" in rows["xrpl_state"]["accounts"]
    assert rows["stellar_state"]["accounts"].count("XLM") == 3
    assert rows["reconciliation_report"]["status"] == "DISCREPANCIES_FOUND"
    failed = {each.check_name: each for each in checks if not each.passed}
    assert set(failed) == {"xrpl_trustlines_treasury", "ledger_signatures"}
    assert {each.severity for each in failed.values()} == {dg.AssetCheckSeverity.ERROR}
    assert "limit 7 instead of" in f"{failed['xrpl_trustlines_treasury'].description}"
    raised = [alert.source for alert in open_alerts(here.db)]
    assert raised == ["reconciliation/xrpl.trustlines.treasury", "reconciliation/ledger.signatures"]
    record(here.db, [observed(each) for each in checks])
    assert [alert.source for alert in open_alerts(here.db)] == raised, "checks raise nothing of their own"


def test_a_server_that_does_not_answer_is_a_warning_and_fails_no_run(here: Estate) -> None:
    here.horizon.fail("GET", "/", "problem", times=50)
    rows, checks = reconciled(here.settings, here.db)
    assert "status 503" in rows["stellar_state"]["no_answer"]
    warned = {each.check_name for each in checks if each.severity is dg.AssetCheckSeverity.WARN and not each.passed}
    assert {name for name in warned if not name.startswith("stellar")} == {
        "cross_governance",
        "cross_attestation",
        "supply_stellar",
        "ledger_signatures",
    }
    assert len(warned) == 13


def test_without_a_treasury_nothing_is_asked_and_nothing_due(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    rows, checks = reconciled(settings, database)
    assert "FNTX_TREASURY_CONFIG" in rows["reconciliation_report"]["to_do"]
    assert all(each.passed for each in checks)
    at = datetime(2026, 3, 2, 0, 45, tzinfo=UTC)
    resources = {"platform": platform_of(settings, database)}
    context = dg.build_schedule_context(scheduled_execution_time=at, resources=resources)
    skipped = reconciliation_of_the_day(context)
    assert isinstance(skipped, dg.SkipReason)
    assert "FNTX_TREASURY_CONFIG" in f"{skipped.skip_message}"

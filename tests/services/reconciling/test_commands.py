"""Reconciliation by commands: what each prints and returns, with a database that knows nothing of the treasury."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.cli import app
from fntx_dagster.store.database import Database
from tests.processes import run
from tests.services.reconciling.estates import Estate, estate
from tests.services.transactions.worlds import XRPL_NAMES
from tests.simulate.xrpl.people import address


@pytest.fixture
def here(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    with estate(tmp_path / "home", database) as whole:
        for name, value in environment(whole).items():
            monkeypatch.setenv(name, value)
        yield whole


def environment(here: Estate) -> dict[str, str]:
    return {
        "FNTX_HOME": str(here.settings.home),
        "FNTX_DATABASE_URL": here.db.url,
        "FNTX_XRPL_URL": here.xrpl.url,
        "FNTX_HORIZON_URL": here.horizon.url,
        "FNTX_TREASURY_CONFIG": str(here.settings.treasury.config),
    }


def said(*words: str) -> Result:
    return CliRunner().invoke(app, ["reconcile", *words])


def test_the_exit_code_says_clean_differs_or_no_answer(here: Estate, tmp_path: Path) -> None:
    assert said("list").stdout == "Nothing was reconciled yet: `fntx reconcile run`.\n"
    missing = said("show")
    assert missing.exit_code != 0
    file = tmp_path / "report.json"
    clean = said("run", "--scope", "deep", "--json", "-o", str(file))
    report = json.loads(clean.stdout)
    # ledger.signatures: the accounts were set up by other means, so their transactions are none of ours
    assert clean.exit_code == 1
    assert [item["id"] for item in report["items"] if item["status"] == "MISMATCH"] == ["ledger.signatures"]
    assert json.loads(file.read_text(encoding="utf-8")) == report
    assert said("run").exit_code == 0
    town = here.town
    by = (XRPL_NAMES["treasury"], XRPL_NAMES["trustee"])
    assert town.does("amm", "SetRegularKey", by=by, RegularKey=address("stranger")) == "tesSUCCESS"
    differs = said("run", "--json")
    assert differs.exit_code == 1
    assert json.loads(differs.stdout)["summary"]["overall_status"] == "DISCREPANCIES_FOUND"
    here.horizon.fail("GET", "/", "problem", times=50)
    away = said("run", "--scope", "stellar")
    assert away.exit_code == 75
    assert "stellar.balance.issuer" in away.stdout
    assert [row["overall_status"] for row in json.loads(said("list", "--json").stdout)] == [
        "ERROR",
        "DISCREPANCIES_FOUND",
        "CLEAN",
        "DISCREPANCIES_FOUND",
    ]
    assert "cross.governance" in said("show", "3").stdout
    assert json.loads(said("show", "1", "--json").stdout) == report
    assert said("show", "3", "-o", str(tmp_path / "report.html")).exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"the regular key {address('stranger')} signs alone" in page


@pytest.mark.slow
def test_a_process_of_its_own_needs_the_servers_and_the_configuration_alone(here: Estate, tmp_path: Path) -> None:
    names = ("FNTX_XRPL_URL", "FNTX_HORIZON_URL", "FNTX_TREASURY_CONFIG", "FNTX_DATABASE_URL")
    env = {name: value for name, value in environment(here).items() if name in names}
    home = tmp_path / "elsewhere"
    done = run(home, "reconcile", "run", "--json", **env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["overall_status"] == "CLEAN"
    assert len([*(home / "reports").glob("reconciliation-*.json")]) == 1


def test_a_statement_is_kept_and_a_token_that_there_is_not_refused(here: Estate) -> None:
    kept = said("statement", "250000.00", "--token", "OPTKAS.ESCROW", "--as-of", "2026-11-30", "--json")
    assert json.loads(kept.stdout) == {
        "statement": 1,
        "total": "250000.00",
        "token": "OPTKAS.ESCROW",
        "as_of": "2026-11-30",
    }
    assert said("statement", "1", "--token", "ODD").exit_code != 0
    assert said("statement", "-1", "--token", "OPTKAS.ESCROW").exit_code != 0
    assert said("statement", "many", "--token", "OPTKAS.ESCROW").exit_code == 2

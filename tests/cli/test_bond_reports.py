"""`fntx bond report`: on the terminal, as JSON, as a page, into a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database
from tests.services.distributions.desks import BOND, bond_desk


@pytest.fixture
def kept(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A bond of three holders in the database that the commands open."""
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2", "h3")):
        pass
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
    return database


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["bond", "report", *words])
    assert done.exit_code == code, done.output
    return done.output


def test_a_report_is_shown_as_tables_json_and_a_page(kept: Database, tmp_path: Path) -> None:
    shown = said("trustee_report", BOND)
    assert "Trustee Report" in shown
    assert "1,000,000.00" in shown
    assert "Distributions: No cash was distributed." in shown
    found = json.loads(said("investor_statement", BOND, "--holder", "h1", "--json", "--on", "2026-04-02"))
    assert (found["kind"], found["as_of"], found["figures"]["received"]) == ("investor_statement", "2026-04-02", "0.00")
    assert said("portfolio_summary", "--html").startswith("<!doctype html>")
    file = tmp_path / "lifecycle.html"
    assert str(file) in said("lifecycle_status", BOND, "--html", "-o", str(file))
    assert "<h1>Lifecycle Status</h1>" in file.read_text(encoding="utf-8")


def test_what_excludes_each_other_or_is_missing_is_refused(kept: Database) -> None:
    said("trustee_report", BOND, "--html", "--json", code=2)
    said("nav_snapshot", BOND, code=2)
    for words, message in ((["trustee_report"], "needs a bond"), (["trustee_report", "bond-9"], "there is no bond")):
        refused = CliRunner().invoke(app, ["bond", "report", *words]).exception
        assert isinstance(refused, Permanent)
        assert message in str(refused)

"""`fntx bond` as people type it: from the file of the terms to the proposal, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.store.database import Database
from tests.processes import run
from tests.services.bonds.built import BOND, STRUCTURE, TERMS, treasury_of_bonds, voted, with_field


def test_a_bond_is_made_of_two_files_and_moves_by_its_table(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = treasury_of_bonds(tmp_path, database)
    environment = {"FNTX_DATABASE_URL": database.url, "FNTX_TREASURY_CONFIG": str(tmp_path / "treasury.json")}
    for name, value in {**environment, "FNTX_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    def bond(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["bond", *words, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if code == 0 else str(done.exception)

    def file(content: Any) -> str:
        (tmp_path / "file.json").write_text(json.dumps(content), encoding="utf-8")
        return str(tmp_path / "file.json")

    wrong = bond("create", "--input", file(with_field(TERMS, "day_count", "30/360")), code=1)
    assert "day_count is '30/360'" in wrong
    assert bond("create", "--input", file(TERMS))["state"] == "Draft"
    made = bond("structure", BOND, "--input", file(STRUCTURE))
    assert made["possible_events"] == ["submit"]
    assert [(each["id"], each["outstanding"]) for each in made["tranches"]] == [
        ("A", "1000000.00"),
        ("B", "300000.00"),
        ("C", "200000.00"),
    ]
    proposal = bond("submit", BOND)
    assert (proposal["kind"], proposal["state"]) == ("bond.approve", "pending_approval")
    voted(settings, database, UUID(proposal["proposal"]), "treasury", "trustee")
    assert [each["event"] for each in bond("events", BOND)] == ["create", "structure", "submit", "approve"]
    assert "Possible there: escrow_created, pause" in bond("transition", BOND, "settle", code=1)
    assert "no escrow that funds" in bond("transition", BOND, "escrow_created", code=1)
    assert bond("transition", BOND, "pause", "--reason", "look again")["kind"] == "bond.pause"
    assert [each["state"] for each in bond("list", "--state", "Active")] == ["Active"]
    move = ["transfer", BOND, "--tranche", "A", "--from", "ada", "--to", "bob", "--record-date", "2026-05-01"]
    assert "a fraction of one cannot be moved" in bond(*move, "--units", "0.5", code=1)
    sold = bond(*move, "--units", "1", "--reason", "sold")
    assert (sold["kind"], sold["payload"]["transfers"][0]["units"]) == ("bond.transfer", "1")
    voted(settings, database, UUID(sold["proposal"]), "treasury", "compliance")
    held = {each["holder"]: each["units"] for each in bond("holders", BOND) if each["tranche"] == "A"}
    assert held == {"ada": "1", "bob": "2"}
    assert len(bond("holders", BOND, "--on", "2026-04-30")) == 5
    assert bond("holders", BOND, "--changes")[-1]["proposal"] == sold["proposal"]
    assert "Name one transfer" in run(tmp_path, "bond", "transfer", BOND, **environment).stderr
    assert "is no state of a bond" in bond("list", "--state", "Sold", code=1)
    assert bond("holders", BOND)[-1] | {"address": ""} == {
        "tranche": None,
        "holder": "house",
        "units": "3",
        "address": "",
    }
    assert "there is no bond" in bond("show", "B-9", code=1)
    shown = run(tmp_path, "bond", "show", BOND, **environment).stdout
    assert f"{BOND}, Solar park: Active." in shown

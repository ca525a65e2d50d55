"""`fntx treasury machines`: the tables as programs and people get them."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from fntx_dagster.cli import app


def machines(*options: str) -> str:
    done = CliRunner().invoke(app, ["treasury", "machines", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_programs_get_every_step_of_every_table() -> None:
    tables = json.loads(machines("--json"))
    assert {name: len(steps) for name, steps in tables.items()} == {
        "bond": 22,
        "escrow": 17,
        "proposal": 23,
        "ledger_tx": 14,
    }
    assert tables["bond"][0] | {"guard": ""} == {
        "state": "–",
        "event": "create",
        "next": "Draft",
        "guard": "",
        "approvals": 0,
    }
    assert {type(step["approvals"]) for steps in tables.values() for step in steps} == {int}


def test_people_get_them_as_tables_and_as_a_diagram() -> None:
    assert "arbitrate_cancel" in machines()
    assert machines("--mermaid", "escrow").startswith("stateDiagram-v2\n    [*] --> Proposed: propose\n")


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    done = CliRunner().invoke(app, ["treasury", "machines", "--mermaid", "swap"])
    assert "one of bond, escrow, proposal, ledger_tx" in str(done.exception)

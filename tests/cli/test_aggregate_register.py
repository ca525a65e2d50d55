"""`fntx aggregate register` says the bond and asks before it pays it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.processes import ALONE
from tests.services.aggregation.test_submitting import ACCOUNT, DAY, formed


@pytest.mark.slow
def test_the_bond_is_said_and_paid_only_when_somebody_agrees(
    home: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT, DAY)
    pool = f"{formed(home).aggregation.aggregator}"
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    found = {
        "FNTX_HOME": f"{home}",
        "FNTX_DATABASE_URL": database.url,
        **dict.fromkeys(ALONE, "1"),
        "FNTX_AGGREGATOR": pool,
        "COLUMNS": "200",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)

    def register(*words: str, answer: str = "") -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["aggregate", "register", *words], input=answer)
        return done.exit_code, done.stdout, done.stderr

    code, said, beside = register(answer="n\n")
    assert (code, "Registered" in said) == (1, False)
    assert f"the bond of the pool {pool} is 0.1 ether" in beside
    code, said, beside = register("--yes", "--json")
    assert (code, json.loads(said)["is_registered"], "0.1 ether" in beside) == (0, True, True)
    code, said, beside = register()  # nothing is paid, so nothing is asked
    assert (code, "Registered" in said, beside) == (0, True, "")

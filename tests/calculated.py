"""Calculators called as commands: cases in, an answer for each out."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from fntx_dagster.cli import app


def answers(*words: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the command says of each case, in order."""
    done = CliRunner().invoke(app, [*words, "--input", "-", "--json"], input=json.dumps({"cases": cases}))
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["results"]

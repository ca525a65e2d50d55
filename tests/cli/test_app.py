"""`fntx` itself: its version, its help, and the time that they take."""

from __future__ import annotations

import os
import resource
import subprocess
from importlib.metadata import version

from typer.testing import CliRunner

from fntx_dagster.cli import app
from tests.processes import FNTX


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"fntx {version('fntx-dagster')}\n"


def test_the_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    commands = "load fetch run today report summary metrics status alerts greeks verify demo ui env signature chain db"
    assert [name for name in commands.split() if f"│ {name} " not in shown] == []


def test_the_help_takes_half_a_second_of_cpu_at_most() -> None:
    """In one of five starts: the first may write compiled files, and a busy machine counts more."""
    assert any(_cpu_of_help() <= 0.5 for _ in range(5))


def _cpu_of_help() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([FNTX, "--help"], check=True, stdout=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

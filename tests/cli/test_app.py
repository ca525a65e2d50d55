"""`fntx` itself: its version and its help."""

from __future__ import annotations

from importlib.metadata import version

from typer.testing import CliRunner

from fntx_dagster.cli import app


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"fntx {version('fntx-dagster')}\n"


def test_the_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    commands = "init doctor load fetch run today "
    commands += "report summary metrics status alerts greeks verify demo ui env signature chain db"
    assert [name for name in commands.split() if f"│ {name} " not in shown] == []

"""What files of deployment name of the program: its variables, its commands with their options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from typer.core import TyperGroup
from typer.main import get_command

from fntx_dagster.cli import app
from fntx_dagster.settings import known_settings, secret_settings
from fntx_dagster.settings.names import variables

DEPLOY = Path(__file__).parents[2] / "deploy"


def strange_variables(names: Iterable[str]) -> set[str]:
    """Those of the variables beginning with FNTX_ that set nothing: a slip, or one that went away."""
    settings = variables({*known_settings()})
    secrets = {name for name, setting in settings.items() if setting in secret_settings()}
    known = {*settings} | {f"{name}_FILE" for name in secrets}
    return {name for name in names if name.startswith("FNTX_")} - known


def variables_in_the_open(names: Iterable[str]) -> set[str]:
    """Those of the variables that hold a secret themselves, where `inspect` of a container shows it."""
    return {name for name in names if variables({*known_settings()}).get(name) in secret_settings()}


def require_command(words: Sequence[str]) -> None:
    """A command line of `fntx` that its parser takes; click.UsageError says what it does not."""
    command: click.Command = get_command(app)
    context = click.Context(command, info_name="fntx")
    rest = [*words]
    while isinstance(command, TyperGroup):
        name, inner, rest = command.resolve_command(context, rest)
        assert inner is not None, words
        context, command = click.Context(inner, info_name=name, parent=context), inner
    command.parse_args(context, rest)

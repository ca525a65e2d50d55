"""`fntx signals`: strategies, their signals, who follows them, and what became of it all."""

from __future__ import annotations

import typer

from fntx_dagster.cli.signal_following import strategies

signals = typer.Typer(no_args_is_help=True, help="Signals: one message, one execution, a fair share for each.")

for command in (strategies,):
    signals.command()(command)

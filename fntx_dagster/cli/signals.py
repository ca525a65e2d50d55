"""`fntx signals`: its commands, by what they are about."""

from __future__ import annotations

import typer

from fntx_dagster.cli.signal_commitments import commit, commitments, reveal
from fntx_dagster.cli.signal_executions import executions, log, settle, settlement, show
from fntx_dagster.cli.signal_figures import performance
from fntx_dagster.cli.signal_following import (
    instruments,
    pause,
    strategies,
    strategy,
    subscribe,
    subscriptions,
)
from fntx_dagster.cli.signal_messages import enter, leave
from fntx_dagster.cli.signal_migration import migrate
from fntx_dagster.cli.signal_proofs import prove

signals = typer.Typer(no_args_is_help=True, help="Signals: one message, one execution, a fair share for each.")

for command in (
    strategies,
    strategy,
    instruments,
    subscribe,
    pause,
    subscriptions,
    prove,
    performance,
    executions,
    show,
    log,
    settlement,
    settle,
    commit,
    commitments,
    reveal,
):
    signals.command()(command)
signals.command()(migrate)
signals.command("enter")(enter)
signals.command("exit")(leave)

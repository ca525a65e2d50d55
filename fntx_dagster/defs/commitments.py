"""The run that commits signals on the chain."""

from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import failure, info
from fntx_dagster.services.signals.committing import commit_or_wait

_SHOWN = 3


@dg.op(description="Commits the signals that wait for the chain, in their order.")
def send_commitments(context: dg.OpExecutionContext, platform: Platform) -> None:
    """A chain that is away is no failure until a signal has waited longer than the settings allow."""
    settings, db = platform.settings(), platform.database()
    with failing_well():
        done = commit_or_wait(settings, db, datetime.now(UTC), lambda text: info(context, text))
    info(context, f"{len(done.new)} signals are committed; {len(done.waiting)} wait or have failed.")
    failed = [f"{row.strategy_code} {row.unique_id}: {row.error}" for row in done.waiting if row.state == "failed"]
    if stopped := [*(f"{code}: {why}" for code, why in done.stopped.items()), *failed[:_SHOWN]]:
        raise failure("; ".join(stopped))


@dg.job(description="Commits the signals that wait for the chain, in their order.")
def commit_signals() -> None:
    """One step."""
    send_commitments()

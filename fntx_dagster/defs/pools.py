"""The run that does what a pool of traders asks of this home."""

from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import failure, info
from fntx_dagster.services.aggregation.attending import attend


@dg.op(description="Submits days, checks what others submit, gives a trustee's shares, opens frozen days.")
def serve_pool(context: dg.OpExecutionContext, platform: Platform) -> None:
    """What waits for others or for time is no failure; a lie, or a day that cannot be submitted or served, is."""
    settings, db = platform.settings(), platform.database()
    with failing_well():
        attended = attend(settings, db, datetime.now(UTC).date(), on_progress=lambda text: info(context, text))
    for text in (*attended.done, *attended.waiting):
        info(context, text)
    if attended.problems:
        raise failure("; ".join(attended.problems))


@dg.job(description="Submits days to the pool, checks what others submit, gives a trustee's shares, opens frozen days.")
def attend_pool() -> None:
    """One step."""
    serve_pool()

"""From raw rows to classified fills and FIFO lots."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.store.changes import telling
from fntx_dagster.store.fills import rebuild
from fntx_dagster.store.nav import refuse_missing_nav, set_initial_capital


@dg.multi_asset(
    name="lots",
    specs=[
        dg.AssetSpec(
            "classified_fills",
            deps=["raw_flex_xml"],
            group_name="accounting",
            kinds={"python", "postgres"},
            owners=OWNERS,
            description="Every execution and booking: its trading day, its kind (assignment, expiration …), its rate.",
        ),
        dg.AssetSpec(
            "position_lots",
            deps=["raw_flex_xml"],
            group_name="accounting",
            kinds={"python", "postgres"},
            owners=OWNERS,
            description="FIFO lots: what each closing fill closed, gross P&L and fees apart, and what is still open.",
        ),
    ],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def lots(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult]:
    """Sessions without an official NAV stop the run here: there is nothing to explain."""
    first, last = range_of(context)
    settings, db = platform.settings(), platform.database()
    with failing_well():
        refuse_missing_nav(db, first, last)
        set_initial_capital(db, settings.initial_capital)
        counts = rebuild(db, telling(db, first, last).first, last, fallback=settings.fx_fallback)
    for fill in counts.unopened:
        context.log.warning(
            f"{fill.account} {fill.session}: {fill.quantity} {fill.symbol} closed without an opening in the statements"
        )
    for asset, table in (("classified_fills", counts.fills), ("position_lots", counts.position_lots)):
        yield dg.MaterializeResult(asset_key=asset, metadata=table._asdict() | {"unopened": len(counts.unopened)})

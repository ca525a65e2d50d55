"""From raw rows to classified fills and FIFO lots."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import LOCAL, OWNERS, accounts_of, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized, warning
from fntx_dagster.services.building.lots import rebuild_lots
from fntx_dagster.services.building.verification import completeness
from fntx_dagster.services.shards import labels_of
from fntx_dagster.services.strategies import sums_that_differ

LOTS = "classified_fills"


@dg.multi_asset(
    name="lots",
    specs=[
        dg.AssetSpec(
            "classified_fills",
            deps=["raw_flex_xml"],
            group_name="accounting",
            kinds={"python", "postgres"},
            owners=OWNERS,
            tags=LOCAL,
            metadata=documented("statements"),
            description="Every execution and booking: its trading day, its kind (assignment, expiration …), its rate.",
        ),
        dg.AssetSpec(
            "position_lots",
            deps=["raw_flex_xml"],
            group_name="accounting",
            kinds={"python", "postgres"},
            owners=OWNERS,
            tags=LOCAL,
            metadata=documented("statements"),
            description="FIFO lots: what each closing fill closed, gross P&L and fees apart, and what is still open.",
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "statements_are_complete",
            asset=LOTS,
            description="Every session has its official NAV, and each section that the session before it had.",
        ),
        dg.AssetCheckSpec(
            "every_account_is_rebuilt",
            asset=LOTS,
            description="Fills and lots of every account could be rebuilt from its rows.",
        ),
        dg.AssetCheckSpec(
            "strategies_add_up",
            asset="position_lots",
            description="What the lots of all strategies realised is what the fills realised, after fees, to the cent.",
        ),
    ],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def lots(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """A session or an account whose statements lack something is a finding. It is not signed, and the other accounts
    are rebuilt."""
    period = range_of(context)
    db = platform.database()
    with failing_well():
        only = accounts_of(context, db)
        rebuilt = rebuild_lots(platform.settings(), db, period, only)
    for line in rebuilt.without_opening:
        warning(context, line)
    lacking, alerts = completeness(db, period, only)
    yield result(
        "statements",
        "statements_are_complete",
        lacking,
        "No session lacks its official NAV or a section",
        days=period,
        asset=LOTS,
        alerts=alerts,
        among=labels_of(db, only),
    )
    yield result(
        "account",
        "every_account_is_rebuilt",
        rebuilt.refused,
        "Every account is rebuilt",
        asset=LOTS,
        among=labels_of(db, only),
    )
    with failing_well():
        differing = sums_that_differ(db, period, only)
    yield result(
        "verification",
        "strategies_add_up",
        differing,
        "Strategies sum to the fills",
        days=period,
        asset="position_lots",
        among=labels_of(db, only),
    )
    unopened = {"unopened": len(rebuilt.without_opening)}
    yield materialized(rebuilt.fills | unopened, asset_key="classified_fills")
    yield materialized(rebuilt.position_lots | unopened, asset_key="position_lots")

"""The broker's statements in the ledger: projected after each session, and compared."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import LOCAL, OWNERS, accounts_of, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.services.building.broker_ledger import project_and_compare
from fntx_dagster.services.shards import labels_of


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=["classified_fills", "position_lots", "chronological_events"],
    check_specs=[
        dg.AssetCheckSpec(
            "ledger_and_statements_agree",
            asset="broker_ledger",
            description="The ledger's realised P&L of a session is that of the lots, its cash that of the Cash Report.",
        )
    ],
    group_name="accounting",
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("ledger"),
)
def broker_ledger(
    context: dg.AssetExecutionContext, platform: Platform
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Every row of the statements as an entry of its account's live book, once; a row that changed is a reversal and a
    new entry. All sessions are projected, those of the run compared."""
    period = range_of(context)
    with failing_well():
        db = platform.database()
        only = accounts_of(context, db)
        done = project_and_compare(platform.settings(), db, period, only)
    yield result(
        "verification",
        "ledger_and_statements_agree",
        done.differing,
        f"{done.compared} figures of sessions are the same",
        days=period,
        asset="broker_ledger",
        among=labels_of(db, only),
    )
    yield materialized(done.counts)

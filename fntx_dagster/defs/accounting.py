"""From raw rows to classified fills and FIFO lots."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.store.alerts import Finding
from fntx_dagster.store.changes import note_refused, telling
from fntx_dagster.store.fills import rebuild
from fntx_dagster.store.marts import accounts
from fntx_dagster.store.nav import missing, refuse_without_nav, set_initial_capital

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
    check_specs=[
        dg.AssetCheckSpec(
            "statements_are_complete",
            asset=LOTS,
            description="Every session has its official NAV, and each section of the story that the one before had.",
        ),
        dg.AssetCheckSpec(
            "every_account_is_rebuilt",
            asset=LOTS,
            description="No account has a row that fills and lots cannot be made of.",
        ),
    ],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def lots(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """A range without any official NAV stops the run here: there is nothing to explain. What is missing in single
    sessions and accounts is told and not signed, and holds no other account up."""
    first, last = range_of(context)
    settings, db = platform.settings(), platform.database()
    with failing_well():
        refuse_without_nav(db, first, last)
        set_initial_capital(db, settings.initial_capital)
        start = telling(db, first, last).first
        counts = rebuild(db, start, last, fallback=settings.fx_fallback)
        note_refused(db, start, ((one.account_id, str(one.error)) for one in counts.failed))
        if counts.failed and len(counts.failed) == len(accounts(db)):
            raise Permanent("; ".join(f"account {masked(one.account_id)}: {one.error}" for one in counts.failed))
    for fill in counts.unopened:
        context.log.warning(
            f"{fill.account} {fill.session}: {fill.quantity} {fill.symbol} closed without an opening in the statements"
        )
    lacking = [Finding(str(lack), str(lack), lack.day) for lack in missing(db, first, last)]
    yield result("statements", "statements_are_complete", lacking, "nothing is missing", days=(first, last), asset=LOTS)
    refused = [_refused(one.account_id, one.error) for one in counts.failed]
    yield result("account", "every_account_is_rebuilt", refused, "every account is rebuilt", asset=LOTS)
    for asset, table in (("classified_fills", counts.fills), ("position_lots", counts.position_lots)):
        yield dg.MaterializeResult(asset_key=asset, metadata=table._asdict() | {"unopened": len(counts.unopened)})


def _refused(account: str, error: Permanent) -> Finding:
    return Finding(masked(account), f"account {masked(account)}: {without_accounts(str(error))}")

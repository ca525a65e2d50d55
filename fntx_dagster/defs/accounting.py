"""From raw rows to classified fills and FIFO lots."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import account_labels, accounts
from fntx_dagster.services.database import Database
from fntx_dagster.store.accounting.capital import set_initial_capital
from fntx_dagster.store.accounting.changes import note_refused, stale_range
from fntx_dagster.store.accounting.fills import rebuild
from fntx_dagster.store.raw_flex.coverage import due_session, missing, nothing_to_build

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
    """What is missing in single sessions and accounts is named, is not signed, and holds no other account up."""
    period = range_of(context)
    settings, db = platform.settings(), platform.database()
    with failing_well():
        set_initial_capital(db, settings.accounting.initial_capital)
        start = stale_range(db, period).period.first
        counts = rebuild(db, Period(start, period.last), fallback=settings.accounting.fx_fallback)
        note_refused(db, start, ((one.account_id, str(one.error)) for one in counts.failed))
        if counts.failed and len(counts.failed) == len(accounts(db)):
            raise Permanent("; ".join(f"account {masked(one.account_id)}: {one.error}" for one in counts.failed))
    for fill in counts.unopened:
        context.log.warning(
            f"{fill.account} {fill.session}: {fill.quantity} {fill.symbol} closed without an opening in the statements"
        )
    yield _completeness(db, period)
    labels = account_labels(db)
    refused = [_refused(labels[one.account_id], one.error) for one in counts.failed]
    yield result("account", "every_account_is_rebuilt", refused, "every account is rebuilt", asset=LOTS)
    for asset, table in (("classified_fills", counts.fills), ("position_lots", counts.position_lots)):
        yield dg.MaterializeResult(asset_key=asset, metadata=table._asdict() | {"unopened": len(counts.unopened)})


def _completeness(db: Database, period: Period) -> dg.AssetCheckResult:
    """The session that is due is missed by a check of its own, which raises the alert."""
    first, last = period
    lacking = [Finding(str(lack), str(lack), lack.day) for lack in missing(db, period)]
    if nothing := nothing_to_build(db, period):
        lacking = lacking or [Finding(nothing, nothing, last)]
    due = due_session(datetime.now(UTC))
    return result(
        "statements",
        "statements_are_complete",
        lacking,
        "nothing is missing",
        days=(first, last),
        asset=LOTS,
        alerts=[found for found in lacking if found.day < due],
    )


def _refused(label: str, error: Permanent) -> Finding:
    return Finding(label, f"account {label}: {without_accounts(str(error))}")

"""The narrative of each session, as a Markdown file and in the asset's metadata."""

import dagster as dg

from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import without_accounts
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import tell
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts import accounts, days


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        "chronological_events",
        "nav_blocks",
        "stock_positions",
        "daily_summary",
        "rolling_metrics",
        "daily_verification",
        "portfolio_greeks",
    ],
    group_name="report",
    kinds={"python", "markdown"},
    owners=OWNERS,
)
def daily_report(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Why the account moved, told in Hong Kong time: every block of the day, the difference at the close by name."""
    first, last = range_of(context)
    db = platform.database()
    told, called = 0, account_labels(db)
    for account in accounts(db):
        for day in days(db, account, first, last):
            text = without_accounts(to_markdown([tell(day)], account_label=called[account]))
            context.add_asset_metadata(
                {f"report {called[account]}": dg.MetadataValue.md(text)}, partition_key=day.trading_day.isoformat()
            )
            told += 1
    return dg.MaterializeResult(metadata={"dagster/row_count": told})

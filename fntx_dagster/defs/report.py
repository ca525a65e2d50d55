"""The narrative of each session: as Markdown in the asset's metadata, and the run's range as one HTML file."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.internals import describe
from fntx_dagster.defs.pages import documented, report_link
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import FRESHNESS, LOCAL, OWNERS, accounts_of, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.services.building.reports import write_reports


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
        "closing_positions",
        "option_greeks",
        "portfolio_greeks",
    ],
    group_name="report",
    kinds={"python", "markdown"},
    owners=OWNERS,
    tags=LOCAL,
    freshness_policy=FRESHNESS,
    metadata=documented("report"),
)
def daily_report(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Why the account moved, in the observer's time: every block of the day, the difference at the close by name. The
    sessions of the run are also one HTML file in the home, to open in a browser or to print."""
    with failing_well():
        db = platform.database()
        reports = write_reports(platform.settings(), db, range_of(context), accounts_of(context, db))
    describe(
        context,
        [
            (
                report.day,
                {
                    f"report {report.label}": dg.MetadataValue.md(report.markdown),
                    f"dashboard {report.label}": dg.MetadataValue.url(report.page),
                },
            )
            for report in reports.narratives
        ],
    )
    metadata: dict[str, dg.MetadataValue] = {"dagster/row_count": dg.MetadataValue.int(len(reports.narratives))}
    if reports.file:
        metadata |= {"report to open": report_link(reports.file), "report file": dg.MetadataValue.path(reports.file)}
        address = f"{platform.settings().web.address}/reports/{reports.file.name}"
        metadata["report on the dashboard"] = dg.MetadataValue.url(address)
    if reports.notes:
        metadata["notes"] = dg.MetadataValue.json(reports.notes)
    return materialized(metadata)

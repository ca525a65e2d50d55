"""The narrative of each session: as Markdown in the asset's metadata, and the run's range as one HTML file."""

from pathlib import Path

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.metadata import describe
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import without_accounts
from fntx_dagster.report import clock
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.narrative import Story
from fntx_dagster.services.accounts import account_labels, accounts
from fntx_dagster.services.reporting import account_report, stories_of, write_whole


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
)
def daily_report(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Why the account moved, told in the observer's time: every block of the day, the difference at the close by name.
    The sessions of the run are also one HTML file in the home, to open in a browser or to print."""
    period = range_of(context)
    first, last = period
    settings, db = platform.settings(), platform.database()
    with failing_well():
        observer = clock.zone(settings.report.time_zone)
    told: list[AccountReport] = []
    with db.snapshot() as snapshot:
        called = account_labels(snapshot)
        for account in accounts(snapshot):
            stories = stories_of(snapshot, account, period, observer)
            describe(context, [(one.day.trading_day, _shown(one, called[account])) for one in stories])
            if stories:
                told.append(account_report(snapshot, called[account], stories))
    metadata: dict[str, object] = {"dagster/row_count": sum(len(one.stories) for one in told)}
    if told:
        name = f"{first}.html" if first == last else f"{first}_{last}.html"
        metadata["report to open"] = dg.MetadataValue.path(_write(settings.paths.reports, name, told))
    return dg.MaterializeResult(metadata=metadata)


def _shown(story: Story, account: str) -> dict[str, object]:
    text = without_accounts(to_markdown([story], account_label=account))
    return {f"report {account}": dg.MetadataValue.md(text)}


def _write(folder: Path, name: str, told: list[AccountReport]) -> Path:
    """The file, readable by its owner alone, without whole account ids, as everything that the UI shows."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(folder / name, without_accounts(to_html(told)), private=True)
    return folder / name

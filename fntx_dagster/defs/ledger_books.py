"""The books of the ledger as Dagster sees them: balances, turnover and metrics, their verification once a day, and two
looks at what a person has to know. It reads; no order passes here, and none waits for it."""

from collections.abc import Iterator, Sequence

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.ledger_days import GROUP
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import LOCAL, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized, skipped, warning
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.building import ledger
from fntx_dagster.services.building.ledger import LedgerRows

_KINDS = {"python", "postgres"}
_PAGE = documented("ledger")


@dg.asset(group_name=GROUP, kinds=_KINDS, owners=OWNERS, tags=LOCAL, metadata=_PAGE)
def ledger_balances(platform: Platform) -> dg.MaterializeResult:
    """What each book of the ledger holds of each currency, and the fees that it paid in it."""
    with failing_well():
        rows = ledger.ledger_balances(platform.database())
    return _shown(rows, ("book", "currency", "balance", "fees"), 2)


@dg.asset(deps=[ledger_balances], group_name=GROUP, kinds=_KINDS, owners=OWNERS, tags=LOCAL, metadata=_PAGE)
def ledger_turnover(platform: Platform) -> dg.MaterializeResult:
    """The trading days of each book: fills, volume, fees, realised P&L, and the last equity. The newest 30 of each book
    are shown."""
    with failing_well():
        rows = ledger.ledger_turnover(platform.database())
    return _shown(rows, ("book", "day", "fills", "volume", "fees", "realised P&L", "equity"), 2)


@dg.asset(deps=[ledger_turnover], group_name=GROUP, kinds=_KINDS, owners=OWNERS, tags=LOCAL, metadata=_PAGE)
def ledger_metrics(platform: Platform) -> dg.MaterializeResult:
    """What each book is worth at the newest prices, and how it came to it: P&L, drawdown, win rate, profit factor."""
    with failing_well():
        rows = ledger.ledger_metrics(platform.settings(), platform.database())
    return _shown(rows, ("book", *(name.replace("_", " ") for name in ledger.METRICS)), 2)


def _shown(rows: LedgerRows, headers: Sequence[str], words: int) -> dg.MaterializeResult:
    """The asset's rows as metadata."""
    metadata: dict[str, dg.MetadataValue] = {"dagster/row_count": dg.MetadataValue.int(rows.number)}
    if rows.shown:
        metadata["rows"] = shown_table(headers, rows.shown, words)
    return materialized(metadata)


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "chain_holds",
            asset="ledger_balances",
            description="Each book's entries are chained to its head; their postings sum to zero, and to its balances.",
        ),
        dg.AssetCheckSpec(
            "replay_equals_tables",
            asset="ledger_balances",
            description="All entries and quotes of a book, in order, make the tables that its answers come from.",
        ),
    ]
)
def ledger_verification(platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Both in one reading of each book. A book that does not hold is one alert, whoever verified it."""
    with failing_well():
        checked = ledger.check_books(platform.settings(), platform.database())
    for name, found, holds in (
        ("chain_holds", checked.broken, f"The chains of {checked.books} books hold: {checked.entries} entries"),
        ("replay_equals_tables", checked.differing, f"A replay equals the tables of {checked.books} books"),
    ):
        yield result(GROUP, name, found, holds, asset="ledger_balances", alerts=(), books=checked.books)


verify_ledger = dg.define_asset_job(
    "verify_ledger",
    selection=dg.AssetSelection.assets(
        "ledger_balances", "ledger_turnover", "ledger_metrics", "signal_executions", "signal_performance"
    ),
    description="Reads the books' balances, turnover and metrics, and verifies each book: its chain, and by a replay."
    " Reads the strategies' executions and figures, and checks that they add up.",
)


@dg.schedule(
    job=verify_ledger,
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Verifies every book of the ledger once a day.",
)
def verification_of_the_ledger(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run for each day, a quarter of an hour after it has ended."""
    yield dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks for orders of which nobody knows whether the exchange has them; each is one alert.",
)
def unknown_orders(context: dg.SensorEvaluationContext, platform: Platform) -> Iterator[dg.SkipReason]:
    """It asks no exchange: the watcher does, and this says what the watcher leaves open, or that it does not run."""
    yield _told(context, ledger.unknown_orders(platform.database()), "No order has an unknown outcome.")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks for prices that are too old to value the live books that hold their symbols; each is one alert.",
)
def stale_prices(context: dg.SensorEvaluationContext, platform: Platform) -> Iterator[dg.SkipReason]:
    """While a price is old, orders of the books that hold its symbol are refused."""
    found = ledger.stale_prices(platform.settings(), platform.database())
    yield _told(context, found, "Every price that a live book needs is new enough.")


def _told(context: dg.SensorEvaluationContext, found: Sequence[Finding], nothing: str) -> dg.SkipReason:
    """A tick requests no run: what it found is in its log and in the alerts."""
    for finding in found:
        warning(context, finding.text)
    return skipped(f"{len(found)}: {found[0].text}" if found else nothing)


LEDGER_BOOKS = [ledger_balances, ledger_turnover, ledger_metrics]
LEDGER_SENSORS = [unknown_orders, stale_prices]

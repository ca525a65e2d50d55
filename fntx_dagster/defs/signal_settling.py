"""What closes signals at their expiry: a sensor that looks for executions with an official settlement price, and the
run that settles them. `fntx signals settle` does the same without Dagster."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.ledger_days import GROUP
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import LOCAL, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized, skipped
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.services.building import signals


@dg.asset(group_name=GROUP, kinds={"python", "postgres"}, owners=OWNERS, tags=LOCAL, metadata=documented("signals"))
def signal_settlements(platform: Platform) -> dg.MaterializeResult:
    """What is open of instruments that have expired, closed at their official settlement prices. A second run changes
    nothing."""
    with failing_well():
        rows = signals.settle_signals(platform.settings(), platform.database())
    metadata: dict[str, object] = {"dagster/row_count": dg.MetadataValue.int(rows.number)}
    if rows.shown:
        metadata["rows"] = shown_table(("execution", "symbol", "expiry", "price", "outcome"), rows.shown, 2)
    return materialized(metadata)


settle_signals = dg.define_asset_job(
    "settle_signals",
    selection=dg.AssetSelection.assets("signal_settlements"),
    description="Closes what is open of expired instruments at their official settlement prices.",
)


@dg.sensor(
    job=settle_signals,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Settles what has expired once its official price is known; without one it is an alert the day after.",
)
def settlements_due(platform: Platform) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """An official settlement price comes after the session: it is what this waits for."""
    due, lacking = signals.settlements_due(platform.settings(), platform.database())
    if due:
        yield dg.RunRequest(run_key=f"{datetime.now(UTC):%Y-%m-%dT%H:%M}")
    elif lacking:
        yield skipped(f"{len(lacking)}: {lacking[0].text}")
    else:
        yield skipped("Nothing is open of an instrument that has expired.")

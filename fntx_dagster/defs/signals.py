"""The strategies of signals as Dagster sees them: their executions and figures, and checks that these add up. It reads;
the job of the ledger's verification builds both once a day."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.ledger_days import GROUP
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import LOCAL, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.services.building import signals
from fntx_dagster.services.building.ledger import LedgerRows

_KINDS = {"python", "postgres"}


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(
            "allocations_sum_to_executions",
            asset="signal_executions",
            description="What the participants of each execution have adds up to it: quantity, closed, P&L, fees.",
        ),
        dg.AssetCheckSpec(
            "every_closed_execution_has_its_trade",
            asset="signal_executions",
            description="An execution has a trade when all of it is closed, and none before.",
        ),
        dg.AssetCheckSpec(
            "no_execution_is_open_past_its_expiry",
            asset="signal_executions",
            description="What has expired is settled: an official price is known.",
        ),
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("ledger"),
)
def signal_executions(platform: Platform) -> dg.MaterializeResult:
    """The signals of each strategy: how many were executed, failed, are open, and for how many participants."""
    with failing_well():
        settings, db = platform.settings(), platform.database()
        rows = signals.signal_rows(settings, db, signals.EXECUTIONS)
        found = (
            ("allocations_sum_to_executions", signals.unsummed_executions(db), "All allocations add up"),
            ("every_closed_execution_has_its_trade", signals.untraded_executions(db), "Each has its trade"),
            ("no_execution_is_open_past_its_expiry", signals.overdue_executions(settings, db), "None is open"),
        )
    checks = [
        # the sensor of settlements raises the alerts of the last one
        result("signals", name, findings, holds, alerts=() if name.startswith("no_") else None)
        for name, findings, holds in found
    ]
    return materialized(_shown(rows, signals.EXECUTIONS), check_results=checks)


@dg.asset(
    deps=[signal_executions],
    check_specs=[
        dg.AssetCheckSpec(
            "profits_sum_to_trades",
            asset="signal_performance",
            description="The P&L and fees of each trade are those of its execution, and its exits add up to them.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("metrics"),
)
def signal_performance(platform: Platform) -> dg.MaterializeResult:
    """The figures of each strategy from its trades, one for each signal."""
    with failing_well():
        settings, db = platform.settings(), platform.database()
        rows = signals.signal_rows(settings, db, signals.PERFORMANCE)
        found = signals.differing_trades(db)
    check = result("signals", "profits_sum_to_trades", found, "Every trade is what its execution came to")
    return materialized(_shown(rows, signals.PERFORMANCE), check_results=[check])


def _shown(rows: LedgerRows, names: tuple[str, ...]) -> dict[str, object]:
    """The asset's rows as metadata."""
    metadata: dict[str, object] = {"dagster/row_count": dg.MetadataValue.int(rows.number)}
    if rows.shown:
        headers = ("strategy", "book", *(name.replace("_", " ") for name in names))
        metadata["rows"] = shown_table(headers, rows.shown, 2)
    return metadata


SIGNALS = [signal_executions, signal_performance]

"""The days of ledger accounts: each UTC day closed into a statement, explained, and signed, as a broker's is."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import DAYS
from fntx_dagster.defs.progress import progress_of
from fntx_dagster.defs.ranges import LOCAL, NETWORK, OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.services.ledger_accounts.closing import load_closed_days
from fntx_dagster.services.ledger_accounts.explaining import explain_days, prove_days

GROUP = "ledger"


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[
        dg.AssetCheckSpec(
            "every_ledger_day_is_closed",
            asset="ledger_statements",
            description="Every position and currency of each book has a price at the end of each day.",
        )
    ],
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("ledger"),
)
def ledger_statements(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The days of every book up to the last of the run, from its entries and the prices at each day's end, loaded as a
    broker's statements are. A day that is the same as before changes nothing."""
    with failing_well():
        closed = load_closed_days(platform.settings(), platform.database(), range_of(context).last)
    return materialized(
        {"accounts": closed.accounts, **closed.rows},
        check_results=[result("statements", "every_ledger_day_is_closed", closed.refused, "Every day is closed")],
    )


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[ledger_statements],
    check_specs=[
        dg.AssetCheckSpec(
            "every_ledger_day_is_verified",
            asset="ledger_days",
            description="Every equation of the days of ledger accounts holds.",
        ),
        dg.AssetCheckSpec(
            "nav_is_the_ledgers_equity",
            asset="ledger_days",
            description="The NAV of each day is the equity that the ledger had at its end, to the last digit.",
        ),
    ],
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("ledger"),
)
def ledger_days(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Fills and lots, the story, metrics, verification, risk and the report of each day of the run."""
    period = range_of(context)
    with failing_well():
        explained = explain_days(platform.settings(), platform.database(), period, progress_of(context))
    return materialized(
        {"days": explained.days},
        check_results=[
            result(
                "verification",
                "every_ledger_day_is_verified",
                explained.failed,
                "Every equation holds",
                days=period,
            ),
            result(
                "unusual",
                "nav_is_the_ledgers_equity",
                explained.differing,
                "Every NAV is the ledger's equity",
                days=period,
                severity=dg.AssetCheckSeverity.WARN,
            ),
        ],
    )


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[ledger_days],
    check_specs=[
        dg.AssetCheckSpec(
            "every_ledger_day_is_proved",
            asset="ledger_records",
            description="Every day of each ledger account is verified, signed and posted.",
        )
    ],
    group_name=GROUP,
    kinds={"solidity", "postgres"},
    owners=OWNERS,
    tags={NETWORK: "evm"},
    metadata=documented("ledger"),
)
def ledger_records(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The record of each day of the run, with the head of the ledger in its extension: signed and posted. What the
    chain does not take now waits in the queue."""
    period = range_of(context)
    with failing_well():
        proved = prove_days(platform.settings(), platform.database(), period, progress_of(context))
    return materialized(
        {"signed": proved.signed, "posted": proved.posted},
        check_results=[
            result(
                "account", "every_ledger_day_is_proved", proved.refused, "Every day is signed and posted", days=period
            )
        ],
    )


LEDGER_DAYS = [ledger_statements, ledger_days, ledger_records]

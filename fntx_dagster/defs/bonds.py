"""Bonds as Dagster sees them: what is due by schedule, the interest of each day, who is late by the ledger's date, and
the distribution of cash that came in. Nothing here pays, votes, or signs."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import DAYS
from fntx_dagster.defs.ranges import LOCAL, NETWORK, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import info, materialized, skipped
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.services.building import bonds, distributions, treasury

GROUP = "treasury"
_KINDS = {"python", "postgres"}


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(
            "schedules_are_as_structured",
            asset="cashflow_schedule",
            description="What is kept as due on each bond is what its terms and tranches come to, computed anew.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("bonds"),
)
def cashflow_schedule(platform: Platform) -> dg.MaterializeResult:
    """What every bond has to pay in the next 92 days: fees, interest and principal, with what is overdue first. The
    amounts were fixed when the bond was structured; nothing is changed here."""
    with failing_well():
        shown = bonds.schedule_shown(platform.database(), datetime.now(UTC).date())
    check = result("bonds", "schedules_are_as_structured", shown.altered, "Every schedule is what its terms come to")
    due: dict[str, object] = {"bonds": shown.bonds, "due": len(shown.rows)}
    if shown.rows:
        due["what_is_due"] = shown_table(("bond", "due on", "kind", "line", "amount"), shown.rows, 4)
    return materialized(due, check_results=[check])


@dg.asset(
    deps=[cashflow_schedule],
    partitions_def=DAYS,
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("bonds"),
)
def accruals(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The interest that each bond earns on a day. The days of a period sum to its coupon to the cent. A day that is run
    again changes nothing."""
    with failing_well():
        shown = bonds.accrued_on(platform.database(), date.fromisoformat(context.partition_key))
    earned: dict[str, object] = {"bonds": len(shown.rows), "new": shown.new}
    if shown.rows:
        earned["interest"] = shown_table(("bond", "currency", "amount"), shown.rows, 2)
    return materialized(earned)


@dg.asset(
    deps=[accruals],
    check_specs=[
        dg.AssetCheckSpec(
            "bonds_are_paid_in_time",
            asset="delinquency_status",
            description="Nothing that was due on a bond before the ledger's date is unpaid.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags={NETWORK: "xrpl"},
    metadata=documented("bonds"),
)
def delinquency_status(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Which bonds are late, since when and by how much, and on which day the next clock strikes. It alone makes a bond
    delinquent when its grace is over, and puts it in default when it was not cured, by the close time of the last
    validated ledger; a bond that is paid up is current again. It waits where no ledger answers."""
    settings = platform.settings()
    with failing_well():
        shown = bonds.clocks_run(settings, platform.database())
    for bond, event in shown.steps:
        info(context, f"{bond}: {event}.")
    status: dict[str, object] = {"bonds": len(shown.rows), "late": len(shown.late), "steps": len(shown.steps)}
    if shown.rows:
        columns = ("bond", "state", "ledger's date", "oldest due", "overdue", "next clock")
        status["status"] = shown_table(columns, shown.rows, 4)
    check = result(
        *("bonds", "bonds_are_paid_in_time", shown.late, "Nothing is overdue"), severity=dg.AssetCheckSeverity.WARN
    )
    return materialized(status, check_results=[check])


@dg.asset(
    deps=[delinquency_status],
    check_specs=[
        dg.AssetCheckSpec(
            "cash_is_distributed",
            asset="waterfall_distribution",
            description="No cash that came in on a bond waits because its distribution cannot be computed or proposed.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags={NETWORK: "xrpl"},
    metadata=documented("bonds"),
)
def waterfall_distribution(platform: Platform) -> dg.MaterializeResult:
    """The distribution of each bond on which cash came in: computed by the waterfall, frozen with its hash, proposed.
    Two signers approve it, and nothing is paid here: `fntx bond pay` goes on with it."""
    settings = platform.settings()
    with failing_well():
        shown = distributions.distributions_proposed(settings, platform.database())
    made: dict[str, object] = {"proposed": len(shown.rows), "waiting": len(shown.waiting)}
    if shown.rows:
        columns = ("bond", "distribution", "hash", "currency", "available", "retained", "proposal")
        made["distributions"] = shown_table(columns, shown.rows, 2)
    check = result(
        *("bonds", "cash_is_distributed", shown.waiting, "No cash waits"), severity=dg.AssetCheckSeverity.WARN
    )
    return materialized(made, check_results=[check])


BONDS = [cashflow_schedule, accruals, delinquency_status, waterfall_distribution]
follow_bonds = dg.define_asset_job(
    "follow_bonds",
    selection=dg.AssetSelection.assets(*BONDS),
    description="Shows what is due on bonds, keeps the interest of a day, looks who is late by the ledger's date, and "
    "proposes the distribution of cash that came in.",
)


@dg.schedule(
    job=follow_bonds,
    cron_schedule="10 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="After each day of UTC: its interest, and who is late. Off until there is a treasury.",
)
def bonds_of_the_day(context: dg.ScheduleEvaluationContext, platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """The day that is over."""
    if not treasury.is_configured(platform.settings()):
        return skipped(treasury.NOT_CONFIGURED)
    day = f"{context.scheduled_execution_time - timedelta(days=1):%Y-%m-%d}"
    return dg.RunRequest(run_key=day, partition_key=day)

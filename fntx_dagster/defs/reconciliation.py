"""Reconciliation as Dagster sees it: what each ledger shows, and thirty checks of it. None holds anything up."""

from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import NETWORK, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import info, materialized, skipped
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.defs.treasury import GROUP
from fntx_dagster.services.building import reconciliation
from fntx_dagster.services.building.treasury import NOT_CONFIGURED, is_configured

_KIND = "reconciliation"
_CHECKS = reconciliation.descriptions()
_ACCOUNTS = ("account", "balance", "entries", "problem")


def _state(ledger: str, description: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{ledger}_state",
        group_name=GROUP,
        kinds={"python"},
        owners=OWNERS,
        tags={NETWORK: ledger},
        metadata=documented(_KIND),
        description=description,
    )
    def state(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        settings = platform.settings()
        if not is_configured(settings):
            return materialized({"to_do": NOT_CONFIGURED})
        with failing_well():
            shown = reconciliation.shown_ledger(settings, ledger)
        if shown.number is None:
            info(context, shown.problem)
            return materialized({"no_answer": shown.problem})
        values: dict[str, object] = {"ledger": shown.number, "accounts": shown_table(_ACCOUNTS, shown.rows, 1)}
        return materialized(values if shown.escrows is None else values | {"escrows": shown.escrows})

    return state


xrpl_state = _state(
    "xrpl",
    "The treasury's accounts on the XRP Ledger as they are now: what each holds, how many entries it owns, how many "
    "escrows there are. One validated ledger is read; nothing is changed.",
)
stellar_state = _state(
    "stellar",
    "The treasury's accounts on Stellar as they are now: what each holds, and how many entries it owns. The ledger "
    "that closed last is read; nothing is changed.",
)


@dg.asset(
    deps=[xrpl_state, stellar_state],
    check_specs=[
        dg.AssetCheckSpec(each.name, asset="reconciliation_report", description=f"{each.words}.") for each in _CHECKS
    ],
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={NETWORK: "xrpl"},
    metadata=documented(_KIND),
)
def reconciliation_report(platform: Platform) -> dg.MaterializeResult:
    """Both ledgers against the configuration and our own records, by thirty checks. A difference is an error of its
    check, and an alert once for each value; a server that does not answer is a warning, and an alert after three runs.
    The report is in the database, in the folder of reports, and its hash in the audit log."""
    settings = platform.settings()
    if not is_configured(settings):
        passed = [result(_KIND, each.name, [], NOT_CONFIGURED, looked=[]) for each in _CHECKS]
        return materialized({"to_do": NOT_CONFIGURED}, check_results=passed)
    with failing_well():
        done = reconciliation.checked_ledgers(settings, platform.database())
    results = [
        result(
            _KIND,
            each.name,
            [done.findings[each.id]] if each.id in done.findings else [],
            done.words[each.id],
            severity=dg.AssetCheckSeverity.ERROR if each.id in done.severe else dg.AssetCheckSeverity.WARN,
            alerts=[],  # the run itself raised them: commands make runs, too
        )
        for each in _CHECKS
    ]
    values = {"status": done.status, "run": done.run_no, "report": done.file, **done.counts}
    return materialized(values, check_results=results)


reconcile_ledgers = dg.define_asset_job(
    "reconcile_ledgers",
    selection=dg.AssetSelection.assets("xrpl_state", "stellar_state", "reconciliation_report"),
    description="Compares what both ledgers hold with the configuration and with our own records.",
)


@dg.schedule(
    job=reconcile_ledgers,
    cron_schedule="45 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares the ledgers with our records once a day. Off until there is a treasury.",
)
def reconciliation_of_the_day(
    context: dg.ScheduleEvaluationContext, platform: Platform
) -> dg.RunRequest | dg.SkipReason:
    """A run in between: the job reconcile_ledgers, or `fntx reconcile run`."""
    if not is_configured(platform.settings()):
        return skipped(NOT_CONFIGURED)
    at: datetime = context.scheduled_execution_time
    return dg.RunRequest(run_key=f"{at.astimezone(UTC):%Y-%m-%d}")


RECONCILIATION = [xrpl_state, stellar_state, reconciliation_report]

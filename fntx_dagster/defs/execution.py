"""Trading on the XRP Ledger as Dagster sees it: profiles of volume. It sends no order, and proposes none."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import NETWORK, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized, skipped
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.defs.treasury import GROUP
from fntx_dagster.services.building import treasury
from fntx_dagster.services.building.execution import profiled_markets

_SHOWN = ("market", "from (UTC)", "until (UTC)", "volume", "busiest hour", "hash")


@dg.asset(
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={NETWORK: "xrpl"},
    metadata=documented("execution"),
)
def market_volume_profile(platform: Platform) -> dg.MaterializeResult:
    """What was traded by the hour of the day, over the last 20 days, of every market that a strategy trades: a strategy
    by volume (vwap) goes by the newest. Each profile is kept by its hash."""
    with failing_well():
        done = profiled_markets(platform.settings(), platform.database())
    shown: dict[str, object] = {"profiles": len(done.rows)}
    if done.rows:
        shown["volume"] = shown_table(_SHOWN, done.rows, 4)
    if done.without:
        shown["without_volume"] = ", ".join(done.without)
    return materialized(shown)


profile_markets = dg.define_asset_job(
    "profile_markets",
    selection=dg.AssetSelection.assets("market_volume_profile"),
    description="Reads what was traded by the hour of the day, of every market that a strategy trades.",
)


@dg.schedule(
    job=profile_markets,
    cron_schedule="40 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Profiles of volume, once a day. Off until there is a treasury.",
)
def profiles_of_the_day(context: dg.ScheduleEvaluationContext, platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """A day that was missed is in the next profile."""
    if not treasury.is_configured(platform.settings()):
        return skipped(treasury.NOT_CONFIGURED)
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")

"""What happens at a time of day: the month-to-date refresh at 17:00 Hong Kong, the signature at 00:00 UTC, the days of
ledger accounts at 00:05 UTC.

A schedule does not make up for a tick that it missed; the sensors do.
"""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from fntx_dagster.defs.jobs import close_ledger_days, fetch_files, refresh_days, sign_days
from fntx_dagster.defs.ranges import BEGINNING, requested, requested_parts
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import skipped
from fntx_dagster.services import watching
from fntx_dagster.services.ledger_accounts.explaining import days_to_close
from fntx_dagster.services.shards import parts
from fntx_dagster.services.signatures.refusals import Beginning

Tick = Iterator[dg.RunRequest | dg.SkipReason]


@dg.schedule(
    job=refresh_days,
    cron_schedule="0 17 * * *",
    execution_timezone="Asia/Hong_Kong",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the day after a session: the month to date from the Flex Web Service, loaded, built and verified.",
)
def month_to_date(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """The month of the last session; so the day after a month's last session fetches the whole month."""
    settings, now = platform.settings(), context.scheduled_execution_time.astimezone(UTC)
    if settings.dagster.shards > 1:
        yield skipped("month_to_date_files fetches, and each shard builds what has changed.")
    else:
        yield requested(watching.month_to_date(settings, now))


@dg.schedule(
    job=fetch_files,
    cron_schedule="0 17 * * *",
    execution_timezone="Asia/Hong_Kong",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="As month_to_date, where accounts are divided into shards: fetches and loads, and builds nothing.",
)
def month_to_date_files(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """A login's file holds all of its accounts, so it is fetched once; `stale_days` has each shard built."""
    settings, now = platform.settings(), context.scheduled_execution_time.astimezone(UTC)
    if settings.dagster.shards == 1:
        yield skipped("month_to_date fetches and builds: the accounts are not divided (FNTX_SHARDS).")
    else:
        yield requested(watching.month_to_date(settings, now))


@dg.schedule(
    job=sign_days,
    cron_schedule="0 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Signs the last session whose official NAV has arrived and passed its verification.",
)
def signature_of_the_day(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """Each account's sessions since its last signed one; an account that has never signed begins with its latest."""
    now = context.scheduled_execution_time.astimezone(UTC)
    settings, db = platform.settings(), platform.database()
    plans = [(shard, watching.last_session_to_sign(settings, db, now, only)) for shard, only in parts(settings, db)]
    yield from requested_parts(plans, **{BEGINNING: Beginning.LATEST.value})


@dg.schedule(
    job=close_ledger_days,
    cron_schedule="5 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Closes the days of ledger accounts that are over: explained, verified, signed and posted.",
)
def ledger_days_of_the_night(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """From the first day that is not signed, so that a missed night is made up for in the next one."""
    now = context.scheduled_execution_time.astimezone(UTC)
    yield requested(days_to_close(platform.database(), now))


SCHEDULES = [month_to_date, month_to_date_files, signature_of_the_day, ledger_days_of_the_night]

"""What happens at a time of day: the month-to-date refresh at 17:00 Hong Kong, the signature at 00:00 UTC.

A schedule does not make up for a tick that it missed; the sensors do.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from fntx_dagster.accounting.calendar import sessions, why_closed
from fntx_dagster.defs.jobs import refresh_days, sign_days
from fntx_dagster.defs.partitions import FIRST_SESSION
from fntx_dagster.defs.ranges import BEGINNING, request
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.services.database import Database
from fntx_dagster.services.fetching import configured
from fntx_dagster.services.signatures.refusals import Beginning, Waiting, waiting
from fntx_dagster.store.outbox.signatures import last_signed_sessions, unsigned_days
from fntx_dagster.store.raw_flex.coverage import due_session

Tick = Iterator[dg.RunRequest | dg.SkipReason]


@dg.schedule(
    job=refresh_days,
    cron_schedule="0 17 * * *",
    execution_timezone="Asia/Hong_Kong",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The month to date from the Flex Web Service, loaded, told and verified. On the day after a session.",
)
def month_to_date(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """The month of the last session; so the day after a month's last session fetches the whole month."""
    now = context.scheduled_execution_time.astimezone(UTC)
    try:
        queries = configured(platform.settings())
    except Permanent as error:
        yield dg.SkipReason(without_accounts(str(error)))
        return
    if not queries:
        yield dg.SkipReason("No Flex queries are in the settings: statements come by hand.")
        return
    yesterday = _yesterday(now)
    if closed := why_closed(yesterday):
        yield dg.SkipReason(f"{yesterday} was no session ({closed}): there is no new statement.")
        return
    month = sessions(max(yesterday.replace(day=1), FIRST_SESSION), yesterday)
    yield request(Period(month[0].day, yesterday), "month to date")


@dg.schedule(
    job=sign_days,
    cron_schedule="0 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Signs the last session whose official NAV has arrived and passed its verification.",
)
def signature_of_the_day(context: dg.ScheduleEvaluationContext, platform: Platform) -> Tick:
    """Each account's sessions since its last signed one; an account that has never signed begins with its latest, if
    that is no history: no session before the last but one that is due."""
    now = context.scheduled_execution_time.astimezone(UTC)
    recent = sessions(due_session(now) - timedelta(days=14), due_session(now))[-2].day
    yield signing(platform.database(), now, Beginning.LATEST, f"{now.date()}", recent)


def signing(
    db: Database, now: datetime, beginning: Beginning, key: str, begins_from: date = date.min
) -> dg.RunRequest | dg.SkipReason:
    """The run that signs what waits, asked for once per `key` and number of days; or why nothing is signed."""
    found = waiting(db, beginning, begins_from)
    days = sorted(day for one in found.values() for day in one.days if day >= FIRST_SESSION)
    if not days:
        return dg.SkipReason(" ".join(_why_nothing_to_sign(db, found, now)))
    return request(Period(days[0], days[-1]), f"{len(days)} {key}", **{BEGINNING: beginning.value})


def _why_nothing_to_sign(db: Database, found: dict[str, Waiting], now: datetime) -> list[str]:
    """The reasons, in sentences: the day over in New York, where it was no session; each account that had to stop, or
    that has never signed."""
    stopped = [
        f"{masked(account)} stops at {one.refusal.day}: {without_accounts(str(one.refusal.error))}."
        for account, one in found.items()
        if one.refusal
    ]
    closing = now.astimezone(NEW_YORK).date()
    closed = why_closed(closing)
    reasons = [f"{closing} was no session ({closed})."] if closed else []
    signed = last_signed_sessions(db).keys()
    never = [masked(account) for account in unsigned_days(db) if account not in signed | found.keys()]
    if never:
        never = [f"{', '.join(never)} has never signed: the first signature is the schedule's or yours."]
    if stopped:
        return reasons + stopped + never
    if not never:
        return [*reasons, "Every told session is signed; the next waits for its official NAV."]
    others = ["Of every other account, every told session is signed."] if signed else []
    return reasons + others + never


def _yesterday(now: datetime) -> date:
    return now.astimezone(NEW_YORK).date() - timedelta(days=1)


SCHEDULES = [month_to_date, signature_of_the_day]

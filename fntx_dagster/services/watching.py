"""What schedules and sensors want to know: which days are to be fetched, signed or posted now, or why none is.

Each function decides from the project's own tables and settings, and contacts no network. `now` is aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.accounting.calendar import last_session, sessions, why_closed
from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK, XNYS
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.fetching import configured, overdue
from fntx_dagster.services.signatures.late_records import is_ripe, waiting_here
from fntx_dagster.services.signatures.refusals import Beginning, DaysToSign, days_to_sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars
from fntx_dagster.store.accounting.changes import stale_days
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox.signatures import last_signed_sessions, unsigned_days
from fntx_dagster.store.raw_flex.coverage import due_session

_FRESH = timedelta(hours=1)
_PATIENCE = {True: timedelta(minutes=5), False: timedelta(minutes=30)}
"""How often the queue's run is requested: while its oldest record is fresh, and later, so that a chain that is away for
days does not fill the list of runs."""


class Plan(NamedTuple):
    """A run over the sessions of `period`, to be requested once per `text`; or no run (None), and `text` says why."""

    period: Period | None
    text: str


def settings_findings(settings: Settings) -> list[Finding]:
    """What does not fit together in the settings of the Flex Web Service."""
    try:
        configured(settings)
    except Permanent as error:
        return [Finding("settings", without_accounts(str(error)))]
    return []


def month_to_date(settings: Settings, now: datetime) -> Plan:
    """The month of the session that ended the day before in New York, up to that session; so the day after a month's
    last session asks for the whole month. No run without Flex queries, or where that day was no session."""
    if findings := settings_findings(settings):
        return Plan(None, findings[0].text)
    if not configured(settings):
        return Plan(None, "No Flex queries are in the settings: statements come by hand.")
    yesterday = now.astimezone(NEW_YORK).date() - timedelta(days=1)
    if closed := why_closed(yesterday):
        return Plan(None, f"{yesterday} was no session ({closed}): there is no new statement.")
    month = sessions(max(yesterday.replace(day=1), settings.dagster.earliest), yesterday)
    return Plan(Period(month[0].day, yesterday), "month to date")


def missing_statements(settings: Settings, db: Database, now: datetime) -> Plan:
    """The sessions whose statements should be there and are not, of the oldest month first."""
    if findings := settings_findings(settings):
        return Plan(None, findings[0].text)
    missing = overdue(settings, db, now)
    if missing.days:
        return Plan(Period(missing.days[0], missing.days[-1]), f"{now:%Y-%m-%dT%H:%M}")
    return Plan(None, f"{missing.reason[:1].upper()}{missing.reason[1:]}.")


def last_session_to_sign(settings: Settings, db: Database, now: datetime, only: Accounts = None) -> Plan:
    """Each account's sessions since its last signed one. An account that has never signed begins with its latest, if
    that is not before the last but one session that is due: history is not signed by itself."""
    recent = last_session(due_session(now) - timedelta(days=1)).day
    return _to_sign(settings, db, now, Beginning.LATEST, f"{now.astimezone(UTC).date()}", recent, only)


def complete_days_to_sign(settings: Settings, db: Database, now: datetime, only: Accounts = None) -> Plan:
    """As `last_session_to_sign`, but an account that has never signed waits for a person or the schedule. What fails
    for a reason that lasts is requested again an hour later."""
    return _to_sign(settings, db, now, Beginning.NOTHING, f"{now:%Y-%m-%dT%H}", date.min, only)


def queue_to_post(settings: Settings, db: Readable, now: datetime, calendar: str = XNYS, only: Accounts = None) -> Plan:
    """The records of accounts (of those of `only`, or of all) that follow a calendar and that the chain of the settings
    can take. A failed record waits for a person."""
    try:
        known = calendars(db)
        records = [
            record
            for record in waiting_here(settings, db)
            if known[record.account_id] == calendar and is_among(record.account_id, only)
        ]
    except Permanent as error:
        return Plan(None, without_accounts(str(error)))
    if not records:
        return Plan(None, "No record waits for the chain.")
    if not is_ripe(settings, db, records, now):
        return Plan(None, f"{len(records)} records are mined and become final in a few blocks.")
    patience = _PATIENCE[now - min(record.queued_at for record in records) < _FRESH]
    bucket = int(now.timestamp() // patience.total_seconds())
    days = [record.trading_day for record in records]
    return Plan(Period(min(days), max(days)), f"{len(days)} wait, {patience.seconds // 60} min {bucket}")


def stale_days_to_build(settings: Settings, db: Readable, now: datetime, only: Accounts = None) -> Plan:
    """From the earliest day that loading has changed to the last one that statements cover, of the accounts of `only`,
    or of all. What fails is requested again an hour later."""
    stale = stale_days(db, only)
    if stale is None:
        return Plan(None, "Everything that is loaded is built.")
    since, last, changed_at = stale
    days = sessions(max(since, settings.dagster.earliest), min(last, due_session(now))) if since <= last else []
    if not days:
        return Plan(None, "What has changed is no session that is over.")
    return Plan(Period(days[0].day, days[-1].day), f"{changed_at:%Y-%m-%dT%H:%M:%S} {now:%Y-%m-%dT%H}")


def _to_sign(
    settings: Settings,
    db: Database,
    now: datetime,
    beginning: Beginning,
    key: str,
    begins_from: date,
    only: Accounts,
) -> Plan:
    """Requested once per `key` and number of days."""
    first = settings.dagster.earliest
    with db.snapshot() as snapshot:
        known = calendars(snapshot)
        accounts = {
            account: days
            for account, days in days_to_sign(snapshot, beginning, begins_from).items()
            if known[account] == XNYS and is_among(account, only)  # the others are signed by days of UTC
        }
        days = sorted(day for account in accounts.values() for day in account.days if day >= first)
        if not days:
            return Plan(None, " ".join(_why_nothing_to_sign(snapshot, accounts, now, only)))
    return Plan(Period(days[0], days[-1]), f"{len(days)} {key}")


def _why_nothing_to_sign(db: Readable, accounts: Mapping[str, DaysToSign], now: datetime, only: Accounts) -> list[str]:
    """The reasons, in sentences: the day over in New York, where it was no session; each account that had to stop, or
    that has never signed."""
    stopped = [
        f"{masked(account)} stops at {waits.refusal.day}: {without_accounts(str(waits.refusal.error))}."
        for account, waits in accounts.items()
        if waits.refusal
    ]
    closing = now.astimezone(NEW_YORK).date()
    closed = why_closed(closing)
    reasons = [f"{closing} was no session ({closed})."] if closed else []
    followed = calendars(db)
    signed = {account for account in last_signed_sessions(db) if followed[account] == XNYS}
    unsigned = [account for account in unsigned_days(db) if followed[account] == XNYS and is_among(account, only)]
    never = [masked(account) for account in unsigned if account not in signed | accounts.keys()]
    if never:
        never = [f"{', '.join(never)} has never signed: the first signature is the schedule's or yours."]
    if stopped:
        return reasons + stopped + never
    if not never:
        return [*reasons, "Every built session is signed; the next waits for its official NAV."]
    others = ["Every built session of every other account is signed."] if signed else []
    return reasons + others + never

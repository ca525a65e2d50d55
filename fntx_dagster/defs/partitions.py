"""The partitions: one per session of the New York Stock Exchange. A session's partition exists from 00:00 New York
of the next day."""

from datetime import datetime, timedelta

import dagster as dg

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.settings import load_settings

FIRST_SESSION = load_settings().dagster.first_session
_TODAY = datetime.now().date()


def _holidays() -> list[datetime]:
    """Weekdays without a session, a year ahead: who runs longer reloads the code location."""
    last = _TODAY + timedelta(days=366)
    open_days = {session.day for session in sessions(FIRST_SESSION, last)}
    days = (FIRST_SESSION + timedelta(days=n) for n in range((last - FIRST_SESSION).days + 1))
    return [datetime(d.year, d.month, d.day) for d in days if d.weekday() < 5 and d not in open_days]


SESSIONS = dg.DailyPartitionsDefinition(
    start_date=FIRST_SESSION.isoformat(),
    timezone="America/New_York",
    exclusions=["0 0 * * 0,6", *_holidays()],
)

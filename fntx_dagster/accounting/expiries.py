"""When an option ends.

Pure. On an ordinary day options end at the session's close, 16:00 New York, but for those on the large index funds,
which trade, and end, 15 minutes later. On a day that closes early all end at its close. An option whose expiry is no
session (a Saturday of old, a holiday) ends with the session before it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from fntx_dagster.accounting.calendar import Calendar

_LATE = timedelta(minutes=15)


def ends_at(calendar: Calendar, expiry: date, *, is_late: bool) -> datetime:
    """The moment, in UTC, at which an option of an expiry ends; `is_late`: options on its underlying trade longer."""
    session = calendar.on_or_before(expiry)
    return session.closes_at + _LATE if is_late and not session.early_close else session.closes_at

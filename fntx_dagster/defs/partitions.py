"""The partitions: one per session of the New York Stock Exchange, and one per day of UTC for accounts whose market
never closes (`24/7`). A session's partition exists from 00:00 New York of the next day, a day's from 00:00 UTC of the
next. They begin where the settings say; `code_location` says where in the UI."""

from datetime import datetime, timedelta

import dagster as dg

from fntx_dagster.model.period import Period
from fntx_dagster.services.sessions import closed_weekdays
from fntx_dagster.settings import load_settings

FIRST_SESSION = load_settings().dagster.earliest
# holidays are known a year ahead: a process that runs longer has to reload the code location
_KNOWN = Period(FIRST_SESSION, datetime.now().date() + timedelta(days=366))
_HOLIDAYS = [datetime(day.year, day.month, day.day) for day in closed_weekdays(_KNOWN)]

SESSIONS = dg.DailyPartitionsDefinition(
    start_date=FIRST_SESSION.isoformat(),
    timezone="America/New_York",
    exclusions=["0 0 * * 0,6", *_HOLIDAYS],
)
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_SESSION.isoformat(), timezone="UTC")

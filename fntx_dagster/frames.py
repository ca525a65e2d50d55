"""The tables in a notebook: each as a pandas DataFrame with exact decimals.

    from fntx_dagster import frames
    frames.table("round_trips", first="2025-07-01", last="2025-07-31")

What belongs here: reading the settings and the dates as a person writes them. The home is that of the commands:
FNTX_HOME, else `.fntx` of the current folder. docs/tables.md describes the tables.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.services.data_tables import data_frame, data_table
from fntx_dagster.services.database import open_database
from fntx_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas

__all__ = ["TABLES", "table"]


def table(
    name: str,
    first: date | str | None = None,
    last: date | str | None = None,
    account: str | None = None,
    settings: Settings | None = None,
) -> pandas.DataFrame:
    """A table by its name in `TABLES`, as a DataFrame: the rows of the days from `first` to `last`, both included, of
    one account or of all. Days are dates, or texts of the form 2025-07-17; left out, there is no limit.

    Money, prices and rates are Decimal objects, ratios and Greeks floats, moments timestamps in UTC, days dates.
    Raises Permanent where a day is none, there is no such table, the account is not loaded, or nothing is built yet.
    """
    period = Period(_day(first, EVER.first), _day(last, EVER.last))
    database = open_database(settings or load_settings())
    try:
        return data_frame(data_table(database, name, period, account))
    finally:
        database.close()


def _day(given: date | str | None, otherwise: date) -> date:
    if given is None or isinstance(given, date):
        return given or otherwise
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Permanent(f"{given!r} is no date", "Write it as 2025-07-17") from None

"""The tables in a notebook: each as a pandas DataFrame with exact decimals.

    from fntx_dagster import frames
    frames.table("round_trips", first="2025-07-01", last="2025-07-31")
    frames.strategies()

What belongs here: reading the settings and the dates as a person writes them. The home is that of the commands:
FNTX_HOME, else `.fntx` of the current folder. docs/tables.md describes the tables.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.services.data_tables import data_frame, data_table, rows_table
from fntx_dagster.services.database import open_database
from fntx_dagster.services.strategies import (
    EDGE_COLUMNS,
    STRATEGY_COLUMNS,
    edge_rows,
    option_selling,
    strategy_rows,
)
from fntx_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas

    from fntx_dagster.model.strategies import OptionSelling

__all__ = ["TABLES", "edge", "strategies", "table"]


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


def strategies(
    first: date | str | None = None,
    last: date | str | None = None,
    account: str | None = None,
    settings: Settings | None = None,
) -> pandas.DataFrame:
    """The strategies that ended in a range, and those that run at its end (without `closed_at`), as a DataFrame: what
    `fntx strategies --format csv` writes. Days and errors as for `table`."""
    return data_frame(
        rows_table("strategies", strategy_rows(_selling(first, last, account, settings)), STRATEGY_COLUMNS)
    )


def edge(
    first: date | str | None = None,
    last: date | str | None = None,
    account: str | None = None,
    settings: Settings | None = None,
) -> pandas.DataFrame:
    """The trades of a range by each property of their entry, a row for each class, as a DataFrame: what
    `fntx edge --format csv` writes. Days and errors as for `table`."""
    return data_frame(rows_table("edge", edge_rows(_selling(first, last, account, settings)), EDGE_COLUMNS))


def _selling(
    first: date | str | None, last: date | str | None, account: str | None, settings: Settings | None
) -> list[OptionSelling]:
    known = settings or load_settings()
    database = open_database(known)
    try:
        return option_selling(known, database, Period(_day(first, EVER.first), _day(last, EVER.last)), account)
    finally:
        database.close()


def _day(given: date | str | None, otherwise: date) -> date:
    if given is None or isinstance(given, date):
        return given or otherwise
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Permanent(f"{given!r} is no date", "Write it as 2025-07-17") from None

"""The daily bars of benchmarks: what a gateway gave, kept as it was heard, and when it was asked.

A series holds bars of one adjustment. The newest series of a symbol counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.daily_bars import DailyBar, HeardBars
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import one_value

_SOURCE, _ADJUSTMENT = "gateway", "ADJUSTED_LAST"


class KeptSeries(NamedTuple):
    """The newest series of a symbol: the first day it was asked from, and its last bar."""

    series_id: int
    asked_from: date
    last_day: date


class Question(NamedTuple):
    """When a gateway was asked for a symbol last, and what came of it."""

    asked_at: datetime
    is_answered: bool
    said: str | None


def newest_series(db: Readable, symbol: str) -> KeptSeries | None:
    """None where no bar of the symbol is kept."""
    with db.connect() as connection:
        row = connection.execute(
            """select series_id, asked_from, (select max(day) from prices.daily_bars as bar
                where bar.series_id = series.series_id)
            from prices.series where symbol = %s order by series_id desc limit 1""",
            (symbol,),
        ).fetchone()
        return KeptSeries._make(row) if row else None


def closes_of(db: Readable, symbol: str, period: Period) -> dict[date, Decimal]:
    """The closes of the newest series of a symbol, by day."""
    kept = newest_series(db, symbol)
    if kept is None:
        return {}
    with db.connect() as connection:
        rows = connection.execute(
            "select day, close from prices.daily_bars where series_id = %s and day between %s and %s order by day",
            (kept.series_id, *period),
        )
        return dict(rows.fetchall())


def begin_series(db: Database, symbol: str, asked_from: date, heard: HeardBars, bars: Sequence[DailyBar]) -> int:
    """Keep the bars, of which there is at least one, as a new series; how many they are."""
    with db.connect() as connection:
        series_id = one_value(
            connection.execute(
                """insert into prices.series (symbol, currency, source, adjustment, asked_from, heard_at)
                values (%s, %s, %s, %s, %s, %s) returning series_id""",
                (symbol, heard.currency, _SOURCE, _ADJUSTMENT, asked_from, heard.as_of),
            )
        )
        return connection.execute(_ADD, _columns(series_id, heard, bars)).rowcount


def extend_series(db: Database, series: KeptSeries, heard: HeardBars, bars: Sequence[DailyBar]) -> int:
    """Add the bars whose days the series does not have; how many they are."""
    with db.connect() as connection:
        return connection.execute(_ADD, _columns(series.series_id, heard, bars)).rowcount


def note_question(db: Database, symbol: str, asked_at: datetime, said: str | None) -> None:
    """Keep that a gateway was asked, and why it gave no answer (None: it gave one)."""
    with db.connect() as connection:
        connection.execute(
            "insert into prices.questions (symbol, asked_at, outcome, said) values (%s, %s, %s, %s)",
            (symbol, asked_at, "answered" if said is None else "failed", said),
        )


def last_question(db: Readable, symbol: str) -> Question | None:
    """None where no gateway was asked for the symbol yet."""
    with db.connect() as connection:
        row = connection.execute(
            """select asked_at, outcome = 'answered', said from prices.questions
            where symbol = %s order by question_id desc limit 1""",
            (symbol,),
        ).fetchone()
        return Question._make(row) if row else None


def _columns(series_id: int, heard: HeardBars, bars: Sequence[DailyBar]) -> dict[str, object]:
    columns = [list(column) for column in zip(*bars, strict=True)] or [[]] * len(DailyBar._fields)
    return {"series": series_id, "heard_at": heard.as_of, **dict(zip(DailyBar._fields, columns, strict=True))}


_ADD = """
    insert into prices.daily_bars (series_id, day, open, high, low, close, heard_at)
    select %(series)s, bar.*, %(heard_at)s
    from unnest(%(day)s::date[], %(open)s::numeric[], %(high)s::numeric[], %(low)s::numeric[], %(close)s::numeric[])
        as bar (day, open, high, low, close)
    on conflict do nothing
"""

"""Performance of days, and of months and years linked from them.

What belongs here: the time-weighted return as docs/metrics.md defines it, for what a report shows beside the metrics of
the tables, and the table of months. Returns are ratios (0.01 is one per cent), floats, None where they are undefined;
what moves no performance (deposits, withdrawals) is in none of them. Money goes in exact, in base currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from math import prod
from operator import mul
from typing import NamedTuple

from fntx_dagster.model.nav import NavDay
from fntx_dagster.report import clock, money
from fntx_dagster.report.tables import Table


class Year(NamedTuple):
    """A year's returns: twelve months, None where the account has no defined day, and the year, linked from the same
    days."""

    year: int
    months: tuple[float | None, ...]
    total: float | None


def linked(returns: Iterable[float | None]) -> float | None:
    """∏(1 + r) − 1 over the defined returns; None where there is none."""
    defined = [each for each in returns if each is not None]
    return prod(1 + each for each in defined) - 1 if defined else None


def wealth(returns: Iterable[float | None]) -> list[float]:
    """∏(1 + r) after each return; an undefined return moves nothing."""
    return list(accumulate((1 + (each or 0.0) for each in returns), mul))


def drawdowns(returns: Iterable[float | None]) -> list[float]:
    """After each return: wealth ÷ its highest so far − 1, 0 or less; the wealth before the first return
    counts as a peak."""
    grown = wealth(returns)
    peaks = accumulate(grown, max, initial=1.0)
    next(peaks)
    return [height / peak - 1 for height, peak in zip(grown, peaks, strict=True)]


def years(days: Iterable[NavDay]) -> list[Year]:
    """The months and years of one account's days, in the order of time, from the year of the first to that of the
    last."""
    listed = []
    ordered = sorted(days, key=lambda day: day.trading_day)
    for year, members in groupby(ordered, key=lambda day: day.trading_day.year):
        months: dict[int, list[float | None]] = {}
        for day in members:
            months.setdefault(day.trading_day.month, []).append(day.daily_return)
        by_month = tuple(linked(months.get(month, ())) for month in range(1, 13))
        listed.append(Year(year, by_month, linked(made for month in months.values() for made in month)))
    return listed


def monthly_table(days: Sequence[NavDay]) -> Table:
    """Years × months in per cent, and each year; the latest year last."""
    headers = ("Year", *(clock.month_name(month)[:3] for month in range(1, 13)), "Total")
    return Table(
        headers=headers,
        rows=tuple((str(year.year), *map(_cell, (*year.months, year.total))) for year in years(days)),
        title="Monthly Returns",
        results=headers[1:],
    )


def _cell(made: float | None) -> str:
    return "" if made is None else money.percent(made, signed=True)

"""An account's daily returns beside a benchmark's, and how they are distributed.

Pure. The formulas are those of docs/metrics.md (Against the market), and equal empyrical's: beta is the slope of the
account's returns on the benchmark's, alpha what is left of their mean (Jensen, 1968, without a risk-free rate), a
capture is the account's annualised return over the sessions in which the benchmark rose (fell) ÷ the benchmark's.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from statistics import fmean, median, stdev

from fntx_dagster.errors import Permanent
from fntx_dagster.model.against_market import Comparison, Distribution, MarketDay
from fntx_dagster.model.daily_bars import Closes
from fntx_dagster.model.nav import NavDay

_A_YEAR = 252
SHORTEST_YEAR = 250
"""The fewest sessions that a calendar year has: fewer are less than a year."""
_STILL = 1e-30
"""A variance at or below it is none."""
_WIDTHS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
_MOST_BINS = 25
_LONGEST_SHOWN = 40
"""Characters of a wrong cell."""
_PRICE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,20})?").fullmatch


def beside(days: Sequence[NavDay], before: Mapping[date, date], sources: Sequence[Closes]) -> list[MarketDay]:
    """The days of an account in a range, in order, with the benchmark's returns over the same sessions. `before` maps a
    session to the one before it, whether or not the account has that.

    A return is made of two closes of one source: of the first of `sources` that has both. The linked return begins with
    the first close that is known, goes on with another source from a day that both have, and ends before the first
    close that may not be compared.
    """
    if not days:
        return []
    listed: list[MarketDay] = []
    curve = _Linked(sources)
    curve.at(before[days[0].trading_day], None)
    for day in days:
        moves = ((each, _move(each, before[day.trading_day], day.trading_day)) for each in sources)
        source, move = next(((each, move) for each, move in moves if move is not None), (None, None))
        linked = curve.at(day.trading_day, source)
        listed.append(MarketDay(day.trading_day, day.daily_return, move, linked, source and source.source))
    return listed


def compared(name: str, days: Sequence[MarketDay]) -> Comparison | None:
    """The comparison over the sessions that have both returns; None where there is none."""
    pairs = [
        (day.daily_return, day.benchmark_return)
        for day in days
        if day.daily_return is not None and day.benchmark_return is not None
    ]
    if not pairs:
        return None
    own, market = [account for account, _ in pairs], [benchmark for _, benchmark in pairs]
    beta = _beta(own, market)
    left = None if beta is None else fmean(account - beta * benchmark for account, benchmark in pairs)
    return Comparison(
        name,
        len(pairs),
        sum(day.daily_return is not None for day in days) - len(pairs),
        _linked(own),
        _linked(market),
        beta,
        None if left is None or len(pairs) < SHORTEST_YEAR else _annualised([left]),
        left,
        _correlation(own, market),
        _capture([pair for pair in pairs if pair[1] > 0]),
        _capture([pair for pair in pairs if pair[1] < 0]),
        ", ".join(sorted({day.source for day in days if day.source and day.daily_return is not None})),
    )


def distribution(returns: Sequence[float]) -> Distribution | None:
    """The distribution of daily returns, in bins of one width whose borders are multiples of it; None of none."""
    if not returns:
        return None
    low, high = min(returns), max(returns)
    width = next((width for width in _WIDTHS if (high - low) / width < _MOST_BINS - 1), (high - low) / _MOST_BINS)
    first, last = math.floor(low / width), math.floor(high / width)
    counts = dict.fromkeys(range(first, last + 1), 0)
    for each in returns:
        counts[math.floor(each / width)] += 1
    return Distribution(
        len(returns),
        fmean(returns),
        median(returns),
        stdev(returns) if len(returns) > 1 else None,
        high,
        low,
        sum(each > 0 for each in returns) / len(returns),
        [(place * width, (place + 1) * width, count) for place, count in counts.items()],
    )


def prices_of_csv(text: str, file: str) -> dict[date, tuple[Decimal, bool]]:
    """The closes of a price file: CSV with the columns `date` (YYYY-MM-DD) and `close` in its first line, in any case
    and order, others beside them. Adjusted closes hold dividends and splits, raw ones do not.

    Raises Permanent with the file, the line and the value that is wrong.
    """
    rows = _rows(text, file)
    _, first = next(rows, (1, []))
    names = [name.strip().lower() for name in first]
    if [names.count(name) for name in ("date", "close")] != [1, 1]:
        raise Permanent(
            f"{file} needs one column date and one column close in its first line",
            "Write `date,close` above lines like 2025-07-17,628.04",
        )
    prices: dict[date, tuple[Decimal, bool]] = {}
    for line, row in rows:
        cells = dict(zip(names, row, strict=False))
        day = _date(cells.get("date", ""), file, line)
        if day in prices:
            raise Permanent(f"{file}, line {line}: {day} is there twice", "Leave one line for each day")
        prices[day] = (_close(cells.get("close", ""), file, line), True)
    return prices


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that holds something, with the number of its last line."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=None))
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise Permanent(
                f"{file}, line {reader.line_num} is no line of a CSV file: {error}",
                "Write lines like 2025-07-17,628.04",
            ) from None
        if row is None:
            return
        if any(map(str.strip, row)):
            yield reader.line_num, row


def _date(text: str, file: str, line: int) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Permanent(f"{file}, line {line}: date {_shown(text)} is no date", "Write it as 2025-07-17") from None


def _close(text: str, file: str, line: int) -> Decimal:
    price = Decimal(text.strip()) if _PRICE(text.strip()) else Decimal(0)
    if price <= 0:
        raise Permanent(f"{file}, line {line}: close {_shown(text)} is no price", "Write it as 628.04")
    return price


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def _move(closes: Closes, earlier: date, later: date) -> float | None:
    begin, end = closes.by_day.get(earlier), closes.by_day.get(later)
    return float(end[0] / begin[0]) - 1 if begin and end and end[1] and begin[0] > 0 else None


class _Linked:
    """The linked return of a benchmark, from day to day: each stretch of it in the closes of one source."""

    def __init__(self, sources: Sequence[Closes]) -> None:
        self._sources = sources
        self._begins: dict[str, tuple[Decimal, Decimal]] = {}
        """By source the close that a stretch of its own begins with, and what a unit was worth at it."""
        self._source: str | None = None
        self._has_begun = False

    def at(self, day: date, preferred: Closes | None) -> float | None:
        """The return up to a day, by `preferred` or else by the first source that leads there; None where none does."""
        closes = {each.source: close for each in self._sources if (close := each.by_day.get(day))}
        for source, (_, is_comparable) in closes.items():
            if not is_comparable:  # of other units
                self._begins.pop(source, None)
        if not closes:
            return None
        if not self._has_begun:
            self._has_begun, worth = True, Decimal(1)
        elif source := self._leading(closes, preferred):
            begin, worth = self._begins[source]
            worth *= closes[source][0] / begin
            self._source = source
        else:
            return None
        for source, (close, _) in closes.items():
            # a stretch that goes on keeps its begin, so that one source alone is one division
            if close > 0 and (source != self._source or source not in self._begins):
                self._begins[source] = close, worth
        return float(worth) - 1

    def _leading(self, closes: Mapping[str, tuple[Decimal, bool]], preferred: Closes | None) -> str | None:
        names = [*([preferred.source] if preferred else []), *closes]
        return next((name for name in names if name in closes and name in self._begins), None)


def _linked(returns: Sequence[float]) -> float | None:
    """None beyond what a float holds, as for all figures here."""
    linked = math.prod(1 + each for each in returns) - 1
    return linked if math.isfinite(linked) else None


def _beta(own: Sequence[float], market: Sequence[float]) -> float | None:
    if len(own) < 2:
        return None
    middle = fmean(market)
    variance = fmean((each - middle) ** 2 for each in market)
    if variance <= _STILL:
        return None
    return fmean((benchmark - middle) * account for account, benchmark in zip(own, market, strict=True)) / variance


def _correlation(own: Sequence[float], market: Sequence[float]) -> float | None:
    means = fmean(own), fmean(market)
    spread = fmean((each - means[0]) ** 2 for each in own), fmean((each - means[1]) ** 2 for each in market)
    if min(spread) <= _STILL:
        return None
    both = fmean((account - means[0]) * (benchmark - means[1]) for account, benchmark in zip(own, market, strict=True))
    return both / math.sqrt(spread[0] * spread[1])


def _capture(pairs: Sequence[tuple[float, float]]) -> float | None:
    if not pairs:
        return None
    own, market = (_annualised([pair[side] for pair in pairs]) for side in (0, 1))
    return own / market if own is not None and market else None


def _annualised(returns: Sequence[float]) -> float | None:
    """The return of a year that goes on like these sessions; None where no float holds it."""
    linked = _linked(returns)
    try:
        return None if linked is None else max(1 + linked, 0.0) ** (_A_YEAR / len(returns)) - 1
    except OverflowError:
        return None

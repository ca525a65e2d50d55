"""The daily bars of the benchmark, from IB Gateway into their table: when to ask, for which days, and what is kept.

Bars are asked for where the benchmark is a symbol and the settings name a gateway. Only sessions that are over are
kept. An answer that agrees with the bars that are known adds the new ones; one that does not comes after a dividend, a
split or a correction, and everything is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.calendar import last_session, sessions
from fntx_dagster.adapters.gateway.address import Gateway, gateway_at
from fntx_dagster.adapters.gateway.bars import daily_bars, require_symbol
from fntx_dagster.errors import FntxError, Permanent, without_accounts
from fntx_dagster.model.daily_bars import DailyBar, HeardBars
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.settings import Settings
from fntx_dagster.store import daily_bars as kept_bars
from fntx_dagster.store.daily_bars import KeptSeries
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.tables import built_span

_SETTLED = timedelta(hours=1)
"""How long after a session's close its bar has the official close."""
_OVERLAP = timedelta(days=15)
"""How many days before the newest known bar are asked for again: a dividend changes all of them."""
_BEFORE = timedelta(days=10)
"""A session lies in so many days before any day."""
_WITHOUT_SESSIONS = timedelta(days=365)
"""What is asked for before any statement is built."""
_HOUR = timedelta(hours=1)


class UpdatedBars(NamedTuple):
    """What asking did: bars that were added; `is_whole` where they are a new series; or why there are none."""

    symbol: str
    added: int
    is_whole: bool = False
    problem: str | None = None

    def __str__(self) -> str:
        if self.problem:
            return f"no new daily bars of {self.symbol}: {self.problem}"
        return f"{self.added:,} daily bars of {self.symbol}" + (", all of them anew" if self.is_whole else "")


def is_file(benchmark: str) -> bool:
    """Whether a benchmark is the path of a price file; else it is a symbol."""
    return benchmark.lower().endswith(".csv")


def update_when_due(settings: Settings, db: Database, now: datetime) -> UpdatedBars | None:
    """Ask for the bars of the benchmark of the settings that are not known, unless they were asked for in the last
    hour. None where there is nothing to ask. A gateway that does not answer is part of the result."""
    symbol = settings.report.benchmark
    if is_file(symbol) or not settings.gateway.addresses:
        return None
    try:
        require_symbol(symbol)
        return update(settings, db, now) if _is_due(db, symbol, now) else None
    except FntxError as problem:
        return UpdatedBars(symbol, 0, problem=without_accounts(str(problem)))


def update(settings: Settings, db: Database, now: datetime, benchmark: str | None = None) -> UpdatedBars:
    """Ask the gateways of the settings, one after the other until one answers, for the daily bars of a symbol, and keep
    what is new. `benchmark`: left out, FNTX_BENCHMARK.

    Raises Permanent where the benchmark is a file or no symbol, or the settings name no gateway; Transient or Permanent
    where none gives the bars. What is kept already stays.
    """
    symbol = settings.report.benchmark if benchmark is None else benchmark
    if is_file(symbol):
        raise Permanent("the benchmark is a CSV file, and has no daily bars", "Name a symbol with --benchmark")
    require_symbol(symbol)
    if not settings.gateway.addresses:
        raise Permanent("no IB Gateway is in the settings", "Name one for each account in FNTX_GATEWAYS")
    first, problems = _first_day(db, now), list[FntxError]()
    for gateway in _gateways(settings):
        try:
            done = _update(db, gateway, symbol, first)
        except FntxError as problem:
            problems.append(problem)
        else:
            kept_bars.note_question(db, symbol, now, None)
            return done
    kept_bars.note_question(db, symbol, now, without_accounts(str(problems[0])))
    raise problems[0]


def closes_of(db: Readable, symbol: str, period: Period) -> dict[date, tuple[Decimal, bool]]:
    """The adjusted closes that are kept of a symbol, each of which may be compared with the close before."""
    return {day: (close, True) for day, close in kept_bars.closes_of(db, symbol, period).items()}


def _is_due(db: Readable, symbol: str, now: datetime) -> bool:
    asked = kept_bars.last_question(db, symbol)
    if asked and timedelta(0) <= now - asked.asked_at < _HOUR:
        return False
    series = kept_bars.newest_series(db, symbol)
    return not series or series.last_day < _last_over(now) or series.asked_from > _first_day(db, now)


def _update(db: Database, gateway: Gateway, symbol: str, first: date) -> UpdatedBars:
    series = kept_bars.newest_series(db, symbol)
    if series and series.asked_from <= first:
        since = max(series.last_day - _OVERLAP, series.asked_from)
        heard = daily_bars(gateway, symbol, since)
        bars = _over(heard)
        if _agrees(db, symbol, series, since, bars):
            return UpdatedBars(symbol, kept_bars.extend_series(db, series, heard, bars))
        first = series.asked_from
    heard = daily_bars(gateway, symbol, first)
    bars = _over(heard)
    if not bars:
        return UpdatedBars(symbol, 0)
    return UpdatedBars(symbol, kept_bars.begin_series(db, symbol, first, heard, bars), is_whole=True)


def _agrees(db: Database, symbol: str, series: KeptSeries, since: date, bars: list[DailyBar]) -> bool:
    """Whether an answer has every known bar of its days, with the same close."""
    known = kept_bars.closes_of(db, symbol, Period(since, series.last_day))
    heard = {bar.day: bar.close for bar in bars if bar.day <= series.last_day}
    return heard == known


def _over(heard: HeardBars) -> list[DailyBar]:
    """The bars of sessions that were over at the gateway's time; a bar of a day that is none of ours is left out."""
    if not heard.bars:
        return []
    closes = {each.day: each.closes_at for each in sessions(heard.bars[0].day, heard.bars[-1].day)}
    return [bar for bar in heard.bars if bar.day in closes and closes[bar.day] + _SETTLED <= heard.as_of]


def _first_day(db: Readable, now: datetime) -> date:
    """A day from which on every session of the statements has a close before it."""
    span = built_span(db)
    return (span[0] - _BEFORE) if span else (now - _WITHOUT_SESSIONS).astimezone(NEW_YORK).date().replace(day=1)


def _last_over(now: datetime) -> date:
    """The last session whose bar is known by now."""
    latest = last_session(now.astimezone(NEW_YORK).date())
    return latest.day if latest.closes_at + _SETTLED <= now else latest.previous_day


def _gateways(settings: Settings) -> Iterator[Gateway]:
    """Each gateway once, with the client id after those of the accounts, so that bars delay no snapshot."""
    addresses = settings.gateway.addresses
    for address in dict.fromkeys(addresses[account] for account in sorted(addresses)):
        yield gateway_at(
            address,
            client_id=settings.gateway.client_id + len(addresses),
            timeout=settings.gateway.timeout,
        )

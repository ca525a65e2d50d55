"""What is known of the entry of a trade that an option opened: by the close of its session, else by its own fill.

What belongs here: which trades need their fill, and from which moment to which close a move is counted. Pricing at a
fill is `metrics/entries.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.metrics.entries import TOGETHER, EntryGreeks, entry_greeks
from fntx_dagster.metrics.greeks import years_between
from fntx_dagster.metrics.terms import Underlying, underlying_of
from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.model.strategies import BY_CLOSE, OptionTrade
from fntx_dagster.services.dividends import known_dividends
from fntx_dagster.services.pricing import assumptions, calendar_for, ends_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendar_of
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.entries import traded
from fntx_dagster.store.marts.strategies import AllInTrade

_DAYS_A_YEAR = 365


def option_trades(settings: Settings, db: Readable, account: str, trades: Sequence[AllInTrade]) -> list[OptionTrade]:
    """The trades of one account that an option opened, with what is known of their entry."""
    opened = [trade for trade in trades if trade.is_option]
    lacking = [trade for trade in opened if trade.hours_held is not None and not _has_close(trade)]
    if not lacking:
        return [_option_trade(trade) for trade in opened]
    days = Period(min(trade.opened_day for trade in lacking), max(trade.opened_day for trade in lacking))
    fills = traded(db, account, {trade.opened_day for trade in lacking})
    calendar = calendar_for(days, fills, calendar_of(db, account))
    by_fill = dict(_by_fill(settings, db, account, lacking, fills, calendar))
    return [_option_trade(trade, by_fill.get(trade.trade_id), calendar) for trade in opened]


def _has_close(trade: AllInTrade) -> bool:
    """Whether the close of its session says its delta; of an option that expires that day it says nothing."""
    return bool(_days_to_expiry(trade)) and trade.delta is not None


def _by_fill(
    settings: Settings,
    db: Readable,
    account: str,
    trades: Sequence[AllInTrade],
    fills: Sequence[ClosingPosition],
    calendar: Calendar,
) -> Iterator[tuple[str, EntryGreeks]]:
    """Trade → its Greeks at its fill, where the underlying's price at that moment is known."""
    dividends = known_dividends(settings, db, max(trade.opened_day for trade in trades))
    ends = ends_of(settings, calendar, fills)
    around: dict[Underlying, list[ClosingPosition]] = defaultdict(list)
    for fill in fills:
        around[underlying_of(fill)].append(fill)
    entries = {(fill.contract_id, fill.valued_at): fill for fill in reversed(fills)}
    assumed = {day: assumptions(settings, dividends.at(account, day)) for day in {trade.opened_day for trade in trades}}
    for trade in trades:
        entry = entries.get((trade.contract_id, trade.opened_at))
        if entry is None:
            continue
        of_underlying = around[underlying_of(entry)]
        near = of_underlying[
            bisect_left(of_underlying, entry.valued_at - TOGETHER, key=_moment) : bisect_right(
                of_underlying, entry.valued_at + TOGETHER, key=_moment
            )
        ]
        if found := entry_greeks(entry, near, ends, assumed[trade.opened_day]):
            yield trade.trade_id, found


def _moment(fill: ClosingPosition) -> datetime:
    return fill.valued_at


def _option_trade(
    trade: AllInTrade, by_fill: EntryGreeks | None = None, calendar: Calendar | None = None
) -> OptionTrade:
    is_known = trade.hours_held is not None
    delta = volatility = implied = realised = priced_by = None
    if is_known and _has_close(trade):
        delta, volatility, priced_by = trade.delta, trade.volatility, BY_CLOSE
        if trade.at_entry and trade.at_end is not None and trade.days_priced:
            realised = abs(float(trade.at_end / trade.at_entry) - 1)
            implied = _move(volatility, trade.days_priced / _DAYS_A_YEAR)
    elif by_fill is not None and calendar is not None:
        delta, volatility, priced_by = by_fill.delta, by_fill.volatility, by_fill.priced_by
        end = trade.at_end if trade.days_priced else trade.at_entry
        if end is not None:
            realised = abs(float(end / by_fill.underlying) - 1)
            implied = _move(volatility, _until_close(trade, calendar))
    return OptionTrade(
        trade.trade_id,
        _option(trade),
        trade.opened_at if is_known else None,
        trade.hours_held,
        _days_to_expiry(trade),
        _distance(trade) if is_known else None,
        priced_by,
        delta,
        volatility,
        implied,
        realised,
        trade.net_pnl,
    )


def _option(trade: AllInTrade) -> str | None:
    if trade.put_call not in ("C", "P"):
        return None
    side = "sold" if trade.direction == "short" else "bought"
    return f"{side} {'put' if trade.put_call == 'P' else 'call'}"


def _days_to_expiry(trade: AllInTrade) -> int | None:
    """Calendar days from the entry to the expiry, in New York."""
    if trade.expiry is None or trade.hours_held is None:
        return None
    return (trade.expiry - trade.opened_at.astimezone(NEW_YORK).date()).days


def _move(volatility: float | None, years: float) -> float | None:
    return None if volatility is None or years <= 0 else volatility * math.sqrt(years)


def _until_close(trade: AllInTrade, calendar: Calendar) -> float:
    """Years from the entry to the last close that priced the option: at least that of the entry's session."""
    day = date.fromordinal(trade.opened_day.toordinal() + (trade.days_priced or 0))
    return years_between(trade.opened_at, calendar.on_or_before(day).closes_at)


def _distance(trade: AllInTrade) -> float | None:
    """How far out of the money the strike was at the close before the entry, as a fraction of that price."""
    if not trade.before or trade.strike is None or trade.put_call not in ("C", "P"):
        return None
    distance = float(trade.strike / trade.before) - 1
    return distance if trade.put_call == "C" else -distance

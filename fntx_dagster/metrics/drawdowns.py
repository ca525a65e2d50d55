"""The worst falls of an account and its longest runs of winning and losing days.

Pure. Both are of the daily returns of docs/metrics.md, so deposits and withdrawals are in neither; a session whose
return is undefined moves nothing. The opening of the first session counts as a peak.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from math import prod

from fntx_dagster.model.account_risk import Drawdown, ReturnOnMargin, Streak, Streaks
from fntx_dagster.model.nav import NavDay

_EQUAL = 1e-12
"""Returns are floats: wealth within this ratio of its peak has reached it."""


def worst_drawdowns(days: Sequence[NavDay], most: int = 5) -> list[Drawdown]:
    """The deepest falls of one account, the deepest first; `days` in the order of time. Falls do not overlap: one ends
    where the wealth is back at its peak."""
    falls: list[Drawdown] = []
    wealth = peak = lowest = 1.0
    peak_at, trough_at = -1, -1
    for place, day in enumerate(days):
        wealth *= 1 + (day.daily_return or 0.0)
        if wealth >= peak * (1 - _EQUAL):
            if trough_at > peak_at:
                falls.append(_fall(days, lowest / peak - 1, peak_at, trough_at, place))
            peak = max(wealth, peak)
            lowest, peak_at = peak, place
        elif wealth < lowest:
            lowest, trough_at = wealth, place
    if trough_at > peak_at:
        falls.append(_fall(days, lowest / peak - 1, peak_at, trough_at, None))
    return sorted(falls, key=lambda fall: (fall.depth, fall.trough))[:most]


def streaks(days: Sequence[NavDay]) -> Streaks:
    """The streaks of one account's sessions, which are in the order of time."""
    runs: list[Streak] = []
    current = None
    for sign, members in groupby(days, key=_sign):
        current = _streak(sign > 0, list(members)) if sign else None
        runs += [current] if current else []

    def longest(winning: bool) -> Streak | None:
        own = [run for run in runs if run.winning is winning]
        return max(own, key=lambda run: (run.sessions, run.last), default=None)

    return Streaks(longest(True), longest(False), current)


def return_on_margin(known: Iterable[tuple[Decimal, Decimal]]) -> ReturnOnMargin | None:
    """Of sessions whose maintenance margin is known: (net P&L, margin) of each, in base currency. None where there is
    none or no margin was used."""
    sessions = list(known)
    if not sessions or not (used := sum((margin for _, margin in sessions), Decimal(0))):
        return None
    made, mean = sum((net for net, _ in sessions), Decimal(0)), used / len(sessions)
    return ReturnOnMargin(len(sessions), made, mean, float(made / mean))


def _fall(days: Sequence[NavDay], depth: float, peak: int, trough: int, back: int | None) -> Drawdown:
    return Drawdown(
        depth,
        days[peak].trading_day if peak >= 0 else None,
        days[trough].trading_day,
        None if back is None else days[back].trading_day,
        trough - peak,
        None if back is None else back - trough,
    )


def _sign(day: NavDay) -> int:
    made = day.daily_return
    return 0 if not made else 1 if made > 0 else -1


def _streak(winning: bool, days: Sequence[NavDay]) -> Streak:
    gain = sum((day.closing_nav + day.withdrawals - day.opening_nav - day.deposits for day in days), Decimal(0))
    linked = prod(1 + (day.daily_return or 0.0) for day in days) - 1
    return Streak(winning, days[0].trading_day, days[-1].trading_day, len(days), linked, gain)

"""What underlyings did in past sessions: the scenarios of a value at risk by historical simulation.

Pure. A move is the simple return between two consecutive closes in one account's statements. It is left out where a
corporate action lies between them, for the two prices are then of different things.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from itertools import pairwise

from fntx_dagster.metrics.risk import MOST_SCENARIOS, Scenario
from fntx_dagster.metrics.terms import Underlying
from fntx_dagster.model.closing import ClosingPrice
from fntx_dagster.model.period import Period


class Moves:
    """The moves of each account's underlyings. `days` are sessions in order, without a gap."""

    def __init__(self, closes: Iterable[ClosingPrice], days: Sequence[date]) -> None:
        self._days = days
        self._moves: dict[str, dict[date, dict[Hashable, float]]] = defaultdict(lambda: defaultdict(dict))
        prices: dict[tuple[str, Underlying], dict[date, ClosingPrice]] = defaultdict(dict)
        for close in closes:
            prices[close.account_id, (close.symbol, close.currency)][close.trading_day] = close
        for (account, underlying), by_day in prices.items():
            for before, day in pairwise(days):
                earlier, later = by_day.get(before), by_day.get(day)
                if earlier and later and later.is_comparable and earlier.price > 0:
                    self._moves[account][day][underlying] = float(later.price / earlier.price) - 1

    def until(self, account: str, day: date) -> list[Scenario]:
        """The moves of the last MOST_SCENARIOS sessions up to a day, oldest first, by underlying; ratios (0.01 is 1 %).
        A session without any move is empty."""
        end = _place(self._days, day) + 1
        moves = self._moves[account]
        return [moves.get(session, {}) for session in self._days[max(0, end - MOST_SCENARIOS) : end]]


def first_close(days: Sequence[date], first: date) -> date:
    """The session whose close the scenarios of the day `first` begin with; `days` are sessions in order."""
    return days[max(0, _place(days, first) - MOST_SCENARIOS)]


def calendar_range(period: Period, expiries: Iterable[date]) -> Period:
    """The days whose sessions pricing needs: two years before the first, for the scenarios, and past the last expiry.

    It begins and ends with a year (and its following January, for the next close), so that runs share a calendar.
    """
    known = list(expiries)
    begin, end = min([period.first, *known]), max([period.last, *known])
    return Period(date(begin.year - 2, 1, 1), date(end.year + 1, 1, 31))


def _place(days: Sequence[date], day: date) -> int:
    return bisect_right(days, day) - 1

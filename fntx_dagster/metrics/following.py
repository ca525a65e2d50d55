"""What follows from metrics that somebody was shown: the signed metrics that he can compute without having seen them.

Here lie the equations between the metrics of the catalogues, within a day and from one session to the next. A metric
follows where all others of its equation are known. Not here: what limits a metric without fixing it, such as the
returns of several windows, and what everybody knows anyway (currency, close, number of the session).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations
from typing import NamedTuple

from fntx_dagster.metrics.windows import first_day

DAY_RETURN = "return of the day"
PAID_IN = "capital paid in so far"
TAKEN_OUT = "capital taken out so far"
UNSIGNED = (DAY_RETURN, PAID_IN, TAKEN_OUT)
"""Figures that no slot holds, and that follow all the same."""

SIGNED_PARTS = (
    "mark_to_market",
    "assigned_option_mark",
    "expired_option_mark",
    "rate_difference",
    "interest_accruals",
    "fx_translation",
)
"""The parts of the difference that have a slot of their own; the others share one."""

SUMS = (
    ("net_pnl", "gross_pnl", "commissions", "interest", "fees", "broker_residual"),
    ("difference", "closing_nav_official", "closing_nav_calculated"),
    (
        "difference",
        *SIGNED_PARTS,
        "other_parts",
        "broker_residual",
        "unexplained",
    ),
    ("closing_nav_official", "opening_nav_official", "deposits", "withdrawals", "net_pnl"),
    ("tvpi", "dpi", "rvpi"),
)
"""Metrics of a day of which each follows from the others: sums and differences, exact to the last decimal."""

RATIOS = (
    (DAY_RETURN, "closing_nav_official", "withdrawals", "opening_nav_official", "deposits"),
    ("rvpi", "closing_nav_official", PAID_IN),
    ("dpi", TAKEN_OUT, PAID_IN),
)
"""The same, as exact as a ratio of 8 decimals lets them be."""

_WINDOWS = ("30d", "mtd", "ytd", "all")
_CHAINED = ("mtd", "ytd", "all")
_OF_WINDOW = ("win_rate", "win_rate_all_in", "sharpe", "volatility", "max_drawdown", "total_return")


class Known(NamedTuple):
    """A metric of a day, by its name."""

    day: date
    metric: str


class Consequence(NamedTuple):
    """A figure that follows from others; `is_exact`: to the last decimal."""

    found: Known
    sources: tuple[Known, ...]
    is_exact: bool


class _Relation(NamedTuple):
    """Figures of which each follows from all others; with `only` that one alone does."""

    figures: tuple[Known, ...]
    is_exact: bool
    only: Known | None = None


def following(shown: Iterable[Known], sessions: Sequence[date]) -> list[Consequence]:
    """Every figure that follows from those shown, each once, in the order in which it is found. `sessions`: those of
    the account in order, its first one too; a day that is none of them has no session before it."""
    known, found, looked_at = set(shown), [], set()
    while (days := {figure.day for figure in known}) != looked_at:  # a figure found may be of one more day
        looked_at = days
        found += _closure(known, list(_relations(days, sessions)))
    return found


def newly_following(new: Iterable[Known], before: Iterable[Known], sessions: Sequence[date]) -> list[Consequence]:
    """What follows once `new` is shown to somebody who may have seen all of `before`, and did not follow before."""
    earlier = set(before)
    followed = {consequence.found for consequence in following(earlier, sessions)}
    return [each for each in following(earlier | set(new), sessions) if each.found not in followed]


def _closure(known: set[Known], relations: Sequence[_Relation]) -> Iterator[Consequence]:
    """Add to what is known all that follows by some relations."""
    of_figure: dict[Known, list[_Relation]] = defaultdict(list)
    for relation in relations:
        for figure in relation.figures:
            of_figure[figure].append(relation)
    waiting = deque(relations)
    while waiting:
        relation = waiting.popleft()
        missing = [figure for figure in relation.figures if figure not in known]
        if len(missing) != 1 or relation.only not in (None, missing[0]):
            continue
        [target] = missing
        yield Consequence(target, tuple(figure for figure in relation.figures if figure != target), relation.is_exact)
        known.add(target)
        waiting.extend(of_figure[target])


def _relations(days: set[date], sessions: Sequence[date]) -> Iterator[_Relation]:
    """The equations that some days take part in: their own, and those with the sessions before and after each."""
    places = {day: place for place, day in enumerate(sessions)}
    beside = (places[day] + step for day in days if day in places for step in (-1, 1))
    for day in sorted(days | {sessions[place] for place in beside if 0 <= place < len(sessions)}):
        for names in SUMS:
            yield _Relation(_of(day, names), True)
        for names in RATIOS:
            yield _Relation(_of(day, names), False)
        if places.get(day, 0) > 0:
            yield from _since_the_session_before(day, sessions[places[day] - 1])
        if day in places:
            yield from _windows(places[day], sessions)


def _since_the_session_before(day: date, before: date) -> Iterator[_Relation]:
    yield _Relation((Known(day, "opening_nav_official"), Known(before, "closing_nav_official")), True)
    yield _Relation((Known(day, PAID_IN), Known(before, PAID_IN), Known(day, "deposits")), False)
    yield _Relation((Known(day, TAKEN_OUT), Known(before, TAKEN_OUT), Known(day, "withdrawals")), False)


def _windows(place: int, sessions: Sequence[date]) -> Iterator[_Relation]:
    """What the windows of a session have to do with that session, with the windows before it, and with each other."""
    day = sessions[place]
    first_of = {window: bisect_left(sessions, first_day(window, day, sessions[0])) for window in _WINDOWS}
    for window, first in first_of.items():
        total = Known(day, f"total_return_{window}")
        if first == place:  # the window is this session alone
            rate = Known(day, f"win_rate_{window}")
            yield _Relation((total, Known(day, DAY_RETURN)), False)
            yield _Relation((rate, Known(day, "wins"), Known(day, "losses")), True, only=rate)
        elif window in _CHAINED:
            yield _Relation((total, Known(sessions[place - 1], total.metric), Known(day, DAY_RETURN)), False)
    for one, other in combinations(_WINDOWS, 2):
        if first_of[one] == first_of[other]:
            for name in _OF_WINDOW:
                yield _Relation((Known(day, f"{name}_{one}"), Known(day, f"{name}_{other}")), True)


def _of(day: date, names: Iterable[str]) -> tuple[Known, ...]:
    return tuple(Known(day, name) for name in names)

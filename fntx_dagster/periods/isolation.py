"""Which days would stand alone: what the difference of two figures that were shown says of fewer than five sessions.

Totals of [a, c] and of [a, b] give the total of what lies between them. Every combination of totals is constant between
two neighbouring boundaries: the first day of what was shown, and the day after its last. So where all boundaries
coincide or lie five sessions apart, no combination is of fewer than five. Days that were shown singly do not count:
nothing of them is left to hide. Two totals of two days (of the returns and of their squares) give both: hence five.

A day that shows some of its figures hides the others: it is shown singly only among totals of those figures. Likewise
days that stand alone by a total of one figure are told again before a total of another one shows more of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

APART = 5
"""Sessions between two boundaries, at least."""


class Telling(Enum):
    """How something shown tells of its days: a total over all of them; each of them by itself; a level (the NAV) at the
    open of the first or at the close of the last, of which two make a total."""

    TOTAL = "total"
    SINGLY = "singly"
    AT_OPEN = "at the open"
    AT_CLOSE = "at the close"


class ShownDays(NamedTuple):
    """Something that was shown of an account, from a day to a day, both included: of which figures, by name (None: of
    all of them)."""

    first: date
    last: date
    kind: Telling
    figures: frozenset[str] | None = None


def standing_alone(
    new: Collection[ShownDays], before: Collection[ShownDays], sessions: Sequence[date], apart: int = APART
) -> list[tuple[date, ...]]:
    """The groups of fewer than `apart` sessions that would stand alone once `new` is shown beside `before`, and did not
    before, by all figures together or by one of them; oldest first. `sessions`: those of the account, ascending."""
    groups: set[tuple[date, ...]] = set()
    for counts in _views({figure for each in (*new, *before) for figure in each.figures or ()}):
        earlier, added = list(filter(counts, before)), list(filter(counts, new))
        if added:
            groups |= {*_alone([*earlier, *added], sessions, apart)} - {*_alone(earlier, sessions, apart)}
    return sorted(groups)


def _views(figures: Collection[str]) -> Iterator[Callable[[ShownDays], bool]]:
    """What counts: everything; all but days that hide some figure; of each figure what shows it."""
    yield lambda each: True
    yield lambda each: each.kind is not Telling.SINGLY or each.figures is None
    for figure in figures:
        yield lambda each, figure=figure: each.figures is None or figure in each.figures


def _alone(shown: Collection[ShownDays], sessions: Sequence[date], apart: int) -> Iterator[tuple[date, ...]]:
    """Each group of neighbouring sessions between two boundaries that a total covers, and that is too small."""
    singly = {place for each in shown if each.kind is Telling.SINGLY for place in range(*_places(each, sessions))}
    totals = {_places(each, sessions) for each in shown if each.kind is Telling.TOTAL}
    opens = {_places(each, sessions)[0] for each in shown if each.kind is Telling.AT_OPEN}
    closes = {_places(each, sessions)[1] for each in shown if each.kind is Telling.AT_CLOSE}
    totals |= {*pairwise(sorted(opens | closes))}
    boundaries = {place for total in totals for place in total}
    boundaries |= {place + step for place in singly for step in (0, 1)}
    for first, last in pairwise(sorted(boundaries)):
        hidden = tuple(sessions[place] for place in range(first, last) if place not in singly)
        if 0 < len(hidden) < apart and any(start <= first and last <= end for start, end in totals):
            yield hidden


def _places(shown: ShownDays, sessions: Sequence[date]) -> tuple[int, int]:
    """Where it begins among the sessions, and where what follows it does."""
    return bisect_left(sessions, shown.first), bisect_right(sessions, shown.last)

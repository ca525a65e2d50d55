"""Corrections: which entries count, and in which order.

An entry is never changed. A `reversal` takes the entry that it names back: what it `reverses` counts no more. An entry
that states a `place` counts right before the entry of that number, whether this one was reversed or not: so the right
entry takes the place of the wrong one, and a fill that became known late comes before those that followed it. Entries
with the same place come in the order of their numbers. What is reversed does nothing, but keeps the place of others.

So the state of a book is defined by its entries alone, and is rebuilt from them where a correction reaches back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

PLACE, REVERSES, REPLACES = "place", "reverses", "replaces"
"""The fields of entries; `replaces` names the reversed entry that another one stands for."""


class Corrections(NamedTuple):
    """The numbers of entries that are reversed, and the entries that state a place, by that place."""

    reversed: frozenset[int] = frozenset()
    placed: Mapping[int, tuple[Mapping[str, Any], ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.reversed or self.placed)


NONE = Corrections()


def corrections(entries: Iterable[Mapping[str, Any]]) -> Corrections:
    """Those that entries make, in ascending order; entries that correct nothing may be left out."""
    taken_back: set[int] = set()
    placed: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        if (number := entry.get(REVERSES)) is not None:
            taken_back.add(number)
        if (number := entry.get(PLACE)) is not None:
            placed[number].append(entry)
    return Corrections(frozenset(taken_back), {number: tuple(found) for number, found in placed.items()})


def counting(entry: Mapping[str, Any], known: Corrections) -> Iterator[Mapping[str, Any]]:
    """What counts at the place of an entry, in order: the entries that were placed before it, and itself.

    For an entry that was placed elsewhere itself nothing: it counts there.
    """
    if PLACE not in entry:
        yield from _at(entry, known)


def _at(entry: Mapping[str, Any], known: Corrections) -> Iterator[Mapping[str, Any]]:
    for before in known.placed.get(entry["entry_no"], ()):
        yield from _at(before, known)
    if entry["entry_no"] not in known.reversed:
        yield entry

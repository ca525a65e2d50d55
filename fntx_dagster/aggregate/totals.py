"""A total from the point that it hides in: baby steps and giant steps (Shanks), both ways from where it is likely.

Points are taken apart into their coordinates here, because the x of C + D and that of C - D share the dear part, a
division, with each other and with all others of a batch (Montgomery's trick). The table of a million baby steps is made
once in a process and takes 16 MB; the time of a total grows in proportion to its distance from where it is looked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from fntx_dagster.curve.group import GENERATOR, IDENTITY, Point, times, write_wide


def decoded(point: Point, bound: int, near: int = 0) -> int | None:
    """The number from 0 below `bound` that G counts in `point`; None where there is none. It is found the sooner, the
    closer it is to `near`, which is such a number too."""
    reach = _GIANT * _BATCH + _BABIES  # of one batch, on either side of its centre
    width = 2 * reach + 1
    for number in range(2 * (bound // width + 2)):
        centre = near + width * ((number + 1) // 2) * (-1 if number % 2 else 1)
        if centre + reach < 0 or centre - reach >= bound:
            continue
        for candidate in _near(point + times(GENERATOR, -centre)):
            found = centre + candidate
            if 0 <= found < bound and times(GENERATOR, found) == point:
                return found
    return None


_PRIME = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
"""Of the field that coordinates are in."""
_BATCH = 512
_BLOCK = 2 * _BATCH + 1
_BABIES = _BATCH + 1022 * _BLOCK
_GIANT = 2 * _BABIES + 1
_NUMBER_BITS, _SLOTS = 20, 1 << 22
"""A slot of the table is the number of a baby step, which 20 bits hold, and 12 bits of its x above that."""


class _Place(NamedTuple):
    """A point's coordinates."""

    x: int
    y: int


def _near(point: Point) -> Iterator[int]:
    """The numbers that G may count in a point, if they are in the reach of a batch around 0."""
    if point == IDENTITY:
        yield 0
        return
    place = _place_of(point)
    yield from _babies_at(place.x, 0)
    steps = _steps(_GIANT)
    for number, both in enumerate(_around(place, steps), 1):
        giant = number * _GIANT
        if both is None:
            yield from (-giant, giant)
        else:
            yield from _babies_at(both[0], -giant)
            yield from _babies_at(both[1], giant)


def _babies_at(x: int, giant: int) -> Iterator[int]:
    table = _table()
    slot, mark = x % _SLOTS, _mark(x)
    while entry := table[slot]:
        if entry >> _NUMBER_BITS == mark:
            number = entry % (1 << _NUMBER_BITS)
            yield from (giant + number, giant - number)
        slot = (slot + 1) % _SLOTS


def _mark(x: int) -> int:
    return x >> 64 & 0xFFF


@cache
def _table() -> array[int]:
    """The numbers of the baby steps by their x: open addressing."""
    table = array("I", bytes(4 * _SLOTS))

    def keep(x: int, number: int) -> None:
        slot = x % _SLOTS
        while table[slot]:
            slot = (slot + 1) % _SLOTS
        table[slot] = _mark(x) << _NUMBER_BITS | number

    steps = _steps(1)
    for number, place in enumerate(steps, 1):
        keep(place.x, number)
    for centre in range(_BATCH + _BATCH + 1, _BABIES, _BLOCK):
        place = _place_of(times(GENERATOR, centre))
        keep(place.x, centre)
        for number, both in enumerate(_around(place, steps), 1):
            assert both is not None  # the centre is further than any step
            keep(both[0], centre + number)
            keep(both[1], centre - number)
    return table


@cache
def _steps(width: int) -> tuple[_Place, ...]:
    """width·G, 2·width·G, … as many as a batch has."""
    step = times(GENERATOR, width)
    places, point = [], IDENTITY
    for _ in range(_BATCH):
        point = point + step
        places.append(_place_of(point))
    return tuple(places)


def _place_of(point: Point) -> _Place:
    written = write_wide(point)
    return _Place(int.from_bytes(written[:48]), int.from_bytes(written[48:]))


def _around(centre: _Place, steps: Sequence[_Place]) -> list[tuple[int, int] | None]:
    """For each step the x of centre + step and of centre - step; None where the centre is the step or its negative, so
    that one of the two is the identity."""
    x, y = centre
    product, before = 1, []
    for step in steps:
        before.append(product)
        product = product * ((step.x - x) or 1) % _PRIME
    inverted = pow(product, -1, _PRIME)
    found: list[tuple[int, int] | None] = []
    for step_before, (step_x, step_y) in zip(reversed(before), reversed(steps), strict=True):
        difference = step_x - x
        if not difference:
            found.append(None)
            continue
        by_difference = inverted * step_before % _PRIME
        inverted = inverted * difference % _PRIME
        up, down = (step_y - y) * by_difference % _PRIME, (step_y + y) * by_difference % _PRIME
        found.append(((up * up - x - step_x) % _PRIME, (down * down - x - step_x) % _PRIME))
    found.reverse()
    return found

"""What a proof of a period says of single returns: one equation in the committed numbers w, diagonal in their squares.

w = the returns x, the running maxima M (with a bound on the drawdown), three roots of each form, 192 masks. Squares:
Σx² = S2. A form ℓ ≥ 0 is shown by roots: 4ℓ + 1 = a² + b² + c². A row of the projections: mask + Σ bits·w = z, which
keeps each number so small that the equations hold in the integers. All are summed with powers of a weight y:
Σ q·w² + Σ l·w + constant = 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from fntx_dagster.curve.group import ORDER
from fntx_dagster.periods.file import PROJECTIONS, vector_size
from fntx_dagster.periods.shown import DRAWDOWN, SQUARES, WORST_DAY


class Relation(NamedTuple):
    """The equation's coefficients modulo the group's order, one of each for every number of w."""

    quadratic: list[int]
    linear: list[int]
    constant: int


def forms(returns: Sequence[int], maxima: Sequence[int], shown: Mapping[str, int]) -> list[int]:
    """The values that a bound says are not negative, in the order of their roots. `maxima` are M_1 to M_n."""
    found = [each - shown[WORST_DAY] for each in returns] if WORST_DAY in shown else []
    if DRAWDOWN in shown:
        paths = accumulate(returns)
        for path, (before, maximum) in zip(paths, pairwise([0, *maxima]), strict=True):
            found += [maximum - before, maximum - path, path - maximum - shown[DRAWDOWN]]
    return found


def relation(
    shown: Mapping[str, int], days: int, bits: Sequence[bytes], projections: Sequence[int], y: int
) -> Relation:
    """The sum of all relations, for the numbers shown; `bits` are `transcript.signs`."""
    size = vector_size(shown, days)
    quadratic, linear, constant = [0] * size, [0] * size, 0
    weights = _Powers(y)
    if SQUARES in shown:
        weight = weights.following()
        quadratic[:days] = [weight] * days
        constant -= weight * shown[SQUARES]
    roots = days * (1 + (DRAWDOWN in shown))
    if WORST_DAY in shown:
        for day in range(days):
            weight = weights.following()
            linear[day] += 4 * weight
            constant += weight * (1 - 4 * shown[WORST_DAY])
            quadratic[roots : roots + 3] = [-weight] * 3
            roots += 3
    if DRAWDOWN in shown:
        constant += _drawdown(shown[DRAWDOWN], days, weights, quadratic, linear, roots)
    rows = [weights.following() for _ in range(PROJECTIONS)]
    masks = size - PROJECTIONS
    for place, counted in enumerate(_counted(rows, bits)):
        linear[place] += counted
    linear[masks:] = rows
    constant -= sum(row * z for row, z in zip(rows, projections, strict=True))
    return Relation(quadratic, [number % ORDER for number in linear], constant % ORDER)


def projected(numbers: Sequence[int], bits: Sequence[bytes]) -> list[int]:
    """The 192 sums of the numbers that count in each projection, without the masks."""
    buckets = [[0] * 256 for _ in range(PROJECTIONS // 8)]
    for number, counted in zip(numbers, bits, strict=True):
        for bucket, byte in zip(buckets, counted, strict=True):
            bucket[byte] += number
    return [
        sum(amount for byte, amount in enumerate(bucket) if byte >> bit & 1) for bucket in buckets for bit in range(8)
    ]


class _Powers:
    """y^0, y^1, …"""

    def __init__(self, y: int) -> None:
        self._y, self._next = y, 1

    def following(self) -> int:
        power = self._next
        self._next = power * self._y % ORDER
        return power


def _drawdown(bound: int, days: int, weights: _Powers, quadratic: list[int], linear: list[int], roots: int) -> int:
    """Add the three forms of each day; what they add to the constant."""
    constant = 0
    of_paths = [0] * days
    for day in range(days):
        rises, above, within = weights.following(), weights.following(), weights.following()
        linear[days + day] += 4 * (rises + above - within)
        if day:
            linear[days + day - 1] -= 4 * rises
        of_paths[day] = 4 * (within - above)
        constant += rises + above + within * (1 - 4 * bound)
        quadratic[roots : roots + 9] = [-rises] * 3 + [-above] * 3 + [-within] * 3
        roots += 9
    # P_d is the sum of the first d returns: the return of day e counts in each path from e on.
    for day, later in enumerate(reversed(list(accumulate(reversed(of_paths))))):
        linear[day] += later
    return constant


def _counted(rows: Sequence[int], bits: Sequence[bytes]) -> list[int]:
    """For each number the sum of the weights of the rows that it counts in: by a table of 256 sums for each 8 rows."""
    tables = [_sums(rows[first : first + 8]) for first in range(0, PROJECTIONS, 8)]
    return [sum(table[byte] for table, byte in zip(tables, counted, strict=True)) for counted in bits]


def _sums(weights: Sequence[int]) -> list[int]:
    sums = [0]
    for weight in weights:
        sums += [each + weight for each in sums]
    return sums

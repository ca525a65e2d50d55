"""Whether submissions hold: one alone, or many at once, which costs a third of the time for each.

A submission holds if it has the right length, its scalars are below the group's order, its points are of the group, no
challenge that is divided by is zero, and o·E1 + o²·E2 + o³·E3 + o⁴·E4 + o⁵·E5 = 0, where E1 to E3 say that ciphertexts
and commitments hold the same values, E4 and E5 that the values are in range (`proving` has the layout). The contract
SubmissionVerifier computes the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fntx_dagster.aggregate.commitments import RANGE
from fntx_dagster.aggregate.ranges import VALUES, WIDTH, folding, generators, powers, weights
from fntx_dagster.aggregate.transcript import Transcript, read_scalars
from fntx_dagster.curve.group import (
    GENERATOR,
    IDENTITY,
    ORDER,
    WIDE,
    H,
    Point,
    U,
    combined,
    inverse,
    read_wide,
    total,
    write_wide,
)

LENGTH = 3104
BODY = 3 * VALUES * WIDE
"""Bytes of a submission, and of the ciphertexts and commitments that it begins with."""
SUMMED = 2 * VALUES
"""How many of its points are added up over the traders: A_1 A_2 A_3 B_1 B_2 B_3."""


class Submitted(NamedTuple):
    """A submission's bytes, and the context that it was posted under (`transcript.context_of`)."""

    context: bytes
    submission: bytes


def holds(key: Point, context: bytes, submission: bytes) -> bool:
    """Whether a submission holds under the pool's key; False for whatever else the bytes are."""
    return verdicts(key, [Submitted(context, submission)])[0]


def verdicts(key: Point, submissions: Sequence[Submitted]) -> list[bool]:
    """Of each submission whether it holds. All are checked at once; where that fails, each half, until it is known
    which do not."""
    key_bytes = write_wide(key)
    read = [_read(key_bytes, each) for each in submissions]
    true = _true_ones(key, [each for each in read if each is not None])
    return [each is not None and id(each) in true for each in read]


def body_points(submission: bytes) -> list[Point]:
    """A_1 A_2 A_3 B_1 B_2 B_3 of a submission that the contract took. Raises ValueError where one is no point of the
    group."""
    return [read_wide(submission[at : at + WIDE]) for at in range(0, SUMMED * WIDE, WIDE)]


def commitments_of(submission: bytes) -> bytes:
    """C_1 C_2 C_3 of a submission: what slot 62 of the trader's record commits to."""
    return submission[SUMMED * WIDE : BODY]


def sums_of(submissions: Iterable[bytes]) -> tuple[Point, ...]:
    """ΣA_1 … ΣB_3 over submissions that hold."""
    columns = zip(*(body_points(each) for each in submissions), strict=True)
    return tuple(map(total, columns)) or (IDENTITY,) * SUMMED


def first_false(key: Point, submissions: Sequence[Submitted]) -> int | None:
    """The place of a submission that does not hold, None where all do. However many are false, this takes little longer
    than twice the check of all."""
    key_bytes, read = write_wide(key), []
    for place, each in enumerate(submissions):
        equation = _read(key_bytes, each)
        if equation is None:
            return place
        read.append(equation)
    if not read or _are_true(key, read):
        return None
    low, high = 0, len(read)
    while high - low > 1:
        middle = (low + high) // 2
        if _are_true(key, read[low:middle]):
            low = middle
        else:
            high = middle
    return low


class _Equation(NamedTuple):
    """The one equation of a submission: what each fixed generator counts in it (G, H, U, Y, then all g and all h), and
    its own points with what they count. It is true if the sum is nothing."""

    fixed: list[int]
    points: list[Point]
    scalars: list[int]


_POINTS = (*range(0, BODY + 3 * WIDE, WIDE), *range(1216, 1600, WIDE), *range(1696, 3040, WIDE))
_ANSWERS, _SCALARS, _LAST = slice(1152, 1216), slice(1600, 1696), slice(3040, 3104)


def _read(key: bytes, submitted: Submitted) -> _Equation | None:
    """The equation of a submission; None where it cannot hold."""
    submission = submitted.submission
    if len(submission) != LENGTH:
        return None
    try:
        said = (*read_scalars(submission[_ANSWERS]), *read_scalars(submission[_SCALARS]))
        a, b = read_scalars(submission[_LAST])
        points = [read_wide(submission[at : at + WIDE]) for at in _POINTS]
        transcript = Transcript(submitted.context, key, submission[:BODY])
        e = transcript.first()
        c = transcript.next(submission[BODY:1152])
        y, z = transcript.next(submission[1152:1408]), transcript.next()
        x, w = transcript.next(submission[1408:1600]), transcript.next(submission[_SCALARS])
        u = [transcript.next(submission[at : at + 2 * WIDE]) for at in range(1696, 3040, 2 * WIDE)]
        o = transcript.next(submission[_LAST])
        inverses = [inverse(each) for each in (y, *u)]
    except ValueError:
        return None
    return _equation(points, (*said, a, b), _Challenges(e, c, y, z, x, w, u, o, inverses[0], inverses[1:]))


class _Challenges(NamedTuple):
    e: int
    c: int
    y: int
    z: int
    x: int
    w: int
    u: list[int]
    o: int
    y_inverse: int
    u_inverses: list[int]


def _equation(points: list[Point], said: tuple[int, ...], at: _Challenges) -> _Equation:
    z_r, z_m, tau, mu, t, a, b = said
    z, x = at.z, at.x
    _, o_1, o_2, o_3, o_4, o_5 = powers(at.o, 6)
    e_powers, z_powers = powers(at.e, VALUES), powers(z, 3 + VALUES)
    delta = (z - z * z) * sum(powers(at.y, WIDTH)) - sum(z_powers[3:]) * (RANGE - 1)
    s = folding(at.u, at.u_inverses)
    of_g = [o_5 * (-z - a * each) % ORDER for each in s]
    of_h = [
        o_5 * (z + y_power * (weight - b * each)) % ORDER
        for y_power, weight, each in zip(powers(at.y_inverse, WIDTH), weights(z), reversed(s), strict=True)
    ]
    scalars = [
        *(-o_1 * at.c * power for power in e_powers),
        *(-o_3 * at.c * power for power in e_powers),
        *(-o_2 * at.c * power - o_4 * weight for power, weight in zip(e_powers, z_powers[2:], strict=False)),
        *(-o_1, -o_2, -o_3),
        *(o_5, o_5 * x, -o_4 * x, -o_4 * x * x),
    ]
    for each, inverted in zip(at.u, at.u_inverses, strict=True):
        scalars += [o_5 * each * each, o_5 * inverted * inverted]
    fixed = [
        o_1 * z_r + (o_2 + o_3) * z_m + o_4 * (t - delta),
        o_2 * z_r + o_4 * tau - o_5 * mu,
        o_5 * at.w * (t - a * b),
        o_3 * z_r,
    ]
    return _Equation([*fixed, *of_g, *of_h], points, scalars)


def _true_ones(key: Point, equations: list[_Equation]) -> set[int]:
    """The ids of those that are true."""
    if not equations or _are_true(key, equations):
        return {id(each) for each in equations}
    if len(equations) == 1:
        return set()
    half = len(equations) // 2
    return _true_ones(key, equations[:half]) | _true_ones(key, equations[half:])


def _are_true(key: Point, equations: list[_Equation]) -> bool:
    """Whether all are: each counts a random number of times, so that no two false ones cancel each other."""
    counts = [1 if len(equations) == 1 else secrets.randbits(128) for _ in equations]
    bases_g, bases_h = generators()
    fixed = [sum(map(int.__mul__, counts, column)) for column in zip(*(each.fixed for each in equations), strict=True)]
    points, scalars = [GENERATOR, H, U, key, *bases_g, *bases_h], fixed
    for count, each in zip(counts, equations, strict=True):
        points += each.points
        scalars += [count * scalar for scalar in each.scalars]
    return combined(points, scalars) == IDENTITY

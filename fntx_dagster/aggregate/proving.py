"""A trader's submission: three encrypted values, his commitments to them, and the proof of both, 3,104 bytes.

    body   A_1 A_2 A_3 B_1 B_2 B_3 C_1 C_2 C_3    A_j = r_j·G   B_j = m_j·G + r_j·Y   C_j = m_j·G + r_j·H
    sigma  T_1 T_2 T_3   z_r z_m
    range  A S   T'_1 T'_2   tau mu t   L_1 R_1 … L_7 R_7   a b

Y is the pool's key. Values and randomness enter here and leave encrypted: none of it is in an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fntx_dagster.aggregate.commitments import RANGE
from fntx_dagster.aggregate.ranges import BITS, VALUES, WIDTH, generators, powers, weights
from fntx_dagster.aggregate.transcript import Transcript, written
from fntx_dagster.curve.group import (
    GENERATOR,
    ORDER,
    Draw,
    H,
    Point,
    U,
    combined,
    commitment,
    inverse,
    random_scalar,
    times,
    write_wide,
)


def prove(
    key: Point, context: bytes, values: Sequence[int], randomness: Sequence[int], draw: Draw = random_scalar
) -> bytes:
    """The submission of three values, each from 0 below 2^32, with the randomness of the signed commitments.

    Raises ValueError for other values, and for as many of one as not of the other.
    """
    if len(values) != VALUES or len(randomness) != VALUES or any(not 0 <= value < RANGE for value in values):
        raise ValueError("a submission takes three values from 0 below 2^32, and as much randomness")
    body = _points(
        *(times(GENERATOR, r) for r in randomness),
        *(times(GENERATOR, m) + times(key, r) for m, r in zip(values, randomness, strict=True)),
        *(commitment(m, r) for m, r in zip(values, randomness, strict=True)),
    )
    transcript = Transcript(context, write_wide(key), body)
    e, k_a, k_b = transcript.first(), draw(), draw()
    said = _points(times(GENERATOR, k_a), combined((GENERATOR, H), (k_b, k_a)), combined((GENERATOR, key), (k_b, k_a)))
    c = transcript.next(said)
    answers = written(k_a + c * _at(e, randomness), k_b + c * _at(e, values))
    return body + said + answers + _range_proof(transcript, answers, values, randomness, draw)


def _points(*points: Point) -> bytes:
    return b"".join(map(write_wide, points))


def _at(x: int, coefficients: Sequence[int]) -> int:
    """A polynomial's value."""
    return sum(coefficient * power for coefficient, power in zip(coefficients, powers(x, VALUES), strict=True))


def _range_proof(
    transcript: Transcript, answers: bytes, values: Sequence[int], randomness: Sequence[int], draw: Draw
) -> bytes:
    bases_g, bases_h = generators()
    bits = [value >> bit & 1 for value in values for bit in range(BITS)]
    bits += [0] * (WIDTH - len(bits))
    alpha, rho = draw(), draw()
    hiding_l, hiding_r = [draw() for _ in range(WIDTH)], [draw() for _ in range(WIDTH)]
    # a bit that is set adds its g, one that is not takes its h away
    chosen = combined([g if bit else -h for bit, g, h in zip(bits, bases_g, bases_h, strict=True)], [1] * WIDTH)
    said = _points(chosen + times(H, alpha), combined((H, *bases_g, *bases_h), (rho, *hiding_l, *hiding_r)))
    y, z = transcript.next(answers + said), transcript.next()
    y_powers = powers(y, WIDTH)
    left = [bit - z for bit in bits]
    right = [y_power * (bit - 1 + z) + weight for y_power, bit, weight in zip(y_powers, bits, weights(z), strict=True)]
    right_1 = [y_power * hiding % ORDER for y_power, hiding in zip(y_powers, hiding_r, strict=True)]
    t_1, t_2 = _product(left, right_1) + _product(hiding_l, right), _product(hiding_l, right_1)
    tau_1, tau_2 = draw(), draw()
    terms = _points(commitment(t_1, tau_1), commitment(t_2, tau_2))
    x = transcript.next(terms)
    left = [(constant + linear * x) % ORDER for constant, linear in zip(left, hiding_l, strict=True)]
    right = [(constant + linear * x) % ORDER for constant, linear in zip(right, right_1, strict=True)]
    blinding = sum(r * power for r, power in zip(randomness, powers(z, 2 + VALUES)[2:], strict=True))
    scalars = written(tau_2 * x * x + tau_1 * x + blinding, alpha + rho * x, _product(left, right))
    return said + terms + scalars + _inner_product(transcript, transcript.next(scalars), y, left, right)


class _Bases(NamedTuple):
    """Generators and what each counts."""

    points: tuple[Point, ...]
    scales: list[int]


_FEW = 8
"""From here on the generators themselves are folded: until then it is dearer than leaving them as they are."""


def _inner_product(transcript: Transcript, w: int, y: int, left: list[int], right: list[int]) -> bytes:
    """L_1 R_1 … L_7 R_7 a b: that the vectors behind the commitment have the product that was said."""
    bases_g, bases_h = generators()
    g, h = _Bases(bases_g, [1] * WIDTH), _Bases(bases_h, powers(inverse(y), WIDTH))
    said = b""
    while len(left) > 1:
        half = len(left) // 2
        pair = b"".join(
            write_wide(_cross(g, h, left, right, w, take_high=take_high, half=half)) for take_high in (False, True)
        )
        u = transcript.next(pair)
        inverted = inverse(u)
        left = [(low * u + high * inverted) % ORDER for low, high in zip(left[:half], left[half:], strict=True)]
        right = [(low * inverted + high * u) % ORDER for low, high in zip(right[:half], right[half:], strict=True)]
        g, h = _folded(g, half, inverted, u), _folded(h, half, u, inverted)
        said += pair
    return said + written(left[0], right[0])


def _cross(g: _Bases, h: _Bases, left: list[int], right: list[int], w: int, *, take_high: bool, half: int) -> Point:
    """L of a round (the lower half of the left vector with the upper of the right one), or R (the other way round)."""
    lefts, rights = (left[half:], right[:half]) if take_high else (left[:half], right[half:])
    points, scalars = [U], [w * _product(lefts, rights)]
    for bases, vector, is_upper in ((g, lefts, not take_high), (h, rights, take_high)):
        for number, (point, scale) in enumerate(zip(*bases, strict=True)):
            at = number % (2 * half)
            if (at >= half) == is_upper:
                points.append(point)
                scalars.append(scale * vector[at % half])
    return combined(points, scalars)


def _folded(bases: _Bases, half: int, low: int, high: int) -> _Bases:
    """The generators after a round: the lower half counts `low`, the upper one `high`; where few are left, they are
    added up."""
    points, scales = bases
    scales = [scale * (high if number % (2 * half) >= half else low) % ORDER for number, scale in enumerate(scales)]
    if half > _FEW or half == 1:
        return _Bases(points, scales)
    sums = [combined(points[number::half], scales[number::half]) for number in range(half)]
    return _Bases(tuple(sums), [1] * half)


def _product(left: Sequence[int], right: Sequence[int]) -> int:
    return sum(map(int.__mul__, left, right)) % ORDER

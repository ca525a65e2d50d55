"""The ranges of the three values, as both sides of the proof see them: 3 × 32 bits in vectors of 128.

The aggregated Bulletproof of Bünz, Bootle, Boneh, Poelstra, Wuille and Maxwell (2018, section 4.2). Bit i belongs to
value i div 32; bits 96 to 127 belong to none and weigh nothing, because the inner product wants a power of two.
"""

from __future__ import annotations

from functools import cache

from fntx_dagster.aggregate.commitments import FIELDS, RANGE
from fntx_dagster.curve.group import ORDER, Point, named

VALUES = len(FIELDS)
BITS = RANGE.bit_length() - 1
WIDTH = 128


@cache
def generators() -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """The points g_i and h_i that the vectors of bits are committed with."""
    return (
        tuple(named(f"g/{number}") for number in range(WIDTH)),
        tuple(named(f"h/{number}") for number in range(WIDTH)),
    )


def powers(base: int, count: int) -> list[int]:
    """base⁰, base¹, … modulo the group's order."""
    found = [1] * count
    for number in range(1, count):
        found[number] = found[number - 1] * base % ORDER
    return found


def weights(z: int) -> list[int]:
    """What each bit weighs: z^(2+j) · 2^(i mod 32), where bit i belongs to value j; the rest nothing."""
    weighed = [0] * WIDTH
    of_value = z * z % ORDER
    for first in range(0, VALUES * BITS, BITS):
        for bit in range(BITS):
            weighed[first + bit] = (of_value << bit) % ORDER
        of_value = of_value * z % ORDER
    return weighed


def folding(challenges: list[int], inverses: list[int]) -> list[int]:
    """s_i = Π u_k^(±1), with + where bit 7 - k of i is set: what the folding of the vectors makes of generator i."""
    products = [1]
    for challenge, inverted in zip(challenges, inverses, strict=True):
        products = [product * factor % ORDER for product in products for factor in (inverted, challenge)]
    return products

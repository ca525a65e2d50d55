"""Three squares whose sum is 4ℓ + 1: they exist for every ℓ ≥ 0 and for no other, which is how a bound is proved.

A square is taken off at random until a prime is left that is 1 modulo 4; Cornacchia's algorithm takes that apart into
two squares. After Lipmaa, "On Diophantine Complexity and Statistical Zero-Knowledge Arguments" (2003), and Groth,
"Non-interactive Zero-Knowledge Arguments for Voting" (2005), who has the form 4ℓ + 1.
"""

from __future__ import annotations

from math import gcd, isqrt, prod

from fntx_dagster.curve.group import Draw


def three_squares(number: int, draw: Draw) -> tuple[int, int, int]:
    """Roots a, b, c of squares that add up to a number that is 1 modulo 4. ValueError for any other number."""
    if number < 1 or number % 4 != 1:
        raise ValueError("no number of the form 4ℓ + 1 with ℓ ≥ 0")
    if number == 85:  # the one that leaves neither a square nor such a prime
        return 9, 2, 0
    most = isqrt(number)
    while True:
        c = draw() % (most + 1)
        pair = _two_squares(number - c * c)
        if pair is not None:
            return (*pair, c)


_SMALL = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
_PRODUCT = prod(_SMALL)


def _two_squares(number: int) -> tuple[int, int] | None:
    """The roots for 0 and for a prime that is 1 modulo 4; None for any other number."""
    if number == 0:
        return 0, 0
    if number % 4 != 1 or number == 1 or (number not in _SMALL and gcd(number, _PRODUCT) > 1):
        return None
    if pow(2, number - 1, number) != 1:
        return None
    # A square root of −1, from a number that is no square; a composite that got here gives no pair.
    for base in _SMALL:
        root = pow(base, (number - 1) // 4, number)
        if root * root % number == number - 1:
            break
    else:
        return None
    larger, smaller = number, root
    while smaller * smaller > number:
        larger, smaller = smaller, larger % smaller
    other = isqrt(number - smaller * smaller)
    return (smaller, other) if smaller * smaller + other * other == number else None

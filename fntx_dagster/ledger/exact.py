"""Exact numbers: how a decimal is read from a request, computed with, stored, and written.

The rooms of the ledger compute with fractions, which lose nothing. A fraction becomes a decimal where it is stored or
written, and is rounded there, once, half to even.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

STORED = 36
"""Decimal places that are stored: a product of two numbers of a request has no more."""
WRITTEN = 18
"""Decimal places of a number in an answer; the numbers of a request have no more."""

_FORM = r"[0-9]{1,20}(?:\.[0-9]{1,18})?"
_UNSIGNED = re.compile(_FORM, re.ASCII).fullmatch
_SIGNED = re.compile("-?" + _FORM, re.ASCII).fullmatch


def parsed(text: str, *, signed: bool = False) -> Decimal:
    """The number that a request writes: at most 20 digits, a point and 18 digits; a minus sign only with `signed`.

    Raises ValueError for every other text: an exponent, a sign, a space, an underscore, digits of another script.
    """
    if not (_SIGNED if signed else _UNSIGNED)(text):
        raise ValueError("not a plain decimal number of at most 20 digits and 18 decimal places")
    return Decimal(text)


def decimal(number: Decimal | Fraction | int, places: int = STORED) -> Decimal:
    """A number as a decimal of at most so many places, rounded half to even, without trailing zeros."""
    return Decimal(plain(number, places))


def stored(number: Fraction) -> Fraction:
    """A number as it is stored. Whatever a book keeps is rounded when it is computed, so that a book that was stored
    and read after every entry and one that a replay makes in one go are the same to the last digit."""
    if not _ONE % number.denominator:  # most have no more places
        return number
    return Fraction(_scaled(number, STORED), _ONE)


def written(number: Decimal | Fraction | int, places: int = WRITTEN) -> str:
    """A number of an answer: plain, without exponent and trailing zeros, rounded half to even to so many places."""
    return plain(number, places)


def plain(number: Decimal | Fraction | int, places: int = STORED) -> str:
    """A number in plain digits, without exponent and trailing zeros, rounded half to even to so many places."""
    scaled = _scaled(number, places)
    if not places:
        return str(scaled)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, part = digits[:-places], digits[-places:].rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' if part else ''}{part}"


_ONE = 10**STORED


def _scaled(number: Decimal | Fraction | int, places: int) -> int:
    """The number × 10^places as an integer, rounded half to even. In integers alone, as this is done some 100 times for
    an order."""
    above, below = number.as_integer_ratio()
    scaled, rest = divmod(above * 10**places, below)
    if rest and (2 * rest > below or (2 * rest == below and scaled % 2)):
        return scaled + 1
    return scaled

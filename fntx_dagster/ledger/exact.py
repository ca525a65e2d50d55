"""Exact numbers: how a decimal is read from a request, computed with, stored, and written.

The rooms of the ledger compute with fractions, which lose nothing. A fraction becomes a decimal where it is stored or
written, and is rounded there, once, half to even.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any

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


class _Exact(Fraction):
    """A fraction that computes with others and with integers as `Fraction` does, in a fifth of the time: an order takes
    some 300 such steps, and Fraction spends most of each on asking what its operands are."""

    __slots__ = ("_text",)
    _text: str | None
    """How it is written, once that is known, where it needs no more than `WRITTEN` places: most numbers of a book are
    stored again and again."""

    def __add__(self, other: Any) -> Any:
        if type(other) is _Exact:
            above, others = other._numerator, other._denominator
        elif isinstance(other, Fraction | int):
            above, others = other.numerator, other.denominator
        else:
            return super().__add__(other)
        below = self._denominator
        if below == others:
            above += self._numerator
        else:
            above, below = self._numerator * others + above * below, below * others
        if below != 1 and (common := gcd(above, below)) != 1:  # as `_reduced`, without one more call
            above, below = above // common, below // common
        made = _new(_Exact)
        made._numerator, made._denominator, made._text = above, below, None
        return made

    __radd__ = __add__  # pyright: ignore[reportAssignmentType]  # typeshed calls the operands a and b

    def __sub__(self, other: Any) -> Any:
        if type(other) is _Exact:
            above, others = other._numerator, other._denominator
        elif isinstance(other, Fraction | int):
            above, others = other.numerator, other.denominator
        else:
            return super().__sub__(other)
        below = self._denominator
        if below == others:
            above = self._numerator - above
        else:
            above, below = self._numerator * others - above * below, below * others
        if below != 1 and (common := gcd(above, below)) != 1:
            above, below = above // common, below // common
        made = _new(_Exact)
        made._numerator, made._denominator, made._text = above, below, None
        return made

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if type(other) is _Exact:
            above, below = self._numerator * other._numerator, self._denominator * other._denominator
            if below != 1 and (common := gcd(above, below)) != 1:
                above, below = above // common, below // common
            made = _new(_Exact)
            made._numerator, made._denominator, made._text = above, below, None
            return made
        if isinstance(other, Fraction | int):
            return _reduced(self._numerator * other.numerator, self._denominator * other.denominator)
        return super().__mul__(other)

    __rmul__ = __mul__  # pyright: ignore[reportAssignmentType]  # see above

    def __truediv__(self, other: Any) -> Any:
        if type(other) is _Exact or isinstance(other, Fraction | int):
            return _quotient(self._numerator * other.denominator, self._denominator * other.numerator)
        return super().__truediv__(other)

    def __rtruediv__(self, other: Any) -> Any:
        if isinstance(other, Fraction | int):
            return _quotient(other.numerator * self._denominator, other.denominator * self._numerator)
        return super().__rtruediv__(other)

    def __neg__(self) -> Any:
        return _made(-self._numerator, self._denominator)

    def __abs__(self) -> Any:
        return _made(abs(self._numerator), self._denominator)

    def __eq__(self, other: object) -> bool:
        if type(other) is _Exact:
            return self._numerator == other._numerator and self._denominator == other._denominator
        return super().__eq__(other)

    def __bool__(self) -> bool:
        return self._numerator != 0

    def __lt__(self, other: Any) -> bool:
        if type(other) is _Exact:
            return self._numerator * other._denominator < other._numerator * self._denominator
        if type(other) is int:
            return self._numerator < other * self._denominator
        return super().__lt__(other)

    def __gt__(self, other: Any) -> bool:
        if type(other) is _Exact:
            return self._numerator * other._denominator > other._numerator * self._denominator
        if type(other) is int:
            return self._numerator > other * self._denominator
        return super().__gt__(other)

    def __le__(self, other: Any) -> bool:
        if type(other) is _Exact:
            return self._numerator * other._denominator <= other._numerator * self._denominator
        if type(other) is int:
            return self._numerator <= other * self._denominator
        return super().__le__(other)

    def __ge__(self, other: Any) -> bool:
        if type(other) is _Exact:
            return self._numerator * other._denominator >= other._numerator * self._denominator
        if type(other) is int:
            return self._numerator >= other * self._denominator
        return super().__ge__(other)

    __hash__ = Fraction.__hash__

    def __reduce__(self) -> tuple[Callable[[int, int], Fraction], tuple[int, int]]:
        return _made, (self._numerator, self._denominator)

    def __copy__(self) -> Fraction:
        return self

    def __deepcopy__(self, memo: object) -> Fraction:
        return self


_new = object.__new__


def _made(above: int, below: int) -> Fraction:
    """A fraction in lowest terms; `below` above 0."""
    made = _new(_Exact)
    made._numerator, made._denominator, made._text = above, below, None
    return made


def _reduced(above: int, below: int) -> Fraction:
    if below != 1 and (common := gcd(above, below)) != 1:
        above, below = above // common, below // common
    made = _new(_Exact)
    made._numerator, made._denominator, made._text = above, below, None
    return made


def _quotient(above: int, below: int) -> Fraction:
    if not below:
        raise ZeroDivisionError("a fraction of 0")
    return _reduced(above, below) if below > 0 else _reduced(-above, -below)


def exact(number: Decimal | Fraction | int | str) -> Fraction:
    """A number as a fraction that computes quickly."""
    if type(number) is _Exact:
        return number
    if type(number) is Decimal:
        return _of_decimal(number)
    return _made(*(Decimal(number) if isinstance(number, str) else number).as_integer_ratio())


@lru_cache(4096)
def _of_decimal(number: Decimal) -> Fraction:
    """An order's amounts, prices and limits are each needed several times."""
    return _made(*number.as_integer_ratio())


def decimal(number: Decimal | Fraction | int, places: int = STORED) -> Decimal:
    """A number as a decimal of at most so many places, rounded half to even, without trailing zeros."""
    return Decimal(plain(number, places))


def stored(number: Fraction) -> Fraction:
    """A number as it is stored. Whatever a book keeps is rounded when it is computed, so that a book that was stored
    and read after every entry and one that a replay makes in one go are the same to the last digit."""
    below = number._denominator if type(number) is _Exact else number.denominator
    if below == 1 or below in _PLACES or not _ONE % below:  # most have no more places
        return number
    return _reduced(_scaled(number, STORED), _ONE)


def written(number: Decimal | Fraction | int, places: int = WRITTEN) -> str:
    """A number of an answer: plain, without exponent and trailing zeros, rounded half to even to so many places."""
    return plain(number, places)


def plain(number: Decimal | Fraction | int, places: int = STORED) -> str:
    """A number in plain digits, without exponent and trailing zeros, rounded half to even to so many places."""
    if type(number) is Decimal:
        number = _of_decimal(number)
    if type(number) is not _Exact:
        above, below = number.as_integer_ratio()
    elif number._text and places >= WRITTEN:
        return number._text
    else:
        above, below = number._numerator, number._denominator
    if below == 1:
        return str(above)
    needed, factor = _PLACES.get(below) or _places(below)
    if needed <= places:  # and not one less, as it is in lowest terms
        digits = str(abs(above) * factor).rjust(needed + 1, "0")
        found = f"{'-' if above < 0 else ''}{digits[:-needed]}.{digits[-needed:]}"
        if needed <= WRITTEN and type(number) is _Exact:
            number._text = found
        return found
    scaled = _scaled(number, places)
    if not places:
        return str(scaled)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, part = digits[:-places], digits[-places:].rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' if part else ''}{part}"


_ONE = 10**STORED
_ENDLESS = (STORED + 1, 0)
_PLACES: dict[int, tuple[int, int]] = {}
"""Denominator → the decimal places that it needs, and what makes it 10 to the power of them: of all that need no more
than are stored."""


def _places(below: int) -> tuple[int, int]:
    if _ONE % below:
        return _ENDLESS
    places = next(places for places in range(1, STORED + 1) if not 10**places % below)
    _PLACES[below] = (places, 10**places // below)
    return _PLACES[below]


def _scaled(number: Decimal | Fraction | int, places: int) -> int:
    """The number × 10^places as an integer, rounded half to even."""
    above, below = number.as_integer_ratio()
    scaled, rest = divmod(above * 10**places, below)
    if rest and (2 * rest > below or (2 * rest == below and scaled % 2)):
        return scaled + 1
    return scaled

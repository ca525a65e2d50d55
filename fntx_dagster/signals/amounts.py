"""Exact amounts of shares as integers of 10^-18: ten thousand are shared, summed and written for each signal.

The numbers of a request have at most 18 decimal places (`ledger/exact.py`), so each is a whole number of these.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

PLACES = 18
ONE = 10**PLACES
_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}
"""ISO 4217: the currencies of the world that do not have two decimal digits, of those that are traded in."""
_COIN_DIGITS = {"BTC": 8, "ETH": 8}


def minor_unit(currency: str) -> int:
    """The smallest amount of a currency that is paid: a cent, a yen."""
    return 10 ** (PLACES - _DIGITS.get(currency, _COIN_DIGITS.get(currency, 2)))


@lru_cache(1 << 12)
def exact(number: Decimal | Fraction | int) -> int:
    """A number as an amount. Raises ValueError where it has more than 18 decimal places."""
    above, below = number.as_integer_ratio()
    amount, rest = divmod(above * ONE, below)
    if rest:
        raise ValueError(f"{number} has more than {PLACES} decimal places")
    return amount


@lru_cache(1 << 16)
def read(text: str) -> int:
    """An amount as the database writes it; digits beyond 18 places have to be zeros."""
    whole, _, part = text.partition(".")
    if len(part) > PLACES and part[PLACES:].strip("0"):
        raise ValueError(f"{text} has more than {PLACES} decimal places")
    return int(whole + part[:PLACES].ljust(PLACES, "0"))


@lru_cache(1 << 16)  # of ten thousand participants many wish, pay and get the same
def written(amount: int) -> str:
    """An amount in plain digits, without trailing zeros."""
    whole, part = divmod(abs(amount), ONE)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:018d}".rstrip("0") if part else f"{sign}{whole}"


def half_even(above: int, below: int) -> int:
    """above ÷ below as an integer, rounded half to even; `below` is above zero."""
    whole, rest = divmod(above, below)
    if 2 * rest > below or (2 * rest == below and whole % 2):
        return whole + 1
    return whole

"""Amounts as the ledger counts them: whole drops of XRP, and tokens of 16 significant digits."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from xrpl.core.binarycodec.types.currency import Currency

XRP = "XRP"
MOST_DROPS = 10**17
NO_ONE = "rrrrrrrrrrrrrrrrrrrrBZbvji"
"""Stands for the issuer in a line's balance."""
UNITY = Decimal(1)
_NEAREST = Context(prec=16, rounding=ROUND_HALF_EVEN)
_UP = Context(prec=16, rounding=ROUND_CEILING)
_DOWN = Context(prec=16, rounding=ROUND_DOWN)


class LedgerToken(NamedTuple):
    """What an amount is of. Of XRP, `issuer` is empty."""

    currency: str
    issuer: str

    @property
    def is_xrp(self) -> bool:
        return not self.issuer


DROPS = LedgerToken(XRP, "")


class TokenAmount(NamedTuple):
    """So many drops, or so much of a token."""

    token: LedgerToken
    value: Decimal


def amount_of(document: Any) -> TokenAmount:
    """An amount of a decoded transaction or of an entry."""
    if isinstance(document, str):
        return TokenAmount(DROPS, Decimal(document))
    return TokenAmount(LedgerToken(document["currency"], document["issuer"]), Decimal(document["value"]))


def written(amount: TokenAmount) -> Any:
    """An amount as JSON has it."""
    if amount.token.is_xrp:
        return str(int(amount.value))
    return {"currency": amount.token.currency, "issuer": amount.token.issuer, "value": value_text(amount.value)}


def value_text(value: Decimal) -> str:
    """A token's value as rippled writes it: large and small ones as `1000000000000000e-4`, with 16 digits."""
    if value == 0:
        return "0"
    sign, digits, exponent = _NEAREST.plus(value).as_tuple()
    assert isinstance(exponent, int)
    missing = 16 - len(digits)
    if exponent != missing and not -25 <= exponent - missing <= -5:
        return f"{'-' * sign}{''.join(map(str, digits))}{'0' * missing}e{exponent - missing}"
    return f"{_NEAREST.plus(value).normalize():f}"


def plus(one: Decimal, other: Decimal) -> Decimal:
    """Their sum as the ledger rounds it."""
    return _NEAREST.add(one, other)


def times(one: Decimal, other: Decimal, *, up: bool = False) -> Decimal:
    """Their product in 16 digits; `up`: never less than it is."""
    return (_UP if up else _DOWN).multiply(one, other)


def over(one: Decimal, other: Decimal, *, up: bool = False) -> Decimal:
    """Their quotient in 16 digits; `up`: never less than it is."""
    return (_UP if up else _DOWN).divide(one, other)


def rounded(amount: TokenAmount, *, up: bool = False) -> TokenAmount:
    """A whole number of drops, or a token's value in 16 digits."""
    if amount.token.is_xrp:
        way = ROUND_CEILING if up else ROUND_DOWN
        return TokenAmount(amount.token, amount.value.to_integral_value(rounding=way))
    return TokenAmount(amount.token, (_UP if up else _DOWN).plus(amount.value))


@lru_cache(4096)
def currency_bytes(currency: str) -> bytes:
    """The 20 bytes of a currency. Raises the codec's error where it is none."""
    return bytes(Currency.from_value(currency))


def is_bad_currency(amount: Any) -> bool:
    """Whether a token calls itself XRP, which the codec lets pass."""
    return not isinstance(amount, str) and amount["currency"] == XRP

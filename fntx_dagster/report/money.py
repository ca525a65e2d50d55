"""How figures are written for a reader: the one place that rounds and groups digits for display.

What belongs here: text of exact Decimals. Displayed amounts are rounded half-even to cents; the sign is the ASCII
hyphen, so that a figure can be searched for; a zero has no sign. Nothing here is ever calculated with again.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

CENT = Decimal("0.01")
_FINE = Decimal("0.0001")
_PRICE_DECIMALS = 6
_RATE_DECIMALS = 8
_EXACT_DECIMALS = 8
# Amounts may carry more digits than the 28 of the default context, which would refuse to quantize them.
_WIDE = Context(prec=200, rounding=ROUND_HALF_EVEN)


def cents(value: Decimal) -> Decimal:
    """`value` rounded half-even to 0.01, never a negative zero."""
    return _rounded(value, CENT)


def display(value: Decimal, *, signed: bool = False) -> str:
    """`79,402.22`, `-96.46`; with `signed` also `+352.59`. Zero is `0.00` either way."""
    return _grouped(cents(value), signed)


def display_small(value: Decimal, *, signed: bool = False) -> str:
    """As `display`, but an amount that cents would hide is given to four decimals: `+0.0034`."""
    fine = _rounded(value, _FINE)
    return _grouped(fine, signed) if fine and not cents(value) else display(value, signed=signed)


def plain(value: Decimal) -> str:
    """The exact value as a plain, normalised decimal: no exponent, no trailing zeros, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def exactly(value: Decimal, *, signed: bool = False) -> str:
    """The exact value, grouped, with at least two decimals; `…` says that more than eight follow."""
    return _with_decimals(value, least=2, most=_EXACT_DECIMALS, signed=signed)


def percent(ratio: float | Decimal, *, signed: bool = False) -> str:
    """A ratio in per cent, half-even to two decimals: `-0.34 %`, with `signed` also `+1.20 %`."""
    return f"{display(Decimal(str(ratio)) * 100, signed=signed)} %"


def ratio(value: float | None, *, in_percent: bool = False) -> str:
    """A ratio to four decimals, or in per cent; a dash where it is undefined."""
    if value is None:
        return "–"
    return percent(value) if in_percent else f"{value:,.4f}"


def rounded(value: Any) -> Any:
    """A ratio for programs, to ten digits: those behind differ between machines. Anything else as it is."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def price(value: Decimal) -> str:
    """A price with at least two decimals and no idle zeros beyond: `628.00`, `0.2146`."""
    return _with_decimals(_to_decimals(value, _PRICE_DECIMALS), least=2, most=_PRICE_DECIMALS)


def priced(value: Decimal, currency: str) -> str:
    """A price with its currency: `$628.00` in USD, `31.20 EUR` elsewhere."""
    if currency != "USD":
        return f"{price(value)} {currency}"
    return f"-${price(-value)}" if value < 0 else f"${price(value)}"


def rate(value: Decimal) -> str:
    """An exchange rate as it was given: `7.8472`; an endless rate is cut at eight decimals by `…`."""
    return _with_decimals(value, least=0, most=_RATE_DECIMALS)


def quantity(value: Decimal) -> str:
    """A number of contracts or shares: `1`, `1,000`, `0.125`."""
    return _with_decimals(value, least=0, most=_EXACT_DECIMALS)


def difference(left: Decimal, right: Decimal) -> str:
    """`left - right` as displayed, a negative `right` in brackets of its sign: `79,754.81 - 79,402.22`."""
    return summed((left, -right))


def summed(terms: tuple[Decimal, ...], *, exact: bool = False, signed: bool = False) -> str:
    """A sum as people write it: `79,498.68 - 96.46`. `signed` gives the first term its plus sign."""
    write = exactly if exact else display
    first, *others = terms
    return write(first, signed=signed) + "".join(f" {'-' if term < 0 else '+'} {write(abs(term))}" for term in others)


def adds_up(terms: tuple[Decimal, ...], total: Decimal) -> bool:
    """Whether the displayed terms sum to the displayed total; rounding each can leave them a cent apart."""
    return sum(map(cents, terms), Decimal(0)) == cents(total)


def _rounded(value: Decimal, step: Decimal) -> Decimal:
    rounded = value.quantize(step, context=_WIDE)
    return rounded if rounded else abs(rounded)


def _to_decimals(value: Decimal, decimals: int) -> Decimal:
    return _rounded(value, Decimal(1).scaleb(-decimals))


def _grouped(value: Decimal, signed: bool) -> str:
    return format(value, "+,f" if signed and value else ",f")


def _with_decimals(value: Decimal, *, least: int, most: int, signed: bool = False) -> str:
    whole, _, decimals = plain(abs(value)).partition(".")
    sign = "-" if value < 0 else "+" if signed and value else ""
    decimals = f"{decimals[:most]}…" if len(decimals) > most else decimals.ljust(least, "0")
    return f"{sign}{int(whole):,}{'.' if decimals else ''}{decimals}"

"""The symbols of stocks and options as orders name them, and what they are at the broker.

A stock is `AAPL/USD` (`BRK.B/USD`). An option is its OCC symbol without spaces, `AAPL250718C00200000/USD`: root, day of
expiry, C or P, strike × 1000 in eight digits. The ledger counts what price and money are about: shares. One contract of
an option over 100 shares is an amount of 100 at the premium per share, so that amount × price is the money.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fntx_dagster.errors import Permanent

_OPTION = re.compile(r"([A-Z][A-Z0-9.]{0,5})(\d{6}[CP]\d{8})").fullmatch
_STOCK = re.compile(r"[A-Z][A-Z0-9.]{0,19}").fullmatch


class Instrument(NamedTuple):
    """What an order's symbol names: `local_symbol` is the broker's name of an option, of a stock it is empty."""

    symbol: str
    root: str
    currency: str
    local_symbol: str = ""


def instrument(symbol: str) -> Instrument:
    """The stock or option of a symbol. Raises Permanent where it names neither."""
    base, _, currency = symbol.partition("/")
    if (option := _OPTION(base)) and currency:
        return Instrument(symbol, option[1], currency, f"{option[1]:<6}{option[2]}")
    if _STOCK(base) and currency:
        return Instrument(symbol, base.replace(".", " "), currency)
    raise Permanent(
        f"{symbol} names neither a stock nor an option", "Write AAPL/USD, or an option as AAPL250718C00200000/USD"
    )

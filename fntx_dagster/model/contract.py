"""What is traded: a stock, an option, a future; its kind, and the order in which holdings are listed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

OPTIONS = ("OPT", "FOP")
"""The broker's categories of options: on a stock or an index, and on a future. A warrant has a put/call and is none:
no premium is narrated of it. dbt has the same rule in its macro `is_option`; a test compares the two."""
_SHARES = ("STK", "FUND")
_SYMBOL_OF_AN_OPTION = re.compile(r"\S{1,6} *([0-9]{2})([0-9]{2})([0-9]{2})[CP][0-9]{8}").fullmatch
"""`SPY   250717P00615000`."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What was traded: a stock or an option, with the broker's description kept."""

    contract_id: str
    symbol: str
    description: str
    asset_category: str
    underlying_symbol: str | None = None
    multiplier: Decimal = Decimal(1)
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str | None = None


def is_option(contract: Contract) -> bool:
    """Whether the contract is an option on a stock, an index or a future; a warrant is none."""
    return contract.asset_category in OPTIONS


def is_stock(contract: Contract) -> bool:
    """Whether the contract is held in shares."""
    return contract.asset_category in _SHARES


def expiry_in_symbol(symbol: str) -> date | None:
    """The expiry that the symbol of an option says; None for any other symbol."""
    if not (match := _SYMBOL_OF_AN_OPTION(symbol)):
        return None
    year, month, day = map(int, match.groups())
    try:
        return date(2000 + year, month, day)
    except ValueError:
        return None


def ladder_key(contract: Contract) -> tuple[object, ...]:
    """Order of contracts in a list of holdings."""
    return (
        is_option(contract),
        underlying_of(contract),
        contract.expiry or date.min,
        contract.strike or Decimal(0),
        contract.put_call or "",
        contract.contract_id,
    )


def underlying_of(contract: Contract) -> str:
    """The symbol of what an option is on; of anything else its own."""
    return contract.underlying_symbol or contract.symbol.split(" ")[0]

"""What things are called in the story: lists, contracts, and holdings of them.

What belongs here: noun phrases that every block shares, grammatical for a single thing or many, long or short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.contract import Contract, is_option, is_stock, ladder_key, underlying_of
from fntx_dagster.model.day import AnyDay
from fntx_dagster.report import clock, money

# A sentence that names more than this many things is no longer read.
MOST_NAMED = 6

_RIGHTS = {"C": "Call", "P": "Put"}


class Holding(NamedTuple):
    """A signed quantity of a contract."""

    contract: Contract
    quantity: Decimal


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def capped(items: Sequence[str], more: str) -> str:
    """The items listed, or the first few and `12 more <more>` when they are too many to read."""
    return listed(_few(items, more))


def bracketed(items: Sequence[str], more: str) -> str:
    """The items as an aside: `(a, b)`, capped alike."""
    return f"({', '.join(_few(items, more))})"


def contract_name(contract: Contract, today: date, *, many: bool = False) -> str:
    """`SPY 628 Call`; `SPY August 15 628 Calls` where the option does not expire `today` (a New York date)."""
    if not is_option(contract):
        return f"{contract.symbol} future{'s' if many else ''}" if contract.asset_category == "FUT" else contract.symbol
    right = _RIGHTS.get(put_call := contract.put_call or "", put_call) + ("s" if many else "")
    words = (underlying_of(contract), _expiry(contract, today), _strike(contract), right)
    return " ".join(word for word in words if word)


def counted(contract: Contract, quantity: Decimal, today: date) -> str:
    """A quantity of the contract without its side: `1 SPY 628 Call`, `100 shares of SPY`, `0.5 shares of SPY`."""
    size, many = abs(quantity), abs(quantity) != 1
    name = contract_name(contract, today, many=many)
    unit = f"share{'s' if many else ''} of " if is_stock(contract) else ""
    return f"{money.quantity(size)} {unit}{name}"


def held(holding: Holding, today: date) -> str:
    """A holding with its side: `short SPY 628 Call`, `short 2 SPY 628 Calls`, `long 100 shares of SPY`."""
    side = "short" if holding.quantity < 0 else "long"
    if is_option(holding.contract) and abs(holding.quantity) == 1:
        return f"{side} {contract_name(holding.contract, today)}"
    return f"{side} {counted(holding.contract, holding.quantity, today)}"


def owned(holding: Holding, today: date) -> str:
    """A holding as `your …` continues it: `short SPY 628 Call`, `2 short SPY 628 Calls`."""
    side = "short" if holding.quantity < 0 else "long"
    many = abs(holding.quantity) != 1
    name = contract_name(holding.contract, today, many=many)
    return f"{money.quantity(abs(holding.quantity))} {side} {name}" if many else f"{side} {name}"


def ladder(holdings: Iterable[Holding]) -> list[Holding]:
    """Holdings as a trader lists them: stock first, then options by underlying, expiry and strike."""
    return sorted(holdings, key=lambda holding: ladder_key(holding.contract))


def calls_first(contract: Contract) -> tuple[object, ...]:
    """Order of contracts in a sentence about trades: stock, then calls before puts, by expiry and strike."""
    option = is_option(contract)
    return (
        underlying_of(contract),
        option,
        contract.put_call or "",
        contract.expiry or date.min,
        contract.strike or Decimal(0),
        contract.contract_id,
    )


def keeper(day: AnyDay) -> str:
    """Who keeps the account's books, as a sentence begins with it: a market that never closes has no broker."""
    return "The ledger" if day.never_closes else "The broker"


def _few(items: Sequence[str], more: str) -> list[str]:
    if len(items) <= MOST_NAMED:
        return list(items)
    return [*items[: MOST_NAMED - 1], f"{len(items) - MOST_NAMED + 1:,} more {more}"]


def _strike(contract: Contract) -> str:
    return "" if contract.strike is None else money.plain(contract.strike)


def _expiry(contract: Contract, today: date) -> str:
    if contract.expiry is None or contract.expiry == today:
        return ""
    same_year = contract.expiry.year == today.year
    return clock.month_day(contract.expiry) if same_year else f"{clock.full_date(contract.expiry)},"

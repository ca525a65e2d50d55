"""How exchanges write amounts and moments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


def milliseconds(at: datetime) -> int:
    """A moment: milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def amount_text(amount: Decimal, least: int = 8) -> str:
    """An amount with at least so many decimals, or as many as it has; never with an exponent."""
    exponent = amount.as_tuple().exponent
    return f"{amount:.{least}f}" if isinstance(exponent, int) and exponent >= -least else f"{amount:f}"


def size_text(size: Decimal | None) -> str:
    """The size of a side of a quote; a side without limit shows a large one."""
    return f"{Decimal(1_000_000) if size is None else size:f}"


def decimals_of(step: Decimal) -> int:
    """How many decimals a step has, which is a power of ten."""
    return max(-step.normalize().adjusted(), 0)

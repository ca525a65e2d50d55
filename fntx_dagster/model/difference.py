"""The parts of the difference between the official and the calculated closing NAV: their names and their order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

PARTS = (
    "mark_to_market",
    "assigned_option_mark",
    "expired_option_mark",
    "rate_difference",
    "after_hours_trades",
    "interest_accruals",
    "fx_translation",
    "commissions",
    "interest",
    "dividends",
    "fees",
    "transfers",
    "other",
    "accrual_translation",
    "withdrawal_fee",
    "broker_residual",
    "not_yet_attributed",
)
"""The names of the parts, in the order in which people and programs read them."""


def in_order(parts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Parts of a difference in the order of `PARTS`; names that are not among them come last."""
    names = sorted(parts, key=lambda name: PARTS.index(name) if name in PARTS else len(PARTS))
    return {name: parts[name] for name in names}

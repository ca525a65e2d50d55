"""Fills as an exchange reports them, judged before they are booked: one that cannot be true goes to a person."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from fntx_dagster.foreign import cleaned
from fntx_dagster.ledger.exact import STORED, WRITTEN
from fntx_dagster.model.orders import OrderFill, Side

_DIGITS = 20
_LONGEST_CURRENCY, _LONGEST_ID = 40, 200


def why_unusable(fill: OrderFill, side: Side | None = None) -> str | None:
    """Why a fill cannot be booked, None where it can: an order of `side` has no fills of the other one, and the ledger
    keeps exactly what is below 10^20 and has at most 18 decimal places, 36 of a fee."""
    are_kept = (_is_kept(fill.quantity), _is_kept(fill.price), _is_kept(fill.fee, STORED))
    if not _is_name(fill.trade_id, _LONGEST_ID):
        return "its trade id is no text of printable characters"
    if not all(are_kept):
        return "a number of it is none, or has more digits than the ledger keeps"
    if fill.quantity <= 0 or fill.price <= 0:
        return "its quantity or its price is not above 0"
    if not _is_name(fill.fee_currency, _LONGEST_CURRENCY):
        return "the currency of its fee is no name"
    if fill.side not in ("buy", "sell") or (side is not None and fill.side != side):
        return "it is of the other side than the order"
    if fill.liquidity not in ("maker", "taker") or fill.at.tzinfo is None:
        return "it does not say maker or taker, or the zone of its time"
    return None


def _is_name(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and cleaned(text) == text


def _is_kept(number: Decimal, places: int = WRITTEN) -> bool:
    if not number:
        return number.is_finite()
    if not number.is_finite() or not -places <= number.adjusted() < _DIGITS:  # or a fraction of a huge exponent
        return False
    return not 10**places % Fraction(number).denominator

"""The offer of a slice, as an intent of the treasury: what it gives and wants, until when, and what its flags say.

Its amounts bound it: a sale gives no more than the quantity, a purchase gets no more, and neither at a worse price.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.execution.assets import DROPS, LedgerAsset, LedgerPair, decimal_text
from fntx_dagster.execution.risk import SELL
from fntx_dagster.execution.slices import LIMIT

DIGITS = 15
"""Of a token's amount: the ledger has 16, and sums of 15 stay exact."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def worst_price(side: str, mid: Fraction, max_slippage_pct: Fraction) -> Fraction:
    """The price that an order without one of its own takes at worst."""
    part = max_slippage_pct / 100
    return mid * (1 - part) if side == SELL else mid * (1 + part)


def slice_offer(
    pair: LedgerPair, kind: str, side: str, quantity: Fraction, price: Fraction, ends_at: datetime
) -> Mapping[str, Any]:
    """The parameters of an `offer.create`: immediate, or passive where it is a limit order, which waits."""
    is_sale = side == SELL
    base = _amount(pair.base, quantity, up=False)
    money = _amount(pair.quote, quantity * price, up=is_sale)
    flags = ["passive"] if kind == LIMIT else ["immediate_or_cancel"]
    return {
        "taker_gets": base if is_sale else money,
        "taker_pays": money if is_sale else base,
        "flags": [*flags, "sell"] if is_sale else flags,
        "expiration": ends_at.strftime(_MOMENT),
    }


def fitted(asset: LedgerAsset, quantity: Fraction) -> Fraction:
    """The largest quantity that an offer can state, and not above this one."""
    amount = _amount(asset, quantity, up=False)
    return Fraction(int(amount), DROPS) if asset.is_xrp else Fraction(amount["value"])


def _amount(asset: LedgerAsset, value: Fraction, *, up: bool) -> Any:
    """An amount as an intent has it: drops, or a value of 15 digits; `up`: not less than it is."""
    way = ROUND_CEILING if up else ROUND_FLOOR
    if asset.is_xrp:
        drops = value * DROPS
        return str(-(-drops.numerator // drops.denominator) if up else drops.numerator // drops.denominator)
    digits = Context(prec=DIGITS, rounding=way).divide(Decimal(value.numerator), Decimal(value.denominator))
    return {"currency": asset.code, "issuer": asset.issuer, "value": decimal_text(Fraction(digits), 90)}

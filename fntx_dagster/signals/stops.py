"""When a stop or a target of an execution is reached: by the price of the side that its exit fills at."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple


class Levels(NamedTuple):
    """Where an execution is to end: at a loss, or at its target; None: nowhere. `is_short`: of a SELL_ENTRY."""

    stop_loss: Decimal | None
    target: Decimal | None
    is_short: bool


def reached(levels: Levels, price: Decimal) -> Literal["STOPLOSS", "TARGET"] | None:
    """What a price reaches: one that is exactly at a level has reached it. The price is the bid, at which what was
    bought is sold; of a short execution the ask. Where both are reached, the stop counts."""
    sign = -1 if levels.is_short else 1
    if levels.stop_loss is not None and sign * price <= sign * levels.stop_loss:
        return "STOPLOSS"
    if levels.target is not None and sign * price >= sign * levels.target:
        return "TARGET"
    return None

"""Exits that nobody sent: a stop or a target that a price has reached, a settlement at expiry.

They are exits like others, logged with what fired them as their source. Each fires once: whoever finds the execution
closed by another message, or by the same exit of another process, changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.ledger.exact import written
from fntx_dagster.model.signals import CLOSES, ExitReason
from fntx_dagster.services.orders.replies import Reply
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.exiting import carry_out
from fntx_dagster.services.signals.requests import ExitSignal, PaperMarket
from fntx_dagster.store.signals.executions import Arrival

_EXITS = {entry: leaves for leaves, entry in CLOSES.items()}


class OpenSignal(NamedTuple):
    """What names an execution that is to be closed."""

    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str


class Cause(NamedTuple):
    """Why an execution is closed: the reason, who fires it, and the price that it is about; `market`: what its paper
    order trades against."""

    reason: ExitReason
    source: str
    price: Decimal
    market: PaperMarket | None = None


def close(desk: Desk, signal: OpenSignal, cause: Cause, now: datetime) -> Reply:
    """Close what is open of an execution. Raises Declined where another message has closed it, and (409) where orders
    of it are under way."""
    named = "\0".join((signal.strategy_code, signal.unique_id, cause.reason))
    asked = ExitSignal(
        signal.strategy_code,
        signal.unique_id,
        _EXITS[signal.signal_type],
        signal.token,
        signal.strike_price_token,
        cause.market,
        None,
        cause.reason,
        cause.price if cause.reason == "EXPIRY" else None,
        hashlib.sha256(named.encode()).digest(),
    )
    body = json.dumps({"exit_reason": cause.reason, "price": written(cause.price)}).encode()
    names = (signal.strategy_code, signal.unique_id, asked.signal_type)
    return carry_out(desk, asked, Arrival("exit", cause.source, now, asked.fingerprint, body, *names), now)

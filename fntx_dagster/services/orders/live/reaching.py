"""How live orders reach exchanges: the accounts, and the times that the live path keeps to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from fntx_dagster.model.exchanges import Exchange


@dataclass(frozen=True, slots=True)
class Reach:
    """`account`: user and exchange → the account; it raises Permanent where there is none.

    `wait`: how long a submission waits for its outcome. `band_bps`: how far beyond the other side's best price a market
    order's limit lies. `lease`: how long after its first transaction an order is worked on; it is sent in the first
    half of it, or not at all. `delay`: how long an exchange may take to show an order. `overlap`: how far back fills
    are read again, because exchanges report some late and their clocks differ.
    """

    account: Callable[[str, str], Exchange]
    wait: timedelta = timedelta(seconds=5)
    band_bps: Decimal = Decimal(50)
    lease: timedelta = timedelta(seconds=40)
    delay: timedelta = timedelta(seconds=60)
    overlap: timedelta = timedelta(minutes=10)

"""What an account traded: positions from zero back to zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.contract import Contract

ENDINGS = ("expired", "settled", "assigned", "exercised", "closed", "delivered", "otherwise")
"""How a round trip ended: `settled` is an expiration that was settled in cash, `closed` a trade, `delivered` that an
option took shares, `otherwise` a corporate action."""


class RoundTrip(NamedTuple):
    """A position from zero back to zero (a row of alm_reporting.round_trips). `quantity` is what was opened, negative
    of a short position; `gross_pnl` and `fees` are in `currency`, `net_pnl` in base currency. Both P&Ls are None where
    no statement says what the position cost. `opened_before`: the day before which it was opened, where no statement
    says when; `opened_at` is not its moment then."""

    contract: Contract
    quantity: Decimal
    opened_at: datetime
    closed_at: datetime
    how_ended: str
    currency: str
    gross_pnl: Decimal | None
    fees: Decimal
    net_pnl: Decimal | None
    opened_before: date | None = None


class RoundTrips(NamedTuple):
    """The round trips that ended in a range, oldest first: all of them, or where they are many those that made or lost
    most. `ended`, `net_pnl` (base currency) and `unknown`, how many have no known P&L, are of all."""

    trips: Sequence[RoundTrip]
    ended: int
    net_pnl: Decimal
    unknown: int = 0

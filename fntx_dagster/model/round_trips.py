"""What an account traded: positions from zero back to zero, and how they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Event
from fntx_dagster.model.period import Period

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


LAST_LOTS = ("traded", "expired", "assigned", "exercised", "delivered", "otherwise")
"""How the last lot of a round trip ended; `otherwise` by a corporate action."""
RESULTS = ("won", "lost", "even", "unknown")
"""The sign of a round trip's net P&L."""
ORDERS = ("newest", "oldest", "best", "worst")
"""In which order round trips are listed: by when they closed, or by their net P&L."""


class TripsAsked(NamedTuple):
    """Which round trips: those that ended in `period`, of one underlying (any case), by how they ended and by their
    result; what is empty holds nothing back."""

    period: Period
    underlying: str = ""
    ended: str = ""
    result: str = ""
    order: str = ORDERS[0]


class ListedTrip(NamedTuple):
    """A round trip with its id, and its fees in base currency; it counts in the session `trading_day`."""

    round_trip_id: str
    trading_day: date
    fees_in_base: Decimal
    trip: RoundTrip


class TripTotals(NamedTuple):
    """Sums over round trips, in base currency; `net_pnl` is of those whose result is known."""

    number: int
    won: int
    lost: int
    unknown: int
    fees: Decimal
    net_pnl: Decimal


class TripFill(NamedTuple):
    """A fill of a round trip: the event of the story that it is, None where its session is not built, in the session
    and the block that tell it; `fill_id` where there is no event."""

    fill_id: str
    trading_day: date | None
    block_id: str | None
    event: Event | None


class OpenedTrip(NamedTuple):
    """A round trip with its fills in the order of time."""

    listed: ListedTrip
    fills: Sequence[TripFill]

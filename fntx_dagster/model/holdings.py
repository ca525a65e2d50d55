"""What an account holds at a close, with closing prices and the origin of its stock, and what it traded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.contract import Contract


class Mark(NamedTuple):
    """The broker's closing price of a contract, per unit, in `currency`."""

    price: Decimal
    currency: str


class StockPosition(NamedTuple):
    """Shares that came and went alike (rows of alm_reporting.stock_positions, summed): `quantity` is 0 or more,
    `origin` trade, assignment or exercise, and `origin_option` the option that brought them. What ended them is None
    while they are open; `gross_pnl` is realised, before fees, in `currency`."""

    symbol: str
    direction: str
    quantity: Decimal
    entry_date: date
    entry_price: Decimal
    origin: str
    origin_option: str | None
    exit_date: date | None
    exit_price: Decimal | None
    how_ended: str | None
    currency: str
    gross_pnl: Decimal | None


class RoundTrip(NamedTuple):
    """A position from zero back to zero (a row of alm_reporting.round_trips). `quantity` is what was opened, negative
    of a short position; `gross_pnl` and `fees` are in `currency`, `net_pnl` in base currency."""

    contract: Contract
    quantity: Decimal
    opened_at: datetime
    closed_at: datetime
    how_ended: str
    currency: str
    gross_pnl: Decimal
    fees: Decimal
    net_pnl: Decimal


class RoundTrips(NamedTuple):
    """The round trips that ended in a range, oldest first: all of them, or where they are many those that made or lost
    most. `ended` and `net_pnl` (base currency) are of all."""

    trips: Sequence[RoundTrip]
    ended: int
    net_pnl: Decimal

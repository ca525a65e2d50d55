"""What an account holds at a close: closing prices, and the origin of its stock."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Mark(NamedTuple):
    """The broker's closing price of a contract, per unit, in `currency`."""

    price: Decimal
    currency: str


class StockPosition(NamedTuple):
    """Shares that came and went alike (rows of alm_reporting.stock_positions, summed): `quantity` is 0 or more,
    `origin` trade, assignment or exercise, and `origin_option` the option that brought them. What ended them is None
    while they are open; `gross_pnl` is realised, before fees, in `currency`. `entry_before`: the day before which they
    came, where no statement says when; `entry_price` is None where no statement says what they cost."""

    symbol: str
    direction: str
    quantity: Decimal
    entry_date: date
    entry_price: Decimal | None
    origin: str
    origin_option: str | None
    exit_date: date | None
    exit_price: Decimal | None
    how_ended: str | None
    currency: str
    gross_pnl: Decimal | None
    entry_before: date | None = None

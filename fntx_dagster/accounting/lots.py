"""Lots: what one fill opened and another closed, and what the matching of fills gives.

What belongs here: the values. `matching.py` makes them, `broker_pnl.py` compares them with the broker's figures.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.fills import CORPORATE_ACTIONS

LONG = "long"
SHORT = "short"

HELD = "held"
"""How a lot was opened that Open Positions says was held before the first statement of trades."""
UNSTATED = "unstated"
"""How a lot was opened whose opening no statement holds; it is known by what closed it."""


class Lot(NamedTuple):
    """A quantity that one fill opened and one other closed, or, with the closing side None, what is still open.

    Quantity absolute; prices and money in the contract's currency; fees signed, costs negative; times aware, UTC.
    `opened_before`: the day before which it was opened, where no statement says when; `opened_at` only orders it then.
    `open_price` is None where what it cost is unknown, and so is `gross_pnl`, unless the broker's figure says it; the
    price of a lot held from before is the broker's cost basis, which includes the fee of its opening.
    """

    direction: str
    quantity: Decimal
    multiplier: Decimal
    open_fill_id: str
    opened_at: datetime
    opened_session: date
    open_price: Decimal | None
    open_fee: Decimal
    open_fx_rate: Decimal | None
    how_opened: str
    origin_fill_id: str | None
    round_trip_id: str
    close_fill_id: str | None = None
    closed_at: datetime | None = None
    closed_session: date | None = None
    close_price: Decimal | None = None
    close_fee: Decimal | None = None
    close_fx_rate: Decimal | None = None
    gross_pnl: Decimal | None = None
    how_ended: str | None = None
    opened_before: date | None = None

    @property
    def lot_id(self) -> str:
        return f"{self.open_fill_id}|{self.close_fill_id or 'open'}" + (
            f"|{self.origin_fill_id}" if self.carried else ""
        )

    @property
    def realised(self) -> Decimal:
        """The gross P&L in the contract's currency; none of what is still open, nor of what has no known cost."""
        return self.gross_pnl or Decimal(0)

    @property
    def fees(self) -> Decimal:
        """The fees of both legs; of what is still open, those of its opening."""
        return self.open_fee + (self.close_fee or 0)

    @property
    def carried(self) -> bool:
        """Whether a corporate action opened it with the cost of another; its origin is the fill that had this cost."""
        return self.how_opened in CORPORATE_ACTIONS and self.origin_fill_id is not None


class Effect(NamedTuple):
    """What a fill did to the position: absolute quantities, and the gross P&L that it realised; that of
    `unknown_quantity`, a part of what it closed, is unknown and not in it."""

    opening_quantity: Decimal
    closing_quantity: Decimal
    gross_realised: Decimal
    unknown_quantity: Decimal = Decimal(0)


class Unopened(NamedTuple):
    """What a fill closed without its opening being in the statements; `fee`: its share of the commission, where that is
    in no lot."""

    fill_id: str
    quantity: Decimal
    fee: Decimal


class Matching(NamedTuple):
    """The result for a range of fills: lots closed in it, lots open at its end, each fill's effect by fill_id."""

    closed: tuple[Lot, ...]
    open: tuple[Lot, ...]
    effects: dict[str, Effect]
    unopened: tuple[Unopened, ...]

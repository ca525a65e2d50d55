"""Lots as a tax return needs them, and what corporate actions made of them.

Pure. What belongs here: which lot goes on in which after a split, a merger or a renaming. What a lot realised is in
`tax.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.fills import CORPORATE_ACTIONS
from fntx_dagster.accounting.lots import HELD
from fntx_dagster.model.contract import OPTIONS
from fntx_dagster.model.session import NEW_YORK

_ACQUIRES = ("trade", "assignment", "exercise")
_BY_AN_ACTION = ("split", "merged", "spun_off", "renamed", "corporate_action")
_ONE_ACTION = timedelta(seconds=1)
"""A lot that carries others on begins as they end, with its place among them in microseconds; what the same action
takes for cash ends a second later."""
_ZERO = Decimal(0)


class TaxLot(NamedTuple):
    """A row of `position_lots`: what is needed of it. The closing side is None while the lot is open."""

    lot_id: str
    contract_id: str
    symbol: str | None
    description: str | None
    asset_category: str
    underlying_symbol: str | None
    put_call: str | None
    currency: str
    direction: str
    quantity: Decimal
    multiplier: Decimal
    open_fill_id: str
    opened_at: datetime
    opened_before: date | None
    open_price: Decimal | None
    open_fee: Decimal
    how_opened: str
    origin_fill_id: str | None
    close_fill_id: str | None
    closed_at: datetime | None
    close_price: Decimal | None
    close_fee: Decimal | None
    gross_pnl: Decimal | None
    how_ended: str | None

    @property
    def opened_on(self) -> date:
        return self.opened_at.astimezone(NEW_YORK).date()

    @property
    def root(self) -> str:
        """The fill that acquired it, before the actions that carried it on."""
        return (self.how_opened in CORPORATE_ACTIONS and self.origin_fill_id) or self.open_fill_id

    @property
    def is_acquired(self) -> bool:
        """Whether its opening is a purchase, or a short sale, of which the day is known."""
        return self.how_opened in _ACQUIRES or (self.how_opened == HELD and self.opened_before is None)

    @property
    def is_option(self) -> bool:
        return self.asset_category in OPTIONS


class Lineage:
    """What became of the lots of one account: `goes_on` are those that an action carried on in others. Of each lot,
    `units` says how many of the units that were acquired one of its units is, and `fees` what the lots before it cost
    to open. What an action ends without carrying it on was taken for cash or for nothing."""

    def __init__(self, lots: Iterable[TaxLot]) -> None:
        self.goes_on: set[str] = set()
        self.units: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        families: dict[str, dict[str, list[TaxLot]]] = defaultdict(lambda: defaultdict(list))
        for lot in sorted(lots, key=lambda lot: (lot.opened_at, lot.lot_id)):
            families[lot.root][lot.open_fill_id].append(lot)
        for generations in families.values():
            ended: list[TaxLot] = []
            for generation in generations.values():
                ended = self._carry(generation, ended)
                ended += [lot for lot in generation if lot.how_ended in _BY_AN_ACTION]

    def _carry(self, generation: Sequence[TaxLot], ended: list[TaxLot]) -> list[TaxLot]:
        """Let lots of one family that one fill opened carry on those that its action ended; the rest of these."""
        began = generation[0].opened_at
        near = {lot.closed_at for lot in ended if lot.closed_at and abs(lot.closed_at - began) <= _ONE_ACTION}
        moment = min(near, key=lambda at: abs(at - began), default=None)
        before = [lot for lot in ended if moment and lot.closed_at == moment]
        size = sum((lot.quantity for lot in generation), _ZERO)
        acquired = sum((lot.quantity * self.units[lot.lot_id] for lot in before), _ZERO)
        fees = sum((lot.open_fee + self.fees[lot.lot_id] + (lot.close_fee or _ZERO) for lot in before), _ZERO)
        for lot in generation:
            self.units[lot.lot_id] = acquired / size if before else Decimal(1)
            self.fees[lot.lot_id] = fees * lot.quantity / size
        self.goes_on |= {lot.lot_id for lot in before}
        return [lot for lot in ended if lot not in before]

"""Which acquisitions replace what was sold at a loss, and the losses that go into their cost.

Pure, and exact. A loss is not allowed as far as the same is acquired within 30 days before or after the sale, what was
acquired first before what was acquired later (IRS Publication 550, Wash Sales). What is taken for the same, and what
this does not decide, stands in docs/tax.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from fntx_dagster.accounting.lots import LONG
from fntx_dagster.accounting.tax_lots import Lineage, TaxLot

WASH_DAYS = timedelta(days=30)
_ZERO = Decimal(0)


class Replacements:
    """The acquisitions of one account, each of which replaces what was sold at a loss once."""

    def __init__(self, lots: Iterable[TaxLot], lineage: Lineage) -> None:
        self._lineage = lineage
        self._by_fill: dict[str, _Acquired] = {}
        self._by_contract: dict[tuple[str, str], dict[str, _Acquired]] = defaultdict(dict)
        self._calls: dict[str | None, dict[str, _Acquired]] = defaultdict(dict)
        for lot in sorted(lots, key=lambda lot: (lot.opened_at, lot.open_fill_id, lot.lot_id)):
            if lot.is_acquired:
                self._by_fill.setdefault(lot.open_fill_id, _Acquired(lot)).adds(lot.quantity)
            if acquired := self._by_fill.get(lot.root):
                acquired.becomes(lot, lineage.units[lot.lot_id], goes_on=lot.lot_id in lineage.goes_on)
                self._by_contract[lot.contract_id, lot.direction][lot.root] = acquired
                if lot.is_option and lot.put_call == "C" and lot.direction == LONG:
                    self._calls[lot.underlying_symbol][lot.root] = acquired

    def carried_into(self, lot: TaxLot) -> Decimal:
        """The losses of wash sales that a lot carries: those of the quantity of its fill that is closed first."""
        acquired, wanted, carried = self._by_fill.get(lot.root), lot.quantity * self._lineage.units[lot.lot_id], _ZERO
        while acquired and wanted and acquired.losses:
            quantity, loss = acquired.losses.pop(0)
            part = min(quantity, wanted)
            carried += loss * part / quantity
            if quantity > part:
                acquired.losses.insert(0, (quantity - part, loss - loss * part / quantity))
            wanted -= part
        return carried

    def take(self, lot: TaxLot, sold: date, loss: Decimal) -> tuple[Decimal, tuple[str, ...]]:
        """What of the loss of a lot is disallowed, and the fills that acquired the same, the earliest first."""
        disallowed, fills = _ZERO, []
        wanted = lot.quantity
        for acquired, units in self._candidates(lot):
            if not wanted:
                break
            if abs(acquired.lot.opened_on - sold) > WASH_DAYS or acquired.lot.open_fill_id == lot.root:
                continue
            free = acquired.free_at(lot.closed_at)
            part = min(free * units, wanted)
            if part > 0:
                amount, used = loss * part / lot.quantity, free if part == free * units else part / units
                acquired.left -= used
                acquired.losses.append((used, amount))
                disallowed, wanted = disallowed + amount, wanted - part
                fills.append(acquired.lot.open_fill_id)
        return disallowed, tuple(fills)

    def _candidates(self, lot: TaxLot) -> list[tuple[_Acquired, Decimal]]:
        """What is taken for substantially identical, with how much of the sold a unit of it replaces: the same
        contract in the same direction, and of shares a call on them. A written option has none."""
        if lot.is_option and lot.direction != LONG:
            return []
        same = [
            (acquired, 1 / acquired.units_at(lot.closed_at))
            for acquired in self._by_contract[lot.contract_id, lot.direction].values()
        ]
        if lot.is_option or lot.direction != LONG:
            return same
        calls = [(acquired, acquired.lot.multiplier) for acquired in self._calls[lot.symbol].values()]
        return sorted([*same, *calls], key=lambda each: (each[0].lot.opened_at, each[0].lot.open_fill_id))


class _Acquired:
    """What one fill opened: its whole quantity, how much of it is no replacement yet, when it was closed, and the
    losses that go into what it opened; all in the units that were acquired."""

    def __init__(self, lot: TaxLot) -> None:
        self.lot = lot
        self.total = self.left = _ZERO
        self.losses: list[tuple[Decimal, Decimal]] = []  # quantity, loss
        self._closings: list[tuple[datetime, Decimal]] = []
        self._units = [(lot.opened_at, Decimal(1))]

    def adds(self, quantity: Decimal) -> None:
        self.total += quantity
        self.left += quantity

    def becomes(self, lot: TaxLot, units: Decimal, *, goes_on: bool) -> None:
        """Note a lot that it is, or is since a corporate action."""
        if units != self._units[-1][1]:
            self._units.append((lot.opened_at, units))
        if lot.closed_at is not None and not goes_on:
            self._closings.append((lot.closed_at, lot.quantity * units))

    def units_at(self, moment: datetime | None) -> Decimal:
        """How many of the units that were acquired one unit is at a moment."""
        since = [units for at, units in self._units if moment is None or at <= moment]
        return since[-1] if since else Decimal(1)

    def free_at(self, moment: datetime | None) -> Decimal:
        """What replaces nothing yet, and is not sold by then."""
        gone = sum((units for at, units in self._closings if moment and at <= moment), _ZERO)
        return min(self.left, self.total - gone)

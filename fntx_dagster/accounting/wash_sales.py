"""Which acquisitions replace what was sold at a loss, and the losses that go into their cost.

Pure, and exact. A loss is not allowed as far as the same is acquired within 30 days before or after the sale, what was
acquired first before what was acquired later (IRS Publication 550, Wash Sales). What is taken for the same, and what
this does not decide, stands in docs/tax.md.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from heapq import merge
from itertools import takewhile
from typing import TypeVar

from fntx_dagster.accounting.lots import LONG
from fntx_dagster.accounting.tax_lots import Lineage, TaxLot

WASH_DAYS = timedelta(days=30)
_ZERO = Decimal(0)


class Replacements:
    """The acquisitions of one account, each of which replaces what was sold at a loss once. Sales are asked for in the
    order of time, so that what was acquired too long ago is looked at no more."""

    def __init__(self, lots: Iterable[TaxLot], lineage: Lineage) -> None:
        self._lineage = lineage
        self._by_fill: dict[str, _Acquired] = {}
        of_contract: dict[tuple[str, str], dict[str, _Acquired]] = defaultdict(dict)
        calls: dict[str | None, dict[str, _Acquired]] = defaultdict(dict)
        for lot in sorted(lots, key=lambda lot: (lot.opened_at, lot.open_fill_id, lot.lot_id)):
            if lot.is_acquired:
                self._by_fill.setdefault(lot.open_fill_id, _Acquired(lot)).adds(lot.quantity)
            if acquired := self._by_fill.get(lot.root):
                acquired.becomes(lot, lineage.units[lot.lot_id], goes_on=lot.lot_id in lineage.goes_on)
                of_contract[lot.contract_id, lot.direction][lot.root] = acquired
                if lot.is_option and lot.put_call == "C" and lot.direction == LONG:
                    calls[lot.underlying_symbol][lot.root] = acquired
        self._of_contract, self._calls = _queues(of_contract), _queues(calls)

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
        for acquired in self._candidates(lot, sold):
            if not wanted:
                break
            if not acquired.left or acquired.lot.open_fill_id == lot.root:
                continue
            if (free := acquired.free_at(lot.closed_at)) > 0:
                units = acquired.replaces(lot)
                part = min(free * units, wanted)
                amount, used = loss * part / lot.quantity, free if part == free * units else part / units
                acquired.left -= used
                acquired.losses.append((used, amount))
                disallowed, wanted = disallowed + amount, wanted - part
                fills.append(acquired.lot.open_fill_id)
        return disallowed, tuple(fills)

    def _candidates(self, lot: TaxLot, sold: date) -> Iterator[_Acquired]:
        """What is taken for substantially identical and was acquired in time: the same contract in the same direction,
        and of shares a call on them. A written option has none."""
        if lot.is_option and lot.direction != LONG:
            return iter(())
        same = _in_time(self._of_contract.get((lot.contract_id, lot.direction), deque()), sold)
        if lot.is_option or lot.direction != LONG:
            return same
        return merge(same, _in_time(self._calls.get(lot.symbol, deque()), sold), key=_Acquired.order)


class _Acquired:
    """What one fill opened: its whole quantity, how much of it is no replacement yet, when it was closed, and the
    losses that go into what it opened; all in the units that were acquired."""

    def __init__(self, lot: TaxLot) -> None:
        self.lot = lot
        self.day = lot.opened_on
        self.total = self.left = _ZERO
        self.losses: list[tuple[Decimal, Decimal]] = []  # quantity, loss
        self._closings: list[tuple[datetime, Decimal]] = []
        self._units = [(lot.opened_at, Decimal(1))]

    def order(self) -> tuple[datetime, str]:
        return self.lot.opened_at, self.lot.open_fill_id

    def adds(self, quantity: Decimal) -> None:
        self.total += quantity
        self.left += quantity

    def becomes(self, lot: TaxLot, units: Decimal, *, goes_on: bool) -> None:
        """Note a lot that it is, or is since a corporate action."""
        if units != self._units[-1][1]:
            self._units.append((lot.opened_at, units))
        if lot.closed_at is not None and not goes_on:
            self._closings.append((lot.closed_at, lot.quantity * units))

    def replaces(self, sold: TaxLot) -> Decimal:
        """How many units of what is sold one of the units that were acquired replaces at the sale."""
        if self.lot.is_option and not sold.is_option:
            return self.lot.multiplier
        since = [units for at, units in self._units if sold.closed_at is None or at <= sold.closed_at]
        return 1 / since[-1] if since else Decimal(1)

    def free_at(self, moment: datetime | None) -> Decimal:
        """What replaces nothing yet, and is not sold by then."""
        gone = sum((units for at, units in self._closings if moment and at <= moment), _ZERO)
        return min(self.left, self.total - gone)


_Key = TypeVar("_Key")


def _queues(found: Mapping[_Key, Mapping[str, _Acquired]]) -> dict[_Key, deque[_Acquired]]:
    return {key: deque(sorted(acquired.values(), key=_Acquired.order)) for key, acquired in found.items()}


def _in_time(queue: deque[_Acquired], sold: date) -> Iterator[_Acquired]:
    """Those within the days of a wash sale; those from before are taken off."""
    while queue and queue[0].day < sold - WASH_DAYS:
        queue.popleft()
    return takewhile(lambda acquired: acquired.day <= sold + WASH_DAYS, queue)

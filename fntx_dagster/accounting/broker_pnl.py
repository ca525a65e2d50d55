"""The broker's realised P&L of a fill, explained by ours: fees, and the premium that it folds into delivered stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.fills import ASSIGNMENT, DELIVERY, EXERCISE, Fill
from fntx_dagster.accounting.lots import Lot

_ZERO = Decimal(0)


class BrokerDifference(NamedTuple):
    """How the broker's realised P&L of one fill comes out of ours: gross + fees + folded_premium + remainder."""

    fill_id: str
    gross: Decimal
    fees: Decimal
    folded_premium: Decimal
    broker_realised: Decimal

    @property
    def remainder(self) -> Decimal:
        """What no convention explains; zero where both saw the same fills."""
        return self.broker_realised - self.gross - self.fees - self.folded_premium


def reconcile_broker_realised(fills: Iterable[Fill], closed: Iterable[Lot]) -> list[BrokerDifference]:
    """Explain the broker's `fifoPnlRealized` of each fill that has one; money in the fill's currency.

    The broker nets the fees of both legs. An assigned or exercised option shows zero there, and its net premium moves
    into the stock: at once where the delivery closes stock, with the later sale or cover where it opens some.
    """
    fills, closed = list(fills), list(closed)
    closed_by: dict[str | None, list[Lot]] = defaultdict(list)
    for lot in closed:
        closed_by[lot.close_fill_id].append(lot)
    premiums = _premium_per_unit(fills, closed_by)
    differences = []
    for fill in fills:
        if fill.broker_realised is None:
            continue
        lots = closed_by[fill.fill_id]
        gross = sum((lot.realised for lot in lots), _ZERO)
        fees = sum((lot.fees for lot in lots), _ZERO)
        if fill.event_type in (ASSIGNMENT, EXERCISE):
            folded = -(gross + fees)
        else:
            folded = sum(
                (
                    lot.quantity * (premiums.get(lot.open_fill_id, _ZERO) + premiums.get(fill.fill_id, _ZERO))
                    for lot in lots
                ),
                _ZERO,
            )
        differences.append(BrokerDifference(fill.fill_id, gross, fees, folded, fill.broker_realised))
    return differences


def _premium_per_unit(fills: Sequence[Fill], closed_by: Mapping[str | None, list[Lot]]) -> dict[str, Decimal]:
    """Net premium per share of each delivery, from the options that it ended; several may share one delivery."""
    by_delivery: dict[str, set[str]] = defaultdict(set)
    shares: dict[str, Decimal] = {}
    for fill in fills:
        if fill.event_type == DELIVERY and fill.linked_fill_id:
            by_delivery[fill.fill_id].add(fill.linked_fill_id)
            shares[fill.fill_id] = abs(fill.quantity)
        elif fill.event_type in (ASSIGNMENT, EXERCISE) and fill.linked_fill_id:
            by_delivery[fill.linked_fill_id].add(fill.fill_id)
    return {
        delivery: sum((lot.realised + lot.fees for option in options for lot in closed_by[option]), _ZERO)
        / shares[delivery]
        for delivery, options in by_delivery.items()
        if delivery in shares
    }

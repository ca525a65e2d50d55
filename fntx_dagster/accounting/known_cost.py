"""What a lot of unknown cost made, by the broker's own figure of the fill that closed it.

What belongs here: the rule by which `fifoPnlRealized` says the P&L of what no statement opened. It nets the fees of
both legs, so the P&L here is gross of the closing's fee and net of the opening's, which no statement separates.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fntx_dagster.accounting.fills import EXPIRATION, TRADE, Fill
from fntx_dagster.accounting.fx import PLACES
from fntx_dagster.accounting.lots import Lot

_SAYS_ALL = frozenset({TRADE, EXPIRATION})
"""The broker folds the premium of an assigned or exercised option into the shares: those rows do not say its P&L."""


def by_brokers_figure(fill: Fill, closed: Sequence[Lot]) -> list[Lot]:
    """The lots that a fill closed, where those of unknown cost share what its figure leaves beside the others.

    They stay unknown where the row has no such figure, or 0, which the broker writes for many a row that it has none
    for. The parts sum to the figure to the last digit.
    """
    left, size = fill.broker_realised, sum((lot.quantity for lot in closed if lot.gross_pnl is None), Decimal(0))
    if not left or fill.event_type not in _SAYS_ALL:
        return list(closed)
    left -= sum((lot.realised + lot.fees for lot in closed), Decimal(0))
    known: list[Lot] = []
    for lot in closed:
        if lot.gross_pnl is None:
            part = left if lot.quantity == size else (left * lot.quantity / size).quantize(PLACES)
            left, size = left - part, size - lot.quantity
            lot = lot._replace(gross_pnl=part)
        known.append(lot)
    return known

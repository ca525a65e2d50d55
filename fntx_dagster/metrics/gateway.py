"""The positions of a day that still runs, as IB Gateway marks them, in the shape of those of a close.

Pure. No statement covers the day yet, so that marks, prices of underlyings and rates come from the gateway and the
settings alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.contract import is_option
from fntx_dagster.model.rates import rate_between
from fntx_dagster.model.snapshot import Snapshot

GATEWAY = "gateway"
"""The source of a mark, or of an underlying's price, that the gateway gives."""


def positions_at(
    snapshot: Snapshot, day: date, valued_at: datetime, rates: Mapping[str, Decimal]
) -> list[ClosingPosition]:
    """The snapshot's positions on the trading day `day`, by contract id, marked at `valued_at`.

    A share in the snapshot is the underlying of the options on its symbol in its currency. `rates` are the real-time
    rates of the settings (`rate_between`); a position whose currency has none has no rate to base.
    """
    prices = {
        (held.contract.symbol, held.currency): held.mark for held in snapshot.positions if not is_option(held.contract)
    }
    positions = []
    for held in sorted(snapshot.positions, key=lambda held: held.contract.contract_id):
        contract, an_option = held.contract, is_option(held.contract)
        price = prices.get((contract.underlying_symbol or "", held.currency)) if an_option else None
        positions.append(
            ClosingPosition(
                account_id=snapshot.account_id,
                trading_day=day,
                contract_id=contract.contract_id,
                symbol=contract.symbol,
                asset_category=contract.asset_category,
                is_option=an_option,
                is_traded=False,
                underlying_symbol=contract.underlying_symbol,
                strike=contract.strike,
                expiry=contract.expiry,
                put_call=contract.put_call,
                multiplier=contract.multiplier,
                currency=held.currency,
                quantity=held.quantity,
                rate_to_base=rate_between(held.currency, snapshot.currency, rates),
                mark=held.mark,
                mark_source=GATEWAY,
                valued_at=valued_at,
                underlying_price=price,
                underlying_source=None if price is None else GATEWAY,
            )
        )
    return positions

"""What one account's portfolio is exposed to at one close: which positions count, and the figures of their sums.

Pure. The sums themselves are in `risk.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from fntx_dagster.metrics.risk import RiskPosition, Scenario, exposure, value_at_risk
from fntx_dagster.metrics.terms import underlying_of
from fntx_dagster.metrics.valuation import PricedOption
from fntx_dagster.model.closing import ClosingDay, ClosingPosition, PortfolioRow

MOVES_WITH_ITS_PRICE = ("STK", "FUT", "CFD")
"""Categories whose delta is 1 per unit."""


def portfolio_row(
    day: ClosingDay,
    positions: Iterable[ClosingPosition],
    priced: Mapping[str, PricedOption],
    moves: Sequence[Scenario],
) -> PortfolioRow:
    """The exposure and the value at risk of what is held at a close; `moves` are the scenarios, oldest first.

    A position without a delta or moves, such as a bond, is in no sum, and leaves the value at risk undefined.
    """
    held = [position for position in positions if position.quantity]
    at_risk = risk_positions(held, priced)
    sums = exposure(at_risk, float(day.nav), _float(day.usd_rate))
    lost = value_at_risk(at_risk, float(day.nav), moves, all_known=len(at_risk) == len(held))
    return PortfolioRow(
        account_id=day.account_id,
        trading_day=day.trading_day,
        base_currency=day.base_currency,
        nav=day.nav,
        options=sums.options,
        options_without=sums.without,
        delta=sums.delta,
        gamma=sums.gamma,
        theta=sums.theta,
        vega=sums.vega,
        var_95_historical=lost.historical,
        var_95_repricing=lost.repricing,
        scenarios=lost.scenarios,
        inputs=day.inputs,
    )


def risk_positions(positions: Iterable[ClosingPosition], priced: Mapping[str, PricedOption]) -> list[RiskPosition]:
    """The positions that have a delta: options, and what moves with its own price (shares, futures, CFDs). Bonds,
    funds and the like have none here, and are left out."""
    counted = []
    for position in positions:
        units, rate = float(position.quantity * position.multiplier), _float(position.rate_to_base)
        if position.is_option:
            option = priced[position.contract_id]
            counted.append(
                RiskPosition(
                    underlying=underlying_of(position),
                    units=units,
                    price=_float(option.row.underlying_price),
                    rate=rate,
                    greeks=option.greeks,
                    mark=_float(position.mark),
                    later=option.later,
                    delivers=option.row.exercise == "american",
                )
            )
        elif position.asset_category in MOVES_WITH_ITS_PRICE:
            counted.append(RiskPosition(underlying_of(position), units, _float(position.mark), rate))
    return counted


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)

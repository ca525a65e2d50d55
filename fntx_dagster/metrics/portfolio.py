"""What one account's portfolio is exposed to at one close: which positions count, and the figures of their sums.

Pure. The sums themselves are in `risk.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.metrics.risk import RiskPosition, Scenario, exposure, value_at_risk
from fntx_dagster.metrics.terms import underlying_of
from fntx_dagster.metrics.valuation import PricedOption
from fntx_dagster.model.closing import ClosingDay, ClosingPosition, HeldByExpiry, PortfolioRow, delta_of_spent

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


def by_expiry(positions: Iterable[ClosingPosition], options: Mapping[str, Mapping[str, Any]]) -> list[HeldByExpiry]:
    """What one account holds at a close, summed by underlying, currency and expiry, in that order. `options`: contract
    id → its row of option_greeks."""
    groups: dict[tuple[str, str, date | None], list[ClosingPosition]] = {}
    for position in positions:
        if position.quantity:
            name = underlying_of(position)[0] or position.symbol or position.contract_id
            groups.setdefault((name, position.currency, position.expiry), []).append(position)
    ordered = sorted(groups.items(), key=lambda group: (*group[0][:2], group[0][2] or date.min))
    return [_summed(*key, held, options) for key, held in ordered]


def _summed(
    underlying: str,
    currency: str,
    expiry: date | None,
    held: Sequence[ClosingPosition],
    options: Mapping[str, Mapping[str, Any]],
) -> HeldByExpiry:
    values = [None if one.mark is None else one.mark * one.quantity * one.multiplier for one in held]
    greeks = [_greeks_of(one, options.get(one.contract_id)) for one in held]
    return HeldByExpiry(
        underlying,
        expiry,
        currency,
        sum((one.quantity for one in held if one.quantity > 0), Decimal(0)),
        -sum((one.quantity for one in held if one.quantity < 0), Decimal(0)),
        None if None in values else sum((value for value in values if value is not None), Decimal(0)),
        *(_sum([each[place] for each in greeks]) for place in range(4)),
    )


def _greeks_of(position: ClosingPosition, row: Mapping[str, Any] | None) -> tuple[float | None, ...]:
    """Delta, gamma, theta and vega of the whole position; None where they are unknown."""
    units = float(position.quantity * position.multiplier)
    if not position.is_option:
        moves = position.asset_category in MOVES_WITH_ITS_PRICE
        return (units, 0.0, 0.0, 0.0) if moves else (None,) * 4
    if row is None:
        return (None,) * 4
    spent = delta_of_spent(row["status"], row["delta"], row["put_call"], row["strike"], row["underlying_price"])
    if spent is not None:
        return (spent * units, 0.0, 0.0, 0.0)
    per_unit = (row[name] for name in ("delta", "gamma", "theta", "vega"))
    return tuple(None if each is None else each * units for each in per_unit)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)

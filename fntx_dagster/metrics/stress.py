"""What a portfolio is worth if its underlyings and its volatilities move at once, without time passing.

Pure. Every underlying moves by the same ratio, every implied volatility by the same points, and each option is priced
again by `greeks.values` from the volatility that its mark implies. An option whose mark implies none counts as what it
is worth without time value, in every row; one that has ended by the close counts as the shares that it delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from fntx_dagster.metrics.greeks import EXPIRED, Option, values
from fntx_dagster.metrics.portfolio import MOVES_WITH_ITS_PRICE
from fntx_dagster.metrics.valuation import PricedOption
from fntx_dagster.model.account_risk import STRESS_POINTS, STRESS_SPOTS, Stress
from fntx_dagster.model.closing import ClosingPosition

_CENT = Decimal("0.01")

Change = Callable[[float, float], float]
"""A unit's change in value, in its currency, when the spot moves by a ratio and the volatility by points (0.01)."""


def stress(
    positions: Iterable[ClosingPosition],
    priced: Mapping[str, PricedOption],
    spots: Sequence[Decimal] = STRESS_SPOTS,
    points: Sequence[Decimal] = STRESS_POINTS,
) -> Stress:
    """The table for what is held of `positions`, in base currency to the cent. `spots` are ratios, `points` volatility
    per year (0.05 is five points); a volatility does not fall below 0."""
    changes: list[tuple[float, Change]] = []
    without_volatility = unknown = unmoved = 0
    for position in (position for position in positions if position.quantity):
        option = priced.get(position.contract_id) if position.is_option else None
        if option is None and position.asset_category not in MOVES_WITH_ITS_PRICE:
            unmoved += 1
            continue
        change = _share(position) if option is None else _option(position, option)
        if change is None or position.rate_to_base is None:
            unknown += 1
            continue
        if option and option.greeks.status != EXPIRED and option.greeks.implied_volatility is None:
            without_volatility += 1
        changes.append((float(position.quantity * position.multiplier * position.rate_to_base), change))
    rows = [[None if unknown else _sum(changes, float(spot), float(by)) for spot in spots] for by in points]
    return Stress(tuple(spots), tuple(points), rows, without_volatility, unknown, unmoved)


def _sum(changes: Iterable[tuple[float, Change]], spot: float, by: float) -> Decimal:
    return Decimal(str(sum(size * change(spot, by) for size, change in changes))).quantize(_CENT) + 0


def _share(position: ClosingPosition) -> Change | None:
    return None if position.mark is None else _moving(float(position.mark))


def _moving(price: float) -> Change:
    return lambda spot, _: price * spot


def _option(position: ClosingPosition, option: PricedOption) -> Change | None:
    """None where the underlying's price or the option's mark is unknown, so that nothing says what it is worth."""
    row, now = option.row, option.now
    if option.greeks.status == EXPIRED:
        if now is None:
            return _moving(0) if position.mark == 0 else None
        return _moving(now.sign * now.underlying if now.intrinsic and row.exercise == "american" else 0)
    return None if now is None or row.mark is None else _repriced(now, option.greeks.implied_volatility)


def _repriced(option: Option, volatility: float | None) -> Change:
    now = _worth(option, volatility)

    def change(spot: float, by: float) -> float:
        moved = option._replace(underlying=option.underlying * (1 + spot))
        return _worth(moved, None if volatility is None else max(volatility + by, 0.0)) - now

    return change


def _worth(option: Option, volatility: float | None) -> float:
    """Without a volatility, what it is worth without time value."""
    return values(option, volatility, [option.underlying])[0] if volatility else option.least

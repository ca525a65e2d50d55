"""What a portfolio at a session's close is exposed to: the sums of its Greeks, and its value at risk until the next.

Pure. A sum covers all positions or is None: a single option whose Greeks are undefined leaves the portfolio's sums
undefined, and `without` counts such options. The figures of a portfolio without positions are 0. Rates of exchange are
the same in every scenario. Figures are rounded half-even to PLACES: the digits beyond differ between machines.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from fntx_dagster.metrics.greeks import EXPIRED, Greeks, Option, values
from fntx_dagster.model.closing import FEWEST_SCENARIOS, delta_of_spent

MOST_SCENARIOS = 250
PLACES = {"delta": 6, "gamma": 6, "theta": 4, "vega": 4, "value_at_risk": 6}

Scenario = Mapping[Hashable, float]
"""The return of each underlying that is known in one past session; ratios (0.01 is 1 %)."""


class RiskPosition(NamedTuple):
    """A position at the close: `units` is quantity × multiplier, signed; `rate` multiplies into base currency.

    `underlying` names what moves the position, and `price` is the underlying's close (a share's own). An option has
    its Greeks at its `mark`; `later` is how it is priced one day later (`years` is the time left then, 0 or less when
    it has ended; None where its underlying's price is unknown); `delivers` says that it brings shares, not cash, when
    it ends in the money.
    """

    underlying: Hashable
    units: float
    price: float | None
    rate: float | None
    greeks: Greeks | None = None
    mark: float | None = None
    later: Option | None = None
    delivers: bool = True


class Exposure(NamedTuple):
    """The sums of a portfolio's Greeks, the number of its options, and how many of them have no Greeks (`without`).

    `delta`: delta-dollars ÷ NAV; `gamma`: change of that delta when each underlying moves by 1 USD, through the
    options' own deltas; `theta`: USD per calendar day; `vega`: USD per volatility point.
    """

    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    options: int
    without: int


class ValueAtRisk(NamedTuple):
    """The 5 % quantile of the portfolio's change in value over one day ÷ NAV, negative when it loses, as `var_95` of
    returns: by delta and gamma, and by full repricing. `scenarios`: the number of past days, None if none is needed."""

    historical: float | None
    repricing: float | None
    scenarios: int | None


def exposure(held: Sequence[RiskPosition], nav: float, usd_rate: float | None) -> Exposure:
    """The sums over the positions held; `nav` is in base currency, `usd_rate` multiplies USD into it.

    An option that ended by the close counts as the shares that it delivers in the money, else as nothing. Where its
    underlying's price is unknown, a mark of 0 shows that it ended out of the money.
    """
    options = [(option, _sensitivities(option)) for option in held if option.greeks is not None]
    exposed = [(option, own) for option, own in options if own is not _NOTHING]
    deltas = [_product(each.units, each.price, _sensitivities(each).delta, each.rate) for each in _exposed(held)]
    gammas = [_product(option.units, option.price, own.gamma, usd_rate) for option, own in exposed]
    thetas = [_product(option.units, own.theta, option.rate) for option, own in exposed]
    vegas = [_product(option.units, own.vega, option.rate) for option, own in exposed]
    return Exposure(
        _rounded("delta", _sum(deltas), nav),
        _rounded("gamma", _sum(gammas), nav),
        _rounded("theta", _sum(thetas), usd_rate if exposed else 1),
        _rounded("vega", _sum(vegas), usd_rate if exposed else 1),
        len(options),
        sum(own.delta is None for _, own in options),
    )


def value_at_risk(
    held: Sequence[RiskPosition], nav: float, moves: Sequence[Scenario], *, all_known: bool = True
) -> ValueAtRisk:
    """One day's value at risk of 95 %, by historical simulation (Hull, “Options, Futures, and Other Derivatives”, the
    chapter on value at risk); `nav` is in base currency.

    `moves`: the past sessions, oldest first. A session is a scenario where the moves of every underlying that the
    portfolio is exposed to are known. `all_known` is False where something held has no moves here, such as a bond.
    """
    if nav <= 0 or not all_known:
        return ValueAtRisk(None, None, None)
    exposed = _exposed(held)
    if not exposed:
        return ValueAtRisk(0.0, 0.0, None)
    needed = {position.underlying for position in exposed}
    scenarios = [move for move in moves[-MOST_SCENARIOS:] if needed <= move.keys()]
    if len(scenarios) < FEWEST_SCENARIOS:
        return ValueAtRisk(None, None, len(scenarios))
    historical = _quantile(_changes_by_greeks(position, scenarios) for position in exposed)
    repricing = _quantile(_changes_by_price(position, scenarios) for position in exposed)
    return ValueAtRisk(
        _rounded("value_at_risk", historical, nav), _rounded("value_at_risk", repricing, nav), len(scenarios)
    )


_SHARE = Greeks("share", None, 1.0, 0.0, 0.0, 0.0)
_NOTHING = Greeks("nothing", None, 0.0, 0.0, 0.0, 0.0)


def _exposed(positions: Iterable[RiskPosition]) -> list[RiskPosition]:
    """The positions that are worth something; of the others neither price nor moves are needed."""
    return [position for position in positions if _sensitivities(position) is not _NOTHING]


def _sensitivities(position: RiskPosition) -> Greeks:
    """The Greeks of a unit of the position. An option that has ended is the shares that it delivers, or nothing. An
    option whose mark holds no time value moves as its shares do where it is in the money, else not at all."""
    own, later = position.greeks, position.later
    if own is None:
        return _SHARE
    if later is not None:
        delta = delta_of_spent(own.status, own.delta, later.put_call, later.strike, later.underlying)
        if delta is not None:
            return _SHARE._replace(delta=delta)
    if own.status != EXPIRED:
        return own
    if later is None:
        return _NOTHING if position.mark == 0 else own
    return _SHARE._replace(delta=float(later.sign)) if later.intrinsic and position.delivers else _NOTHING


def _changes_by_greeks(position: RiskPosition, scenarios: Sequence[Scenario]) -> list[float] | None:
    """The position's change in base currency in each scenario, by Taylor's formula to the second order in the price."""
    own, price = _sensitivities(position), position.price
    size, delta, gamma = _product(position.units, position.rate), own.delta, own.gamma
    if size is None or price is None or delta is None or gamma is None:
        return None
    moved = [price * scenario[position.underlying] for scenario in scenarios]
    return [size * (delta * by + gamma * by * by / 2) for by in moved]


def _changes_by_price(position: RiskPosition, scenarios: Sequence[Scenario]) -> list[float] | None:
    """The position's change in base currency in each scenario, one day later. An option that ends by then is worth
    what it brings."""
    own, later, price, mark = position.greeks, position.later, position.price, position.mark
    if own is None or own.status == EXPIRED:
        return _changes_by_greeks(position, scenarios)
    size = _product(position.units, position.rate)
    if size is None or mark is None or later is None or price is None:
        return None
    if own.implied_volatility is None and later.years > 0:
        return None
    prices = [price * (1 + scenario[position.underlying]) for scenario in scenarios]
    return [size * (worth - mark) for worth in values(later, own.implied_volatility or 0.0, prices)]


def _quantile(changes: Iterable[list[float] | None]) -> float | None:
    """The 5 % quantile of the sums over positions, linearly interpolated."""
    known: list[list[float]] = []
    for change in changes:
        if change is None:
            return None
        known.append(change)
    ascending = sorted(map(sum, zip(*known, strict=True)))
    place = (len(ascending) - 1) * 0.05
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def _product(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product


def _sum(terms: Iterable[float | None]) -> float | None:
    total = 0.0
    for term in terms:
        if term is None:
            return None
        total += term
    return total


def _rounded(figure: str, total: float | None, of: float | None) -> float | None:
    """`total` ÷ `of`, which must be positive; -0.0 is 0."""
    if total is None or of is None or of <= 0:
        return None
    return round(total / of, PLACES[figure]) + 0.0

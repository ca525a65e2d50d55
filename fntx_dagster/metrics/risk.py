"""What a portfolio at a session's close is exposed to: the sums of its Greeks, and its value at risk until the next.

Pure. A sum is that of all positions or None: one option whose Greeks are undefined leaves the portfolio's undefined,
and `without` says of how many. A portfolio without positions is exposed to nothing: its figures are 0. Rates of
exchange stay as they are in every scenario. What is returned is rounded half-even to PLACES: beyond them, machines
differ.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from fntx_dagster.metrics.greeks import EXPIRED, LOW_VEGA, Greeks, Option, values

FEWEST_SCENARIOS, MOST_SCENARIOS = 20, 250
PLACES = {"delta": 6, "gamma": 6, "theta": 4, "vega": 4, "value_at_risk": 6}


class RiskPosition(NamedTuple):
    """A position at the close: `units` is quantity × multiplier, signed; `rate` multiplies into base currency.

    `underlying` names what moves it, `price` is that one's close (a share's own). Of an option: its Greeks at its
    `mark`, and how it is priced one day later (`years` is what is left of it then, 0 or less when it has ended; None
    where its underlying's price is unknown). `delivers`: its end in the money brings shares, not cash.
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
    """The sums of a portfolio's Greeks, and how many options they are of (`without`: how many they lack).

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
    returns: by delta and gamma, and by full repricing. `scenarios`: of how many past days; None: none were needed."""

    historical: float | None
    repricing: float | None
    scenarios: int | None


def exposure(held: Sequence[RiskPosition], nav: float, usd_rate: float | None) -> Exposure:
    """The sums over what is held; `nav` in base currency, `usd_rate` is USD to base currency.

    An option that ended by the close stands for the shares that it delivers in the money, else for nothing: that it is
    marked at 0 is enough where its underlying's price is unknown.
    """
    options = [(one, _sensitivities(one)) for one in held if one.greeks is not None]
    exposed = [(one, own) for one, own in options if own is not _NOTHING]
    deltas = [_product(one.units, one.price, _sensitivities(one).delta, one.rate) for one in _exposed(held)]
    gammas = [_product(one.units, one.price, own.gamma, usd_rate) for one, own in exposed]
    thetas = [_product(one.units, own.theta, one.rate) for one, own in exposed]
    vegas = [_product(one.units, own.vega, one.rate) for one, own in exposed]
    return Exposure(
        _rounded("delta", _sum(deltas), nav),
        _rounded("gamma", _sum(gammas), nav),
        _rounded("theta", _sum(thetas), usd_rate if exposed else 1),
        _rounded("vega", _sum(vegas), usd_rate if exposed else 1),
        len(options),
        sum(own.delta is None for _, own in options),
    )


def value_at_risk(
    held: Sequence[RiskPosition], nav: float, moves: Sequence[Mapping[Hashable, float]], *, all_known: bool = True
) -> ValueAtRisk:
    """One day's value at risk of 95 %, by historical simulation.

    `moves`: for each past session, oldest first, the return of each underlying that is known; a session is a scenario
    where those of everything held are known that stands for something. `all_known` False: something is held that has no
    moves here, such as a bond.
    """
    if nav <= 0 or not all_known:
        return ValueAtRisk(None, None, None)
    held = _exposed(held)
    if not held:
        return ValueAtRisk(0.0, 0.0, None)
    needed = {one.underlying for one in held}
    scenarios = [move for move in moves[-MOST_SCENARIOS:] if needed <= move.keys()]
    if len(scenarios) < FEWEST_SCENARIOS:
        return ValueAtRisk(None, None, len(scenarios))
    return ValueAtRisk(
        *(
            _rounded("value_at_risk", _quantile([changes(one, scenarios) for one in held]), nav)
            for changes in (_by_greeks, _by_price)
        ),
        len(scenarios),
    )


_SHARE = Greeks("share", None, 1.0, 0.0, 0.0, 0.0)
_NOTHING = Greeks("nothing", None, 0.0, 0.0, 0.0, 0.0)


def _exposed(held: Iterable[RiskPosition]) -> list[RiskPosition]:
    """What stands for something; of the rest, neither price nor moves are needed."""
    return [one for one in held if _sensitivities(one) is not _NOTHING]


def _sensitivities(one: RiskPosition) -> Greeks:
    """Of a unit of it; an option that has ended is the shares it delivers, or nothing any more. One whose mark holds no
    time value moves as the shares do where it is in the money, else not at all."""
    if one.greeks is None:
        return _SHARE
    if one.greeks.status == LOW_VEGA and one.greeks.delta is None and one.later is not None:
        return _SHARE._replace(delta=float(one.later.sign) if one.later.intrinsic else 0.0)
    if one.greeks.status != EXPIRED:
        return one.greeks
    if one.later is None:
        return _NOTHING if one.mark == 0 else one.greeks
    return _SHARE._replace(delta=float(one.later.sign)) if one.later.intrinsic and one.delivers else _NOTHING


def _by_greeks(one: RiskPosition, scenarios: Sequence[Mapping[Hashable, float]]) -> list[float] | None:
    """Its change in base currency in each scenario, by Taylor's formula to the second order in the price."""
    own = _sensitivities(one)
    size = _product(one.units, one.rate)
    if None in (size, one.price, own.delta, own.gamma):
        return None
    moved = [one.price * move[one.underlying] for move in scenarios]
    return [size * (own.delta * by + own.gamma * by * by / 2) for by in moved]


def _by_price(one: RiskPosition, scenarios: Sequence[Mapping[Hashable, float]]) -> list[float] | None:
    """Its change in base currency in each scenario, one day later: an option that has ended by then is worth what it
    brings."""
    has_ended = one.greeks is not None and one.greeks.status == EXPIRED
    if one.greeks is None or has_ended:
        return _by_greeks(one, scenarios)
    size = _product(one.units, one.rate)
    if None in (size, one.mark, one.later):
        return None
    volatility = one.greeks.implied_volatility
    if volatility is None and one.later.years > 0:
        return None
    prices = [one.price * (1 + move[one.underlying]) for move in scenarios]
    return [size * (value - one.mark) for value in values(one.later, volatility or 0.0, prices)]


def _quantile(changes: Sequence[list[float] | None]) -> float | None:
    """The 5 % quantile of the sums over positions, linearly interpolated."""
    if any(one is None for one in changes):
        return None
    ascending = sorted(map(sum, zip(*changes, strict=True)))
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

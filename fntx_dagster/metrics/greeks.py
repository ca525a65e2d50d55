"""Greeks of an option at a moment: the volatility that its mark implies, and what follows from it.

Pure. QuantLib prices. European options, and American ones that nobody exercises early, by Black's formula; the others
are worth the premium of early exercise more, which `QdFpAmericanEngine` (Andersen, Lake & Offengenden, 2016) gives and
whose derivatives are differences. QuantLib knows no time of day, and gives an option of today a value of 0: a price
depends on r·T, q·T and σ·√T alone, so T is always mapped to one year.

Dividends are a continuous yield, and the known ones of an option's life, which `lattice.py` prices. Rates are
continuously compounded per year, a year has 365 days of 24 hours. Amounts are per unit of the underlying, in the
option's currency.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.metrics.lattice import DividendTree
from fntx_dagster.model.closing import LOW_VEGA

if TYPE_CHECKING:
    from datetime import datetime

OK = "ok"
BELOW_INTRINSIC = "below_intrinsic"
"""The mark lies below what the option is worth without any volatility, by more than its `tolerance`."""
EXPIRED = "expired"
NO_PRICE = "no_price"
"""The option's mark or the underlying's price is not known, or the mark is above what any volatility explains."""

_HALF_A_CENT = 0.005
_HALF_A_CENT_OF_A_CONTRACT = 100 * _HALF_A_CENT
_MOST_POINTS = 5
_A_TICK = 1 + 1e-9
"""A mark of one tick counts as one however a float holds it."""
_NEGLIGIBLE = 1e-5
"""A premium of early exercise that is at most this part of the mark is none."""
_CONVERGED = 1e-9
"""Of the strike: what the American engine's digits carry."""
_TREE_STEP = 5.0
"""The differences of a tree's prices are so many times wider: it has fewer digits."""
_YEAR = 365 * 24 * 3600
_NODES = 9


class Option(NamedTuple):
    """An option and its market: `underlying` is its price, `years` the time that is left.

    An option on a future has the risk-free rate as its dividend yield (Black, 1976).
    """

    put_call: str
    strike: float
    is_american: bool
    underlying: float
    rate: float
    dividend_yield: float
    years: float
    dividends: tuple[tuple[float, float], ...] = ()
    """The known dividends that go ex before it ends: (years until then, amount per unit)."""

    @property
    def sign(self) -> int:
        return 1 if self.put_call == "C" else -1

    @property
    def intrinsic(self) -> float:
        """What exercising it now is worth, 0 or more."""
        return max(self.sign * (self.underlying - self.strike), 0.0)

    @property
    def discount(self) -> float:
        return math.exp(-self.rate * self.years)

    @property
    def spot(self) -> float:
        """The underlying's price less the present value of the known dividends, above 0."""
        return max(self.underlying - self.owed(0.0), 1e-6 * self.underlying)

    def owed(self, moment: float) -> float:
        """The present value of the known dividends that go ex after a moment, in years from now."""
        return sum(amount * math.exp(-self.rate * years) for years, amount in self.dividends if years > moment)

    @property
    def forward(self) -> float:
        return self.spot * math.exp((self.rate - self.dividend_yield) * self.years)

    @property
    def least(self) -> float:
        """Its value without any volatility."""
        held = max(self.sign * (self.forward - self.strike), 0.0) * self.discount
        return max(held, self.intrinsic, *self._exercised_at_an_ex_date()) if self.is_american else held

    def _exercised_at_an_ex_date(self) -> list[float]:
        """What a call exercised just before an ex-date, or a put just after one, is worth without volatility."""
        worth = []
        for years, _ in self.dividends:
            owed = self.owed(math.nextafter(years, 0.0 if self.put_call == "C" else math.inf))
            price = self.spot * math.exp(-self.dividend_yield * years) + owed
            worth.append(self.sign * (price - self.strike * math.exp(-self.rate * years)))
        return worth

    @property
    def most(self) -> float:
        """What its value comes to with ever more volatility."""
        if self.is_american:
            return self.underlying if self.put_call == "C" else self.strike
        return (self.forward if self.put_call == "C" else self.strike) * self.discount


class Greeks(NamedTuple):
    """`implied_volatility` per year (0.2 is 20 %); `delta` per 1 of the underlying; `gamma`: change of the delta per 1
    of the underlying's currency; `theta` per calendar day; `vega` per volatility point (0.01). None where undefined."""

    status: str
    implied_volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None


def years_between(moment: datetime, end: datetime) -> float:
    """The time from an aware moment to another in years of 365 days; negative when it is over."""
    return (end - moment).total_seconds() / _YEAR


def tolerance(multiplier: float) -> float:
    """How closely a mark gives a price per unit: to half a cent. A contract over more than 100 units is quoted in finer
    steps (an option on a euro future, over 125,000, in 0.00005), and known to the same money as one over 100."""
    return min(_HALF_A_CENT, _HALF_A_CENT_OF_A_CONTRACT / multiplier)


def tick(multiplier: float) -> float:
    """The least price of a contract, per unit: a cent, for a contract over more than 100 units less by as much."""
    return 2 * tolerance(multiplier)


def greeks(option: Option | None, mark: float | None, years: float, multiplier: float = 100.0) -> Greeks:
    """The Greeks that a mark implies; `option` is None where the underlying's price is unknown, `years` may be over.
    `multiplier`: units of the underlying to the contract. A mark of a tick or less says only that the option is worth
    no more.

    `status` says how far they can be trusted; what is undefined is None, never 0.
    """
    if years <= 0:
        return Greeks(EXPIRED)
    if mark is None or mark < 0 or option is None or option.underlying <= 0 or mark >= option.most:
        return Greeks(NO_PRICE)
    least, within = option.least, tolerance(multiplier)
    if mark < least - within:
        return Greeks(BELOW_INTRINSIC)
    if mark - least < within:
        return Greeks(LOW_VEGA)
    computed = _greeks(option, mark, implied_volatility(option, mark))
    says_little = (computed.vega or 0.0) < within / _MOST_POINTS or mark <= tick(multiplier) * _A_TICK
    return computed._replace(status=LOW_VEGA) if says_little else computed


def value(option: Option, volatility: float) -> float:
    """What a running option is worth, per unit of the underlying."""
    deviation = volatility * math.sqrt(option.years)
    if not _is_exercised_early(option, deviation):
        return _european(option, deviation)
    return _american(option, deviation)


def values(option: Option, volatility: float, underlyings: Sequence[float]) -> list[float]:
    """What it would be worth at other prices of the underlying (at intrinsic value when it has ended).

    Black's formula at each price; the premium of early exercise, where there is one, is computed at a few prices over
    their range and interpolated.
    """
    at = [option._replace(underlying=price) for price in underlyings]
    if option.years <= 0:
        return [moved.intrinsic for moved in at]
    deviation = volatility * math.sqrt(option.years)
    european = [_european(moved, deviation) for moved in at]
    low, high = min(underlyings), max(underlyings)
    ends = (option._replace(underlying=low), option._replace(underlying=high))
    if not any(_is_exercised_early(end, deviation) for end in ends):
        return european
    nodes = [low + (high - low) * n / (_NODES - 1) for n in range(_NODES)] if high > low else [low]
    premiums = [_premium(option._replace(underlying=node), deviation, "fast") for node in nodes]
    return [
        max(held + _between(nodes, premiums, moved.underlying), moved.intrinsic)
        for held, moved in zip(european, at, strict=True)
    ]


def implied_volatility(option: Option, mark: float) -> float:
    """The volatility per year at which the option is worth its mark, which lies between `least` and `most`.

    Newton's method from the point of inflection for Black's formula (Manaster & Koehler, 1982); an American option has
    less volatility than a European option at the same price, so that its volatility lies between 0 and that.
    """
    deviation = _european_deviation(option, mark)
    if _is_exercised_early(option, deviation, mark):
        deviation = _american_deviation(option, mark, deviation)
    return deviation / math.sqrt(option.years)


def underlying_by_parity(
    call: float, put: float, strike: float, rate: float, dividend_yield: float, years: float
) -> float:
    """The underlying's price that a call's and a put's mark of one strike imply together (put-call parity).

    Exact for European options; of American ones, off by at most what both could gain by early exercise.
    """
    return (call - put + strike * math.exp(-rate * years)) * math.exp(dividend_yield * years)


def _greeks(option: Option, mark: float, volatility: float) -> Greeks:
    ql = _quantlib()
    root = math.sqrt(option.years)
    deviation = volatility * root
    black = ql.BlackCalculator(_payoff(option), option.forward, deviation, option.discount)
    delta = black.delta(option.spot)
    gamma = black.gamma(option.spot)
    vega = black.vega(option.years)
    worth = black.value()
    if _is_exercised_early(option, deviation, mark):
        part = _TREE_STEP if option.dividends else 1.0
        step, more = part * 0.02 * option.underlying * min(deviation, 0.5), part * 0.01 * deviation
        here = _premium(option, deviation)
        above = _premium(option._replace(underlying=option.underlying + step), deviation)
        below = _premium(option._replace(underlying=option.underlying - step), deviation)
        worth += here
        delta += (above - below) / (2 * step)
        gamma += (above - 2 * here + below) / step**2
        vega += (_premium(option, deviation + more) - _premium(option, deviation - more)) / (2 * more) * root
    # the equation of Black and Scholes, which holds while nobody exercises, leaves nothing to difference
    spot = option.spot
    carried = option.rate * option.underlying - option.dividend_yield * spot
    theta = option.rate * worth - carried * delta - volatility**2 * spot**2 * gamma / 2
    return Greeks(OK, volatility, delta, gamma, theta / 365, vega / 100)


def _european_deviation(option: Option, mark: float) -> float:
    """σ·√T by Black's formula, of the call or the put, whichever is out of the money: its price keeps more digits."""
    ql = _quantlib()
    strike, forward = option.strike, option.forward
    wanted = mark / option.discount - max(option.sign * (forward - strike), 0.0)
    kind = ql.Option.Call if strike >= forward else ql.Option.Put
    low, high = 0.0, math.inf
    deviation = max(math.sqrt(2 * abs(math.log(forward / strike))), wanted / forward * math.sqrt(2 * math.pi))
    for _ in range(200):
        off = ql.blackFormula(kind, strike, forward, deviation) - wanted
        low, high = (deviation, high) if off < 0 else (low, deviation)
        slope = _slope(strike, forward, deviation)
        following = deviation - off / slope if slope > 0 else low
        if not low < following < high:
            following = (low + high) / 2 if high < math.inf else 2 * deviation
        if abs(following - deviation) <= 1e-14 * deviation:
            break
        deviation = following
    return deviation


def _american_deviation(option: Option, mark: float, most: float) -> float:
    """σ·√T of an American option by the secant method, within brackets."""
    enough = _CONVERGED * option.strike
    low, high = 0.0, most
    before, deviation, off_before = most, most, _american(option, most) - mark
    if off_before > enough:
        deviation -= off_before / (_slope(option.strike, option.forward, most) * option.discount)
        for _ in range(100):
            if not low < deviation < high:
                deviation = (low + high) / 2
            off = _american(option, deviation) - mark
            low, high = (deviation, high) if off < 0 else (low, deviation)
            if abs(off) <= enough or high - low <= 1e-14 * high:
                break
            following = deviation - off * (deviation - before) / (off - off_before) if off != off_before else low
            before, off_before, deviation = deviation, off, following
    return deviation


def _is_exercised_early(option: Option, deviation: float, mark: float | None = None) -> bool:
    """Whether early exercise may be worth something.

    A call is only exercised for dividends, a put only for interest; what that is worth is at most the dividends or the
    interest until the end, as often as the option ends in the money (Kim, 1990).
    """
    saved = option.dividend_yield if option.put_call == "C" else option.rate
    if not option.is_american or (saved <= 0 and not _gains_a_dividend(option)):
        return False
    if mark is None:
        return True
    if option.intrinsic:  # while it is in the money, its chances are larger before the end
        return True
    d1 = math.log(option.forward / option.strike) / deviation + deviation / 2
    of = option.underlying if option.put_call == "C" else option.strike
    at = d1 if option.put_call == "C" else deviation - d1
    gain = of * -math.expm1(-saved * option.years) + (option.owed(0.0) if option.put_call == "C" else 0.0)
    return gain * _normal(at) > _NEGLIGIBLE * mark


def _gains_a_dividend(option: Option) -> bool:
    """Whether a dividend is more than the interest on the strike until the next, or the end (Merton, 1973)."""
    after = [*(years for years, _ in option.dividends[1:]), option.years]
    return option.put_call == "C" and any(  # zip ends where there is no dividend
        amount > option.strike * -math.expm1(-option.rate * (following - years))
        for (years, amount), following in zip(option.dividends, after, strict=False)
    )


def _european(option: Option, deviation: float) -> float:
    return _quantlib().blackFormula(_kind(option), option.strike, option.forward, deviation, option.discount)


def _slope(strike: float, forward: float, deviation: float) -> float:
    """How Black's formula without discount grows with σ·√T."""
    d1 = math.log(forward / strike) / deviation + deviation / 2
    return forward * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)


def _american(option: Option, deviation: float, scheme: str = "accurate") -> float:
    if option.dividends:
        return _european(option, deviation) + _premium(option, deviation)
    return _desk(scheme).value(option, deviation)


def _premium(option: Option, deviation: float, scheme: str = "accurate") -> float:
    """What early exercise adds to a European option."""
    if option.dividends:
        terms = (option.sign, option.strike, option.spot, option.rate, option.dividend_yield, option.years)
        return DividendTree(*terms, deviation, option.dividends).premium(fast=scheme == "fast")
    return max(_american(option, deviation, scheme) - _european(option, deviation), 0.0)


def _kind(option: Option) -> int:
    ql = _quantlib()
    return ql.Option.Call if option.put_call == "C" else ql.Option.Put


def _payoff(option: Option) -> Any:
    return _quantlib().PlainVanillaPayoff(_kind(option), option.strike)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _between(nodes: Sequence[float], heights: Sequence[float], at: float) -> float:
    place = min(bisect_right(nodes, at), len(nodes) - 1)
    if not place:
        return heights[0]
    left, right = nodes[place - 1], nodes[place]
    return heights[place - 1] + (heights[place] - heights[place - 1]) * (at - left) / (right - left)


@cache
def _quantlib() -> Any:
    import QuantLib  # takes a third of a second, so it is imported where an option is priced

    return QuantLib


@cache
def _desk(scheme: str) -> _Desk:
    return _Desk(scheme)


class _Desk:
    """QuantLib's American engine with its quotes, made once.

    Its year begins later than any date of evaluation, which others in the process may set: nothing is ever expired.
    """

    def __init__(self, scheme: str) -> None:
        ql = _quantlib()
        begins, days = ql.Date(1, 1, 2190), ql.Actual365Fixed()
        self.quotes = [ql.SimpleQuote(number) for number in (100.0, 0.0, 0.0, 0.2)]
        spot, rate, dividends, volatility = map(ql.QuoteHandle, self.quotes)
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(begins, dividends, days)),
            ql.YieldTermStructureHandle(ql.FlatForward(begins, rate, days)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(begins, ql.NullCalendar(), volatility, days)),
        )
        precision = getattr(ql.QdFpAmericanEngine, f"{scheme}Scheme")()
        self.engine = ql.QdFpAmericanEngine(process, precision)
        self.exercise = ql.AmericanExercise(begins, begins + 365)

    def value(self, option: Option, deviation: float) -> float:
        ql = _quantlib()
        at = (option.underlying, option.rate * option.years, option.dividend_yield * option.years, deviation)
        for quote, number in zip(self.quotes, at, strict=True):
            quote.setValue(number)
        priced = ql.VanillaOption(_payoff(option), self.exercise)
        priced.setPricingEngine(self.engine)
        return priced.NPV()

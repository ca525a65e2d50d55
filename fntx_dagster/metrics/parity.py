"""The price of an underlying that no statement gives, implied by a put and a call on it.

Pure. Of a put and a call of one strike K and one expiry, marked at the same moment T years before it, put-call parity
says S = (C − P + K·e^(−r·T))·e^(q·T) (Stoll, 1969; with a dividend yield Merton, 1973; Hull, “Options, Futures, and
Other Derivatives”, chapter 11). It is exact for European options; for American ones it is off by at most what early
exercise could gain. Of two strikes, the price follows from the assumption that both have one volatility.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.metrics.greeks import Option, implied_volatility, underlying_by_parity, years_between
from fntx_dagster.metrics.terms import Assumptions, OptionTerms, Underlying, terms_of, underlying_of
from fntx_dagster.model.closing import ClosingPosition

_PLACES, _FEWEST_DIGITS = Decimal("0.0001"), 6
"""What an implied price is rounded to: four decimals, and more where it is small, as a yen's."""
_SAME = 1e-9
"""Volatilities so near are one, and so are prices, of themselves."""


class _Quote(NamedTuple):
    option: ClosingPosition
    terms: OptionTerms
    mark: Decimal
    ends_at: datetime


def implied_prices(
    options: Iterable[ClosingPosition], ends: Mapping[str, datetime], assumptions: Assumptions
) -> dict[Underlying, Decimal]:
    """The prices of underlyings that are not known otherwise, each in the currency of its options.

    `ends` gives the moment at which an option ends, by contract id. A pair is a put and a call of the same strike and
    expiry that still run, marked at the same moment. Of several pairs the pair whose marks differ least, which lies
    nearest to the money, implies the price; of equal pairs the one that expires first.
    """
    best: dict[Underlying, tuple[Decimal, date, Decimal]] = {}
    for put, call in _pairs(options, ends):
        years = years_between(call.option.valued_at, call.ends_at)
        if years <= 0 or not max(put.mark, call.mark):
            continue
        price = underlying_by_parity(
            float(call.mark),
            float(put.mark),
            float(call.terms.strike),
            float(assumptions.risk_free_rate(call.option)),
            assumptions.yield_until(call.option, call.ends_at),
            years,
        ) + _owed(call, assumptions)
        underlying = underlying_of(call.option)
        candidate = (abs(call.mark - put.mark), call.terms.expiry, rounded_price(price))
        best[underlying] = min(best.get(underlying, candidate), candidate)
    return {underlying: price for underlying, (_, _, price) in best.items()}


def underlying_by_one_volatility(put: Option, call: Option, put_mark: float, call_mark: float) -> float | None:
    """The underlying's price at which the marks of a put and a call of one expiry imply the same volatility, whatever
    their `underlying` says; None where there is none. Both count as European ones.

    The put's volatility grows with the price and the call's falls, so that there is at most one; it lies between where
    the put is worth nothing but its exercise and where the call is (Illinois method on the forward's price).
    """
    in_forward = put.discount
    low, high = put.strike - put_mark / in_forward, call.strike + call_mark / in_forward
    low = max(low, call_mark / in_forward)  # a call is worth less than the forward
    if not 0 < put_mark / in_forward < put.strike or call_mark <= 0 or low >= high:
        return None
    carry = math.exp((put.rate - put.dividend_yield) * put.years)
    edge = 1e-9 * (high - low)

    def apart(forward: float) -> float:
        at = {"underlying": forward / carry + put.owed(0.0), "is_american": False}
        return implied_volatility(put._replace(**at), put_mark) - implied_volatility(call._replace(**at), call_mark)

    low, high = low + edge, high - edge
    below, above = apart(low), apart(high)
    if not below < 0 < above:
        return None
    forward, off = low, below
    for _ in range(100):
        if abs(off) < _SAME or high - low < _SAME * high:
            break
        forward = (low * above - high * below) / (above - below)
        off = apart(forward)
        if off < 0:
            low, below, above = forward, off, above / 2
        else:
            high, above, below = forward, off, below / 2
    return forward / carry + put.owed(0.0)


def _owed(call: _Quote, assumptions: Assumptions) -> float:
    """The present value of the known dividends of a call's life: what the price has beyond what parity gives."""
    rate = float(assumptions.risk_free_rate(call.option))
    return sum(
        float(dividend.amount) * math.exp(-rate * years_between(call.option.valued_at, dividend.ex_at))
        for dividend in assumptions.dividends_until(call.option, call.ends_at)
    )


def rounded_price(price: float) -> Decimal:
    """A price of at least four decimals and six significant digits, rounded half-even: 628.0412, 0.00680123."""
    exact = Decimal(price)
    return exact.quantize(min(_PLACES, Decimal(1).scaleb(exact.adjusted() + 1 - _FEWEST_DIGITS)))


def _pairs(options: Iterable[ClosingPosition], ends: Mapping[str, datetime]) -> Iterator[tuple[_Quote, _Quote]]:
    """Each put with the call that belongs to it."""
    quotes: dict[tuple[object, ...], dict[str, _Quote]] = defaultdict(dict)
    for option in options:
        terms, mark, ends_at = terms_of(option), option.mark, ends.get(option.contract_id)
        if terms is None or mark is None or ends_at is None or option.underlying_price is not None:
            continue
        key = (underlying_of(option), terms.expiry, terms.strike, option.valued_at)
        quotes[key][terms.put_call] = _Quote(option, terms, mark, ends_at)
    return ((pair["P"], pair["C"]) for pair in quotes.values() if len(pair) == 2)

"""The price of an underlying that no statement gives, implied by a put and a call on it.

Pure. Of a put and a call of one strike K and one expiry, marked at the same moment T years before it, put-call parity
says S = (C − P + K·e^(−r·T))·e^(q·T) (Stoll, 1969; with a dividend yield Merton, 1973; Hull, “Options, Futures, and
Other Derivatives”, chapter 11). It is exact for European options; for American ones it is off by at most what early
exercise could gain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import exp
from typing import NamedTuple

from fntx_dagster.metrics.greeks import underlying_by_parity, years_between
from fntx_dagster.metrics.terms import Assumptions, OptionTerms, Underlying, terms_of, underlying_of
from fntx_dagster.model.closing import ClosingPosition

_PLACES, _FEWEST_DIGITS = Decimal("0.0001"), 6
"""What an implied price is rounded to: four decimals, and more where it is small, as a yen's."""


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


def _owed(call: _Quote, assumptions: Assumptions) -> float:
    """The present value of the known dividends of a call's life: what the price has beyond what parity gives."""
    rate = float(assumptions.risk_free_rate(call.option))
    return sum(
        float(dividend.amount) * exp(-rate * years_between(call.option.valued_at, dividend.ex_at))
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

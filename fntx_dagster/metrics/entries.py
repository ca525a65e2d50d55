"""An option's Greeks at its entry, from the price of its own fill, where no closing price gives them.

Pure. The underlying's price at that moment is that of a fill of its shares; else the one that a put and a call of one
strike and expiry imply (`parity.implied_prices`); else the one at which a put and a call of one expiry have the same
volatility, which the market does not promise: a put usually has the higher one. What is used has to be filled within
`TOGETHER` of the entry; of several, what is nearest in time. Without any of them nothing is known of the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.metrics.greeks import years_between
from fntx_dagster.metrics.parity import implied_prices, rounded_price, underlying_by_one_volatility
from fntx_dagster.metrics.terms import Assumptions, terms_of, underlying_of
from fntx_dagster.metrics.valuation import option_at, price_options
from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.strategies import BY_ONE_VOLATILITY, BY_PARITY, BY_SHARES

TOGETHER = timedelta(minutes=1)
"""Prices are of one moment where their fills are at most so far apart."""


class EntryGreeks(NamedTuple):
    """What an option's fill says: the underlying's price, how it is known (one of `model.strategies.ENTRIES`), and the
    delta and the volatility per year that the fill's price implies at it; None where it implies none."""

    priced_by: str
    underlying: Decimal
    delta: float | None
    volatility: float | None


def entry_greeks(
    entry: ClosingPosition,
    beside: Sequence[ClosingPosition],
    ends: Mapping[str, datetime],
    assumptions: Assumptions,
) -> EntryGreeks | None:
    """The Greeks at an option's fill; None where the underlying's price at its moment is not known.

    Fills are positions whose mark is the fill's price and `valued_at` its moment. `beside` are the fills of the session
    on the same underlying, the entry's own and those of shares among them; `ends` gives the moment at which an option
    ends, by contract id.
    """
    known = _underlying(entry, _nearest(entry, beside), ends, assumptions)
    if known is None:
        return None
    how, price = known
    marked = entry._replace(underlying_price=price, underlying_source=how)
    found = price_options([marked], ends, entry.valued_at, assumptions)[entry.contract_id].greeks
    return EntryGreeks(how, price, found.delta, found.implied_volatility)


def _nearest(entry: ClosingPosition, beside: Sequence[ClosingPosition]) -> list[ClosingPosition]:
    """Of each contract the fill that is nearest to the entry and near enough; the nearest contract first."""
    near = [fill for fill in beside if _apart(entry, fill) <= TOGETHER and underlying_of(fill) == underlying_of(entry)]
    chosen = {}
    for fill in sorted(near, key=lambda fill: (_apart(entry, fill), fill.contract_id)):
        chosen.setdefault(fill.contract_id, fill)
    return [entry, *(fill for name, fill in chosen.items() if name != entry.contract_id)]


def _apart(entry: ClosingPosition, fill: ClosingPosition) -> timedelta:
    return abs(fill.valued_at - entry.valued_at)


def _underlying(
    entry: ClosingPosition, near: Sequence[ClosingPosition], ends: Mapping[str, datetime], assumptions: Assumptions
) -> tuple[str, Decimal] | None:
    shares = [fill.mark for fill in near if not fill.is_option and fill.mark]
    if shares:
        return BY_SHARES, shares[0]
    options = [fill._replace(valued_at=entry.valued_at) for fill in near if fill.is_option]
    by_parity = implied_prices(options, ends, assumptions).get(underlying_of(entry))
    if by_parity is not None and by_parity > 0:
        return BY_PARITY, by_parity
    for put, call in _pairs(options):
        price = _by_one_volatility(put, call, ends, assumptions)
        if price is not None:
            return BY_ONE_VOLATILITY, price
    return None


def _pairs(options: Sequence[ClosingPosition]) -> Iterator[tuple[ClosingPosition, ClosingPosition]]:
    """Puts and calls of one expiry, those with the nearer fills first: the order of `options` is that of nearness."""
    for place, later in enumerate(options):
        for earlier in options[:place]:
            if earlier.expiry == later.expiry and {earlier.put_call, later.put_call} == {"P", "C"}:
                yield (earlier, later) if earlier.put_call == "P" else (later, earlier)


def _by_one_volatility(
    put: ClosingPosition, call: ClosingPosition, ends: Mapping[str, datetime], assumptions: Assumptions
) -> Decimal | None:
    until = ends.get(put.contract_id)
    if until is None or not put.mark or not call.mark or years_between(put.valued_at, until) <= 0:
        return None
    terms = terms_of(put)
    if terms is None or terms_of(call) is None:
        return None
    sold = [option_at(leg, terms.strike, until, assumptions) for leg in (put, call)]
    if sold[0] is None or sold[1] is None:
        return None
    price = underlying_by_one_volatility(sold[0], sold[1], float(put.mark), float(call.mark))
    return None if price is None else rounded_price(price)

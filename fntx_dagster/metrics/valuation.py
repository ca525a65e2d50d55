"""The options of one account at one close, each with its Greeks.

Pure. An underlying's price comes from the statement or the gateway, else from put-call parity (`parity.py`); an option
whose terms or prices are not known has a status that says so, and no Greeks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.metrics.greeks import NO_PRICE, Greeks, Option, greeks, years_between
from fntx_dagster.metrics.parity import implied_prices
from fntx_dagster.metrics.terms import Assumptions, Underlying, terms_of, underlying_of
from fntx_dagster.model.closing import ClosingPosition, OptionRow

PARITY = "put_call_parity"
"""The source of an underlying's price that a put and a call imply."""


class PricedOption(NamedTuple):
    """An option at its mark: its row, its Greeks, and itself now and at the next session's close at the same price of
    the underlying (None where that is unknown)."""

    row: OptionRow
    greeks: Greeks
    now: Option | None
    later: Option | None


def price_options(
    positions: Iterable[ClosingPosition], ends: Mapping[str, datetime], next_close: datetime, assumptions: Assumptions
) -> dict[str, PricedOption]:
    """The options among the positions of one account and session, by contract id.

    `ends` gives the moment at which an option ends, by contract id, for each option whose terms are known; `next_close`
    is the close of the following session. All moments are aware.
    """
    options = [position for position in positions if position.is_option]
    implied = implied_prices(options, ends, assumptions)
    return {
        option.contract_id: _priced(option, implied, ends.get(option.contract_id), next_close, assumptions)
        for option in options
    }


def _priced(
    position: ClosingPosition,
    implied: Mapping[Underlying, Decimal],
    ends_at: datetime | None,
    next_close: datetime,
    assumptions: Assumptions,
) -> PricedOption:
    price, source = position.underlying_price, position.underlying_source
    if price is None and (price := implied.get(underlying_of(position))) is not None:
        source = PARITY
    option, later, computed = None, None, Greeks(NO_PRICE)
    if ends_at is not None:
        years = years_between(position.valued_at, ends_at)
        option = option_at(position, price, ends_at, assumptions)
        mark = None if position.mark is None else float(position.mark)
        computed = greeks(option, mark, years, float(position.multiplier))
        later = option and _at(option, years_between(position.valued_at, next_close))
    row = _row(position, price, source, ends_at, computed, assumptions)
    return PricedOption(row, computed, option, later)


def option_at(
    position: ClosingPosition, price: Decimal | None, ends_at: datetime, assumptions: Assumptions
) -> Option | None:
    """The option at the moment of its mark, at a price of the underlying; None where that or its terms are unknown."""
    terms, years = terms_of(position), years_between(position.valued_at, ends_at)
    if terms is None or price is None:
        return None
    known = [
        (years_between(position.valued_at, dividend.ex_at), float(dividend.amount))
        for dividend in assumptions.dividends_until(position, ends_at)
    ]
    return Option(
        put_call=terms.put_call,
        strike=float(terms.strike),
        is_american=not assumptions.is_european(position),
        underlying=float(price),
        rate=float(assumptions.risk_free_rate(position)),
        dividend_yield=assumptions.yield_until(position, ends_at),
        years=years,
        dividends=tuple(known),
    )


def _at(option: Option, elapsed: float) -> Option:
    """The option after some years, without the dividends that have gone ex by then; its yield, which begins as the last
    of them goes ex, is then spread over less time."""
    ahead = tuple((years - elapsed, amount) for years, amount in option.dividends if years > elapsed)
    left, carried = option.years - elapsed, option.dividend_yield
    if option.dividends and left > 0:
        since = option.years - option.dividends[-1][0]
        carried *= option.years / since * min(since / left, 1.0)
    return option._replace(years=left, dividends=ahead, dividend_yield=carried)


def _row(
    position: ClosingPosition,
    price: Decimal | None,
    source: str | None,
    ends_at: datetime | None,
    computed: Greeks,
    assumptions: Assumptions,
) -> OptionRow:
    return OptionRow(
        account_id=position.account_id,
        trading_day=position.trading_day,
        contract_id=position.contract_id,
        symbol=position.symbol,
        underlying_symbol=position.underlying_symbol,
        expiry=position.expiry,
        strike=position.strike,
        put_call=position.put_call,
        multiplier=position.multiplier,
        currency=position.currency,
        quantity=position.quantity,
        exercise="european" if assumptions.is_european(position) else "american",
        mark=position.mark,
        mark_source=position.mark_source,
        underlying_price=price,
        underlying_source=source,
        valued_at=position.valued_at,
        ends_at=ends_at,
        risk_free_rate=assumptions.risk_free_rate(position),
        dividend_yield=assumptions.dividend_yield(position),
        status=computed.status,
        implied_volatility=_ten_digits(computed.implied_volatility),
        delta=_ten_digits(computed.delta),
        gamma=_ten_digits(computed.gamma),
        theta=_ten_digits(computed.theta),
        vega=_ten_digits(computed.vega),
    )


def _ten_digits(value: float | None) -> float | None:
    """The digits behind the tenth differ between machines."""
    return None if value is None else float(f"{value:.10g}")

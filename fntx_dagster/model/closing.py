"""What Greeks and risk at a close are computed from, and what is computed: positions, prices, and rows of both tables.

What belongs here: the shapes, and the delta that an option counts with whose mark holds no time value. dbt builds the
positions (`closing_positions`, `closing_days`), `metrics/` computes.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

FEWEST_SCENARIOS = 20
"""Of how many past days the moves have to be known for a value at risk."""

LOW_VEGA = "low_vega"
"""The status of an option whose mark says little of the volatility: its tolerance is worth more than five points. Where
the mark holds no time value, or less than the tolerance, it says nothing, and neither volatility nor Greeks are
defined."""

Price = TypeVar("Price", float, Decimal)


def delta_of_spent(
    status: str, delta: float | None, put_call: str | None, strike: Price | None, underlying: Price | None
) -> float | None:
    """The delta of an option whose mark holds no time value (LOW_VEGA, and no `delta` follows from the mark): that of
    its shares where it is in the money at the underlying's price, else 0. None of any other option, and where one of
    its terms or that price is unknown."""
    if status != LOW_VEGA or delta is not None or put_call is None or strike is None or underlying is None:
        return None
    if put_call == "C":
        return 1.0 if underlying > strike else 0.0
    return -1.0 if underlying < strike else 0.0


class ClosingPosition(NamedTuple):
    """A contract that was held at a session's close, or touched in it. Prices are per unit in `currency`, `quantity` is
    signed (0: not held), `rate_to_base` multiplies into base currency, `valued_at` is the moment of the mark."""

    account_id: str
    trading_day: date
    contract_id: str
    symbol: str | None
    asset_category: str
    is_option: bool
    is_traded: bool
    underlying_symbol: str | None
    strike: Decimal | None
    expiry: date | None
    put_call: str | None
    multiplier: Decimal
    currency: str
    quantity: Decimal
    rate_to_base: Decimal | None
    mark: Decimal | None
    mark_source: str | None
    valued_at: datetime
    underlying_price: Decimal | None
    underlying_source: str | None


class ClosingDay(NamedTuple):
    """What an account's risk at a close is measured against: its NAV in base currency and the rate of USD into it.
    `inputs` is the digest of everything that the day's risk is computed from."""

    account_id: str
    trading_day: date
    base_currency: str
    nav: Decimal
    usd_rate: Decimal | None
    inputs: str


class ClosingPrice(NamedTuple):
    """A share's closing price in `currency`, as an account's statements give it. `is_comparable`: no corporate action
    lies between it and the close before."""

    account_id: str
    symbol: str
    currency: str
    trading_day: date
    price: Decimal
    is_comparable: bool


class OptionRow(NamedTuple):
    """A row of option_greeks: prices and Greeks per unit, in `currency`; Greeks are None where they are undefined."""

    account_id: str
    trading_day: date
    contract_id: str
    symbol: str | None
    underlying_symbol: str | None
    expiry: date | None
    strike: Decimal | None
    put_call: str | None
    multiplier: Decimal
    currency: str
    quantity: Decimal
    exercise: str
    mark: Decimal | None
    mark_source: str | None
    underlying_price: Decimal | None
    underlying_source: str | None
    valued_at: datetime
    ends_at: datetime | None
    risk_free_rate: Decimal
    dividend_yield: Decimal
    status: str
    implied_volatility: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None


class HeldByExpiry(NamedTuple):
    """What is held of one underlying in one currency with one expiry (None: shares, futures, and what else has none).
    `long` and `short` count units, contracts of options, each 0 or more. `market_value` is signed, in `currency`.
    `delta` is in shares of the underlying, `gamma` their change per unit of its price, `theta` in `currency` a calendar
    day, `vega` in `currency` a point of volatility; each is None where it is unknown of a position."""

    underlying: str
    expiry: date | None
    currency: str
    long: Decimal
    short: Decimal
    market_value: Decimal | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None


class PortfolioRow(NamedTuple):
    """A row of portfolio_greeks: NAV in base currency, sums in the units of docs/metrics.md; None where undefined."""

    account_id: str
    trading_day: date
    base_currency: str
    nav: Decimal
    options: int
    options_without: int
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    var_95_historical: float | None
    var_95_repricing: float | None
    scenarios: int | None
    inputs: str

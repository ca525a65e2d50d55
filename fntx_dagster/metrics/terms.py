"""What an option is, and what is assumed about its market.

Pure. Statements give an option's terms and its mark; interest, dividends and the style of exercise come from settings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.closing import ClosingPosition

Underlying = tuple[str, str]
"""The symbol of an underlying and its currency: listings of a symbol in two currencies are two underlyings."""

_ZERO = Decimal(0)
_OPTION_ON_A_FUTURE = "FOP"


class OptionTerms(NamedTuple):
    """A call (`C`) or a put (`P`), its strike in the option's currency, and the day on which it expires."""

    put_call: str
    strike: Decimal
    expiry: date


class Dividend(NamedTuple):
    """What a share pays: from `ex_at`, the open of `ex_date`, on, a buyer does not get it. `amount` is per share."""

    ex_date: date
    ex_at: datetime
    amount: Decimal


class Assumptions(NamedTuple):
    """What pricing assumes. Rates by currency and dividend yields by the underlying's symbol are continuous, per year
    (0.04 is 4 %), and 0 where they are not given; all options but those on `european_underlyings` are American.
    `dividends` are those that are known, by the underlying's symbol."""

    risk_free_rates: Mapping[str, Decimal]
    dividend_yields: Mapping[str, Decimal]
    european_underlyings: Collection[str]
    dividends: Mapping[str, Sequence[Dividend]] = {}

    def risk_free_rate(self, option: ClosingPosition) -> Decimal:
        """The rate of the option's currency."""
        return self.risk_free_rates.get(option.currency, _ZERO)

    def dividend_yield(self, option: ClosingPosition) -> Decimal:
        """The yield of the option's underlying. A future costs nothing to hold, so that an option on it has the
        risk-free rate as its yield (Black, 1976)."""
        if option.asset_category == _OPTION_ON_A_FUTURE:
            return self.risk_free_rate(option)
        return self.dividend_yields.get(option.underlying_symbol or "", _ZERO)

    def dividends_until(self, option: ClosingPosition, ends_at: datetime) -> list[Dividend]:
        """The known dividends of the option's underlying that go ex after its mark and before it ends, in order."""
        if option.asset_category == _OPTION_ON_A_FUTURE:
            return []
        known = self.dividends.get(option.underlying_symbol or "", ())
        ahead = [dividend for dividend in known if option.valued_at < dividend.ex_at < ends_at]
        return sorted(ahead, key=lambda dividend: dividend.ex_at)

    def yield_until(self, option: ClosingPosition, ends_at: datetime) -> float:
        """The yield over an option's life: where dividends are known, it begins as the last of them goes ex."""
        known = self.dividends_until(option, ends_at)
        part = (ends_at - known[-1].ex_at) / (ends_at - option.valued_at) if known else 1.0
        return float(self.dividend_yield(option)) * part

    def is_european(self, option: ClosingPosition) -> bool:
        """Whether the option can only be exercised on its last day."""
        return option.underlying_symbol in self.european_underlyings


def terms_of(position: ClosingPosition) -> OptionTerms | None:
    """The terms of an option; None for anything else, and where the statements do not give all of them."""
    if not position.is_option or position.expiry is None or position.strike is None:
        return None
    if position.put_call != "P" and position.put_call != "C":
        return None
    return OptionTerms(position.put_call, position.strike, position.expiry)


def underlying_of(position: ClosingPosition) -> Underlying:
    """What moves the position: the underlying of an option, anything else itself."""
    symbol = position.underlying_symbol if position.is_option else position.symbol
    return symbol or "", position.currency

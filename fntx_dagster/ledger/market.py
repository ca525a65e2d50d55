"""What the market says: valid quotes, marks, rates between currencies, ages.

A mark is the mid of the newest quote of a symbol at an exchange. A rate is the mid of A/B or 1 ÷ the mid of B/A: no
chain of rates, and no two currencies are the same. Where there is none, what it was needed for is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import exact
from fntx_dagster.model.orders import Quote

BPS = 10_000
ONE = exact(1)

Symbol = tuple[str, str]
"""An exchange and a symbol at it."""


class QuoteFault(NamedTuple):
    """Why a quote cannot be used: the code of the refusal, and the words."""

    code: str
    words: str


def fault(quote: Quote | None, now: datetime, oldest: timedelta) -> QuoteFault | None:
    """Why an order cannot be judged by this quote at `now`: missing, crossed, stale, in this order; None: it can.

    A quote that is exactly `oldest` old is not stale. A time further ahead than that is stale, too: it never would be.
    """
    if quote is None:
        return QuoteFault(
            "quote_missing",
            "no quote of the symbol is known: a paper order brings the field quote, a live one waits for a price",
        )
    if not is_valid(quote):
        return QuoteFault("quote_crossed", f"the quote is no market: bid {quote.bid}, ask {quote.ask}")
    age = now - quote.at
    if age > oldest:
        return QuoteFault(
            "quote_stale", f"the quote is {age.total_seconds():g} s old: {oldest.total_seconds():g} s at most"
        )
    if -age > oldest:
        return QuoteFault("quote_stale", f"the quote's time is {-age.total_seconds():g} s ahead of now")
    return None


def is_valid(quote: Quote) -> bool:
    """Whether both prices are above zero and the bid is not above the ask."""
    return 0 < quote.bid <= quote.ask


def mid(quote: Quote) -> Fraction:
    return (exact(quote.bid) + exact(quote.ask)) / 2


def spread_bps(quote: Quote) -> Fraction:
    """(ask − bid) ÷ mid, in basis points."""
    return (exact(quote.ask) - exact(quote.bid)) / mid(quote) * BPS


@dataclass(slots=True)
class Prices:
    """The newest valid quote of each symbol at each exchange, and the currency that is reported in."""

    currency: str
    quotes: Mapping[Symbol, Quote]
    _mids: dict[Symbol, tuple[Quote, Fraction]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The mids that were computed, each with its quote: a book is valued several times at the same quotes."""

    def mark(self, exchange: str, symbol: str) -> Fraction | None:
        """The mid of the newest quote; None where there never was one."""
        quote = self.quotes.get((exchange, symbol))
        if quote is None:
            return None
        known = self._mids.get((exchange, symbol))
        if known is None or known[0] is not quote:
            known = self._mids[exchange, symbol] = (quote, mid(quote))
        return known[1]

    def rate(self, currency: str) -> Fraction | None:
        """How much of the reporting currency one of `currency` is worth; None where no quote says so."""
        if currency == self.currency:
            return ONE
        if direct := self._direct(currency):
            return mid(direct)
        if inverse := self._inverse(currency):
            return 1 / mid(inverse)
        return None

    def stale(self, symbols: Iterable[Symbol], now: datetime, oldest: timedelta) -> list[Symbol]:
        """Of these symbols, those whose newest quote is older than that, or that have none."""
        return sorted(
            symbol for symbol in symbols if (quote := self.quotes.get(symbol)) is None or now - quote.at > oldest
        )

    def old_rates(self, currencies: Iterable[str], now: datetime, oldest: timedelta) -> list[str]:
        """Of these currencies, those whose rate is of a quote older than that."""
        quotes = {name: self._direct(name) or self._inverse(name) for name in currencies if name != self.currency}
        return sorted(name for name, quote in quotes.items() if quote is not None and now - quote.at > oldest)

    def _direct(self, currency: str) -> Quote | None:
        return self._newest(f"{currency}/{self.currency}")

    def _inverse(self, currency: str) -> Quote | None:
        return self._newest(f"{self.currency}/{currency}")

    def _newest(self, symbol: str) -> Quote | None:
        quotes = [quote for (_, name), quote in self.quotes.items() if name == symbol]
        return max(quotes, key=lambda quote: quote.at, default=None)

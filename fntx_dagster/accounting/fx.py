"""Which rate turns a currency into the account's base currency, and where it came from.

Rates multiply: amount in currency x rate = amount in base currency. The order of trust: the rate on the row itself, the
broker's conversion rate of the day, the rate that the statement implies, the configured pair.
Nothing here rounds an amount.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.rates import rate_between

BASE = "base"
ROW = "row"
CONVERSION_RATES = "conversion_rates"
STATEMENT = "statement"
CONFIGURED = "configured"

PLACES = Decimal("1E-12")
"""Derived rates and amounts that cannot be exact are kept to twelve places."""


class Rate(NamedTuple):
    """Base currency per unit of a currency, and which source gave it."""

    rate: Decimal
    source: str


@dataclass(frozen=True)
class Rates:
    """Every rate known for one account. `configured` maps pairs such as `USD/HKD` to rates; a pair serves both ways."""

    base_currency: str
    conversions: Mapping[tuple[date, str], Decimal] = field(default_factory=dict)
    implied: Mapping[tuple[date, str], Decimal] = field(default_factory=dict)
    configured: Mapping[str, Decimal] = field(default_factory=dict)

    def of_row(self, currency: str, report_date: date, row_rate: Decimal | None) -> Rate:
        """The rate of one row. Permanent, naming currency, day and setting, when no source has one."""
        if currency == self.base_currency:
            return Rate(Decimal(1), BASE)
        if row_rate:
            return Rate(row_rate, ROW)
        rate = self._of_the_statements(currency, (report_date,)) or self._configured(currency)
        if rate is None:
            raise self.missing(currency, report_date)
        return rate

    def of_session(self, currency: str, report_dates: Sequence[date], row_rates: Sequence[Decimal]) -> Rate | None:
        """The rate of one session, or None when no source has one.

        `report_dates` are the calendar days that the session answers for, in order; `row_rates` the rates on the rows
        of these days, oldest first. Of equally frequent rates the one seen last is taken.
        """
        if currency == self.base_currency:
            return Rate(Decimal(1), BASE)
        newest_first = tuple(reversed(report_dates))
        conversion = _first(self.conversions, currency, newest_first)
        if conversion is not None:
            return Rate(conversion, CONVERSION_RATES)
        if row_rates:
            return Rate(_most_frequent(row_rates), ROW)
        return self._of_the_statements(currency, newest_first) or self._configured(currency)

    def missing(self, currency: str, day: date) -> Permanent:
        """What to say of an amount that no source has a rate for."""
        pair = f"{currency}/{self.base_currency}"
        return Permanent(
            f"no rate for {pair} on {day}",
            f'Add the field FXRateToBase to the Flex query, or set FNTX_FX_FALLBACK={{"{pair}": "<rate>"}}',
        )

    def _of_the_statements(self, currency: str, days: Sequence[date]) -> Rate | None:
        for known, source in ((self.conversions, CONVERSION_RATES), (self.implied, STATEMENT)):
            rate = _first(known, currency, days)
            if rate is not None:
                return Rate(rate, source)
        return None

    def _configured(self, currency: str) -> Rate | None:
        rate = rate_between(currency, self.base_currency, self.configured, PLACES)
        return None if rate is None else Rate(rate, CONFIGURED)


class Summary(NamedTuple):
    """An AssetSummary row: one asset class of one day, its proceeds in base currency."""

    report_date: date
    asset_category: str | None
    quantity: Decimal | None
    proceeds: Decimal | None


class Traded(NamedTuple):
    """What a Trade row contributes to its day's AssetSummary."""

    report_date: date
    asset_category: str
    currency: str
    quantity: Decimal
    proceeds: Decimal


def implied_rates(
    summaries: Iterable[Summary], trades: Iterable[Traded], base_currency: str
) -> dict[tuple[date, str], Decimal]:
    """Rates that statements imply: an AssetSummary's base-currency proceeds / the sum of its Trade rows' proceeds.

    A class of assets serves when its trades of the day have one foreign currency, and when buys and sells do not nearly
    cancel out (a round trip in stock divides two small differences). Of several classes that serve, the one least
    netted. Where a summary does not name its class, the quantity shows which class it sums.
    """
    days: dict[date, dict[str, list[Traded]]] = defaultdict(lambda: defaultdict(list))
    for trade in trades:
        days[trade.report_date][trade.asset_category].append(trade)
    best: dict[tuple[date, str], tuple[Decimal, Decimal]] = {}
    for summary in summaries:
        group = _summed(summary, days.get(summary.report_date, {}))
        foreign = [trade for trade in group if trade.currency != base_currency]
        if summary.proceeds is None or len({trade.currency for trade in foreign}) != 1:
            continue
        net, gross = sum(t.proceeds for t in foreign), sum(abs(t.proceeds) for t in foreign)
        if not gross or abs(net) / gross < _LEAST_NET_SHARE:
            continue
        domestic = sum(t.proceeds for t in group if t.currency == base_currency)
        rate = ((summary.proceeds - domestic) / net).quantize(PLACES)
        key = (summary.report_date, foreign[0].currency)
        if rate > 0:
            best[key] = max(best.get(key, (Decimal(0), rate)), (abs(net) / gross, rate))
    return {key: rate for key, (_, rate) in best.items()}


_LEAST_NET_SHARE = Decimal("0.1")


def _summed(summary: Summary, classes: Mapping[str, list[Traded]]) -> list[Traded]:
    """The trades of the day that a summary sums; empty when that is not certain."""
    if summary.asset_category:
        return classes.get(summary.asset_category, [])
    fitting = [group for group in classes.values() if sum(abs(trade.quantity) for trade in group) == summary.quantity]
    return fitting[0] if len(fitting) == 1 else []


def _first(known: Mapping[tuple[date, str], Decimal], currency: str, days: Sequence[date]) -> Decimal | None:
    return next((known[day, currency] for day in days if (day, currency) in known), None)


def _most_frequent(rates: Sequence[Decimal]) -> Decimal:
    counts = Counter(rates)
    most = max(counts.values())
    return next(rate for rate in reversed(rates) if counts[rate] == most)

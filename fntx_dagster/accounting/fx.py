"""Which rate turns a currency into the account's base currency, and where it came from.

Rates multiply: amount in currency x rate = amount in base currency. The order of trust: the rate on the row itself, the
broker's conversion rate of the day, the rate that a base-currency total of the day implies (`base_totals.py`), the last
rate known before, the configured pair. Nothing here rounds an amount.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeVar

from fntx_dagster.errors import Permanent
from fntx_dagster.model.rates import CONFIGURED, LAST_KNOWN, rate_between

BASE = "base"
ROW = "row"
CONVERSION_RATES = "conversion_rates"
STATEMENT = "statement"

PLACES = Decimal("1E-12")
"""Derived rates and amounts that cannot be exact are kept to twelve places."""


class Rate(NamedTuple):
    """Base currency per unit of a currency, and which source gave it.

    `rate_day`: the day that a last known rate is of. `implied_by`: the base-currency total that implies the rate;
    `residual`: by how much the rate misses another total of the day, in base currency (the largest miss; None where no
    other total checks it).
    """

    rate: Decimal
    source: str
    rate_day: date | None = None
    implied_by: str | None = None
    residual: Decimal | None = None


@dataclass(frozen=True)
class Rates:
    """Every rate known for one account. `known` holds the statements' own rates of each currency by day, oldest first;
    `configured` maps pairs such as `USD/HKD` to rates, and a pair serves both ways."""

    base_currency: str
    conversions: Mapping[tuple[date, str], Decimal] = field(default_factory=dict)
    implied: Mapping[tuple[date, str], Rate] = field(default_factory=dict)
    known: Mapping[str, Sequence[tuple[date, Rate]]] = field(default_factory=dict)
    configured: Mapping[str, Decimal] = field(default_factory=dict)

    def of_row(self, currency: str, report_date: date, row_rate: Decimal | None) -> Rate:
        """The rate of one row. Permanent, naming currency, day and setting, when no source has one."""
        if currency == self.base_currency:
            return Rate(Decimal(1), BASE)
        if row_rate:
            return Rate(row_rate, ROW)
        rate = self._without_a_row(currency, (report_date,))
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
        return self._without_a_row(currency, newest_first)

    def missing(self, currency: str, day: date) -> Permanent:
        """What to say of an amount that no source has a rate for."""
        pair = f"{currency}/{self.base_currency}"
        return Permanent(
            f"no rate for {pair} on {day}",
            f'Add the field FXRateToBase to the Flex query, or set FNTX_FX_FALLBACK={{"{pair}": "<rate>"}}',
        )

    def _without_a_row(self, currency: str, newest_first: Sequence[date]) -> Rate | None:
        conversion = _first(self.conversions, currency, newest_first)
        if conversion is not None:
            return Rate(conversion, CONVERSION_RATES)
        return (
            _first(self.implied, currency, newest_first)
            or self._last_known(currency, newest_first[:1])
            or self._configured(currency)
        )

    def _last_known(self, currency: str, newest: Sequence[date]) -> Rate | None:
        known = self.known.get(currency, ())
        for day in newest:
            if before := bisect_right(known, day, key=lambda of: of[0]):
                rate_day, rate = known[before - 1]
                return rate if rate_day == day else Rate(rate.rate, LAST_KNOWN, rate_day)
        return None

    def _configured(self, currency: str) -> Rate | None:
        rate = rate_between(currency, self.base_currency, self.configured, PLACES)
        return None if rate is None else Rate(rate, CONFIGURED)


def known_rates(
    rows: Iterable[tuple[date, str, Decimal]],
    conversions: Mapping[tuple[date, str], Decimal],
    implied: Mapping[tuple[date, str], Rate],
    before: Iterable[tuple[date, str, Decimal]] = (),
) -> dict[str, list[tuple[date, Rate]]]:
    """The statements' own rates of each currency by day, oldest first, for `Rates.known`.

    `rows` are the rates on rows (a day's oldest first), `before` the last rates known before the days of the rest.
    """
    found = dict(implied)
    found |= {key: Rate(rate, ROW) for key, rate in rates_of_rows((*before, *rows)).items()}
    found |= {key: Rate(rate, CONVERSION_RATES) for key, rate in conversions.items()}
    known: dict[str, list[tuple[date, Rate]]] = defaultdict(list)
    for (day, currency), rate in sorted(found.items(), key=lambda item: item[0]):
        known[currency].append((day, rate))
    return dict(known)


def rates_of_rows(rows: Iterable[tuple[date, str, Decimal]]) -> dict[tuple[date, str], Decimal]:
    """The rate that most rows of a day and currency have; of equally frequent ones the last."""
    seen: dict[tuple[date, str], list[Decimal]] = defaultdict(list)
    for day, currency, rate in rows:
        seen[day, currency].append(rate)
    return {key: _most_frequent(rates) for key, rates in seen.items()}


def _most_frequent(rates: Sequence[Decimal]) -> Decimal:
    counts = Counter(rates)
    most = max(counts.values())
    return next(rate for rate in reversed(rates) if counts[rate] == most)


_Known = TypeVar("_Known", Decimal, Rate)


def _first(known: Mapping[tuple[date, str], _Known], currency: str, days: Sequence[date]) -> _Known | None:
    return next((known[day, currency] for day in days if (day, currency) in known), None)

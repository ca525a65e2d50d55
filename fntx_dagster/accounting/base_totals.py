"""Which rates the base-currency totals of a statement imply.

A total in base currency equals the sum of its rows, each at the rate of its currency. What belongs here: such equations
and their solution, day by day. Where a currency has several, the earlier one in the given order is taken, unless it has
too few digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from fntx_dagster.accounting.fx import STATEMENT, Rate


class BaseTotal(NamedTuple):
    """A total in base currency and the rows that it sums, by currency: their sums, and the sums of their sizes."""

    day: date
    name: str
    total: Decimal
    amounts: Mapping[str, Decimal]
    sizes: Mapping[str, Decimal]


class Summary(NamedTuple):
    """An AssetSummary row: one asset class of one day, its money in base currency."""

    report_date: date
    asset_category: str | None
    quantity: Decimal | None
    proceeds: Decimal | None
    commission: Decimal | None = None


class Performance(NamedTuple):
    """A figure of one contract and day in a performance summary, in base currency; `name` says which figure it is."""

    day: date
    name: str
    contract: str
    amount: Decimal


class Traded(NamedTuple):
    """What a Trade row contributes to its day's totals; its commission may be in another currency. Mark-to-market and
    realised P&L are None where the row does not say them, or where the summary books the end of an option elsewhere."""

    report_date: date
    asset_category: str
    currency: str
    quantity: Decimal
    proceeds: Decimal
    commission: Decimal = Decimal(0)
    commission_currency: str = ""
    contract: str = ""
    mtm: Decimal | None = None
    realised: Decimal | None = None


def summed(day: date, name: str, total: Decimal | None, amounts: Iterable[tuple[str, Decimal]]) -> Iterator[BaseTotal]:
    """The total of these amounts, each in its currency; nothing where the statement does not give the total."""
    if total is None:
        return
    sums: dict[str, Decimal] = defaultdict(Decimal)
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
        sizes[currency] += abs(amount)
    yield BaseTotal(day, name, total, sums, sizes)


def trade_totals(summaries: Sequence[Summary], trades: Iterable[Traded]) -> Iterator[BaseTotal]:
    """What the AssetSummary rows sum: the commissions first, which have one sign, then the proceeds.

    Where a summary does not name its class, the quantity shows which class it sums.
    """
    days: dict[date, dict[str, list[Traded]]] = defaultdict(lambda: defaultdict(list))
    for trade in trades:
        days[trade.report_date][trade.asset_category].append(trade)
    groups = [(summary, _summed_by(summary, days.get(summary.report_date, {}))) for summary in summaries]
    for summary, group in groups:
        charged = [(trade.commission_currency or trade.currency, trade.commission) for trade in group]
        yield from summed(summary.report_date, "commissions of AssetSummary", summary.commission, charged)
    for summary, group in groups:
        paid = [(trade.currency, trade.proceeds) for trade in group]
        yield from summed(summary.report_date, "proceeds of AssetSummary", summary.proceeds, paid)


def performance_totals(figures: Iterable[Performance], trades: Sequence[Traded]) -> Iterator[BaseTotal]:
    """What the performance summaries say of a day's trades: their commissions, mark-to-market and realised P&L, over
    the contracts of which every row of the day has the figure."""
    days: dict[tuple[date, str], dict[str, Decimal]] = defaultdict(dict)
    for figure in figures:
        of_day = days[figure.day, figure.name]
        of_day[figure.contract] = of_day.get(figure.contract, Decimal(0)) + figure.amount
    traded: dict[tuple[date, str], list[Traded]] = defaultdict(list)
    for trade in trades:
        traded[trade.report_date, trade.contract].append(trade)
    for (day, name), contracts in days.items():
        total, amounts = None, list[tuple[str, Decimal]]()
        for contract, amount in contracts.items():
            of_rows = [_figure(name, trade) for trade in traded.get((day, contract), ())]
            known = [(currency, said) for currency, said in of_rows if said is not None]
            if known and len(known) == len(of_rows):
                total, amounts = (total or Decimal(0)) + amount, amounts + known
        yield from summed(day, name, total, amounts)


def implied_rates(
    totals: Iterable[BaseTotal], base_currency: str, given: Mapping[tuple[date, str], Decimal] | None = None
) -> dict[tuple[date, str], Rate]:
    """The rates that totals imply, by day and currency; the order of a day's totals is the order of trust. `given` are
    the rates that need none.

    A total serves for one currency when the rates of its other currencies are known, and two totals of the same two
    currencies serve together. Amounts that nearly cancel out serve for nothing: a small remainder divides a small one.
    """
    by_day: dict[date, list[BaseTotal]] = defaultdict(list)
    for total in totals:
        by_day[total.day].append(total)
    known: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for (day, currency), rate in (given or {}).items():
        known[day][currency] = rate
    return {
        (day, currency): rate
        for day, of_day in by_day.items()
        for currency, rate in _Day(of_day, {base_currency: Decimal(1)} | known[day]).solved().items()
    }


def _figure(name: str, trade: Traded) -> tuple[str, Decimal | None]:
    """The row's part of a figure of the performance summaries, and its currency."""
    if name.startswith("commissions"):
        return trade.commission_currency or trade.currency, trade.commission
    return trade.currency, trade.mtm if name.startswith("mark-to-market") else trade.realised


_LEAST_NET_SHARE = Decimal("0.1")
_PRECISE = Decimal("5E-7")
_MOST_PLACES, _LEAST_PLACES = 12, 4


class _Candidate(NamedTuple):
    """A rate that a total gives, and how far its digits let the true one lie from it."""

    currency: str
    rate: Decimal
    error: Decimal
    total: BaseTotal


class _Day:
    """The totals of one day, and the rates found so far."""

    def __init__(self, totals: Sequence[BaseTotal], rates: dict[str, Decimal]) -> None:
        self.totals = totals
        self.rates = rates
        self.chosen: dict[str, _Candidate] = {}

    def solved(self) -> dict[str, Rate]:
        while found := self._found():
            for currency in {candidate.currency for candidate in found}:
                best = _best([candidate for candidate in found if candidate.currency == currency])
                self.rates[currency], self.chosen[currency] = best.rate, best
        return {currency: self._rate(candidate) for currency, candidate in self.chosen.items()}

    def _found(self) -> list[_Candidate]:
        unknown = [
            (total, [c for c in total.amounts if c not in self.rates and total.sizes[c]]) for total in self.totals
        ]
        single = [self._single(total, *currencies) for total, currencies in unknown if len(currencies) == 1]
        if found := [candidate for candidate in single if candidate]:
            return found
        doubles = [(total, sorted(currencies)) for total, currencies in unknown if len(currencies) == 2]
        for (one, names), (other, same) in combinations(doubles, 2):
            if names == same and (pair := self._double(one, other, *names)):
                return pair
        return []

    def _single(self, total: BaseTotal, currency: str) -> _Candidate | None:
        amount = total.amounts[currency]
        if abs(amount) < _LEAST_NET_SHARE * total.sizes[currency]:
            return None
        return _candidate(currency, self._left(total) / amount, _last_digit(total) / abs(amount), total)

    def _double(self, one: BaseTotal, other: BaseTotal, first: str, second: str) -> list[_Candidate]:
        (a, b), (c, d) = ((total.amounts[first], total.amounts[second]) for total in (one, other))
        determinant = a * d - b * c
        if abs(determinant) < _LEAST_NET_SHARE * (abs(a * d) + abs(b * c)) or not determinant:
            return []
        left, right = self._left(one), self._left(other)
        digit, its_digit = _last_digit(one), _last_digit(other)
        error = (digit * abs(d) + its_digit * abs(b)) / abs(determinant)
        its_error = (digit * abs(c) + its_digit * abs(a)) / abs(determinant)
        pair = (
            _candidate(first, (left * d - b * right) / determinant, error, one),
            _candidate(second, (a * right - left * c) / determinant, its_error, other),
        )
        return [candidate for candidate in pair if candidate]

    def _left(self, total: BaseTotal) -> Decimal:
        """What the currencies without a rate must sum to."""
        return total.total - sum(
            (amount * self.rates[currency] for currency, amount in total.amounts.items() if currency in self.rates),
            Decimal(0),
        )

    def _rate(self, chosen: _Candidate) -> Rate:
        others = [
            total
            for total in self.totals
            if total is not chosen.total
            and total.sizes.get(chosen.currency)
            and total.amounts.keys() <= self.rates.keys()
        ]
        residual = max(map(self._left, others), key=abs, default=None)
        return Rate(chosen.rate, STATEMENT, implied_by=chosen.total.name, residual=residual)


def _candidate(currency: str, rate: Decimal, error: Decimal, total: BaseTotal) -> _Candidate | None:
    places = max(_LEAST_PLACES, min(_MOST_PLACES, -(2 * error).adjusted()))
    return _Candidate(currency, round(rate, places), error, total) if rate > 0 else None


def _best(candidates: Sequence[_Candidate]) -> _Candidate:
    precise = (candidate for candidate in candidates if candidate.error <= _PRECISE)
    return next(precise, None) or min(candidates, key=lambda candidate: candidate.error)


def _last_digit(total: BaseTotal) -> Decimal:
    """Half a unit of the last place that a total is given to."""
    exponent = total.total.as_tuple().exponent
    return Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)


def _summed_by(summary: Summary, classes: Mapping[str, list[Traded]]) -> list[Traded]:
    """The trades of the day that a summary sums; empty when that is not certain."""
    if summary.asset_category:
        return classes.get(summary.asset_category, [])
    fitting = [group for group in classes.values() if sum(abs(trade.quantity) for trade in group) == summary.quantity]
    return fitting[0] if len(fitting) == 1 else []

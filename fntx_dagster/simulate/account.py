"""The broker's accounts: their days, what the broker corrects later, and the Flex statements it delivers for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TypedDict, Unpack

from fntx_dagster.simulate.balance import Balance, Books
from fntx_dagster.simulate.bookings import Correction, SimulatedFill
from fntx_dagster.simulate.contracts import SimulatedContract
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.documents import plain, row, section, statement
from fntx_dagster.simulate.rows import rows_of

SECTIONS = (
    "Trades",
    "OptionEAE",
    "CorporateActions",
    "Transfers",
    "CashTransactions",
    "InterestAccruals",
    "EquitySummaryInBase",
    "OpenPositions",
    "CashReport",
    "ChangeInNAV",
)
"""What a statement holds unless the user leaves it out, in this order."""
EVERY_SECTION = (
    *SECTIONS,
    "ConversionRates",
    "MTMPerformanceSummaryInBase",
    "TierInterestDetails",
    "ChangeInDividendAccruals",
)


class Account:
    """One account from its first balance on.

    `base` is its currency; `cash` holds amounts by currency, `rates` base currency per unit of another, `marks` prices.
    Each `day` closes the day before it, and `statements` closes the last.
    """

    def __init__(
        self,
        number: str,
        base: str = "HKD",
        cash: Mapping[str, str] | None = None,
        rates: Mapping[str, str] | None = None,
        marks: Mapping[SimulatedContract, str] | None = None,
    ) -> None:
        self.number = number
        self.base = base
        default = {"USD": "10000"} if base == "USD" else {base: "60000", "USD": "10000"}
        balance = Balance(base, cash or default, rates or ({} if base == "USD" else {"USD": "7.85"}), marks or {})
        self.books = Books(number, base, balance)
        self.days: list[SimulatedDay] = []
        self.corrections: list[Correction] = []
        self._corrected: tuple[tuple[Correction, ...], Account] | None = None
        self.omitted: frozenset[str] = frozenset()
        self.blanked: frozenset[str] = frozenset()
        self.by_day = True

    @property
    def balance(self) -> Balance:
        """What the account holds now. Before the first day: what it is opened with."""
        return self.books.balance

    def day(self, day: str, marks: Mapping[SimulatedContract, str] | None = None, **rates: str) -> SimulatedDay:
        """A calendar day with a statement; marks are its closing prices, rates its closing rates."""
        if self.days:
            self.days[-1].close()
        self.days.append(SimulatedDay(self.books, date.fromisoformat(day), marks or {}, rates))
        return self.days[-1]

    def delivers(self, *, without: Collection[str] = (), blank: Collection[str] = (), by_day: bool = True) -> None:
        """Set what the user chose: sections and fields to leave out (`Tag.field` for one kind of row), and whether the
        query breaks out by day."""
        self.omitted, self.blanked, self.by_day = frozenset(without), frozenset(blank), by_day

    def corrects(self, fill: SimulatedFill, price: str, known_from: date) -> None:
        """A fill turns out to have had another price; statements of the evenings before do not know it."""
        self.corrections.append(Correction(fill.number, Decimal(price), known_from))

    def as_of(self, day: date) -> Account:
        """The books with the corrections that were known on the evening of `day`; every day must have happened."""
        known = tuple(correction for correction in self.corrections if correction.known_from <= day)
        if not known:
            return self
        kept = self._corrected  # several threads call this, perhaps for several evenings
        if kept is None or kept[0] != known:
            prices = {correction.number: correction.price for correction in known}
            kept = self._corrected = known, self._rebooked(prices)
        return kept[1]

    def _rebooked(self, prices: Mapping[int, Decimal]) -> Account:
        """The same account, rebuilt from its first day on with these prices of fills."""
        other = copy(self)
        other.books = Books(self.number, self.base, self.days[0].opening.copy())
        other.days, other.corrections, other._corrected = [], [], None
        for day in self.days:
            marks = {contract: str(mark) for contract, mark in day.marks.items()}
            rates = {currency: str(rate) for currency, rate in day.rates.items()}
            again = SimulatedDay(other.books, day.date, marks, rates)
            again.book(*(_at_price(fill, prices) for fill in day.fills))
            again.conversions, again.cash, again.leaked = day.conversions, day.cash, day.leaked
            again.accrued_interest, again.accrued_dividends = day.accrued_interest, day.accrued_dividends
            again.reversed_interest, again.misbooked = day.reversed_interest, day.misbooked
            again.translated_accruals = day.translated_accruals
            again.nights, again.dividends = day.nights, day.dividends
            again.legs, again.transfers = day.legs, day.transfers
            other.days.append(again)
            again.close()
        return other

    def __getitem__(self, day: str) -> SimulatedDay:
        return next(known for known in self.days if known.date == date.fromisoformat(day))

    def statements(self, generated: str = "20260105;050000 EST") -> list[str]:
        """The statements over all days: one for each, or one for all, as the account delivers them."""
        self.days[-1].close()
        periods = [[day] for day in self.days] if self.by_day else [self.days]
        return [self.statement(days, generated) for days in periods]

    def statement(self, days: Sequence[SimulatedDay], generated: str, sections: Collection[str] = SECTIONS) -> str:
        """One statement over consecutive closed days, with those of the sections that the account delivers."""
        return statement(
            *(self._section(name, days) for name in EVERY_SECTION if name in sections and name not in self.omitted),
            account=self.number,
            first=plain(days[0].date),
            last=plain(days[-1].date),
            generated=generated,
        )

    def _section(self, name: str, days: Sequence[SimulatedDay]) -> str:
        rows = [self._row(tag, attributes) for tag, attributes in rows_of(days, name)]
        return rows[0] if name == "ChangeInNAV" else section(name, *rows)

    def _row(self, tag: str, attributes: Mapping[str, str]) -> str:
        kept = {key: value for key, value in attributes.items() if not self.blanked & {key, f"{tag}.{key}"}}
        return row(tag, accountId=self.number, **kept)


class Opening(TypedDict, total=False):
    """The arguments that open an account; see `Account`."""

    base: str
    cash: Mapping[str, str]
    rates: Mapping[str, str]
    marks: Mapping[SimulatedContract, str]


class Accounts:
    """Accounts by the name of the function that fills them. A test delivers them all in one file, as a broker may."""

    def __init__(self, first: int = 2_000_001) -> None:
        self._first = first
        self._known: dict[str, Account] = {}

    def account(self, **opening: Unpack[Opening]) -> Callable[[Callable[[Account], None]], Account]:
        """Decorate a function that fills an account; the function's name then refers to the account."""

        def fill(happens: Callable[[Account], None]) -> Account:
            account = Account(f"U{self._first + len(self._known)}", **opening)
            happens(account)
            self._known[happens.__name__] = account
            return account

        return fill

    @property
    def names(self) -> list[str]:
        return list(self._known)

    def __getitem__(self, name: str) -> Account:
        return self._known[name]

    def __iter__(self) -> Iterator[Account]:
        return iter(self._known.values())


def _at_price(fill: SimulatedFill, prices: Mapping[int, Decimal]) -> SimulatedFill:
    """A fill at its true price; its cancel gets the same price."""
    if fill.number in prices:
        return replace(fill, price=prices[fill.number])
    if fill.cancels and fill.cancels.number in prices:
        return replace(fill, price=prices[fill.cancels.number], cancels=_at_price(fill.cancels, prices))
    return fill

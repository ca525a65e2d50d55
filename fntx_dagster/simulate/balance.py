"""What an account holds and what it is worth, and what one day of its books hands to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import count

from fntx_dagster.simulate.bookings import ZERO, SimulatedFill
from fntx_dagster.simulate.contracts import SimulatedContract


class Balance:
    """What an account holds at a moment, and what it is worth in base currency."""

    def __init__(
        self, base: str, cash: Mapping[str, str], rates: Mapping[str, str], marks: Mapping[SimulatedContract, str]
    ) -> None:
        self.base = base
        self.cash = defaultdict(Decimal, {currency: Decimal(amount) for currency, amount in cash.items()})
        self.positions: dict[SimulatedContract, Decimal] = defaultdict(Decimal)
        self.rates = {currency: Decimal(rate) for currency, rate in rates.items()} | {base: Decimal(1)}
        self.marks = {contract: Decimal(mark) for contract, mark in marks.items()}
        self.interest = ZERO
        self.dividends = ZERO

    def copy(self) -> Balance:
        """The same balance, apart; without positions of zero units."""
        copied = Balance(self.base, {}, {}, {})
        copied.cash |= self.cash
        copied.positions |= {contract: held for contract, held in self.positions.items() if held}
        copied.rates, copied.marks = dict(self.rates), dict(self.marks)
        copied.interest, copied.dividends = self.interest, self.dividends
        return copied

    def forget(self, day: date) -> None:
        """Drop the prices of options that ended before a day."""
        ended = [c for c in self.marks if c.expiry and c.expiry < day and not self.positions.get(c)]
        for contract in ended:
            del self.marks[contract]

    def in_currency(self, currency: str) -> Decimal:
        """Cash and positions of a currency, in that currency."""
        held = (c for c in self.positions if c.currency == currency and self.positions[c])
        return self.cash[currency] + sum((self.positions[c] * c.multiplier * self.marks[c] for c in held), ZERO)

    def worth(self, *categories: str) -> Decimal:
        """Positions of the categories in base currency."""
        held = (c for c in self.positions if c.category in categories and self.positions[c])
        return sum((self.positions[c] * c.multiplier * self.marks[c] * self.rates[c.currency] for c in held), ZERO)

    @property
    def cash_in_base(self) -> Decimal:
        """The cash of all currencies in base currency."""
        return sum((amount * self.rates[currency] for currency, amount in self.cash.items()), ZERO)

    @property
    def equity(self) -> dict[str, Decimal]:
        """The NAV by kind, in base currency, under the equity summary's names."""
        kinds = {
            "cash": self.cash_in_base,
            "stock": self.worth("STK"),
            "options": self.worth("OPT"),
            "bonds": self.worth("BOND"),
            "interestAccruals": self.interest,
            "dividendAccruals": self.dividends,
        }
        return kinds | {"total": sum(kinds.values(), ZERO)}

    @property
    def nav(self) -> Decimal:
        return self.equity["total"]


class Books:
    """What the days of an account share and hand on: its balance, the next number, and what the night will book."""

    def __init__(self, number: str, base: str, balance: Balance) -> None:
        self.number = number
        self.base = base
        self.balance = balance
        self.numbers = count(1)
        self.booked: list[SimulatedFill] = []
        """Ends of options, for the next day's statement."""
        self.last_day: date | None = None

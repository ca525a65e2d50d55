"""What happens to shares, bonds and other accounts: corporate actions, transfers, coupons, and fees beside trading.

Each month has its own companies, one to a kind of action: bought (or sold short) early in the month, split, merged,
spun off or renamed on a random day, and sold after it. The books are in `account`; options are traded in `orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from random import Random

from fntx_dagster.simulate.contracts import SAP, SimulatedContract, bond
from fntx_dagster.simulate.day import SimulatedDay

ACTIONS = ("split", "reverse_split", "merger", "cash_merger", "spin_off", "symbol_change", "delisting")
KINDS = frozenset(
    {*ACTIONS, "transfer", "cash_transfer", "bond", "borrow", "tax_reversal", "transaction_tax", "adjustments"}
)
"""`borrow` sells short what will be split, and pays for it; `adjustments` are fees and credits of several names."""

_FEWEST = 14
"""Sessions of a month that has room for buying, an action and selling."""
_CENT = Decimal("0.01")

DayEvent = Callable[[SimulatedDay], None]


class Companies:
    """The companies, bonds and transfers of one account.

    `morning` gives the day's closing prices, `act` books the day's events.
    """

    def __init__(self, seed: str, kinds: Collection[str], months: Sequence[Sequence[date]]) -> None:
        self.random = Random(f"{seed}/companies")
        self.kinds = KINDS & frozenset(kinds)
        self.prices: dict[SimulatedContract, Decimal] = {}
        self.held: dict[SimulatedContract, Decimal] = {}
        self.number = 0
        self.accrued = Decimal(0)
        self.before_open: dict[date, list[Callable[[], None]]] = {}
        self.agenda: dict[date, list[DayEvent]] = {}
        for n, month in enumerate(months):
            if len(month) >= _FEWEST:
                self._plan(n, month)

    def morning(self, day: date) -> Mapping[SimulatedContract, str]:
        """Closing prices of everything that the account can hold, known as the day begins."""
        for contract in self.prices:
            moved = self.prices[contract] * Decimal(round(self.random.gauss(1, 0.015), 4))
            self.prices[contract] = max(moved.quantize(_CENT), _CENT)
        for change in self.before_open.get(day, ()):
            change()
        return {contract: str(price) for contract, price in self.prices.items()}

    def act(self, day: SimulatedDay) -> None:
        for event in self.agenda.get(day.date, ()):
            event(day)
        if self.accrued:
            day.accrues(interest="1.37")
            self.accrued += Decimal("1.37")

    # -- plans

    def _plan(self, n: int, month: Sequence[date]) -> None:
        for action in sorted(self.kinds & set(ACTIONS)):
            self._plan_action(action, n, month)
        if "transfer" in self.kinds:
            company = self._company()
            self._on(month[2], lambda day: self._transfer(day, company, Decimal("37.5")))
            self._on(month[7], lambda day: self._deal(day, company, Decimal(-12)))
            self._on(month[9], lambda day: self._transfer(day, company, -self.held[company]))
        if "cash_transfer" in self.kinds:
            self._on(month[3], lambda day: day.transfers_cash("2500", "USD"))
            self._on(month[8], lambda day: day.transfers_cash("-1300.55"))
        if "bond" in self.kinds:
            self._plan_bond(month)
        if "tax_reversal" in self.kinds:
            self._on(month[5], self._tax_reversal)
        if "transaction_tax" in self.kinds:
            self._on(month[4], lambda day: self._taxed(day, 8))
            self._on(month[11], lambda day: self._taxed(day, -8))
        if "adjustments" in self.kinds:
            self._on(month[6], self._adjustments)

    def _plan_action(self, action: str, n: int, month: Sequence[date]) -> None:
        company = self._company()
        short = action == "split" and "borrow" in self.kinds and n % 2 == 1
        side = -1 if short else 1
        first, second = self.random.randint(3, 6) * 10, Decimal(self.random.randint(2, 40)) + Decimal("0.5")
        self._on(month[1], lambda day: self._deal(day, company, Decimal(side * first)))
        self._on(month[2], lambda day: self._deal(day, company, side * second))
        at = self.random.randint(4, len(month) - 6)
        self._before(month[at], lambda: self._reprice(action, n, company))
        self._on(month[at], lambda day: self._action(action, n, company, day))
        self._on(month[at + 2], lambda day: self._sell(day, company, Decimal("0.5")))
        self._on(month[at + 4], lambda day: self._sell(day, company, Decimal(1)))
        if short:
            self._on(
                month[at - 1], lambda day: day.moves("in_lieu", "-3.21", "USD", description=f"{company.symbol} IN LIEU")
            )
            self._on(month[at + 4], lambda day: day.moves("interest", "-4.4", "USD", description="USD BORROW FEES"))

    def _plan_bond(self, month: Sequence[date]) -> None:
        self.number += 1
        note = bond(f"9{self.number:05}", f"NOTE{self.number}")
        self.prices[note] = Decimal("98.5")

        def buy(day: SimulatedDay) -> None:
            self._deal(day, note, Decimal(10_000))
            day.moves("accrued_bought", "-41.67", "USD", description="PURCHASE ACCRUED INT")
            self.accrued = Decimal("41.67")
            day.accrues(interest="41.67")

        def coupon(day: SimulatedDay) -> None:
            day.moves("coupon", "250", "USD", description="BOND COUPON PAYMENT")
            day.moves("interest_received", "1.11", "USD", description="USD CREDIT INT")
            day.accrues(reversal=str(-self.accrued))
            self.accrued = Decimal(0)

        def mature(day: SimulatedDay) -> None:
            day.matures(note)
            self._gone(note)

        self._on(month[1], buy)
        self._on(month[8], coupon)
        self._on(month[10], lambda day: self._deal(day, note, Decimal(-4_000)))
        self._on(month[12], mature)

    # -- corporate actions

    def _reprice(self, action: str, n: int, company: SimulatedContract) -> None:
        """Set the prices after an action: of the company, and of the contract that it issues."""
        price = self.prices[company]
        if action == "split":
            new, old = self._ratio(n)
            self.prices[company] = (price * old / new).quantize(_CENT)
        elif action == "reverse_split":
            self.prices[self._successor(company) if n % 2 else company] = price * 10
        elif action == "merger":
            self.prices[self._successor(company)] = (price * 5 / 2).quantize(_CENT)
        elif action == "spin_off":
            self.prices[self._successor(company)] = (price * 2 / 5).quantize(_CENT)
            self.prices[company] = (price * 9 / 10).quantize(_CENT)
        elif action == "symbol_change":
            self.prices[self._successor(company)] = price

    def _action(self, action: str, n: int, company: SimulatedContract, day: SimulatedDay) -> None:
        if action == "split":
            day.splits(company, *self._ratio(n))
        elif action == "reverse_split":
            day.splits(company, 1, 10, into=self._successor(company) if n % 2 else None)
        elif action == "merger":
            day.merges(company, self._successor(company), new=2, old=5, cash="1.25" if n % 2 else "0")
        elif action == "cash_merger":
            day.merges(company, cash=str(self.prices[company] + Decimal("0.37")))
        elif action == "spin_off":
            day.spins_off(company, self._successor(company), new=1, old=4)
        elif action == "symbol_change":
            day.renames(company, self._successor(company))
        else:
            day.delists(company)
        self._count(day, company, self._successor(company))

    def _count(self, day: SimulatedDay, *contracts: SimulatedContract) -> None:
        for contract in contracts:
            if contract in self.prices:
                self.held[contract] = day.held(contract)
                if not self.held[contract]:
                    self._gone(contract)

    def _gone(self, contract: SimulatedContract) -> None:
        self.held.pop(contract, None)
        del self.prices[contract]

    @staticmethod
    def _ratio(n: int) -> tuple[int, int]:
        return ((3, 1), (2, 1), (3, 2), (4, 1))[n % 4]

    @staticmethod
    def _successor(company: SimulatedContract) -> SimulatedContract:
        return SimulatedContract(f"8{company.conid}", f"{company.symbol}N")

    # -- deals

    def _company(self) -> SimulatedContract:
        self.number += 1
        company = SimulatedContract(f"7{self.number:05}", f"CO{self.number}")
        self.prices[company] = Decimal(self.random.randint(800, 9000)) / 100
        return company

    def _deal(self, day: SimulatedDay, contract: SimulatedContract, quantity: Decimal) -> None:
        price = self.prices[contract] + Decimal(self.random.randint(-20, 20)) / 100
        self.held[contract] = self.held.get(contract, Decimal(0)) + quantity
        at = f"10:{self.random.randint(10, 59)}:{self.random.randint(10, 59)}"
        day.trade(contract, str(quantity), str(max(price, _CENT)), at, commission="-1.0057")

    def _sell(self, day: SimulatedDay, company: SimulatedContract, part: Decimal) -> None:
        """Sell a part of a company's shares and of its successor's."""
        for contract in (company, self._successor(company)):
            if held := self.held.get(contract):
                sold = held if part == 1 else (held * part).quantize(Decimal("0.0001"))
                self._deal(day, contract, -sold)
                if part == 1:
                    self.held.pop(contract)

    def _transfer(self, day: SimulatedDay, company: SimulatedContract, quantity: Decimal) -> None:
        day.transfers_position(company, str(quantity), str(self.prices[company] - Decimal("0.11")))
        self.held[company] = self.held.get(company, Decimal(0)) + quantity

    def _taxed(self, day: SimulatedDay, quantity: int) -> None:
        price = day.marks.get(SAP)
        if price:
            day.trade(SAP, quantity, str(price), "11:20:07", commission="-2", taxes="-3.07")

    def _tax_reversal(self, day: SimulatedDay) -> None:
        day.moves("tax", "12.34", "USD", description="WITHHOLDING TAX REVERSAL")
        day.moves("tax", "-6.17", "USD", description="WITHHOLDING TAX")

    def _adjustments(self, day: SimulatedDay) -> None:
        day.moves("market_data", "-4.5", "USD", description="SNAPSHOT FEE")
        day.moves("adjustment", "0.83", "USD", description="COMMISSION ADJUSTMENT")
        day.moves("income", "2.2", "USD", description="STOCK YIELD")

    # -- the calendar

    def _on(self, day: date, event: DayEvent) -> None:
        self.agenda.setdefault(day, []).append(event)

    def _before(self, day: date, change: Callable[[], None]) -> None:
        self.before_open.setdefault(day, []).append(change)

"""A day of the broker's books when it closes: what the account is worth, and the components of its change in NAV.

The NAV is what the account is worth: cash, positions at their marks and accruals, at the day's rates. Change in NAV is
computed beside it, by the broker's own arithmetic: each row against the closing price, carried positions from mark to
mark, balances in other currencies from rate to rate. Both must agree when a day closes, so that the expected figures of
a test depend on none of the platform's code.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import cached_property

from fntx_dagster.simulate.balance import Balance
from fntx_dagster.simulate.bookings import COMPONENTS, ZERO, SimulatedFill
from fntx_dagster.simulate.contracts import SimulatedContract
from fntx_dagster.simulate.daybook import Daybook


class SimulatedDay(Daybook):
    """A day of the books; `nav`, `components`, `fx` and the like exist once it is closed."""

    nav: Decimal
    equity: dict[str, Decimal]
    """The NAV by kind, as the equity summary names them."""
    closing: Balance
    open: dict[SimulatedContract, Decimal]
    """Units held at the close."""
    fx: Decimal
    """Translation of balances in other currencies, in base currency."""
    components: dict[str, Decimal]
    """Of the change in NAV, in base currency."""

    def close(self) -> None:
        """Book the day into the account's balance. AssertionError where NAV and components contradict each other."""
        if self.closed:
            return
        self.closed = True
        after = self._settled()
        self.equity = after.equity
        self.nav = self.equity["total"]
        self.closing = after.copy()
        self.open = {contract: held for contract, held in after.positions.items() if held}
        self.fx = self._fx()
        self.components = self._components()
        beside = self.leaked + self.translated_accruals
        beside += sum((movement.amount for movement in self.cash if not movement.component), ZERO)
        assert self.opening.nav + sum(self.components.values()) + beside == self.nav, (
            f"the broker of {self.books.number} contradicts itself on {self.date}"
        )

    def _settled(self) -> Balance:
        """The account's balance with everything that happened on the day."""
        after = self.books.balance
        for fill in self.fills:
            after.positions[fill.contract] += fill.quantity
            after.cash[fill.contract.currency] += fill.proceeds + fill.commission + fill.taxes
        for conversion in self.conversions:
            after.cash[conversion.currency] += conversion.quantity
            after.cash[after.base] += conversion.commission - conversion.quantity * conversion.price
        for movement in self.cash:
            after.cash[movement.currency] += movement.amount
        for leg in self.legs:
            after.positions[leg.contract] += leg.quantity
            after.cash[leg.contract.currency] += leg.proceeds
        for transfer in self.transfers:
            if transfer.contract:
                after.positions[transfer.contract] += transfer.quantity
            after.cash[transfer.currency] += transfer.cash
        after.cash[after.base] += self.leaked + self.misbooked
        after.interest += self.accrued_interest + self.translated_accruals
        after.dividends += self.accrued_dividends
        after.forget(self.date)
        return after

    def mtm(self, fill: SimulatedFill) -> Decimal:
        """A row against the closing price, in its currency."""
        return self.close_price(fill) * fill.quantity * fill.contract.multiplier + fill.proceeds

    def close_price(self, fill: SimulatedFill) -> Decimal:
        return self.opening.marks[fill.contract] if fill.releases else self.marks.get(fill.contract, ZERO)

    def marked(self, contract: SimulatedContract) -> Decimal:
        """A carried position from mark to mark, in its currency."""
        held = self.opening.positions.get(contract, ZERO) + self._released.get(contract, ZERO)
        return held * contract.multiplier * (self.marks[contract] - self.opening.marks[contract]) if held else ZERO

    @cached_property
    def _released(self) -> dict[SimulatedContract, Decimal]:
        released: dict[SimulatedContract, Decimal] = defaultdict(Decimal)
        for fill in self.fills:
            if fill.releases:
                released[fill.contract] += fill.quantity
        return released

    def _fx(self) -> Decimal:
        """Translation of balances in other currencies, and of rows at another rate than the day's."""
        balances = sum(
            (
                self.opening.in_currency(currency) * (rate - self.opening.rates[currency])
                for currency, rate in self.rates.items()
                if currency in self.opening.rates
            ),
            ZERO,
        )
        rows = sum(((d.commission + d.taxes) * (self.rate_of(d) - self.row_rate(d)) for d in self.fills), ZERO)
        moved = sum((m.amount * (self.rates[m.currency] - (m.rate or self.rates[m.currency])) for m in self.cash), ZERO)
        converted = sum((d.quantity * (self.rates[d.currency] - d.price) for d in self.conversions), ZERO)
        return balances + rows + moved + converted

    def _components(self) -> dict[str, Decimal]:
        components = dict.fromkeys(COMPONENTS, ZERO)
        market = sum((self.mtm(d) * self.rate_of(d) for d in self.fills), ZERO)
        market += sum((self.marked(c) * self.rates[c.currency] for c in self.opening.positions), ZERO)
        market += sum((self._came(leg.contract, leg.quantity) for leg in self.legs), ZERO)
        for transfer in self.transfers:
            into = "assetTransfers" if transfer.contract else "internalCashTransfers"
            components[into] += transfer.value * self.rates[transfer.currency]
            if transfer.contract:
                market += self._came(transfer.contract, transfer.quantity)
                market -= transfer.value * self.rates[transfer.currency]
        components["corporateActionProceeds"] = sum(
            (leg.proceeds * self.rates[leg.contract.currency] for leg in self.legs), ZERO
        )
        components["mtm"] = market + self.fx + self.misbooked
        components["transactionTax"] = sum((d.taxes * self.row_rate(d) for d in self.fills), ZERO)
        components["commissions"] = sum((d.commission * self.row_rate(d) for d in self.fills), ZERO)
        components["commissions"] += sum((d.commission for d in self.conversions), ZERO)
        for movement in (movement for movement in self.cash if movement.component):
            rate = movement.rate or self.rates[movement.currency]
            components[movement.component] += movement.amount * rate
        components["changeInInterestAccruals"] = self.accrued_interest
        components["changeInDividendAccruals"] = self.accrued_dividends
        return components

    def _came(self, contract: SimulatedContract, quantity: Decimal) -> Decimal:
        """What units are worth at the close, in base currency."""
        return quantity * contract.multiplier * self.marks[contract] * self.rates[contract.currency]

    def rate_of(self, fill: SimulatedFill) -> Decimal:
        return self.rates[fill.contract.currency]

    def row_rate(self, fill: SimulatedFill) -> Decimal:
        return fill.rate or self.rate_of(fill)

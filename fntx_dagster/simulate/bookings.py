"""What the broker books on a day, one value per row of a statement: fills, conversions, corporate actions, transfers
and cash.

Quantities and amounts are signed from the account's side, times are New York's. `number` identifies the row: it is part
of the transactionID that the statement delivers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fntx_dagster.simulate.contracts import SimulatedContract

ZERO = Decimal(0)


@dataclass(frozen=True)
class SimulatedFill:
    """A Trade row. `releases`: a booking of the night before, valued at the mark that the option had then."""

    contract: SimulatedContract
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal
    number: int
    rate: Decimal | None = None
    kind: str = "ExchTrade"
    releases: bool = False
    label: str = ""
    cancels: SimulatedFill | None = None
    order_type: str = "LMT"
    open_close: str = ""
    taxes: Decimal = ZERO

    @property
    def proceeds(self) -> Decimal:
        return -self.quantity * self.price * self.contract.multiplier


@dataclass(frozen=True)
class Conversion:
    """Units of `currency` bought (sold, when negative) at a price in the base currency."""

    currency: str
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal
    number: int


@dataclass(frozen=True)
class ActionLeg:
    """A CorporateAction row: units that come (or, negative, go), and the cash that comes with them."""

    contract: SimulatedContract
    quantity: Decimal
    proceeds: Decimal
    kind: str
    description: str
    action: int
    at: datetime
    number: int


@dataclass(frozen=True)
class Transfer:
    """A Transfer row: units of a contract at a price, or, without a contract, cash; negative when it goes."""

    contract: SimulatedContract | None
    quantity: Decimal
    price: Decimal
    cash: Decimal
    currency: str
    way: str
    at: datetime
    number: int

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price * self.contract.multiplier if self.contract else self.cash


@dataclass(frozen=True)
class CashMovement:
    """A CashTransaction row; `component` is the attribute of ChangeInNAV that holds it, empty where none does."""

    component: str
    kind: str
    currency: str
    amount: Decimal
    at: datetime | None
    number: int
    rate: Decimal | None
    description: str = ""


@dataclass(frozen=True)
class NightInterest:
    """A TierInterestDetail row: what a balance of one currency earned, or cost, over a night; `rate` is in percent a
    year."""

    currency: str
    principal: Decimal
    rate: Decimal

    @property
    def interest(self) -> Decimal:
        return (self.principal * self.rate / 100 / 360).quantize(Decimal("0.01"))


@dataclass(frozen=True)
class DividendAccrual:
    """A ChangeInDividendAccrual row: a dividend that the broker expects or, `is_paid`, no longer does. `rate` is per
    share, `fx_rate` that of the day on which it was posted."""

    contract: SimulatedContract
    quantity: Decimal
    rate: Decimal
    tax_rate: Decimal
    fx_rate: Decimal
    ex_date: date
    pay_date: date
    is_paid: bool = False

    @property
    def gross(self) -> Decimal:
        return (self.quantity * self.rate).quantize(Decimal("0.01"))

    @property
    def tax(self) -> Decimal:
        return (self.gross * self.tax_rate).quantize(Decimal("0.01"))

    @property
    def change(self) -> Decimal:
        """Of the accruals, in base currency."""
        return (-1 if self.is_paid else 1) * (self.gross - self.tax) * self.fx_rate


@dataclass(frozen=True)
class Correction:
    """A fill's true price, delivered in the row's place (same transactionID) from the statement of `known_from` on."""

    number: int
    price: Decimal
    known_from: date


COMPONENTS: tuple[str, ...] = (
    "mtm",
    "commissions",
    "transactionTax",
    "depositsWithdrawals",
    "internalCashTransfers",
    "assetTransfers",
    "interest",
    "changeInInterestAccruals",
    "dividends",
    "withholdingTax",
    "changeInDividendAccruals",
    "brokerFees",
    "otherFees",
    "otherIncome",
    "corporateActionProceeds",
)
"""Attributes of ChangeInNAV."""

CASH_KINDS = {
    "deposit": ("depositsWithdrawals", "Deposits/Withdrawals"),
    "interest": ("interest", "Broker Interest Paid"),
    "dividend": ("dividends", "Dividends"),
    "tax": ("withholdingTax", "Withholding Tax"),
    "fee": ("brokerFees", "Other Fees"),
    "interest_received": ("interest", "Broker Interest Received"),
    "coupon": ("interest", "Bond Interest Received"),
    "accrued_bought": ("interest", "Bond Interest Paid"),
    "in_lieu": ("dividends", "Payment In Lieu Of Dividends"),
    "withdrawal_fee": ("", "Other Fees"),
    "market_data": ("otherFees", "Other Fees"),
    "adjustment": ("otherFees", "Commission Adjustments"),
    "income": ("otherIncome", "Other Income"),
}
"""Kind of a cash movement → its component, and its type as the broker writes it."""

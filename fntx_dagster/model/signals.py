"""What a signal is about and what it asks for: values of the signals' rules, their tables and the API."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

EntryType = Literal["BUY_ENTRY", "SELL_ENTRY"]
ExitReason = Literal["SIGNAL", "STOPLOSS", "TARGET", "MANUAL", "SQUARE_OFF", "EXPIRY"]

ENTRY_TYPES = ("BUY_ENTRY", "SELL_ENTRY")
CLOSES = {"BUY_EXIT": "BUY_ENTRY", "SELL_EXIT": "SELL_ENTRY"}
"""Exit → the entry that it closes."""
EXIT_REASONS = ("SIGNAL", "STOPLOSS", "TARGET", "MANUAL", "SQUARE_OFF", "EXPIRY")
HOLDING = ("OPEN", "CLOSING")
"""The states of an execution that something is open of."""
OMNIBUS, SEPARATE = "omnibus", "separate"
"""How a strategy trades: one block order of one account, or an order of each participant's own account."""


class SignalInstrument(NamedTuple):
    """What is traded: `strike`, `option_type` and `expiry` of an option; a quantity is a multiple of `lot_size`."""

    token: str
    symbol: str
    exchange: str
    underlying: str | None = None
    strike: Decimal | None = None
    option_type: str | None = None
    expiry: date | None = None
    lot_size: Decimal = Decimal(1)

    def market(self, currency: str) -> str:
        """The symbol in the ledger, `BASE/QUOTE`; one that names no currency is priced in the strategy's."""
        return self.symbol if "/" in self.symbol else f"{self.symbol}/{currency}"


class Wish(NamedTuple):
    """What a participant asks for: quantity, his fees of each side (basis points and a fixed amount), and the most that
    the entry may be worth."""

    user_id: str
    qty: Decimal
    fee_bps: Decimal = Decimal(0)
    fee_fixed: Decimal = Decimal(0)
    max_notional: Decimal | None = None


class SignalStrategy(NamedTuple):
    """How a strategy trades: its accounts, currency, the notional capital of its paper book (None: as much as its
    entries need), what an entry is expected to earn, in basis points, for gate 2, and whether its entries are committed
    on a chain."""

    code: str
    accounts: str
    currency: str
    capital: Decimal | None
    expected_edge_bps: Decimal
    commits: bool = False

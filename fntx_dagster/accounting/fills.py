"""A fill: an execution, or what an assignment, an expiration, a corporate action or a transfer books.

What belongs here: the value and the words for its kinds. `classification.py` makes fills of a statement's trades,
`bookings.py` of its corporate actions and transfers, `provisional.py` of the gateway's executions.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

TRADE = "trade"
EXPIRATION = "expiration"
ASSIGNMENT = "assignment"
EXERCISE = "exercise"
DELIVERY = "delivery"
FX_CONVERSION = "fx_conversion"
SPLIT = "split"
MERGER = "merger"
SPIN_OFF = "spin_off"
SYMBOL_CHANGE = "symbol_change"
CORPORATE_ACTION = "corporate_action"
TRANSFER_IN = "transfer_in"
TRANSFER_OUT = "transfer_out"

CORPORATE_ACTIONS = frozenset({SPLIT, MERGER, SPIN_OFF, SYMBOL_CHANGE, CORPORATE_ACTION})
ENDS_AN_OPTION = frozenset({EXPIRATION, ASSIGNMENT, EXERCISE})

CLOSES_ONLY = "only"
CLOSES_SOME = "some"
CLOSES_UNKNOWN = ""


class Fill(NamedTuple):
    """One execution. Times aware, UTC; quantity signed, sells negative; money in `currency`, costs negative.

    `closes` is the broker's word: `only` (what is left after closing opens nothing), `some` (it realised something), or
    empty, where the broker says neither. `delivered_by` says, on a delivery of stock, whether an assignment or an
    exercise brought it. `booked`: the proceeds of a booking, which need not be a multiple of a price; `ratio`: how many
    a split makes of how many.
    """

    fill_id: str
    contract_id: str
    executed_at: datetime
    session: date
    quantity: Decimal
    price: Decimal
    multiplier: Decimal
    commission: Decimal
    fx_rate_to_base: Decimal
    event_type: str = TRADE
    linked_fill_id: str | None = None
    delivered_by: str | None = None
    closes: str = CLOSES_UNKNOWN
    label_source: str = "trade"
    symbol: str | None = None
    description: str | None = None
    asset_category: str = "STK"
    underlying_symbol: str | None = None
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str | None = None
    currency: str = ""
    base_currency: str = ""
    phase: str = ""
    report_date: date | None = None
    report_session: date | None = None
    fx_source: str = ""
    broker_realised: Decimal | None = None
    broker_mtm: Decimal | None = None
    close_price: Decimal | None = None
    order_type: str | None = None
    source_transaction_id: str | None = None
    booked: Decimal | None = None
    ratio: tuple[Decimal, Decimal] | None = None

    @property
    def proceeds(self) -> Decimal:
        """Signed cash of the execution before commissions: what a sell brings is positive. Of a transfer, the value."""
        return self.booked if self.booked is not None else -self.quantity * self.price * self.multiplier

    @property
    def order(self) -> tuple[datetime, int, str]:
        """The order of execution: time, then the broker's transaction id, which grows; then the row, to be certain."""
        transaction = self.source_transaction_id or ""
        return self.executed_at, int(transaction) if transaction.isdecimal() else 0, self.fill_id

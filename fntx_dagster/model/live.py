"""What happens now: an event of the stream, its kinds, and what a followed gateway says of an account.

A fact is kept and delivered once; of a state only the newest counts. Amounts are exact Decimals, and texts in a body;
times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.snapshot import MarkedPosition, Snapshot

FILL, COMMISSION, BOOKING, TOLD, SIGNATURE, ALERT, TRIP, ENTRY, MANY = FACTS = (
    *("fill", "commission", "booking", "told", "signature", "alert", "trip", "entry", "many"),
)
"""`told`: a day is built from its statement; `signature`: a record came to a state; `entry`: another entry of the
ledger; `many`: so many entries at once that a page loads anew instead."""
NAV, PNL, POSITION, MARGIN, ORDER, GATEWAY = STATES = ("nav", "pnl", "position", "margin", "order", "gateway")
"""`gateway`: how the account's gateway is followed."""


class LiveEvent(NamedTuple):
    """An event of the stream. `event_id` 0: it has no number yet. `account_id` None: it is about the platform. `key`:
    of a fact what it is known by, of a state what it is about (a contract, an order). `as_of`: when it was so;
    `heard_at`: when it was heard here.
    `is_provisional`: no statement has confirmed it."""

    event_id: int
    account_id: str | None
    trading_day: date | None
    kind: str
    key: str | None
    as_of: datetime
    heard_at: datetime
    is_state: bool
    is_provisional: bool
    body: Mapping[str, Any]


class Following(StrEnum):
    """How an account's gateway is followed."""

    CONNECTING = "connecting"
    FOLLOWING = "following"
    CUT_OFF = "cut_off"
    """The gateway answers and has lost its connection to the broker: what it says is old."""
    AWAY = "away"
    """It does not answer, or not as one that serves this account; it is tried again."""


class HeardFill(NamedTuple):
    """A fill as the gateway says it first: signed quantity, price in `currency`; its commission follows."""

    execution_id: str
    at: datetime
    contract: Contract
    currency: str
    quantity: Decimal
    price: Decimal


class HeardCommission(NamedTuple):
    """The commission of a fill, negative when it costs, and the broker's P&L of what it closed (None: nothing), both in
    `currency`."""

    execution_id: str
    at: datetime
    commission: Decimal
    currency: str
    realised: Decimal | None


class HeardPnl(NamedTuple):
    """The account's P&L in its base currency, each None where the gateway has none."""

    daily: Decimal | None
    unrealised: Decimal | None
    realised: Decimal | None


class HeardValues(NamedTuple):
    """NAV, cash and margin in `currency`, as in `Snapshot`."""

    currency: str
    nav: Decimal
    cash: Decimal
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    excess_liquidity: Decimal | None
    cushion: Decimal | None
    buying_power: Decimal | None


class Heard(NamedTuple):
    """What one account's gateway said at once, at its time `as_of`. `whole`: `positions` are all that there are, else
    those that changed. `snapshot`: the whole account, where it is consistent."""

    account_id: str
    as_of: datetime
    heard_at: datetime
    state: Following | None = None
    reason: str = ""
    fills: tuple[HeardFill, ...] = ()
    commissions: tuple[HeardCommission, ...] = ()
    positions: tuple[MarkedPosition, ...] = ()
    whole: bool = False
    values: HeardValues | None = None
    pnl: HeardPnl | None = None
    snapshot: Snapshot | None = None

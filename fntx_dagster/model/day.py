"""The values that a report is told from: one `Day` per account and session, as the tables hold them.

What belongs here: the shapes. How they are read lies in `store/`, how they are told in `story.py`. Amounts are exact
Decimals, in base currency unless a field says otherwise; times are aware and in UTC. The day that still runs is a
`ProvisionalDay`; `today.py` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from fntx_dagster.model.contract import Contract


@dataclass(frozen=True, slots=True)
class Event:
    """A row of chronological_events: one thing that touched the account.

    `event_type`: trade, expiration, assignment, exercise, delivery, fx_conversion, split, merger, spin_off,
    symbol_change, corporate_action, transfer_in, transfer_out, deposit, withdrawal, interest, dividend, tax, fee,
    other_cash. `quantity` is signed; `price`, `premium`, `commission`, `gross_realised` and `amount` are in `currency`;
    a commission is negative when it costs. `premium_reversal` is premium that an earlier block of the day already told
    for what this fill closes (negative of it), in `currency`. `nav_after` is None only on a provisional day without an
    opening NAV. `linked_event_id` is the other leg of an assignment or of an exchange of contracts; a split in place
    links to itself.
    """

    event_id: str
    event_type: str
    at: datetime
    time_assumed: bool
    contract: Contract | None
    quantity: Decimal | None
    price: Decimal | None
    currency: str
    fx_rate: Decimal
    fx_source: str
    opening_quantity: Decimal
    closing_quantity: Decimal
    premium: Decimal
    premium_reversal: Decimal
    gross_realised: Decimal
    commission: Decimal
    amount: Decimal | None
    nav_impact: Decimal
    nav_after: Decimal | None
    description: str
    linked_event_id: str | None = None


_FLOWS = ("deposit", "withdrawal", "transfer_in", "transfer_out")


@dataclass(frozen=True, slots=True)
class Block:
    """A row of nav_blocks with its events: what the story tells in one paragraph.

    `kind`: trades, assignment, exercise, expiration, corporate_action, transfer, cash. `phase`: overnight,
    pre_market, intraday, at_close.
    `closes` says that the block closes something and so tells realised P&L; else it tells premium. Amounts in
    `currency` are None where the block's events have several currencies, `fx_rate` where they have several rates;
    `nav_after` only on a provisional day without an opening NAV.
    """

    block_id: str
    kind: str
    phase: str
    starts_at: datetime
    ends_at: datetime
    closes: bool
    currency: str | None
    fx_rate: Decimal | None
    gross_pnl: Decimal | None
    premium: Decimal | None
    premium_reversal: Decimal | None
    commissions: Decimal | None
    nav_impact: Decimal
    nav_after: Decimal | None
    events: tuple[Event, ...]

    @property
    def is_flow(self) -> bool:
        """Whether it brings in or takes out what others own: cash or positions. It is no performance."""
        return all(event.event_type in _FLOWS for event in self.events)


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """A holding at a session's close. `quantity` is signed; `opened_at` of the oldest lot; `ends` says how and when
    the tables know that it ended (expired, assigned, exercised, traded, delivered), None while it is open.

    On a provisional day: a holding now. `mark`, its price per unit, and `market_value`, signed, are the gateway's, in
    `currency`; None where the gateway no longer holds it. `opened_at` is None when it was opened on an earlier day, and
    `open_price` is then the broker's average cost per unit, where the gateway tells it.
    """

    contract: Contract
    quantity: Decimal
    opened_at: datetime | None
    open_price: Decimal | None
    ends: str | None
    ended_at: datetime | None
    mark: Decimal | None = None
    market_value: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that one day's story needs.

    `difference_parts` sums with `unexplained` to `difference` = closing_nav_official − closing_nav_calculated; its
    names: mark_to_market, assigned_option_mark, expired_option_mark, rate_difference, interest_accruals,
    fx_translation, after_hours_trades, commissions, interest, dividends, fees, transfers, other, broker_residual; on a
    provisional day not_yet_attributed alone. `as_of` is None: the broker's statement told this day. Amounts that may
    be None are so only on a provisional day.
    """

    as_of: ClassVar[datetime | None] = None

    account_id: str
    trading_day: date
    previous_close: datetime
    opens_at: datetime
    closes_at: datetime
    early_close: bool
    base_currency: str
    opening_nav_official: Decimal | None
    opening_nav_calculated: Decimal | None
    closing_nav_official: Decimal
    closing_nav_calculated: Decimal | None
    deposits: Decimal | None
    withdrawals: Decimal | None
    gross_pnl: Decimal
    commissions: Decimal
    interest: Decimal | None
    fees: Decimal | None
    broker_residual: Decimal
    net_pnl: Decimal | None
    difference: Decimal | None
    difference_parts: Mapping[str, Decimal]
    unexplained: Decimal
    blocks: tuple[Block, ...]
    open_at_close: tuple[OpenPosition, ...]


@dataclass(frozen=True, slots=True)
class ProvisionalDay(Day):
    """The day that still runs, as IB Gateway saw it at `as_of`: no statement has told it yet.

    `closing_nav_official` and `closing_nav_calculated` are the NAVs now: `gateway_nav`, in `gateway_currency`, at the
    configured real-time `rate`, and what the day's trades make of the opening. The whole difference is one part,
    not_yet_attributed, for the gateway does not tell what made it; nothing of it is unexplained before the statement
    had its say. Deposits, withdrawals, interest and fees are None: the gateway tells none. So is the net P&L, for the
    NAV moves with deposits and with the rate too. Where no official opening NAV is known, the amounts that stand on it
    are None as well.

    `realised_by_broker` names the events whose realised P&L is the broker's own figure, net of what the opening cost;
    `later_trades` counts fills after the session's close, which belong to the next trading day.
    """

    as_of: datetime = field()
    gateway_nav: Decimal
    gateway_currency: str
    rate: Decimal
    realised_by_broker: frozenset[str]
    later_trades: int

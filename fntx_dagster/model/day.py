"""The values that a report narrates: per account and session a `Day`, or a `ProvisionalDay` while it still runs.

What belongs here: the shapes. `store` reads official days from the tables, `accounting.provisional` computes the
provisional one, `report` narrates both. Amounts are exact Decimals, in base currency unless a field says otherwise;
times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.rates import StandInRate
from fntx_dagster.model.session import SEVEN_DAYS, XNYS, ZONES, Session


class InterestTier(NamedTuple):
    """The interest of one day on one tier of a balance (TierInterestDetails): `rate` in per cent a year, `principal`
    and `interest` in `currency`, negative where the account owes and pays."""

    currency: str
    rate: Decimal
    principal: Decimal
    interest: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """A row of chronological_events: one thing that touched the account.

    `event_type`: trade, expiration, assignment, exercise, delivery, fx_conversion, split, merger, spin_off,
    symbol_change, corporate_action, transfer_in, transfer_out, deposit, withdrawal, interest, dividend, tax, fee,
    other_cash. `quantity` is signed; `price`, `premium`, `commission`, `gross_realised` and `amount` are in `currency`;
    a commission is negative when it costs. `premium_reversal` takes back the premium that an earlier block of the
    day counted for what this fill closes, in `currency`. What `unknown_quantity`, a part of what it closes, cost is in
    no statement, and its P&L not in `gross_realised`. `nav_after` is None only on a provisional day without an
    opening NAV. `linked_event_id` is the other leg of an assignment or of an exchange of contracts; a split in place
    links to itself. `order_type` is the broker's name of a trade's order (LMT, STP), `broker_type` its name of a cash
    movement (Other Fees).
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
    unknown_quantity: Decimal = Decimal(0)
    order_type: str | None = None
    broker_type: str = ""


_FLOWS = ("deposit", "withdrawal", "transfer_in", "transfer_out")


@dataclass(frozen=True, slots=True)
class Block:
    """A row of nav_blocks with its events: what one paragraph of the story narrates.

    `kind`: trades, assignment, exercise, expiration, corporate_action, transfer, cash. `phase`: overnight,
    pre_market, intraday, at_close.
    `closes`: a trade of the block closes something, so the block counts realised P&L; else it counts premium.
    Amounts in `currency` are None where the events have several currencies, `fx_rate` where they have several rates;
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
    """A holding at a session's close. `quantity` is signed; `opened_at` of the oldest lot; `ends` and
    `ended_at` say how (expired, assigned, exercised, traded, delivered) and when it ended, None while it is open.
    `opened_before`: the day before which it was opened, where no statement says when; `opened_at` is None then.

    On a provisional day: a holding now. `mark`, its price per unit, and `market_value`, signed, are the gateway's, in
    `currency`; None where the gateway no longer holds it. `opened_at` is None when it was opened on an earlier day, and
    `open_price` is then the broker's average cost per unit, where the gateway reports it.
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
    opened_before: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingDay:
    """What an official and a provisional day have in common. `gross_pnl` is before commissions, which are negative
    when they cost; `difference_parts` maps names (`model.difference.PARTS`) to amounts."""

    account_id: str
    trading_day: date
    previous_close: datetime
    opens_at: datetime
    closes_at: datetime
    early_close: bool
    base_currency: str
    closing_nav_official: Decimal
    gross_pnl: Decimal
    commissions: Decimal
    difference_parts: Mapping[str, Decimal]
    blocks: tuple[Block, ...]
    open_at_close: tuple[OpenPosition, ...]
    calendar: str = XNYS

    @property
    def session(self) -> Session:
        """The session of the day, with its moments."""
        moments = (self.previous_close, self.opens_at, self.closes_at)
        return Session(self.trading_day, *moments, self.early_close, self.calendar)

    @property
    def zone(self) -> ZoneInfo:
        """Where the day's dates are counted."""
        return ZONES[self.calendar]

    @property
    def never_closes(self) -> bool:
        """Whether the day's market has neither an open nor a close."""
        return self.calendar == SEVEN_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(TradingDay):
    """A day that a statement covers: its amounts are official, so `as_of` is None.

    `deposits` and `withdrawals` are both 0 or more. `difference` is closing_nav_official − closing_nav_calculated, and
    `difference_parts` sums with `unexplained` to it. `released_marks` is the part of its mark-to-market that earlier
    closes had counted and the day's closing trades realised. `ended` counts the round trips that ended in the session
    (`model.round_trips.ENDINGS`), as the metrics count them. `stand_in_rates` are the rates that no statement gives,
    `interest_tiers` the interest of the night by tier.
    """

    as_of: ClassVar[None] = None

    opening_nav_official: Decimal
    opening_nav_calculated: Decimal
    closing_nav_calculated: Decimal
    deposits: Decimal
    withdrawals: Decimal
    interest: Decimal
    fees: Decimal
    broker_residual: Decimal
    net_pnl: Decimal
    difference: Decimal
    unexplained: Decimal
    released_marks: Decimal = Decimal(0)
    ended: Mapping[str, int] = field(default_factory=dict)
    stand_in_rates: tuple[StandInRate, ...] = ()
    interest_tiers: tuple[InterestTier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionalDay(TradingDay):
    """The day that still runs, as IB Gateway saw it at `as_of`: no statement covers it yet.

    `closing_nav_official` and `closing_nav_calculated` are the NAVs now: the first is `gateway_nav`, in
    `gateway_currency`, at the configured real-time `rate`; the second is the opening NAV plus the impact of the day's
    trades. Their difference is one part, not_yet_attributed, because the gateway does not report what it consists of;
    nothing of it is unexplained before the statement arrives. The gateway reports no deposits, withdrawals, interest or
    fees, so these are None, and so is the net P&L: the NAV moves with deposits and with the rate, too. Without an
    official opening NAV the amounts that depend on it are None as well.

    `realised_by_broker` holds the ids of the events whose realised P&L is the broker's own figure, net of what the
    opening cost; `later_trades` counts fills after the session's close, which belong to the next trading day.
    """

    deposits: ClassVar[None] = None
    withdrawals: ClassVar[None] = None
    interest: ClassVar[None] = None
    fees: ClassVar[None] = None
    net_pnl: ClassVar[None] = None
    broker_residual: ClassVar[Decimal] = Decimal(0)
    unexplained: ClassVar[Decimal] = Decimal(0)

    as_of: datetime
    opening_nav_official: Decimal | None
    opening_nav_calculated: Decimal | None
    closing_nav_calculated: Decimal | None
    difference: Decimal | None
    gateway_nav: Decimal
    gateway_currency: str
    rate: Decimal
    realised_by_broker: frozenset[str]
    later_trades: int


AnyDay = Day | ProvisionalDay
"""A day that a statement covers or one that still runs."""
SomeDay = TypeVar("SomeDay", Day, ProvisionalDay)


def without_brokers_words(day: SomeDay) -> SomeDay:
    """The day without the descriptions of its events: the broker's free text may name a person."""
    blocks = [
        replace(block, events=tuple(replace(event, description="") for event in block.events)) for block in day.blocks
    ]
    return replace(day, blocks=tuple(blocks))

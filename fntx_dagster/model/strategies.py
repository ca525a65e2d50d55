"""What an account traded, seen as strategies: the lots that are grouped, and the figures of a group.

What belongs here: the shapes, and the names of the kinds. `metrics/strategies.py` groups, `metrics/strategy_kinds.py`
names, `metrics/edge.py` puts trades into classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.session import NEW_YORK

SINGLE = "single"
VERTICAL = "vertical"
STRANGLE = "strangle"
STRADDLE = "straddle"
IRON_CONDOR = "iron condor"
COVERED_CALL = "covered call"
CASH_SECURED_PUT = "cash-secured put"
WHEEL = "wheel"
ROLL_CHAIN = "roll chain"
COMBINATION = "combination"
SHARES = "shares"
OTHER = "other"

BY_CLOSE = "the close of its session"
BY_SHARES = "its fill, shares filled beside it"
BY_PARITY = "its fill, put-call parity"
BY_ONE_VOLATILITY = "its fill, one volatility of put and call"
ENTRIES = (BY_CLOSE, BY_SHARES, BY_PARITY, BY_ONE_VOLATILITY)
"""How delta and volatility of an entry are known: at the close, or at the fill, with the underlying's price from a fill
of shares or from two options."""


class TradedLot(NamedTuple):
    """A lot as strategies need it; what closed it is None while it is open. `sign` is 1 of a long lot and -1 of a short
    one, `quantity` absolute; prices and fees in the contract's currency, rates multiply into base currency, times are
    aware. `open_order` and `close_order` are the broker's numbers of the orders, where the statements have them. Where
    no statement says when a lot was opened, `opened_before` is the day before which it was; where none says what it
    cost, price, rate and P&L are None."""

    lot_id: str
    contract: Contract
    currency: str
    sign: int
    quantity: Decimal
    open_fill_id: str
    opened_at: datetime
    opened_day: date
    open_price: Decimal | None
    open_fee: Decimal
    open_rate: Decimal | None
    how_opened: str
    origin_fill_id: str | None
    round_trip_id: str
    close_fill_id: str | None
    closed_at: datetime | None
    closed_day: date | None
    close_fee: Decimal | None
    close_rate: Decimal | None
    gross_pnl: Decimal | None
    how_ended: str | None
    opened_before: date | None
    open_order: str | None
    close_order: str | None

    @property
    def gross_in_base(self) -> Decimal:
        """The realised P&L before fees; 0 while it is open, and where it is unknown."""
        return Decimal(0) if self.gross_pnl is None or self.close_rate is None else self.gross_pnl * self.close_rate

    @property
    def fees_in_base(self) -> Decimal:
        """The fees so far, each at its fill's rate."""
        closing = Decimal(0) if self.close_fee is None or self.close_rate is None else self.close_fee * self.close_rate
        return self.opening_fee_in_base + closing

    @property
    def opening_fee_in_base(self) -> Decimal:
        """The fee of its opening, at its fill's rate."""
        return self.open_fee * (self.open_rate or 0)

    @property
    def cost_in_base(self) -> Decimal:
        """What was paid for it, before fees; negative where it was sold to open, 0 where it is unknown."""
        price = (self.open_price or 0) * (self.open_rate or 0)
        return self.sign * self.quantity * self.contract.multiplier * price


class StrategyLots(NamedTuple):
    """Lots that are one strategy, the first opening first. `rolled` says that an option was replaced by another,
    `covering` that an option was sold on shares that the strategy held, `covered` that shares of the account covered
    every call that it sold. `named` is the kind that a person gave it, `ended` the session in which it was over, None
    while it runs."""

    lots: Sequence[TradedLot]
    rolled: bool
    covering: bool
    covered: bool
    named: str | None
    ended: date | None


class Leg(NamedTuple):
    """An option that a strategy opened: all of its contracts, negative where they were sold."""

    contract: Contract
    quantity: Decimal


class Strategy(NamedTuple):
    """A strategy and what it made, in base currency: so far, where it still runs (`closed_at` and `trading_day` None).

    `net_pnl` is gross P&L, fees and interest. `premium` is what options sold to open brought, less what options bought
    to open cost; `captured` the net P&L in percent of it, None where no premium was received, and while the strategy
    runs, because what is held is not valued. `is_known` is False where a part was transferred out, or no statement says
    what it cost, so that the result is not known here. `trips` are the round trips, by whose ids a person groups them.
    """

    strategy_id: str
    kind: str
    is_named: bool
    underlying: str
    currency: str
    legs: tuple[Leg, ...]
    trips: tuple[str, ...]
    opened_at: datetime
    closed_at: datetime | None
    trading_day: date | None
    gross_pnl: Decimal
    fees: Decimal
    interest: Decimal
    net_pnl: Decimal
    premium: Decimal
    captured: float | None
    days: float | None
    is_known: bool


class Outcomes(NamedTuple):
    """What some trades made together, in base currency. `win_rate` is in percent of won and lost, None where there is
    neither; `captured` in percent of `premium`, `days` their mean holding time; None where undefined."""

    name: str
    number: int
    won: int
    lost: int
    win_rate: float | None
    net_pnl: Decimal
    average: Decimal | None
    premium: Decimal | None = None
    captured: float | None = None
    days: float | None = None


OPTIONS_TRADED = ("sold put", "sold call", "bought put", "bought call")


class OptionTrade(NamedTuple):
    """An all-in trade that an option opened, with what is known of its entry; what the statements do not give is None.

    `option` is one of OPTIONS_TRADED: its side and right. Moves are fractions of the underlying's price, `volatility`
    is per year; `strike_distance` is how far out of the money the strike was at the close before the entry (negative:
    in the money). `priced_by`, one of ENTRIES, says of which moment and how known `delta`, `volatility` and both moves
    are. Of an option from before the first statement no entry is known.
    """

    trade_id: str
    option: str | None
    opened_at: datetime | None
    hours_held: float | None
    days_to_expiry: int | None
    strike_distance: float | None
    priced_by: str | None
    delta: float | None
    volatility: float | None
    implied_move: float | None
    realised_move: float | None
    net_pnl: Decimal


class EdgeTable(NamedTuple):
    """Trades by the classes of one property, in their order; classes without a trade are left out."""

    property: str
    classes: tuple[Outcomes, ...]


class BothWays(NamedTuple):
    """The same dealing counted in round trips and all-in."""

    round_trips: Outcomes
    all_in: Outcomes
    interest: Decimal


class OptionSelling(NamedTuple):
    """What one account's trading made in a range: both counts, strategies that ended in it, those that run at its end,
    and the trades that an option opened by the properties of their entry. Money in `base_currency`; `zone`: the one
    whose days the account's calendar has."""

    account_id: str
    base_currency: str
    first_day: date
    last_day: date
    both: BothWays
    strategies: tuple[Strategy, ...]
    running: tuple[Strategy, ...]
    by_kind: tuple[Outcomes, ...]
    by_underlying: tuple[Outcomes, ...]
    edge: tuple[EdgeTable, ...]
    zone: ZoneInfo = NEW_YORK

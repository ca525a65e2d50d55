"""What can hurt an account at a close: stress, assignment, drawdowns, streaks, margin.

What belongs here: the shapes. `metrics/` computes them, `report/account_risk.py` writes them. Money is in base currency
where no other is named; ratios are fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

STRESS_SPOTS = tuple(Decimal(percent) / 100 for percent in (-20, -10, -5, -2, 0, 2, 5, 10, 20))
STRESS_POINTS = tuple(Decimal(points) / 100 for points in (-5, 0, 5, 10, 20))
"""By how much every underlying, as a ratio, and every volatility moves where nothing else is asked."""

IN_THE_MONEY, ALL_SHORT = "in_the_money", "all_short"
"""Which short options are assigned: those in the money at the close, or every one."""


class Stress(NamedTuple):
    """The change in value of what is held if every underlying moves by one of `spots` and every volatility by one of
    `points` at once, without time passing: `changes` has a row for each of `points`, None in every cell where
    `unknown` positions have no price. `without_volatility`: options that count without time value. `unmoved`:
    positions without a model, such as bonds, which are in no sum."""

    spots: Sequence[Decimal]
    points: Sequence[Decimal]
    changes: Sequence[Sequence[Decimal | None]]
    without_volatility: int
    unknown: int
    unmoved: int


class Assignment(NamedTuple):
    """What the short options on one underlying take if they are assigned: `scope` says which. Shares and contracts are
    0 or more, cash in `currency`. Options that settle in cash pay what they are in the money. `uncovered`: shares that
    are delivered without being held or brought. `rate` multiplies into base currency, None where it is unknown."""

    scope: str
    underlying: str
    currency: str
    contracts: Decimal
    shares_bought: Decimal
    shares_delivered: Decimal
    uncovered: Decimal
    cash_paid: Decimal
    cash_received: Decimal
    rate: Decimal | None


class Assignments(NamedTuple):
    """The rows by scope and underlying, and the short options (`unknown`) of which no statement says whether they are
    in the money: they are in the scope of all alone. `cash` is the account's at the close, None where it is unknown."""

    rows: Sequence[Assignment]
    unknown: int
    cash: Decimal | None

    def needed(self, scope: str) -> Decimal | None:
        """The cash that is paid out in base currency, what is received not counted; None where a rate is unknown."""
        rows = [row for row in self.rows if row.scope == scope]
        if any(row.rate is None for row in rows):
            return None
        return sum((row.cash_paid * row.rate for row in rows if row.rate is not None), Decimal(0))


class Drawdown(NamedTuple):
    """A fall of the linked return below its highest: `depth` as a negative ratio. `peak` is the session at whose close
    the highest stood (None: the account's opening), `trough` that of the lowest; `recovered` the first session at or
    above the peak, None while it is below. Both counts are of sessions."""

    depth: float
    peak: date | None
    trough: date
    recovered: date | None
    sessions_down: int
    sessions_up: int | None


class Streak(NamedTuple):
    """Sessions in a row that all gained (`winning`) or all lost, with their linked return and their sum of gains."""

    winning: bool
    first: date
    last: date
    sessions: int
    linked_return: float
    gain: Decimal


class Streaks(NamedTuple):
    """The longest winning and losing streak, the latest of the longest, and the one that lasts at the end; None where
    there is none. A session without gain, loss or defined return ends a streak and begins none."""

    winning: Streak | None
    losing: Streak | None
    current: Streak | None


class MarginState(NamedTuple):
    """Margin in `currency` as IB Gateway said it last on a session; None where it said none. `available` is the NAV
    less the initial margin."""

    trading_day: date
    as_of: datetime
    currency: str
    nav: Decimal
    initial: Decimal | None
    maintenance: Decimal | None
    excess: Decimal | None
    buying_power: Decimal | None

    @property
    def available(self) -> Decimal | None:
        return None if self.initial is None else self.nav - self.initial


class ReturnOnMargin(NamedTuple):
    """The net P&L of the sessions whose margin is known ÷ the mean of their maintenance margins, both in base
    currency."""

    sessions: int
    net_pnl: Decimal
    mean_margin: Decimal
    ratio: float


class AccountRisk(NamedTuple):
    """All of it for one account at one close. `margin` and `on_margin` are None where neither the gateway nor a
    statement says the margin."""

    account_id: str
    trading_day: date
    base_currency: str
    nav: Decimal
    stress: Stress
    assignments: Assignments
    drawdowns: Sequence[Drawdown]
    streaks: Streaks
    margin: MarginState | None
    on_margin: ReturnOnMargin | None

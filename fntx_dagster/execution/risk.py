"""The risk controller of a desk: whether an order may go out, and whether the desk still trades.

Everything is an exact fraction. At a limit an order passes; at the daily loss it does not. The state of a desk only
ever gets worse here: people decide that it trades again.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.errors import Permanent

ACTIVE, HALTED, KILLED = STATES = ("active", "halted", "killed")
BUY, SELL = SIDES = ("buy", "sell")
CANCEL_OPEN_ORDERS, HALT_ALL, HALT_STRATEGIES = "cancel_open_orders", "halt_all", "halt_strategies"
_ACTIONS = {KILLED: (CANCEL_OPEN_ORDERS, HALT_ALL), HALTED: (HALT_STRATEGIES,)}


class DeskLimits(NamedTuple):
    """What a desk may do. `max_position` in units of the base asset; `max_single_order` and `max_daily_volume` in the
    quote currency; percentages as 2 for 2 %."""

    max_position: Fraction
    max_single_order: Fraction
    max_slippage_pct: Fraction
    daily_loss_pct: Fraction
    max_daily_volume: Fraction
    max_open_orders: int
    breaker_pct: Fraction
    kill_pct: Fraction


class DeskDay(NamedTuple):
    """How a desk stands today. `net_flows`: deposits less withdrawals; `position` in units of the base asset, below 0
    when short; `volume_today` in the quote currency. What is accepted and not yet on the ledger counts in the last
    three."""

    state: str
    equity_start: Fraction
    equity: Fraction
    net_flows: Fraction
    position: Fraction
    volume_today: Fraction
    open_orders: int


class DeskOrder(NamedTuple):
    """An order as it is judged. `price`: the average to be expected, walking the book; `mid`: between the best bid and
    the best ask; both in the quote currency."""

    side: str
    quantity: Fraction
    price: Fraction
    mid: Fraction


class RiskDecision(NamedTuple):
    """What becomes of an order and of the desk. `reasons`: every limit that it breaks, none when it is accepted;
    `state`: of the desk from now on; `actions`: what a change of it demands."""

    reasons: tuple[str, ...]
    state: str
    reducing: bool
    loss_pct: Fraction
    slippage_pct: Fraction
    actions: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        return not self.reasons


def judged_order(day: DeskDay, order: DeskOrder, limits: DeskLimits) -> RiskDecision:
    """Whether the order may go out. Raises Permanent for figures that mean nothing: no equity, no price."""
    _check(day, order, limits)
    lost, state = loss_pct(day), state_after(day, limits)
    signed = order.quantity if order.side == BUY else -order.quantity
    after = day.position + signed
    reducing = abs(after) < abs(day.position) and after * day.position >= 0
    value = order.quantity * order.price
    slippage = slippage_pct(order)
    broken = {
        KILLED: state == KILLED,
        HALTED: state == HALTED and not reducing,
        "max_position": abs(after) > limits.max_position and not reducing,
        "max_single_order": value > limits.max_single_order,
        "slippage": slippage > limits.max_slippage_pct,
        "daily_loss": lost >= limits.daily_loss_pct and not reducing,
        "daily_volume": day.volume_today + value > limits.max_daily_volume,
        "open_orders": day.open_orders + 1 > limits.max_open_orders,
    }
    reasons = tuple(reason for reason, breaks in broken.items() if breaks)
    return RiskDecision(reasons, state, reducing, lost, slippage, actions_of(day.state, state))


def loss_pct(day: DeskDay) -> Fraction:
    """What the desk has lost today, in percent of what it began with and was given: deposits are no gain."""
    capital = day.equity_start + max(day.net_flows, Fraction(0))
    if capital <= 0:
        raise Permanent("equity_start and the deposits of the day are nothing", "Name the equity that the day began at")
    return max(Fraction(0), (day.equity_start + day.net_flows - day.equity) / capital * 100)


def slippage_pct(order: DeskOrder) -> Fraction:
    """By how much the expected price is worse than the middle of the book, in percent."""
    worse = order.price - order.mid if order.side == BUY else order.mid - order.price
    return max(Fraction(0), worse / order.mid * 100)


def state_after(day: DeskDay, limits: DeskLimits) -> str:
    """The state of the desk from now on. No gain brings an earlier one back."""
    lost = loss_pct(day)
    if day.state == KILLED or lost > limits.kill_pct:
        return KILLED
    return HALTED if day.state == HALTED or lost > limits.breaker_pct else ACTIVE


def actions_of(before: str, after: str) -> tuple[str, ...]:
    """What is to be done when a desk goes from one state to another."""
    return _ACTIONS.get(after, ()) if before != after else ()


def _check(day: DeskDay, order: DeskOrder, limits: DeskLimits) -> None:
    if day.state not in STATES:
        raise Permanent(f"{day.state!r} is no state", f"It is one of {', '.join(STATES)}")
    if order.side not in SIDES:
        raise Permanent(f"{order.side!r} is no side", f"It is one of {', '.join(SIDES)}")
    for name in ("quantity", "price", "mid"):
        if getattr(order, name) <= 0:
            raise Permanent(f"order.{name} is not above 0", "Say what is to be traded, and at which price")
    below = [f"limits.{name}" for name, value in limits._asdict().items() if value < 0]
    below += [name for name in ("volume_today", "open_orders") if getattr(day, name) < 0]
    if below:
        raise Permanent(f"{below[0]} is negative", "Write 0 or more")

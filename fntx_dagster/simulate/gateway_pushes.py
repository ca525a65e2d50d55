"""What the simulated IB Gateway says unasked: who subscribed to what, and the messages of a change.

A gateway pushes to each connection what that one subscribed to: positions of every account of the login, values and
portfolio of one account, P&L by request. It reports a fill unasked only to the connection that placed the order and to
the one whose client id is set as its Master client id; the others see the position change and ask for executions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.simulate.gateway_accounts import GatewayAccount, GatewayFill, GatewayPosition
from fntx_dagster.simulate.gateway_orders import UNSET, Message, wire_time

PNL, CANCEL_PNL, CANCEL_POSITIONS = 92, 93, 64
UNASKED = -1
"""The request id of a message that nobody asked for."""
CUT_OFF, BACK_WITHOUT_DATA, BACK = 1100, 1101, 1102
WORDS = {
    CUT_OFF: "Connectivity between IB and Trader Workstation has been lost.",
    BACK_WITHOUT_DATA: "Connectivity between IB and TWS has been restored- data lost.",
    BACK: "Connectivity between IB and TWS has been restored- data maintained.",
}
_EASTERN = ZoneInfo("US/Eastern")


@dataclass
class Subscriptions:
    """What a connection subscribed to; `pnl`: request id → account."""

    positions: bool = False
    account: str | None = None
    pnl: dict[str, str] = field(default_factory=dict)


def position_message(account_id: str, position: GatewayPosition) -> Message:
    contract = position.contract.fields("")
    return (61, 3, account_id, *contract, position.quantity, position.average_cost)


def portfolio_message(account_id: str, position: GatewayPosition) -> Message:
    unrealised = position.value - position.average_cost * position.quantity
    marked = (position.quantity, position.mark, position.value, position.average_cost, unrealised, 0)
    return (7, 8, *position.contract.fields(""), *marked, account_id)


def value_message(account_id: str, value: tuple[str, str, str]) -> Message:
    return (6, 2, *value, account_id)


def time_message(now: datetime) -> Message:
    return (8, 1, f"{now.astimezone(_EASTERN):%H:%M}")


def pnl_message(request: str, account: GatewayAccount, started_at: Decimal) -> Message:
    """Daily P&L since the NAV `started_at`, unrealised, realised."""
    unrealised = sum((one.value - one.average_cost * one.quantity for one in account.positions), Decimal(0))
    realised = sum((fill.realised for fill in account.fills if fill.realised is not None), Decimal(0))
    return (94, request, account.nav - started_at, unrealised, realised)


def fill_message(request: str | int, order: int, account_id: str, fill: GatewayFill) -> Message:
    size = abs(fill.quantity)
    done = (
        *(fill.execution_id, wire_time(fill.at), account_id, "CBOE"),
        *("BOT" if fill.quantity > 0 else "SLD", size, fill.price, order, 0, 0, size, fill.price),
        *("", "", "", "", 2),
    )
    return (11, request, 0, *fill.contract.fields("CBOE"), *done)


def commission_message(fill: GatewayFill) -> Message:
    realised = UNSET if fill.realised is None else fill.realised
    return (59, 1, fill.execution_id, fill.commission, fill.contract.currency, realised, UNSET, "")


def messages_of_a_change(
    subscribed: Subscriptions,
    before: GatewayAccount,
    after: GatewayAccount,
    now: datetime,
    start_of_day: Decimal,
    lost_in_portfolio: Iterable[int] = (),
) -> Iterator[Message]:
    """What a connection is told when an account has changed: positions, then portfolio and values, then P&L."""
    known = {position.contract.con_id: position for position in before.positions}
    held = {position.contract.con_id: position for position in after.positions}
    gone = [known[con_id].without_quantity() for con_id in known if con_id not in held]
    moved = [one for con_id, one in held.items() if con_id not in known or known[con_id].quantity != one.quantity]
    if subscribed.positions:
        for position in (*moved, *gone):
            yield position_message(after.account_id, position)
    if subscribed.account == after.account_id:
        changed = [one for con_id, one in held.items() if known.get(con_id) != one]
        for position in (*changed, *gone):
            if position.contract.con_id not in lost_in_portfolio:
                yield portfolio_message(after.account_id, position)
        old = set(before.values)
        for value in after.values:
            if value not in old:
                yield value_message(after.account_id, value)
        yield time_message(now)
    for request, account_id in subscribed.pnl.items():
        if account_id == after.account_id:
            yield pnl_message(request, after, start_of_day)

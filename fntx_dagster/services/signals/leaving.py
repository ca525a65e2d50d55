"""An exit with what it closes, and the exits whose orders are not the strategy's own paper orders: an order of each
participant's own account, or a live block order. Each is sent once by its key; a settlement is booked in each account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

from fntx_dagster.errors import FntxError
from fntx_dagster.model.orders import OrderFill, OrderRequest, Side
from fntx_dagster.model.signals import SEPARATE, SignalInstrument, SignalStrategy
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.judging import about_order, settled
from fntx_dagster.services.orders.requests import Submission
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn, turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.elsewhere import got_of, whole_lots
from fntx_dagster.services.signals.requests import ExitSignal
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.entry import Ladder
from fntx_dagster.signals.sharing import Got, Share, StepTotals, leave
from fntx_dagster.store.signals import executions
from fntx_dagster.store.signals.executions import Arrival, ExitRow, OrderOutcome, SignalExecution


class ClosedStep(NamedTuple):
    """What an exit closed: lots and money, P&L and fees; its order, and why it was refused."""

    got: Got
    step: StepTotals
    order_id: str | None
    why: str | None


@dataclass(slots=True)
class Exit:
    """An exit with what it closes: all shares of the execution, those who leave now, and what each of them had closed
    before."""

    asked: ExitSignal
    arrived: Arrival
    execution: SignalExecution
    instrument: SignalInstrument
    strategy: SignalStrategy
    market: trading.SeenMarket
    now: datetime
    before: list[ExitRow] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    leaving: list[Share] = field(default_factory=list)
    had: list[int] = field(default_factory=list)

    @property
    def lot(self) -> int:
        return exact(self.instrument.lot_size)

    @property
    def is_settlement(self) -> bool:
        return self.asked.settlement_price is not None

    @property
    def side(self) -> Side:
        """What its orders do."""
        return trading.side_of(self.execution.signal_type, leaves=True)

    @property
    def taken(self) -> Ladder:
        """The side of the market that its orders take from."""
        return self.market.side(self.side)

    @property
    def next_key(self) -> str:
        """The key of the next order that leaves: the same until an exit is stored."""
        return self.key(len(self.before) + 1)

    def key(self, number: int) -> str:
        return f"{self.asked.strategy_code}|{self.asked.unique_id}|EXIT|{number}"

    def order(self, quantity: Decimal, bot_id: str | None = None) -> OrderRequest:
        """An order that closes, of the strategy's own bot unless another is named."""
        execution, exchange = self.execution, self.instrument.exchange
        bot_id = bot_id or trading.bot_of(execution.signal_type)
        return OrderRequest(bot_id, exchange, execution.market, self.side, quantity, reduce_only=True)


def leave_elsewhere(desk: Desk, leaving: Exit) -> Callable[[Exit], ClosedStep]:
    """Send the orders of an exit: what shares out what they got, once the execution was read again under its lock.

    Raises Declined (409) where live orders are under way still: the same exit may be sent again.
    """
    execution, separate = leaving.execution, leaving.execution.accounts == SEPARATE
    key, code = leaving.next_key, execution.strategy_code
    quantities = {share.user_id: share.lots - share.closed for share in leaving.leaving}
    if separate:
        placed = {user_id: (user_id, f"{key}|{user_id}", lots) for user_id, lots in quantities.items()}
    else:
        placed = {"": (trading.user_of(code), key, sum(quantities.values()))}
    for user_id, own_key, lots in placed.values():
        order = leaving.order(Decimal(amount(lots * leaving.lot)), code if separate else None)
        try:
            _send(desk, leaving, order, user_id, own_key)
        except (Declined, FntxError):
            if not separate:  # nothing else of the exit would be lost: whoever sent it sends it again
                raise
    own = [each[:2] for each in placed.values()]
    with desk.db.connect() as connection:
        found = executions.outcomes(connection, own, execution.currency, is_paper=execution.is_paper)
    if any(not outcome.has_ended for outcome in found.values()):
        words = "the orders of the exit are under way: send it again in a moment"
        raise Declined([FieldFault("unique_id", "exit_under_way", words)], "exit_under_way", 409)
    outcomes = {name: found.get(each[:2]) for name, each in placed.items()}
    return lambda current: _closed(current, outcomes)


def _closed(leaving: Exit, outcomes: dict[str, OrderOutcome | None]) -> ClosedStep:
    execution, lot, cent = leaving.execution, leaving.lot, minor_unit(leaving.execution.currency)
    lots, money, pnl, fees = 0, 0, 0, 0
    for name, outcome in outcomes.items():
        if outcome is None:
            continue
        got = got_of(outcome, lot)
        if not got.lots:
            continue
        own = [share for share in leaving.leaving if name in ("", share.user_id)]
        entered = (
            Got(sum(share.lots for share in own), sum(share.money_in for share in own))
            if name
            else Got(exact(execution.total_qty) // lot, exact(execution.entry_money))
        )
        free = leaving.is_settlement
        step = leave(own, got, entered, cent, short=execution.is_short, free=free)
        lots, money, pnl, fees = lots + got.lots, money + got.money, pnl + step.pnl, fees + step.fees
    known = [outcome for outcome in outcomes.values() if outcome]
    order_id = known[0].order_id if len(outcomes) == 1 and known else None
    why = next((outcome.words for outcome in known if outcome.words), None)
    return ClosedStep(Got(lots, money), StepTotals(pnl, fees), order_id, why)


def _send(desk: Desk, leaving: Exit, order: OrderRequest, user_id: str, key: str) -> None:
    """One order of an exit, or its settlement; nothing where it was sent before."""
    asked, is_paper = leaving.asked, leaving.execution.is_paper
    if asked.settlement_price is not None:
        with turn(desk, user_id, is_paper, about_order(desk, order, key, leaving.now)) as at:
            if at.order_of_key(key) is None:
                settle(at, order, key, asked.settlement_price)
        return
    quote = whole_lots(leaving.market.quote, leaving.taken, leaving.lot) if is_paper else None
    submit(desk, user_id, Submission(order, is_paper, quote, key, hashlib.sha256(key.encode()).digest()), leaving.now)


def settle(at: Turn, order: OrderRequest, key: str, price: Decimal) -> OrderRow:
    """Book what is settled at its expiry at this price: no order is sent, and no fee is taken."""
    row = settled(at, order, key)
    name = f"settlement-{uuid4().hex}"
    at.fill(row, OrderFill(name, order.side, order.amount, price, Decimal(0), order.currency, "taker", at.now))
    return row

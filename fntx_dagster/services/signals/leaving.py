"""An exit with what it closes, and the exits whose orders are not the strategy's own paper orders: an order of each
participant's own account, or a live block order. Each is sent once by its key; a settlement is booked in each account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from uuid import uuid4

from fntx_dagster.errors import FntxError
from fntx_dagster.model.orders import OrderFill, OrderRequest, Side
from fntx_dagster.model.signals import SEPARATE, SignalInstrument, SignalStrategy
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.judging import about_order, settled
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn, turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.elsewhere import got_of, own_key, send, whole_lots
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

    def placed(self, name: str, number: int) -> tuple[str, str]:
        """In whose book an order of the exit is, and its key. `name`: the participant's whose it is, or "" for all."""
        code, unique_id = self.asked.strategy_code, self.asked.unique_id
        if name:
            return name, own_key(code, f"EXIT\u00a6{number}", unique_id)
        return trading.user_of(code), self.key(number)

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
    code, lot = execution.strategy_code, leaving.lot
    if separate:
        open_lots = {share.user_id: share.lots - share.closed for share in leaving.leaving}
        closed = {share.user_id: share.closed for share in leaving.leaving}
    else:
        open_lots = {"": sum(share.lots - share.closed for share in leaving.leaving)}
        closed = {"": exact(execution.exit_qty) // lot}
    known = _outcomes(desk, leaving, open_lots)
    for name, lots in open_lots.items():
        if _filled(known[name], lot) > closed[name] or any(not outcome.has_ended for outcome in known[name]):
            continue  # an exit that was not stored sent one: that one is shared first
        order = leaving.order(Decimal(amount(lots * lot)), code if separate else None)
        try:
            _send(desk, leaving, order, *leaving.placed(name, len(leaving.before) + 1))
        except (Declined, FntxError):
            if not separate:  # nothing else of the exit would be lost: whoever sent it sends it again
                raise
    found = _outcomes(desk, leaving, open_lots)
    if any(not outcome.has_ended for outcomes in found.values() for outcome in outcomes):
        words = "the orders of the exit are under way: send it again in a moment"
        raise Declined([FieldFault("unique_id", "exit_under_way", words)], "exit_under_way", 409)
    got = {
        name: _news(outcomes, lot, min(open_lots[name], _filled(outcomes, lot) - closed[name]))
        for name, outcomes in found.items()
    }
    latest = [outcomes[-1] for outcomes in found.values() if outcomes]
    return lambda current: _closed(current, got, latest)


def _outcomes(desk: Desk, leaving: Exit, names: Iterable[str]) -> dict[str, list[OrderOutcome]]:
    """Whose orders ("": those for all) → what they came to in the exits that are stored and the one that is not, oldest
    first."""
    execution = leaving.execution
    placed = {name: [leaving.placed(name, number + 1) for number in range(len(leaving.before) + 1)] for name in names}
    asked = [each for orders in placed.values() for each in orders]
    with desk.db.connect() as connection:
        found = executions.outcomes(connection, asked, execution.currency, is_paper=execution.is_paper)
    return {name: [found[each] for each in orders if each in found] for name, orders in placed.items()}


def _filled(outcomes: Iterable[OrderOutcome], lot: int) -> int:
    return sum(got_of(outcome, lot).lots for outcome in outcomes)


def _news(outcomes: Sequence[OrderOutcome], lot: int, lots: int) -> Got:
    """What the newest so many lots of these orders came to."""
    left, money, fee = lots, 0, Fraction(0)
    for outcome in reversed(outcomes):
        got = got_of(outcome, lot)
        if part := min(got.lots, left):
            money, fee = money + got.money * part // got.lots, fee + got.fee * part / got.lots
            left -= part
    return Got(lots, money, fee)


def _closed(leaving: Exit, found: dict[str, Got], latest: Sequence[OrderOutcome]) -> ClosedStep:
    execution, lot, cent = leaving.execution, leaving.lot, minor_unit(leaving.execution.currency)
    lots, money, pnl, fees = 0, 0, 0, 0
    for name, got in found.items():
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
    order_id = latest[0].order_id if len(found) == 1 and latest else None
    why = next((outcome.words for outcome in latest if outcome.words), None)
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
    send(desk, user_id, key, order, quote, leaving.now, is_paper=is_paper)


def settle(at: Turn, order: OrderRequest, key: str, price: Decimal) -> OrderRow:
    """Book what is settled at its expiry at this price: no order is sent, and no fee is taken."""
    row = settled(at, order, key)
    name = f"settlement-{uuid4().hex}"
    at.fill(row, OrderFill(name, order.side, order.amount, price, Decimal(0), order.currency, "taker", at.now))
    return row

"""An exit: what it closes of an execution, shared among those who leave; the trade when all is closed.

An exit goes on as often as it comes while something is open; once all is closed, it is answered with the last result.
A settlement at expiry has a price and no market.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from fntx_dagster.model.orders import OrderFill, OrderRequest
from fntx_dagster.model.signals import HOLDING, SignalInstrument, SignalStrategy
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.judging import settled
from fntx_dagster.services.orders.replies import Reply, reused
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import requests, trading
from fntx_dagster.services.signals.answers import answered, exit_result, paged, price, totals
from fntx_dagster.services.signals.requests import ExitSignal
from fntx_dagster.services.signals.trail import record_shares
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.sharing import CLOSED, Got, Share, leave, texts
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import Arrival, ExitRow, SignalExecution


@dataclass(slots=True)
class _Exit:
    """An exit with what it closes: all shares of the execution, and those who leave now."""

    asked: ExitSignal
    arrived: Arrival
    execution: SignalExecution
    instrument: SignalInstrument
    strategy: SignalStrategy
    now: datetime
    before: list[ExitRow] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    leaving: list[Share] = field(default_factory=list)
    counted: int = 0  # of those who leave, who got something closed

    @property
    def lot(self) -> int:
        return exact(self.instrument.lot_size)

    @property
    def is_settlement(self) -> bool:
        return self.asked.settlement_price is not None


def leave_signal(desk: Desk, source: str, body: bytes, now: datetime) -> Reply:
    """Carry out an exit. `source`: whose token sent it.

    Raises Declined: 422 for what is not valid; 409 `no_entry`, `wrong_side`, `no_allocation`, `not_expired`.
    """
    arrived = Arrival("exit", source, now, hashlib.sha256(body).digest(), body)
    try:
        asked = requests.leaving(body)
        arrived = arrived._replace(
            fingerprint=asked.fingerprint,
            strategy_code=asked.strategy_code,
            unique_id=asked.unique_id,
            signal_type=asked.signal_type,
        )
        return carry_out(desk, asked, arrived, now)
    except Declined as declined:
        executions.log_refused(desk.db, arrived, declined.code)
        raise


def carry_out(desk: Desk, asked: ExitSignal, arrived: Arrival, now: datetime) -> Reply:
    """Carry out an exit that was read. Raises Declined as `leave_signal` does, and logs nothing then."""
    with desk.db.connect() as connection:
        found = executions.execution(connection, asked.strategy_code, asked.unique_id)
    if found is None or found.status == "FAILED":
        raise _conflict("no_entry", "unique_id", "no entry of this strategy has this unique_id, or it got nothing")
    if found.signal_type != asked.closes:
        raise _conflict("wrong_side", "signal", f"a {found.signal_type} is open: {asked.signal_type} does not close it")
    if asked.strike_price_token != found.strike_price_token:
        words = f"the entry is of {found.strike_price_token[:64]!a}"
        raise Declined([FieldFault("strike_price_token", "other_instrument", words)])
    instrument = strategies.instrument_of(desk.db, found.instrument_id)
    strategy = strategies.strategy(desk.db, asked.strategy_code)
    assert strategy is not None  # an execution has its strategy
    strategy = strategy._replace(currency=found.currency)
    leaving = _Exit(asked, arrived, found, instrument, strategy, now)
    if leaving.is_settlement and (instrument.expiry is None or desk.day(now) < instrument.expiry):
        words = f"the instrument expires on {instrument.expiry}" if instrument.expiry else "it has no expiry"
        raise _conflict("not_expired", "exit_reason", words)
    order = _order(leaving, Decimal(1))
    own = trading.desk_for(desk, instrument)
    with trading.strategy_turn(own, strategy, order, _key(leaving, 0), now) as (at, connection):
        if (given := _read(connection, leaving)) is not None:
            first = executions.first_log(connection, "exit", asked.fingerprint, asked.strategy_code, asked.unique_id)
            executions.log(connection, arrived, "duplicate", duplicate_of=first)
            return given
        return _left(at, connection, leaving)


def _read(connection: Any, leaving: _Exit) -> Reply | None:
    """Read the execution as it is under the lock of its book, and who leaves; the answer that is given again where
    nothing is left to close. Raises Declined where nobody named holds anything."""
    asked, execution = leaving.asked, leaving.execution
    current = executions.execution(connection, asked.strategy_code, asked.unique_id)
    assert current is not None  # executions stay
    leaving.execution = current
    number, lot = execution.signal_execution_id, leaving.lot
    leaving.before = executions.exits(connection, number)
    known = [row for row in leaving.before if row.fingerprint == asked.fingerprint]
    if current.status not in HOLDING:
        if not known:
            raise reused()
        return Reply(leaving.before[-1].status, leaving.before[-1].answer, replayed=True)
    leaving.shares = executions.shares(connection, number, lot)
    named = leaving.shares
    if asked.user_ids is not None:
        wanted = {*asked.user_ids}
        named = [share for share in leaving.shares if share.user_id in wanted]
        held = {share.user_id for share in named if share.lots}
        if missing := [user_id for user_id in asked.user_ids if user_id not in held]:
            words = f"{missing[0][:64]!a} holds nothing of this entry"
            raise _conflict("no_allocation", "user_ids", words)
    leaving.leaving = [share for share in named if share.lots > share.closed]
    if leaving.leaving:
        return None
    if known:
        return Reply(known[-1].status, known[-1].answer, replayed=True)
    raise _conflict("no_allocation", "user_ids", "those who are named have left already")


def _left(at: Turn, connection: Any, leaving: _Exit) -> Reply:
    asked, execution, lot = leaving.asked, leaving.execution, leaving.lot
    strategy, number = leaving.strategy, execution.signal_execution_id
    log_id = executions.log(connection, leaving.arrived, "processed")
    side = trading.side_taken(
        at.desk, asked.market, leaving.instrument, strategy.currency, trading.side_of(asked.closes, leaves=True)
    )
    quantity = sum(share.lots - share.closed for share in leaving.leaving) * lot
    block = _settled(at, leaving, quantity) if leaving.is_settlement else _sold(at, leaving, quantity, side)
    got = block.got
    entered = Got(exact(execution.total_qty) // lot, exact(execution.entry_money))
    had = [share.closed for share in leaving.leaving]
    step = leave(
        leaving.leaving,
        got,
        entered,
        minor_unit(strategy.currency),
        short=execution.is_short,
        free=leaving.is_settlement,
    )
    leaving.counted = sum(share.closed > closed for share, closed in zip(leaving.leaving, had, strict=True))
    changed = _moved(leaving, got, step.pnl, step.fees)
    moved = execution._replace(**changed)
    shares_entry = None
    if got.lots:
        counted = sum(1 for row in leaving.before if Decimal(row.qty)) + 1
        stored = [texts(share, lot) for share in leaving.shares]
        entry = record_shares(at, moved._asdict(), stored, lot, got, exit_steps=counted)
        shares_entry = entry["entry_no"]
        executions.change_execution(connection, number, {**changed, "shares_entry": shares_entry})
        gone = {share.user_id for share in leaving.leaving if share.closed}
        executions.move_shares(connection, number, [share for share in stored if share.user_id in gone], leaving.now)
    trade_id = _trade(connection, moved, leaving.instrument) if moved.status == CLOSED else None
    reply = _answer(leaving, moved, log_id, trade_id, block)
    executions.add_exit(
        connection,
        ExitRow(
            number,
            log_id,
            asked.fingerprint,
            None if block.row is None else block.row["order_id"],
            asked.exit_reason,
            None if side.best is None else amount(side.best),
            amount(got.lots * lot),
            amount(got.money),
            amount(step.pnl),
            amount(step.fees),
            shares_entry,
            leaving.now,
            reply.status,
            reply.body,
        ),
    )
    return reply


def _sold(at: Turn, leaving: _Exit, quantity: int, side: trading.Ladder) -> trading.BlockOrder:
    """What the exit's order gets of the market."""
    quote = trading.quote_of(at.desk, leaving.asked.market, leaving.instrument, leaving.strategy.currency, leaving.now)
    order = _order(leaving, Decimal(amount(quantity)))
    return trading.traded(at, order, _key(leaving, len(leaving.before) + 1), quote, side, leaving.lot)


def _settled(at: Turn, leaving: _Exit, quantity: int) -> trading.BlockOrder:
    """All that is open at the settlement price: booked without an order at the exchange, free of fees."""
    settlement = leaving.asked.settlement_price
    assert settlement is not None
    order = _order(leaving, Decimal(amount(quantity)))
    row = settled(at, order, _key(leaving, len(leaving.before) + 1))
    at.fill(
        row,
        OrderFill(
            f"settlement-{uuid4().hex}",
            order.side,
            order.amount,
            settlement,
            Decimal(0),
            order.currency,
            "taker",
            leaving.now,
        ),
    )
    return trading.BlockOrder(row, Got(quantity // leaving.lot, quantity * exact(settlement) // exact(1)), None)


def _moved(leaving: _Exit, got: Got, pnl: int, fees: int) -> dict[str, object]:
    """The fields of the execution that the exit changes."""
    execution, asked = leaving.execution, leaving.asked
    closed = exact(execution.exit_qty) + got.lots * leaving.lot
    if closed == exact(execution.total_qty):
        status = CLOSED
    else:
        status = "CLOSING" if asked.user_ids is None and got.lots else execution.status
    return {
        "status": status,
        "exit_qty": Decimal(amount(closed)),
        "exit_money": Decimal(amount(exact(execution.exit_money) + got.money)),
        "exit_time": leaving.now if got.lots else execution.exit_time,
        "exit_reason": asked.exit_reason if got.lots else execution.exit_reason,
        "total_pnl": Decimal(amount(exact(execution.total_pnl) + pnl)),
        "fees_total": Decimal(amount(exact(execution.fees_total) + fees)),
        "changed_at": leaving.now,
    }


def _trade(connection: Any, closed: SignalExecution, instrument: SignalInstrument) -> int:
    shown = totals(closed, closed=True)
    return executions.add_trade(
        connection,
        {
            "signal_execution_id": closed.signal_execution_id,
            "signal_log_id": closed.signal_log_id,
            "strategy_code": closed.strategy_code,
            "symbol": instrument.symbol,
            "underlying": instrument.underlying,
            "strike_price": instrument.strike,
            "option_type": instrument.option_type,
            "signal_type": closed.signal_type,
            "currency": closed.currency,
            "entry_price": shown["entry_price"],
            "entry_time": closed.entry_time,
            "exit_price": shown["exit_price"],
            "exit_time": closed.exit_time,
            "total_qty": shown["total_qty"],
            "total_pnl": shown["total_pnl"],
            "pnl_percent": shown["pnl_percent"],
            "fees_total": shown["fees_total"],
            "net_pnl": shown["net_pnl"],
            "holding_time": shown["holding_time"],
            "exit_reason": closed.exit_reason,
        },
    )


def _answer(
    leaving: _Exit, moved: SignalExecution, log_id: int, trade_id: int | None, block: trading.BlockOrder
) -> Reply:
    asked, lot, got = leaving.asked, leaving.lot, block.got
    average = price(moved.entry_money, moved.total_qty)
    shown: Sequence[Share] = [share for share in leaving.shares if share.lots]
    if asked.user_ids is not None:
        shown = [share for share in shown if share.user_id in {*asked.user_ids}]
    left = leaving.counted
    data = {
        "signal_log_id": log_id,
        "signal_execution_id": moved.signal_execution_id,
        "trade_id": trade_id,
        "signal_type": asked.signal_type,
        "unique_id": moved.unique_id,
        "status": moved.status,
        **totals(moved, closed=moved.status == CLOSED),
        "total_positions": len(leaving.leaving),
        "successful_exits": left,
        "failed_exits": len(leaving.leaving) - left,
        **paged(shown, lambda share: exit_result(share, lot, average), moved.signal_execution_id),
    }
    if got.lots:
        at = price(got.money, got.lots * lot)
        message = f"closed {amount(got.lots * lot)} at {at}: {data['exit_qty']} of {data['total_qty']} in all"
    else:
        why = block.row and block.row["rejection_reason"]
        message = f"nothing was closed: {why or 'the market gives no whole lot'}"
    return answered(bool(got.lots), message, data)


def _order(leaving: _Exit, quantity: Decimal) -> OrderRequest:
    execution, instrument = leaving.execution, leaving.instrument
    side = trading.side_of(execution.signal_type, leaves=True)
    bot_id = trading.bot_of(execution.signal_type)
    return OrderRequest(bot_id, instrument.exchange, execution.market, side, quantity, reduce_only=True)


def _key(leaving: _Exit, number: int) -> str:
    return f"{leaving.asked.strategy_code}|{leaving.asked.unique_id}|EXIT|{number}"


def _conflict(code: str, name: str, words: str) -> Declined:
    return Declined([FieldFault(name, code, words)], code, 409)

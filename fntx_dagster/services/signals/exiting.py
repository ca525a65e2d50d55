"""An exit: what it closes of an execution, shared among those who leave; the trade when all is closed.

An exit goes on as often as it comes while something is open; once all is closed, it is answered with the last result.
A settlement at expiry has a price and no market.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.errors import Transient
from fntx_dagster.model.signals import HOLDING, SEPARATE, SignalInstrument
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.replies import Reply, reused
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.answers import answered, exit_result, paged, price, totals
from fntx_dagster.services.signals.elsewhere import follow_entry
from fntx_dagster.services.signals.leaving import ClosedStep, Exit, leave_elsewhere, settle
from fntx_dagster.services.signals.requests import ExitSignal
from fntx_dagster.services.signals.trail import record_shares
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.sharing import CLOSED, Got, Share, leave, texts
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import Arrival, ExitRow, SignalExecution
from fntx_dagster.store.signals.sending import WAIT_SECONDS, sender


def carry_out(desk: Desk, asked: ExitSignal, arrived: Arrival, now: datetime) -> Reply:
    """Carry out an exit that was read. Raises Declined as `receiving.leave_signal` does, and logs nothing then."""
    with desk.db.connect() as connection:
        found = executions.execution(connection, asked.strategy_code, asked.unique_id)
    if found is None or found.status == "FAILED":
        raise _no_entry()
    if found.signal_type != asked.closes:
        raise _conflict("wrong_side", "signal", f"a {found.signal_type} is open: {asked.signal_type} does not close it")
    if asked.strike_price_token != found.strike_price_token:
        words = f"the entry is of {found.strike_price_token[:64]!a}"
        raise Declined([FieldFault("strike_price_token", "other_instrument", words)])
    instrument = strategies.instrument_of(desk.db, found.instrument_id)
    strategy = strategies.strategy(desk.db, asked.strategy_code)
    assert strategy is not None  # an execution has its strategy
    strategy = strategy._replace(currency=found.currency)
    now = now if found.is_paper else desk.clock()  # a live book knows no simulated time
    market = trading.market_of(desk.db, asked.market, instrument, found.currency, now)
    leaving = Exit(asked, arrived, found, instrument, strategy, market, now)
    if leaving.is_settlement and (instrument.expiry is None or desk.day(now) < instrument.expiry):
        words = f"the instrument expires on {instrument.expiry}" if instrument.expiry else "it has no expiry"
        raise _conflict("not_expired", "exit_reason", words)
    if found.accounts == SEPARATE or not found.is_paper:
        return _carried_out_elsewhere(desk, leaving)
    with _turn(desk, leaving) as (at, connection):
        given = _read(connection, leaving)
        return given if given is not None else _left(at, connection, leaving, _traded(at, leaving))


def _turn(desk: Desk, leaving: Exit) -> AbstractContextManager[tuple[Turn, Any]]:
    own, order = trading.desk_for(desk, leaving.instrument), leaving.order(Decimal(1))
    is_paper = leaving.execution.is_paper
    return trading.strategy_turn(own, leaving.strategy, order, leaving.key(0), leaving.now, is_paper=is_paper)


def _carried_out_elsewhere(desk: Desk, leaving: Exit) -> Reply:
    """An exit by orders of each participant's own account, or by a live block order, each sent once by its key."""
    known = leaving.execution
    with ExitStack() as stack:
        try:
            wait = WAIT_SECONDS if known.entry_ended else 0
            stack.enter_context(sender(desk.db, known.strategy_code, known.unique_id, wait))
        except Transient:
            if known.entry_ended:
                raise
            raise _under_way() from None
        return _sent_elsewhere(desk, leaving)


def _sent_elsewhere(desk: Desk, leaving: Exit) -> Reply:
    current = executions.execution_of_id(desk.db, leaving.execution.signal_execution_id)
    assert current is not None
    if not current.entry_ended:
        current = follow_entry(desk, current, leaving.now)
        if not current.entry_ended:
            raise _under_way()
        if current.status == "FAILED":
            raise _no_entry()
    leaving.execution = current
    with _turn(desk, leaving) as (_at, connection):
        if (given := _read(connection, leaving)) is not None:
            return given
    closed = leave_elsewhere(trading.desk_for(desk, leaving.instrument), leaving)
    with _turn(desk, leaving) as (at, connection):
        if (given := _read(connection, leaving)) is not None:
            return given
        return _left(at, connection, leaving, closed(leaving))


def _read(connection: Any, leaving: Exit) -> Reply | None:
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
        return _again(connection, leaving, leaving.before[-1])
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
    leaving.had = [share.closed for share in leaving.leaving]
    if leaving.leaving:
        return None
    if known:
        return _again(connection, leaving, known[-1])
    raise _conflict("no_allocation", "user_ids", "those who are named have left already")


def _again(connection: Any, leaving: Exit, given: ExitRow) -> Reply:
    """An answer that was given before; the message is logged as a duplicate."""
    asked = leaving.asked
    first = executions.first_log(connection, "exit", asked.fingerprint, asked.strategy_code, asked.unique_id)
    executions.log(connection, leaving.arrived, "duplicate", duplicate_of=first)
    return Reply(given.status, given.answer, replayed=True)


def _traded(at: Turn, leaving: Exit) -> ClosedStep:
    """Close by one block order in the strategy's own paper book, or by the settlement price."""
    execution, lot = leaving.execution, leaving.lot
    quantity = sum(share.lots - share.closed for share in leaving.leaving) * lot
    block = _settled(at, leaving, quantity) if leaving.is_settlement else _sold(at, leaving, quantity)
    entered = Got(exact(execution.total_qty) // lot, exact(execution.entry_money))
    cent = minor_unit(execution.currency)
    step = leave(leaving.leaving, block.got, entered, cent, short=execution.is_short, free=leaving.is_settlement)
    row = block.row or {}
    return ClosedStep(block.got, step, row.get("order_id"), row.get("rejection_reason"))


def _left(at: Turn, connection: Any, leaving: Exit, closed: ClosedStep) -> Reply:
    """Store what an exit closed, and answer it."""
    asked, execution, lot, got = leaving.asked, leaving.execution, leaving.lot, closed.got
    step, number = closed.step, execution.signal_execution_id
    log_id = executions.log(connection, leaving.arrived, "processed")
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
    reply = _answer(leaving, moved, log_id, trade_id, closed)
    executions.add_exit(
        connection,
        ExitRow(
            number,
            log_id,
            asked.fingerprint,
            closed.order_id,
            asked.exit_reason,
            None if leaving.taken.best is None else amount(leaving.taken.best),
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


def _sold(at: Turn, leaving: Exit, quantity: int) -> trading.BlockOrder:
    """What the exit's order gets of the market."""
    order = leaving.order(Decimal(amount(quantity)))
    return trading.traded(at, order, leaving.next_key, leaving.market.quote, leaving.taken, leaving.lot)


def _settled(at: Turn, leaving: Exit, quantity: int) -> trading.BlockOrder:
    """All that is open at the settlement price: booked without an order at the exchange, free of fees."""
    settlement = leaving.asked.settlement_price
    assert settlement is not None
    row = settle(at, leaving.order(Decimal(amount(quantity))), leaving.next_key, settlement)
    return trading.BlockOrder(row, Got(quantity // leaving.lot, quantity * exact(settlement) // exact(1)), None)


def _moved(leaving: Exit, got: Got, pnl: int, fees: int) -> dict[str, object]:
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


def _answer(leaving: Exit, moved: SignalExecution, log_id: int, trade_id: int | None, closed: ClosedStep) -> Reply:
    asked, lot, got = leaving.asked, leaving.lot, closed.got
    shown: Sequence[Share] = [share for share in leaving.shares if share.lots]
    if asked.user_ids is not None:
        shown = [share for share in shown if share.user_id in {*asked.user_ids}]
    left = sum(share.closed > had for share, had in zip(leaving.leaving, leaving.had, strict=True))
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
        **paged(shown, lambda share: exit_result(share, lot, moved), moved.signal_execution_id),
    }
    if got.lots:
        at = price(got.money, got.lots * lot)
        message = f"closed {amount(got.lots * lot)} at {at}: {data['exit_qty']} of {data['total_qty']} in all"
    else:
        message = f"nothing was closed: {closed.why or 'the market gives no whole lot'}"
    return answered(bool(got.lots), message, data)


def _no_entry() -> Declined:
    return _conflict("no_entry", "unique_id", "no entry of this strategy has this unique_id, or it got nothing")


def _under_way() -> Declined:
    return _conflict("entry_under_way", "unique_id", "the entry's orders are under way: try again in a moment")


def _conflict(code: str, name: str, words: str) -> Declined:
    return Declined([FieldFault(name, code, words)], code, 409)

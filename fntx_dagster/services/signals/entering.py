"""An entry: one block order, one execution, a share for everybody who takes part; all in one transaction.

The message's answer is kept under its strategy and unique id, and given again byte for byte; another message of the
same id is refused.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.model.signals import OMNIBUS, SEPARATE, SignalStrategy
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.replies import Reply, reused, store_answer
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.elsewhere import enter_elsewhere
from fntx_dagster.services.signals.opening import Entry, answered_before, entry_reply, keep_execution, opened, wishes_of
from fntx_dagster.services.signals.requests import EntrySignal
from fntx_dagster.services.signals.trail import record_shares
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.sharing import Got, StepTotals, enter, finish_entry, texts
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import Arrival
from fntx_dagster.store.signals.strategies import KnownInstrument

EDGE_BPS = Decimal(10_000)
"""What an entry is taken to earn where its strategy says nothing: gate 2 then asks for a market alone."""


def carry_in(desk: Desk, asked: EntrySignal, arrived: Arrival, now: datetime) -> Reply:
    """Carry out an entry that was read. Raises Declined as `receiving.enter_signal` does, and logs nothing then."""
    try:
        return _entered(desk, _prepared(desk, asked, arrived, now))
    except executions.SignalIsKnown:
        raise reused() from None


def _prepared(desk: Desk, asked: EntrySignal, arrived: Arrival, now: datetime) -> Entry:
    """The strategy, which its first signal makes known, and the instrument: of a signal that came before, as they were
    then. Raises Declined for an unknown instrument, and for one in another currency than the strategy's."""
    with desk.db.connect() as connection:
        first = executions.execution(connection, asked.strategy_code, asked.unique_id)
    now = now if asked.is_paper else desk.clock()  # a live book knows no simulated time
    if first is not None and first.signal_log_id is None:  # it was migrated
        raise reused()
    if first is not None:
        known = KnownInstrument(first.instrument_id, strategies.instrument_of(desk.db, first.instrument_id))
        strategy = strategies.strategy(desk.db, asked.strategy_code)
        assert strategy is not None  # an execution has its strategy
        strategy = strategy._replace(accounts=first.accounts, currency=first.currency)
        return Entry(asked, strategy, known, arrived, now)
    known = strategies.instrument(desk.db, asked.strike_price_token, now)
    if asked.instrument is not None and (known is None or known.instrument != asked.instrument):
        known = strategies.add_instrument(desk.db, asked.instrument, now)
    expiry = known and known.instrument.expiry
    if known is None or (asked.instrument is None and expiry and expiry < desk.day(now)):  # tokens are used again
        words = "no instrument has this token now: describe it with strike_data"
        raise Declined([FieldFault("strike_price_token", "unknown_instrument", words)], "unknown_instrument", 404)
    strategy = strategies.strategy(desk.db, asked.strategy_code)
    if strategy is None:
        symbol = known.instrument.symbol
        currency = symbol.partition("/")[2] or desk.currency
        strategies.keep_strategy(desk.db, SignalStrategy(asked.strategy_code, OMNIBUS, currency, None, EDGE_BPS))
        strategy = strategies.strategy(desk.db, asked.strategy_code)
        assert strategy is not None
    priced_in = known.instrument.market(strategy.currency).partition("/")[2]
    if priced_in != strategy.currency:
        words = f"it is priced in {priced_in[:64]!a}, and the strategy trades in {strategy.currency}: use another code"
        raise Declined([FieldFault("strike_data.symbol", "other_currency", words)])
    return Entry(asked, strategy, known, arrived, now)


def _entered(desk: Desk, entry: Entry) -> Reply:
    strategy = entry.strategy
    if strategy.accounts == SEPARATE or not entry.asked.is_paper:
        return enter_elsewhere(desk, entry)
    own = trading.desk_for(desk, entry.instrument)
    market = trading.market_of(desk.db, entry.asked.market, entry.instrument, strategy.currency, entry.now)
    with trading.strategy_turn(own, strategy, entry.order(Decimal(1)), entry.key, entry.now) as (at, connection):
        if at.stored.answer:
            return answered_before(at, connection, entry)
        return _carried_out(at, connection, entry, market)


def _carried_out(at: Turn, connection: Any, entry: Entry, market: trading.SeenMarket) -> Reply:
    asked, strategy, lot, side = entry.asked, entry.strategy, entry.lot, market.side(entry.side)
    shares = wishes_of(at, connection, entry, side.best)
    given = opened(at, connection, entry, shares, side.best)
    step = StepTotals(0, 0)
    block = trading.BlockOrder(None, Got(0, 0), "no_participants")
    if wished := sum(share.wish for share in shares) * lot:
        trading.funded(at, strategy, wished * (side.best or 0) // exact(1))
        block = trading.traded(at, entry.order(Decimal(amount(wished))), entry.key, market.quote, side, lot)
        step = enter(shares, block.got, minor_unit(strategy.currency))
        finish_entry(shares, block.reason or "no_liquidity")
    given |= {
        "status": "OPEN" if block.got.lots else "FAILED",
        "reason": None if block.got.lots else block.reason,
        "total_qty": amount(block.got.lots * lot),
        "entry_money": amount(block.got.money),
        "entry_time": entry.now if block.got.lots else None,
        "fees_total": amount(step.fees),
        "entry_steps": 1 if block.got.lots else 0,
        "entry_ended": True,
        "entry_order_id": block.row and block.row["order_id"],
    }
    stored = [texts(share, lot) for share in shares]
    given["shares_entry"] = record_shares(at, given, stored, lot, block.got, exit_steps=0)["entry_no"]
    number = keep_execution(connection, entry, given)
    executions.add_shares(connection, number, stored)
    why = None if block.row is None else block.row["rejection_reason"]
    return store_answer(at, entry.key, asked.fingerprint, entry_reply(entry, number, given, shares, why))

"""An entry: one block order, one execution, a share for everybody who takes part; all in one transaction.

The message's answer is kept under its strategy and unique id, and given again byte for byte; another message of the
same id is refused. Every message is in the log, those that were refused too.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.entries import moment
from fntx_dagster.model.orders import OrderRequest
from fntx_dagster.model.signals import OMNIBUS, SignalInstrument, SignalStrategy, Wish
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.orders.replies import Reply, replay, store_answer
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import requests, trading
from fntx_dagster.services.signals.answers import answered, entry_result, paged, price
from fntx_dagster.services.signals.requests import EntrySignal
from fntx_dagster.services.signals.trail import record_rule, record_shares
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.entry import refusal
from fntx_dagster.signals.sharing import ACTIVE, FAILED, Got, Share, StepTotals, enter, finish_entry, texts
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import Arrival
from fntx_dagster.store.signals.strategies import KnownInstrument

EDGE_BPS = Decimal(10_000)
"""What an entry is taken to earn where its strategy says nothing: gate 2 then asks for a market alone."""


class _Entry(NamedTuple):
    """An entry with what it is about: the strategy, the instrument, who sent it when."""

    asked: EntrySignal
    strategy: SignalStrategy
    known: KnownInstrument
    arrived: Arrival
    now: datetime

    @property
    def instrument(self) -> SignalInstrument:
        return self.known.instrument

    @property
    def lot(self) -> int:
        return exact(self.instrument.lot_size)

    @property
    def key(self) -> str:
        return f"{self.asked.strategy_code}|{self.asked.unique_id}|ENTRY"


def enter_signal(desk: Desk, source: str, body: bytes, now: datetime) -> Reply:
    """Carry out an entry, once for its strategy and unique id. `source`: whose token sent it.

    Raises Declined: 422 for what is not valid or another message of the same id, 404 for an unknown instrument.
    """
    arrived = Arrival("entry", source, now, hashlib.sha256(body).digest(), body)
    try:
        asked = requests.entry(body)
        arrived = arrived._replace(
            fingerprint=asked.fingerprint,
            strategy_code=asked.strategy_code,
            unique_id=asked.unique_id,
            signal_type=asked.signal_type,
        )
        return _entered(desk, _prepared(desk, asked, arrived, now))
    except Declined as declined:
        executions.log_refused(desk.db, arrived, declined.code)
        raise


def _prepared(desk: Desk, asked: EntrySignal, arrived: Arrival, now: datetime) -> _Entry:
    """The strategy, which its first signal makes known, and the instrument. Raises Declined for an unknown one."""
    known = strategies.instrument(desk.db, asked.strike_price_token, now)
    if asked.instrument is not None and (known is None or known.instrument != asked.instrument):
        known = strategies.add_instrument(desk.db, asked.instrument, now)
    if known is None:
        words = "no instrument has this token: describe it with strike_data"
        raise Declined([FieldFault("strike_price_token", "unknown_instrument", words)], "unknown_instrument", 404)
    strategy = strategies.strategy(desk.db, asked.strategy_code)
    if strategy is None:
        symbol = known.instrument.symbol
        currency = symbol.partition("/")[2] or desk.currency
        strategies.keep_strategy(desk.db, SignalStrategy(asked.strategy_code, OMNIBUS, currency, None, EDGE_BPS))
        strategy = strategies.strategy(desk.db, asked.strategy_code)
        assert strategy is not None
    return _Entry(asked, strategy, known, arrived, now)


def _entered(desk: Desk, entry: _Entry) -> Reply:
    asked, strategy, instrument = entry.asked, entry.strategy, entry.instrument
    if strategy.accounts != OMNIBUS or not asked.is_paper:
        raise Permanent("only paper signals of an omnibus account are carried out", "Send is_paper true")
    own = trading.desk_for(desk, instrument)
    order = _order(entry, Decimal(1))
    side = trading.side_taken(desk, asked.market, instrument, strategy.currency, order.side)
    with trading.strategy_turn(own, strategy, order, entry.key, entry.now) as (at, connection):
        if at.stored.answer:
            before = replay(at.stored.answer, asked.fingerprint)
            given = (asked.strategy_code, asked.unique_id)
            first = executions.first_log(connection, "entry", asked.fingerprint, *given)
            executions.log(connection, entry.arrived, "duplicate", duplicate_of=first)
            return before
        shares = _shares(at, connection, entry, side.best)
        return _carried_out(at, connection, entry, shares, side)


def _shares(at: Turn, connection: Any, entry: _Entry, best: int | None) -> list[Share]:
    """Everybody who is to take part, in their order; those who may not are failed, with the reason."""
    asked, lot = entry.asked, entry.lot
    wishes: Sequence[Wish] | None = asked.allocations
    if wishes is None:
        wishes = strategies.subscribed(connection, asked.strategy_code, entry.now)
    users = [wish.user_id for wish in wishes]
    limit = at.desk.rules.bot_daily
    barred = strategies.barred(connection, asked.strategy_code, users, asked.is_paper, at.day, limit)
    found = []
    for place, wish in enumerate(wishes):
        quantity = exact(wish.qty)
        most = None if wish.max_notional is None else exact(wish.max_notional)
        reason = refusal(quantity, lot, best, most) or barred.get(wish.user_id)
        share = Share(wish.user_id, place, quantity, 0, exact(wish.fee_bps), exact(wish.fee_fixed), most)
        share.wish, share.status, share.reason = (0, FAILED, reason) if reason else (quantity // lot, ACTIVE, None)
        found.append(share)
    return found


def _carried_out(at: Turn, connection: Any, entry: _Entry, shares: list[Share], side: trading.Ladder) -> Reply:
    asked, strategy, instrument, lot = entry.asked, entry.strategy, entry.instrument, entry.lot
    cent, salt = minor_unit(strategy.currency), secrets.token_bytes(32)
    log_id = executions.log(connection, entry.arrived, "processed")
    wished = sum(share.wish for share in shares) * lot
    step = StepTotals(0, 0)
    given: dict[str, Any] = {
        "strategy_code": asked.strategy_code,
        "unique_id": asked.unique_id,
        "signal_log_id": log_id,
        "is_paper": asked.is_paper,
        "accounts": strategy.accounts,
        "signal_type": asked.signal_type,
        "token": asked.token,
        "strike_price_token": asked.strike_price_token,
        "instrument_id": entry.known.instrument_id,
        "market": instrument.market(strategy.currency),
        "currency": strategy.currency,
        "requested_qty": amount(wished),
        "participants": len(shares),
        "salt": salt,
    }
    rule = record_rule(at, given, [texts(share, lot) for share in shares], lot, salt)
    block = trading.BlockOrder(None, Got(0, 0), "no_participants")
    if wished:
        trading.funded(at, strategy, wished * (side.best or 0) // exact(1))
        quote = trading.quote_of(at.desk, asked.market, instrument, strategy.currency, entry.now)
        block = trading.traded(at, _order(entry, Decimal(amount(wished))), entry.key, quote, side, lot)
        step = enter(shares, block.got, cent)
        finish_entry(shares, block.reason or "no_liquidity")
    given |= {
        "status": "OPEN" if block.got.lots else "FAILED",
        "reason": None if block.got.lots else block.reason,
        "total_qty": amount(block.got.lots * lot),
        "entry_money": amount(block.got.money),
        "entry_time": entry.now if block.got.lots else None,
        "reference_price": None if side.best is None else amount(side.best),
        "fees_total": amount(step.fees),
        "stop_loss": asked.stop_loss,
        "target": asked.target,
        "description": asked.description,
        "entry_order_id": block.row and block.row["order_id"],
        "rule_entry": rule["entry_no"],
        "created_at": entry.now,
        "changed_at": entry.now,
    }
    stored = [texts(share, lot) for share in shares]
    given["shares_entry"] = record_shares(at, given, stored, lot, block.got, exit_steps=0)["entry_no"]
    number = executions.add_execution(connection, given)
    executions.add_shares(connection, number, stored)
    return store_answer(at, entry.key, asked.fingerprint, _answer(entry, number, given, shares, block))


def _order(entry: _Entry, quantity: Decimal) -> OrderRequest:
    asked, instrument = entry.asked, entry.instrument
    side = trading.side_of(asked.signal_type, leaves=False)
    symbol = instrument.market(entry.strategy.currency)
    edge = entry.strategy.expected_edge_bps
    bot_id = trading.bot_of(asked.signal_type)
    return OrderRequest(bot_id, instrument.exchange, symbol, side, quantity, expected_edge_bps=edge)


def _answer(entry: _Entry, number: int, given: dict[str, Any], shares: list[Share], block: trading.BlockOrder) -> Reply:
    lot = entry.lot
    filled = block.got.lots * lot
    average = price(block.got.money, filled)
    succeeded = sum(share.status == ACTIVE for share in shares)
    data = {
        "signal_log_id": given["signal_log_id"],
        "signal_execution_id": number,
        "signal_type": given["signal_type"],
        "unique_id": given["unique_id"],
        "token": given["token"],
        "strike_price_token": given["strike_price_token"],
        "strategy_code": given["strategy_code"],
        "timestamp": moment(entry.now),
        "symbol": entry.instrument.symbol,
        "status": given["status"],
        "entry_price": average,
        "requested_qty": given["requested_qty"],
        "total_qty": amount(filled),
        "execution_time": moment(entry.now) if filled else None,
        "total_traders": len(shares),
        "successful_entries": succeeded,
        "failed_entries": len(shares) - succeeded,
        **paged(shares, lambda share: entry_result(share, lot, average), number),
    }
    if filled:
        message = f"filled {amount(filled)} of {given['requested_qty']} at {average} for {succeeded} of {len(shares)}"
    else:
        why = block.row and block.row["rejection_reason"]
        message = f"nothing was filled: {why or 'nobody may take part, or the market gives no whole lot'}"
    return answered(bool(filled), message, data)

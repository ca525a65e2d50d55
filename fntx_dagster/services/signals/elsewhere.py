"""Entries whose orders are not the strategy's own paper orders: an order of each participant's own account, or a live
block order. Three steps, each of which may be done again after a crash:

the rule and the wishes are stored, and the execution is PENDING; the orders are sent, each once by its key; what they
got is stored. An order that goes on after the answer is followed by `follow_entry`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.model.orders import OrderRequest, Quote
from fntx_dagster.model.signals import OMNIBUS, SEPARATE
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.replies import Reply, reused, store_answer
from fntx_dagster.services.orders.requests import Submission
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.opening import Entry, answered_before, entry_reply, keep_execution, opened, wishes_of
from fntx_dagster.services.signals.trail import record_shares
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.entry import Ladder
from fntx_dagster.signals.sharing import ACTIVE, Got, Share, charge, enter, finish_entry, texts
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import OrderOutcome, SignalExecution
from fntx_dagster.store.signals.sending import sender


class PlacedOrder(NamedTuple):
    """An order of a signal: whose book it is in, by which key, and for which of the participants (None: for all)."""

    user_id: str
    key: str
    quantity: int
    share: Share | None


def enter_elsewhere(desk: Desk, entry: Entry) -> Reply:
    """Carry out such an entry. Raises Declined where another message has the id, and what a live order raises."""
    with sender(desk.db, entry.asked.strategy_code, entry.asked.unique_id):
        return _entered(desk, entry)


def _entered(desk: Desk, entry: Entry) -> Reply:
    own = trading.desk_for(desk, entry.instrument)
    market = trading.market_of(desk.db, entry.asked.market, entry.instrument, entry.strategy.currency, entry.now)
    side = market.side(entry.side)
    found = _stored(own, entry, side.best)
    if isinstance(found, Reply):
        return found
    quote = whole_lots(market.quote, side, entry.lot) if entry.asked.is_paper else None
    placed = orders_of(entry.asked.strategy_code, entry.asked.unique_id, entry.strategy.accounts, found)
    refusals: dict[str, str] = {}
    for each in placed:
        bot_id = entry.asked.strategy_code if each.share else None
        order = entry.order(Decimal(amount(each.quantity * entry.lot)), bot_id)
        try:
            send(own, each.user_id, each.key, order, quote, entry.now, is_paper=entry.asked.is_paper)
        except (Declined, FntxError) as error:
            if len(placed) == 1:  # nothing else of the signal would be lost: whoever sent it sends it again
                raise
            refusals[each.user_id] = error.code if isinstance(error, Declined) else "unavailable"
    return _finished(own, entry, placed, refusals)


def send(
    desk: Desk, user_id: str, key: str, order: OrderRequest, quote: Quote | None, now: datetime, *, is_paper: bool
) -> None:
    """Send an order of a signal, once for its key whatever the market is when it comes again. Raises what `submit`
    raises."""
    fingerprint = hashlib.sha256(key.encode()).digest()
    submit(desk, user_id, Submission(order, is_paper, quote, key, fingerprint), now)


def own_key(code: str, step: str, unique_id: str) -> str:
    """The key of an order in a participant's own book: one that no trader can give an order of his, whose keys are
    ASCII, and that no other signal has."""
    return f"\u00a6{code}\u00a6{step}\u00a6{unique_id}"


def orders_of(code: str, unique_id: str, accounts: str, shares: Sequence[Share]) -> list[PlacedOrder]:
    """The orders of an entry: one of each who takes part, or one for all."""
    taking = [share for share in shares if share.wish and share.status == ACTIVE]
    if accounts == SEPARATE:
        return [PlacedOrder(share.user_id, own_key(code, "ENTRY", unique_id), share.wish, share) for share in taking]
    wished = sum(share.wish for share in taking)
    return [PlacedOrder(trading.user_of(code), f"{code}|{unique_id}|ENTRY|ORDER", wished, None)] if wished else []


def got_of(outcome: OrderOutcome, lot: int) -> Got:
    """What an order got so far, in whole lots."""
    filled = exact(outcome.filled)
    lots = filled // lot
    money = exact(outcome.paid) if not filled % lot else exact(outcome.paid) * lots * lot // filled
    return Got(lots, money, Fraction(outcome.fee))


def _turn(desk: Desk, entry: Entry) -> AbstractContextManager[tuple[Turn, Any]]:
    order, is_paper = entry.order(Decimal(1)), entry.asked.is_paper
    return trading.strategy_turn(desk, entry.strategy, order, entry.key, entry.now, is_paper=is_paper)


def _stored(desk: Desk, entry: Entry, best: int | None) -> list[Share] | Reply:
    """The first step: the shares as they were wished for; the answer where the signal has one."""
    asked = entry.asked
    with _turn(desk, entry) as (at, connection):
        if at.stored.answer:
            return answered_before(at, connection, entry)
        known = executions.execution(connection, asked.strategy_code, asked.unique_id)
        if known is not None:  # a crash, or another who is at it
            if executions.fingerprint(connection, known.signal_log_id) != asked.fingerprint:
                raise reused()
            if known.entry_ended:  # an exit ended it: nothing of it is sent any more
                return []
            return executions.shares(connection, known.signal_execution_id, entry.lot)
        shares = wishes_of(at, connection, entry, best)
        number = keep_execution(connection, entry, opened(at, connection, entry, shares, best))
        executions.add_shares(connection, number, [texts(share, entry.lot) for share in shares])
        return shares


def whole_lots(quote: Quote | None, side: Ladder, lot: int) -> Quote | None:
    """The quote of a paper order: the side's best price gives whole lots."""
    if quote is None or not side.levels or side.levels[0].size is None:
        return quote
    size = Decimal(amount(side.levels[0].size // lot * lot))
    return quote._replace(bid_size=size, ask_size=size)


def _finished(desk: Desk, entry: Entry, placed: list[PlacedOrder], refusals: dict[str, str]) -> Reply:
    """The last step: what the orders got is shared, and the signal answered."""
    asked = entry.asked
    with _turn(desk, entry) as (at, connection):
        if at.stored.answer:  # another was at it, and was first
            return answered_before(at, connection, entry)
        known = executions.execution(connection, asked.strategy_code, asked.unique_id)
        assert known is not None
        shares = executions.shares(connection, known.signal_execution_id, entry.lot)
        if known.entry_ended:
            reply = entry_reply(entry, known.signal_execution_id, known._asdict(), shares, None)
            return store_answer(at, entry.key, asked.fingerprint, reply)
        own = [each[:2] for each in placed]
        found = executions.outcomes(connection, own, entry.strategy.currency, is_paper=asked.is_paper)
        moved = progressed(at, connection, known, shares, placed, found, entry.lot, refusals)
        why = next((outcome.words for outcome in found.values() if outcome.words), None)
        given = known._asdict() | moved
        reply = entry_reply(entry, known.signal_execution_id, given, shares, why)
        return store_answer(at, entry.key, asked.fingerprint, reply)


def progressed(
    at: Turn,
    connection: Any,
    known: SignalExecution,
    shares: list[Share],
    placed: Sequence[PlacedOrder],
    found: dict[tuple[str, str], OrderOutcome],
    lot: int,
    refusals: dict[str, str],
) -> dict[str, Any]:
    """Share what the entry's orders got since the last time, and store it: the fields that changed. Exchanges' fees are
    charged once all orders have ended."""
    cent, active = minor_unit(known.currency), [share for share in shares if share.status == ACTIVE]
    outcomes = [(each, found.get(each[:2])) for each in placed]
    ended = all(outcome is None or outcome.has_ended for _, outcome in outcomes)
    more, money, fees = 0, 0, 0
    for each, outcome in outcomes:
        own = active if each.share is None else [share for share in active if share.user_id == each.user_id]
        got = got_of(outcome, lot) if outcome else Got(0, 0)
        if each.share is None:
            lots, paid = exact(known.total_qty) // lot, exact(known.entry_money)
        else:
            lots, paid = sum(share.lots for share in own), sum(share.money_in for share in own)
        news = Got(got.lots - lots, got.money - paid)
        fees += enter(own, news, cent).fees
        if ended:
            fees += charge(own, Fraction(outcome.fee) if outcome else Fraction(0), cent)
            reason = outcome.reason if outcome else refusals.get(each.user_id, "not_sent")
            finish_entry(own, reason or "no_liquidity")
        more, money = more + news.lots, money + news.money
    moved = _moved(at, known, more * lot, money, fees, ended=ended)
    if known.accounts == OMNIBUS and outcomes and (only := outcomes[0][1]):
        moved["entry_order_id"] = only.order_id
    if moved["status"] == "FAILED":
        moved["reason"] = next((share.reason for share in shares if share.reason), "no_participants")
    stored = [texts(share, lot) for share in shares]
    given = known._asdict() | moved
    entry = record_shares(at, given, stored, lot, Got(more, money), exit_steps=0)
    moved["shares_entry"] = entry["entry_no"]
    executions.change_execution(connection, known.signal_execution_id, moved)
    changed = {share.user_id for share in active}
    orders = {each.user_id: outcome.order_id for each, outcome in outcomes if each.share and outcome}
    rows = [row for row in stored if row.user_id in changed]
    executions.fill_shares(connection, known.signal_execution_id, rows, orders)
    return moved


def _moved(at: Turn, known: SignalExecution, more: int, money: int, fees: int, *, ended: bool) -> dict[str, Any]:
    """The fields of the execution that a step of its entry changes."""
    total, status = exact(known.total_qty) + more, known.status
    if status == "PENDING" and (total or ended):
        status = "OPEN" if total else "FAILED"
    return {
        "status": status,
        "total_qty": Decimal(amount(total)),
        "entry_money": Decimal(amount(exact(known.entry_money) + money)),
        "fees_total": Decimal(amount(exact(known.fees_total) + fees)),
        "entry_time": known.entry_time or (at.now if total else None),
        "entry_steps": known.entry_steps + (1 if more else 0),
        "entry_ended": ended,
        "changed_at": at.now,
    }


def follow_entry(desk: Desk, known: SignalExecution, now: datetime) -> SignalExecution:
    """Share what the orders of an entry got after its answer: the execution as it is now. Whoever calls is the `sender`
    of the signal: what has not been sent by now never will be."""
    instrument = strategies.instrument_of(desk.db, known.instrument_id)
    lot = exact(instrument.lot_size)
    key = f"{known.strategy_code}|{known.unique_id}|ENTRY"
    with desk.db.connect() as connection:
        shares = executions.shares(connection, known.signal_execution_id, lot)
        placed = orders_of(known.strategy_code, known.unique_id, known.accounts, shares)
        own = [each[:2] for each in placed]
        found = executions.outcomes(connection, own, known.currency, is_paper=known.is_paper)
    news = sum(got_of(outcome, lot).lots * lot for outcome in found.values()) - exact(known.total_qty)
    if not news and not all(outcome.has_ended for outcome in found.values()):
        return known
    strategy = strategies.strategy(desk.db, known.strategy_code)
    assert strategy is not None
    side = trading.side_of(known.signal_type, leaves=False)
    order = OrderRequest(trading.bot_of(known.signal_type), instrument.exchange, known.market, side, Decimal(1))
    with trading.strategy_turn(desk, strategy, order, key, now, is_paper=known.is_paper) as (at, connection):
        current = executions.execution(connection, known.strategy_code, known.unique_id)
        assert current is not None
        if not current.entry_ended:
            shares = executions.shares(connection, known.signal_execution_id, lot)
            progressed(at, connection, current, shares, placed, found, lot, {})
    after = executions.execution_of_id(desk.db, known.signal_execution_id)
    assert after is not None
    return after


def follow_entries(desk: Desk) -> int:
    """Share what live orders got after the answers of their entries: how many executions moved."""
    moved = 0
    for known in executions.open_executions(desk.db, None):
        if not known.is_paper and not known.entry_ended:
            with suppress(Transient), sender(desk.db, known.strategy_code, known.unique_id, 0):
                current = executions.execution_of_id(desk.db, known.signal_execution_id)
                assert current is not None
                moved += not current.entry_ended and follow_entry(desk, current, desk.clock()) != current
    return moved

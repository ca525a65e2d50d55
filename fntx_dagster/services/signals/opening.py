"""What every entry begins and ends with, wherever its orders go: who takes part, the first row, the answer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import moment
from fntx_dagster.model.orders import OrderRequest, Side
from fntx_dagster.model.signals import OMNIBUS, SignalInstrument, SignalStrategy, Wish
from fntx_dagster.services.orders.replies import Reply, replay
from fntx_dagster.services.orders.turn import Turn
from fntx_dagster.services.signals import trading
from fntx_dagster.services.signals.answers import answered, entry_result, paged, price
from fntx_dagster.services.signals.requests import EntrySignal
from fntx_dagster.services.signals.trail import record_rule
from fntx_dagster.signals.amounts import exact
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.commitments import commitment_of, signal_text
from fntx_dagster.signals.entry import refusal
from fntx_dagster.signals.sharing import ACTIVE, FAILED, Share, texts
from fntx_dagster.store.outbox import commitments
from fntx_dagster.store.signals import executions, strategies
from fntx_dagster.store.signals.executions import Arrival
from fntx_dagster.store.signals.strategies import KnownInstrument


class Entry(NamedTuple):
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

    @property
    def side(self) -> Side:
        """What its orders do."""
        return trading.side_of(self.asked.signal_type, leaves=False)

    def order(self, quantity: Decimal, bot_id: str | None = None) -> OrderRequest:
        """An order of the entry, of the strategy's own bot unless another is named."""
        instrument, edge = self.instrument, self.strategy.expected_edge_bps
        symbol, bot_id = instrument.market(self.strategy.currency), bot_id or trading.bot_of(self.asked.signal_type)
        return OrderRequest(bot_id, instrument.exchange, symbol, self.side, quantity, expected_edge_bps=edge)


def wishes_of(at: Turn, connection: Any, entry: Entry, best: int | None) -> list[Share]:
    """Everybody who is to take part, in their order; those who may not are failed, with the reason."""
    asked, lot = entry.asked, entry.lot
    wishes: Sequence[Wish] | None = asked.allocations
    if wishes is None:
        wishes = strategies.subscribed(connection, asked.strategy_code, entry.now)
    users = [wish.user_id for wish in wishes]
    zone, limit = at.desk.zone.key, at.desk.rules.bot_daily
    barred = strategies.barred(connection, asked.strategy_code, users, asked.is_paper, at.day, zone, limit)
    found = []
    for place, wish in enumerate(wishes):
        quantity = exact(wish.qty)
        most = None if wish.max_notional is None else exact(wish.max_notional)
        reason = refusal(quantity, lot, best, most) or barred.get(wish.user_id)
        lots = 0 if reason else quantity // lot
        share = Share(wish.user_id, place, quantity, lots, exact(wish.fee_bps), exact(wish.fee_fixed), most)
        if reason:
            share.status, share.reason = FAILED, reason
        found.append(share)
    return found


def opened(at: Turn, connection: Any, entry: Entry, shares: list[Share], best: int | None) -> dict[str, Any]:
    """Log the message and record the rule, before any order leaves: the fields that the execution begins with."""
    asked, strategy, lot = entry.asked, entry.strategy, entry.lot
    given: dict[str, Any] = {
        "strategy_code": asked.strategy_code,
        "unique_id": asked.unique_id,
        "signal_log_id": executions.log(connection, entry.arrived, "processed"),
        "is_paper": asked.is_paper,
        "accounts": strategy.accounts,
        "signal_type": asked.signal_type,
        "token": asked.token,
        "strike_price_token": asked.strike_price_token,
        "instrument_id": entry.known.instrument_id,
        "market": entry.instrument.market(strategy.currency),
        "currency": strategy.currency,
        "status": "PENDING",
        "requested_qty": amount(sum(share.wish for share in shares) * lot),
        "reference_price": None if best is None else amount(best),
        "stop_loss": asked.stop_loss,
        "target": asked.target,
        "description": asked.description,
        "participants": len(shares),
        "salt": secrets.token_bytes(32),
        "created_at": entry.now,
        "changed_at": entry.now,
    }
    rule = record_rule(at, given, [texts(share, lot) for share in shares], lot, given["salt"])
    return given | {"rule_entry": rule["entry_no"]}


def keep_execution(connection: Any, entry: Entry, given: Mapping[str, Any]) -> int:
    """Store the execution, and queue the commitment to its signal where the strategy asks for one: its number. Nothing
    here waits for a chain."""
    number = executions.add_execution(connection, given)
    if entry.strategy.commits:
        text = signal_text(given, entry.instrument.symbol, given["salt"])
        commitments.queue(connection, number, entry.asked.strategy_code, commitment_of(text), text)
    return number


def answered_before(at: Turn, connection: Any, entry: Entry) -> Reply:
    """The answer that the signal has. Raises Declined where it was another message's."""
    assert at.stored.answer is not None
    before = replay(at.stored.answer, entry.asked.fingerprint)
    given = (entry.asked.strategy_code, entry.asked.unique_id)
    first = executions.first_log(connection, "entry", entry.asked.fingerprint, *given)
    executions.log(connection, entry.arrived, "duplicate", duplicate_of=first)
    return before


def entry_reply(entry: Entry, number: int, given: Mapping[str, Any], shares: list[Share], why: str | None) -> Reply:
    """The answer to an entry. `why`: what a gate said, where one refused."""
    lot = entry.lot
    wished, filled, paid = (exact(Decimal(given[name])) for name in ("requested_qty", "total_qty", "entry_money"))
    average = price(paid, filled)
    of_all = average if given["accounts"] == OMNIBUS else None
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
        "requested_qty": amount(wished),
        "total_qty": amount(filled),
        "execution_time": moment(given["entry_time"]) if filled else None,
        "total_traders": len(shares),
        "successful_entries": succeeded,
        "failed_entries": len(shares) - succeeded,
        **paged(shares, lambda share: entry_result(share, lot, of_all), number),
    }
    if filled:
        message = f"filled {amount(filled)} of {amount(wished)} at {average} for {succeeded} of {len(shares)}"
    elif given["status"] == "PENDING":
        message = "the orders are under way: GET /db/signals/v2/executions/ID shows what they get"
    else:
        message = f"nothing was filled: {why or 'nobody may take part, or the market gives no whole lot'}"
    return answered(bool(filled), message, data)

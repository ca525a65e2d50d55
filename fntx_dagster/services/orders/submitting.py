"""Submit an order: one turn on its book for the gates, and, in the paper market, for what it gets there.

A key that has an answer gets it again, byte for byte. Nothing of a request that was refused as such is stored; what a
gate refused is stored and answered again like every other order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import uuid4

from fntx_dagster.ledger import gates, matching
from fntx_dagster.ledger.costs import OrderCosts
from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.gates import GateRefusal, GateVerdict, Rules, Situation
from fntx_dagster.model.orders import OrderRequest
from fntx_dagster.services.orders.requests import Declined, FieldFault, Submission
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn, turn
from fntx_dagster.store.ledger.books import About, StoredAnswer
from fntx_dagster.store.ledger.changes import text


class Reply(NamedTuple):
    """What is answered: the HTTP status, the body, and whether it was answered before."""

    status: int
    body: bytes
    replayed: bool = False


def submit(desk: Desk, user_id: str, asked: Submission, now: datetime) -> Reply:
    """Take an order through the gates and, where they pass it, to the market.

    `now`: the moment it is judged at, aware. Raises Declined for a key that another request has, and for a live order:
    no exchange is connected. Raises Transient where the database or the book's lock is not to be had.
    """
    if not asked.is_paper:
        fault = FieldFault("is_paper", "not_connected", "no exchange is connected for live orders; send is_paper: true")
        raise Declined([fault])
    order = asked.order
    key = asked.key or f"made-up-{uuid4()}"
    about = About(
        now,
        desk.day(now),
        order.bot_id,
        order.exchange,
        order.symbol,
        now - desk.rules.burst_window,
        key,
    )
    with turn(desk, user_id, asked.is_paper, about) as at:
        if at.stored.answer:
            return replay(at.stored.answer, asked.fingerprint)
        at.changes.bots.add(order.bot_id)
        if asked.quote is not None:
            at.quote(order.exchange, order.symbol, asked.quote)
        verdict = gates.judge(order, _situation(at, asked), desk.rules)
        row = _row(asked, key, at, verdict, desk.rules)
        at.move(row, "rejected" if verdict.refusal else "approved")
        if verdict.refusal:
            _refused(at, row, verdict.refusal)
        else:
            _approved(at, row)
            _match(at, row, order)
        body = json.dumps(answer(row, now), ensure_ascii=False, separators=(",", ":")).encode()
        return store_answer(at, key, asked.fingerprint, Reply(200, body))


def replay(stored: StoredAnswer, fingerprint: bytes) -> Reply:
    """The answer that a key has. Raises Declined where it was another request's."""
    if stored.fingerprint != fingerprint:
        fault = FieldFault(
            "idempotency_key", "reused", "the key belongs to another request: a new request needs a new key"
        )
        raise Declined([fault], "idempotency_key_reused")
    return Reply(stored.status, stored.body, replayed=True)


def store_answer(at: Turn, key: str, fingerprint: bytes, reply: Reply) -> Reply:
    """Keep a key's answer for ever, in the turn that made it."""
    at.changes.answers.append(
        {
            "idempotency_key": key,
            "fingerprint": fingerprint.hex(),
            "status": reply.status,
            "body": base64.b64encode(reply.body).decode(),
        }
    )
    return reply


def answer(order: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What a submitted order is answered with, from its row."""
    filled, paid = Fraction(order["filled"]), Fraction(order["paid"])
    return {
        "success": order["state"] not in ("rejected", "failed"),
        "order_id": order["order_id"],
        "idempotency_key": order["idempotency_key"],
        "state": order["state"],
        "gates_passed": order["gates_passed"],
        "gate_failed": order["gate_failed"],
        "reason_code": order["reason_code"],
        "rejection_reason": order["rejection_reason"],
        "execution_summary": order["summary"],
        "filled_amount": written(filled),
        "average_price": written(paid / filled) if filled else None,
        "timestamp": moment(now),
    }


def _situation(at: Turn, asked: Submission) -> Situation:
    """What the order is judged by. A quote that came with it counts even where it is no market, or an old one."""
    order = asked.order
    quote = asked.quote or at.book.quotes.get((order.exchange, order.symbol))
    return Situation(
        at.book, quote, at.stored.usage, at.tripped, at.stored.reducing, at.now, at.day, live=not asked.is_paper
    )


def _row(asked: Submission, key: str, at: Turn, verdict: GateVerdict, rules: Rules) -> OrderRow:
    order, refusal = asked.order, verdict.refusal
    return {
        **order._asdict(),
        "order_id": str(uuid4()),
        "amount": text(order.amount),
        "price": text(order.price),
        "expected_edge_bps": text(order.expected_edge_bps),
        "idempotency_key": key,
        "gates_passed": list(verdict.passed),
        "gate_failed": refusal and refusal.gate,
        "reason_code": refusal and refusal.code,
        "rejection_reason": refusal and refusal.words,
        "summary": _summary(order, verdict.costs, rules),
        "filled": "0",
        "paid": "0",
        "created_at": at.now.isoformat(),
        "approved_at": None if refusal else at.now.isoformat(),
    }


def _summary(order: OrderRequest, costs: OrderCosts | None, rules: Rules) -> dict[str, str | None]:
    edge = order.expected_edge_bps
    return {
        "expected_edge_bps": None if edge is None else written(edge),
        "fee_bps": costs and written(costs.fee),
        "spread_bps": costs and written(costs.spread),
        "slippage_bps": costs and written(costs.slippage),
        "safety_margin_bps": written(rules.safety_bps),
        "total_cost_bps": costs and written(costs.total),
        "profit_margin_bps": None if costs is None or edge is None else written(Fraction(edge) - costs.total),
        "min_edge_bps": written(rules.min_edge_bps),
    }


def _refused(at: Turn, row: OrderRow, refusal: GateRefusal) -> None:
    at.refuse(row)
    if refusal.trips and refusal.trips[0] not in at.tripped:
        at.trip(*refusal.trips)


def _approved(at: Turn, row: OrderRow) -> None:
    """An approved order counts against the limits of its day, whatever becomes of it."""
    for bot_id in (row["bot_id"], ""):
        at.changes.approvals.append({"bot_id": bot_id, "day": at.day.isoformat(), "used": 1})


def _match(at: Turn, row: OrderRow, order: OrderRequest) -> None:
    quote = at.book.quotes[order.exchange, order.symbol]
    bid, ask = at.stored.taken[order.exchange, order.symbol]
    match = matching.at_once(order, quote, ask if order.side == "buy" else bid)
    if match.quantity:
        at.paper_fill(row, match.quantity, match.price, taker=True)
    if match.state == "failed":
        at.move(row, "failed", match.reason, "nothing is offered at this price: the size of the quote is taken")
        at.error(row, "no_liquidity")
    elif row["state"] not in ("filled", "cancelled"):  # a breaker that the fill tripped may have cancelled the rest
        at.move(row, match.state)

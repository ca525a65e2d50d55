"""The gates in a turn: what an order is judged by, its row, and what a refusal or an approval writes."""

from __future__ import annotations

from datetime import datetime

from fntx_dagster.ledger import gates
from fntx_dagster.ledger.costs import OrderCosts
from fntx_dagster.ledger.exact import exact, written
from fntx_dagster.ledger.gates import GateRefusal, GateVerdict, Rules, Situation
from fntx_dagster.model.orders import OrderRequest, Quote
from fntx_dagster.services.orders.ids import new_id
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.changes import text


def about_order(desk: Desk, order: OrderRequest, key: str, now: datetime) -> About:
    """What a turn reads of its book for an order."""
    since = now - desk.rules.burst_window
    return About(now, desk.day(now), order.bot_id, order.exchange, order.symbol, since, key, order.side)


def judged(
    at: Turn, order: OrderRequest, key: str, quote: Quote | None, refusal: GateRefusal | None = None
) -> OrderRow:
    """Take an order through the gates: its row, `rejected` or `approved`, with all that the verdict writes.

    `quote`: what it is judged by, even where it is no market or an old one. `refusal`: why the market would not take
    the order, where it is known before.
    """
    if not at.is_on_a_kept_book:  # else an order of the bot left it so
        at.changes.bots.add(order.bot_id)
    rules, stored = at.desk.rules, at.stored
    situation = Situation(
        at.book, quote, stored.usage, at.tripped, stored.reducing, at.now, at.day, live=not stored.is_paper
    )
    verdict = GateVerdict((), refusal, None) if refusal else gates.judge(order, situation, rules)
    row = _row(at, order, key, verdict)
    at.move(row, "rejected" if verdict.refusal else "approved")
    if verdict.refusal:
        at.refuse(row)
        if verdict.refusal.trips and verdict.refusal.trips[0] not in at.tripped:
            at.trip(*verdict.refusal.trips)
    else:
        at.approve(order.bot_id)
    return row


def settled(at: Turn, order: OrderRequest, key: str) -> OrderRow:
    """The row of what is settled at its expiry: no gate is asked, as nothing is sent."""
    row = _row(at, order, key, GateVerdict((), None, None))
    at.move(row, "approved")
    return row


def _row(at: Turn, order: OrderRequest, key: str, verdict: GateVerdict) -> OrderRow:
    refusal = verdict.refusal
    return {
        **order._asdict(),
        "order_id": new_id(),
        "amount": text(order.amount),
        "price": text(order.price),
        "expected_edge_bps": text(order.expected_edge_bps),
        "idempotency_key": key,
        "gates_passed": list(verdict.passed),
        "gate_failed": refusal and refusal.gate,
        "reason_code": refusal and refusal.code,
        "rejection_reason": refusal and refusal.words,
        "summary": _summary(order, verdict.costs, at.desk.rules),
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
        "profit_margin_bps": None if costs is None or edge is None else written(exact(edge) - costs.total),
        "min_edge_bps": written(rules.min_edge_bps),
    }

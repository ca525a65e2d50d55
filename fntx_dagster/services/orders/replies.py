"""What a submitted order or money is answered with, and a key's answer: kept for ever, given again byte for byte."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import exact, written
from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.services.orders.turn import OrderRow, Turn
from fntx_dagster.store.ledger.books import StoredAnswer


class Reply(NamedTuple):
    """What is answered: the HTTP status, the body, and whether it was answered before."""

    status: int
    body: bytes
    replayed: bool = False


def replay(stored: StoredAnswer, fingerprint: bytes) -> Reply:
    """The answer that a key has. Raises Declined where it was another request's."""
    if stored.fingerprint != fingerprint:
        raise reused()
    return Reply(stored.status, stored.body, replayed=True)


def reused(differing: Sequence[str] = ()) -> Declined:
    """A key that belongs to another request; `differing`: the fields that are others than in that one."""
    of = f" with another {' and another '.join(differing)}" if differing else ""
    words = f"the key belongs to another request{of}: a new request needs a new key"
    return Declined([FieldFault("idempotency_key", "reused", words)], "idempotency_key_reused")


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
    at.touched = True
    return reply


def order_reply(order: OrderRow, now: datetime) -> Reply:
    """The answer to an order, from its row."""
    return Reply(200, orjson.dumps(answer(order, now)))


def answer(order: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What a submitted order is answered with, from its row."""
    filled, paid = exact(order["filled"]), exact(order["paid"])
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

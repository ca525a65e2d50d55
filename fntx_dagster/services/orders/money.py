"""Record money: a deposit, a withdrawal, an allocation of the book's money to a bot."""

from __future__ import annotations

import json
from datetime import datetime
from fractions import Fraction
from uuid import uuid4

from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.kinds import WITHDRAWAL
from fntx_dagster.services.orders.replies import Reply, replay, store_answer
from fntx_dagster.services.orders.requests import Declined, FieldFault, Funding
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.store.ledger.books import About


def fund(desk: Desk, user_id: str, asked: Funding, now: datetime) -> Reply:
    """Record money, once per key.

    Raises Declined for a withdrawal of more than the book holds of the currency, for a currency whose worth no quote
    says, and for a key that another request has.
    """
    key = asked.key or f"made-up-{uuid4()}"
    with turn(desk, user_id, asked.is_paper, About(now, idempotency_key=key)) as at:
        if at.stored.answer:
            return replay(at.stored.answer, asked.fingerprint)
        held = at.book.balances[asked.currency]
        if asked.kind == WITHDRAWAL and Fraction(asked.amount) > held:
            words = f"the book holds {written(held)} {asked.currency}, less than {written(asked.amount)}"
            raise Declined([FieldFault("amount", "insufficient_balance", words)], "insufficient_balance", 409)
        rate = at.book.rates(asked.currency, asked.currency).price
        if rate is None:
            words = (
                f"no quote says what {asked.currency} is worth in {at.book.currency}: send a quote of the pair first"
            )
            raise Declined([FieldFault("currency", "no_rate", words)])
        entry = at.fund(asked.kind, asked.amount, asked.currency, rate, asked.bot_id, asked.description)
        names = ("event_id", "entry_no", "amount", "currency", "bot_id", "is_paper", "timestamp")
        shown = {"type": asked.kind, **{name: entry[name] for name in names}}
        body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
        return store_answer(at, key, asked.fingerprint, Reply(201, body))

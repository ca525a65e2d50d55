"""Rows of the ledger beside the books' figures that are not what entries and orders make: postings, counters of
approvals, answers, bots, and what the tables say of breakers. A verification reports each as a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import checking

_ROWS_AT_ONCE = 5000
_OF_ORDERS = ("gates_passed", "gate_failed")
_OF_REFUSALS = ("reason_code", "rejection_reason")


class PostedLeg(NamedTuple):
    """A leg of an entry as it is stored."""

    account: str
    currency: str
    amount: Decimal


def posted_legs(db: Readable, book_id: int) -> Iterator[tuple[int, list[PostedLeg]]]:
    """The number of each entry that has postings, in order, with its legs, streamed."""
    with db.connect() as connection, connection.cursor("postings") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(
            """select entry_no, account, currency, amount from ledger.postings where book_id = %s
            order by entry_no, leg""",
            (book_id,),
        )
        for number, rows in groupby(cursor, key=itemgetter(0)):
            yield number, [PostedLeg._make(row[1:]) for row in rows]


def differing_approvals(db: Readable, book_id: int, zone: str) -> Iterator[str]:
    """The counters of approved orders that are not the number of those orders, by trading day in `zone`. What is
    settled at its expiry passes no gate and is not counted."""
    with db.connect() as connection:
        for bot_id, day, used, approved in connection.execute(
            """select bot_id, day, coalesce(used, 0), coalesce(approved, 0) from (
                    select whose as bot_id, (approved_at at time zone %(zone)s)::date as day, count(*) as approved
                    from ledger.orders cross join lateral (values (bot_id), ('')) as counted (whose)
                    where book_id = %(book)s and approved_at is not null and gates_passed <> '{}' group by 1, 2
                ) as orders
                full join (select * from ledger.approvals where book_id = %(book)s) as kept using (bot_id, day)
            where coalesce(used, 0) <> coalesce(approved, 0) order by day, bot_id limit 100""",
            {"book": book_id, "zone": zone},
        ):
            whose = f"the bot {bot_id}" if bot_id else "the user"
            yield f"approved orders of {whose} on {day}: the table counts {used}, the orders are {approved}"


def differing_bots(db: Readable, book_id: int) -> Iterator[str]:
    """Bots of entries or orders that the table lacks, and bots of the table that neither names."""
    with db.connect() as connection:
        for bot_id, is_kept in connection.execute(
            """select bot_id, kept.bot_id is not null from (
                    select body ->> 'bot_id' as bot_id from ledger.entries
                    where book_id = %(book)s and body ->> 'bot_id' <> ''
                    union select bot_id from ledger.orders where book_id = %(book)s
                ) as named
                full join (select bot_id from ledger.bots where book_id = %(book)s) as kept using (bot_id)
            where named.bot_id is null or kept.bot_id is null order by bot_id limit 100""",
            {"book": book_id},
        ):
            yield f"the bot {bot_id} is " + ("of no entry and no order" if is_kept else "missing in the table of bots")


def differing_breakers(db: Readable, book_id: int) -> Iterator[str]:
    """Breakers that are tripped by another trip or trigger than the entry states, and resets of trips that are not what
    the entry of the reset states."""
    with db.connect() as connection:
        for bot_id, number in connection.execute(
            """select breakers.bot_id, trip_no from ledger.breakers
            left join ledger.entries on entries.book_id = breakers.book_id and entry_no = trip_no
            where breakers.book_id = %s and (coalesce(body ->> 'bot_id', ''), body ->> 'trigger_type')
                is distinct from (breakers.bot_id, trigger_type)
            order by bot_id limit 100""",
            (book_id,),
        ):
            yield f"the breaker of {bot_id or 'the user'} is not tripped as entry {number} states"
        for (number,) in connection.execute(
            """with resets as materialized (
                select entry_no, coalesce(body ->> 'bot_id', '') as bot_id, (body ->> 'timestamp')::timestamptz as at,
                    body ->> 'reset_by' as by, body ->> 'reason' as reason
                from ledger.entries where book_id = %(book)s and body ->> 'event_type' = 'breaker_reset'
            )
            select trip_no from ledger.trips
            left join lateral (
                select * from resets where resets.bot_id = trips.bot_id and entry_no > trip_no order by entry_no limit 1
            ) as reset on true
            where book_id = %(book)s and (reset_at, reset_by, reset_reason) is distinct from (at, by, reason)
            order by trip_no limit 100""",
            {"book": book_id},
        ):
            yield f"the reset of the trip of entry {number} is not what its entry states"


def differing_answers(db: Readable, book_id: int) -> Iterator[str]:
    """The answers to keys that are not of the order or the money that they answer; those to signals are left out."""
    with db.connect() as connection, connection.cursor("answers") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(
            """select idempotency_key, body, order_id::text, state, gates_passed, gate_failed, reason_code,
                rejection_reason, summary
            from ledger.answers left join ledger.orders using (book_id, idempotency_key)
            where book_id = %s order by idempotency_key""",
            (book_id,),
        )
        for key, body, *order in cursor:
            if not _is_of(db, book_id, _parsed(body), *order):
                yield f"the answer to the key {key} is not of the order or the money that it answers"


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_of(
    db: Readable, book_id: int, said: dict[str, Any], order_id: str | None, state: str | None, *order: Any
) -> bool:
    """Whether an answer is of its order, or of the entry of the money; `order`: its gates, reason and summary. An order
    that was approved moves on after its answer."""
    if said and not {"event_id", "execution_summary"} & said.keys():
        return True  # to a signal, which has its own tables
    if order_id is not None:
        *stated, summary = order
        names = _OF_ORDERS + (_OF_REFUSALS if state == "rejected" else ())
        stated = dict(zip(_OF_ORDERS + _OF_REFUSALS, stated, strict=True))
        is_same = said.get("order_id") == order_id and said.get("execution_summary") == summary
        return is_same and all(said.get(name, "") == stated[name] for name in names)
    try:
        entry = checking.entry(db, book_id, int(said["entry_no"]))
    except (LookupError, TypeError, ValueError):
        return False
    names = ("event_id", "amount", "currency", "bot_id")
    return said.get("type") == entry["event_type"] and all(said.get(name, "") == entry[name] for name in names)

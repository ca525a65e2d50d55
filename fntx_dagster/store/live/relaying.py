"""Events of what other tables record under numbers of their own: the ledger's entries, and the outbox's states.

A second row in the transaction of an order would put the orders of all books behind the lock of the stream, and a
NOTIFY behind PostgreSQL's own: both are held until the commit is on the disk, and orders share commits in order not to
wait for each other. So an order's transaction writes nothing here. Entries have numbers without gaps, per book: what is
no event yet is what comes after the cursor, which moves in the transaction that appends the events.

Orders have states and no numbers: an order that moves is compared with its newest event. One that rests, and ends
within a look without an entry, is in its table alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

import psycopg

from fntx_dagster.store.database import Database

MOST_ENTRIES = 5_000
"""So many entries of a book at once are an import: they become one event, after which a page loads anew."""
_AT_ONCE = 200


def relay(db: Database, zone: str) -> int:
    """Append the events of what has been recorded since the last time, a few hundred of each source at most: how many
    there were; 0: nothing is left. `zone`: in which a trading day of the ledger ends at midnight."""
    found = 0
    with db.connect() as connection:
        moved = connection.execute(_MOVED).fetchall()
    for book_id, since, head in moved:
        with db.connect() as connection:
            found += _entries(connection, book_id, since, head, zone)
    with db.connect() as connection:
        found += _orders(connection, zone)
        return found + connection.execute(_SIGNATURES, {"limit": _AT_ONCE}).rowcount


def _entries(connection: psycopg.Connection, book_id: int, since: int, head: int, zone: str) -> int:
    is_import = head - since > MOST_ENTRIES
    last = head if is_import else min(head, since + _AT_ONCE)
    if not _advance(connection, f"book {book_id}", since, last):
        return 0
    about = {"book": book_id, "since": since, "last": last, "zone": zone}
    told = connection.execute(_MANY if is_import else _ENTRIES, about).fetchall()
    _orders(connection, zone, [order for (order,) in told if order])
    return last - since


def _orders(connection: psycopg.Connection, zone: str, touched: Sequence[str] = ()) -> int:
    """Append what has changed of the orders that move, or did, and of those that entries name."""
    return connection.execute(_ORDERS, {"zone": zone, "touched": list(touched), "limit": _AT_ONCE}).rowcount


def _advance(connection: psycopg.Connection, source: str, since: int, position: int) -> bool:
    """Move a cursor on from where it was; False where another process has moved it."""
    return bool(
        connection.execute(
            """insert into live.cursors as known values (%(source)s, %(position)s)
            on conflict (source) do update set position = excluded.position where known.position = %(since)s""",
            {"source": source, "position": position, "since": since},
        ).rowcount
    )


_MOVED = """
select book_id, coalesce(position, 0), head_no
from ledger.books left join live.cursors on source = 'book ' || book_id
where head_no > coalesce(position, 0) order by book_id
"""
_ACCOUNT: LiteralString = """coalesce((select account_id from ledger.accounts where accounts.book_id = books.book_id),
        'LEDGER-' || user_id || case when is_paper then '-paper' else '-live' end)"""
_ENTRIES = f"""
insert into live.events (account_id, trading_day, kind, key, as_of, heard_at, body)
select {_ACCOUNT}, ((body ->> 'timestamp')::timestamptz at time zone %(zone)s)::date,
    case
        when body ->> 'type' = 'fill' then 'fill'
        when body ->> 'event_type' in ('breaker_trip', 'breaker_reset') then 'trip'
        when exists (select from ledger.postings
            where (postings.book_id, postings.entry_no) = (entries.book_id, entries.entry_no)) then 'booking'
        else 'entry'
    end,
    entries.book_id || ' ' || entry_no, (body ->> 'timestamp')::timestamptz, (body ->> 'recorded_at')::timestamptz,
    body || jsonb_build_object('entry_no', entry_no)
from ledger.entries join ledger.books using (book_id)
where book_id = %(book)s and entry_no > %(since)s and entry_no <= %(last)s
order by entry_no
on conflict do nothing
returning body ->> 'order_id'
"""
_MANY = f"""
insert into live.events (account_id, trading_day, kind, key, as_of, body)
select {_ACCOUNT}, (clock_timestamp() at time zone %(zone)s)::date, 'many', book_id || ' ' || %(last)s,
    clock_timestamp(), jsonb_build_object('first_entry', %(since)s + 1, 'last_entry', %(last)s)
from ledger.books where book_id = %(book)s
on conflict do nothing
returning null
"""
_SIGNATURES = """
with cursor as (
    select coalesce((select position from live.cursors where source = 'signatures' for update), 0) as position
), new as materialized (
    select signature_events.* from alm_reporting.signature_events, cursor where event_id > position
    order by event_id limit %(limit)s
), moved as (
    insert into live.cursors as known select 'signatures', max(event_id) from new having max(event_id) is not null
    on conflict (source) do update set position = excluded.position
)
insert into live.events (account_id, trading_day, kind, key, as_of, body)
select account_id, trading_day, 'signature', new.event_id::text, happened_at,
    jsonb_build_object('version', version, 'state', new.state) || coalesce(jsonb_strip_nulls(receipt), '{}')
from new left join lateral (
    select jsonb_build_object('tx_hash', '0x' || encode(tx_hash, 'hex'), 'block_number', block_number,
        'block_hash', '0x' || encode(block_hash, 'hex'), 'posted_at', posted_at) as receipt
    from alm_reporting.chain_receipts as mined
    where (mined.account_id, mined.trading_day, mined.version) = (new.account_id, new.trading_day, new.version)
        and lost_at is null and new.state in ('mined', 'final')
    order by block_number desc limit 1
) as receipts on true
order by new.event_id
on conflict do nothing
"""
_MOVES = "('approved', 'submitting', 'open', 'partially_filled', 'unknown')"
_ORDERS = f"""
with known as (
    select * from live.orders
), touched as (
    select order_id from ledger.orders where state in {_MOVES}
    union select order_id from known
    union select unnest(%(touched)s::uuid[])
), changed as materialized (
    select orders.* from touched join ledger.orders using (order_id) left join known using (order_id)
    where (known.state, known.filled) is distinct from (orders.state, orders.filled)
    order by changed_at, order_id limit %(limit)s
), ended as (
    delete from live.orders using changed
    where orders.order_id = changed.order_id and changed.state not in {_MOVES}
), moving as (
    insert into live.orders as kept select order_id, book_id, state, filled from changed where state in {_MOVES}
    on conflict (order_id) do update set state = excluded.state, filled = excluded.filled
)
insert into live.events (account_id, trading_day, kind, key, as_of, is_state, body)
select {_ACCOUNT}, (changed_at at time zone %(zone)s)::date, 'order', order_id::text, changed_at, true,
    jsonb_build_object('bot_id', bot_id, 'exchange', exchange, 'symbol', symbol, 'side', side, 'amount', amount::text,
        'filled', filled::text, 'price', price::text, 'state', state, 'reason_code', reason_code)
from changed join ledger.books using (book_id)
order by changed_at, order_id
"""

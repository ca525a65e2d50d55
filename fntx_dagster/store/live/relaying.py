"""Events of what other tables record: the ledger's entries and orders, the states of signed records, the alerts.

A second row in the transaction of an order would put the orders of all books behind the lock of the stream, and a
NOTIFY behind PostgreSQL's own: both are held until the commit is on the disk, and orders share commits in order not to
wait for each other. So an order's transaction writes nothing here. Entries have numbers without gaps, per book: what is
no event yet is what comes after the cursor, which moves in the transaction that appends the events.

Orders have states and no numbers: an order that moves is compared with its newest event. One that rests, and ends
within a look without an entry, is in its table alone. Alerts have a table of their changes (0031).

Looking writes nothing: an idle relay takes no lock, draws no transaction id and notifies nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

import psycopg
from psycopg.rows import class_row

from fntx_dagster.store.database import Database, Readable

MOST_ENTRIES = 5_000
"""So many entries of a book at once are an import: they become one event, after which a page loads anew."""
_AT_ONCE = 200


class Waiting(NamedTuple):
    """What has been recorded and is no event yet. `kind`: entries or orders of a book, signatures, alerts. Of entries,
    `position` is the last that is an event, and `last` the newest."""

    kind: str
    book_id: int | None
    position: int
    last: int

    @property
    def name(self) -> str:
        """`entries of book 3`, `alerts`."""
        return self.kind if self.book_id is None else f"{self.kind} of book {self.book_id}"


def waiting(db: Readable) -> list[Waiting]:
    """All that has been recorded and is no event yet: entries before the orders that they move."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(_WAITING).fetchall()


def relay(db: Database, zone: str, source: Waiting) -> int:
    """Append the events of one source, a few hundred at most, in one transaction: how many there were. `zone`: in which
    a trading day of the ledger ends at midnight."""
    with db.connect() as connection:
        match source.kind:
            case "entries":
                return _entries(connection, source, zone)
            case "orders":
                return _orders(connection, source, zone)
            case "signatures":
                return connection.execute(_SIGNATURES, {"limit": _AT_ONCE}).rowcount
            case _:
                return connection.execute(_ALERTS, {"limit": _AT_ONCE}).rowcount


def _entries(connection: psycopg.Connection, source: Waiting, zone: str) -> int:
    is_import = source.last - source.position > MOST_ENTRIES
    last = source.last if is_import else min(source.last, source.position + _AT_ONCE)
    if not _advance(connection, f"book {source.book_id}", source.position, last):
        return 0
    about = {"book": source.book_id, "since": source.position, "last": last, "zone": zone}
    rows = connection.execute(_MANY if is_import else _ENTRIES, about).fetchall()
    _orders(connection, source, zone, [order for (order,) in rows if order])
    return last - source.position


def _orders(connection: psycopg.Connection, source: Waiting, zone: str, touched: Sequence[str] = ()) -> int:
    """Append what has changed of a book's orders: of those that move, or did, and of those that entries name."""
    about = {"book": source.book_id, "zone": zone, "touched": list(touched), "limit": _AT_ONCE}
    return connection.execute(_ORDERS, about).rowcount


def _advance(connection: psycopg.Connection, source: str, since: int, position: int) -> bool:
    """Move a cursor on from where it was; False where another process has moved it."""
    return bool(
        connection.execute(
            """insert into live.cursors as known values (%(source)s, %(position)s)
            on conflict (source) do update set position = excluded.position where known.position = %(since)s""",
            {"source": source, "position": position, "since": since},
        ).rowcount
    )


_MOVES = "('approved', 'submitting', 'open', 'partially_filled', 'unknown')"
_WAITING = f"""
select 'entries' as kind, book_id, coalesce(position, 0) as position, head_no as last
from ledger.books left join live.cursors on source = 'book ' || book_id
where head_no > coalesce(position, 0)
union all
select 'orders', book_id, 0, 0 from (
    select distinct orders.book_id
    from (
        select order_id from ledger.orders where state in {_MOVES} union select order_id from live.orders
    ) as moving join ledger.orders using (order_id) left join live.orders as known using (order_id)
    where (known.state, known.filled) is distinct from (orders.state, orders.filled)
) as moved
union all
select 'signatures', null, 0, 0
where (select max(event_id) from alm_reporting.signature_events)
    > coalesce((select position from live.cursors where source = 'signatures'), 0)
union all
select 'alerts', null, 0, 0 where exists (select from live.changed_alerts)
order by kind, book_id
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
_ALERTS = """
with changed as (
    delete from live.changed_alerts
    where change_id in (select change_id from live.changed_alerts order by change_id limit %(limit)s)
    returning *
)
insert into live.events (trading_day, kind, key, as_of, body)
select trading_day, 'alert', alert_id || ' ' || state, changed_at, jsonb_build_object(
    'alert_id', alert_id, 'state', state, 'kind', kind, 'text', text, 'raised_at', raised_at)
from changed join alm_reporting.alerts using (alert_id)
order by change_id
on conflict do nothing
"""
_ORDERS = f"""
with known as (
    select * from live.orders where book_id = %(book)s
), touched as (
    select order_id from ledger.orders where book_id = %(book)s and state in {_MOVES}
    union select order_id from known
    union select unnest(%(touched)s::uuid[])
), changed as materialized (
    select orders.* from touched join ledger.orders using (order_id) left join known using (order_id)
    where orders.book_id = %(book)s and (known.state, known.filled) is distinct from (orders.state, orders.filled)
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

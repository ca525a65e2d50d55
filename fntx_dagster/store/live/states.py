"""The newest state of each kind, what is followed, and who writes the stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.rows import class_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns


class StateRow(NamedTuple):
    """The newest event of a state; `key`: what it is about, empty where there is one of its kind."""

    account_id: str
    kind: str
    key: str
    trading_day: date
    as_of: datetime
    heard_at: datetime
    event_id: int
    body: Mapping[str, Any]


class WriterBeat(NamedTuple):
    """When a writer of the stream last said that it works; `age` in seconds, by the database's clock."""

    task: str
    holder: str
    beat_at: datetime
    age: float


def states(db: Readable, account: str) -> list[StateRow]:
    """The newest states of an account, by kind and key."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(StateRow)) as cursor:
        return cursor.execute(
            f"select {columns(StateRow._fields)} from live.states where account_id = %s order by kind, key", (account,)
        ).fetchall()


class GatewayRow(NamedTuple):
    """How an account's gateway is followed; `since`: of one that is not, when it was followed last; `reason` why."""

    account_id: str
    state: str
    since: datetime
    reason: str


def gateways(db: Readable) -> list[GatewayRow]:
    """How each account's gateway was followed when that was said last. Of one that is away for longer than events are
    kept, `since` is as far back as they reach."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(GatewayRow)) as cursor:
        return cursor.execute(
            """select account_id, body ->> 'state' as state, body ->> 'reason' as reason, coalesce((
                select min(heard_at) from live.events as later
                where (later.account_id, later.kind) = (now.account_id, 'gateway') and later.event_id > coalesce((
                    select max(event_id) from live.events as followed
                    where (followed.account_id, followed.kind) = (now.account_id, 'gateway')
                        and followed.body ->> 'state' = 'following'
                ), 0)
            ), heard_at) as since
            from live.states as now where kind = 'gateway' order by account_id"""
        ).fetchall()


def known_facts(db: Readable, account: str, since: date) -> set[tuple[str, str]]:
    """Kind and key of an account's facts from a day on."""
    with db.connect() as connection:
        rows = connection.execute(
            """select kind, key from live.events
            where account_id = %s and trading_day >= %s and key is not null and not is_state""",
            (account, since),
        )
        return {(kind, key) for kind, key in rows}


def beat(db: Database, task: str, holder: str) -> None:
    """Say that a writer works."""
    with db.connect() as connection:
        connection.execute(
            """insert into live.heartbeats values (%s, %s, clock_timestamp())
            on conflict (task) do update set holder = excluded.holder, beat_at = excluded.beat_at""",
            (task, holder),
        )


def heartbeats(db: Readable) -> dict[str, WriterBeat]:
    """Task → its heartbeat."""
    with db.connect() as connection:
        rows = connection.execute(
            """select task, holder, beat_at, extract(epoch from clock_timestamp() - beat_at)::float8
            from live.heartbeats"""
        )
        return {row[0]: WriterBeat(*row) for row in rows}

"""The events of the stream: appended in order, read on from a number.

Each insert waits for its turn (0031), so a reader that goes on from the last number misses none. A fact that is there
already is not appended again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg.types.json import Jsonb

from fntx_dagster.errors import Permanent
from fntx_dagster.model.live import LiveEvent
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.live.line import CHANNEL, OwnLine
from fntx_dagster.store.queries import columns, one_row

_LONGEST_NEWS = 8000
"""Bytes; PostgreSQL takes no longer notification."""


class NewEvent(NamedTuple):
    """An event to append; the fields are those of `LiveEvent`."""

    account_id: str | None
    trading_day: date | None
    kind: str
    key: str | None
    as_of: datetime
    heard_at: datetime
    is_state: bool
    is_provisional: bool
    body: Mapping[str, Any]


class RefusedEvents(Permanent):
    """Some of these events can never be written: the database, or JSON, has no form for them. None is written."""


class StreamEnds(NamedTuple):
    """The numbers of the oldest and of the newest event that are kept, 0 where there is none."""

    oldest: int
    newest: int


def append(db: Database, events: Sequence[NewEvent]) -> int:
    """Append events in their order, with the newest states, in one transaction: the number of those that are new.
    Raises what `connect` raises."""
    with db.connect() as connection:
        return connection.execute(_APPEND, _given(events)).rowcount if events else 0


def append_on(line: OwnLine, events: Sequence[NewEvent]) -> None:
    """As `append`, on a connection of the caller's. Raises RefusedEvents, or what `OwnLine.run` raises."""
    if events:
        try:
            line.run(_APPEND, _given(events))
        except (psycopg.DataError, psycopg.IntegrityError, TypeError, ValueError) as error:
            raise RefusedEvents(repr(error)) from None


def announce_on(line: OwnLine, events: Sequence[NewEvent]) -> None:
    """Say to who listens what is about to be appended: it need not wait for the disk. Says nothing where it is too much
    for a notification, or JSON has no form for it. Raises what `OwnLine.run` raises."""
    with suppress(TypeError, ValueError):
        told = orjson.dumps([tuple(event) for event in events]).decode()
        if len(told.encode()) < _LONGEST_NEWS and "\\u0000" not in told:
            line.run("select pg_notify(%(channel)s, %(told)s)", {"channel": CHANNEL, "told": told})


def announced(told: str) -> list[LiveEvent]:
    """The events of an announcement; their number is 0, because they have none yet."""
    found = []
    for account, day, kind, key, as_of, heard_at, *rest in orjson.loads(told):
        times = (datetime.fromisoformat(as_of), datetime.fromisoformat(heard_at))
        found.append(_event((0, account, day and date.fromisoformat(day), kind, key, *times, *rest)))
    return found


def _given(events: Sequence[NewEvent]) -> dict[str, Jsonb]:
    rows = [
        {
            **event._asdict(),
            "trading_day": event.trading_day and event.trading_day.isoformat(),
            "as_of": event.as_of.isoformat(),
            "heard_at": event.heard_at.isoformat(),
        }
        for event in events
    ]
    return {"rows": Jsonb(rows)}


_APPEND = """
with given as materialized (
    select r.* from jsonb_array_elements(%(rows)s) with ordinality as rows (value, place),
        jsonb_to_record(value) as r (account_id text, trading_day date, kind text, key text, as_of timestamptz,
            heard_at timestamptz, is_state boolean, is_provisional boolean, body jsonb)
    order by place
), appended as (
    insert into live.events (account_id, trading_day, kind, key, as_of, heard_at, is_state, is_provisional, body)
    select * from given
    on conflict do nothing
    returning *
), kept as (
    insert into live.states as known (account_id, kind, key, trading_day, as_of, heard_at, event_id, body)
    select distinct on (account_id, kind, key) account_id, kind, coalesce(key, ''), trading_day, as_of, heard_at,
        event_id, body
    from appended where is_state order by account_id, kind, key, event_id desc
    on conflict (account_id, kind, key) do update set trading_day = excluded.trading_day, as_of = excluded.as_of,
        heard_at = excluded.heard_at, event_id = excluded.event_id, body = excluded.body
)
select from appended
"""


def events_after(db: Readable, event_id: int, limit: int) -> list[LiveEvent]:
    """The events after a number, in order, at most `limit`."""
    with db.connect() as connection:
        return [_event(row) for row in connection.execute(_AFTER, {"after": event_id, "limit": limit})]


def events_after_on(line: OwnLine, event_id: int, limit: int) -> list[LiveEvent]:
    """As `events_after`, on a connection of the caller's. Raises what `OwnLine.run` raises."""
    return [_event(row) for row in line.run(_AFTER, {"after": event_id, "limit": limit})]


def facts_of(db: Readable, account: str, day: date, kinds: Sequence[str]) -> list[LiveEvent]:
    """The events of some kinds of an account's day, in order."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {columns(_FIELDS)} from live.events
            where account_id = %s and trading_day = %s and kind = any(%s) order by event_id""",
            (account, day, list(kinds)),
        )
        return [_event(row) for row in rows]


def ends(db: Readable) -> StreamEnds:
    """Where the stream begins and ends now."""
    with db.connect() as connection:
        row = connection.execute("select coalesce(min(event_id), 0), coalesce(max(event_id), 0) from live.events")
        return StreamEnds(*one_row(row))


_FIELDS = LiveEvent._fields
_AFTER = f"select {columns(_FIELDS)} from live.events where event_id > %(after)s order by event_id limit %(limit)s"


def _event(row: Sequence[Any]) -> LiveEvent:
    return LiveEvent(*row)

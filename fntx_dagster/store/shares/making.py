"""Writing: a link with what it shows, a file that was given away, a link for everybody, its end, one more view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.shares.register import NewlyShown, Refuse, add_rows


class NewDisclosure(NamedTuple):
    """A disclosure as it was made, and what it shows."""

    trading_day: date
    version: int
    metrics: Sequence[str]
    document: str


class NewLink(NamedTuple):
    """A link to be: what it shows of whom, over which period of which calendar, until when (aware; None: until it is
    ended), and the user who makes it."""

    account_id: str
    token_digest: bytes
    note: str
    period: Period
    calendar: str
    node: str | None
    expires_at: datetime | None
    made_by: str


def add_link(db: Database, link: NewLink, disclosures: Sequence[NewDisclosure]) -> int:
    """Keep a link and all that it shows; its number."""
    with db.connect() as connection:
        share_id = one_value(
            connection.execute(
                """insert into sharing.shares
                    (account_id, token_digest, note, first_day, last_day, calendar, node, expires_at, made_by)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning share_id""",
                (link.account_id, link.token_digest, link.note, *link.period, *link[4:]),
            )
        )
        _add(connection, share_id, link.account_id, disclosures, link.made_by)
    return share_id


def add_file(db: Database, account: str, disclosure: NewDisclosure, made_by: str, refuse: Refuse | None = None) -> None:
    """Keep a disclosure that a user gives away as a file; nothing where `refuse` raises."""
    with db.connect() as connection:
        _add(connection, None, account, [disclosure], made_by, refuse)


def publish_link(db: Database, share_id: int, trader: str, published_by: str) -> None:
    """Let the page of its trader (an address in lower case) list a link from now on, by a user."""
    with db.connect() as connection:
        connection.execute(
            "insert into sharing.published (share_id, trader, published_by) values (%s, %s, %s) on conflict do nothing",
            (share_id, trader, published_by),
        )


def end_link(db: Database, share_id: int, ended_by: str) -> bool:
    """Let a link end now, by a user; False where it was ended before."""
    with db.connect() as connection:
        done = connection.execute(
            "insert into sharing.endings (share_id, ended_by) values (%s, %s) on conflict do nothing",
            (share_id, ended_by),
        )
        return bool(done.rowcount)


def count_view(db: Database, share_id: int, day: date, place: str) -> None:
    """Count one more view of a link on a day (of UTC), and nothing of who it was."""
    with db.connect() as connection:
        connection.execute(
            """insert into sharing.views as seen (share_id, day, place, times) values (%s, %s, %s, 1)
            on conflict (share_id, day, place) do update set times = seen.times + 1""",
            (share_id, day, place),
        )


def _add(
    connection: psycopg.Connection,
    share_id: int | None,
    account: str,
    disclosures: Sequence[NewDisclosure],
    made_by: str,
    refuse: Refuse | None = None,
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into sharing.disclosures (share_id, account_id, trading_day, version, metrics, document, made_by)
            values (%s, %s, %s, %s, %s, %s, %s)""",
            [
                (share_id, account, each.trading_day, each.version, list(each.metrics), each.document, made_by)
                for each in disclosures
            ],
        )
    kind = "disclosure" if share_id is None else "link"
    add_rows(
        connection,
        [
            NewlyShown(account, Period.on(each.trading_day), [each.version], each.metrics, kind, None, made_by)
            for each in disclosures
        ],
        refuse,
    )

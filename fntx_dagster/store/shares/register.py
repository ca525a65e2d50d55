"""The register of what was shown of accounts: one row for each day of a disclosure, each period, each package."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database, InTransaction, Readable

Refuse = Callable[[Readable], None]
"""Reads what was shown before, and raises where more must not be shown."""


class NewlyShown(NamedTuple):
    """Something that is about to be shown of an account: of which days, in which versions (oldest day first), what, as
    which kind (disclosure, link, period, package), for whom (None: not said), and by which user."""

    account_id: str
    period: Period
    versions: Sequence[int]
    items: Sequence[str]
    kind: str
    audience: str | None
    shown_by: str


class RegisterRow(NamedTuple):
    """Something that was shown of an account, and when (aware)."""

    shown_id: int
    account_id: str
    first_day: date
    last_day: date
    versions: list[int]
    items: list[str]
    kind: str
    audience: str | None
    shown_by: str
    shown_at: datetime


def register(db: Database, shown: Sequence[NewlyShown], refuse: Refuse | None = None) -> None:
    """Keep what is about to be shown, all of it or none; nothing where `refuse` raises."""
    with db.connect() as connection:
        add_rows(connection, shown, refuse)


def add_rows(connection: psycopg.Connection, shown: Sequence[NewlyShown], refuse: Refuse | None = None) -> None:
    """The same, in a transaction that keeps something else too. Until it ends, nobody else shows anything of these
    accounts: what `refuse` reads is all that was shown before."""
    with connection.cursor() as cursor:
        for account in sorted({each.account_id for each in shown}):
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"fntx shows {account}",))
        if refuse is not None:
            refuse(InTransaction(connection))
        cursor.executemany(
            """insert into alm_reporting.shown
                (account_id, first_day, last_day, versions, items, kind, audience, shown_by)
            values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [(each.account_id, *each.period, list(each.versions), list(each.items), *each[4:]) for each in shown],
        )


def registered(
    db: Readable, accounts: Collection[str] | None = None, most: int | None = None, before: int | None = None
) -> list[RegisterRow]:
    """What was ever shown of some accounts or of all, newest first, at most `most` rows, all before that of an id."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            """select shown_id, account_id, first_day, last_day, versions, items, kind, audience, shown_by, shown_at
            from alm_reporting.shown
            where (%(accounts)s::text[] is null or account_id = any(%(accounts)s))
                and (%(before)s::bigint is null or shown_id < %(before)s)
            order by shown_id desc limit %(most)s""",
            {"accounts": None if accounts is None else [*accounts], "most": most, "before": before},
        )
        return [RegisterRow._make(row) for row in cursor]

"""The requests to the Flex Web Service and their outcomes, from which catching up and its waits are decided."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import LiteralString, NamedTuple

from psycopg.rows import class_row

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns


class Fetch(NamedTuple):
    """One request: `login` names a token, the days are the requested window. `outcome`: fetched, no_data (the service
    has nothing for the window), failed (a later try may succeed) or refused (a person has to change something); `code`
    and `said` are the service's or the network's; `reaches` is the last day that the file covers."""

    login: str
    query: str
    first_day: date
    last_day: date
    asked_at: datetime
    outcome: str
    code: int | None = None
    said: str | None = None
    file_name: str | None = None
    sha256: str | None = None
    reaches: date | None = None


def configure(db: Database, queries: Iterable[tuple[str, str]]) -> None:
    """Write the (login, query) pairs of the settings into the table. Requests of other pairs no longer count."""
    known = list(queries)
    with db.connect() as connection:
        connection.execute(
            "delete from raw_flex.queries where (login, query) not in (select * from unnest(%s::text[], %s::text[]))",
            ([login for login, _ in known], [query for _, query in known]),
        )
        connection.cursor().executemany("insert into raw_flex.queries values (%s, %s) on conflict do nothing", known)


def remember(db: Database, fetch: Fetch) -> None:
    with db.connect() as connection:
        connection.execute(
            f"insert into raw_flex.fetches ({columns(Fetch._fields)}) values ({columns(['%s'] * len(fetch))})",
            fetch,
        )


def latest(db: Readable) -> list[Fetch]:
    """The last request of each login and query."""
    return _newest(db, "", {})


def latest_of(db: Readable, period: Period) -> list[Fetch]:
    """The last request of each login and query for a window that reaches into a range."""
    first, last = period
    return _newest(db, "where first_day <= %(last)s and last_day >= %(first)s", {"first": first, "last": last})


def fetched_since(db: Readable, login: str, query: str, first: date, reaching: date, since: datetime) -> Fetch | None:
    """The newest file of a window that begins on a day and covers all of it, if it was fetched since a moment."""
    condition = """where (login, query, first_day, outcome) = (%(login)s, %(query)s, %(first)s, 'fetched')
        and reaches >= %(reaching)s and ended_at >= %(since)s"""
    files = _newest(
        db, condition, {"login": login, "query": query, "first": first, "reaching": reaching, "since": since}
    )
    return files[0] if files else None


def served_accounts(db: Readable) -> dict[str, str]:
    """The accounts that the newest loaded file of some query of the settings holds, whose sessions are expected to
    come → the outcome of that query's last request, the best of them where several hold the account."""
    with db.connect() as connection:
        rows = connection.execute(
            """with newest as (
                select distinct on (login, query) login, query, file_id
                from raw_flex.fetches join raw_flex.queries using (login, query) join raw_flex.files using (sha256)
                order by login, query, last_day desc, ended_at desc
            ), requested as (
                select distinct on (login, query) login, query, outcome from raw_flex.fetches
                order by login, query, ended_at desc
            )
            select account_id, (array_agg(outcome order by array_position(%s, outcome)))[1]
            from newest join requested using (login, query) join raw_flex.statements using (file_id)
            group by 1""",
            (["fetched", "no_data", "failed", "refused"],),
        )
        return dict(rows.fetchall())


def unanswered(db: Readable, period: Period) -> list[tuple[str, date, str]]:
    """(account, weekday, query) of a range for which a query of the settings that serves the account has not answered:
    no loaded file covers the day, and the service did not answer that it has no data. A query is expected from the
    first month on for which it was requested."""
    first, last = period
    with db.connect() as connection:
        return connection.execute(_UNANSWERED, {"first": first, "last": last}).fetchall()


_UNANSWERED = """
with requested as (
    select login, query, file_id, first_day,
        case when outcome = 'no_data' then last_day when file_id is not null then least(reaches, last_day) end as until
    from raw_flex.fetches join raw_flex.queries using (login, query) left join raw_flex.files using (sha256)
), queries as (
    select login, query, min(first_day) as since,
        coalesce(range_agg(daterange(first_day, until, '[]')) filter (where until >= first_day), '{}') as answered
    from requested group by login, query
), served as (
    select distinct login, account_id from requested join raw_flex.statements using (file_id)
)
select account_id, day::date, query
from served join queries using (login)
cross join generate_series(greatest(%(first)s::date, since), %(last)s::date, '1 day') as day
where extract(isodow from day) < 6 and not answered @> day::date
"""


def _newest(db: Readable, condition: LiteralString, parameters: dict[str, object]) -> list[Fetch]:
    with db.connect() as connection, connection.cursor(row_factory=class_row(Fetch)) as cursor:
        return cursor.execute(
            f"""select distinct on (login, query) {columns(Fetch._fields)} from raw_flex.fetches {condition}
            order by login, query, ended_at desc""",
            parameters,
        ).fetchall()

"""The day that still runs: what IB Gateway said last of it, per account and session.

Provisional by nature: as soon as a session is told from its statement, what is kept here of it is no longer read.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from fntx_dagster.accounting.calendar import NEW_YORK
from fntx_dagster.report.today import Snapshot, from_json, session_at, to_json
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import marts_exist


class Provisional(NamedTuple):
    """A snapshot of a session without a told statement; `base_currency` and `opening_nav` (the official NAV at the
    session's previous close) are the statements', None where they have not said so yet."""

    snapshot: Snapshot
    base_currency: str | None
    opening_nav: Decimal | None


def keep(db: Database, snapshot: Snapshot) -> None:
    """Keep a snapshot of its session, unless a later one is there."""
    session = session_at(snapshot.as_of)
    with db.connect() as connection:
        connection.execute(
            """insert into alm_reporting.current_days as known values (%s, %s, %s, %s, %s)
            on conflict (account_id, trading_day) do update set as_of = excluded.as_of, snapshot = excluded.snapshot
            where known.as_of <= excluded.as_of""",
            (
                snapshot.account_id,
                session.day,
                session.previous_close.astimezone(NEW_YORK).date(),
                snapshot.as_of,
                Jsonb(to_json(snapshot)),
            ),
        )


def beside_statements(db: Database, snapshot: Snapshot) -> Provisional | None:
    """A snapshot, kept or not, with what the statements say to it; None where they tell its session already."""
    session = session_at(snapshot.as_of)
    key = {
        "snapshot": Jsonb(to_json(snapshot)),
        "account": snapshot.account_id,
        "first": session.day,
        "last": session.day,
        "previous": session.previous_close.astimezone(NEW_YORK).date(),
    }
    with db.connect() as connection:
        query = _with_statements(_NOT_KEPT) if marts_exist(connection) else _without_statements(_NOT_KEPT)
        row = connection.execute(query, key).fetchone()
    return _provisional(*row) if row else None


def provisional(db: Database, first: date, last: date, account: str | None = None) -> list[Provisional]:
    """The sessions of a range that only the gateway has told, by account and day."""
    key = {"first": first, "last": last, "account": account}
    with db.connect() as connection:
        query = _with_statements(_KEPT) if marts_exist(connection) else _without_statements(_KEPT)
        rows = connection.execute(query, key).fetchall()
    return [_provisional(*row) for row in rows]


def _provisional(snapshot: dict[str, Any], currency: str | None, opening: Decimal | None) -> Provisional:
    return Provisional(from_json(snapshot), currency, opening)


_KEPT = "alm_reporting.current_days"
_NOT_KEPT = """(
    select %(snapshot)s::jsonb as snapshot, %(account)s::text as account_id, %(first)s::date as trading_day,
        %(previous)s::date as previous_session
)"""
_IN_RANGE = "day.trading_day between %(first)s and %(last)s and day.account_id = coalesce(%(account)s, day.account_id)"


def _without_statements(snapshots: str) -> str:
    return f"""
select snapshot, null, null::numeric from {snapshots} as day
where {_IN_RANGE} order by account_id, trading_day
"""


def _with_statements(snapshots: str) -> str:
    return f"""
select snapshot, known.base_currency, before.closing_nav_official
from {snapshots} as day
left join lateral (
    select base_currency from alm_reporting.daily_summary as summary
    where summary.account_id = day.account_id order by summary.trading_day desc limit 1
) as known on true
left join alm_reporting.daily_summary as before
    on before.account_id = day.account_id and before.trading_day = day.previous_session
where {_IN_RANGE} and not exists (
    select from alm_reporting.daily_summary as told
    where told.account_id = day.account_id and told.trading_day = day.trading_day
)
order by day.account_id, day.trading_day
"""

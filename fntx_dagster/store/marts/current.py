"""The day that still runs: the latest snapshot that IB Gateway gave of it, per account and session.

It is provisional: once a session is built from its statement, only the prices that the gateway saw near the close
are read from here, where no statement gives one (`closing`). So beside the latest snapshot of a session
the positions are kept of the one nearest to its close.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple

from psycopg.types.json import Jsonb

from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Snapshot, from_json, to_json
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.tables import marts_exist

NEAR_THE_CLOSE = timedelta(minutes=15)
"""How long before or after a session's close the gateway's prices are those of the close."""


class Provisional(NamedTuple):
    """A snapshot of a session that is not built from a statement. `base_currency` and `opening_nav` (the official NAV
    at the session's previous close) are the statements', None where they do not have them yet."""

    snapshot: Snapshot
    base_currency: str | None
    opening_nav: Decimal | None


def keep(db: Database, snapshot: Snapshot) -> None:
    """Keep a snapshot of its session, unless a later one is there; of those near its close, the nearest's positions."""
    session = session_at(snapshot.as_of)
    stored = to_json(snapshot)
    if abs(snapshot.as_of - session.closes_at) <= NEAR_THE_CLOSE:
        stored["at_close"] = {name: stored[name] for name in ("as_of", "positions")}
    with db.connect() as connection:
        connection.execute(
            _KEEP,
            {
                "account": snapshot.account_id,
                "day": session.day,
                "previous": session.previous_day,
                "as_of": snapshot.as_of,
                "snapshot": Jsonb(stored),
                "closes_at": session.closes_at,
            },
        )


def beside_statements(db: Readable, snapshot: Snapshot) -> Provisional | None:
    """A snapshot, kept or not, with what the statements add to it; None where its session is built already."""
    session = session_at(snapshot.as_of)
    key = {
        "snapshot": Jsonb(to_json(snapshot)),
        "account": snapshot.account_id,
        "first": session.day,
        "last": session.day,
        "previous": session.previous_day,
    }
    with db.connect() as connection:
        query = _with_statements(_NOT_KEPT) if marts_exist(connection) else _without_statements(_NOT_KEPT)
        row = connection.execute(query, key).fetchone()
    return _provisional(*row) if row else None


def provisional(db: Readable, period: Period, account: str | None = None) -> list[Provisional]:
    """The sessions of a range that only the gateway covers, by account and day."""
    first, last = period
    key = {"first": first, "last": last, "account": account}
    with db.connect() as connection:
        query = _with_statements(_KEPT) if marts_exist(connection) else _without_statements(_KEPT)
        rows = connection.execute(query, key).fetchall()
    return [_provisional(*row) for row in rows]


def _provisional(snapshot: dict[str, Any], currency: str | None, opening: Decimal | None) -> Provisional:
    return Provisional(from_json(snapshot), currency, opening)


_AWAY = "greatest(%(closes_at)s - {0}, {0} - %(closes_at)s)"
_KEPT_AT = "(known.snapshot #>> '{at_close,as_of}')::timestamptz"
_KEEP = f"""
insert into alm_reporting.current_days as known values (%(account)s, %(day)s, %(previous)s, %(as_of)s, %(snapshot)s)
on conflict (account_id, trading_day) do update
set as_of = excluded.as_of,
    snapshot = excluded.snapshot || case
        when {_AWAY.format(_KEPT_AT)} <= {_AWAY.format("excluded.as_of")}
            then jsonb_build_object('at_close', known.snapshot -> 'at_close')
        else '{{}}'
    end
where known.as_of <= excluded.as_of
"""
_KEPT = "alm_reporting.current_days"
_NOT_KEPT = """(
    select %(snapshot)s::jsonb as snapshot, %(account)s::text as account_id, %(first)s::date as trading_day,
        %(previous)s::date as previous_session
)"""
_IN_RANGE = "day.trading_day between %(first)s and %(last)s and day.account_id = coalesce(%(account)s, day.account_id)"


def _without_statements(snapshots: LiteralString) -> LiteralString:
    return f"""
select snapshot, null, null::numeric from {snapshots} as day
where {_IN_RANGE} order by account_id, trading_day
"""


def _with_statements(snapshots: LiteralString) -> LiteralString:
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
    select from alm_reporting.daily_summary as built
    where built.account_id = day.account_id and built.trading_day = day.trading_day
)
order by day.account_id, day.trading_day
"""

"""What monitoring asks of the tables: one question for all accounts, whose cost does not grow with their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import LiteralString, NamedTuple

import psycopg

from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import marts_exist
from fntx_dagster.store.queries import one_row, text_array

_RECENT_DAYS = 40
"""Verifications are counted of so many days: an older one that fails was seen then, and its alert is open."""


class MonitoredAccount(NamedTuple):
    """An account's newest explained day and newest signed day, what that day leaves unexplained (base currency), and
    the verifications of recent days that failed."""

    account_id: str
    last_built: date | None
    last_signed: date | None
    unexplained: Decimal
    failing: int


class MonitoredState(NamedTuple):
    """The figures of all accounts together. `queue`: state → records; `oldest` of those that wait, its age in seconds.
    `fetches`: outcome or code → requests. `alerts`: kind → open ones. `followers`: account → whether it follows, and
    seconds since its newest event. `silent_runs` have not been heard of for five minutes."""

    queue: Mapping[str, int]
    oldest: float
    gas_used: float
    fetches: Mapping[str, int]
    alerts: Mapping[str, int]
    followers: Mapping[str, tuple[bool, float]]
    backup_age: float | None
    silent_runs: int


def monitored_accounts(db: Readable, accounts: Sequence[str]) -> list[MonitoredAccount]:
    """The figures of these accounts."""
    with db.connect() as connection:
        columns = _BUILT if marts_exist(connection) else _NOT_BUILT
        asked = {"accounts": text_array(accounts), "recent": _RECENT_DAYS}
        return [MonitoredAccount(*row) for row in connection.execute(_ACCOUNTS.format(columns).encode(), asked)]


def monitored_state(db: Readable) -> MonitoredState:
    """What is not of one account."""
    with db.connect() as connection:
        queue = connection.execute(_QUEUE).fetchall()
        gas, backup_age, silent = one_row(connection.execute(_TOTALS))
        return MonitoredState(
            {state: count for state, count, _ in queue},
            max((age for _, _, age in queue), default=0.0),
            gas,
            _counts(connection, "select coalesce(code::text, outcome), count(*) from raw_flex.fetches group by 1"),
            _counts(connection, _OPEN_ALERTS),
            {account: (follows, age) for account, follows, age in connection.execute(_FOLLOWERS)},
            backup_age,
            silent,
        )


def _counts(connection: psycopg.Connection, query: LiteralString) -> dict[str, int]:
    return dict(connection.execute(query).fetchall())


_BUILT = """
(select max(trading_day) from alm_reporting.daily_summary as days where days.account_id = loaded.account_id),
(select max(trading_day) from alm_reporting.daily_signatures as days where days.account_id = loaded.account_id),
coalesce((select unexplained from alm_reporting.daily_summary as days where days.account_id = loaded.account_id
    order by trading_day desc limit 1), 0),
(select count(*) from alm_reporting.daily_verification as failing
    where failing.account_id = loaded.account_id and not passed and kind <> 'historical'
        and trading_day > current_date - %(recent)s::int)
"""
_NOT_BUILT = "null::date, null::date, 0::numeric, 0"
_ACCOUNTS = "select loaded.account_id, {} from unnest(%(accounts)s::text[]) as loaded (account_id)"
_QUEUE = """
select state, count(*), coalesce(max(extract(epoch from clock_timestamp() - queued_at))
    filter (where state in ('queued', 'signed', 'broadcast')), 0)::float8
from alm_reporting.chain_postings where state not in ('final', 'superseded') group by 1
"""
_FOLLOWERS = """
select account_id, coalesce(body ->> 'state', '') = 'following', extract(epoch from clock_timestamp() - (
    select max(heard_at) from live.states as any_of where any_of.account_id = now.account_id))::float8
from live.states as now where kind = 'gateway'
"""
_TOTALS = """
select (select coalesce(sum(gas_used::numeric / records), 0)::float8 from alm_reporting.chain_receipts),
    (select extract(epoch from clock_timestamp() - max(made_at))::float8 from alm_reporting.backups),
    (select count(*) from fntx.run_heartbeats where ended_at is null and given_up_at is null
        and seen_at < clock_timestamp() - interval '5 minutes')
"""
_OPEN_ALERTS = """
select kind, count(*) from alm_reporting.alerts where resolved_at is null and dismissed_at is null group by 1
"""

"""Which days are stale: loading notes the earliest day that a file changed, rebuilding fills notes the earliest session
whose fills or lots differ from before, and building the days removes the note.

Every day depends on the days before it (its opening, its lots, its metrics), so a run builds from the earliest stale
day to the last day that was built. A day behind a change is not signed. The note of an account whose fills could not be
rebuilt stays, with the reason, until they can be; its days are not built meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.tables import marts_exist
from fntx_dagster.store.queries import AMONG, listed, one_row, one_value, own_sql


class Change(NamedTuple):
    """The earliest stale day of an account; `refused` says why it cannot be built, else null."""

    since: date
    refused: str | None


class StaleRange(NamedTuple):
    """The period to build, and the moment at which the notes were read."""

    period: Period
    read_at: datetime


def note_covered(connection: psycopg.Connection, table: str, file_id: int) -> None:
    """Note, within a load's transaction, the earliest day of those in the table `own` that a file changed.

    `table` is one of raw_flex, without the schema.
    """
    connection.execute(
        f"""
        with days as (select account_id, min(day) as first, max(day) as last from own group by 1)
        insert into alm_reporting.untold_changes as known (account_id, since)
        select changed.account_id, min(changed.row_date)
        from raw_flex.{own_sql(table)} as changed
        join days on days.account_id = changed.account_id and changed.row_date between days.first and days.last
        where changed.withdrawn_at = transaction_timestamp()
            or changed.statement_id in (select statement_id from raw_flex.statements where file_id = %s)
        group by 1
        on conflict (account_id) do update
            set since = least(known.since, excluded.since), changed_at = excluded.changed_at
        """,
        (file_id,),
    )


def note_changed(connection: psycopg.Connection, account: str, since: date) -> None:
    """Note, within the transaction that changes it, the earliest day of an account that a file or a rebuild changed.

    That of a rebuild may lie before every day that a file changed: a row is reported on one day, executed on another.
    """
    connection.execute(
        """insert into alm_reporting.untold_changes as known (account_id, since) values (%s, %s)
        on conflict (account_id) do update
            set since = least(known.since, excluded.since), changed_at = excluded.changed_at""",
        (account, since),
    )


def stale_range(db: Readable, period: Period, accounts: Accounts = None) -> StaleRange:
    """The days that a run over `period` has to build so that none of them, of these accounts, depends on a stale
    day."""
    with db.connect() as connection:
        since, now = one_row(
            connection.execute(
                f"select min(since), clock_timestamp() from alm_reporting.untold_changes where {AMONG}",
                {"accounts": listed(accounts)},
            )
        )
        if since is None or since > period.last:
            return StaleRange(period, now)
        built = None
        if marts_exist(connection):
            newest = f"select max(trading_day) from alm_reporting.daily_summary where {AMONG}"
            built = one_value(connection.execute(newest, {"accounts": listed(accounts)}))
        return StaleRange(Period(min(period.first, since), max(period.last, built or period.last)), now)


def mark_built(db: Database, stale: StaleRange, accounts: Accounts = None) -> None:
    """Remove the notes of what, of these accounts, has been built; days that were loaded beyond it stay stale. Who
    follows a day that was provisional hears that it is told."""
    with db.connect() as connection:
        if marts_exist(connection):
            connection.execute(_TELL, stale.period._asdict() | {"accounts": listed(accounts)})
        connection.execute(
            f"""
            with beyond as (
                select account_id, min(day) as day from raw_flex.coverage where day > %(last)s group by 1
            ), cleared as (
                delete from alm_reporting.untold_changes as known
                where changed_at <= %(read_at)s and since <= %(last)s and refused is null and {AMONG}
                    and not exists (select from beyond where beyond.account_id = known.account_id)
            )
            update alm_reporting.untold_changes as known set since = beyond.day
            from beyond
            where beyond.account_id = known.account_id and changed_at <= %(read_at)s and since <= %(last)s
                and refused is null and {AMONG.replace("account_id", "known.account_id")}
            """,
            {"last": stale.period.last, "read_at": stale.read_at, "accounts": listed(accounts)},
        )


def note_refused(db: Database, since: date, reasons: Iterable[tuple[str, str]], accounts: Accounts = None) -> None:
    """Note the accounts (with the reason) that a rebuild from a day on left as they were, and no others of those that
    it was for."""
    with db.connect() as connection:
        connection.execute(
            f"update alm_reporting.untold_changes set refused = null where refused is not null and {AMONG}",
            {"accounts": listed(accounts)},
        )
        for account, reason in reasons:
            connection.execute(
                """insert into alm_reporting.untold_changes as known (account_id, since, refused) values (%s, %s, %s)
                on conflict (account_id) do update
                    set since = least(known.since, excluded.since), refused = excluded.refused""",
                (account, since, reason),
            )


def stale_days(db: Readable, accounts: Accounts = None) -> tuple[date, date, datetime] | None:
    """Of the accounts whose stale days can be built: the earliest of these, the last day that a statement covers, and
    when the last of them was noted. None where no day is stale."""
    with db.connect() as connection:
        since, last, changed_at = one_row(
            connection.execute(
                f"""select min(since), max(covered.day), max(changed_at) from alm_reporting.untold_changes
                cross join lateral (
                    select max(day) as day from raw_flex.coverage
                    where coverage.account_id = untold_changes.account_id
                ) as covered
                where refused is null and {AMONG}""",
                {"accounts": listed(accounts)},
            )
        )
        return None if since is None or last is None else (since, last, changed_at)


def changed_since(db: Readable, account: str | None = None) -> dict[str, Change]:
    """Account → its earliest stale day."""
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, since, refused from alm_reporting.untold_changes
            where account_id = coalesce(%s, account_id)""",
            (account,),
        )
        return {account: Change(since, refused) for account, since, refused in rows}


_TELL = """
insert into live.events (account_id, trading_day, kind, key, as_of, body)
select account_id, trading_day, 'told', trading_day || ' ' || closing_nav_official, clock_timestamp(),
    jsonb_build_object('closing_nav', closing_nav_official::text, 'currency', base_currency)
from alm_reporting.daily_summary as summary
where trading_day between %(first)s and %(last)s
    and account_id = any(coalesce(%(accounts)s, array[account_id])) and exists (
    select from live.events as event
    where (event.account_id, event.trading_day) = (summary.account_id, summary.trading_day) and is_provisional
)
order by trading_day, account_id
on conflict do nothing
"""

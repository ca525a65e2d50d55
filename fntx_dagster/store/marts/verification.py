"""The equations of each day and whether they hold: the rows of `daily_verification`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import IN_RANGE, reading
from fntx_dagster.store.queries import columns


class Verification(NamedTuple):
    """One equation of one day, with both sides in the unit of what it compares (money in base currency)."""

    account_id: str
    trading_day: date
    kind: str
    equation: str
    left_side: Decimal
    relation: str
    right_side: Decimal
    difference: Decimal
    tolerance: Decimal
    passed: bool


def verifications(
    db: Readable,
    period: Period,
    account: str | None = None,
    *,
    kinds: tuple[str, ...] | None = None,
    failed_only: bool = False,
) -> list[Verification]:
    """The equations of the given kinds, of all without `kinds`, over a range, in the order of days."""
    first, last = period
    with reading(db) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"""select {columns(Verification._fields)} from alm_reporting.daily_verification
            where {IN_RANGE} and kind = any(coalesce(%(kinds)s, array[kind])) and not (%(failed_only)s and passed)
            order by account_id, trading_day, kind, equation""",
            {
                "first": first,
                "last": last,
                "account": account,
                "kinds": None if kinds is None else list(kinds),
                "failed_only": failed_only,
            },
        )
        return [Verification._make(row) for row in cursor]


def holding(db: Readable, kind: str, equations: Collection[tuple[date, str]]) -> list[tuple[str, date, str]]:
    """(account, session, equation) of the equations of a kind, named by session and name, that hold."""
    days, names = [day for day, _ in equations], [name for _, name in equations]
    with reading(db) as connection:
        return connection.execute(
            """select account_id, trading_day, equation from alm_reporting.daily_verification
            where kind = %s and passed and (trading_day, equation) in (select * from unnest(%s::date[], %s::text[]))""",
            (kind, days, names),
        ).fetchall()


def unverified_days(db: Readable, period: Period, account: str | None = None) -> list[tuple[str, date]]:
    """(account, session) that have a summary and lack a kind of equation that every verified day has."""
    first, last = period
    with reading(db) as connection:
        return connection.execute(
            f"""select account_id, trading_day from alm_reporting.daily_summary as summary
            where {IN_RANGE} and 3 > (
                select count(distinct kind) from alm_reporting.daily_verification as verified
                where verified.account_id = summary.account_id and verified.trading_day = summary.trading_day
                    and kind <> 'historical'
            ) order by 1, 2""",
            {"first": first, "last": last, "account": account},
        ).fetchall()

"""Which sections and fields an account's last statements held, whatever their rows say."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from psycopg import sql

from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.option_rows import NEEDS_TERMS
from fntx_dagster.store.raw_flex.tables import COPY_TARGETS

_LATELY = timedelta(days=35)
"""Sections that are broken out by month are there at least once in it."""


class Delivered(NamedTuple):
    """Tables of the sections that the statements of the account's last weeks held, with or without rows; of each that
    has rows, the attributes of its newest day; and what its newest trades are."""

    sections: set[str]
    fields: dict[str, set[str]]
    has_options: bool
    is_without_times: bool
    """Whether no trade of the newest day has a time, although the field is there."""


def delivered(db: Readable) -> dict[str, Delivered]:
    """Account → what was delivered last."""
    with db.connect() as connection:
        sections: dict[str, set[str]] = {}
        for account, section in connection.execute(
            """select account_id, section from raw_flex.coverage
            join (select account_id, max(day) as last from raw_flex.coverage group by 1) newest using (account_id)
            where day > last - %s group by 1, 2""",
            [_LATELY],
        ):
            sections.setdefault(account, set()).add(section)
        fields: dict[str, dict[str, set[str]]] = {account: {} for account in sections}
        for table in COPY_TARGETS:
            for account, names in connection.execute(_NEWEST_FIELDS.format(sql.Identifier("raw_flex", table))):
                fields.setdefault(account, {})[table] = {*names}
        trades = {account: rest for account, *rest in connection.execute(_NEWEST_TRADES)}
    return {
        account: Delivered(found, fields[account], *trades.get(account, (False, False)))
        for account, found in sorted(sections.items())
    }


_NEWEST_FIELDS = sql.SQL("""
select account_id, array_agg(distinct name)
from {0} rows
join lateral (
    select max(row_date) as last from {0} own
    where own.account_id = rows.account_id and withdrawn_at is null
) newest on row_date = last
cross join lateral jsonb_object_keys(attributes) as name
where withdrawn_at is null
group by 1
""")

_NEWEST_TRADES = f"""
select account_id,
    bool_or({NEEDS_TERMS}),
    bool_and(date_time is null) and bool_or(attributes ? 'dateTime')
from raw_flex.trades
join (
    select account_id, max(row_date) as last from raw_flex.trades
    where withdrawn_at is null and row_kind = 'Trade' group by 1
) newest using (account_id)
where row_date = last and withdrawn_at is null and row_kind = 'Trade'
group by 1
"""

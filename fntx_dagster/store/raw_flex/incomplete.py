"""Trades that lack a field without which no fill can be made of them, and open positions without their terms."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from psycopg import sql

from fntx_dagster.adapters.flex.query import NEEDED_FIELDS, OPTION_FIELDS
from fntx_dagster.adapters.flex.sections import SECTIONS
from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.option_rows import NEEDS_TERMS


class Incomplete(NamedTuple):
    """The first such row of an account, the field that it lacks, and how many rows of the account lack one."""

    account_id: str
    row_key: str
    row_date: date
    attribute: str
    rows: int


def incomplete_trades(db: Readable, accounts: Collection[str]) -> list[Incomplete]:
    """One entry for each of the accounts whose trades lack a field, by account."""
    with db.connect() as connection:
        found = connection.execute(_INCOMPLETE.format(case=_lacking()), [[*accounts]])
        return [Incomplete(*row) for row in found]


def incomplete_positions(db: Readable, accounts: Collection[str]) -> list[Incomplete]:
    """One entry for each of the accounts of which an open position lacks a term: an option its strike, expiry or
    putCall, a future its multiplier. No lot of it opens."""
    with db.connect() as connection:
        return [Incomplete(*row) for row in connection.execute(_WITHOUT_TERMS, [[*accounts]])]


def _lacking() -> sql.Composable:
    """The first field that a row lacks; null where it has all of them."""
    [trades] = [section for section in SECTIONS if section.table == "trades"]
    columns = {column.attribute: sql.Identifier(column.name) for column in trades.columns}
    always = [(field, field.split("|")) for field in NEEDED_FIELDS["trades"]]
    cases = [
        sql.SQL("when {} then {}").format(
            sql.SQL(" and ").join(sql.SQL("{} is null").format(columns[each]) for each in those), sql.Literal(those[0])
        )
        for _, those in always
    ]
    cases += [
        sql.SQL("when is_option and {} is null then {}").format(columns[field], sql.Literal(field))
        for field in OPTION_FIELDS
    ]
    return sql.SQL("case {} end").format(sql.SQL(" ").join(cases))


_INCOMPLETE = sql.SQL(f"""
select distinct on (account_id)
    account_id, row_key, row_date, attribute, count(*) over (partition by account_id)
from (
    select account_id, row_key, row_date, {{case}} as attribute
    from raw_flex.trades
    cross join lateral (
        select {NEEDS_TERMS} as is_option
    ) as kind
    where account_id = any(%s) and row_kind = 'Trade' and withdrawn_at is null
) as row
where attribute is not null
order by account_id, row_date, row_key
""")

_WITHOUT_TERMS = f"""
select distinct on (account_id)
    account_id, row_key, row_date, attribute, count(*) over (partition by account_id)
from (
    select account_id, row_key, row_date,
        case
            when is_option and strike is null then 'strike'
            when is_option and expiry is null then 'expiry'
            when is_option and put_call is null then 'putCall'
            when asset_category = 'FUT' and multiplier is null and position_value is null then 'multiplier'
        end as attribute
    from raw_flex.open_positions
    cross join lateral (
        select {NEEDS_TERMS} as is_option
    ) as kind
    where account_id = any (%s) and withdrawn_at is null and position <> 0
) as row
where attribute is not null
order by account_id, row_date, row_key
"""

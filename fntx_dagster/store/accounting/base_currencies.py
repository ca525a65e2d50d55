"""Each account's base currency, by the statements in their order of trust, and the table `base_currencies` of it.

Here belongs which section names the currency, and which others contradict it.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from fntx_dagster.errors import Permanent
from fntx_dagster.store.syncing import SyncedTable, sync


class BaseCurrency(NamedTuple):
    """An account's base currency, the section that names it, and what others say against it, in words."""

    currency: str
    source: str
    contradictions: tuple[str, ...] = ()


def base_currency(connection: psycopg.Connection, account: str) -> BaseCurrency:
    """The account's base currency: by its Account Information, else by what Conversion Rates convert to, else by its
    Change in NAV or its Equity Summary; of each the newest row. Raises Permanent where none names it."""
    named = connection.execute(_NAMED, {"account": account}).fetchall()
    if not named:
        raise Permanent(
            "no statement names the base currency",
            "Load Account Information, Conversion Rates or Change in NAV, each with its field currency, or the NAV in"
            " Base section for this account",
        )
    (source, currency), *others = named
    return BaseCurrency(currency, source, tuple(f"{other} says {said}" for other, said in others if said != currency))


def keep_base_currency(connection: psycopg.Connection, account: str, base: BaseCurrency) -> None:
    """Note it for dbt and the report."""
    row = (account, base.currency, base.source, list(base.contradictions))
    sync(connection, _TABLE, [row], "t.account_id = %s", [account])


_TABLE = SyncedTable("base_currencies", ("account_id",), ("account_id", "base_currency", "source", "contradictions"))

# Of Conversion Rates only a day on which all of them convert to one currency names it.
_NAMED = """
    select source, currency from (
        (
            select 1 as trust, 'Account Information' as source, attributes ->> 'currency' as currency
            from raw_flex.other_sections
            where account_id = %(account)s and withdrawn_at is null and section = 'AccountInformation'
                and attributes ->> 'currency' ~ '^[A-Z0-9.]{1,20}$'
            order by row_date desc, row_id desc limit 1
        )
        union all
        (
            select 2, 'Conversion Rates', min(to_currency)
            from raw_flex.conversion_rates
            where account_id = %(account)s and withdrawn_at is null and to_currency ~ '^[A-Z0-9.]{1,20}$'
            group by row_date having count(distinct to_currency) = 1
            order by row_date desc limit 1
        )
        union all
        (
            select 3, 'Change in NAV', currency
            from raw_flex.change_in_nav
            where account_id = %(account)s and withdrawn_at is null and currency ~ '^[A-Z0-9.]{1,20}$'
            order by row_date desc, row_id desc limit 1
        )
        union all
        (
            select 4, 'Equity Summary', currency
            from raw_flex.equity_summary
            where account_id = %(account)s and withdrawn_at is null and currency ~ '^[A-Z0-9.]{1,20}$'
            order by row_date desc, row_id desc limit 1
        )
    ) as named
    order by trust
"""

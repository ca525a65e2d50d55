"""What has been loaded: the accounts, and an overview of each."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from fntx_dagster.store.database import Readable


class AccountOverview(NamedTuple):
    """What has been loaded of one account."""

    account_id: str
    first_day: date
    last_day: date
    when_generated: datetime
    """Of the newest statement; UTC."""
    files: int
    nav_days: int
    """Days with an official NAV."""


def accounts(db: Readable) -> list[str]:
    """Accounts that have statements."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select distinct account_id from raw_flex.statements order by 1")]


def loaded_overview(database: Readable) -> list[AccountOverview]:
    """One entry per account, by account."""
    query = """
        select account_id, min(from_date), max(to_date), max(when_generated), count(distinct file_id),
            (select count(distinct to_date) from raw_flex.change_in_nav as nav
             where nav.account_id = statements.account_id and withdrawn_at is null and ending_value is not null)
        from raw_flex.statements group by account_id order by account_id
    """
    with database.connect() as connection:
        return [AccountOverview(*row) for row in connection.execute(query)]

"""What has been loaded: the accounts, an overview of each, and the files that a day is from."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable


class AccountOverview(NamedTuple):
    """What has been loaded of one account."""

    account_id: str
    first_day: date
    last_day: date
    when_generated: datetime
    """Of the newest statement; UTC."""
    files: int


def accounts(db: Readable) -> list[str]:
    """Accounts that have statements."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select distinct account_id from raw_flex.statements order by 1")]


def loaded_files(db: Readable) -> set[tuple[str, int]]:
    """The name and the size in bytes of each file that was loaded."""
    with db.connect() as connection:
        return {(name, size) for name, size in connection.execute("select file_name, bytes from raw_flex.files")}


def loaded_digests(db: Readable) -> set[str]:
    """The SHA-256 (hex) of each content that was loaded."""
    with db.connect() as connection:
        return {sha256 for (sha256,) in connection.execute("select sha256 from raw_flex.files")}


def loaded_overview(database: Readable) -> list[AccountOverview]:
    """One entry per account, by account."""
    query = """
        select account_id, min(from_date), max(to_date), max(when_generated), count(distinct file_id)
        from raw_flex.statements group by account_id order by account_id
    """
    with database.connect() as connection:
        return [AccountOverview(*row) for row in connection.execute(query)]


def statement_digests(db: Readable, period: Period, account: str) -> dict[date, list[str]]:
    """Session → the SHA-256 (hex, sorted) of each statement file that the sections of that day are from."""
    first, last = period
    with db.connect() as connection:
        rows = connection.execute(
            """select day, array_agg(distinct sha256 order by sha256)
            from raw_flex.coverage
            join raw_flex.statements using (statement_id, account_id)
            join raw_flex.files using (file_id)
            where account_id = %s and day between %s and %s
            group by 1""",
            (account, first, last),
        )
        return dict(rows.fetchall())


def loaded_statements(db: Readable, account: str) -> list[tuple[str, datetime]]:
    """The SHA-256 (hex) of each file that has statements of an account, and when the broker made the newest of them
    (UTC), by that time."""
    with db.connect() as connection:
        return connection.execute(
            """select sha256, max(when_generated) from raw_flex.statements join raw_flex.files using (file_id)
            where account_id = %s group by 1 order by 2, 1""",
            (account,),
        ).fetchall()

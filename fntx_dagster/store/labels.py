"""What accounts are called where their ids must not be: in alerts, in metadata.

A label is masked, is another for each account, and stays: it goes by the order in which accounts were loaded first.
"""

from __future__ import annotations

from collections.abc import Iterable

from fntx_dagster.errors import labels, masked
from fntx_dagster.store.database import Readable


class Labels(dict[str, str]):
    """Account → label; an unknown account is only masked."""

    def __missing__(self, account: str) -> str:
        return masked(account)


def account_labels(db: Readable, others: Iterable[str] = ()) -> Labels:
    """The labels of every account that has statements, and of others, which come after them."""
    with db.connect() as connection:
        rows = connection.execute(
            "select account_id from raw_flex.statements group by account_id order by min(statement_id)"
        ).fetchall()
    return Labels(labels([*(account for (account,) in rows), *sorted(others)]))

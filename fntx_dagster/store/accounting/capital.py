"""The capital that was paid in before the first statement, for SQL."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fntx_dagster.store.database import Database


def set_initial_capital(db: Database, capital: Mapping[str, Decimal]) -> None:
    """Write the capital of the settings, in base currency, into the table that SQL reads."""
    with db.connect() as connection:
        connection.execute("delete from alm_reporting.initial_capital where not account_id = any(%s)", (list(capital),))
        for account, amount in capital.items():
            connection.execute(
                """insert into alm_reporting.initial_capital values (%s, %s)
                on conflict (account_id) do update set amount = excluded.amount
                where initial_capital.amount <> excluded.amount""",
                (account, amount),
            )

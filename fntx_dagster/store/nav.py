"""Which sessions have an official NAV, and the capital that was paid in before the first of them.

What is missing is decided here, from the statements, and not from what Dagster remembers to have materialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database

_NAV_DAYS = """
select to_date from raw_flex.change_in_nav
where withdrawn_at is null and ending_value is not null and to_date between %(first)s and %(last)s
union
select report_date from raw_flex.equity_summary
where withdrawn_at is null and total is not null and report_date between %(first)s and %(last)s
"""


def missing_nav(db: Database, first: date, last: date) -> list[date]:
    """Sessions of the range for which no account has an official NAV."""
    with db.connect() as connection:
        present = {row[0] for row in connection.execute(_NAV_DAYS, {"first": first, "last": last})}
    return [session.day for session in sessions(first, last) if session.day not in present]


def refuse_missing_nav(db: Database, first: date, last: date) -> None:
    """Permanent when a session of the range has no official NAV: there is nothing to explain it against."""
    missing = missing_nav(db, first, last)
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise Permanent(
            f"no official NAV for {len(missing)} session{'s' if len(missing) > 1 else ''}: {shown}",
            "Load statements that hold Change in NAV (or Equity Summary with a total) for them, or choose a range "
            "without them; `fntx status` says what is loaded",
        )


def set_initial_capital(db: Database, capital: Mapping[str, Decimal]) -> None:
    """Make the table say what the settings say, for SQL."""
    with db.connect() as connection:
        connection.execute("delete from alm_reporting.initial_capital where not account_id = any(%s)", (list(capital),))
        for account, amount in capital.items():
            connection.execute(
                """insert into alm_reporting.initial_capital values (%s, %s)
                on conflict (account_id) do update set amount = excluded.amount
                where initial_capital.amount <> excluded.amount""",
                (account, amount),
            )

"""Which sessions have an official NAV, and the capital that was paid in before the first of them.

What is missing is decided here, from the statements, and not from what Dagster remembers to have materialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from fntx_dagster.accounting.calendar import NEW_YORK, sessions
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.store.database import Database

_NAV_PERIODS = """
select account_id, coalesce(from_date, row_date), coalesce(to_date, row_date) from raw_flex.change_in_nav
where withdrawn_at is null and ending_value is not null and to_date between %(first)s and %(last)s
union
select account_id, report_date, report_date from raw_flex.equity_summary
where withdrawn_at is null and total is not null and report_date between %(first)s and %(last)s
"""


def nav_sessions(db: Database, first: date, last: date) -> dict[str, set[date]]:
    """Account → the sessions of the range with an official NAV, by the rule of the dbt model official_days: a period
    that begins after the session before and ends on the session's day."""
    known = sessions(first, last)
    begins = {session.day: session.previous_close.astimezone(NEW_YORK).date() for session in known}
    found: dict[str, set[date]] = {}
    with db.connect() as connection:
        for account, start, end in connection.execute(_NAV_PERIODS, {"first": first, "last": last}):
            days = found.setdefault(account, set())
            if end in begins and start > begins[end]:
                days.add(end)
    return found


def refuse_missing_nav(db: Database, first: date, last: date) -> None:
    """Permanent when a session of the range has no official NAV, in any account or within an account's own days."""
    of_account = nav_sessions(db, first, last)
    expected = [session.day for session in sessions(first, last)]
    nobody = [day for day in expected if not any(day in days for days in of_account.values())]
    if nobody:
        raise Permanent(
            f"no official NAV for {len(nobody)} session{'s' if len(nobody) > 1 else ''}: {_listed(nobody)}",
            "Load statements that hold Change in NAV (or Equity Summary with a total) for them, or choose a range "
            "without them; `fntx status` says what is loaded",
        )
    for account, days in sorted(of_account.items()):
        begins, ends = min(days, default=last), max(days, default=first)
        holes = [day for day in expected if begins < day < ends and day not in days]
        if holes:
            raise Permanent(
                f"account {masked(account)} has no official NAV for {_listed(holes)}, though for days before and after",
                "Load the statements of those days",
            )


def _listed(days: list[date]) -> str:
    return ", ".join(map(str, days[:5])) + (f" and {len(days) - 5} more" if len(days) > 5 else "")


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

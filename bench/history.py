"""One day's report after ten years against one month: `python bench/history.py`.

A month of some 1,000 events a session is simulated, loaded and built, and the report of a day in its middle is timed.
Then the month is laid 60 times before and 60 times after itself, table by table, to 2.5 million events, and the same
report is timed again. The narrative is what `fntx report` prints; the file is what `--format html` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from statistics import median

from measuring import Measurement, alone, deliver, home, shown, timed

from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.report.html import to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.services.reporting import account_report, stories_of
from fntx_dagster.settings import Settings, load_settings
from fntx_dagster.simulate.trading import trade
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.queries import columns, one_value, own_sql
from fntx_dagster.store.raw_flex.statements import load_paths

FIRST, DAY, LAST = date(2025, 7, 1), date(2025, 7, 16), date(2025, 7, 31)
ACCOUNT = "U3000001"
ORDERS_PER_DAY, COPIES, RUNS = 1000, 120, 9
TABLES = (
    "chronological_events",
    "nav_blocks",
    "daily_summary",
    "rolling_metrics",
    "fills",
    "position_lots",
    "stock_positions",
    "closing_positions",
    "option_greeks",
    "portfolio_greeks",
)
_ENDS = {"position_lots": "closed_session", "stock_positions": "exit_date"}
"""What is open at the month's end would be open for ever in its copies, so these do not have it."""
_IDS = (
    "event_id",
    "block_id",
    "fill_id",
    "linked_fill_id",
    "lot_id",
    "open_fill_id",
    "close_fill_id",
    "round_trip_id",
    "trade_id",
    "row_key",
)


def measure(orders: int = ORDERS_PER_DAY, copies: int = COPIES) -> list[Measurement]:
    with home() as settings:
        alone(__file__, orders, settings=settings)
        db = open_database(settings)
        reports = {"narrative": lambda: _narrative(db), "HTML file": lambda: _file(db)}
        month = {name: _seconds(report) for name, report in reports.items()}
        lengthen(db, -(copies // 2), copies // 2)
        with db.connect() as connection:
            events = one_value(connection.execute("select count(*) from alm_reporting.chronological_events"))
        return [
            Measurement(
                f"one day's {name} of {events / 1e6:.1f} M events",
                f"{(after := _seconds(report)) * 1000:.0f} ms",
                f"of a month {month[name] * 1000:.0f} ms",
                f"{after / month[name]:.2f}",
                "1.2 at most",
            )
            for name, report in reports.items()
        ]


def _build(settings: Settings, orders: int) -> None:
    """The month, loaded and built, in a process of its own: Dagster's definitions belong to one home."""
    from fntx_dagster.defs.run import run_range

    [books] = trade(1, [ACCOUNT], FIRST, LAST, trades_per_day=orders)
    file = settings.home / "month.xml"
    deliver(file, books, FIRST, LAST)
    load_paths(open_database(settings), [file])
    outcome = run_range(settings, "verify_days", Period(FIRST, LAST))
    if not outcome.success:
        sys.exit("; ".join(outcome.failures))
    sys.stdout.write("{}")


def lengthen(db: Database, first: int, last: int, tables: tuple[str, ...] = TABLES) -> None:
    """Lay the month beside itself, 35 days apart: copies from `first`, negative before it, to `last`. A table is one of
    `alm_reporting` where it names no schema."""
    with db.connect() as connection:
        for table in tables:
            schema, _, name = table.rpartition(".")
            whole = own_sql(f"{schema or 'alm_reporting'}.{name}")
            typed = connection.execute(
                """select column_name, data_type from information_schema.columns
                where format('%%s.%%s', table_schema, table_name) = %s
                    and is_generated = 'NEVER' and is_identity = 'NO'""",
                [whole],
            ).fetchall()
            names = columns(name for name, _ in typed)
            moved = columns(_moved(name, kind) for name, kind in typed)
            connection.execute(
                f"""insert into {whole} ({names}) select {moved}
                from {whole}, generate_series(%(first)s::int, %(last)s::int) as n
                where n <> 0 and {own_sql(_ENDS.get(table, "n"))} is not null
                on conflict do nothing""",
                {"first": first, "last": last},
            )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum (analyze)")  # as autovacuum would have, in ten years
        connection.execute("checkpoint")


def _moved(name: str, kind: str) -> str:
    if name in _IDS:
        return f"{name} || '|' || n"
    if kind == "date" and name != "expiry":
        return f"{name} + n * 35"
    if name == "ordinal":
        return f"{name} + n * 1000"  # of a statement within its file
    return f"{name} + n * interval '35 days'" if kind.startswith("timestamp") else name


def _narrative(db: Database) -> str:
    return to_markdown(stories_of(db, ACCOUNT, Period.on(DAY), clock.HONG_KONG), account_label=ACCOUNT)


def _file(db: Database) -> str:
    return to_html([account_report(Settings(), db, ACCOUNT, stories_of(db, ACCOUNT, Period.on(DAY), clock.HONG_KONG))])


def _seconds(report: Callable[[], str]) -> float:
    report()
    return median(timed(report) for _ in range(RUNS))


if __name__ == "__main__":
    if sys.argv[1:]:
        _build(load_settings(), int(sys.argv[1]))
    else:
        shown(measure())

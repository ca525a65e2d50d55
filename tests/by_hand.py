"""Tables by hand, where a test is not about how they come to be: official NAVs without a statement, fills without a
rebuild, and built days without dbt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg

from fntx_dagster.model.session import XNYS
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.summaries import SUMMARY_FIELDS
from fntx_dagster.store.raw_flex.fetches import Fetch, configure, remember
from tests.marts import create_mart

_EVENING = datetime(2025, 7, 17, 9, tzinfo=UTC)
_METRICS = {
    "var_95": -0.01,
    "total_return": 0.1,
    "volatility": 0.2,
    "sharpe": 0.3,
    "max_drawdown": -0.4,
    "win_rate": 50,
    "win_rate_all_in": 40,
    "dpi": 0,
    "tvpi": 1,
    "rvpi": 1,
}


def create_marts(db: Database) -> Database:
    """The marts that signing reads, empty."""
    for mart in ("daily_summary", "rolling_metrics", "daily_verification", "round_trips"):
        create_mart(db, mart)
    return db


def build(
    db: Database,
    account: str,
    day: date,
    *,
    net_pnl: str = "12.5",
    closing_nav: str = "1",
    passed: bool = True,
    calendar: str = XNYS,
) -> None:
    """A day of an account, complete and verified; `passed` False: its equations do not hold."""
    values = dict.fromkeys(SUMMARY_FIELDS, Decimal(1)) | {
        "account_id": account,
        "trading_day": day,
        "base_currency": "HKD",
        "closing_nav_official": Decimal(closing_nav),
        "difference_parts": "{}",
        "nav_change": "{}",
        "net_pnl": Decimal(net_pnl),
        "margin_used": None,
    }
    with db.connect() as connection:
        _insert(connection, "daily_summary", values)
        moments = [f"{day - timedelta(days=back)} {hour}:00Z" for back, hour in ((1, 20), (0, 13), (0, 20))]
        connection.execute(
            "insert into alm_reporting.trading_sessions values (%s, %s, %s, %s, false, %s) on conflict do nothing",
            (day, *moments, calendar),
        )
        connection.execute(
            "insert into alm_reporting.account_calendars values (%s, %s) on conflict do nothing", (account, calendar)
        )
        for window in ("30d", "mtd", "ytd", "all"):
            keys = {"account_id": account, "trading_day": day, "metric_window": window}
            _insert(connection, "rolling_metrics", keys | _METRICS)
        connection.execute(
            "insert into alm_reporting.portfolio_greeks values (%s, %s, 'HKD', %s, 0, 0, 0, 0, 0, 0, 0, 0, null, '')",
            (account, day, Decimal(closing_nav)),
        )
        for kind in BLOCKING_KINDS:
            equation = {
                "account_id": account,
                "trading_day": day,
                "kind": kind,
                "equation": "a = b",
                "left_side": 1,
                "relation": "=",
                "right_side": 2,
                "difference": -1,
                "tolerance": 0,
                "passed": passed,
            }
            _insert(connection, "daily_verification", equation)


def round_trips(db: Database, account: str, day: date, *net_pnl: str | None) -> None:
    """A round trip that ended in a session for each net P&L, in base currency; None where it is unknown."""
    with db.connect() as connection:
        for number, amount in enumerate(net_pnl):
            trip = {"account_id": account, "round_trip_id": f"{day} {number}", "trading_day": day}
            _insert(connection, "round_trips", trip | {"net_pnl": amount and Decimal(amount)})


def _insert(connection: psycopg.Connection, mart: str, row: Mapping[str, object]) -> None:
    names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into alm_reporting.{mart} ({names}) values ({values})", row)


def official_navs(db: Database, account: str, *days: date) -> None:
    """Official NAVs of an account in raw_flex, and nothing else of its statements."""
    with db.connect() as connection:
        for day in days:
            connection.execute(
                """insert into raw_flex.equity_summary
                (account_id, row_key, row_kind, row_date, statement_id, attributes, report_date, total)
                values (%(account)s, %(day)s, 'EquitySummary', %(day)s, 1, '{}', %(day)s, 1)""",
                {"account": account, "day": day},
            )


def fetched(db: Database, account: str, *days: date, outcome: str = "fetched", at: datetime = _EVENING) -> None:
    """The answer to a request of the query Activity with the token `mine`: one file with an account's official NAVs."""
    sha256 = None
    if days:
        official_navs(db, account, *days)
        sha256 = f"{account} {days}"
        with db.connect() as connection:
            connection.execute(
                """with file as (
                    insert into raw_flex.files (sha256, file_name, bytes, delivered) values (%s, 'file', 1, '{}')
                    returning file_id
                )
                insert into raw_flex.statements (file_id, account_id, from_date, to_date, when_generated, ordinal)
                select file_id, %s, %s, %s, now(), 1 from file""",
                (sha256, account, days[0], days[-1]),
            )
    first, last = (days[0], days[-1]) if days else (at.date(), at.date())
    configure(db, [("mine", "Activity")])
    reaches = last if days else None
    remember(db, Fetch("mine", "Activity", first, last, at, outcome, sha256=sha256, reaches=reaches))


def book(
    db: Database,
    account: str,
    number: str,
    day: date,
    *,
    kind: str = "assignment",
    quantity: str = "1",
    symbol: str | None = "SPY   250717P00625000",
) -> None:
    """A fill of an option in a session."""
    with db.connect() as connection:
        connection.execute(
            """insert into alm_reporting.fills (account_id, fill_id, contract_id, symbol, asset_category, multiplier,
                currency, base_currency, executed_at, session, phase, report_date, report_session, event_type,
                label_source, quantity, price, proceeds, commission, fx_rate_to_base, fx_source, opening_quantity,
                closing_quantity, gross_realised)
            values (%(account)s, %(number)s, '800000625', %(symbol)s, 'OPT', 100, 'USD', 'HKD', now(), %(day)s,
                'overnight', %(day)s, %(day)s, %(kind)s, 'trade', %(quantity)s, 0, 0, 0, 7.8, 'row', 0, 0, 0)""",
            {
                "account": account,
                "number": number,
                "symbol": symbol,
                "day": day,
                "kind": kind,
                "quantity": Decimal(quantity),
            },
        )

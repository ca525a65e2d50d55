"""Tables by hand, where a test is not about how they come to be: official NAVs without a statement, fills without a
rebuild, and told days without dbt."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.summaries import SUMMARY_FIELDS
from fntx_dagster.store.raw_flex.fetches import Fetch, configure, remember

_TYPES = {
    "account_id": "text",
    "trading_day": "date",
    "base_currency": "text",
    "difference_parts": "jsonb",
    "nav_change": "jsonb",
}
_EVENING = datetime(2025, 7, 17, 9, tzinfo=UTC)
_METRICS = ("var_95", "total_return", "volatility", "sharpe", "max_drawdown", "win_rate", "dpi", "tvpi", "rvpi")


def create_marts(db: Database) -> Database:
    """The marts that signing reads, empty."""
    columns = ", ".join(f"{name} {_TYPES.get(name, 'numeric')}" for name in SUMMARY_FIELDS)
    metrics = ", ".join(f"{name} double precision" for name in _METRICS)
    with db.connect() as connection:
        connection.execute(f"create table alm_reporting.daily_summary ({columns})")
        connection.execute(
            f"""create table alm_reporting.rolling_metrics
            (account_id text, trading_day date, metric_window text, {metrics})"""
        )
        connection.execute(
            """create table alm_reporting.daily_verification
            (account_id text, trading_day date, kind text, equation text, left_side numeric, relation text,
             right_side numeric, difference numeric, tolerance numeric, passed boolean)"""
        )
    return db


def build(
    db: Database, account: str, day: date, *, net_pnl: str = "12.5", closing_nav: str = "1", passed: bool = True
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
        connection.execute(
            f"insert into alm_reporting.daily_summary values ({', '.join(['%s'] * len(values))})", list(values.values())
        )
        connection.execute(
            "insert into alm_reporting.trading_sessions values (%s, %s, %s, %s, false) on conflict do nothing",
            (day, *[f"{day - timedelta(days=back)} {hour}:00Z" for back, hour in ((1, 20), (0, 13), (0, 20))]),
        )
        for window in ("30d", "mtd", "ytd", "all"):
            connection.execute(
                """insert into alm_reporting.rolling_metrics
                values (%s, %s, %s, -0.01, 0.1, 0.2, 0.3, -0.4, 50, 0, 1, 1)""",
                (account, day, window),
            )
        connection.execute(
            "insert into alm_reporting.portfolio_greeks values (%s, %s, 'HKD', %s, 0, 0, 0, 0, 0, 0, 0, 0, null, '')",
            (account, day, Decimal(closing_nav)),
        )
        for kind in BLOCKING_KINDS:
            connection.execute(
                "insert into alm_reporting.daily_verification values (%s, %s, %s, 'a = b', 1, '=', 2, -1, 0, %s)",
                (account, day, kind, passed),
            )


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
    """What the query Activity of the token `mine` gave when it was asked: one file with an account's official NAVs."""
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

"""What Prometheus waits for with a thousand accounts: `python bench/scraping.py`.

A month of one simulated account is loaded, built, signed and posted; then its rows are copied to 999 others. A scrape
is the answer of `/metrics` over HTTP, its figures asked of the tables anew.
"""

from __future__ import annotations

import sys
from datetime import date
from statistics import median

import requests
from measuring import Measurement, alone, deliver, home, shown, timed

from fntx_dagster.api.serving import served
from fntx_dagster.model.period import Period
from fntx_dagster.services import monitoring
from fntx_dagster.settings import load_settings
from fntx_dagster.simulate.trading import trade
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.queries import one_value, own_sql
from fntx_dagster.web.scraped import scraped_app

FIRST, LAST = date(2024, 12, 2), date(2024, 12, 30)
ACCOUNT, ACCOUNTS, SCRAPES = "U3000001", 1_000, 15
_TABLES = (
    "raw_flex.statements",
    "alm_reporting.daily_summary",
    "alm_reporting.daily_verification",
    "alm_reporting.daily_signatures",
    "alm_reporting.chain_postings",
    "alm_reporting.chain_receipts",
)


def measure(accounts: int = ACCOUNTS) -> list[Measurement]:
    with home() as settings:
        alone(__file__, "build", settings=settings)
        db = open_database(settings)
        _multiply(db, accounts)
        scraped = monitoring.Scraped(settings, db)
        monitoring._TRUST_SECONDS = 0
        with served(scraped_app(scraped, None)) as url, requests.Session() as session:

            def scrape() -> bytes:
                answer = session.get(f"{url}/metrics", timeout=60)
                answer.raise_for_status()
                return answer.content

            size = len(scrape())
            seconds = median(timed(scrape) for _ in range(SCRAPES))
            peer = median(timed(lambda: session.get(f"{url}/healthz", timeout=60)) for _ in range(SCRAPES))
    return [
        Measurement(
            f"a scrape of {accounts:,} accounts, {size / 1000:.0f} kB",
            f"{seconds * 1000:.0f} ms",
            f"/healthz {peer * 1000:.0f} ms",
            "",
            "200 ms at most",
        )
    ]


def _multiply(db: Database, accounts: int) -> None:
    """Copy what the account has to others."""
    with db.connect() as connection:
        for table in _TABLES:
            schema, name = table.split(".")
            columns = [
                column
                for (column,) in connection.execute(
                    """select column_name from information_schema.columns where (table_schema, table_name) = (%s, %s)
                        and is_identity = 'NO' and is_generated = 'NEVER' order by ordinal_position""",
                    (schema, name),
                )
            ]
            other = {"account_id": "'U' || (4000000 + number)", "ordinal": "ordinal + 1000 * number"}
            copied = ", ".join(other.get(str(column), str(column)) for column in columns)
            connection.execute(
                own_sql(
                    f"insert into {table} ({', '.join(columns)}) select {copied} from {table}, "
                    f"generate_series(2, {accounts}) as number where account_id = '{ACCOUNT}'"
                )
            )
        assert one_value(connection.execute("select count(distinct account_id) from raw_flex.statements")) == accounts
    with db.connect() as connection:
        connection.execute("analyze")


def _build() -> None:
    from fntx_dagster.defs.run import run_range

    settings = load_settings()
    [account] = trade(1, [ACCOUNT], FIRST, LAST, trades_per_day=5)
    settings.paths.statements.mkdir(parents=True)
    deliver(settings.paths.statements / "month.xml", account, FIRST, LAST)
    outcome = run_range(settings, "daily_run", Period(FIRST, LAST))
    if not outcome.success:
        sys.exit("; ".join(outcome.failures))


if __name__ == "__main__":
    if sys.argv[1:] == ["build"]:
        _build()
        sys.stdout.write("{}")
    else:
        shown(measure())

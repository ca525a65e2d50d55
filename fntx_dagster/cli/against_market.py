"""`fntx market`: an account beside a benchmark, its days and its costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.files import asked_for, hand_out
from fntx_dagster.cli.options import (
    AnyAccount,
    AsJson,
    AsTable,
    From,
    Output,
    TableFormat,
    To,
    settings_and_database,
)
from fntx_dagster.errors import FntxError
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fntx_dagster.model.against_market import AgainstMarket
    from fntx_dagster.services.database import Database
    from fntx_dagster.settings import Settings


def market(
    first: From,
    last: To,
    account: AnyAccount = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOL|FILE",
            help="A symbol whose daily bars are kept or that the statements price, or a CSV file with the columns date "
            "and close. Left out: FNTX_BENCHMARK, which is SPY unless it is set.",
            show_default=False,
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="First ask IB Gateway for the daily bars of the benchmark (read only).")
    ] = False,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """An account beside a benchmark: alpha, beta, correlation, captures; the distribution of its days, and its costs.

    CSV and Parquet hold the returns of each session. docs/metrics.md defines every figure.

    fntx market --from 2025-07-01 --to 2025-07-31 --benchmark SPY

    fntx market --from 2025-07-01 --to 2025-07-31 --update
    """
    from fntx_dagster.cli.terminal import out, report_table
    from fntx_dagster.report.against_market import market_tables
    from fntx_dagster.services.against_market import against_market, market_documents, market_rows

    form, period = asked_for(format, as_json=as_json, output=output), Period(first.date(), last.date())
    settings, db = settings_and_database()
    if update:
        _ask_for_bars(settings, db, benchmark)
    views = against_market(settings, db, period, account, benchmark)
    _warn_without_prices(views, benchmark or settings.report.benchmark)
    if form is TableFormat.json:
        hand_out("market", market_documents(views), form, output)
    elif form is not TableFormat.table:
        hand_out(
            "market",
            market_rows(views),
            form,
            output,
            {"daily_return": "float", "benchmark_return": "float", "benchmark_linked": "float", "source": "text"},
        )
    else:
        for view in views:
            out(
                *(
                    report_table(each, f"{each.title}, {view.period}, account {view.account_id}")
                    for each in market_tables(view)
                )
            )


def _ask_for_bars(settings: Settings, db: Database, benchmark: str | None) -> None:
    """Where no gateway answers, what is kept is used."""
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.benchmark_bars import update

    try:
        note(f"{update(settings, db, datetime.now(UTC), benchmark)}.")
    except FntxError as problem:
        note(f"warning: no new daily bars: {problem}")


def _warn_without_prices(views: Sequence[AgainstMarket], name: str) -> None:
    from fntx_dagster.cli.terminal import note

    if not any(view.comparison for view in views):
        note(
            f"warning: no session has a price of the benchmark {name}. Statements price shares that are held or traded "
            "and underlyings of options; --update asks IB Gateway, and --benchmark takes a CSV file as well"
        )

"""`fntx market`: an account beside a benchmark, its days and its costs."""

from __future__ import annotations

from typing import Annotated

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
from fntx_dagster.model.period import Period


def market(
    first: From,
    last: To,
    account: AnyAccount = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOL|FILE",
            help="A symbol that the statements price, or a CSV file with the columns date and close. "
            "Left out: FNTX_BENCHMARK, which is SPY unless it is set.",
            show_default=False,
        ),
    ] = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """An account beside a benchmark: alpha, beta, correlation, captures; the distribution of its days, and its costs.

    CSV and Parquet hold the returns of each session. docs/metrics.md defines every figure.

    fntx market --from 2025-07-01 --to 2025-07-31 --benchmark SPY
    """
    from fntx_dagster.cli.terminal import note, out, report_table
    from fntx_dagster.report.against_market import market_tables
    from fntx_dagster.services.against_market import against_market, market_documents, market_rows

    form, period = asked_for(format, as_json=as_json, output=output), Period(first.date(), last.date())
    settings, db = settings_and_database()
    views = against_market(settings, db, period, account, benchmark)
    if not any(view.comparison for view in views):
        name = benchmark or settings.report.benchmark
        note(
            f"warning: no session has a price of the benchmark {name}. Statements price shares that are held or traded "
            "and underlyings of options; --benchmark takes a CSV file as well"
        )
    if form is TableFormat.json:
        hand_out("market", market_documents(views), form, output)
    elif form is not TableFormat.table:
        hand_out(
            "market",
            market_rows(views),
            form,
            output,
            {"daily_return": "float", "benchmark_return": "float", "benchmark_linked": "float"},
        )
    else:
        for view in views:
            out(
                *(
                    report_table(each, f"{each.title}, {view.period}, account {view.account_id}")
                    for each in market_tables(view)
                )
            )

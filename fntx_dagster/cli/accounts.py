"""What the tables say of accounts: `fntx today`, `report`, `summary`, `metrics`, `greeks`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.files import asked_for, hand_out
from fntx_dagster.cli.options import (
    AnyAccount,
    AsJson,
    AsTable,
    From,
    OneDay,
    Output,
    TableFormat,
    TimeZone,
    To,
    day_option,
    observer_of,
    print_json,
    settings_and_database,
    window_option,
)
from fntx_dagster.cli.plain import write, write_json
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.model.data_table import Kind


class ReportFormat(StrEnum):
    md = "md"
    json = "json"
    html = "html"


class StoryFormat(StrEnum):
    md = "md"
    json = "json"


def today(
    account: Annotated[str | None, typer.Option(help="Account id; all in FNTX_GATEWAYS where it is left out.")] = None,
    format: Annotated[StoryFormat, typer.Option(help="Markdown or JSON.")] = StoryFormat.md,
    zone: TimeZone = None,
    as_json: AsJson = False,
) -> None:
    """Ask IB Gateway for the current day and narrate it: NAV, trades and positions now, provisional.

    `report` and `summary` show the last answer, until the day is built from its statement.

    It only reads at the broker's. fntx today --tz Europe/London
    """
    from fntx_dagster.cli.terminal import error, narrative
    from fntx_dagster.services.building.current import settle_gateways
    from fntx_dagster.services.current_day import current_report
    from fntx_dagster.services.database import open_database

    settings = load_settings()
    observer = observer_of(settings, zone)
    db = open_database(settings)
    format = StoryFormat.json if as_json else format
    report = current_report(settings, db, observer, account, format.value)
    settle_gateways(settings, db, report)
    for now in report.accounts:
        if now.error or now.notice:
            error(str(now))
    if format is StoryFormat.json:
        write_json(report.text)
    else:
        narrative(report.text)
    failures = [now.error for now in report.accounts if now.error]
    if failures:
        raise typer.Exit(max(failure.exit_code for failure in failures))


def report(
    first: From,
    last: To,
    account: AnyAccount = None,
    format: Annotated[
        ReportFormat, typer.Option(help="Markdown, JSON, or one HTML file with charts that needs no network.")
    ] = ReportFormat.md,
    zone: TimeZone = None,
    output: Output = None,
    masked: Annotated[
        bool,
        typer.Option("--masked", help="Show no account id, and none of the broker's texts that may name a person."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The narrative of each trading day: why the account moved, in Hong Kong (or --tz) and New York time.

    An account whose market never closes has days of UTC, and UTC in place of
    New York. Several days begin with their period in sum. HTML adds charts, months,
    summary, positions and metrics; any browser opens it, and prints it to PDF:

    fntx report --from 2025-07-01 --to 2025-07-31 --format html -o july.html

    A day that no statement covers yet appears as IB Gateway saw it last, marked as provisional.
    """
    from fntx_dagster.cli.terminal import narrative, note
    from fntx_dagster.services import reporting
    from fntx_dagster.services.database import open_database

    settings = load_settings()
    observer, period = observer_of(settings, zone), Period(first.date(), last.date())
    if as_json and format is ReportFormat.html:
        raise typer.BadParameter("--json and --format html exclude each other")
    db, format = open_database(settings), ReportFormat.json if as_json else format
    text = reporting.report(settings, db, period, observer, account, format.value, on_problem=_warn, masked=masked)
    if output is not None:
        reporting.write_whole(output, text)
        note(f"Written: {output}")
    elif format is ReportFormat.md:
        narrative(text)
    else:
        (write_json if format is ReportFormat.json else write)(text)


def summary(
    first: From,
    last: To,
    account: AnyAccount = None,
    format: AsTable = TableFormat.table,
    zone: TimeZone = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """One row per account and trading day, and a total per month: NAV, cash flow, P&L and return, what is unexplained.

    A day that no statement covers yet is a row as IB Gateway saw it last, marked as provisional.

    fntx summary --from 2025-07-01 --to 2025-07-18
    """
    from fntx_dagster.cli.tables import summary_tables
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.data_tables import column_kinds
    from fntx_dagster.services.database import open_database
    from fntx_dagster.services.performance import summary_days, summary_rows

    settings = load_settings()
    observer, period = observer_of(settings, zone), Period(first.date(), last.date())
    db, format = open_database(settings), asked_for(format, as_json=as_json, output=output)
    if format is not TableFormat.table:
        beside: dict[str, Kind] = {"daily_return": "float", "as_of": "moment"}
        kinds: dict[str, Kind] = {**column_kinds(db, "summary"), **beside}
        hand_out("summary", summary_rows(settings, db, period, account, _warn), format, output, kinds)
    else:
        out(*summary_tables(summary_days(settings, db, period, account, _warn), observer))


def metrics(
    day: Annotated[
        datetime | None, typer.Option("--date", parser=day_option, metavar="YYYY-MM-DD", help="The trading day.")
    ] = None,
    window: Annotated[
        Period | None,
        typer.Option(
            "--window", parser=window_option, metavar="FROM:TO", help="One window of your choice, both days inclusive."
        ),
    ] = None,
    account: AnyAccount = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Performance up to a session over its windows: returns, risk, and the round trips that ended in them; and what
    option selling made since the first day, all-in and by strategy.

    docs/metrics.md defines each; a dash (null in JSON) marks what is undefined.

    fntx metrics --date 2025-07-18

    fntx metrics --window 2025-07-07:2025-07-18
    """
    from fntx_dagster.cli.tables import metrics_tables, selling_tables
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.strategies import outcomes_document
    from fntx_dagster.services.data_tables import column_kinds
    from fntx_dagster.services.performance import rolling_metrics, window_metrics
    from fntx_dagster.services.strategies import option_selling

    format = asked_for(format, as_json=as_json, output=output)
    if (day is None) == (window is None):
        raise typer.BadParameter("give either --date or --window")
    settings, db = settings_and_database()
    if day is not None:
        rows, period = rolling_metrics(db, Period.on(day.date()), account), Period(EVER.first, day.date())
    else:
        rows, period = window_metrics(db, window or EVER, account), window or EVER
    if format in (TableFormat.csv, TableFormat.parquet):
        hand_out("metrics", rows, format, output, column_kinds(db, "metrics"))
        return
    selling = option_selling(settings, db, period, account)
    if format is TableFormat.json:
        made = {one.account_id: outcomes_document(one, lambda amount: amount) for one in selling}
        whole = "all" if window is None else rows[0]["metric_window"]
        rows = [
            row | {"option_selling": made.get(row["account_id"]) if row["metric_window"] == whole else None}
            for row in rows
        ]
        hand_out("metrics", rows, format, output)
    else:
        out(*metrics_tables(rows), *selling_tables(selling))


def greeks(
    day: OneDay,
    account: AnyAccount = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Implied volatility and Greeks of each option at the close, with status and sources, and the portfolio's sums.

    A day that no statement covers yet appears as IB Gateway saw it last. CSV and Parquet hold the options;
    `fntx table portfolio` has the sums.

    fntx greeks --date 2025-07-17
    """
    from fntx_dagster.cli.tables import greeks_tables
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.data_tables import column_kinds
    from fntx_dagster.services.risk import closing_risk, option_rows

    format = asked_for(format, as_json=as_json, output=output)
    settings, db = settings_and_database()
    days = closing_risk(settings, db, day.date(), account)
    if format is TableFormat.json:
        print_json([risk._asdict() for risk in days])
    elif format is not TableFormat.table:
        beside: dict[str, Kind] = {"account_id": "text", "trading_day": "date", "as_of": "moment"}
        hand_out("greeks", option_rows(days), format, output, {**beside, **column_kinds(db, "greeks")})
    else:
        out(*greeks_tables(days))


def _warn(reason: str) -> None:
    """Say beside the output why a day that still runs is not shown."""
    from fntx_dagster.cli.terminal import note

    note(f"warning: {reason}")

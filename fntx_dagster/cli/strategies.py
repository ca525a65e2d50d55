"""What option selling made: `fntx strategies` and `fntx edge`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.files import asked_for, hand_out
from fntx_dagster.cli.options import (
    AnyAccount,
    AsJson,
    AsTable,
    MaybeFrom,
    MaybeTo,
    Output,
    TableFormat,
    settings_and_database,
)
from fntx_dagster.model.period import EVER, Period

if TYPE_CHECKING:
    from fntx_dagster.model.strategies import OptionSelling
    from fntx_dagster.report.tables import Table


def strategies(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    account: AnyAccount = None,
    assign: Annotated[
        str | None, typer.Option(metavar="IDS", help="Make these round trips, with commas between, one strategy.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="What the strategy of --assign is called.")] = None,
    reset: Annotated[
        str | None, typer.Option(metavar="IDS", help="Take back what --assign made of these round trips.")
    ] = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """What each strategy made: by kind, by underlying and one by one, all-in, with the premium that it captured.

    docs/strategies.md says which trades are one strategy. Whoever knows better groups them by hand; no run changes
    that. --json shows the ids of the round trips as `trips`. CSV and Parquet hold the strategies, one a row.

    fntx strategies --from 2025-07-01 --to 2025-07-18
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services import strategies as service

    if assign is not None and reset is not None:
        raise typer.BadParameter("--assign and --reset exclude each other")
    if (assign is None) != (kind is None):
        raise typer.BadParameter("--assign and --kind go together")
    form = asked_for(format, as_json=as_json, output=output)
    settings, db = settings_and_database()
    if assign is not None and kind is not None:
        service.assign(db, account, _ids(assign), kind)
        note(f"Grouped by a person: {assign}. `fntx strategies --reset {assign}` takes it back.")
        return
    if reset is not None:
        number = service.reset(db, account, _ids(reset))
        note(f"{number} round trips are grouped by the rule again.")
        return
    selling = service.option_selling(settings, db, _period(first, last), account)
    if form is TableFormat.json:
        hand_out("strategies", _documents(selling), form, output)
        return
    if form is not TableFormat.table:
        hand_out("strategies", service.strategy_rows(selling), form, output, service.STRATEGY_COLUMNS)
        return
    for made in selling:
        _print(made, *_tables(made))


def edge(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    account: AnyAccount = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Where the money is made: trades by days to expiry, delta, strike distance, volatility, hour, weekday and more.

    A trade is all-in: an option and the shares that it brought or took. What the statements do not state of an entry is
    `unknown`. docs/strategies.md defines each property. CSV and Parquet hold a row for each class.

    fntx edge --from 2025-07-01 --to 2025-07-18
    """
    from fntx_dagster.report.strategies import both_table, edge_table
    from fntx_dagster.services import strategies as service

    form = asked_for(format, as_json=as_json, output=output)
    settings, db = settings_and_database()
    selling = service.option_selling(settings, db, _period(first, last), account)
    if form is TableFormat.json:
        hand_out("edge", _documents(selling), form, output)
        return
    if form is not TableFormat.table:
        hand_out("edge", service.edge_rows(selling), form, output, service.EDGE_COLUMNS)
        return
    for made in selling:
        _print(made, both_table(made), edge_table(made.edge))


def _tables(made: OptionSelling) -> list[Table]:
    from fntx_dagster.report.strategies import both_table, fitting, outcomes_table, running_table, strategies_table

    tables = (
        both_table(made),
        outcomes_table(made.by_kind, "Strategy")._replace(title="Strategies by kind"),
        outcomes_table(made.by_underlying, "Underlying")._replace(title="Strategies by underlying"),
        strategies_table(made.strategies, made.base_currency, made.zone),
        running_table(made.running, made.base_currency, made.zone),
    )
    return [fitting(made, table) for table in tables]


def _period(first: datetime | None, last: datetime | None) -> Period:
    """The range; an end that is left out is the first or the last day there is."""
    return Period(first.date() if first else EVER.first, last.date() if last else EVER.last)


def _ids(text: str) -> list[str]:
    ids = [one.strip() for one in text.split(",") if one.strip()]
    if not ids:
        raise typer.BadParameter("give the ids of round trips, with commas between")
    return ids


def _documents(selling: list[OptionSelling]) -> list[dict[str, object]]:
    from fntx_dagster.report.strategies import selling_document

    return [selling_document(made, lambda amount: amount) for made in selling]


def _print(made: OptionSelling, *tables: Table) -> None:
    from fntx_dagster.cli.terminal import out, report_table

    where = f"{made.first_day} to {made.last_day}, account {made.account_id} ({made.base_currency})"
    shown = [table for table in tables if table.rows]
    out(*(report_table(table, f"{table.title}, {where}") for table in shown))
    if not shown:
        out(f"No trade ended from {where}.")

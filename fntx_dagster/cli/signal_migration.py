"""`fntx signals migrate`: the history of a service that kept a position, orders and a trade for each user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, Output, print_json, settings_and_database

if TYPE_CHECKING:
    from fntx_dagster.services.signals.migrating import Migrated

_LINES = 20


def migrate(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The old service's PostgreSQL database.")],
    schema: Annotated[str | None, typer.Option(help="The schema of its tables.", show_default="public")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file: names of tables and columns, currency.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be folded, and change nothing.")] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="Where all agrees, let nobody write the old tables, and copy them away.")
    ] = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Fold the positions, orders and trades of an old service, a row for each user, into one execution for each signal,
    and compare quantities and P&L with the old tables.

    It may be run again, and goes on where it was ended. What does not fold is listed with its reason (-o writes the
    whole list as CSV); exit code 1 where a row did not, or a sum differs.

    fntx signals migrate --from postgresql://reader@host/old --mapping old.toml
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.orders.desk import desk_of
    from fntx_dagster.services.signals.migrating import migrate_signals, old_database
    from fntx_dagster.services.signals.old_mapping import read_mapping

    if dry_run and archive:
        raise typer.BadParameter("a dry run archives nothing", param_hint="--archive")
    settings, db = settings_and_database()
    desk = desk_of(settings, db)
    given = read_mapping(mapping, desk.currency, f"{desk.zone}", schema)
    note("Reading the old tables …")
    done = migrate_signals(
        desk,
        old_database(source),
        given,
        dry_run=dry_run,
        archive=archive,
        list_file=output,
        on_progress=lambda folded, whole: note(f"{folded} of {whole} signals"),
    )
    if as_json:
        rows = {name: [row._asdict() for row in getattr(done, name)] for name in ("unfolded", "sums", "differences")}
        print_json(done._asdict() | rows | {"is_whole": done.is_whole})
    else:
        _show(done, archive)
    if not done.is_whole:
        raise typer.Exit(1)


def _show(done: Migrated, archive: bool) -> None:
    from rich.table import Table

    from fntx_dagster.cli.terminal import error, out

    would = "would be " if done.dry_run else ""
    out(f"{done.executions} executions {would}folded; {done.known} were there.")
    table = Table("measure", "old tables", "ledger", "listed")
    for row in done.sums:
        table.add_row(row.measure, *(f"{amount:f}" for amount in row[1:]))
    out(table)
    if done.reasons:
        table = Table("table", "id", "reason", "about")
        for row in done.unfolded[:_LINES]:
            table.add_row(row.table, f"{row.id}", row.reason, row.about)
        out(table)
        counts = ", ".join(f"{number} {reason}" for reason, number in done.reasons.items())
        out(f"Not folded: {counts}. -o FILE writes all of them.")
    for row in done.differences:
        words = f"{row.measure} is {row.old:f} in the old tables, {row.ledger:f} in the ledger, {row.listed:f} listed"
        error(f"{row.day or 'all days'}, {row.strategy_code or 'no strategy'}: {words}")
    if done.archived:
        counts = ", ".join(f"{number} {name}" for name, number in done.archived.items())
        out(f"Archived: {counts}. Nobody writes the old tables any more; a later release drops them: {done.drop_later}")
    elif archive:
        error("The old tables were not archived: correct what did not fold, or set it aside in the mapping")

"""`fntx statements`: what the archive of statements holds, and bringing files into one that is an object store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.errors import without_accounts

if TYPE_CHECKING:
    from fntx_dagster.services.archiving.copying import Brought

statement_archive = typer.Typer(
    no_args_is_help=True,
    help="The archive of statements: a folder, or an object store (FNTX_STATEMENTS=s3://bucket/prefix). "
    "docs/statements.md says what each needs.",
)


@statement_archive.command("list")
def list_statements(as_json: AsJson = False) -> None:
    """The statements of the archive by name, with their sizes. `fntx load` without a path loads them.

    fntx statements list
    """
    from fntx_dagster.cli.tables import new_table
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.archiving.choosing import archive_of

    archive = archive_of(*settings_and_database())
    listed = archive.listed()
    if as_json:
        print_json({"archive": str(archive), "statements": [statement._asdict() for statement in listed]})
        return
    table = new_table("statement", right=("bytes",))
    for statement in listed:
        table.add_row(without_accounts(statement.name), f"{statement.size:,}")
    out(table)
    note(f"{len(listed)} statements in {archive}")


@statement_archive.command()
def put(
    files: Annotated[list[Path], typer.Argument(help="Statement files (.xml, .gz, .zip).", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Put files of your own into the object store, where a folder would get a copy of them.

    Each gets its file name as its name in the archive; a name that is there gets the new content, and the old one stays
    in the store. Nothing is loaded: `fntx load` without a path does that.

    fntx statements put ~/Downloads/july.xml
    """
    from fntx_dagster.services.archiving.copying import put_statements

    _said(put_statements(*settings_and_database(), files), as_json)


@statement_archive.command()
def copy(
    folder: Annotated[Path, typer.Argument(help="The folder of statement files.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Copy a folder of statements into the object store, with all folders beneath it. The folder stays as it is.

    A copy that was interrupted is begun again with the same command: what is there is not put twice. `fntx statements
    check` then reads all of it and compares the hashes.

    fntx statements copy ~/.fntx/ibkr_flexquery
    """
    from fntx_dagster.services.archiving.copying import copy_folder

    _said(copy_folder(*settings_and_database(), folder), as_json)


@statement_archive.command()
def check(as_json: AsJson = False) -> None:
    """Read every statement that the object store was ever given, and compare it with its SHA-256.

    What is missing or has another content is named, with its object; the exit code is 1 then. Objects that no name
    needs are counted: a process that was killed leaves them, and they do no harm.

    fntx statements check
    """
    from fntx_dagster.cli.terminal import error, note, out
    from fntx_dagster.services.archiving.copying import check_store

    checked = check_store(*settings_and_database())
    if as_json:
        print_json(
            {
                "objects": [{**entry._asdict(), "is_right": not entry.problem} for entry in checked.objects],
                "unnamed": checked.unnamed,
            }
        )
    else:
        for wrong in checked.problems:
            error(without_accounts(f"{wrong.problem}. {wrong.way_out}"))
        out(f"{len(checked.objects) - len(checked.problems)} of {len(checked.objects)} contents are what was put there")
        if checked.unnamed:
            note(f"{len(checked.unnamed)} objects have no name in the archive, the first {checked.unnamed[0]}")
    if checked.problems:
        raise typer.Exit(1)


@statement_archive.command()
def withdraw(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The statement, as `fntx statements list` has it.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Load a statement of the object store no more, as removing its file from a folder would do.

    Its object stays in the store, and what was loaded of it stays loaded.

    fntx statements withdraw july.xml
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.archiving.copying import withdraw_statement

    withdraw_statement(*settings_and_database(), name)
    if as_json:
        print_json({"name": name, "is_withdrawn": True})
    else:
        out(f"{without_accounts(name)} is withdrawn")


def _said(brought: Iterable[Brought], as_json: bool) -> None:
    from fntx_dagster.cli.terminal import error, note, out

    entries: list[Brought] = []
    for entry in brought:
        entries.append(entry)
        if entry.error:
            error(without_accounts(entry.error))
        elif not as_json:
            out(f"{without_accounts(entry.name)}: {'put' if entry.is_new else 'is there already'}")
    if as_json:
        print_json({"statements": [entry._asdict() for entry in entries]})
    elif not entries:
        note("no statement files were found")
    if not entries or any(entry.error for entry in entries):
        raise typer.Exit(1)

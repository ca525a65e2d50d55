"""`fntx compliance`: names against sanctions lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fntx_dagster.cli.calculators import UNREADABLE, Input, calculator
from fntx_dagster.cli.options import AsJson
from fntx_dagster.cli.plain import complain
from fntx_dagster.errors import FntxError

compliance = typer.Typer(
    no_args_is_help=True,
    help="The compliance gate: load sanctions lists, screen names against them, record what a person decided.",
)

ListFiles = Annotated[
    list[Path],
    typer.Option(
        "--list",
        metavar="FILE",
        help="A list to screen against: targets.simple.csv of OpenSanctions, or sdn.csv of OFAC.",
    ),
]


@compliance.command()
def compare(file: Input, as_json: AsJson = False) -> None:
    """Say how alike two names are, from 0 to 100, and whether that is a match: from 77 on. A calculator: it reads one
    file and prints JSON.

    A case is {"id", "schema", "name1", "name2"}, its result {"score", "match"}. Exit code 0: the file was read; 1: it
    is a single case and refused; 2: it cannot be read.

    fntx compliance compare --input names.json --json
    """
    from fntx_dagster.services.screening.calculating import compare as compare_names

    calculator(file, compare_names)


@compliance.command()
def screen(file: Input, lists: ListFiles, as_json: AsJson = False) -> None:
    """Screen parties against lists in files. A calculator: it reads those files and prints JSON.

    A case is {"id", "kind": "screen", "party": {"name", "schema", "birth_date", "countries"}}; all of the party but
    its name may be left out. Its result is {"status", "entity", "matches"}: `clear`, `potential` (a person has to
    look) or `blocked`. Exit code 0: the files were read; 1: a single case is refused; 2: a file cannot be read.

    fntx compliance screen --input parties.json --list sdn.csv --json
    """
    from fntx_dagster.services.screening.calculating import screening_against

    try:
        calculate = screening_against(lists)
    except FntxError as error:
        complain(f"fntx: {error}")
        raise typer.Exit(UNREADABLE) from None
    calculator(file, calculate)

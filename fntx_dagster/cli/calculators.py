"""How a calculator is called: one file of cases in, one JSON document out, and the exit codes of all calculators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import content_of, print_json
from fntx_dagster.cli.plain import complain
from fntx_dagster.errors import FntxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from fntx_dagster.services.calculators import Calculate, Case

UNREADABLE = 2
"""The exit code for a file that is no document of cases."""

Input = Annotated[
    str,
    typer.Option("--input", metavar="FILE", help='One case, or {"cases": [...]}, as JSON; `-` reads standard input.'),
]


def calculator(
    file: str, calculate: Calculate, repeated: Callable[[Case, str], Mapping[str, Any]] | None = None
) -> None:
    """Print what a calculator makes of a file: exit code 0 where the file was read, whatever its cases say; 1 where it
    is a single case that is refused; 2 where it cannot be read."""
    from fntx_dagster.services.calculators import parsed, read_document, results

    try:
        answers = results(parsed(content_of(file, read_document)), calculate, repeated)
    except FntxError as error:
        complain(f"fntx: {error}")
        raise typer.Exit(UNREADABLE) from None
    print_json(answers.document)
    if answers.refused:
        raise typer.Exit(1)

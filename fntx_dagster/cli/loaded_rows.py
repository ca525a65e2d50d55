"""What came of a file of rows that was loaded: how many were new, were known, were bad, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import typer

from fntx_dagster.cli.options import print_json


class LoadedRows(Protocol):
    """What came of a file of rows: how many are new, were known, are bad; why, of the first of those."""

    @property
    def added(self) -> int: ...
    @property
    def known(self) -> int: ...
    @property
    def bad(self) -> int: ...
    @property
    def faults(self) -> Sequence[NamedTuple]: ...
    def _asdict(self) -> dict[str, Any]: ...


def show_loaded(done: LoadedRows, words: str, *, as_json: bool) -> None:
    """Print what came of a file of rows, in these words where nobody asks for JSON; exit code 1 where a row was bad."""
    from fntx_dagster.cli.terminal import error, out

    if as_json:
        print_json(done._asdict() | {"faults": [fault._asdict() for fault in done.faults]})
    else:
        for fault in done.faults:
            error(f"{fault}")
        if done.bad > len(done.faults):
            error(f"and {done.bad - len(done.faults)} more rows")
        out(words)
    if done.bad:
        raise typer.Exit(1)

"""The terminal: standard output and standard error, text of others made harmless, and the form of a table.

What the tables hold is in `cli.tables`, `cli.records` and `cli.chain_tables`; the steps of a run are in `cli.steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from fntx_dagster.report import tables

_TABLE_WIDTH = 190


def out(*things: RenderableType) -> None:
    """Print to standard output. Where it is no terminal, tables keep their width instead of being squeezed."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_TABLE_WIDTH)
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, str))


def note(text: str) -> None:
    """Print a sentence beside the output, to standard error."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def error(text: str) -> None:
    """Print an error that does not end the command: the good files beside a bad one are loaded."""
    shown = "\n".join(map(foreign, text.split("\n")))
    Console(stderr=True, highlight=False).print(f"[red]error[/] {shown}", soft_wrap=True)


def foreign(text: str) -> str:
    """Text out of a file or from a node, on one line, as it may be printed: nothing in it controls the terminal or
    counts as markup."""
    return escape("".join(sign if sign.isprintable() else "\ufffd" for sign in text))


def title(text: str) -> None:
    """Print a heading between two parts of the output."""
    out("", f"[bold]── {escape(text)} ──[/]", "")


def narrative(text: str) -> None:
    """Print Markdown: rendered on a terminal, as it is elsewhere."""
    out(Markdown(text) if Console().is_terminal else escape(text))


def new_table(*left: str, right: Sequence[str]) -> Table:
    """A table without rows: its columns to the left keep their width, those to the right are aligned as numbers."""
    table = Table(header_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right")
    return table


def report_table(content: tables.Table, heading: str) -> Table:
    """A table of the report, for the terminal."""
    table = new_table(*content.headers[: content.words], right=content.headers[content.words :])
    table.title, table.caption, table.caption_justify = heading, content.footnote or None, "left"
    for row in content.rows:
        table.add_row(*map(foreign, row))
    if content.totals:
        table.show_footer = True
        for column, total in zip(table.columns, content.totals, strict=True):
            column.footer = total
    return table

"""The terminal: standard output and standard error, text of others made harmless, and the form of a table.

No text is read as markup: what is coloured is a `Text`, which `styled` and `line` make. Every string becomes one line,
in a table one cell, and what is printed passes `foreign` once more on its way out, so no character can steer the
terminal. What the tables hold is in `cli.tables`, `cli.records` and `cli.chain_tables`; the steps of a run are in
`cli.steps`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import markdown
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.fitting import fitted
from fntx_dagster.cli.logs import said
from fntx_dagster.cli.plain import write
from fntx_dagster.foreign import LONGEST_CELL, cleaned, cleaned_lines

if TYPE_CHECKING:
    from fntx_dagster.report import tables

_TABLE_WIDTH = 190


class Terminal(Console):
    """A console that reads no markup, and prints no character that could steer the terminal."""

    def __init__(self, *, to_errors: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=to_errors, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What rich makes of it; only rich's own control segments, as of a status line, may hold control characters."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=cleaned_lines(segment.text))


class Cells(Table):
    """A table whose cells are one line each, and no markup. The first `words` columns hold names, which are cut."""

    words = 0

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """A row; a `Text` keeps its colours."""
        super().add_row(*(self._cell(cell, place) for place, cell in enumerate(cells)), **options)

    def _cell(self, cell: RenderableType | None, place: int) -> RenderableType | None:
        return cleaned(cell, LONGEST_CELL if place < self.words else None) if isinstance(cell, str) else cell


class _Heading(markdown.Heading):
    LEVEL_ALIGN = dict.fromkeys(markdown.Heading.LEVEL_ALIGN, "left")


class _MarkdownTable(markdown.TableElement):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(header_style="bold")
        for cell in self.header.row.cells if self.header and self.header.row else ():
            table.add_column(cell.content, justify="right" if cell.justify == "right" else "left")
        for row in self.body.rows if self.body else ():
            table.add_row(*(cell.content for cell in row.cells))
        yield from fitted(table, options.max_width)


class _Document(markdown.Markdown):
    """Markdown whose headings begin at the left, and whose tables keep every figure whole."""

    elements = markdown.Markdown.elements | {"heading_open": _Heading, "table_open": _MarkdownTable}


def out(*things: RenderableType) -> None:
    """Print to standard output: tables in the width of the terminal, each string on one line, or on a terminal folded
    between words. What is no terminal has 190 columns."""
    console = Terminal()
    if not console.is_terminal:
        console = Terminal(width=_TABLE_WIDTH)
    for thing in things:
        _print(console, thing)


def note(text: str) -> None:
    """Print a sentence beside the output, to standard error."""
    if not said(logging.INFO, text):
        _print(Terminal(to_errors=True), as_typed(text))


def error(text: str) -> None:
    """Print an error that does not end the command: the good files beside a bad one are loaded."""
    if not said(logging.ERROR, text):
        Terminal(to_errors=True).print(line(styled("fntx:", "red"), f" {as_typed(text)}"), soft_wrap=True)


def styled(text: str, style: str) -> Text:
    """Text on one line in a colour or weight, such as `red` or `bold`."""
    return Text(cleaned(text), style)


def line(*parts: str | Text) -> Text:
    """Parts of a line, side by side."""
    return Text.assemble(*(cleaned(part) if isinstance(part, str) else part for part in parts))


GOOD, BAD, DOUBTFUL = styled("✓", "green"), styled("✗", "red"), styled("!", "yellow")


def outcome(sign: Text, verdict: str, problems: Iterable[str], notes: Iterable[str], lacks: Iterable[str]) -> None:
    """How a check ended: why it does not hold, what a reader should know, what nobody looked at, and the verdict."""
    for problem in problems:
        out(line(BAD, f" {problem}"))
    for remark in notes:
        out(f"  {remark}")
    for lack in lacks:
        out(f"  NOT CHECKED: {lack}")
    out(line(sign, f" {verdict}"))


def title(text: str) -> None:
    """Print a heading between two parts of the output."""
    out("", styled(f"── {text} ──", "bold"), "")


def narrative(text: str) -> None:
    """Print Markdown: rendered on a terminal, as it is elsewhere."""
    if Terminal().is_terminal:
        out(rendered(text))
    else:
        write(text if text.endswith("\n") else f"{text}\n")


def rendered(text: str) -> RenderableType:
    """Markdown as a terminal shows it."""
    return _Document(text, hyperlinks=False)


def new_table(*left: str, right: Sequence[str]) -> Cells:
    """A table without rows: its columns to the left keep their width, those to the right are aligned as numbers."""
    table = Cells(header_style="bold")
    table.words = len(left)
    for name in left:
        table.add_column(cleaned(name), no_wrap=True)
    for name in right:
        table.add_column(cleaned(name), justify="right")
    return table


def report_table(content: tables.Table, heading: str) -> Table:
    """A table of the report, for the terminal."""
    table = new_table(*content.headers[: content.words], right=content.headers[content.words :])
    table.title, table.caption, table.caption_justify = cleaned(heading), cleaned(content.footnote) or None, "left"
    for row in content.rows:
        table.add_row(*row)
    if content.totals:
        table.show_footer = True
        for column, total in zip(table.columns, content.totals, strict=True):
            column.footer = cleaned(total)
    return table


def _print(console: Console, thing: RenderableType) -> None:
    if isinstance(thing, Table):
        for part in fitted(thing, console.width):
            console.print(part)
    elif isinstance(thing, str | Text):
        words = (cleaned(thing) if isinstance(thing, str) else thing.plain).split()
        # a word that finds no room is left to the terminal: it can be copied whole
        folds = console.is_terminal and max(map(cell_len, words), default=0) <= console.width
        console.print(cleaned(thing) if isinstance(thing, str) else thing, soft_wrap=not folds)
    else:
        console.print(thing)

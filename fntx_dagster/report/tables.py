"""The shapes of a table and of a chart that people read, before a format is chosen for them.

What belongs here: the shapes alone. The content is decided where its subject is; the terminal, Markdown and HTML render
it.
"""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """All cells are display texts. The first `words` columns are words, the others figures. `totals` is empty where
    nothing is summed, `footnote` where nothing has to be said. `results` names the columns whose sign is a gain or a
    loss: a renderer may colour them."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...] = ()
    footnote: str = ""
    title: str = ""
    words: int = 1
    results: tuple[str, ...] = ()


class Figure(NamedTuple):
    """A chart: `svg` is markup, `key` names the role of each colour, `table` holds its figures where no other table of
    the report does."""

    name: str
    svg: str
    key: list[tuple[str, str]]
    table: Table | None = None

"""A table in the width of a terminal: every figure stays whole.

What belongs here: which columns stand side by side, and how wide each is. A table that is too wide is shown in parts,
one beneath the other; each begins with the first column and has as many of the others as find room. Only words are
folded: a cell wider than 40 characters, between its words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

_FOLDED = 40
_FRAME, _GAP = 3, 2
"""What a column needs beside its text in a table with lines, and in one without."""


class _Width(NamedTuple):
    """Of a column: the least in which nothing is cut, and the width in which nothing is folded."""

    least: int
    natural: int


def fitted(table: Table, width: int) -> Iterator[RenderableType]:
    """The table, or its parts, with what is said above and below them; no line is wider than `width` characters.

    Only a cell whose longest word does not fit in any way is broken within a word, and loses no character.
    """
    widths = [_width_of(column) for column in table.columns]
    if not widths:
        yield table
        return
    parts = _parts(widths, width)
    whole = len(parts) == 1
    title, caption = (Text(str(said)) if said else None for said in (table.title, table.caption))
    if title and not whole:
        title.stylize("table.title")
        yield title
    for part in parts:
        shown = _part(table, part, widths, width)
        if whole:
            shown.title, shown.caption, shown.caption_justify = table.title, table.caption, table.caption_justify
        yield shown
    if caption and not whole:
        caption.stylize("table.caption")
        yield caption
    if not whole:
        natural = sum(column.natural for column in widths) + _FRAME * len(widths) + 1
        yield Text(f"One table in a terminal of {natural} columns.", "dim")


def _parts(widths: Sequence[_Width], width: int) -> list[list[int]]:
    """The places of the columns of each part: as few parts as find room, about equally wide."""
    key = min(widths[0].least, width // 2)
    parts = _filled(key, widths, width)
    for narrow in range(width - 1, 0, -1):  # to the narrowest in which they are no more
        narrower = _filled(key, widths, narrow)
        if len(narrower) > len(parts):
            break
        parts = narrower
    return parts


def _filled(key: int, widths: Sequence[_Width], width: int) -> list[list[int]]:
    parts: list[list[int]] = [[0]]
    taken = begun = 1 + _FRAME + key
    for place, column in enumerate(widths[1:], 1):
        needed = _FRAME + column.least
        if taken + needed > width and len(parts[-1]) > 1:
            parts.append([0])
            taken = begun
        parts[-1].append(place)
        taken += needed
    return parts


def _part(table: Table, places: Sequence[int], widths: Sequence[_Width], width: int) -> Table:
    least = [widths[place].least for place in places]
    if len(places) > 1:
        least[0] = min(least[0], width // 2)
    framed = sum(least) + _FRAME * len(places) + 1 <= width
    room = width - (_FRAME * len(places) + 1 if framed else _GAP * (len(places) - 1))
    if not framed:  # one column beside the first, or the first alone
        least[-1] = min(least[-1], room - sum(least[:-1]))
    room -= sum(least)
    part = Table(header_style=table.header_style, show_footer=table.show_footer, pad_edge=framed)
    if not framed:
        part.box = None
    for place, narrow in zip(places, least, strict=True):
        column, more = table.columns[place], max(min(widths[place].natural - narrow, room), 0)
        room -= more
        part.add_column(column.header, column.footer, justify=column.justify, width=narrow + more, overflow="fold")
    for row in zip(*(table.columns[place].cells for place in places), strict=True):
        part.add_row(*row)
    return part


def _width_of(column: Column) -> _Width:
    texts = [_text(cell) for cell in (*column.cells, column.footer)]
    longest_word = max(map(cell_len, " ".join((*texts, _text(column.header))).split()), default=1)
    widest = max(map(cell_len, texts), default=0)
    natural = max(widest, cell_len(_text(column.header)), 1)
    return _Width(max(min(widest, _FOLDED), longest_word), natural)


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)

"""Tables of a page whose cells lead somewhere: the shape that the macro `grid` renders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode


class Link(NamedTuple):
    """A cell that leads to another page of the site."""

    text: str
    href: str


class Badge(NamedTuple):
    """A cell that says how something is: `good`, `bad`, or neither (empty)."""

    text: str
    health: str = ""


Cell = str | Link | Badge


class Grid(NamedTuple):
    """All cells are display texts, links or states. The first `words` columns are words, the others figures; `results`
    names the columns whose sign is a gain or a loss."""

    title: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    words: int = 1
    results: tuple[str, ...] = ()


def path_of(*parts: str) -> str:
    """A path of these parts, each quoted."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def address_of(path: str, **query: str | None) -> str:
    """A path with the parts of a query that are there."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path

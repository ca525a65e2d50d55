"""What an archive of statements does, whatever it lies on.

An archive gives names to contents. A statement that arrives is in it whole or not at all, whenever the process dies;
what it replaces stays until the newer one is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.adapters.flex.service import Download
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.raw_flex.archived import FetchedMonth
from fntx_dagster.store.raw_flex.statements import FileLoad


class Listed(NamedTuple):
    """A statement of an archive, for a person: its name in it, its size in bytes, and its SHA-256 where it is known
    without reading it. A name may hold an account."""

    name: str
    size: int
    sha256: str | None = None


class Archive(Protocol):
    """Statements by name."""

    def __str__(self) -> str:
        """Where it lies, for people."""
        ...

    def statements(self) -> Sequence[Place]:
        """What is loaded: folders, files and stored statements."""
        ...

    def is_empty(self) -> bool:
        """Whether it has nothing to load."""
        ...

    def listed(self) -> list[Listed]:
        """Every statement of it, by name."""
        ...

    def skipped(self) -> list[tuple[Path, str]]:
        """What of it is no statement, with why in words."""
        ...

    def not_loaded(self, db: Readable) -> list[str]:
        """The names of statements that no load has taken: never tried, or refused."""
        ...

    def receive(self, slot: FetchedMonth, download: Callable[[Path], Download]) -> Download:
        """Keep what `download` writes into the file that it is given. Raises what that raises; then everything is as
        it was."""
        ...

    def holds(self, slot: FetchedMonth, file_name: str) -> bool:
        """Whether it has a fetched statement of the slot's query and month under that file name."""
        ...

    def retire(self, db: Database, loads: Iterable[FileLoad], queries: Collection[str]) -> list[PurePath]:
        """Drop what newer, loaded statements of the same query and month replace; the names. `queries`: those whose
        statements may go. A statement that covers a day of an account which the newer one lacks stays."""
        ...

    def contents(self, digests: Collection[str]) -> Iterator[tuple[str, str, bytes]]:
        """File name, SHA-256 and bytes of those statements whose contents these are, as far as it has them."""
        ...

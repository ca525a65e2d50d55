"""The archive in an object store: objects that are named by their content, `statements/<SHA-256>.xml`, and a table that
gives them names. An object is put before its row is written, so that a process that dies leaves at most an object that
no row names; no object is ever deleted or replaced here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PurePath, PurePosixPath

from fntx_dagster.adapters.flex.service import Download
from fntx_dagster.adapters.objects.reading import Expected
from fntx_dagster.adapters.objects.store import ObjectStore
from fntx_dagster.services.archiving.archive import Listed
from fntx_dagster.settings import StoreUrl
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.raw_flex.archived import (
    ArchivedStatement,
    FetchedMonth,
    archive,
    archived,
    archived_contents,
    archived_versions,
    replace_archived,
)
from fntx_dagster.store.raw_flex.overview import loaded_digests
from fntx_dagster.store.raw_flex.statements import FileLoad, covered_again, never_loaded

FOLDER = "statements"


@dataclass(frozen=True)
class StoredStatement:
    """A statement of the archive, read from the store whenever it is opened."""

    row: ArchivedStatement
    store: ObjectStore

    @property
    def name(self) -> str:
        return PurePosixPath(self.row.name).name

    @property
    def size(self) -> int:
        return self.row.bytes

    @property
    def sha256(self) -> str:
        return self.row.sha256

    def __str__(self) -> str:
        return f"{self.row.name} in {self.store}"

    def open(self) -> BufferedReader:
        return self.store.read(object_name(self.sha256), Expected(self.size, self.sha256), self.row.name)


class StoreArchive:
    """The archive at a place of an object store, its names in a database. `receiving`: the folder of this machine where
    a statement is written while it arrives."""

    def __init__(self, store: ObjectStore, db: Readable, receiving: Path) -> None:
        self.store, self._db, self._receiving = store, db, receiving

    def __str__(self) -> str:
        return str(self.store)

    def statements(self) -> Sequence[StoredStatement]:
        return [StoredStatement(row, self.store) for row in archived(self._db)]

    def is_empty(self) -> bool:
        return not archived(self._db)

    def listed(self) -> list[Listed]:
        return [Listed(row.name, row.bytes, row.sha256) for row in archived(self._db)]

    def skipped(self) -> list[tuple[Path, str]]:
        return []

    def not_loaded(self, db: Readable) -> list[str]:
        known = loaded_digests(db)
        return [PurePosixPath(row.name).name for row in archived(db) if row.sha256 not in known]

    def receive(self, slot: FetchedMonth, download: Callable[[Path], Download]) -> Download:
        _forget_old(self._receiving)
        path = self._receiving / slot.file_name
        received = download(path)
        try:
            self.put(f"{slot.month:%Y/%m}/{slot.file_name}", path, received.sha256, received.size, slot)
        finally:
            path.unlink(missing_ok=True)
        return received

    def put(self, name: str, file: Path, sha256: str, size: int, by: FetchedMonth | None = None) -> bool:
        """Put a file's content, whose hash and size these are, and give it a name. False where the name has it already.

        Raises Permanent where the store has another content under that hash.
        """
        if not self.store.put_new(object_name(sha256), file) and self.store.size(object_name(sha256)) != size:
            self.store.read(object_name(sha256), Expected(size, sha256))  # raises what it finds
        assert isinstance(self._db, Database), "a snapshot is only read"
        return archive(self._db, name, sha256, size, by)

    def holds(self, slot: FetchedMonth, file_name: str) -> bool:
        return any(PurePosixPath(row.name).name == file_name for row in archived_versions(self._db, *slot[:2]))

    def retire(self, db: Database, loads: Iterable[FileLoad], queries: Collection[str]) -> list[PurePath]:
        """By rows: the objects stay."""
        stored = [load.path for load in loads if isinstance(load.path, StoredStatement) and not load.error]
        loaded = {statement.row.archived_id for statement in stored}
        replaced: list[PurePath] = []
        for query, month in sorted({(row.query, row.month) for row in archived(db) if row.query and row.month}):
            *older, newest = archived_versions(db, query, month)
            if query in queries and older and newest.archived_id in loaded:
                gone = _superseded(db, newest, older)
                replaced += map(PurePosixPath, replace_archived(db, gone, newest.archived_id))
        return replaced

    def contents(self, digests: Collection[str]) -> Iterator[tuple[str, str, bytes]]:
        for row in archived_contents(self._db, digests):
            statement = StoredStatement(row, self.store)
            with closing(statement.open()) as file:
                yield statement.name, statement.sha256, file.read()


def store_at(url: StoreUrl) -> ObjectStore:
    """One for each process, which opens its connections anew after a fork. Raises Permanent for an unknown kind of
    store, or one whose library is not installed."""
    return _of_process(url, os.getpid())


def object_name(sha256: str) -> str:
    """Of a content, below the archive's place."""
    return f"{FOLDER}/{sha256}.xml"


_DAY = 86_400


@lru_cache(maxsize=8)
def _of_process(url: StoreUrl, process: int) -> ObjectStore:
    return ObjectStore(url.scheme, url.bucket, url.prefix)


def _superseded(db: Database, newest: ArchivedStatement, older: list[ArchivedStatement]) -> list[int]:
    digests = {row.sha256 for row in older}
    covered, unloaded = covered_again(db, newest.sha256, digests), never_loaded(db, digests)
    return [
        row.archived_id
        for row in older
        if row.sha256 in covered
        or (row.sha256 in unloaded and row.fetched_on and newest.fetched_on and row.fetched_on < newest.fetched_on)
    ]


def _forget_old(folder: Path) -> None:
    """What a process that was killed a day ago has left there is nobody's."""
    with suppress(OSError):
        for file in folder.iterdir():
            if time.time() - file.stat().st_mtime > _DAY:
                file.unlink(missing_ok=True)

"""The archive that is a folder of this machine, or one that several share by a file system with locks: its files are
the statements, their paths their names. The layout is in `adapters.flex.archive`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePath

from fntx_dagster.adapters.flex import archive
from fntx_dagster.adapters.flex.archive import Archived
from fntx_dagster.adapters.flex.service import Download
from fntx_dagster.errors import FntxError
from fntx_dagster.services.archiving.archive import Listed
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.raw_flex.archived import FetchedMonth
from fntx_dagster.store.raw_flex.folders import files_of, skipped_files
from fntx_dagster.store.raw_flex.overview import loaded_files
from fntx_dagster.store.raw_flex.statements import FileLoad, covered_again, never_loaded


class FolderArchive:
    """The folder at a path, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def statements(self) -> Sequence[Path]:
        return [self.folder]

    def is_empty(self) -> bool:
        return next(self._files(), None) is None

    def listed(self) -> list[Listed]:
        return [Listed(str(path.relative_to(self.folder)), path.stat().st_size) for path in self._files()]

    def skipped(self) -> list[tuple[Path, str]]:
        return skipped_files([self.folder])

    def not_loaded(self, db: Readable) -> list[str]:
        known = loaded_files(db)
        return [path.name for path in self._files() if (path.name, path.stat().st_size) not in known]

    def receive(self, slot: FetchedMonth, download: Callable[[Path], Download]) -> Download:
        path = archive.place(self.folder, slot.query, slot.month, slot.fetched_on)
        aside = archive.set_aside(path)
        try:
            return download(path)
        except FntxError:
            if aside:
                aside.unlink(missing_ok=True)  # nothing has replaced the file
            raise

    def holds(self, slot: FetchedMonth, file_name: str) -> bool:
        path = archive.place(self.folder, slot.query, slot.month, slot.fetched_on)
        return path.with_name(file_name).exists()

    def retire(self, db: Database, loads: Iterable[FileLoad], queries: Collection[str]) -> list[PurePath]:
        """Delete the files. One that was never loaded goes only if it was fetched, and the newer one on a later day."""
        loaded = {load.path: load.sha256 for load in loads if load.error is None and isinstance(load.path, Path)}
        deleted: list[PurePath] = []
        for newer, older in archive.replaced(self.folder, loaded.keys()).items():
            if newer.query not in queries:
                continue
            try:
                for file in _superseded(db, newer, loaded[newer.path], older):
                    file.path.unlink(missing_ok=True)
                    deleted.append(file.path)
            except OSError:
                continue  # a file that cannot be read or deleted stays
        return deleted

    def contents(self, digests: Collection[str]) -> Iterator[tuple[str, str, bytes]]:
        """A packed file is not among them."""
        wanted = {*digests}
        for path in self._files() if wanted else ():
            content = path.read_bytes()
            if (digest := sha256(content).hexdigest()) in wanted:
                wanted.remove(digest)
                yield path.name, digest, content

    def _files(self) -> Iterator[Path]:
        return files_of(self.folder) if self.folder.is_dir() else iter(())


def _superseded(db: Database, newer: Archived, sha256: str | None, older: list[Archived]) -> list[Archived]:
    """The older files that a newer one makes superfluous. Empty when the newer file is no longer the loaded one; a link
    to the newer file itself stays, for another process is about to replace that."""
    now = archive.content(newer.path)
    if now.sha256 != sha256:
        return []
    contents = {file: archive.content(file.path) for file in older}
    digests = {content.sha256 for content in contents.values()}
    covered, unloaded = covered_again(db, now.sha256, digests), never_loaded(db, digests)
    return [
        file
        for file, content in contents.items()
        if content.inode != now.inode
        and (content.sha256 in covered or (content.sha256 in unloaded and file.fetched_on < newer.fetched_on))
    ]

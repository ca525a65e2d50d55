"""The files of a home that no rebuilding brings back: keys, the embedded chain, settings, keystores, and what later
versions put beside them. What can be made again is left out."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

from fntx_dagster.backup.sealing import ChunkReader
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings, sources

_SQLITE = b"SQLite format 3\x00"
_KEYSTORES = "keystores"
_SETTINGS_FILES = (sources.ENV_FILE, sources.TOML_FILE)
UNPACKED = ".restoring"
"""The folder in a home in which it is unpacked."""


def packed(settings: Settings) -> Iterator[bytes]:
    """The files, as a tar. A database in SQLite is copied as it is at one moment."""
    sink = _Sink()
    with tarfile.open(fileobj=cast(io.BytesIO, sink), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, file in _files(settings):
            with tempfile.NamedTemporaryFile() as copy:
                source = _copied(file, Path(copy.name)) if _is_sqlite(file) else file
                tar.add(source, name, recursive=False, filter=_plain)
            yield from sink.taken()
    yield from sink.taken()


def unpack(content: Iterable[bytes], home: Path) -> None:
    """Put the files of a tar into a home: first beside, then each in its place. Settings that the home has stay.
    Permanent where another file is in the place of one; then nothing was put there."""
    beside = home / UNPACKED
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    with tarfile.open(fileobj=cast(io.BytesIO, ChunkReader(content)), mode="r|") as tar:
        for member in tar:
            if not member.isfile():
                raise Permanent(f"the backup holds {member.name}, which is no file", "Use another backup")
            tar.extract(member, beside, filter="data")
    files = [file.relative_to(beside) for file in sorted(beside.rglob("*")) if file.is_file()]
    files = [file for file in files if str(file) not in _SETTINGS_FILES or not (home / file).exists()]
    for file in files:
        if (home / file).exists() and (home / file).read_bytes() != (beside / file).read_bytes():
            raise Permanent(
                f"{home / file} is there already, and is another file than the backup's",
                "Restore into an empty home: set FNTX_HOME to another folder",
            )
    for file in files:
        (home / file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (beside / file).chmod(0o600)
        (beside / file).replace(home / file)
    shutil.rmtree(beside)


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    paths = settings.paths
    skipped = {
        paths.postgres,
        paths.dagster,
        paths.dbt_target,
        paths.logs,
        paths.limits,
        paths.receiving,
        paths.reports,
        paths.statements,
        paths.home / UNPACKED,
        *((settings.flex.folder,) if settings.flex.folder else ()),
    }
    for folder, folders, names in os.walk(paths.home):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if here / name not in skipped)
        for name in sorted(names):
            file = here / name
            is_passing = name.endswith((".lock", ".unfinished", "-wal", "-shm", "-journal"))
            if file.is_file() and not is_passing:
                yield str(file.relative_to(paths.home)), file
    for number, account in enumerate(sorted(settings.keys.keystores)):
        file = settings.keys.keystores[account].expanduser().resolve()
        if not file.is_relative_to(paths.home):
            yield f"{_KEYSTORES}/{number}-{file.name}", file


def _is_sqlite(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            return opened.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise Permanent(f"cannot read {file} ({error.strerror})", "Let this user read it") from None


def _copied(file: Path, copy: Path) -> Path:
    with (
        closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry that says nothing of this machine's users."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


class _Sink:
    """What tarfile writes into; it is taken piece by piece."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def taken(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, []
        yield from chunks

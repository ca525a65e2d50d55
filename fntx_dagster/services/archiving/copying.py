"""Statements that a person brings into an object store, from files or a whole folder, and whether the store still has
what it was given.

A copy that was interrupted is begun again: what is there already is not put twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fntx_dagster.adapters.flex import archive as layout
from fntx_dagster.adapters.flex.opening import CHUNK, open_statement
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.archiving.in_a_store import FOLDER, StoreArchive, StoredStatement, object_name
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.archived import FetchedMonth, archived, archived_contents, replace_archived
from fntx_dagster.store.raw_flex.folders import statement_files


class Brought(NamedTuple):
    """What became of one file: its name in the archive, and its content's SHA-256, or the `error`. `is_new`: the name
    had another content before, or none."""

    name: str
    sha256: str | None = None
    is_new: bool = False
    error: str | None = None


class CheckedObject(NamedTuple):
    """An object, or a name that needs one: what is wrong with it in words, None where nothing is."""

    name: str
    object_name: str
    problem: str | None = None
    way_out: str = ""


class CheckedStore(NamedTuple):
    """`objects`: one for each content that the archive ever had. `unnamed`: objects of the store that no name needs,
    left by a process that was killed or put there by others; they do no harm."""

    objects: list[CheckedObject]
    unnamed: list[str]

    @property
    def problems(self) -> list[CheckedObject]:
        return [checked for checked in self.objects if checked.problem]


def put_statements(settings: Settings, db: Database, files: Iterable[Path]) -> Iterator[Brought]:
    """Put files into the object store, each under its own name; one packed as `.gz` or `.zip` is kept unpacked. A name
    that is there gets the new content. A file that is no statement is an entry with its error.

    Raises Permanent where the settings name a folder, or the store refuses; Transient where it does not answer.
    """
    archive = _store(settings, db)
    for file in files:
        yield _brought(archive, file, file.name)


def copy_folder(settings: Settings, db: Database, folder: Path) -> Iterator[Brought]:
    """Put every statement file beneath a folder, under its path below that folder; fetched ones stay fetched ones.
    Raises as `put_statements` does, and Permanent where there is no folder."""
    if not folder.is_dir():
        raise Permanent(f"there is no folder {folder}", "Name the folder that has the statements")
    archive, fetched = _store(settings, db), {file.path: file for file in layout.files(folder)}
    for place in statement_files([folder]):
        assert isinstance(place, Path)
        of = fetched.get(place)
        month = FetchedMonth(of.query, of.month, of.fetched_on) if of else None
        yield _brought(archive, place, place.relative_to(folder).as_posix(), month)


def withdraw_statement(settings: Settings, db: Database, name: str) -> None:
    """Load a name no more; its object stays, and so does what was loaded of it. Raises Permanent where the archive has
    no such name."""
    _store(settings, db)
    ids = [row.archived_id for row in archived(db) if row.name == name]
    if not ids or not replace_archived(db, ids, None):
        raise Permanent(f"the archive has no statement {name!r}", "`fntx statements list` has the names")


def check_store(settings: Settings, db: Database) -> CheckedStore:
    """Read every content that the archive ever had, and compare it with its hash. Raises as `put_statements` does."""
    archive = _store(settings, db)
    there = {found.name for found in archive.store.objects(FOLDER)}
    contents = archived_contents(db)
    named = {object_name(row.sha256) for row in contents}
    return CheckedStore(
        [_checked(StoredStatement(row, archive.store)) for row in contents],
        sorted(there - named),
    )


# -- private --------------------------------------------------------------------------------------------------------

_ROOT = b"<Flex"
_LONGEST_NAME = 500
_UNFIT = re.compile(r"[\x00-\x1f\x7f]")


def _store(settings: Settings, db: Database) -> StoreArchive:
    archive = archive_of(settings, db)
    if not isinstance(archive, StoreArchive):
        raise Permanent(
            f"the statements lie in the folder {archive}",
            "Put files into that folder, or set FNTX_STATEMENTS to s3://bucket/prefix first",
        )
    return archive


def _brought(archive: StoreArchive, file: Path, name: str, month: FetchedMonth | None = None) -> Brought:
    name = os.fsencode(name).decode(errors="replace")
    shown = cleaned(name, _LONGEST_NAME)
    if len(name) > _LONGEST_NAME or _UNFIT.search(name):
        return Brought(shown, error=f"the name {shown} is too long, or holds control characters. Rename the file")
    with TemporaryDirectory(prefix="fntx-") as folder:
        copy = Path(folder) / "statement.xml"
        try:
            digest, size = _unpacked(file, copy)
        except Permanent as error:
            return Brought(shown, error=str(error))
        return Brought(name, digest, archive.put(name, copy, digest, size, month))


def _unpacked(file: Path, copy: Path) -> tuple[str, int]:
    """Write the XML of a file, and give its hash and size: what is put is what was read, whatever becomes of the file.
    Raises Permanent where it is no statement or cannot be read."""
    digest, size = sha256(), 0
    try:
        with closing(open_statement(file)) as source, copy.open("xb") as target:
            while piece := source.read(CHUNK):
                if not size and _ROOT not in piece.replace(b"\0", b""):
                    raise Permanent(f"{file} is no Flex statement", "Put files that a Flex query gave as XML")
                target.write(piece)
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise Permanent(f"cannot read {file} ({error.strerror})", "Check the file's permissions") from None
    return digest.hexdigest(), size


def _checked(statement: StoredStatement) -> CheckedObject:
    checked = CheckedObject(statement.row.name, object_name(statement.sha256))
    try:
        with closing(statement.open()) as file:
            while file.read(CHUNK):
                pass
    except Permanent as error:
        return checked._replace(problem=error.message, way_out=error.way_out)
    return checked

"""The folder of fetched files: `<folder>/YYYY/MM/<Query>_MTD_<YYYYMMDD>.xml`, year and month of the period, and the day
in Hong Kong on which the file was fetched.

Here belong the names of the files, and which file replaces which. A newer file of the same query and month replaces an
older one only after the database has it; the last file of a month is its archive. Files with other names stay.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import Permanent, without_accounts

_NAME = re.compile(r"(?P<query>[A-Za-z0-9][A-Za-z0-9_-]*)_MTD_(?P<day>\d{8})\.xml")
_ASIDE = ".previous-"


class Archived(NamedTuple):
    """A file of the archive: its query, the month it covers (its first day) and the day it was fetched."""

    path: Path
    query: str
    month: date
    fetched_on: date


class Content(NamedTuple):
    """A file's content when it was read: its SHA-256 in hex, and the file on the disk (device and inode)."""

    sha256: str
    inode: tuple[int, int]


def place(folder: Path, query: str, month: date, fetched_on: date) -> Path:
    """The path of a query's file of a month, fetched on that day."""
    return folder / f"{month:%Y}" / f"{month:%m}" / f"{query}_MTD_{fetched_on:%Y%m%d}.xml"


def set_aside(path: Path) -> Path | None:
    """Keep the file at `path` beside it under a name that nobody loads, until its replacement is loaded.

    Makes the folder. Returns the new path, None where no file was there. Raises Permanent where the folder cannot be
    written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _linked(path) if path.exists() else None
    except OSError as error:
        raise Permanent(
            f"cannot write the folder {without_accounts(str(path.parent))} ({error.strerror})",
            "Check the disk and the folder's permissions",
        ) from None


def _linked(path: Path) -> Path:
    """Each version has a number of its own: another process may set the same file aside."""
    for aside in _asides(path):
        try:
            _link_or_copy(path, aside)
            return aside
        except FileExistsError:
            continue
    raise AssertionError("numbers do not end")


def _link_or_copy(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("rb") as original, aside.open("xb") as copy:
            shutil.copyfileobj(original, copy)


def _asides(path: Path) -> Iterator[Path]:
    return (path.with_name(f"{path.name}{_ASIDE}{number}") for number in count(1))


def content(path: Path) -> Content:
    """The content of the file at `path` now. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        return Content(hashlib.file_digest(file, "sha256").hexdigest(), (stat.st_dev, stat.st_ino))


def files(folder: Path) -> list[Archived]:
    """Every file of the archive, the oldest of each query and month first."""
    archived = map(_archived, folder.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.xml"))
    return sorted((file for file in archived if file), key=lambda file: (file.query, file.month, file.fetched_on))


def replaced(folder: Path, loaded: Collection[Path]) -> dict[Archived, list[Archived]]:
    """Loaded file → the files that it replaces: the older ones of its query and month, and those set aside."""
    archived = files(folder)
    newest = {(file.query, file.month): file for file in archived}
    older: dict[Archived, list[Archived]] = {}
    for file in archived:
        now = newest[file.query, file.month]
        if now.path not in loaded:
            continue
        asides = sorted(path for path in file.path.parent.iterdir() if path.name.startswith(file.path.name + _ASIDE))
        gone = ([file] if file != now else []) + [file._replace(path=aside) for aside in asides]
        older.setdefault(now, []).extend(gone)
    return {path: gone for path, gone in older.items() if gone}


def _archived(path: Path) -> Archived | None:
    named = _NAME.fullmatch(path.name)
    try:
        if named:
            month, day = date(int(path.parts[-3]), int(path.parts[-2]), 1), date.fromisoformat(named["day"])
            return Archived(path, named["query"], month, day)
    except ValueError:
        pass  # named like our files, with a day that is no date
    return None

"""The folder of fetched files: `<folder>/YYYY/MM/<Query>_MTD_<YYYYMMDD>.xml`, year and month of the period, and the day
in Hong Kong on which the file was fetched (seed 001, 5.3).

Here belongs what lies where, and what may go. A newer file of the same query and month takes an older one's place only
after the database has it; the last file of a month is its archive. Files that are called otherwise are not touched.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(?P<query>[A-Za-z0-9][A-Za-z0-9_-]*)_MTD_(?P<day>\d{8})\.xml")
_ASIDE = ".previous"


class Fetched(NamedTuple):
    """A file of the archive: its query, the month it tells (its first day) and the day it was fetched."""

    path: Path
    query: str
    month: date
    fetched_on: date


def place(folder: Path, query: str, month: date, fetched_on: date) -> Path:
    """Where a query's file of a month goes; its folder is made."""
    path = folder / f"{month:%Y}" / f"{month:%m}" / f"{query}_MTD_{fetched_on:%Y%m%d}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def set_aside(path: Path) -> None:
    """Keep what lies at `path` beside it, until what takes its place there is loaded.

    What was set aside before and not retired is the last file that the database is known to have: it stays.
    """
    aside = path.with_name(path.name + _ASIDE)
    if not path.exists() or aside.exists():
        return
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        copy = path.with_name(path.name + ".copy")
        shutil.copy2(path, copy)
        copy.replace(aside)


def fetched(folder: Path) -> list[Fetched]:
    """Every file of the archive, the oldest of each query and month first."""
    found = [_fetched(path) for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.xml"))]
    return sorted((file for file in found if file), key=lambda file: (file.query, file.month, file.fetched_on))


def replaced(folder: Path, loaded: Collection[Path]) -> dict[Path, list[Path]]:
    """Loaded file → the files whose place it takes: the older ones of its query and month, and what was set aside."""
    newest = {(file.query, file.month): file for file in fetched(folder)}
    older: dict[Path, list[Path]] = {}
    for file in fetched(folder):
        now = newest[file.query, file.month].path
        if now not in loaded:
            continue
        aside = file.path.with_name(file.path.name + _ASIDE)
        gone = ([file.path] if file.path != now else []) + ([aside] if aside.exists() else [])
        older.setdefault(now, []).extend(gone)
    return {path: gone for path, gone in older.items() if gone}


def _fetched(path: Path) -> Fetched | None:
    named = _NAME.fullmatch(path.name)
    try:
        if named:
            month, day = date(int(path.parts[-3]), int(path.parts[-2]), 1), date.fromisoformat(named["day"])
            return Fetched(path, named["query"], month, day)
    except ValueError:
        pass  # named like one of ours, with a day that is none
    return None

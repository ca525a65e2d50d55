"""Which files of a folder are loaded, and why the others are left out.

A folder may hold anything, as one for downloads does: what is left out is listed and is no error. A file that is named
itself is always loaded, and refused in the words of `opening` where it is no statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from fntx_dagster.adapters.flex.opening import BY_SUFFIX, CHUNK, OtherFile, open_statement
from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.errors import Permanent


def statement_files(paths: Iterable[Place]) -> Iterator[Place]:
    """Each file and stored statement, and of each folder every file beneath it that can hold a statement, by name."""
    for path in paths:
        if isinstance(path, Path) and path.is_dir():
            yield from files_of(path)
        else:
            yield path


def files_of(folder: Path) -> Iterator[Path]:
    """Every file beneath a folder that can hold a statement, by name."""
    return (file for file in _beneath(folder) if not _why_left_out(file))


def skipped_files(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """What `statement_files` leaves out of folders, with what it is in words, and which file to download instead where
    that helps; hidden files and versions set aside are not worth a word."""
    return [
        (file, why)
        for path in paths
        if path.is_dir()
        for file in _beneath(path)
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
        and ".previous-" not in file.name
        and (why := _why_left_out(file))
    ]


_PACKED = (".gz", ".zip")
_READ = (".xml", *_PACKED)


def _beneath(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink()]


def _why_left_out(path: Path) -> str:
    """Empty for a file that can hold a statement."""
    if not path.name.lower().endswith(_READ):
        kind = BY_SUFFIX.get(path.suffix.lower())
        return f"{kind.name}; {kind.way_out}" if kind else f"only {', '.join(_READ)} files are read"
    return _what_else_is_packed(path) if path.name.lower().endswith(_PACKED) else ""


def _what_else_is_packed(path: Path) -> str:
    """Empty for an archive that can hold a statement, and for one that is damaged: loading says how."""
    try:
        with closing(open_statement(path)) as file:
            start = file.read(CHUNK)
    except OtherFile as other:
        what = other.message.removeprefix(f"{path} ").removeprefix("is ")
        return f"{what}; {other.way_out[:1].lower()}{other.way_out[1:]}"
    except Permanent:
        return ""
    return "" if _ROOT in start.replace(b"\0", b"") else "the XML in it is no Flex statement"


_ROOT = b"<Flex"
"""How the root of a statement begins, and that of the broker's answer in place of one; without zeros in UTF-16 too."""

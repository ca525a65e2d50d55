"""Files of sanctions lists: which format one has, its entities, and its version: the hash of the bytes that were read.

The hash is taken while the file is parsed, so it is of the very bytes that the entities came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fntx_dagster.compliance.entities import ListedEntity
from fntx_dagster.compliance.ofac import ofac_entities
from fntx_dagster.compliance.opensanctions import opensanctions_entities
from fntx_dagster.compliance.rows import LONGEST_LINE, ListRefused

OPENSANCTIONS, OFAC = "opensanctions", "ofac"
_BLOCK = 1 << 20
_BESIDE = ("alt.csv", "add.csv")


class ListFile:
    """A list in its files, to be read once from the beginning to the end."""

    def __init__(self, path: Path) -> None:
        """Raises ListRefused for a file that cannot be read, or is in neither format."""
        self.path = path
        try:
            with path.open("rb") as file:
                first = file.readline(4096)
                self.dated_at = min(datetime.fromtimestamp(path.stat().st_mtime, UTC), datetime.now(UTC))
        except OSError as error:
            raise ListRefused(f"{path} cannot be read: {error.strerror}", "Check the path") from None
        self.format = _format(path, first)
        self._digests = {path.name: hashlib.sha256()}
        if self.format == OFAC:
            self._digests |= {name: hashlib.sha256() for name in _BESIDE if path.with_name(name).is_file()}

    def entities(self) -> Iterator[ListedEntity]:
        """Every entity of the list, one after another. Raises ListRefused for the first row that is wrong."""
        with ExitStack() as opened:
            files = {name: opened.enter_context(self.path.with_name(name).open("rb")) for name in self._digests}
            lines = {name: self._lines(name, file) for name, file in files.items()}
            if self.format == OPENSANCTIONS:
                yield from opensanctions_entities(self.path.name, lines[self.path.name])
            else:
                alt, add = (lines.get(name, iter(())) for name in _BESIDE)
                yield from ofac_entities(lines[self.path.name], alt, add, self.path.name)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each file's bytes, once all entities were read."""
        return {name: digest.hexdigest() for name, digest in self._digests.items()}

    @property
    def version(self) -> str:
        """SHA-256 (hex) of the file; of several, of what sha256sum prints for them."""
        digests = self.digests
        if len(digests) == 1:
            return digests[self.path.name]
        return hashlib.sha256("".join(f"{value}  {name}\n" for name, value in digests.items()).encode()).hexdigest()

    def hash_whole(self, name: str, file: BinaryIO) -> None:
        """Take the hash of one of its files without reading what is in it."""
        while block := file.read(_BLOCK):
            self._digests[name].update(block)

    def _lines(self, name: str, file: BinaryIO) -> Iterator[bytes]:
        while line := file.readline(LONGEST_LINE + 1):
            self._digests[name].update(line)
            yield line


def version_of(path: Path) -> str:
    """The version of a list in its files, whose entities are not read. Raises ListRefused as `ListFile`."""
    file = ListFile(path)
    for name in file.digests:
        with path.with_name(name).open("rb") as opened:
            file.hash_whole(name, opened)
    return file.version


def parts_of(path: Path) -> list[Path]:
    """The files that a list may be in: its own, and those that OFAC has beside it."""
    return [path, *(path.with_name(name) for name in _BESIDE)]


def _format(path: Path, first: bytes) -> str:
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.replace(b'"', b"").startswith(b"id,"):
        return OPENSANCTIONS
    number, comma, _ = start.partition(b",")
    if comma and number.strip(b'" ').isdigit():
        return OFAC
    raise ListRefused(
        f"{path.name} is no list: its first line is neither the header of OpenSanctions nor an entry of OFAC",
        "Give targets.simple.csv of OpenSanctions, or sdn.csv of OFAC with alt.csv and add.csv beside it",
    )

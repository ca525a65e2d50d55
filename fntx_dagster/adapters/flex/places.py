"""Where a statement lies: in a file of this machine, or elsewhere, where only its bytes can be had.

Here belongs what the parser needs of either.
"""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path
from typing import Protocol


class RemoteStatement(Protocol):
    """A statement that is no file: XML, not packed. Its text says where it is, for errors."""

    @property
    def name(self) -> str:
        """The last part of its name in the archive: what a file of it would be called."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    @property
    def sha256(self) -> str:
        """Of its content, in hex: another content is another statement."""
        ...

    def open(self) -> BufferedReader:
        """From its beginning. Whoever has read it to its end has read that content: else reading raises Permanent."""
        ...


Place = Path | RemoteStatement


def size_of(place: Place) -> int:
    """Bytes. Raises OSError for a file that cannot be looked at."""
    return place.stat().st_size if isinstance(place, Path) else place.size

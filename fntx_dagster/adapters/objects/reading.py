"""Reading an object from its beginning to its end: the next piece is fetched while this one is read, and at the end the
whole is proven to be what was put there. Nothing is written to the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from typing import NamedTuple

from fntx_dagster.errors import Permanent


class Expected(NamedTuple):
    """What an object has to hold: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str

    def other(self, place: str, what: str) -> Permanent:
        """The error for an object that holds something else."""
        return Permanent(
            f"{place} does not hold what was put there: {what}",
            "Restore its earlier version in the bucket, or remove the object and put the statement again",
        )


class PiecesAhead(io.RawIOBase):
    """`fetch` gives the bytes from one position up to another. Memory does not grow with the object."""

    def __init__(self, fetch: Callable[[int, int], bytes], place: str, expected: Expected) -> None:
        super().__init__()
        self._fetch, self._place, self._expected = fetch, place, expected
        self._digest = sha256()
        self._piece = memoryview(b"")
        self._received = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="object")
        self._next: Future[bytes] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]  # io calls it so
        if not self._piece:
            self._piece = memoryview(self._following())
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _following(self) -> bytes:
        """The next piece; nothing at the end of what is proven."""
        if self._received == self._expected.size:
            return b""
        piece = (self._next or self._ask()).result()
        self._received += len(piece)
        self._digest.update(piece)
        if not piece:
            raise self._expected.other(self._place, f"it ends after {self._received:,} bytes")
        if self._received < self._expected.size:
            self._next = self._ask()
        elif (found := self._digest.hexdigest()) != self._expected.sha256:
            raise self._expected.other(self._place, f"its SHA-256 is {found}")
        return piece

    def _ask(self) -> Future[bytes]:
        return self._pool.submit(self._fetch, self._received, min(self._received + _PIECE, self._expected.size))


_PIECE = 8 << 20

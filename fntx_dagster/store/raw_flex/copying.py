"""Rows of a file on their way into tables: as the text of COPY, in batches, by a thread.

Memory does not grow with the file, and the server takes one batch while the next is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from fntx_dagster.store.queries import own_sql

if TYPE_CHECKING:
    import psycopg

    from fntx_dagster.adapters.flex.statements import Row


_BATCH = 5000


class Copying:
    """Copies rows while inside, and ends when the server has them all.

    The connection is the thread's but between `wait` and the next `add`. A target is a table and its columns, as COPY
    names them; of a batch, the targets in `first` are copied first, in their order.
    """

    def __init__(self, connection: psycopg.Connection, *first: str) -> None:
        self._connection = connection
        self._first = first
        self._sending: Future[None] | None = None
        self._batches: dict[str, list[str]] = {}
        self._waiting = 0

    def __enter__(self) -> Self:
        self._sender = ThreadPoolExecutor(max_workers=1)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._sender:
            if kind is None:
                self.flush()
                self.wait()

    def add(self, target: str, fields: Sequence[str]) -> None:
        """Each field as PostgreSQL reads it, empty for null."""
        self._batches.setdefault(target, []).append(_line(fields))
        self._waiting += 1
        if self._waiting >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over the rows that were added."""
        self.wait()
        batches, self._batches, self._waiting = self._batches, {}, 0
        self._sending = self._sender.submit(self._send, batches)

    def wait(self) -> None:
        """Wait until the server has what was handed over; raises its error."""
        if self._sending is not None:
            self._sending.result()

    def _send(self, batches: dict[str, list[str]]) -> None:
        for target in dict.fromkeys((*self._first, *batches)):
            if lines := batches.get(target):
                with self._connection.cursor().copy(f"copy {own_sql(target)} from stdin (null '')") as copy:
                    copy.write("".join(lines))


class Objects:
    """Attributes of rows as JSON objects. Rows of one kind repeat the same names, and few values need escaping."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, ...], str] = {}

    def __call__(self, row: Row) -> str:
        names, attributes = row.names, row.attributes
        template = self._templates.get(names)
        if template is None:
            members = (f'{_encoded(name).replace("%", "%%")}: "%s"' for name in names)
            template = self._templates[names] = f"{{{', '.join(members)}}}"
        written = template % tuple(attributes.values())
        # of what must be escaped, XML lets no other control characters through
        if (
            written.count('"') != 4 * len(names)
            or "\\" in written
            or "\n" in written
            or "\r" in written
            or "\t" in written
        ):
            return _encoded(attributes)
        return written


def digest_of(delivered: str) -> str:
    """The digest of a row's content, by which a change of it is seen."""
    return hashlib.blake2b(delivered.encode(), digest_size=8).hexdigest()


_encoded = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def _line(fields: Sequence[str]) -> str:
    """A row in the text format of COPY."""
    line = "\t".join(fields)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") >= len(fields):
        line = "\t".join([field.translate(_ESCAPES) for field in fields])
    return f"{line}\n"

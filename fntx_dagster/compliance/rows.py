"""Rows of a list's CSV file, one after another, as long as the file is what it should be.

A list decides whether somebody is paid, so nothing of it is guessed or skipped: the first row that is wrong refuses
the file, and the last good version stays.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fntx_dagster.compliance.names import LONGEST_LISTED
from fntx_dagster.errors import Permanent

LONGEST_LINE = 1_000_000
"""Bytes of a line of a list; whoever opens the file reads no more at once."""
_WAY_OUT = "Fetch the file again from its publisher; the version that was loaded before stays in use"


class ListRefused(Permanent):
    """A file that is no list, or a list with a fault; nothing of it is used."""

    def __init__(self, message: str, way_out: str = _WAY_OUT) -> None:
        super().__init__(message, way_out)


class CsvRow(NamedTuple):
    """A row of a file: its number, from 1, as the line that it ends on, and its fields."""

    number: int
    fields: list[str]


def csv_rows(file: str, lines: Iterable[bytes], columns: int | None = None) -> Iterator[CsvRow]:
    """The rows of a CSV file in UTF-8, empty lines left out. With `columns`, each must have so many fields.

    `file` is its name, for errors. Raises ListRefused for another encoding, a control character, a line of over 1 MB,
    quotes that do not close, another number of fields.
    """
    reader = csv.reader(_texts(file, lines), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise ListRefused(f"{file}, row {reader.line_num}: the row is no CSV ({error})") from None
        if fields is None:
            return
        if columns is not None and fields and len(fields) != columns:
            raise ListRefused(f"{file}, row {reader.line_num}: the row has {len(fields)} fields and not {columns}")
        if fields:
            yield CsvRow(reader.line_num, fields)


def checked_name(file: str, row: CsvRow, field: str, value: str) -> str:
    """A name of a list. Raises ListRefused where it is too long to be one."""
    if len(value) > LONGEST_LISTED:
        raise refusal(file, row, field, value, f"has {len(value)} characters and is no name")
    return value


def refusal(file: str, row: CsvRow, field: str, value: str, reason: str) -> ListRefused:
    """The error for a value of a row: file, row, field, value, and why."""
    return ListRefused(f"{file}, row {row.number}, {field} {value[:60]!r} {reason}")


def require_not_shrunk(file: str, entities: int, before: int) -> None:
    """Raise ListRefused for a list without an entity, or with fewer than half of its last version's: the rest was
    lost on the way."""
    if entities == 0:
        raise ListRefused(f"{file} holds no entity")
    if entities * 2 < before:
        raise ListRefused(f"{file} holds {entities} entities, and its last version held {before}")


def values_of(text: str, separator: str = ";") -> tuple[str, ...]:
    """The values of a field that may hold many, each once, without blanks around them."""
    return tuple(dict.fromkeys(value for part in text.split(separator) if (value := part.strip())))


def row_digest_text(parts: Sequence[str]) -> bytes:
    """Fields of a row as bytes that no other fields have: what its hash is of."""
    return b"".join(b"%d:%s," % (len(encoded), encoded) for encoded in (part.encode() for part in parts))


def _texts(file: str, lines: Iterable[bytes]) -> Iterator[str]:
    ended = 0
    for number, line in enumerate(lines, 1):
        if ended:
            raise ListRefused(f"{file}, row {ended}: the file goes on behind its end (0x1A)")
        if len(line) > LONGEST_LINE:
            raise ListRefused(f"{file}, row {number}: the line has more than {LONGEST_LINE} bytes")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ListRefused(f"{file}, row {number}: byte {error.start + 1} is not UTF-8") from None
        if text.strip("\r\n") == "\x1a":  # how DOS ends a file, and OFAC still does
            ended = number
            continue
        if "\0" in text or "\x1a" in text:
            raise ListRefused(f"{file}, row {number}: the line holds a control character")
        yield text

"""A file of rows, CSV with a header or one JSON object to a line, and what is wrong with a field of a row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.exact import parsed

_LONGEST_SHOWN = 60
_EXCHANGE = lru_cache(re.compile(r"(?:(?!:)[\x21-\x7e]){1,64}", re.ASCII).fullmatch)
_SYMBOL = lru_cache(re.compile(r"(?! )(?:(?![/:])[\x20-\x7e]){1,41}/[A-Z0-9.]{1,20}", re.ASCII).fullmatch)
"""Without colons, which part the names of the accounts of postings. Few names come in many rows."""

Made = TypeVar("Made")


class Columns(NamedTuple):
    """The columns that a row must have, and all that it may have: a column that nothing reads is refused."""

    needed: tuple[str, ...]
    known: frozenset[str]


class RowFault(NamedTuple):
    """What is wrong with a field of a row of a file."""

    file: str
    row: int
    field: str
    value: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}, {self.field} = {self.value!r}: {self.words}"


class BadFieldError(Exception):
    """What is wrong with a field of the row that is being read."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def rows_of(path: Path) -> int:
    """About how many rows a file has. Raises Permanent for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise _unreadable(path, error) from error
    return lines if _is_jsonl(path) else max(lines - 1, 0)


def made_of(path: Path, columns: Columns, made: Callable[[int, Mapping[str, str]], Made]) -> Iterator[Made | RowFault]:
    """What `made` makes of each row of a file, from its number (the first is 1; a CSV's header is not counted) and its
    texts; or, where something is wrong with it (`made` raises BadFieldError), its first fault.

    Raises Permanent for a file that cannot be read, and for a CSV without a needed column.
    """
    needed = frozenset(columns.needed)
    for number, row in enumerate(_rows(path, columns.needed), 1):
        if isinstance(row, RowFault):
            yield row._replace(row=number)
            continue
        try:
            if not columns.known.issuperset(row):
                _refuse_unknown(row, columns.known)
            if not needed.issubset(row):
                raise BadFieldError(next(name for name in columns.needed if name not in row), "it is missing")
            for name, value in row.items():
                if not isinstance(value, str):
                    raise BadFieldError(name, "it is no text or number")
            yield made(number, row)
        except BadFieldError as bad:
            yield RowFault(path.name, number, bad.field, f"{row.get(bad.field, '')}"[:_LONGEST_SHOWN], str(bad))


def matching(row: Mapping[str, str], field: str, form: Callable[[str], object], words: str) -> str:
    """A text of a row that has a form; `words` say which."""
    if not form(row[field]):
        raise BadFieldError(field, words)
    return row[field]


def positive(row: Mapping[str, str], field: str) -> Decimal:
    """A number above 0 of a row."""
    try:
        number = parsed(row[field])
    except ValueError as error:
        raise BadFieldError(field, str(error)) from None
    if not number:
        raise BadFieldError(field, "it must be above 0")
    return number


def exchange_of(row: Mapping[str, str]) -> str:
    return matching(row, "exchange", _EXCHANGE, "a name has 1 to 64 printable ASCII characters, no colon")


def symbol_of(row: Mapping[str, str]) -> str:
    return matching(row, "symbol", _SYMBOL, 'a symbol is "BASE/QUOTE"')


def _rows(path: Path, needed: Collection[str]) -> Iterator[Mapping[str, Any] | RowFault]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if _is_jsonl(path):
                for line in filter(str.strip, file):
                    yield _object(path, line)
                return
            rows = csv.reader(file, strict=True)
            columns = next(rows, [])
            if lacking := [name for name in needed if name not in columns]:
                raise Permanent(f"{path} lacks the column {', '.join(lacking)}", "Name the columns in the first line")
            for row in filter(None, rows):
                named = dict(zip(columns, row, strict=False))
                if len(row) > len(columns):
                    named["more"] = f"{row[len(columns) :]}"
                yield {name: value for name, value in named.items() if value}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _is_jsonl(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson", ".json")


def _unreadable(path: Path, error: Exception) -> Permanent:
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return Permanent(f"{path} cannot be read: {reason}", "Give a CSV or JSONL file in UTF-8")


def _object(path: Path, line: str) -> Mapping[str, Any] | RowFault:
    try:
        row = json.loads(line, parse_float=str, parse_int=str)
    except ValueError as error:
        return RowFault(path.name, 0, "the row", line.strip()[:_LONGEST_SHOWN], f"it is no JSON: {error}")
    if not isinstance(row, dict):
        return RowFault(path.name, 0, "the row", line.strip()[:_LONGEST_SHOWN], "it is no JSON object")
    return {name: value for name, value in row.items() if value is not None}


def _refuse_unknown(row: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises for a column that nothing reads: its content would be lost."""
    for name in row:
        if name not in known:
            raise BadFieldError(name, f"there is no such column; there are {', '.join(sorted(known))}")

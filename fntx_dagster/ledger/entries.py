"""Entries of a book and the chain of hashes that binds each to all before it.

An entry holds strings, integers, booleans, nulls, and lists or objects of them; no floats. So its canonical JSON (RFC
8785) is its keys in order, without spaces, and whoever has the entries checks the chain with a few lines of any
language: `hash` = SHA-256(prev_hash as 32 bytes ‖ canonical JSON of the entry without `prev_hash` and `hash`), in hex;
the first `prev_hash` is zeros, and the entries of a book are numbered 1, 2, 3 …
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

ORIGIN = "0" * 64
"""The hash before a book's first entry."""
_LARGEST = 2**53 - 1
"""The largest integer that JSON of every language carries."""

Entry = dict[str, Any]


class Head(NamedTuple):
    """The last entry of a book: its number (0: there is none) and hash."""

    entry_no: int = 0
    hash: str = ORIGIN


START = Head()
"""The head of a book without entries."""


class ChainFault(NamedTuple):
    """An entry that does not continue the chain, and why."""

    entry_no: int
    reason: str


def canonical(value: Mapping[str, Any]) -> bytes:
    """The RFC 8785 form of a JSON object without floats; ASCII keys.

    Raises ValueError for a float, an integer beyond 2^53 − 1, a key that is not ASCII, a lone surrogate.
    """
    _check(value)
    return _canonical(value).encode()


def moment(at: datetime) -> str:
    """A moment as entries and answers write it: UTC, microseconds where there are any, `Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hash_of(entry: Mapping[str, Any], prev_hash: str) -> str:
    """The hash of an entry that follows `prev_hash`; what the entry holds as its own hashes does not count."""
    body = {key: value for key, value in entry.items() if key not in ("prev_hash", "hash")}
    return hashlib.sha256(bytes.fromhex(prev_hash) + canonical(body)).hexdigest()


def chained(head: Head, bodies: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """The bodies as entries that follow `head`, in their order: numbered, each with its two hashes."""
    number, prev_hash = head
    for body in bodies:
        number += 1
        entry = {**body, "entry_no": number}
        entry["prev_hash"], entry["hash"] = prev_hash, hash_of(entry, prev_hash)
        prev_hash = entry["hash"]
        yield entry


def faults(entries: Iterable[Mapping[str, Any]], after: Head = START) -> Iterator[ChainFault]:
    """What breaks the chain in entries in ascending order, the first of which follows `after`.

    After a fault the check goes on from what the entry says, so that one altered entry is one fault.
    """
    number, prev_hash = after
    for entry in entries:
        number += 1
        if entry.get("entry_no") != number:
            yield ChainFault(number, f"entry {number} is missing: the next one is {entry.get('entry_no')}")
            number = entry["entry_no"] if isinstance(entry.get("entry_no"), int) else number
        elif entry.get("prev_hash") != prev_hash:
            yield ChainFault(number, f"entry {number} does not follow the entry before it: its prev_hash is another")
        if not _holds(entry):
            yield ChainFault(number, f"entry {number} was altered: its content has another hash than it states")
        prev_hash = str(entry.get("hash"))


def _holds(entry: Mapping[str, Any]) -> bool:
    try:
        return hash_of(entry, str(entry.get("prev_hash"))) == entry.get("hash")
    except ValueError:
        return False


_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _check(value: object) -> None:
    if value is None or type(value) in (str, bool):  # most are, and a check of a chain asks 20 times an entry
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError(f"a key of an entry is not ASCII text: {key!r}")
            if type(inner) is not str:
                _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, float):
        raise ValueError("an entry holds no floating-point numbers: write decimals as text")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        raise ValueError(f"an entry holds no integer beyond 2^53 - 1: {value}")
    elif not isinstance(value, str | int | None):
        raise ValueError(f"an entry holds no {type(value).__name__}")

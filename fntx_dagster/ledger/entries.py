"""Entries of a book and the chain of hashes that binds each to all before it.

An entry holds strings, integers, booleans, nulls, and lists or objects of them; no floats. So its canonical JSON (RFC
8785) is its keys in order, without spaces, and whoever has the entries checks the chain with a few lines of any
language: `hash` = SHA-256(prev_hash as 32 bytes ‖ canonical JSON of the entry without `prev_hash` and `hash`), in hex;
the first `prev_hash` is zeros, and the entries of a book are numbered 1, 2, 3 …
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any, NamedTuple

import orjson

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


class StoredEntry(NamedTuple):
    """An entry as it is stored: `body` is JSON text, of what the entry holds beside its number and its hashes."""

    entry_no: int
    body: str
    prev_hash: str
    hash: str

    @property
    def entry(self) -> Entry:
        return {"entry_no": self.entry_no, **orjson.loads(self.body), "prev_hash": self.prev_hash, "hash": self.hash}


class ChainFault(NamedTuple):
    """An entry that does not continue the chain, and why."""

    entry_no: int
    reason: str


def canonical(value: Mapping[str, Any]) -> bytes:
    """The RFC 8785 form of a JSON object without floats; ASCII keys.

    Raises ValueError for a float, an integer beyond 2^53 − 1, a key that is not ASCII, a lone surrogate.
    """
    if not _is_plain(value):  # an entry in a million is not, so most are not asked more
        _check(value)
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except TypeError as error:
        raise ValueError(f"an entry has no canonical form: {error}") from error
    if not text.isascii():
        _check(value)
    return text


def moment(at: datetime) -> str:
    """A moment as entries and answers write it: UTC, microseconds where there are any, `Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hash_of(entry: Mapping[str, Any], prev_hash: str) -> str:
    """The hash of an entry that follows `prev_hash`; what the entry holds as its own hashes does not count."""
    return _digest({key: value for key, value in entry.items() if key not in _HASHES}, prev_hash)


def chained(head: Head, bodies: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """The bodies as entries that follow `head`, in their order: numbered, each with its two hashes."""
    number, prev_hash = head
    for body in bodies:
        number += 1
        entry = {**body, "entry_no": number}
        digest = _digest(entry, prev_hash) if _HASHES.isdisjoint(body) else hash_of(entry, prev_hash)
        entry["prev_hash"], entry["hash"] = prev_hash, digest
        prev_hash = digest
        yield entry


def stored(entry: Mapping[str, Any]) -> StoredEntry:
    """An entry as it is stored."""
    body = {key: value for key, value in entry.items() if key not in _APART}
    return StoredEntry(entry["entry_no"], orjson.dumps(body).decode(), entry["prev_hash"], entry["hash"])


def faults(entries: Iterable[Mapping[str, Any]], after: Head = START) -> Iterator[ChainFault]:
    """What breaks the chain in entries in ascending order, the first of which follows `after`.

    After a fault the check goes on from what the entry says, so that one altered entry is one fault.
    """
    links = ((entry.get("entry_no"), entry.get("prev_hash"), entry.get("hash"), _holds(entry)) for entry in entries)
    yield from _breaks(links, after)


def stored_faults(entries: Iterable[StoredEntry], after: Head = START) -> Iterator[ChainFault]:
    """As `faults`, of entries as they are stored. One whose body names a number or a hash was altered."""
    yield from _breaks(((entry[0], entry[2], entry[3], _is_stored_whole(*entry)) for entry in entries), after)


def _breaks(links: Iterable[tuple[Any, Any, Any, bool]], after: Head) -> Iterator[ChainFault]:
    """What breaks the chain: of each entry its number, its two hashes, and whether its content has the hash."""
    number, prev_hash = after
    for entry_no, before, digest, holds in links:
        number += 1
        if entry_no != number:
            yield ChainFault(number, f"entry {number} is missing: the next one is {entry_no}")
            number = entry_no if isinstance(entry_no, int) else number
        elif before != prev_hash:
            yield ChainFault(number, f"entry {number} does not follow the entry before it: its prev_hash is another")
        if not holds:
            yield ChainFault(number, f"entry {number} was altered: its content has another hash than it states")
        prev_hash = digest if isinstance(digest, str) else str(digest)


def _holds(entry: Mapping[str, Any]) -> bool:
    try:
        return hash_of(entry, str(entry.get("prev_hash"))) == entry.get("hash")
    except ValueError:
        return False


def _is_stored_whole(entry_no: int, body: str, prev_hash: str, digest: str) -> bool:
    try:
        entry = orjson.loads(body)
        if not _APART.isdisjoint(entry):
            return False
        entry["entry_no"] = entry_no
        return _digest(entry, prev_hash) == digest
    except ValueError:
        return False


def _digest(body: Mapping[str, Any], prev_hash: str) -> str:
    return hashlib.sha256(bytes.fromhex(prev_hash) + canonical(body)).hexdigest()


_HASHES = frozenset({"prev_hash", "hash"})
_APART = _HASHES | {"entry_no"}
_PLAIN = frozenset({str, int, bool, NoneType})
_PLAIN_OR_OBJECTS = _PLAIN | {dict}
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def _is_plain(value: Mapping[str, Any]) -> bool:
    """Whether an object, and those in it, hold texts, integers, booleans and nulls alone."""
    return _PLAIN.issuperset(map(type, value.values())) or (
        _PLAIN_OR_OBJECTS.issuperset(map(type, value.values()))
        and all(_is_plain(inner) for inner in value.values() if type(inner) is dict)
    )


def _check(value: object) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError(f"a key of an entry is not ASCII text: {key!r}")
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

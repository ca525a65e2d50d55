"""The challenges of a proof of a period: each is a hash of all that was said before, taken modulo the group's order.

Whoever proves and whoever checks computes them alike; nothing public is left out of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from fntx_dagster.curve.group import ORDER
from fntx_dagster.periods.commitment import LABEL


def challenge(digest: bytes) -> int:
    """The scalar of a step's hash."""
    return int.from_bytes(digest) % ORDER


def opened(statement: bytes) -> bytes:
    """h0, from the hash of the statement."""
    return _hash(b"\x00", _hash(LABEL + b"/proof"), statement)


def after_vector(h0: bytes, v: bytes) -> bytes:
    """h1, from V; empty without a vector part."""
    return _hash(b"\x01", h0, v)


def after_projections(h1: bytes, projections: Iterable[int]) -> bytes:
    """h2, from the 192 projections; without a vector part h2 is h1."""
    return _hash(b"\x02", h1, *map(scalar_bytes, projections))


def after_nonces(h2: bytes, points: Iterable[bytes]) -> bytes:
    """h3, from K, E0, E1 (with a vector part) and a T of each row."""
    return _hash(b"\x03", h2, *points)


def after_answers(h3: bytes, rows: Iterable[Sequence[int]], vector: Iterable[int]) -> bytes:
    """h4, from the rows, and z, zeta, epsilon: the weights with which all equations become one."""
    return _hash(b"\x04", h3, *(scalar_bytes(z) for row in rows for z in row), *map(scalar_bytes, vector))


def signs(h1: bytes, count: int) -> list[bytes]:
    """For each number of the vector (masks excepted) the 24 bytes that say in which of 192 projections it counts: bit j
    is bit j mod 8 of byte j div 8."""
    start = hashlib.sha256(b"R" + h1)
    found: list[bytes] = []
    for number in range(count):
        each = start.copy()
        each.update(number.to_bytes(4, "big"))
        found.append(each.digest()[:24])
    return found


def scalar_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "big")


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()

"""The vectors of the aggregation, which another program made, and what the tests draw from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fntx_dagster.aggregate.proving import Draw
from fntx_dagster.aggregate.transcript import PoolAddress
from fntx_dagster.curve.group import ORDER, WIDE, Point, read_wide, write_wide

_FOLDER = Path(__file__).parent / "vectors"


def vectors(name: str) -> Any:
    """The content of a file of vectors."""
    return json.loads((_FOLDER / f"{name}.json").read_text())


def data_of(text: str) -> bytes:
    """The bytes of 0x and hex digits."""
    return bytes.fromhex(text.removeprefix("0x"))


def point_of(text: str) -> Point:
    """The point of 0x and hex digits."""
    return read_wide(data_of(text))


def number_of(text: str) -> int:
    """The number of 0x and hex digits."""
    return int(text, 16)


def wide(*points: Point) -> bytes:
    """Points, 96 bytes each."""
    return b"".join(map(write_wide, points))


def from_seed(seed: bytes) -> Draw:
    """Nonces as the vectors have them: SHA-512(seed ‖ counter from 1 in 8 bytes) modulo the group's order."""
    count = 0

    def draw() -> int:
        nonlocal count
        count += 1
        return int.from_bytes(hashlib.sha512(seed + count.to_bytes(8)).digest()) % ORDER

    return draw


def in_turn(*numbers: int) -> Callable[[], int]:
    """These numbers, one after the other."""
    return iter(numbers).__next__


SUBMISSIONS = vectors("submissions")
POOL = PoolAddress(int(SUBMISSIONS["chain_id"]), SUBMISSIONS["aggregator"])
KEY = point_of(SUBMISSIONS["key"])
TRUE = [case for case in SUBMISSIONS["cases"] if case["holds"]]


def changed(data: bytes, at: int, by: int = 1) -> bytes:
    """Bytes with one of them changed."""
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def with_point(submission: bytes, number: int, point: Point) -> bytes:
    """A submission with another point in the place of one of its body."""
    return submission[: number * WIDE] + write_wide(point) + submission[(number + 1) * WIDE :]

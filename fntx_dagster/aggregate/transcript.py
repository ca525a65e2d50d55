"""What proofs of the aggregation hash: the pool and the day that they are bound to, tags, challenges.

A tag is keccak256("FNTX-AGGREGATE-V1/" ‖ purpose); a word is 32 bytes, big-endian, as Solidity's abi.encode writes
numbers and addresses. Everything public goes in before the first challenge: proofs that left the commitments out have
been broken ("Frozen Heart", 2022).
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from fntx_dagster.curve.group import ORDER, SCALAR
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256


def tag(purpose: str) -> bytes:
    """What keeps the hashes of one purpose apart from those of others."""
    return keccak256(b"FNTX-AGGREGATE-V1/" + purpose.encode("ascii"))


SUBMISSION, OPENING, KEY, SHARE = map(tag, ("submission", "opening", "key", "share"))


class PoolAddress(NamedTuple):
    """Where a pool is: the chain's number and the address of its Aggregator (0x and 40 hex digits)."""

    chain_id: int
    aggregator: str

    def bound(self, purpose: bytes) -> bytes:
        """How whatever is hashed for this pool and this tag begins."""
        return purpose + word(self.chain_id) + address_word(self.aggregator)


def word(number: int) -> bytes:
    """A number in 32 bytes."""
    return number.to_bytes(32)


def address_word(address: str) -> bytes:
    """An address in 32 bytes. Permanent where it is none."""
    if not _ADDRESS.fullmatch(address):
        raise Permanent(f"{address!r} is no address", "Give 0x and 40 hex digits")
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def scalar_of(digest: bytes) -> int:
    """A hash as a scalar."""
    return int.from_bytes(digest) % ORDER


def written(*scalars: int) -> bytes:
    """Scalars, 32 bytes each."""
    return b"".join((scalar % ORDER).to_bytes(SCALAR) for scalar in scalars)


def read_scalars(data: bytes) -> tuple[int, ...]:
    """The scalars that 32 bytes each say. Raises ValueError where one is not below the group's order: it could be
    written twice."""
    scalars = tuple(int.from_bytes(data[at : at + SCALAR]) for at in range(0, len(data), SCALAR))
    if any(scalar >= ORDER for scalar in scalars):
        raise ValueError("a scalar is not below the group's order")
    return scalars


def epoch_of(day: date) -> int:
    """The number of a day's epoch: yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def context_of(pool: PoolAddress, trader: str, epoch: int) -> bytes:
    """What a submission is bound to: pool, trader (an address) and epoch (yyyymmdd)."""
    return keccak256(pool.bound(SUBMISSION) + address_word(trader) + word(epoch))


class Transcript:
    """The challenges of one submission: each is the hash of its number, the one before, and what was said since."""

    def __init__(self, context: bytes, key: bytes, body: bytes) -> None:
        self._count = 0
        self._hash = keccak256(b"\0" + context + key + body)

    def first(self) -> int:
        """The challenge that follows from the body alone."""
        return scalar_of(self._hash)

    def next(self, said: bytes = b"") -> int:
        """The challenge after these bytes."""
        self._count += 1
        self._hash = keccak256(bytes([self._count]) + self._hash + said)
        return scalar_of(self._hash)


_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")

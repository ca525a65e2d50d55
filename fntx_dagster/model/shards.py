"""Shards of accounts: which part of all accounts a run works on.

An account's shard follows from its id alone, by a hash, so that every machine knows it without asking. With another
number of shards most accounts move to another one: nothing depends on it but which run does the work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import NamedTuple

Accounts = Collection[str] | None
"""The accounts that something is limited to; None: all."""


class Shard(NamedTuple):
    """The `number`-th of so many shards, from 1; written as `3/8`."""

    number: int
    shards: int

    @classmethod
    def read(cls, text: str) -> Shard | None:
        """A shard as it is written; None for anything else."""
        number, _, shards = text.partition("/")
        if not (number.isascii() and number.isdigit() and shards.isascii() and shards.isdigit()):
            return None
        shard = cls(int(number), int(shards))
        return shard if 1 <= shard.number <= shard.shards else None

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and shard_of(account, self.shards) == self.number

    def __str__(self) -> str:
        return f"{self.number}/{self.shards}"

    def of(self, accounts: Iterable[str]) -> list[str]:
        """Those of the accounts that are in it, in their order."""
        return [account for account in accounts if account in self]


def shard_of(account: str, shards: int) -> int:
    """The number of an account's shard, from 1: the first eight bytes of SHA-256 of its id in UTF-8, as an unsigned
    big-endian integer, modulo the number of shards, plus one."""
    return int.from_bytes(sha256(account.encode()).digest()[:8], "big") % shards + 1


def all_shards(shards: int) -> list[Shard]:
    """Every shard, in order."""
    return [Shard(number, shards) for number in range(1, shards + 1)]


def is_among(account: str, accounts: Accounts) -> bool:
    """Whether an account is one of those that something is limited to."""
    return accounts is None or account in accounts

"""What the sender keeps before it does it, so that it can be killed between any two steps.

The value types and the protocol; `store` implements it on PostgreSQL. A journal belongs to one chain, contract and
trader. Each call is one committed transaction: when it returns, what it wrote outlives the process.

An entry is queued until a sending takes it. A sending is one nonce: its call data never changes, but it may be signed
several times with rising fees, and every one of these attempts can be the one that lands.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fntx_dagster.model.chain import Mined, QueuedRecord


class Attempt(NamedTuple):
    """One signing of a sending. `max_fee` and `tip` are wei per gas; `is_broadcast`: a node has taken it once."""

    tx_hash: str
    raw: bytes
    max_fee: int
    tip: int
    is_broadcast: bool


class Sending(NamedTuple):
    """A nonce that is taken, what it is for, and its attempts, oldest first.

    `number` is the journal's own. `mined` is block number, block hash and transaction hash while it is mined and not
    final.
    """

    number: int
    nonce: int
    data: bytes
    gas: int
    entries: tuple[QueuedRecord, ...]
    attempts: tuple[Attempt, ...]
    mined: tuple[int, str, str] | None


class Journal(Protocol):
    """The entries and sendings of one chain, contract and trader. The caller has the trader's turn."""

    def waiting(self) -> list[QueuedRecord]:
        """The queued entries, by day, then version."""
        ...

    def sendings(self) -> list[Sending]:
        """The sendings that are neither final nor failed nor released, by nonce."""
        ...

    def open(self, nonce: int, data: bytes, gas: int, entries: tuple[QueuedRecord, ...]) -> Sending:
        """Take a nonce for queued entries, before anything is signed."""
        ...

    def keep(self, sending: Sending, attempt: Attempt) -> Sending:
        """Keep signed bytes before their first broadcast; the sending with them."""
        ...

    def broadcast(self, sending: Sending, tx_hash: str) -> None:
        """A node has taken this attempt. May be told again."""
        ...

    def mined(self, sending: Sending, mined: Mined) -> None:
        """It is in a block: receipts of its entries. May be told again, also of another block."""
        ...

    def final(self, sending: Sending) -> None:
        """Its block is deep enough; nothing more is done about it."""
        ...

    def lost(self, sending: Sending) -> Sending:
        """It was mined and its block has left the chain: open again, with its nonce and its attempts."""
        ...

    def release(self, sending: Sending, why: str) -> None:
        """Its nonce went to another transaction: those of its entries that are not on the chain are queued again."""
        ...

    def fail(self, sending: Sending, why: str) -> None:
        """It was mined and reverted: its entries have failed and wait for a person."""
        ...

    def found(self, entry: QueuedRecord, mined: Mined, is_final: bool) -> None:
        """The chain holds this queued entry though no sending of ours put it there."""
        ...

    def refuse(self, entry: QueuedRecord, why: str) -> None:
        """This queued entry cannot be posted as it is: failed before a nonce was taken, for a person."""
        ...

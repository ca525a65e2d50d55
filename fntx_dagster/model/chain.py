"""Signed records, their way to a chain, and what the chain says of them.

What belongs here: shapes that the outbox's journal, the EVM adapter and the services share. Hashes and addresses are
0x…, times are aware and in UTC, FNTX is Decimal, ether is in wei.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple


class Addresses(NamedTuple):
    """The contracts of one chain, as checksummed addresses."""

    chain_id: int
    fntx: str
    track_record: str


class Funds(NamedTuple):
    """What an address can spend: ether in wei, FNTX and what TrackRecord may burn of it in FNTX."""

    wei: int
    fntx: Decimal
    allowance: Decimal

    @property
    def burnable(self) -> Decimal:
        """The FNTX that TrackRecord may burn and that are there."""
        return min(self.fntx, self.allowance)


class SignedExtension(NamedTuple):
    """The frozen extension of a day: metric name → scaled integer, None for null, under a catalogue of its own."""

    schema_hash: bytes
    values: Mapping[str, int | None]


class SignedDay(NamedTuple):
    """A frozen record. `values`: metric name → scaled integer, None for null; `chain_id`, `contract` and `trader` are
    what the leaves are bound to; `secret_mark` recognises the salt secret and reveals nothing of it; `salt_form` is how
    the salts follow from it (`proof.salts`). A version after the first has the root that it replaces and the reason
    why. `extension` is None where the day was signed before there was one."""

    account_id: str
    trading_day: date
    version: int
    schema_hash: bytes
    root: bytes
    chain_id: int
    contract: str
    trader: str
    secret_mark: str
    salt_form: int
    values: Mapping[str, int | None]
    previous_root: bytes | None = None
    reason: str | None = None
    extension: SignedExtension | None = None

    @property
    def extension_root(self) -> str | None:
        """The root (0x…) of the extension, which is the value of the record's slot 63."""
        root = self.values.get("extension_root")
        return None if root is None else f"0x{root.to_bytes(32, 'big', signed=True).hex()}"


class QueuedRecord(NamedTuple):
    """A frozen record that is to be on the chain. Only versions 2 and later have `previous_root` and `reason`."""

    day: date
    version: int
    schema_hash: bytes
    root: bytes
    previous_root: bytes | None = None
    reason: str | None = None


class Unfinished(NamedTuple):
    """A record that is not final: its state, when it was queued, and where it belongs. `error` of a failed one says
    why."""

    account_id: str
    trading_day: date
    version: int
    state: str
    queued_at: datetime
    error: str | None
    chain_id: int
    contract: str
    trader: str


class Call(NamedTuple):
    """What a transaction says to the contract, and the gas that it may use at most."""

    data: bytes
    gas: int


class Fees(NamedTuple):
    """What a transaction offers, in wei per gas: at most, and of it to whoever makes the block."""

    max_fee: int
    tip: int


class Written(NamedTuple):
    """One record that a transaction wrote (an event DailyRecordPosted)."""

    trader: str
    day: date
    schema_hash: bytes
    root: bytes
    version: int


class Mined(NamedTuple):
    """A transaction in a block of the chain, and what it wrote to the contract. `burned` is FNTX; `sender` and `to` are
    whose transaction it was and what it called (None: it made a contract)."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    mined_at: datetime
    burned: Decimal
    records: tuple[Written, ...]
    sender: str = ""
    to: str | None = None


class QueuedCommitment(NamedTuple):
    """A commitment to a signal that is to be on the chain, under the hash of its strategy. Nothing below the number
    `floor` needs to be looked at to see whether it is there."""

    signal_execution_id: int
    strategy: bytes
    commitment: bytes
    floor: int


class HeldCommitment(NamedTuple):
    """A commitment that the chain holds, and the time of its block."""

    commitment: bytes
    committed_at: datetime


class MinedCommitments(NamedTuple):
    """A transaction in a block of the chain, and the commitments that it made: commitment → its number."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    mined_at: datetime
    numbers: Mapping[bytes, int]


class AnchorHead(NamedTuple):
    """The size of an audit log that is anchored on a chain, and the root of its tree."""

    size: int
    root: bytes


class QueuedAnchor(NamedTuple):
    """A head of an audit log that is to be on the chain; `origin`: SHA-256 of the log's name."""

    number: int
    origin: bytes
    head: AnchorHead


class WaitingAnchor(NamedTuple):
    """An anchor on its way to a chain, or there: `size` events. `error` of a failed one says why."""

    size: int
    root: bytes
    state: str
    queued_at: datetime
    chain_id: int
    contract: str
    poster: str
    mined_at: datetime | None
    tx_hash: str | None
    block_number: int | None
    error: str | None

    @property
    def is_in_block(self) -> bool:
        """Whether its transaction is in a block."""
        return self.state in ("mined", "final")

    @property
    def is_on_its_way(self) -> bool:
        """Whether it is to come into a block yet."""
        return self.state in ("queued", "signed", "broadcast")

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return {**self._asdict(), "root": self.root.hex()}


class MinedAnchor(NamedTuple):
    """A transaction in a block of the chain, and what it anchored: pairs of SHA-256 of a log's name and its head."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    mined_at: datetime
    heads: frozenset[tuple[bytes, AnchorHead]]


class WaitingCommitment(NamedTuple):
    """A commitment on its way to a chain, or there: its state, the signal, when it was queued; its number, the time of
    its block and the transaction where it is in one. `error` of a failed one says why."""

    strategy_code: str
    unique_id: str
    state: str
    queued_at: datetime
    commitment: bytes
    chain_id: int | None
    provider: str | None
    number: int | None
    committed_at: datetime | None
    tx_hash: str | None
    error: str | None


class PostedDay(NamedTuple):
    """A mined record, as read back from the chain. `gas_used` is the transaction's, which posted `records` days;
    `is_final`: no reorg is expected to undo it any more. `schema_hash` and `root` are the frozen record's."""

    account_id: str
    trading_day: date
    version: int
    chain_id: int
    contract: str
    trader: str
    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    records: int
    posted_at: datetime
    is_final: bool
    schema_hash: bytes
    root: bytes


class StoredRecord(NamedTuple):
    """What the contract holds for a trader's day."""

    root: bytes
    schema_hash: bytes
    posted_at: datetime
    version: int

    def holds(self, schema_hash: bytes, root: bytes) -> bool:
        """Whether this is the record with that root under that schema."""
        return (self.schema_hash, self.root) == (schema_hash, root)


class Version(NamedTuple):
    """One version of a trader's day; the first has no previous root and no reason."""

    record: StoredRecord
    previous_root: bytes | None
    reason: str | None


class DayProof(NamedTuple):
    """What the account's own tables know of a day's newest signed record and of its way to the chain.

    `posted` is None until its transaction is mined, and `delay` says how long after the session's close that was;
    `is_early`: before the session was over, so that the figures cannot be that session's. `changed` names the metrics
    whose value in the tables is another one than was signed, None where they could not be compared; `failed` counts
    the day's equations that do not hold.
    """

    signed: SignedDay
    posted: PostedDay | None
    delay: str
    is_late: bool
    is_early: bool
    changed: tuple[str, ...] | None
    failed: int

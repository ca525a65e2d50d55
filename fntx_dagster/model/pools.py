"""A pool of the encrypted aggregation as its contract holds it, and what is sent to it.

Times are Unix seconds, points are 96 bytes, addresses are as the chain's reader writes them; what the bytes mean
`aggregate` knows.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class PoolRules(NamedTuple):
    """What a pool's contract was deployed with, and nobody can change. `bond` is wei, ages and windows are seconds,
    `scale` the digits that a unit has beyond the currency's own."""

    currency: str
    scale: int
    slot: int
    min_users: int
    submit_seconds: int
    challenge_seconds: int
    bond: int
    registrar: str
    min_age: int
    min_cohort: int


class PoolTerms(NamedTuple):
    """A pool: its rules, the contracts that it relies on, its trustees by number with their box keys. `key` and
    `verification_keys` are empty until the committee has formed the key, which must be before `formed_by`."""

    rules: PoolRules
    records: str
    verifier: str
    threshold: int
    trustees: tuple[str, ...]
    box_keys: tuple[bytes, ...]
    formed_by: int
    key: bytes
    verification_keys: tuple[bytes, ...]


class PoolParticipant(NamedTuple):
    """A trader's standing: the first day (yyyymmdd) that is theirs, until when the bond is held."""

    active_from: int
    bound_until: int
    is_registered: bool
    is_admitted: bool


class PoolDayState(StrEnum):
    """Where a day of a pool stands."""

    NONE = "none"
    COLLECTING = "collecting"
    CHECKING = "checking"
    TOO_FEW = "too few"
    FROZEN = "frozen"
    OPENED = "opened"


class PoolDay(NamedTuple):
    """A day of a pool, as of a block whose time is `at`. `sums` are ΣA_1 … ΣB_3; a time is 0 before there is one."""

    state: PoolDayState
    users: int
    evicted: int
    started_at: int
    opened_at: int
    closes_at: int
    freezes_at: int
    totals: tuple[int, ...]
    sums: tuple[bytes, ...]
    at: int


class PoolSubmission(NamedTuple):
    """A submission as the chain took it: the version of the trader's record that it is of, salt and path of its slot,
    and the transactions that brought and evicted it."""

    trader: str
    version: int
    salt: bytes
    path: tuple[bytes, ...]
    submission: bytes
    transaction: str
    evicted: str | None


class PoolOpening(NamedTuple):
    """An opening as the chain took it: `shares` are those of `trustees` one after the other, `totals` as they are
    encrypted, each P&L with what is added to it."""

    transaction: str
    trustees: tuple[int, ...]
    shares: bytes
    totals: tuple[int, ...]


class QueuedAction(NamedTuple):
    """A call of a pool's contract that is to be on the chain once: a submission, a share, an opening.
    `subject` is the trader or the number of the trustee whom it is about, `data` the call."""

    action_id: int
    kind: str
    day: date
    subject: str
    data: bytes


class MinedAction(NamedTuple):
    """The transaction in a block of the chain that brought an action about, whoever sent it."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    mined_at: datetime


class WaitingAction(NamedTuple):
    """An action on its way to a chain, or there. `error` of a failed one says why."""

    action_id: int
    kind: str
    account_id: str
    chain_id: int
    contract: str
    sender: str
    day: date
    subject: str
    state: str
    queued_at: datetime
    tx_hash: str | None
    gas_used: int | None
    error: str | None

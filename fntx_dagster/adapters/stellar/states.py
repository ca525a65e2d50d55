"""What a Stellar ledger says of itself, of accounts, assets and transactions, as plain values.

Amounts are in units (lumens, dollars), fees in stroops.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal, NamedTuple


class StellarLastLedger(NamedTuple):
    """The ledger that closed last. Fee and reserve in stroops, for an operation and for an entry."""

    sequence: int
    closed_at: datetime
    base_fee: int
    base_reserve: int


class StellarLineState(NamedTuple):
    """A holder's line to an issued asset."""

    code: str
    issuer: str
    balance: Decimal
    limit: Decimal
    is_authorized: bool
    maintains_liabilities: bool
    """Authorised at least to keep its liabilities."""
    can_be_clawed_back: bool


class StellarThresholds(NamedTuple):
    """The weight that each kind of operation needs, and the weight of the account's own key."""

    master: int
    low: int
    med: int
    high: int


class StellarAccountState(NamedTuple):
    """An account in the ledger that closed last."""

    address: str
    balance: Decimal
    sequence: int
    subentries: int
    flags: frozenset[str]
    """`auth_required`, `auth_revocable`, `auth_immutable`, `auth_clawback_enabled`."""
    thresholds: StellarThresholds
    signers: Mapping[str, int]
    """Key → weight, without the account's own key."""
    lines: tuple[StellarLineState, ...]
    data: Mapping[str, bytes]
    home_domain: str
    last_modified: int
    """The ledger that changed it last."""


class StellarSupply(NamedTuple):
    """How much of an asset is out, by where it is held."""

    authorized: Decimal
    maintaining: Decimal
    unauthorized: Decimal
    claimable: Decimal
    pools: Decimal
    contracts: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum(self, Decimal(0))


class FailedOperation(NamedTuple):
    """The first operation that did not succeed: its place, from 1, and its code, as `op_no_trust`."""

    place: int
    code: str


class StellarTransactionState(NamedTuple):
    """A transaction in a ledger. `code`: as `tx_success`; None where the result cannot be read. `memo`: 32 bytes of a
    memo of type hash, else None. `hash`: the one that was asked for; `outer`: the one by which the ledger holds it,
    another where its fee was bumped: Horizon answers to both."""

    hash: str
    successful: bool
    ledger: int
    created_at: datetime
    source: str
    sequence: int
    fee: int
    memo: bytes | None
    code: str | None
    failed: FailedOperation | None
    paging_token: str
    envelope_xdr: str
    outer: str


class StellarPaid(NamedTuple):
    """A payment of a transaction that succeeded. `code` and `issuer` are empty for lumens."""

    source: str
    destination: str
    code: str
    issuer: str
    amount: Decimal


class Meaning(Enum):
    """What an answer to a submission means. None is the end of it: what became of the transaction is asked by hash."""

    TAKEN = "taken: ask by hash until it is in a ledger"
    UNKNOWN = "not known: ask by hash, and send the same bytes again"
    SEQUENCE_USED = "something used its sequence, perhaps the transaction itself: ask by hash"
    TOO_EARLY = "its time has not come: wait"
    TOO_LATE = "its time is over: ask by hash, then it has expired"
    FEE_TOO_LOW = "its fee is too low: prepare it again with more, or bump the fee"
    REFUSED = "never valid as it is: an error of ours, or the signers changed"
    FAILED = "an operation failed: final where the ledger holds it"
    NEEDS_FUNDS = "an account lacks lumens or tokens: fund it and prepare a new transaction"


class StellarSubmission(NamedTuple):
    """An answer to a submission. `code`: Horizon's, as `tx_bad_seq`, or a word for what is none; `failed` of
    FAILED and NEEDS_FUNDS."""

    meaning: Meaning
    code: str
    failed: FailedOperation | None = None


class StellarOutcome(NamedTuple):
    """What became of a transaction. `ledger` where it is in one; `code` and `failed` where it failed; `reason` in words
    where it is not known."""

    state: Literal["confirmed", "failed", "expired", "unknown"]
    ledger: int | None = None
    at: datetime | None = None
    code: str | None = None
    failed: FailedOperation | None = None
    reason: str = ""

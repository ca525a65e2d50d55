"""What witnesses say of signed days: attestations, on their way to a chain and on it.

Hashes and addresses are 0x…, roots and evidence are bytes, times are aware and in UTC. A level is a byte: where the
witness has the statements from in its low 4 bits (`Source`), in its high 4 bits what was compared (`WINDOWS` or 0).
"""

from __future__ import annotations

from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

WINDOWS = 0x10
"""Added to a level where the metrics over windows were compared too."""


class Source(IntEnum):
    """Where a witness has the statements from."""

    FILES_SEEN = 1
    """Given by the trader."""
    FILES_DIRECT = 2
    """From the broker, and not through the trader."""
    BROKER_FETCHED = 3
    """Fetched by the witness from the broker's host, with a token of its own."""


def level_in_words(level: int) -> str:
    """`broker_fetched, with windows`; of a kind that is not known the number."""
    kind, reach = level & 0x0F, level >> 4
    name = Source(kind).name.lower() if kind in [*Source] else f"source {kind}"
    return name + ({0: "", 1: ", with windows"}.get(reach, f", coverage {reach}"))


class AttestedDay(NamedTuple):
    """One version of a trader's day, as an attestation names it."""

    trader: str
    day: date
    version: int
    root: bytes


class Attestation(NamedTuple):
    """What a contract holds of one witness about one version of a day. `attested_at` is the time of the newest level's
    block; `revoked_at` is None unless the witness took it back."""

    level: int
    attested_at: datetime
    revoked_at: datetime | None


class QueuedAttestation(NamedTuple):
    """An attestation or, where it has a reason, a revocation that is to be on the chain."""

    number: int
    attested: AttestedDay
    level: int
    evidence: bytes
    reason: str | None = None


class MinedAttestations(NamedTuple):
    """A transaction in a block of the chain, and what one witness said in it: the days with their levels, None for a
    revocation."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    mined_at: datetime
    said: frozenset[tuple[AttestedDay, int | None]]


class WaitingAttestation(NamedTuple):
    """An attestation or revocation on its way to a chain, or there. `error` of a failed one says why."""

    trader: str
    day: date
    version: int
    root: bytes
    level: int
    reason: str | None
    state: str
    queued_at: datetime
    chain_id: int
    contract: str
    witness: str
    mined_at: datetime | None
    tx_hash: str | None
    error: str | None

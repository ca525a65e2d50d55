"""What the HTTP API answers of the audit log: the types of its OpenAPI document and of the client.

Hashes are hex in small letters, moments in UTC.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

AuditRow = dict[str, Any]


class AuditStatusAnswer(TypedDict):
    """How the log stands: events, those of them under the last checkpoint, ledger → the largest size that it holds."""

    events: int
    signed: int
    signed_at: str | None
    log_key: str
    key_id: str | None
    lost_keys: list[str]
    anchored: dict[str, int]
    anchoring: list[AuditRow]


class OlderCheckpoint(TypedDict):
    """An older tree, and the hashes of RFC 9162 that show that the newer one goes on from it."""

    size: int
    root: str
    hashes: list[str]


class SignedCheckpoint(TypedDict):
    """A checkpoint. `note` is what is signed, with its signature; `log_key` checks it, and is to be compared with the
    published one."""

    origin: str
    size: int
    root: str
    time: str
    note: str
    log_key: str


class CheckpointAnswer(SignedCheckpoint):
    """The newest checkpoint. `consistency`: from the checkpoint that was asked for."""

    consistency: OlderCheckpoint | None


class NewCheckpointAnswer(SignedCheckpoint):
    """The newest checkpoint; `is_new`: it was made now, because events were new."""

    is_new: bool


class AuditProofAnswer(TypedDict):
    """A proof file `fntx-audit-proof/1`, as it is: `fntx audit verify` and `verify/audit.py` check it."""

    format: str
    event: AuditRow
    leaf_hash: str
    checkpoint: str
    log_key: str
    inclusion: AuditRow
    consistency: OlderCheckpoint | None
    anchors: list[AuditRow]


class AnchorsAnswer(TypedDict):
    """The transactions on ledgers that hold a checkpoint of `size` events, in the order in which they were recorded."""

    anchors: list[AuditRow]


class SealedEvent(TypedDict):
    """A line of `audit-events.jsonl`: the key `key_id` opens its ciphertext (AES-256-GCM); the leaf hash is in the
    tree."""

    seq: int
    key_id: str
    nonce: str
    ciphertext: str
    prev_hash: str
    leaf_hash: str


class SealedEventsAnswer(TypedDict):
    """Sealed events in their order; `next` is the number to ask from for the rest, null where this is all."""

    events: list[SealedEvent]
    next: int | None

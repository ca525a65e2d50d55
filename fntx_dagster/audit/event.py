"""An event: what happened, to what, by whom; the form that is hashed, and the types that there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from fntx_dagster.audit.canonical import MOST, canonical
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import leaf_hash

VERSION = 1
FIRST_PREVIOUS = bytes(32)
"""What the first event names as the leaf before it."""
SALT_BYTES = 16

_MOVES = """
iou_issued iou_frozen escrow_created escrow_released escrow_cancelled amm_provisioned amm_withdrawn trade_executed
trade_cancelled bond_created bond_transitioned bond_defaulted bond_cured series_created tranche_activated
holders_changed waterfall_distributed allocation_completed covenant_breach covenant_cured claim_completed
"""
_DECISIONS = """
attestation_anchored signer_added signer_removed config_changed emergency_pause emergency_resume document_attested
bridge_configured bridge_activated witness_registered strategy_approved agent_executed report_generated
compliance_check_passed compliance_check_failed decision_recorded list_loaded disposition_recorded reconciliation_run
key_rotated
"""
_OTHER_WINGS = "breaker_tripped breaker_reset day_signed day_posted ledger_head_recorded party_changed"
TYPES = frozenset(f"{_MOVES} {_DECISIONS} {_OTHER_WINGS}".split())
"""The types of events, beside `proposal_` and `transaction_` with the transition behind: `proposal_approve`."""


class EventSubject(NamedTuple):
    """What an event is about: `proposal`, `bond`, `book` … and its id. Ids of parties, never names of people."""

    kind: str
    id: str


class LedgerPlace(NamedTuple):
    """A transaction on a ledger: `xrpl` with its network id, `stellar` with its passphrase, `evm` with its chain id.
    `position`: the ledger's index or sequence, or the block; an event calls it `index`."""

    name: str
    network: int | str
    tx: str
    position: int


class NewAuditEvent(NamedTuple):
    """What is to be written into the log. `actor`: `signer:<id>`, `operator:<name>` or `system:<name>`. `details` is
    JSON: whole numbers within ±(2^53-1), everything else a text."""

    type: str
    actor: str
    subject: EventSubject
    details: Mapping[str, Any] = MappingProxyType({})
    ledger: LedgerPlace | None = None


class LoggedEvent(NamedTuple):
    """An event in its place: the bytes that are hashed and sealed, and their leaf hash."""

    seq: int
    time: datetime
    type: str
    prev_hash: bytes
    canonical: bytes
    leaf_hash: bytes


def logged(event: NewAuditEvent, seq: int, time: datetime, prev_hash: bytes, salt: bytes) -> LoggedEvent:
    """An event as number `seq` of the log, at an aware time, behind the leaf `prev_hash`. `salt`: 16 random bytes,
    so that nobody finds an event of few possible contents by hashing them all. Permanent for a wrong event."""
    content = {
        "v": VERSION,
        "seq": seq,
        "time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": event.type,
        "actor": event.actor,
        "subject": event.subject._asdict(),
        "ledger": dict(zip(_LEDGER, event.ledger, strict=True)) if event.ledger else None,
        "details": dict(event.details),
        "prev_hash": prev_hash.hex(),
        "salt": salt.hex(),
    }
    if not is_type(event.type):
        _refuse("type", f"{event.type!r} is no type of an event")
    check_form(content)
    written = canonical(content)
    return LoggedEvent(seq, time, event.type, prev_hash, written, leaf_hash(written))


def is_type(name: str) -> bool:
    """Whether events of this type are written."""
    return name in TYPES or _TRANSITION.fullmatch(name) is not None


def check_form(content: Any) -> None:
    """Permanent unless a value has exactly the fields of an event, each of its form. The type may be one that this
    version does not write."""
    if not isinstance(content, dict) or content.keys() != FIELDS:
        _refuse("event", f"it does not have exactly the fields {', '.join(sorted(FIELDS))}")
    if type(content["v"]) is not int or content["v"] != VERSION:
        _refuse("v", f"it is not {VERSION}")
    if not is_count(content["seq"]):
        _refuse("seq", "it is not a whole number from 0")
    if not _is_time(content["time"]):
        _refuse("time", "it is not of the form 2026-11-29T01:02:03.000000Z")
    for name, pattern in _PATTERNS.items():
        if type(content[name]) is not str or not pattern.fullmatch(content[name]):
            _refuse(name, "it is not of its form")
    subject = content["subject"]
    if not isinstance(subject, dict) or subject.keys() != {"kind", "id"} or not all(map(_is_word, subject.values())):
        _refuse("subject", "it is not a kind and an id")
    if not _is_ledger(content["ledger"]):
        _refuse("ledger", "it is neither null nor a name, a network, a transaction and an index")
    if type(content["details"]) is not dict:
        _refuse("details", "it is not an object")


def is_count(value: Any) -> bool:
    """Whether it is a whole number of JSON from 0 to 2^53-1."""
    return type(value) is int and 0 <= value <= MOST


def _is_word(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_time(value: Any) -> bool:
    if type(value) is not str or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _is_ledger(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or value.keys() != {*_LEDGER}:
        return False
    network = value["network"]
    return (
        _is_word(value["name"])
        and _is_word(value["tx"])
        and is_count(value["index"])
        and (is_count(network) or _is_word(network))
    )


def _refuse(field: str, problem: str) -> NoReturn:
    raise Permanent(f"the event's field {field}: {problem}", "docs/audit.md describes an event")


FIELDS = {"v", "seq", "time", "type", "actor", "subject", "ledger", "details", "prev_hash", "salt"}
_LEDGER = ("name", "network", "tx", "index")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_TRANSITION = re.compile(r"(proposal|transaction)_[a-z][a-z_]*")
_PATTERNS = {
    "type": re.compile(r"[a-z][a-z0-9_]*"),
    "actor": re.compile(r"(signer|operator|system):.+", re.DOTALL),
    "prev_hash": re.compile(r"[0-9a-f]{64}"),
    "salt": re.compile(r"[0-9a-f]{32}"),
}

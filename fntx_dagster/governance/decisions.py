"""The bytes that people sign: a decision on a proposal, and the registration of a signer.

They begin with a line that no transaction of a ledger begins with, and hold everything that the decision depends on:
with another payload, nonce, threshold or set of signers, or the other word, a signature does not verify.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.errors import Permanent

APPROVE, REJECT = DECISIONS = ("approve", "reject")

_HEADER = b"FNTX-GOVERNANCE-V1\n"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII).fullmatch


class Terms(NamedTuple):
    """What is decided on, in the forms that are signed. `instance`: 32 hex digits of the installation; `nonce`: rises
    by one with each of its proposals; `payload_hash`: lower-case hex; `signer_set`: the version of the set when the
    proposal was made; `expires_at`: as `2026-12-02T01:00:00Z`."""

    instance: str
    proposal: str
    kind: str
    nonce: int
    payload_hash: str
    signer_set: int
    threshold: int
    expires_at: str

    @property
    def ends_at(self) -> datetime:
        return moment(self.expires_at)


class Registration(NamedTuple):
    """A signer as he registers: his role, his key, and his addresses on the two ledgers."""

    id: str
    role: str
    scheme: str
    public_key: str
    xrpl: str
    stellar: str


def decision_bytes(terms: Terms, decision: str) -> bytes:
    """What a signer signs to approve or reject."""
    return _HEADER + canonical(
        {"type": "fntx.governance.decision", "version": 1, **terms._asdict(), "decision": decision}
    )


def registration_bytes(instance: str, registration: Registration) -> bytes:
    """What a signer signs to show that the key that is registered is his."""
    return _HEADER + canonical(
        {"type": "fntx.governance.registration", "version": 1, "instance": instance, **registration._asdict()}
    )


def disposition_bytes(instance: str, disposition: Mapping[str, Any]) -> bytes:
    """What a signer of the role compliance signs to call matches of a check false positives."""
    return _HEADER + canonical(
        {"type": "fntx.compliance.disposition", "version": 1, "instance": instance, **disposition}
    )


def payload_hash(payload: Any) -> str:
    """SHA-256 of the payload's canonical form, as lower-case hex."""
    return hashlib.sha256(canonical(payload, "any")).hexdigest()


def moment(text: str) -> datetime:
    """A time of the form `2026-11-29T01:02:03Z`. Raises Permanent for every other form."""
    if _MOMENT(text):
        try:
            return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise Permanent(f"{text!r} is no time", "Write it in UTC, as 2026-11-29T01:02:03Z")


def moment_text(time: datetime) -> str:
    """A time in the form that `moment` reads; parts of a second are cut."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""A sealed line: an event that only who has the key reads, and whose place and hash everybody sees."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fntx_dagster.audit.canonical import canonical, read_strictly
from fntx_dagster.audit.checkpoint import need, refuse
from fntx_dagster.audit.event import LoggedEvent, check_form, is_count
from fntx_dagster.proof.log_tree import leaf_hash

KEY_BYTES, NONCE_BYTES = 32, 12
MOST_LINES = 2**30
"""A key seals at most so many lines: its nonces are random, and no two of them may be equal."""


class SealedLine(NamedTuple):
    """An event as it is stored and exported. `ciphertext` has the tag behind; a nonce is used once with a key."""

    seq: int
    key_id: str
    nonce: bytes
    ciphertext: bytes
    prev_hash: bytes
    leaf_hash: bytes

    def as_exported(self) -> dict[str, Any]:
        """The object of a line of `audit-events.jsonl`."""
        return {
            "seq": self.seq,
            "key_id": self.key_id,
            "nonce": self.nonce.hex(),
            "ciphertext": b64encode(self.ciphertext).decode(),
            "prev_hash": self.prev_hash.hex(),
            "leaf_hash": self.leaf_hash.hex(),
        }


def key_id_of(key: bytes) -> str:
    """What a key is called: 16 hex digits of a hash of it, so that a file of another key cannot pass for it."""
    return sha256(b"fntx-audit-key/1|" + key).hexdigest()[:16]


def seal(event: LoggedEvent, key: bytes, key_id: str, nonce: bytes) -> SealedLine:
    """An event, sealed by AES-256-GCM under a key of 32 bytes and a nonce of 12 that this key never had before."""
    data = _bound_to(event.seq, event.prev_hash)
    return SealedLine(
        event.seq, key_id, nonce, AESGCM(key).encrypt(nonce, event.canonical, data), event.prev_hash, event.leaf_hash
    )


def unsealed(line: SealedLine, key: bytes) -> dict[str, Any]:
    """The event of a line. Permanent where the key is another, or where anything in the line is not as it was sealed:
    its place, the hash before it, the nonce, the content, the leaf hash."""
    need(len(key) == KEY_BYTES, "the key has not 32 bytes")
    try:
        content = AESGCM(key).decrypt(line.nonce, line.ciphertext, _bound_to(line.seq, line.prev_hash))
    except (InvalidTag, ValueError):
        refuse(f"line {line.seq} does not open: the key is another, or the line was changed")
    need(leaf_hash(content) == line.leaf_hash, f"line {line.seq} does not have the leaf hash of its event")
    event = read_strictly(content)
    need(canonical(event) == content, f"the event of line {line.seq} is not in its canonical form")
    check_form(event)
    is_in_place = event["seq"] == line.seq and event["prev_hash"] == line.prev_hash.hex()
    need(is_in_place, f"the event of line {line.seq} was written for another place")
    return event


def seal_secret(secret: bytes, key: bytes, nonce: bytes, place: str) -> bytes:
    """Bytes that are no event, sealed as events are, under a nonce that the key never had before. `place`: what they
    belong to; nowhere else they open."""
    return AESGCM(key).encrypt(nonce, secret, _belonging_to(place))


def unsealed_secret(content: bytes, key: bytes, nonce: bytes, place: str) -> bytes:
    """The bytes that `seal_secret` sealed. Permanent where the key or the place is another, or anything was changed."""
    try:
        return AESGCM(key).decrypt(nonce, content, _belonging_to(place))
    except (InvalidTag, ValueError):
        refuse(f"what is sealed of {place} does not open: the key is another, or it was changed")


def read_line(line: Mapping[str, Any]) -> SealedLine:
    """A line of `audit-events.jsonl`. Permanent for another form; fields that it has beside are left out."""
    need(is_count(line.get("seq")), "seq is not a whole number from 0")
    for name, pattern in _FORMS.items():
        need(type(line.get(name)) is str and pattern.fullmatch(line[name]) is not None, f"{name} is not of its form")
    try:
        ciphertext = b64decode(line["ciphertext"], validate=True)
    except ValueError:
        refuse("ciphertext is not base64")
    nonce, prev_hash, own_hash = (bytes.fromhex(line[name]) for name in ("nonce", "prev_hash", "leaf_hash"))
    return SealedLine(line["seq"], line["key_id"], nonce, ciphertext, prev_hash, own_hash)


def _bound_to(seq: int, prev_hash: bytes) -> bytes:
    return f"fntx-audit/1|{seq}|{prev_hash.hex()}".encode()


def _belonging_to(place: str) -> bytes:
    return f"fntx-sealed/1|{place}".encode()


_FORMS = {
    "key_id": re.compile(r"[A-Za-z0-9_.-]{1,64}"),
    "nonce": re.compile(r"[0-9a-f]{24}"),
    "ciphertext": re.compile(r"[A-Za-z0-9+/]+={0,2}"),
    "prev_hash": re.compile(r"[0-9a-f]{64}"),
    "leaf_hash": re.compile(r"[0-9a-f]{64}"),
}

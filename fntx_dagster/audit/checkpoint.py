"""A checkpoint: how large the log is and which root it has, as a signed note that Go's `note` tools read.

Four lines (origin, size, root, time), an empty line, and the signature of the log's own Ed25519 key over the four.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fntx_dagster.audit.canonical import MOST
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import HASH_BYTES

KEY_BYTES = 32


class Checkpoint(NamedTuple):
    """The log called `origin` at an aware time: `size` events under `root`."""

    origin: str
    size: int
    root: bytes
    time: datetime

    @property
    def text(self) -> str:
        """The four lines that are signed."""
        time = self.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\ntime {time}\n"


class VerifierKey(NamedTuple):
    """What is published of the key of a log: the log's name, its origin, and the public key of 32 bytes."""

    origin: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that a signature names the key by."""
        return _key_id(self.origin, self.public)

    @property
    def text(self) -> str:
        """As it is published: origin, key id, key."""
        return f"{self.origin}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"


class LogKey:
    """The key that signs the checkpoints of one log, and nothing else. It moves nothing on any ledger."""

    def __init__(self, origin: str, secret: bytes) -> None:
        need(_ORIGIN.fullmatch(origin) is not None, "the name of the log is not of its form")
        need(len(secret) == KEY_BYTES, "the key of the log has not 32 bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self._secret = secret
        self.verifier = VerifierKey(origin, self._private.public_key().public_bytes_raw())

    @classmethod
    def read(cls, text: str) -> LogKey:
        """The key of a file, in the form of Go's `note` tools: PRIVATE+KEY+origin+key id+key. Permanent for another."""
        parts = text.strip().split("+", 4)
        need(len(parts) == 5 and parts[:2] == ["PRIVATE", "KEY"], "the file of the log's key is not of its form")
        content = exact_base64(parts[4], 1 + KEY_BYTES, "the log's key")
        need(content[:1] == _ED25519, "the log's key is no Ed25519 key")
        key = cls(parts[2], content[1:])
        need(parts[3] == key.verifier.key_id.hex(), "the log's key does not have the id that its file names")
        return key

    @property
    def private_text(self) -> str:
        """What its file holds, which its owner alone may read."""
        key_id = self.verifier.key_id.hex()
        return f"PRIVATE+KEY+{self.verifier.origin}+{key_id}+{b64encode(_ED25519 + self._secret).decode()}\n"

    def signed(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        need(checkpoint.origin == self.verifier.origin, "the checkpoint is of another log than the key")
        signature = self.verifier.key_id + self._private.sign(checkpoint.text.encode())
        return f"{checkpoint.text}\n— {checkpoint.origin} {b64encode(signature).decode()}\n"

    def __repr__(self) -> str:
        return f"LogKey({self.verifier.origin})"


def origin_of(installation: bytes) -> str:
    """The name of the log of an installation, given its 16 bytes."""
    return f"fntx.audit/{installation.hex()}"


def read_verifier_key(text: str) -> VerifierKey:
    """A key as it is published. Permanent for another form, and where its id is not that of the key."""
    parts = text.split("+", 2)
    need(len(parts) == 3 and _ORIGIN.fullmatch(parts[0]) is not None, "log_key is no key of an audit log")
    content = exact_base64(parts[2], 1 + KEY_BYTES, "log_key")
    need(content[:1] == _ED25519, "log_key is no Ed25519 key")
    key = VerifierKey(parts[0], content[1:])
    need(parts[1] == key.key_id.hex(), "log_key does not have the id that it names")
    return key


def opened(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a signed note. Permanent unless the note has exactly its form, is of the log that the key
    names, and is signed by that key."""
    text, empty_line, signatures = note.partition("\n\n")
    need(bool(empty_line), "the checkpoint has no signature")
    checkpoint = _read_text(f"{text}\n")
    match = _SIGNATURE.fullmatch(signatures)
    need(match is not None, "the checkpoint does not end with one signature")
    assert match
    need(checkpoint.origin == key.origin == match[1], "the checkpoint is not of the log that the key names")
    signature = exact_base64(match[2], 4 + _SIGNATURE_BYTES, "the checkpoint's signature")
    need(signature[:4] == key.key_id, "the checkpoint is signed by another key")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], checkpoint.text.encode())
    except (InvalidSignature, ValueError):
        refuse("the checkpoint's signature is wrong")
    return checkpoint


def exact_base64(text: str, length: int, what: str) -> bytes:
    """So many bytes from base64 that has no other way to be written. Permanent otherwise."""
    try:
        content = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        refuse(f"{what} is not base64")
    need(len(content) == length and b64encode(content).decode() == text, f"{what} has not {length} bytes in base64")
    return content


def need(condition: bool, otherwise: str) -> None:
    """Permanent with these words unless it is so."""
    if not condition:
        refuse(otherwise)


def refuse(message: str) -> NoReturn:
    """Permanent: what a log gave away is not as it writes it."""
    raise Permanent(message, "Ask for it again where it came from, and do not rely on this one")


def _read_text(text: str) -> Checkpoint:
    match = _TEXT.fullmatch(text)
    need(match is not None, "the checkpoint does not have the four lines of its form")
    assert match
    origin, size, root, time = match.groups()
    need(int(size) <= MOST, "the checkpoint's size is beyond 2^53-1")
    try:
        at = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        refuse("the checkpoint's time is none")
    return Checkpoint(origin, int(size), exact_base64(root, HASH_BYTES, "the checkpoint's root"), at)


def _key_id(origin: str, public: bytes) -> bytes:
    return sha256(f"{origin}\n".encode() + _ED25519 + public).digest()[:4]


_ED25519 = b"\x01"
_SIGNATURE_BYTES = 64
_ORIGIN = re.compile(r"fntx\.audit/[0-9a-f]{32}")
_TEXT = re.compile(
    rf"({_ORIGIN.pattern})\n(0|[1-9][0-9]{{0,15}})\n([A-Za-z0-9+/=]+)\n"
    r"time ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n"
)
_SIGNATURE = re.compile(rf"— ({_ORIGIN.pattern}) ([A-Za-z0-9+/=]+)\n")

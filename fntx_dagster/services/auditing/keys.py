"""The keys of the audit log, in `keys/audit` of the home: those that seal events, and the one that signs checkpoints.

Each file is its owner's alone. None of these keys moves anything on a ledger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.audit.checkpoint import LogKey, origin_of
from fntx_dagster.audit.sealing import KEY_BYTES, key_id_of
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings

_LOG_KEY = "checkpoint.notekey"


class SealingKey(NamedTuple):
    """A key that seals events, and its name."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SealingKey({self.key_id})"


class LostKey(Permanent):
    """The key of events is not there: they cannot be read, and none is sealed with it."""


def log_key(settings: Settings) -> LogKey:
    """The key that signs this installation's checkpoints; made, with the name of the log, at the first use."""

    def made() -> bytes:
        return LogKey(origin_of(os.urandom(16)), os.urandom(KEY_BYTES)).private_text.encode()

    return LogKey.read(_kept(_folder(settings) / _LOG_KEY, made).decode("ascii", "replace"))


def sealing_key(settings: Settings, key_id: str | None) -> SealingKey:
    """The key for the next event, where the last one was sealed by `key_id` (None: there is no event yet): that of
    FNTX_AUDIT_KEY, else the same, else a new one. Raises LostKey where the same is not there."""
    if (own := _from_settings(settings)) is not None:
        return own
    if key_id is not None:
        return key_of(settings, key_id)
    # A first event that was rolled back has left its key.
    left = sorted(_folder(settings).glob("*.key"))
    return _read(left[0]) if left else new_sealing_key(settings)


def key_of(settings: Settings, key_id: str) -> SealingKey:
    """The key of that name. Raises LostKey where it is not there."""
    own = _from_settings(settings)
    if own is not None and own.key_id == key_id:
        return own
    file = _folder(settings) / f"{key_id}.key"
    if not _KEY_ID.fullmatch(key_id) or not file.exists():
        raise LostKey(
            f"the key {key_id} of the audit log is not there",
            "Bring its file back into keys/audit of the home, or set FNTX_AUDIT_KEY to it; where it is lost for good, "
            "`fntx audit rotate` begins a new one, and what the old events say stays sealed",
        )
    return _read(file)


def new_sealing_key(settings: Settings) -> SealingKey:
    """A new key, in a file of its own."""
    secret = os.urandom(KEY_BYTES)
    key = SealingKey(key_id_of(secret), secret)
    _kept(_folder(settings) / f"{key.key_id}.key", lambda: secret)
    return key


def is_from_settings(settings: Settings) -> bool:
    """Whether FNTX_AUDIT_KEY gives the key."""
    return settings.audit.key is not None


def _from_settings(settings: Settings) -> SealingKey | None:
    if settings.audit.key is None:
        return None
    text = settings.audit.key.get_secret_value()
    if not _HEX.fullmatch(text):
        raise Permanent("FNTX_AUDIT_KEY is no key of 64 hex digits", "`openssl rand -hex 32` makes one")
    secret = bytes.fromhex(text)
    return SealingKey(key_id_of(secret), secret)


def _read(file: Path) -> SealingKey:
    secret = file.read_bytes()
    if len(secret) != KEY_BYTES or key_id_of(secret) != file.stem:
        raise LostKey(f"the file keys/audit/{file.name} does not hold the key of its name", "Bring the right one back")
    return SealingKey(file.stem, secret)


def _kept(file: Path, made: Callable[[], bytes]) -> bytes:
    """The content of a private file, which is made where it is missing; of two that make it one is kept."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(made())
                stream.flush()
                os.fsync(stream.fileno())  # an event must not outlive its key
            with suppress(FileExistsError):  # another process made it meanwhile
                os.link(unfinished, file)
        finally:
            unfinished.unlink(missing_ok=True)
    return file.read_bytes()


def _folder(settings: Settings) -> Path:
    return settings.paths.keys / "audit"


_HEX = re.compile(r"[0-9a-fA-F]{64}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")

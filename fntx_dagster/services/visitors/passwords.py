"""Passwords: hashed with Argon2id, at most two at a time, and checked in the same time whether there is one or not."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fntx_dagster.errors import Permanent

SHORTEST, LONGEST = 12, 256
_hasher = PasswordHasher()
_turns = BoundedSemaphore(2)
"""One hash takes 64 MB of memory and a core for about 0.1 seconds."""


def hashed(password: str) -> str:
    """The hash of a new password, with its salt. Raises Permanent where it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Permanent(f"a password has {SHORTEST} to {LONGEST} characters", "Choose another one")
    with _turns:
        return _hasher.hash(_bytes(password))


def is_right(password: str, kept: str | None) -> bool:
    """Whether a password has this hash. Where there is none, the same work is done for nothing."""
    with _turns:
        try:
            return _hasher.verify(kept or _nobodys(), _bytes(password[: LONGEST + 1])) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than those of now."""
    return _hasher.check_needs_rehash(kept)


def warm_up() -> None:
    """Make the hash that stands for nobody's password, so that the first sign-in takes no longer than others."""
    with _turns:
        _nobodys()


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody, which signs nobody in")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")

"""What looks like a private key, a seed or a mnemonic. No request may hold one: none is asked for, kept or logged."""

from __future__ import annotations

import re
from typing import Any

from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent

_NAMES = frozenset(
    (
        "seed",
        "secret",
        "secretkey",
        "secretseed",
        "masterseed",
        "masterkey",
        "privatekey",
        "privkey",
        "signingkey",
        "mnemonic",
        "seedphrase",
        "recoveryphrase",
        "keystore",
        "password",
    )
)
_SHAPES = re.compile(
    # a seed of the XRP Ledger, one of Stellar, a private key as xrpl-py writes one, PEM
    r"(?<![A-Za-z0-9+/=_-])(?:s[1-9A-HJ-NP-Za-km-z]{28}|sEd[1-9A-HJ-NP-Za-km-z]{28}|S[A-Z2-7]{55}|00[0-9A-Fa-f]{64})"
    r"(?![A-Za-z0-9+/=_-])|PRIVATE KEY-----"
).search


def seems_to_hold_a_secret(body: bytes) -> bool:
    """Whether the bytes of a request have the form of a key that signs, wherever it stands in them."""
    return _SHAPES(body.decode("latin-1")) is not None


def holds_a_secret(content: bytes) -> bool:
    """Whether a file that was handed in, JSON or none, has the form of a key that signs, or names one. JSON that can be
    read in two ways is taken by nothing, and not read here."""
    if seems_to_hold_a_secret(content):
        return True
    try:
        return names_a_secret(read_strictly(content, "any"))
    except Permanent:
        return False


def names_a_secret(value: Any) -> bool:
    """The same of a document that was read: by the names of its fields, and by texts that were written in escapes."""
    if isinstance(value, dict):
        return any(
            (_plain(name) in _NAMES and each not in (None, "")) or names_a_secret(each) for name, each in value.items()
        )
    if isinstance(value, list):
        return any(names_a_secret(each) for each in value)
    return isinstance(value, str) and _SHAPES(value) is not None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())

"""What looks like a private key, a seed or a mnemonic. No request may hold one: none is asked for, kept or logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.addresses import XRPL_ALPHABET, is_stellar_seed, is_xrpl_seed

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
        "privatekeyhex",
        "seedhex",
        "mnemonicphrase",
        "mnemonicwords",
    )
)
_SHAPES = re.compile(
    # a private key as xrpl-py writes one, PEM
    r"(?<![A-Za-z0-9])00[0-9A-Fa-f]{64}(?![A-Za-z0-9])|PRIVATE KEY-----"
    # where nothing stands beside them, seeds are refused with a wrong character, too
    r"|(?<![A-Za-z0-9+/=_-])(?:s[1-9A-HJ-NP-Za-km-z]{28}|sEd[1-9A-HJ-NP-Za-km-z]{28}|S[A-Z2-7]{55})"
    r"(?![A-Za-z0-9+/=_-])"
).search
_XRPL_SEEDS = re.compile(f"(?=(s[{XRPL_ALPHABET}]{{28}}))(?=(sEd[{XRPL_ALPHABET}]{{28}})?)")
_STELLAR_SEEDS = re.compile("(?=(S[A-Z2-7]{55}))")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search


def seems_to_hold_a_secret(body: bytes) -> bool:
    """Whether the bytes of a request have the form of a key that signs, wherever it stands in them."""
    return _has_seed(body.decode("latin-1"))


def require_plain(name: str, text: str) -> None:
    """Refuse a text that people write, as a reason, where it holds a key or a control character, which no database
    takes or which changes what a terminal shows."""
    if _CONTROL(text):
        raise Permanent(f"{name} holds a control character", "Write it in letters, digits and signs")
    if _has_seed(text):
        raise Permanent(f"{name} seems to hold a private key or a seed", "Leave it out, and consider that key as lost")


def require_no_secret(value: Any) -> None:
    """Refuse what a proposal would keep, its payload or a reason, where it holds a key or names one."""
    if names_a_secret(value):
        raise Permanent(
            "what was given seems to hold a private key, a seed or a mnemonic, and is not kept",
            "Leave it out, and consider that key as lost",
        )


def _has_seed(text: str) -> bool:
    return _SHAPES(text) is not None or any(_seeds(text))


def _seeds(text: str) -> Iterator[bool]:
    """Of each place where a seed could begin, whatever stands beside it, whether one does by its checksum."""
    for found in _XRPL_SEEDS.finditer(text):
        yield any(is_xrpl_seed(each) for each in found.groups() if each)
    for found in _STELLAR_SEEDS.finditer(text):
        yield is_stellar_seed(found[1])


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
            (_plain(name) in _NAMES and each not in (None, "")) or _has_seed(name) or names_a_secret(each)
            for name, each in value.items()
        )
    if isinstance(value, list):
        return any(names_a_secret(each) for each in value)
    return isinstance(value, str) and _has_seed(value)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())

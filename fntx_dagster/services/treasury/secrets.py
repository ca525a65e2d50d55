"""What looks like a private key, a seed or a mnemonic. No request may hold one: none is asked for, kept or logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.secret_shapes import has_mnemonic, is_hex_alone, seems_a_secret

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
        "mnemonics",
        "seedwords",
        "passphrase",
        "passwd",
        "signingseed",
    )
)
_OF_A_NETWORK = re.compile("[A-Za-z0-9 ]{1,60} Network ; [A-Z][a-z]+ 20[0-9]{2}").fullmatch
"""What names a network of Stellar, and is public."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search


def seems_to_hold_a_secret(body: bytes) -> bool:
    """Whether the bytes of a request have the form of a key that signs, wherever it stands in them."""
    return seems_a_secret(body.decode("latin-1"))


def require_plain(name: str, text: str) -> None:
    """Refuse a text that people write, as a reason, where it holds a key or a control character, which no database
    takes or which changes what a terminal shows."""
    if _CONTROL(text):
        raise Permanent(f"{name} holds a control character", "Write it in letters, digits and signs")
    if seems_a_secret(text) or is_hex_alone(text):
        raise Permanent(
            f"{name} seems to hold a private key, a seed or a mnemonic", "Leave it out, and consider that key as lost"
        )


def require_no_secret(value: Any) -> None:
    """Refuse what a proposal would keep, its payload or a reason, where it holds a key or names one."""
    if names_a_secret(value):
        raise Permanent(
            "what was given seems to hold a private key, a seed or a mnemonic, and is not kept",
            "Leave it out, and consider that key as lost",
        )


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
    """The same of a document that was read: by the names of its fields, and by texts that were written in escapes. The
    `passphrase` of a Stellar network is none: that of the object `stellar` of a configuration, or one of the usual
    form."""
    return _names_a_secret(value, "")


def _names_a_secret(value: Any, of: str) -> bool:
    """`of`: the field whose value it is."""
    if isinstance(value, dict):
        return (
            any(_is_kept_secret(name, each, of) or seems_a_secret(name) for name, each in value.items())
            or any(_names_a_secret(each, name) for name, each in value.items())
            or _is_mnemonic_in_parts(value.values())
        )
    if isinstance(value, list):
        return any(_names_a_secret(each, of) for each in value) or _is_mnemonic_in_parts(value)
    return isinstance(value, str) and seems_a_secret(value)


def _is_kept_secret(name: str, value: Any, of: str) -> bool:
    if value in (None, "") or _plain(name) not in _NAMES:
        return False
    is_of_network = of == "stellar" or (isinstance(value, str) and _OF_A_NETWORK(value) is not None)
    return not (_plain(name) == "passphrase" and is_of_network)


def _is_mnemonic_in_parts(values: Iterable[Any]) -> bool:
    """Whether texts make a mnemonic together, as its words do in a list."""
    return has_mnemonic(" ".join(each for each in values if isinstance(each, str)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())

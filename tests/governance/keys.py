"""Keys of signers for tests, made of public words, and what they sign with the public tools of the XRP Ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from xrpl.core import keypairs

CASES = json.loads((Path(__file__).parent / "vectors" / "cases.json").read_text(encoding="utf-8"))


class Key(NamedTuple):
    """A key pair; `private` as xrpl-py has it."""

    scheme: str
    public: bytes
    private: str


def _key(seed: str) -> Key:
    public, private = keypairs.derive_keypair(seed)
    return Key("ed25519" if public.startswith("ED") else "secp256k1", bytes.fromhex(public), private)


KEYS = {name: _key(words["seed"]) for name, words in CASES["keys"].items()}
STRANGER = _key("sEdTM1uX8pu2do5XvTnutH6HsouMaM2")


def signed(signer: str, message: bytes) -> bytes:
    """What a signer's own machine returns."""
    return signed_by(KEYS[signer], message)


def signed_by(key: Key, message: bytes) -> bytes:
    """What whoever holds a key signs."""
    return bytes.fromhex(keypairs.sign(message, key.private))

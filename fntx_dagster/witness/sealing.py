"""Packages that only one witness can read: HPKE (RFC 9180) in its base mode, with X25519, HKDF-SHA256 and AES-256-GCM.

A sealed package is the encapsulated key, 32 bytes, and the ciphertext of the whole file. The base mode says nothing of
who sealed it: the roots do.
"""

from __future__ import annotations

import secrets

from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key

from fntx_dagster.errors import Permanent

INFO = b"fntx.package/1"
KEY_BYTES = 32
X25519 = b"\x01"
"""The byte before a published key that says what it is."""


def public_key(private: bytes) -> bytes:
    """The public key, 32 bytes, of a private one of 32 bytes."""
    return import_x25519_private_key(private).public_key().export_key(format="raw")


def sealed(content: bytes, public: bytes) -> bytes:
    """The content, readable with the private key of `public` (32 bytes) alone. Permanent for a key that is none."""
    try:
        receiver = import_x25519_public_key(public)
        sender = HPKE.new(receiver_key=receiver, aead_id=HPKE.AEAD.AES256_GCM, info=INFO)
        return sender.enc + sender.seal(content)
    except ValueError:
        raise Permanent("the witness's key is none of X25519", "Ask the witness to publish it again") from None


def unsealed(content: bytes, private: bytes) -> bytes:
    """What was sealed for the private key. Permanent where it was sealed for another one, or changed since."""
    receiver = import_x25519_private_key(private)
    try:
        cipher = HPKE.new(receiver_key=receiver, aead_id=HPKE.AEAD.AES256_GCM, enc=content[:KEY_BYTES], info=INFO)
        return cipher.unseal(content[KEY_BYTES:])
    except ValueError:
        raise Permanent(
            "the package is sealed for another key, or was changed on its way",
            "Ask the trader to seal it for the key that `fntx attest key init` shows",
        ) from None


def new_private_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)

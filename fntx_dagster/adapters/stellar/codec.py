"""The XDR of Stellar: an envelope of base64, addresses, strict base64. No rule of a transaction is decided here."""

from __future__ import annotations

import base64
import binascii

from stellar_sdk import StrKey, TransactionEnvelope

from fntx_dagster.intents.refusal import TransactionRefused

MOST_BYTES = 50_000
"""Of an envelope. One with 100 operations and 20 signatures has under 20,000."""


def is_address(text: str) -> bool:
    """Whether a text is an account's public key, G…. A muxed one, M…, is not: it hides a sub-account."""
    return len(text) == 56 and StrKey.is_valid_ed25519_public_key(text)


def from_base64(text: str) -> bytes | None:
    """The bytes of strict base64, padded, without blanks and stray bits; None for anything else."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return None
    return content if base64.b64encode(content).decode("ascii") == text else None


def envelope_of(xdr: str, passphrase: str) -> TransactionEnvelope:
    """The envelope that base64 XDR holds. Refused as `malformed` where it is none, is a fee bump or of the old form, or
    is not in the one form that the library writes: what signers read must be what they sign."""
    if len(xdr) > 2 * MOST_BYTES or from_base64(xdr) is None:
        raise TransactionRefused("malformed", f"the XDR is no base64 of at most {MOST_BYTES} bytes")
    try:
        envelope = TransactionEnvelope.from_xdr(xdr, passphrase)
        again = envelope.to_xdr()
    except Exception as error:  # the library raises whatever the bytes lead it to
        raise TransactionRefused("malformed", f"the XDR holds no transaction: {type(error).__name__}") from None
    if again != xdr or not envelope.transaction.v1:
        raise TransactionRefused("malformed", "the XDR is not written in the form of today's transactions")
    return envelope

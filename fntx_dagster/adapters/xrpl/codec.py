"""The binary form of the XRP Ledger: a transaction as JSON and as bytes, its hash, addresses. No rule of a transaction
is decided here."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from xrpl.core import addresscodec, binarycodec

from fntx_dagster.intents.fields import shown
from fntx_dagster.intents.refusal import TransactionRefused

TxJson = dict[str, Any]

MOST_BYTES = 50_000
"""Of a blob. A transaction with 32 signatures and a memo has under 7,000; the codec's time grows with the square."""
RIPPLE_EPOCH = 946_684_800
"""2000-01-01 in Unix seconds, from which the ledger counts."""
_LONGEST_ADDRESS = 35


def account_id(address: str) -> bytes | None:
    """The 20 bytes of a classic address; None for anything else. An X-address is something else: it carries a tag that
    nobody would see."""
    if not 25 <= len(address) <= _LONGEST_ADDRESS:
        return None
    try:
        return addresscodec.decode_classic_address(address)
    except (ValueError, addresscodec.XRPLAddressCodecException):
        return None


def encoded(tx_json: TxJson) -> str:
    """A transaction in upper-case hex."""
    return binarycodec.encode(tx_json).upper()


def decoded(blob: str) -> TxJson:
    """The transaction that a blob holds. Refused as `malformed` where it is none, or not in the one form that the codec
    writes: what signers read must be what they sign."""
    if len(blob) > 2 * MOST_BYTES or not re.fullmatch("(?:[0-9a-fA-F]{2})+", blob):
        raise TransactionRefused("malformed", f"{shown(blob[:40])} is no blob: it is hex of at most {MOST_BYTES} bytes")
    try:
        tx_json = binarycodec.decode(blob.upper())
        again = encoded(tx_json)
    except Exception as error:  # the codec raises whatever the bytes lead it to: KeyError, struct.error, RecursionError
        raise TransactionRefused("malformed", f"the blob holds no transaction: {type(error).__name__}") from None
    if again != blob.upper():
        raise TransactionRefused("malformed", "the blob is not written in canonical form")
    return tx_json


def multisigning_bytes(tx_json: TxJson, signer: str) -> bytes:
    """What a signer of a signer list signs: SMT and a zero byte, the transaction, the signer's account id."""
    return bytes.fromhex(binarycodec.encode_for_multisigning(tx_json, signer))


def signing_bytes(tx_json: TxJson, public_key: str) -> bytes:
    """What an account's master key or regular key signs alone: STX and a zero byte, the transaction with that key."""
    return bytes.fromhex(binarycodec.encode_for_signing(tx_json | {"SigningPubKey": public_key.upper()}))


def transaction_hash(blob: str) -> str:
    """The hash by which the ledger knows signed bytes: the first half of SHA-512 of TXN, a zero byte and the blob."""
    return hashlib.sha512(b"TXN\x00" + bytes.fromhex(blob)).digest()[:32].hex().upper()

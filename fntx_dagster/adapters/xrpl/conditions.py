"""Crypto-conditions of escrows: PREIMAGE-SHA-256 alone, the only kind that the ledger takes.

A fulfillment is made of a preimage, a condition of its hash. Whoever sees the fulfillment can finish the escrow.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

MOST_PREIMAGE_BYTES = 127
"""Up to here the cost of a condition is written in one byte."""
_CONDITION = re.compile("A0258020[0-9A-F]{64}8101[0-7][0-9A-F]")


class CryptoCondition(NamedTuple):
    """What the escrow holds, and what finishes it; both in upper-case hex."""

    condition: str
    fulfillment: str


def new_condition() -> CryptoCondition:
    """A condition of 32 random bytes. Its fulfillment is a secret until the escrow is finished."""
    return condition_of(secrets.token_bytes(32))


def condition_of(preimage: bytes) -> CryptoCondition:
    """The condition that a preimage of at most 127 bytes fulfils."""
    size = len(preimage)
    if size > MOST_PREIMAGE_BYTES:
        raise ValueError(f"a preimage has at most {MOST_PREIMAGE_BYTES} bytes, not {size}")
    content = bytes([0x80, size]) + preimage
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x81, len(content)])
    fulfillment = b"\xa0" + length + content
    condition = b"\xa0\x25\x80\x20" + hashlib.sha256(preimage).digest() + bytes([0x81, 0x01, size])
    return CryptoCondition(condition.hex().upper(), fulfillment.hex().upper())


def is_condition(text: str) -> bool:
    """Whether hex is a condition of the kind PREIMAGE-SHA-256."""
    return _CONDITION.fullmatch(text.upper()) is not None


def fulfils(condition: str, fulfillment: str) -> bool:
    """Whether a fulfillment is the one that a condition asks for, byte by byte."""
    if not re.fullmatch("(?:[0-9A-F]{2})+", fulfillment.upper()):
        return False
    content = bytes.fromhex(fulfillment)
    start = 4 if content[1:2] != b"\x81" else 5
    preimage = content[start:]
    if len(preimage) > MOST_PREIMAGE_BYTES:
        return False
    return condition_of(preimage) == (condition.upper(), fulfillment.upper())

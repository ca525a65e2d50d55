"""Addresses of the two ledgers, checked by their own checksums: a slip of one character is found before it costs."""

from __future__ import annotations

import base64
import hashlib
import re

_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_XRPL = re.compile(f"r[{_ALPHABET}]{{24,34}}").fullmatch
_STELLAR = re.compile("G[A-Z2-7]{55}").fullmatch
_ACCOUNT_BYTES = 20
_STELLAR_ACCOUNT = 6 << 3


def is_xrpl_address(text: str) -> bool:
    """Whether this is a classic address of the XRP Ledger."""
    if not _XRPL(text):
        return False
    number = 0
    for sign in text:
        number = number * 58 + _ALPHABET.index(sign)
    if number >= 1 << (8 * (_ACCOUNT_BYTES + 4)):  # more than the version byte 0, the account and the checksum
        return False
    content = number.to_bytes(_ACCOUNT_BYTES + 5, "big")
    body, checksum = content[:-4], content[-4:]
    zeros = len(body) - len(body.lstrip(b"\0"))
    leading = len(text) - len(text.lstrip("r"))
    return leading == zeros and hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4] == checksum


def is_stellar_address(text: str) -> bool:
    """Whether this is the public key of an account on Stellar."""
    if not _STELLAR(text):
        return False
    content = base64.b32decode(text)
    body, checksum = content[:-2], content[-2:]
    return body[0] == _STELLAR_ACCOUNT and _crc16(body).to_bytes(2, "little") == checksum


def _crc16(content: bytes) -> int:
    """CRC-16/XMODEM, as Stellar's addresses have it."""
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc

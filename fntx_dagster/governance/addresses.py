"""Addresses and seeds of the two ledgers, known by their own checksums: a slip of one character in an address is found
before it costs, and a seed in a text before it is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

XRPL_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_XRPL = re.compile(f"r[{XRPL_ALPHABET}]{{24,34}}").fullmatch
_STELLAR = re.compile("G[A-Z2-7]{55}").fullmatch
_ACCOUNT_BYTES = 20
_STELLAR_ACCOUNT, _STELLAR_SEED = 6 << 3, 18 << 3


def is_xrpl_address(text: str) -> bool:
    """Whether this is a classic address of the XRP Ledger."""
    if not _XRPL(text):
        return False
    number = _number(text)
    if number >= 1 << (8 * (_ACCOUNT_BYTES + 4)):  # more than the version byte 0, the account and the checksum
        return False
    content = number.to_bytes(_ACCOUNT_BYTES + 5, "big")
    zeros = len(content[:-4]) - len(content[:-4].lstrip(b"\0"))
    leading = len(text) - len(text.lstrip("r"))
    return leading == zeros and _is_checked(content)


def is_xrpl_seed(text: str) -> bool:
    """Whether signs of the XRP Ledger's alphabet, of a seed's number and beginning, are a seed."""
    number = _number(text)
    return _is_checked(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def is_stellar_address(text: str) -> bool:
    """Whether this is the public key of an account on Stellar."""
    return _STELLAR(text) is not None and _is_of_stellar(text, _STELLAR_ACCOUNT)


def is_stellar_seed(text: str) -> bool:
    """Whether 56 signs of base32 are the secret seed of an account on Stellar."""
    return _is_of_stellar(text, _STELLAR_SEED)


def _number(text: str) -> int:
    number = 0
    for sign in text:
        number = number * 58 + XRPL_ALPHABET.index(sign)
    return number


def _is_checked(content: bytes) -> bool:
    return hashlib.sha256(hashlib.sha256(content[:-4]).digest()).digest()[:4] == content[-4:]


def _is_of_stellar(text: str, version: int) -> bool:
    content = base64.b32decode(text)
    return content[0] == version and binascii.crc_hqx(content[:-2], 0).to_bytes(2, "little") == content[-2:]

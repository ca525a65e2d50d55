"""The entries of the ledger's state: where each lies, what its flags mean, and how new ones begin."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha512
from typing import Any

from xrpl.core.addresscodec import decode_classic_address

from fntx_dagster.simulate.xrpl.amounts import currency_bytes

LedgerEntry = dict[str, Any]

# AccountRoot: flag → the bit of its entry, the number in AccountSet, its name in account_info
PASSWORD_SPENT, REQUIRE_DEST, REQUIRE_AUTH, DISALLOW_XRP = 0x10000, 0x20000, 0x40000, 0x80000
DISABLE_MASTER, NO_FREEZE, GLOBAL_FREEZE, DEFAULT_RIPPLE = 0x100000, 0x200000, 0x400000, 0x800000
DEPOSIT_AUTH, DISALLOW_LINES = 0x1000000, 0x20000000
ALLOW_LOCKING, ALLOW_CLAWBACK = 0x40000000, 0x80000000
SETTABLE = {
    1: REQUIRE_DEST,
    2: REQUIRE_AUTH,
    3: DISALLOW_XRP,
    4: DISABLE_MASTER,
    6: NO_FREEZE,
    7: GLOBAL_FREEZE,
    8: DEFAULT_RIPPLE,
    9: DEPOSIT_AUTH,
    12: 0x4000000,
    13: 0x8000000,
    14: 0x10000000,
    15: DISALLOW_LINES,
    16: ALLOW_CLAWBACK,
    17: ALLOW_LOCKING,
}
ACCOUNT_FLAGS = {
    "defaultRipple": DEFAULT_RIPPLE,
    "depositAuth": DEPOSIT_AUTH,
    "disableMasterKey": DISABLE_MASTER,
    "disallowIncomingCheck": 0x8000000,
    "disallowIncomingNFTokenOffer": 0x4000000,
    "disallowIncomingPayChan": 0x10000000,
    "disallowIncomingTrustline": DISALLOW_LINES,
    "disallowIncomingXRP": DISALLOW_XRP,
    "globalFreeze": GLOBAL_FREEZE,
    "noFreeze": NO_FREEZE,
    "passwordSpent": PASSWORD_SPENT,
    "requireAuthorization": REQUIRE_AUTH,
    "requireDestinationTag": REQUIRE_DEST,
    "allowTrustLineClawback": ALLOW_CLAWBACK,
    "allowTrustLineLocking": ALLOW_LOCKING,
}
# RippleState: the bit of the low side; that of the high side is twice as much
RESERVED, AUTHORIZED, NO_RIPPLE, FROZEN, DEEP_FROZEN = 0x10000, 0x40000, 0x100000, 0x400000, 0x2000000
# Offer
PASSIVE, SELL = 0x10000, 0x20000
ONE_OWNER_COUNT = 0x10000
"""Of a SignerList: it counts once, however long it is."""


def half_hash(content: bytes) -> str:
    """The first half of SHA-512, as the ledger writes it."""
    return sha512(content).digest()[:32].hex().upper()


@lru_cache(65536)
def account_id(address: str) -> bytes:
    """The 20 bytes of an address. Raises the codec's error where it is none."""
    return decode_classic_address(address)


def is_address(text: object) -> bool:
    """Whether a text is an account's address, its checksum included."""
    try:
        return isinstance(text, str) and bool(account_id(text))
    except Exception:  # the codec raises errors of several kinds
        return False


def root_index(address: str) -> str:
    return half_hash(b"\x00a" + account_id(address))


def line_index(one: str, other: str, currency: str) -> str:
    low, high = sorted((account_id(one), account_id(other)))
    return half_hash(b"\x00r" + low + high + currency_bytes(currency))


def escrow_index(owner: str, sequence: int) -> str:
    return half_hash(b"\x00u" + account_id(owner) + sequence.to_bytes(4, "big"))


def offer_index(owner: str, sequence: int) -> str:
    return half_hash(b"\x00o" + account_id(owner) + sequence.to_bytes(4, "big"))


def ticket_index(owner: str, sequence: int) -> str:
    return half_hash(b"\x00T" + account_id(owner) + sequence.to_bytes(4, "big"))


def signers_index(owner: str) -> str:
    return half_hash(b"\x00S" + account_id(owner) + bytes(4))


def new_root(address: str, drops: int, sequence: int) -> LedgerEntry:
    """An account that has so many drops and owns nothing."""
    return {
        "LedgerEntryType": "AccountRoot",
        "Account": address,
        "Balance": str(drops),
        "Flags": 0,
        "OwnerCount": 0,
        "Sequence": sequence,
        "index": root_index(address),
    }


def parties(entry: LedgerEntry) -> tuple[str, ...]:
    """The accounts in whose directories an entry stands; an account's own root stands in none."""
    kind = entry["LedgerEntryType"]
    if kind == "RippleState":
        return entry["LowLimit"]["issuer"], entry["HighLimit"]["issuer"]
    if kind == "Escrow":
        issuer = () if isinstance(entry["Amount"], str) else (entry["Amount"]["issuer"],)
        return entry["Account"], entry["Destination"], *issuer
    return () if kind == "AccountRoot" else (entry["Account"],)

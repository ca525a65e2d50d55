"""A leaf: one metric's value, bound by its hash to the schema, chain, contract, trader, day and slot it was signed for.

leaf = keccak256(keccak256(abi.encode(schemaHash, chainId, contract, trader, date, index, scaledValue, salt))), where
the date is the number yyyymmdd. Every field is static, so the ABI encoding is eight words of 32 bytes; hashing twice
keeps a leaf's content (256 bytes) apart from a node's (65 bytes). TrackRecord.verifyMetric computes the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.tree import SLOTS

NULL_VALUE = -(2**255)
"""How a metric without a value is encoded: int256's minimum, which no scaled value may take."""

EMPTY_LEAF = bytes(32)
"""What a slot without a metric holds: no known input hashes to it, so nothing can be disclosed from there."""


@dataclass(frozen=True)
class Context:
    """What a record is bound to. Permanent where a field has the wrong size."""

    schema_hash: bytes
    """keccak256 of the catalogue's canonical bytes."""
    chain_id: int
    contract: str
    """Address of TrackRecord, 0x and 40 hex digits."""
    trader: str
    """Address that posts the record, 0x and 40 hex digits."""
    day: date

    def __post_init__(self) -> None:
        if len(self.schema_hash) != 32:
            raise Permanent(f"schema_hash has {len(self.schema_hash)} bytes instead of 32")
        if not 0 < self.chain_id < 2**256:
            raise Permanent(f"chain_id {self.chain_id} is no chain's number")
        _address_word("contract", self.contract)
        _address_word("trader", self.trader)


def schema_hash_of(canonical: bytes) -> bytes:
    """The schema hash of a catalogue, from its canonical bytes (`metrics.catalogue.Catalogue.canonical`)."""
    return keccak256(canonical)


def leaf_of(context: Context, index: int, value: int | None, salt: bytes) -> bytes:
    """The leaf of slot `index`; `value` is scaled to the metric's decimals, None is null.

    Permanent for an index outside 0..63, a salt of other than 32 bytes, or a value that int256
    cannot hold or that is the encoding of null.
    """
    if not 0 <= index < SLOTS:
        raise Permanent(f"slot {index} is outside the tree", f"Slots run from 0 to {SLOTS - 1}")
    if len(salt) != 32:
        raise Permanent(f"the salt of slot {index} has {len(salt)} bytes instead of 32")
    if value is not None and not NULL_VALUE < value < 2**255:
        raise Permanent(f"the value of slot {index} does not fit into int256")
    scaled = NULL_VALUE if value is None else value
    words = _prefix(context) + _word(index) + scaled.to_bytes(32, "big", signed=True) + salt
    return keccak256(keccak256(words))


def _prefix(context: Context) -> bytes:
    day = context.day
    return (
        context.schema_hash
        + _word(context.chain_id)
        + _address_word("contract", context.contract)
        + _address_word("trader", context.trader)
        + _word(day.year * 10_000 + day.month * 100 + day.day)
    )


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _address_word(field: str, address: str) -> bytes:
    try:
        if len(address) == 42 and address.startswith("0x"):
            return bytes(12) + bytes.fromhex(address[2:])
    except ValueError:
        pass
    raise Permanent(f"{field} {address!r} is no address", "Give 0x and 40 hex digits")

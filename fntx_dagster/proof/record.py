"""A day's record: 64 slots of scaled values under one root, and the check of a single disclosed value.

A record is frozen when it is built. Its values and salts are private until disclosed, so neither is ever printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.leaves import EMPTY_LEAF, NULL_VALUE, Context, leaf_of
from fntx_dagster.proof.salts import SaltForm, salt_of
from fntx_dagster.proof.tree import SLOTS, leads_to, proof_of, root_of


@dataclass(frozen=True)
class Record:
    """What is signed for one account and day. `root` goes to the chain; the rest stays here."""

    context: Context
    root: bytes
    leaves: tuple[bytes, ...] = field(repr=False)
    values: Mapping[int, int | None] = field(repr=False)
    """Scaled value by slot, None for null; a slot without a metric is absent."""
    salts: Mapping[int, bytes] = field(repr=False)
    version: int = 1
    """1 as first posted, one more with each correction; the salts depend on it, the leaves on the salts."""

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The six hashes that, with the slot's value and salt, prove it; Permanent for a slot without a metric."""
        if index not in self.values:
            raise Permanent(f"slot {index} holds no metric in this record")
        return proof_of(self.leaves, index)


def build_record(
    context: Context,
    account_id: str,
    values: Mapping[int, int | None],
    secret: bytes,
    version: int = 1,
    *,
    salt_form: SaltForm,
) -> Record:
    """The record of `values` (scaled integers by slot, None for null) for an account's day. `salt_form` is the one that
    the record was signed with.

    The same arguments always give the same record. Permanent for a slot outside 0..63, a value outside int256, a
    short secret, a version below 1, or no value at all.
    """
    if not values:
        raise Permanent("a record needs at least one metric")
    salts = {index: salt_of(secret, context, account_id, index, version, salt_form) for index in _slots(values)}
    filled = {index: leaf_of(context, index, values[index], salt) for index, salt in salts.items()}
    leaves = tuple(filled.get(index, EMPTY_LEAF) for index in range(SLOTS))
    frozen = MappingProxyType({index: values[index] for index in salts})
    return Record(context, root_of(leaves), leaves, frozen, MappingProxyType(salts), version)


def verify(context: Context, root: bytes, index: int, value: int | None, salt: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the record with this root says that slot `index` holds `value` (scaled; None for null).

    False for anything malformed: a proof of other than six hashes, a hash or salt of other than 32 bytes, a slot
    outside 0..63, a value outside int256 (int256's own minimum stands for null and is written None).
    """
    if not 0 <= index < SLOTS or len(salt) != 32 or (value is not None and not NULL_VALUE < value < 2**255):
        return False
    return leads_to(root, leaf_of(context, index, value, salt), index, proof)


def _slots(values: Mapping[int, int | None]) -> list[int]:
    outside = [index for index in values if not 0 <= index < SLOTS]
    if outside:
        raise Permanent(f"slots {outside} are outside the tree", f"Slots run from 0 to {SLOTS - 1}")
    return sorted(values)

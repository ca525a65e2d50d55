"""A signed tree whose values and salts are all known: what a witness rebuilds without the secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fntx_dagster.proof.leaves import EMPTY_LEAF, Context, leaf_of
from fntx_dagster.proof.tree import SLOTS, root_of


@dataclass(frozen=True)
class Tree:
    """The record of a day or its extension: the catalogue's hash, and by slot the scaled values, None for null, and
    the salts. Both are private."""

    schema_hash: bytes
    values: Mapping[int, int | None] = field(repr=False)
    salts: Mapping[int, bytes] = field(repr=False)

    def root(self, context: Context, values: Mapping[int, int | None] | None = None) -> bytes:
        """The root of these values, or of others for the same slots, under these salts. Permanent for a value that
        int256 cannot hold."""
        filled = self.values if values is None else values
        leaves = {slot: leaf_of(context, slot, filled[slot], salt) for slot, salt in self.salts.items()}
        return root_of([leaves.get(slot, EMPTY_LEAF) for slot in range(SLOTS)])


class Blindings(NamedTuple):
    """What the commitments of a day hide their figures with; None for a commitment that is null."""

    aggregation: tuple[int, int, int] | None
    period: int | None

    def __repr__(self) -> str:
        return "Blindings()"

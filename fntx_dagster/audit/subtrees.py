"""The roots of whole perfect subtrees: with them kept, a proof needs few of them and a few hundred leaves, whatever
the size of the log.

Kept are those of 256 leaves and of every power of two above. The rest of a tree is hashed from its leaves anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fntx_dagster.audit.consistency import left_leaves
from fntx_dagster.proof.log_tree import node_hash

LOWEST = 8
"""The height of the lowest subtrees that are kept: 2^8 leaves."""


class Subtree(NamedTuple):
    """A whole subtree of 2^height leaves, the first of which is place · 2^height, and its root."""

    height: int
    place: int
    root: bytes


class Needed(NamedTuple):
    """What has to be read for a proof: kept subtrees by height and place, and the leaves of these blocks of 2^8."""

    subtrees: set[tuple[int, int]]
    blocks: set[int]


class KnownTree(NamedTuple):
    """What was read: height and place → root, number → leaf hash."""

    subtrees: Mapping[tuple[int, int], bytes]
    leaves: Mapping[int, bytes]

    def root(self, first: int, behind: int) -> bytes:
        """The root of a part of the tree. Raises KeyError where what it needs was not read."""
        kept = _kept(first, behind)
        if kept:
            return self.subtrees[kept]
        if behind - first == 1:
            return self.leaves[first]
        split = first + left_leaves(behind - first)
        return node_hash(self.root(first, split), self.root(split, behind))


def inclusion_parts(size: int, index: int) -> list[tuple[int, int]]:
    """The parts of a tree whose roots lead from leaf `index` to its root (RFC 9162, 2.1.3.1), the leaf's neighbour
    first: the first leaf of each, and the leaf behind its last. Raises IndexError outside."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} is outside of the tree of {size}")
    parts: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        split = low + left_leaves(high - low)
        if index < split:
            parts.append((split, high))
            high = split
        else:
            parts.append((low, split))
            low = split
    return parts[::-1]


def needed(parts: Iterable[tuple[int, int]]) -> Needed:
    """What `KnownTree.root` of these parts needs."""
    found, rest = Needed(set(), set()), [*parts]
    while rest:
        first, behind = rest.pop()
        kept = _kept(first, behind)
        if kept:
            found.subtrees.add(kept)
        elif behind - first < 1 << LOWEST:
            found.blocks.add(first >> LOWEST)
        else:
            split = first + left_leaves(behind - first)
            rest += [(first, split), (split, behind)]
    return found


def _kept(first: int, behind: int) -> tuple[int, int] | None:
    """Height and place of a part of a tree whose root is kept: its leaves are a power of two, so it is perfect, and
    parts begin at a multiple of the power of two that holds them."""
    height = (behind - first).bit_length() - 1
    return (height, first >> height) if height >= LOWEST and behind - first == 1 << height else None

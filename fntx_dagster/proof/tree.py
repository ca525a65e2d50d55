"""A Merkle tree of fixed depth: 64 slots, and the slot's index decides on which side a sibling stands.

The index's bits choose the sides, so a leaf verifies in its own slot and nowhere else. Trees that sort their pairs
lack that: one of them can hold two leaves for the same metric, and both verify. A node is hashed with a leading 0x01,
so that 64 bytes of leaf material never pass for a node.
"""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256

DEPTH = 6
SLOTS = 1 << DEPTH
HASH_BYTES = 32


def empty_subtrees() -> tuple[bytes, ...]:
    """The root of a subtree without a metric, by its height: 0 is the empty leaf, 5 half a tree."""
    roots = [bytes(HASH_BYTES)]
    for _ in range(DEPTH - 1):
        roots.append(_node(roots[-1], roots[-1]))
    return tuple(roots)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over exactly 64 leaves of 32 bytes; Permanent for any other shape."""
    return _levels(leaves)[-1][0]


def proof_of(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The six siblings of slot `index`, the leaf's own first, the root's child last; Permanent outside 0..63."""
    if not 0 <= index < SLOTS:
        raise Permanent(f"slot {index} is outside the tree", f"Slots run from 0 to {SLOTS - 1}")
    levels = _levels(leaves)
    return tuple(levels[level][(index >> level) ^ 1] for level in range(DEPTH))


def leads_to(root: bytes, leaf: bytes, index: int, proof: Sequence[bytes]) -> bool:
    """Whether `leaf` in slot `index` hashes up to `root`.

    False, never an error, for an index outside 0..63, a proof of other than six hashes, or a hash of other than 32
    bytes: what comes from outside is refused, not repaired.
    """
    if not 0 <= index < SLOTS or len(proof) != DEPTH:
        return False
    if any(len(item) != HASH_BYTES for item in (root, leaf, *proof)):
        return False
    return root_above(leaf, index, proof) == root


def root_above(leaf: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """The root that `leaf` in slot `index`, from 0 to 63, hashes up to."""
    node = leaf
    for level, sibling in enumerate(proof):
        node = _node(sibling, node) if index >> level & 1 else _node(node, sibling)
    return node


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    if len(leaves) != SLOTS or any(len(leaf) != HASH_BYTES for leaf in leaves):
        raise Permanent(f"a tree needs {SLOTS} leaves of {HASH_BYTES} bytes, got {len(leaves)} leaves")
    levels = [leaves]
    for _ in range(DEPTH):
        below = levels[-1]
        levels.append([_node(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return levels


def _node(left: bytes, right: bytes) -> bytes:
    return keccak256(b"\x01" + left + right)

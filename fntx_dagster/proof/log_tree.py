"""The Merkle tree of RFC 6962, section 2.1, over any number of leaves, with SHA-256.

A leaf is hashed after a 0x00, a node after a 0x01, so that neither passes for the other. A tree of n leaves has the
largest power of two below n on its left. The root of none is SHA-256 of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of what a leaf holds."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others."""
    return sha256(b"\x01" + left + right).digest()


def log_root(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of the leaves, in their order."""
    if not hashes:
        return sha256().digest()
    return _levels(hashes)[-1][0]


def log_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, the leaf's neighbour first. Raises IndexError outside."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"leaf {index} is outside of the tree of {len(hashes)}")
    path = []
    for level in _levels(hashes)[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def log_holds(root: bytes, hashed: bytes, index: int, size: int, path: Sequence[bytes]) -> bool:
    """Whether the leaf with this hash is the `index`-th of the `size` leaves under the root (RFC 9162, 2.1.3.2).

    False, never an error, for an index outside of the tree and a path of another length.
    """
    if not 0 <= index < size or any(len(each) != HASH_BYTES for each in (root, hashed, *path)):
        return False
    last, node = size - 1, hashed
    for sibling in path:
        if not last:
            return False
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return not last and node == root


def _levels(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The hashes of every height, the leaves' first: a node without a neighbour goes up as it is."""
    levels = [hashes]
    while len(below := levels[-1]) > 1:
        pairs = zip(below[::2], below[1::2], strict=False)  # the last may have no neighbour
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        levels.append([*level, below[-1]] if len(below) % 2 else level)
    return levels

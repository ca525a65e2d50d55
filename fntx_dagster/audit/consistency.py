"""That one tree goes on from another: every leaf of the smaller one stands, in its place, in the larger one."""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.proof.log_tree import HASH_BYTES, log_root, node_hash


def consistency_path(hashes: Sequence[bytes], smaller: int) -> list[bytes]:
    """The hashes that show that the tree over these leaf hashes goes on from that over the first `smaller` of them
    (RFC 9162, 2.1.4.1). Empty where both are the same. Raises IndexError for a size outside of 1 to the tree's."""
    return [log_root(hashes[first:behind]) for first, behind in consistency_parts(len(hashes), smaller)]


def consistency_parts(size: int, smaller: int) -> list[tuple[int, int]]:
    """The parts of a tree whose roots are the proof that it goes on from its first `smaller` leaves, in their order:
    the first leaf of each, and the leaf behind its last. Raises IndexError for a size outside of 1 to the tree's."""
    if not 0 < smaller <= size:
        raise IndexError(f"a tree of {smaller} leaves is not inside of one of {size}")
    parts: list[tuple[int, int]] = []
    low, high, is_whole = 0, size, True
    while smaller != high - low:
        split = left_leaves(high - low)
        if smaller <= split:
            parts.append((low + split, high))
            high = low + split
        else:
            parts.append((low, low + split))
            low, smaller, is_whole = low + split, smaller - split, False
    if not is_whole:
        parts.append((low, high))
    return parts[::-1]


def consistency_holds(size: int, root: bytes, larger: int, larger_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `larger` leaves goes on from that of `size` (RFC 9162, 2.1.4.2).

    False, never an error, for sizes that do not rise, an empty tree, a path of another length, a hash that has not 32
    bytes. Trees of one size need no path and have one root.
    """
    if not 0 < size <= larger or any(len(each) != HASH_BYTES for each in (root, larger_root, *path)):
        return False
    if size == larger:
        return not path and root == larger_root
    nodes = [root, *path] if size & (size - 1) == 0 else list(path)
    if not nodes:
        return False
    at, last = size - 1, larger - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            before, after = node_hash(node, before), node_hash(node, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, node)
        at, last = at >> 1, last >> 1
    return not last and before == root and after == larger_root


def left_leaves(size: int) -> int:
    """How many of the leaves of a tree of more than one stand on its left: the largest power of two below."""
    return 1 << ((size - 1).bit_length() - 1)

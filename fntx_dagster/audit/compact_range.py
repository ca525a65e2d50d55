"""What of a tree is needed to append to it: the roots of its perfect subtrees, at most 64 hashes.

A checkpoint keeps them. The next one, n events later, hashes n + log n nodes, whatever the size of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from fntx_dagster.audit.consistency import consistency_parts
from fntx_dagster.audit.subtrees import LOWEST, Subtree
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import HASH_BYTES, node_hash


class CompactRange(NamedTuple):
    """A tree of `size` leaves by the roots of its perfect subtrees, the largest, at the left, first."""

    size: int
    roots: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return _folded(self.roots)

    def grown(self, hashes: Iterable[bytes]) -> Growth:
        """The tree with the leaves of these hashes behind, and the proof that it goes on from this one."""
        size, roots = self.size, list(self.roots)
        mixed = len(roots)  # so many of the roots are of subtrees that hold a leaf of this tree
        whole: list[Subtree] = []
        beside: dict[int, bytes] = {}  # first leaf → the root of new leaves alone that is hashed behind old ones
        for node in hashes:
            place, height, meets_old = size, 0, False
            while place & 1:
                if len(roots) <= mixed:
                    beside[size + 1 - (1 << height)] = node
                    meets_old = True
                place, height, node = place >> 1, height + 1, node_hash(roots.pop(), node)
                if height >= LOWEST:
                    whole.append(Subtree(height, place, node))
            roots.append(node)
            mixed = len(roots) if meets_old else mixed
            size += 1
        tree = CompactRange(size, tuple(roots))
        if not self.size:
            return Growth(tree, _folded(roots), (), whole)
        if mixed < len(roots):
            right = _folded(roots[mixed:])
            beside[sum(_widths(size)[:mixed])] = right
            return Growth(tree, _folded([*roots[:mixed], right]), self._path(size, beside), whole)
        return Growth(tree, _folded(roots), self._path(size, beside), whole)

    def _path(self, size: int, beside: Mapping[int, bytes]) -> tuple[bytes, ...]:
        """The consistency proof (RFC 9162, 2.1.4.1) from what is known of both trees, without one hash of old leaves
        but those of this tree's right edge."""
        old = _parts(self)
        return tuple(
            beside[first] if first >= self.size else old[first, behind]
            for first, behind in consistency_parts(size, self.size)
        )


class Growth(NamedTuple):
    """A tree that went on from another: itself, its root, the consistency proof (that of an empty tree is empty), and
    the subtrees to keep that became whole with it."""

    tree: CompactRange
    root: bytes
    path: tuple[bytes, ...]
    subtrees: list[Subtree]


EMPTY = CompactRange(0, ())


def compact_range(size: int, roots: Sequence[bytes]) -> CompactRange:
    """A compact range that was stored. Permanent unless it has one hash of 32 bytes for each perfect subtree."""
    if size < 0 or len(roots) != size.bit_count() or any(len(root) != HASH_BYTES for root in roots):
        raise Permanent(
            f"the stored compact range of a checkpoint over {size} events does not have its form",
            "`fntx audit status --whole` says which rows of the log were changed",
        )
    return CompactRange(size, tuple(roots))


def _folded(roots: Sequence[bytes]) -> bytes:
    if not roots:
        return sha256().digest()
    node = roots[-1]
    for left in reversed(roots[:-1]):
        node = node_hash(left, node)
    return node


def _widths(size: int) -> list[int]:
    """How many leaves each perfect subtree of a tree has, the largest first."""
    return [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]


def _parts(tree: CompactRange) -> dict[tuple[int, int], bytes]:
    """First leaf and the leaf behind the last → the root of that part: every perfect subtree, and every part that ends
    with the tree."""
    parts: dict[tuple[int, int], bytes] = {}
    behind, right = tree.size, b""
    for root, width in zip(reversed(tree.roots), reversed(_widths(tree.size)), strict=True):
        right = node_hash(root, right) if right else root
        parts[behind - width, behind] = root
        parts[behind - width, tree.size] = right
        behind -= width
    return parts

"""Inclusion, consistency and the compact range, held against the recursive definitions of RFC 6962."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.audit import compact_range as module
from fntx_dagster.audit.compact_range import EMPTY, compact_range
from fntx_dagster.audit.consistency import consistency_holds, consistency_path
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import leaf_hash, log_holds, log_path, log_root, node_hash


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def split_of(size: int) -> int:
    split = 1
    while split * 2 < size:
        split *= 2
    return split


def recursive_root(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word by word."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = split_of(len(hashes))
    return sha256(b"\x01" + recursive_root(hashes[:split]) + recursive_root(hashes[split:])).digest()


def recursive_consistency(smaller: int, hashes: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2, word by word."""
    size = len(hashes)
    if smaller == size:
        return [] if whole else [recursive_root(hashes)]
    split = split_of(size)
    if smaller <= split:
        return [*recursive_consistency(smaller, hashes[:split], whole), recursive_root(hashes[split:])]
    return [*recursive_consistency(smaller - split, hashes[split:], False), recursive_root(hashes[:split])]


LEAVES = leaves(70)
sizes = st.integers(1, 70)


@pytest.mark.parametrize("size", range(1, 35))
def test_every_pair_of_small_trees_is_proved_consistent_and_the_compact_range_gives_the_same_proof(size: int) -> None:
    larger, root = LEAVES[:size], recursive_root(LEAVES[:size])
    for smaller in range(1, size + 1):
        path = recursive_consistency(smaller, larger)
        assert consistency_path(larger, smaller) == path
        before = recursive_root(LEAVES[:smaller])
        assert consistency_holds(smaller, before, size, root, path)
        growth = EMPTY.grown(LEAVES[:smaller]).tree.grown(LEAVES[smaller:size])
        assert (growth.tree.size, growth.root, growth.tree.root) == (size, root, root)
        assert [*growth.path] == path
        for wrong in ([*path, root], path[1:], path[:-1], [root, *path]):
            assert wrong == path or not consistency_holds(smaller, before, size, root, wrong)


@given(sizes, sizes, st.data())
def test_a_proof_in_which_any_bit_is_another_does_not_hold(one: int, two: int, data: st.DataObject) -> None:
    smaller, size = sorted((one, two))
    hashes = [log_root(LEAVES[:smaller]), log_root(LEAVES[:size]), *consistency_path(LEAVES[:size], smaller)]
    at, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    changed = [*hashes]
    changed[at] = (int.from_bytes(hashes[at], "big") ^ 1 << bit).to_bytes(32, "big")
    assert consistency_holds(smaller, hashes[0], size, hashes[1], hashes[2:])
    assert not consistency_holds(smaller, changed[0], size, changed[1], changed[2:])
    index = data.draw(st.integers(0, size - 1))
    held = [log_root(LEAVES[:size]), LEAVES[index], *log_path(LEAVES[:size], index)]
    at = data.draw(st.integers(0, len(held) - 1))
    broken = [*held]
    broken[at] = (int.from_bytes(held[at], "big") ^ 1 << bit).to_bytes(32, "big")
    assert log_holds(held[0], held[1], index, size, held[2:])
    assert not log_holds(broken[0], broken[1], index, size, broken[2:])


@given(st.lists(st.integers(0, 20), max_size=6))
def test_a_tree_that_grows_in_any_steps_has_the_root_of_the_recursive_definition(steps: list[int]) -> None:
    tree, seen = EMPTY, 0
    for step in steps:
        before, size = tree.root, tree.size
        growth = tree.grown(LEAVES[at % 70] for at in range(seen, seen + step))
        tree, seen = growth.tree, seen + step
        whole = [LEAVES[at % 70] for at in range(seen)]
        assert growth.root == tree.root == recursive_root(whole)
        assert len(tree.roots) == seen.bit_count()
        assert not size or consistency_holds(size, before, seen, growth.root, growth.path)
        assert compact_range(tree.size, tree.roots) == tree


def test_a_tree_grows_by_n_and_log_n_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    old = EMPTY.grown(leaves(100_003)).tree
    counted = 0

    def counting(left: bytes, right: bytes) -> bytes:
        nonlocal counted
        counted += 1
        return node_hash(left, right)

    monkeypatch.setattr(module, "node_hash", counting)
    old.grown(leaves(1_000))
    assert counted <= 1_000 + 2 * (101_003).bit_length()


@pytest.mark.parametrize(
    ("size", "larger"),
    [(0, 0), (0, 5), (6, 5), (-1, 5), (5, -1)],
)
def test_an_empty_or_a_shrinking_tree_is_consistent_with_none(size: int, larger: int) -> None:
    assert not consistency_holds(size, LEAVES[0], larger, LEAVES[0], [])


def test_what_is_no_size_has_no_proof() -> None:
    for smaller in (0, 4, -1):
        with pytest.raises(IndexError):
            consistency_path(LEAVES[:3], smaller)


@pytest.mark.parametrize("roots", [[], [bytes(32)], [bytes(31), bytes(32)], [bytes(32)] * 3])
def test_a_compact_range_of_another_form_is_refused(roots: list[bytes]) -> None:
    with pytest.raises(Permanent):
        compact_range(5, roots)

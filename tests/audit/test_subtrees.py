"""Proofs from the kept roots of subtrees are those that are computed from every leaf, and need few reads."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.audit.compact_range import EMPTY
from fntx_dagster.audit.consistency import consistency_parts, consistency_path
from fntx_dagster.audit.subtrees import LOWEST, KnownTree, inclusion_parts, needed
from fntx_dagster.proof.log_tree import leaf_hash, log_path, log_root

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(20_000)]
KEPT = {subtree[:2]: subtree.root for subtree in EMPTY.grown(LEAVES).subtrees}


def read(parts: list[tuple[int, int]], size: int) -> list[bytes]:
    """The roots of these parts from nothing but what they say they need, of a tree of `size`."""
    need = needed(parts)
    numbers = [number for block in need.blocks for number in range(block << LOWEST, (block + 1) << LOWEST)]
    known = KnownTree(
        {(height, place): KEPT[height, place] for height, place in need.subtrees if (place + 1) << height <= size},
        {number: LEAVES[number] for number in numbers if number < size},
    )
    return [known.root(*part) for part in parts]


def assert_same(size: int, index: int, smaller: int) -> None:
    assert read(inclusion_parts(size, index), size) == log_path(LEAVES[:size], index)
    assert read(consistency_parts(size, smaller), size) == consistency_path(LEAVES[:size], smaller)


def test_proofs_of_every_size_are_those_of_the_plain_way() -> None:
    random = Random(19)
    for size in range(1, 2_101):
        index = (0, size - 1, random.randrange(size))[size % 3]
        smaller = (size, 1, random.randint(1, size), size - size % 256 or size)[size % 4]
        assert_same(size, index, smaller)


@given(st.integers(1, 20_000), st.data())
def test_proofs_of_any_size_are_those_of_the_plain_way(size: int, data: st.DataObject) -> None:
    assert_same(size, data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size)))


@given(st.integers(1, 2**40), st.data())
def test_a_proof_needs_few_reads_whatever_the_size(size: int, data: st.DataObject) -> None:
    index, smaller = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    need = needed(inclusion_parts(size, index) + consistency_parts(size, smaller))
    assert len(need.blocks) <= 3
    assert len(need.subtrees) <= 5 * size.bit_length()


@given(st.lists(st.integers(0, 1_500), max_size=6))
def test_a_tree_that_grows_in_any_steps_keeps_each_whole_subtree_once(steps: list[int]) -> None:
    tree, kept = EMPTY, []
    for step in steps:
        growth = tree.grown(LEAVES[tree.size : tree.size + step])
        tree, kept = growth.tree, kept + growth.subtrees
    places = {(height, place) for height in range(LOWEST, 20) for place in range(tree.size >> height)}
    assert len(kept) == len(places)
    assert {subtree[:2]: subtree.root for subtree in kept} == {each: KEPT[each] for each in places}


def test_a_kept_root_is_that_of_its_leaves() -> None:
    for (height, place), root in KEPT.items():
        if height < 12:
            assert root == log_root(LEAVES[place << height : (place + 1) << height])


def test_what_is_no_leaf_has_no_parts() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError):
            inclusion_parts(3, index)

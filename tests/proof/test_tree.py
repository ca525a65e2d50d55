import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import EMPTY_LEAF
from fntx_dagster.proof.tree import empty_subtrees, leads_to, proof_of, root_above, root_of
from tests.proof.examples import slots

LEAVES = tuple(hashlib.sha256(bytes([i])).digest() for i in range(64))


def test_the_root_is_what_the_definition_says():
    level = list(LEAVES)
    while len(level) > 1:
        level = [keccak256(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    assert root_of(LEAVES) == level[0]


@given(index=slots)
def test_every_leaf_leads_to_the_root_through_six_hashes(index):
    proof = proof_of(LEAVES, index)
    assert len(proof) == 6
    assert leads_to(root_of(LEAVES), LEAVES[index], index, proof)


@given(index=slots)
def test_a_leaf_that_is_alone_has_empty_subtrees_beside_its_way(index):
    leaves = [EMPTY_LEAF] * 64
    leaves[index] = LEAVES[index]
    assert proof_of(leaves, index) == empty_subtrees()
    assert root_above(leaves[index], index, empty_subtrees()) == root_of(leaves)


@given(index=slots, other=slots)
def test_a_proof_holds_in_its_own_slot_only(index, other):
    assert leads_to(root_of(LEAVES), LEAVES[index], other, proof_of(LEAVES, index)) == (index == other)


@given(index=slots, item=st.integers(0, 7), bit=st.integers(0, 255))
def test_any_flipped_bit_in_root_leaf_or_proof_is_refused(index, item, bit):
    root, leaf, *proof = (_flipped(hash_, bit) if i == item else hash_ for i, hash_ in enumerate(_parts(index)))
    assert not leads_to(root, leaf, index, proof)


@given(index=slots, length=st.integers(0, 12).filter(lambda n: n != 6))
def test_a_proof_of_another_length_is_refused(index, length):
    proof = (proof_of(LEAVES, index) * 2)[:length]
    assert not leads_to(root_of(LEAVES), LEAVES[index], index, proof)


@given(index=slots, item=st.integers(0, 7), length=st.integers(0, 64).filter(lambda n: n != 32))
def test_a_hash_of_another_length_is_refused(index, item, length):
    root, leaf, *proof = (bytes(length) if i == item else hash_ for i, hash_ in enumerate(_parts(index)))
    assert not leads_to(root, leaf, index, proof)


def test_an_inner_node_does_not_pass_for_a_leaf():
    node = keccak256(b"\x01" + LEAVES[0] + LEAVES[1])
    assert not leads_to(root_of(LEAVES), node, 0, proof_of(LEAVES, 0)[1:])


@pytest.mark.parametrize("index", [-64, -1, 64, 65, 2**256])
def test_an_index_outside_the_tree_is_refused(index):
    assert not leads_to(root_of(LEAVES), LEAVES[index % 64], index, proof_of(LEAVES, index % 64))
    with pytest.raises(Permanent, match="outside the tree"):
        proof_of(LEAVES, index)


@pytest.mark.parametrize("leaves", [LEAVES[:63], (*LEAVES, LEAVES[0]), (*LEAVES[:63], b"short")])
def test_another_number_or_size_of_leaves_is_refused(leaves):
    with pytest.raises(Permanent, match="64 leaves"):
        root_of(leaves)


def _parts(index: int) -> tuple[bytes, ...]:
    return (root_of(LEAVES), LEAVES[index], *proof_of(LEAVES, index))


def _flipped(hash_: bytes, bit: int) -> bytes:
    return (int.from_bytes(hash_, "big") ^ 1 << bit).to_bytes(32, "big")

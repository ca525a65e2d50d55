from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import NULL_VALUE, leaf_of, schema_hash_of
from tests.proof.examples import CONTEXT, scaled, slots

SALT = b"\x44" * 32


@given(index=slots, value=scaled)
def test_a_leaf_is_the_double_hash_of_the_abi_encoding(index, value):
    from eth_abi import encode  # the oracle: Ethereum's own encoder

    kinds = ["bytes32", "uint256", "address", "address", "uint32", "uint256", "int256", "bytes32"]
    number = NULL_VALUE if value is None else value
    fields = [CONTEXT.schema_hash, CONTEXT.chain_id, CONTEXT.contract, CONTEXT.trader, 20250718, index, number, SALT]
    assert leaf_of(CONTEXT, index, value, SALT) == keccak256(keccak256(encode(kinds, fields)))


def test_a_leaf_is_bound_to_each_part_of_its_context():
    others = [
        replace(CONTEXT, schema_hash=b"\x12" * 32),
        replace(CONTEXT, chain_id=1),
        replace(CONTEXT, contract="0x" + "23" * 20),
        replace(CONTEXT, trader="0x" + "34" * 20),
        replace(CONTEXT, day=date(2025, 7, 19)),
    ]
    leaves = {leaf_of(context, 5, 7, SALT) for context in [CONTEXT, *others]}
    assert len(leaves) == 6


def test_null_and_zero_are_different_leaves():
    assert leaf_of(CONTEXT, 0, None, SALT) != leaf_of(CONTEXT, 0, 0, SALT)


@pytest.mark.parametrize("value", [NULL_VALUE, NULL_VALUE - 1, 2**255])
def test_the_encoding_of_null_and_what_int256_cannot_hold_are_refused(value):
    with pytest.raises(Permanent, match="int256"):
        leaf_of(CONTEXT, 0, value, SALT)


@given(length=st.integers(0, 64).filter(lambda n: n != 32))
def test_a_salt_of_another_length_is_refused(length):
    with pytest.raises(Permanent, match="salt"):
        leaf_of(CONTEXT, 0, 1, bytes(length))


@pytest.mark.parametrize("index", [-1, 64])
def test_a_slot_outside_the_tree_is_refused(index):
    with pytest.raises(Permanent, match="slot"):
        leaf_of(CONTEXT, index, 1, SALT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_hash", b"short"),
        ("chain_id", 0),
        ("contract", "22" * 20),
        ("trader", "0x" + "zz" * 20),
        ("trader", "0x" + "33" * 19),
    ],
)
def test_a_context_names_the_field_of_the_wrong_size(field, value):
    with pytest.raises(Permanent, match=field):
        replace(CONTEXT, **{field: value})


def test_the_schema_hash_is_the_keccak_of_the_catalogues_bytes():
    assert schema_hash_of(b"abc") == keccak256(b"abc")

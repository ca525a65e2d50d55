from dataclasses import FrozenInstanceError, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.leaves import EMPTY_LEAF, NULL_VALUE
from fntx_dagster.proof.record import build_record, verify
from fntx_dagster.proof.salts import SaltForm
from tests.proof.examples import ACCOUNT, CONTEXT, SECRET, scaled, slots, values

RECORD = build_record(CONTEXT, ACCOUNT, {0: 5, 7: None, 63: -12}, SECRET, salt_form=SaltForm.RECORD)


@given(values=values)
def test_every_value_of_a_record_verifies(values):
    record = build_record(CONTEXT, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)
    for index, value in values.items():
        assert verify(CONTEXT, record.root, index, value, record.salts[index], record.proof(index))


@given(values=values, other=scaled, data=st.data())
def test_one_slot_cannot_verify_two_values(values, other, data):
    record = build_record(CONTEXT, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)
    index = data.draw(st.sampled_from(sorted(values)))
    verified = verify(CONTEXT, record.root, index, other, record.salts[index], record.proof(index))
    assert verified == (other == values[index])


@given(values=st.dictionaries(slots, scaled, min_size=2, max_size=64), data=st.data())
def test_the_proof_of_one_slot_does_not_verify_at_another(values, data):
    record = build_record(CONTEXT, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)
    index = data.draw(st.sampled_from(sorted(values)))
    other = data.draw(slots.filter(lambda slot: slot != index))
    assert not verify(CONTEXT, record.root, other, values[index], record.salts[index], record.proof(index))


@given(index=st.sampled_from([0, 7, 63]), item=st.integers(0, 7), bit=st.integers(0, 255))
def test_any_flipped_bit_of_root_salt_or_proof_is_refused(index, item, bit):
    parts = [RECORD.root, RECORD.salts[index], *RECORD.proof(index)]
    parts[item] = (int.from_bytes(parts[item], "big") ^ 1 << bit).to_bytes(32, "big")
    root, salt, *proof = parts
    assert not verify(CONTEXT, root, index, RECORD.values[index], salt, proof)


def test_a_record_of_another_day_does_not_verify():
    other = replace(CONTEXT, day=date(2025, 7, 17))
    assert not verify(other, RECORD.root, 0, 5, RECORD.salts[0], RECORD.proof(0))


@pytest.mark.parametrize("value", [NULL_VALUE, NULL_VALUE - 1, 2**255])
def test_a_value_outside_int256_is_refused_not_raised(value):
    assert not verify(CONTEXT, RECORD.root, 7, value, RECORD.salts[7], RECORD.proof(7))


@pytest.mark.parametrize("index", [-1, 64])
def test_a_slot_outside_the_tree_is_refused_not_raised(index):
    assert not verify(CONTEXT, RECORD.root, index, 5, RECORD.salts[0], RECORD.proof(0))


@given(length=st.integers(0, 64).filter(lambda n: n != 32))
def test_a_salt_of_another_length_is_refused_not_raised(length):
    assert not verify(CONTEXT, RECORD.root, 0, 5, bytes(length), RECORD.proof(0))


def test_the_same_inputs_give_the_same_record():
    assert build_record(CONTEXT, ACCOUNT, dict(RECORD.values), SECRET, salt_form=SaltForm.RECORD) == RECORD


def test_equal_values_of_two_slots_have_unrelated_leaves():
    record = build_record(CONTEXT, ACCOUNT, dict.fromkeys(range(64), 0), SECRET, salt_form=SaltForm.RECORD)
    assert len(set(record.leaves)) == 64


def test_slots_without_a_metric_hold_the_empty_leaf_and_prove_nothing():
    assert [i for i, leaf in enumerate(RECORD.leaves) if leaf != EMPTY_LEAF] == [0, 7, 63]
    with pytest.raises(Permanent, match="slot 1 holds no metric"):
        RECORD.proof(1)


def test_neither_salts_nor_values_nor_the_secret_nor_the_account_are_ever_printed():
    record = build_record(CONTEXT, ACCOUNT, {3: 987654321}, SECRET, salt_form=SaltForm.RECORD)
    shown = f"{record!r} {record}"
    for private in (record.salts[3].hex(), repr(record.salts[3]), "987654321", repr(SECRET), SECRET.hex(), ACCOUNT):
        assert private not in shown


def test_a_record_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        RECORD.root = bytes(32)
    with pytest.raises(TypeError):
        RECORD.values[0] = 6
    with pytest.raises(TypeError):
        RECORD.salts[0] = bytes(32)


@pytest.mark.parametrize(
    ("values", "said"), [({}, "at least one"), ({64: 1}, "64"), ({-1: 1}, "-1"), ({0: 2**255}, "int256")]
)
def test_values_that_do_not_fit_are_refused(values, said):
    with pytest.raises(Permanent, match=said):
        build_record(CONTEXT, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.salts import SaltForm, salt_of
from tests.proof.examples import ACCOUNT, CONTEXT, SECRET, slots

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
contexts = st.builds(
    Context,
    schema_hash=st.binary(min_size=32, max_size=32),
    chain_id=st.integers(1, 2**256 - 1),
    contract=addresses,
    trader=addresses,
    day=st.dates(),
)
inputs = st.tuples(
    st.binary(min_size=32, max_size=32), contexts, st.text(min_size=1, max_size=12), slots, st.integers(1, 2**32 - 1)
)
forms = pytest.mark.parametrize("form", SaltForm)
PARTS = {
    "schema_hash": b"\x12" * 32,
    "day": CONTEXT.day + timedelta(1),
    "chain_id": 1,
    "contract": "0x" + "23" * 20,
    "trader": "0x" + "34" * 20,
}


@given(first=inputs, second=inputs)
def test_two_inputs_that_differ_anywhere_have_different_salts(first, second):
    assert (salt_of(*first) == salt_of(*second)) == (first == second)


@given(first=inputs, second=inputs)
def test_no_salt_of_one_form_is_a_salt_of_the_other(first, second):
    assert salt_of(*first) != salt_of(*second, form=SaltForm.ACCOUNT)
    assert salt_of(*first) != salt_of(*first, form=SaltForm.ACCOUNT)


@forms
def test_changing_any_single_input_of_a_form_changes_the_salt(form):
    def salt(secret=SECRET, account=ACCOUNT, index=5, version=1, **changed):
        return salt_of(secret, replace(CONTEXT, **changed), account, index, version, form)

    bound = PARTS if form is SaltForm.RECORD else {name: PARTS[name] for name in ("schema_hash", "day")}
    changes = [{}, {"secret": b"\x01" * 32}, {"account": "U0000002"}, {"index": 6}, {"version": 2}]
    changes += [{name: value} for name, value in bound.items()]
    assert len({salt(**change) for change in changes}) == len(changes)


def test_the_same_day_of_an_account_has_other_salts_on_another_chain_contract_or_trader_in_the_new_form_only():
    others = [replace(CONTEXT, **{name: PARTS[name]}) for name in ("chain_id", "contract", "trader")]
    salts = {form: {salt_of(SECRET, each, ACCOUNT, 5, form=form) for each in [CONTEXT, *others]} for form in SaltForm}
    assert {form: len(found) for form, found in salts.items()} == {SaltForm.ACCOUNT: 1, SaltForm.RECORD: 4}


def test_the_case_of_an_address_means_nothing():
    upper = replace(CONTEXT, contract="0x" + "AB" * 20, trader="0x" + "CD" * 20)
    lower = replace(CONTEXT, contract="0x" + "ab" * 20, trader="0x" + "cd" * 20)
    assert salt_of(SECRET, upper, ACCOUNT, 5) == salt_of(SECRET, lower, ACCOUNT, 5)


OLD = b"\0\0\0\x20" + b"\x11" * 32 + b"\0\0\0\x08U0000001" + b"\0\0\0\x0a2025-07-18" + b"\0\0\0\x02\0\x05"
NEW = (
    b"\0\0\0\x0bfntx.salt/2"
    + b"\0\0\0\x20" + b"\x11" * 32
    + b"\0\0\0\x20" + (131277322940537).to_bytes(32, "big")
    + b"\0\0\0\x14" + b"\x22" * 20
    + b"\0\0\0\x14" + b"\x33" * 20
    + b"\0\0\0\x08U0000001"
    + b"\0\0\0\x0a2025-07-18"
    + b"\0\0\0\x02\0\x05"
)  # fmt: skip
SECOND = b"\0\0\0\x08" + bytes(7) + b"\x02"


@pytest.mark.parametrize(
    ("form", "version", "message"),
    [
        (SaltForm.ACCOUNT, 1, OLD),
        (SaltForm.ACCOUNT, 2, OLD + SECOND),
        (SaltForm.RECORD, 1, NEW + b"\0\0\0\x08" + bytes(7) + b"\x01"),
        (SaltForm.RECORD, 2, NEW + SECOND),
    ],
)
def test_each_formula_is_pinned_because_every_disclosure_needs_it_again(form, version, message):
    salt = salt_of(SECRET, CONTEXT, ACCOUNT, 5, version, form)
    assert salt == hmac.new(SECRET, message, hashlib.sha256).digest()


@forms
@given(versions=st.sets(st.integers(1, 2**63), min_size=2, max_size=5), index=slots)
def test_each_version_of_a_record_has_salts_of_its_own(versions, index, form):
    salts = {salt_of(SECRET, CONTEXT, ACCOUNT, index, version, form) for version in versions}
    assert len(salts) == len(versions)


@pytest.mark.parametrize("version", [0, -1])
def test_versions_are_counted_from_1(version):
    with pytest.raises(Permanent, match="version"):
        salt_of(SECRET, CONTEXT, ACCOUNT, 5, version)


def test_a_short_secret_is_refused_and_not_shown():
    with pytest.raises(Permanent) as caught:
        salt_of(b"hush", CONTEXT, ACCOUNT, 5)
    assert "hush" not in str(caught.value)

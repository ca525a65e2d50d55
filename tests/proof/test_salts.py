import hashlib
import hmac
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.salts import salt_of
from tests.proof.examples import ACCOUNT, SECRET, slots

SCHEMA = b"\x11" * 32
DAY = date(2025, 7, 18)

inputs = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.text(min_size=1, max_size=12),
    st.dates(),
    slots,
    st.integers(1, 2**32 - 1),
)


@given(first=inputs, second=inputs)
def test_two_inputs_that_differ_anywhere_have_different_salts(first, second):
    assert (salt_of(*first) == salt_of(*second)) == (first == second)


def test_changing_any_single_input_changes_the_salt():
    given_inputs = (SECRET, SCHEMA, ACCOUNT, DAY, 5, 1)
    changed = (b"\x01" * 32, b"\x12" * 32, "U0000002", DAY + timedelta(1), 6, 2)
    salts = {salt_of(*given_inputs)}
    for place in range(6):
        salts.add(salt_of(*[changed[i] if i == place else given_inputs[i] for i in range(6)]))
    assert len(salts) == 7


def test_parts_that_flow_into_each_other_differ_by_their_lengths():
    assert salt_of(SECRET, SCHEMA, "U12025", DAY, 1) != salt_of(SECRET, SCHEMA + b"U1", "2025", DAY, 1)


def test_the_formula_is_pinned_because_every_disclosure_needs_it_again():
    message = b"\0\0\0\x20" + SCHEMA + b"\0\0\0\x08U0000001" + b"\0\0\0\x0a2025-07-18" + b"\0\0\0\x02\0\x05"
    assert salt_of(SECRET, SCHEMA, ACCOUNT, DAY, 5) == hmac.new(SECRET, message, hashlib.sha256).digest()


def test_the_formula_of_a_correction_ends_with_its_version():
    message = b"\0\0\0\x20" + SCHEMA + b"\0\0\0\x08U0000001" + b"\0\0\0\x0a2025-07-18" + b"\0\0\0\x02\0\x05"
    message += b"\0\0\0\x08" + bytes(7) + b"\x02"
    assert salt_of(SECRET, SCHEMA, ACCOUNT, DAY, 5, 2) == hmac.new(SECRET, message, hashlib.sha256).digest()


@given(versions=st.sets(st.integers(1, 2**63), min_size=2, max_size=5), index=slots)
def test_each_version_of_a_record_has_salts_of_its_own(versions, index):
    assert len({salt_of(SECRET, SCHEMA, ACCOUNT, DAY, index, version) for version in versions}) == len(versions)


@pytest.mark.parametrize("version", [0, -1])
def test_versions_are_counted_from_1(version):
    with pytest.raises(Permanent, match="version"):
        salt_of(SECRET, SCHEMA, ACCOUNT, DAY, 5, version)


def test_a_short_secret_is_refused_and_not_shown():
    with pytest.raises(Permanent) as caught:
        salt_of(b"hush", SCHEMA, ACCOUNT, DAY, 5)
    assert "hush" not in str(caught.value)

"""Ten thousand wishes are read in one go: what that reads is what a look at each field reads."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.services.orders.fields import Number
from fntx_dagster.services.signals import requests

VALUES = st.sampled_from(
    [None, True, [], {}, "", "x", "5", "5.0", "-5", "0.123456789", "0.1234567891", Number("5"), Number("1e3"), "a b"]
)
FIELDS = st.sampled_from(["user_id", "qty", "fee_bps", "fee_fixed", "max_notional", "other"])


@given(st.one_of(st.none(), st.lists(st.none()), st.dictionaries(FIELDS, VALUES)))
def test_a_wish_that_is_read_at_once_is_the_one_that_is_read_field_by_field(wished: Any) -> None:
    faults: list[str] = []
    looked_at = requests._wish(wished, lambda field, words: faults.append(field))
    assert (looked_at is None) == bool(faults)
    assert requests._usual_wish(wished) == looked_at

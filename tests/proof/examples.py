"""Strategies and examples that the tests of the proof and of the chain share."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from fntx_dagster.proof.leaves import NULL_VALUE, Context

SECRET = bytes(range(32))
ACCOUNT = "U0000001"
CONTEXT = Context(
    schema_hash=b"\x11" * 32,
    chain_id=131277322940537,
    contract="0x" + "22" * 20,
    trader="0x" + "33" * 20,
    day=date(2025, 7, 18),
)

slots = st.integers(0, 63)
scaled = st.none() | st.integers(NULL_VALUE + 1, 2**255 - 1) | st.integers(-10, 10)
values = st.dictionaries(slots, scaled, min_size=1, max_size=64)

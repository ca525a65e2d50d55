"""The chain of hashes of a book's entries, checked as a stranger does."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.entries import ORIGIN, START, Head, canonical, chained, faults, moment, stored, stored_faults

BODIES = [
    {"type": "event", "event_type": "deposit", "amount": "1000", "bot_id": None, "is_paper": True},
    {"type": "fill", "qty": "0.5", "price": "100", "symbol": "BTC/USDT"},
    {"type": "event", "event_type": "order_rejected", "reason": '„quoted“ \u2028 \u0001 \\ "', "metrics": {"n": 3}},
]
ENTRIES = [*chained(START, BODIES)]


def test_a_stranger_checks_the_chain_with_json_and_sha256_alone() -> None:
    last = ORIGIN
    for number, entry in enumerate(json.loads(json.dumps(ENTRIES)), 1):
        stated, before = entry.pop("hash"), entry.pop("prev_hash")
        text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        assert (entry["entry_no"], before) == (number, last)
        assert hashlib.sha256(bytes.fromhex(last) + text).hexdigest() == stated
        last = stated


def test_the_chain_goes_on_from_its_head() -> None:
    head = Head(ENTRIES[1]["entry_no"], ENTRIES[1]["hash"])
    assert [*chained(head, BODIES[2:])] == ENTRIES[2:]
    assert not [*faults(ENTRIES)]
    assert not [*faults(ENTRIES[2:], head)]


@pytest.mark.parametrize("place", range(3))
def test_an_altered_entry_is_named_alone(place: int) -> None:
    altered = [dict(entry) for entry in ENTRIES]
    altered[place]["amount"] = "1001"
    [found] = faults(altered)
    assert found.entry_no == place + 1
    assert "altered" in found.reason


def test_an_altered_entry_with_a_hash_made_for_it_breaks_the_next_link() -> None:
    [first] = chained(START, [BODIES[0] | {"amount": "1001"}])
    [found] = faults([first, *ENTRIES[1:]])
    assert (found.entry_no, "prev_hash" in found.reason) == (2, True)


def test_a_missing_and_a_doubled_entry_are_found() -> None:
    assert [fault.entry_no for fault in faults([ENTRIES[0], ENTRIES[2]])] == [2]
    assert [fault.entry_no for fault in faults([ENTRIES[0], ENTRIES[0], ENTRIES[1]])]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz_", max_size=4), inner, max_size=3),
)


@given(st.dictionaries(st.text("abcxyz_", max_size=4), JSON, max_size=4))
def test_canonical_json_is_json_and_the_same_for_any_order_of_keys(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, {"é": 1}, {1: 2}, "\ud800", b"", {"a": [0.5]}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical({"value": value})


def test_a_moment_is_written_in_utc_with_a_z() -> None:
    hong_kong = timezone(timedelta(hours=8))
    assert moment(datetime(2026, 3, 2, 8, 0, tzinfo=hong_kong)) == "2026-03-02T00:00:00Z"
    assert moment(datetime(2026, 3, 2, 0, 0, 0, 50, tzinfo=UTC)) == "2026-03-02T00:00:00.000050Z"


def test_entries_are_checked_as_they_are_stored() -> None:
    kept = [stored(entry) for entry in ENTRIES]
    assert [entry.entry for entry in kept] == ENTRIES
    assert not [*stored_faults(kept)]
    assert not [*stored_faults(kept[2:], Head(2, kept[1].hash))]
    for change in ('{"amount":"1001"}', '{"type":1.5}', '{"n":9007199254740992}', '{"n":1e400}', '{"é":"x"}'):
        [found] = stored_faults([kept[0], kept[1]._replace(body=change), kept[2]])
        assert (found.entry_no, "altered" in found.reason) == (2, True)
    assert [found.entry_no for found in stored_faults([kept[0], kept[2]])] == [2]
    assert [found.entry_no for found in stored_faults([kept[0], kept[1]._replace(prev_hash="zz"), kept[2]])] == [2, 2]


@pytest.mark.parametrize("name", ["entry_no", "prev_hash", "hash"])
def test_a_stored_body_that_names_a_number_or_a_hash_was_altered(name: str) -> None:
    first = stored(ENTRIES[0])
    body = json.dumps(json.loads(first.body) | {name: ENTRIES[0][name]})
    assert [found.entry_no for found in stored_faults([first._replace(body=body)])] == [1]

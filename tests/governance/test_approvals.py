"""What decisions come to: laws that hold whatever is handed in, each with real signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import Decider, Decision, InvalidDecision, Standing, judged
from fntx_dagster.governance.decisions import DECISIONS, Terms, decision_bytes, moment, payload_hash
from tests.governance.keys import CASES, KEYS, STRANGER, signed, signed_by

TERMS = Terms(**CASES["bytes"]["proposal"])
SIGNERS = [Decider(name, name, key.scheme, key.public) for name, key in KEYS.items()]
NOW = TERMS.ends_at - timedelta(hours=1)
NAMES = st.sampled_from(sorted(KEYS))
OTHERS = {
    "instance": "ffffffffffffffffffffffffffffffff",
    "proposal": "00000008-0000-4000-8000-000000000000",
    "kind": "iou.redeem",
    "nonce": 8,
    "payload_hash": payload_hash({"another": "intent"}),
    "signer_set": 2,
    "threshold": 1,
    "expires_at": "2026-12-03T01:00:00Z",
}
"""For each field of the terms a value that another proposal has."""


@cache
def signature(signer: str, terms: Terms, decision: str) -> bytes:
    return signed(signer, decision_bytes(terms, decision))


def decided(signer: str, decision: str, hours: int = 2, terms: Terms = TERMS) -> Decision:
    return Decision(signer, decision, TERMS.ends_at - timedelta(hours=hours), signature(signer, terms, decision))


def counted(
    decisions: Sequence[Decision], *, roles: Sequence[str] = (), terms: Terms = TERMS, late: bool = False
) -> Standing:
    return judged(SIGNERS, terms, decisions, roles, TERMS.ends_at if late else NOW)


def test_the_bytes_are_those_of_the_format() -> None:
    assert decision_bytes(TERMS, "approve").hex() == CASES["bytes"]["approve_hex"]


def test_every_field_of_the_terms_has_another_value_below() -> None:
    assert OTHERS.keys() == {*Terms._fields}
    assert not OTHERS.items() & TERMS._asdict().items()


@pytest.mark.parametrize("field", OTHERS)
@given(signer=NAMES, decision=st.sampled_from(DECISIONS))
def test_a_decision_on_anything_else_never_counts(field: str, signer: str, decision: str) -> None:
    other = TERMS._replace(**{field: OTHERS[field]})
    standing = counted([decided(signer, decision, terms=other)])
    assert standing == ("pending_approval", [], [], [InvalidDecision(signer, "bad_signature")])


@given(signer=NAMES, decision=st.sampled_from(DECISIONS))
def test_a_decision_is_not_shown_as_its_opposite_nor_as_another_signers(signer: str, decision: str) -> None:
    [opposite] = {*DECISIONS} - {decision}
    shown = decided(signer, decision)._replace(decision=opposite)
    assert counted([shown]).invalid == [InvalidDecision(signer, "bad_signature")]
    for other in KEYS.keys() - {signer}:
        assert counted([decided(signer, decision)._replace(signer=other)]).invalid == [
            InvalidDecision(other, "bad_signature")
        ]


@given(signer=NAMES, data=st.data())
def test_a_flipped_byte_of_a_signature_takes_it_its_worth(signer: str, data: st.DataObject) -> None:
    good = decided(signer, "approve")
    place = data.draw(st.integers(0, len(good.signature) - 1))
    flipped = good.signature[place] ^ data.draw(st.integers(1, 255))
    bad = good.signature[:place] + bytes([flipped]) + good.signature[place + 1 :]
    assert counted([good._replace(signature=bad)]).invalid == [InvalidDecision(signer, "bad_signature")]


ANY = st.builds(decided, NAMES, st.sampled_from(DECISIONS), st.integers(1, 40))


@given(decisions=st.lists(ANY, max_size=8, unique_by=lambda each: (each.signer, each.at)), data=st.data())
def test_the_order_in_which_decisions_are_handed_over_does_not_matter(
    decisions: list[Decision], data: st.DataObject
) -> None:
    one, other = counted(decisions), counted(data.draw(st.permutations(decisions)))
    assert one[:3] == other[:3]
    assert sorted(one.invalid) == sorted(other.invalid)


@given(decisions=st.lists(ANY, max_size=8), junk=st.lists(st.tuples(NAMES, st.binary(max_size=72)), max_size=4))
def test_nobody_takes_a_signers_turn_with_what_does_not_count(
    decisions: list[Decision], junk: list[tuple[str, bytes]]
) -> None:
    bad = [Decision(signer, "reject", TERMS.ends_at - timedelta(hours=50), content) for signer, content in junk]
    late = [decided(each.signer, "reject", hours=0) for each in decisions]
    assert counted([*bad, *late, *decisions])[:3] == counted(decisions)[:3]


@given(decisions=st.lists(ANY, max_size=8, unique_by=lambda each: each.signer), roles=st.sets(NAMES, max_size=2))
def test_the_state_follows_from_who_decided_what(decisions: list[Decision], roles: set[str]) -> None:
    """Beside a second way to say it, by counting."""
    for late in (False, True):
        standing = counted(decisions, roles=sorted(roles), late=late)
        yes = {each.signer for each in decisions if each.decision == "approve"}
        no = {each.signer for each in decisions} - yes
        assert (standing.approvals, standing.rejections) == (sorted(yes), sorted(no))
        if len(yes) >= 2 and roles <= yes:
            expected = "approved"
        elif len(no) > 1 or roles & no:
            expected = "rejected"
        else:
            expected = "expired" if late else "pending_approval"
        assert standing.state == expected


@given(decisions=st.lists(ANY, min_size=1, max_size=8))
def test_a_second_decision_changes_nothing(decisions: list[Decision]) -> None:
    first = decisions[0]
    again = decided(first.signer, "approve" if first.decision == "reject" else "reject", hours=1)
    assume(all(each.at < again.at for each in decisions if each.signer == first.signer))
    standing = counted([*decisions, again])
    assert standing[:3] == counted(decisions)[:3]
    assert standing.invalid[-1] == InvalidDecision(first.signer, "duplicate")


def test_the_reasons_are_tested_in_their_order() -> None:
    signers = [*SIGNERS[:2], SIGNERS[2]._replace(removed=True)]
    end = TERMS.ends_at
    decisions = [
        Decision("stranger", "approve", end, b""),
        Decision("trustee", "approve", end, b""),
        decided("treasury", "approve"),
        Decision("treasury", "approve", end, b""),
        Decision("compliance", "approve", end, b""),
        Decision("compliance", "approve", end - timedelta(seconds=1), b""),
    ]
    standing = judged(signers, TERMS, decisions, (), NOW)
    assert [each.reason for each in standing.invalid] == [
        "unknown_signer",
        "removed_signer",
        "duplicate",
        "late",
        "bad_signature",
    ]
    assert standing.approvals == ["treasury"]


def test_a_set_that_lost_the_required_role_cannot_approve_any_more() -> None:
    signers = [*SIGNERS[:2], SIGNERS[2]._replace(removed=True)]
    assert judged(signers, TERMS, [], ("trustee",), NOW).state == "rejected"
    assert judged(signers, TERMS, [], ("treasury",), NOW).state == "pending_approval"


def test_the_key_of_a_stranger_is_nobodys() -> None:
    content = signed_by(STRANGER, decision_bytes(TERMS, "approve"))
    for signer in KEYS:
        assert counted([decided(signer, "approve")._replace(signature=content)]).approvals == []


def test_what_was_approved_in_time_stays_approved_after_the_end() -> None:
    decisions = [decided("treasury", "approve"), decided("trustee", "approve")]
    assert counted(decisions, late=True).state == "approved"
    assert counted(decisions[:1], late=True).state == "expired"


@pytest.mark.parametrize(
    "text", ["2026-12-02", "2026-12-02T01:00:00", "2026-13-02T01:00:00Z", "2026-12-02T01:00:00.5Z"]
)
def test_a_time_has_one_form(text: str) -> None:
    with pytest.raises(Permanent, match="no time"):
        moment(text)

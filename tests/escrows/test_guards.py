"""The templates and the guards of escrows, at their limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.events import FOLLOWING
from fntx_dagster.escrows.guards import (
    GUARDS,
    GuardFails,
    ReleaseFacts,
    require_after_cancel,
    require_before_end,
    require_conditions,
    template_violations,
    unmet_conditions,
)
from fntx_dagster.escrows.templates import TEMPLATES, is_stale, release_ends, template_of, times_of
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import ESCROW, PROPOSAL

CLOSE = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BOND, SETTLEMENT = template_of("bond_funding"), template_of("settlement")


def test_every_guard_of_the_table_says_what_it_asks() -> None:
    named = {guard for each in ESCROW for guard in each.guard.split(", ") if guard}
    assert named == {*GUARDS}


def test_every_template_has_a_condition_and_says_who_enforces_each_of_its_rules() -> None:
    for template in TEMPLATES.values():
        rules = {each.rule: each for each in template.rules}
        preimage = [each for rule, each in rules.items() if "preimage can finish" in rule]
        assert [each.by for each in preimage] == ["ledger"]
        assert {each.by for each in template.rules} == {"ledger", "gate"}
        assert all(each.refusal for each in template.rules)
    [ninety] = [each for each in BOND.rules if "90 days" in each.rule]
    assert ninety.by == "gate"  # the ledger would still finish it
    [first] = [each for each in SETTLEMENT.rules if "up to finish_after" in each.rule]
    assert first.by == "ledger"


def test_times_are_counted_from_the_ledgers_close() -> None:
    assert times_of(BOND, CLOSE) == (CLOSE, None, CLOSE + timedelta(days=120))
    assert times_of(SETTLEMENT, CLOSE) == (CLOSE, CLOSE + timedelta(seconds=86_400), CLOSE + timedelta(days=30))
    assert release_ends(BOND, CLOSE, CLOSE + timedelta(days=120)) == CLOSE + timedelta(days=90)
    assert release_ends(SETTLEMENT, CLOSE, CLOSE + timedelta(days=30)) == CLOSE + timedelta(days=30)


@pytest.mark.parametrize(("later", "stale"), [(timedelta(hours=1), False), (timedelta(hours=1) + SECOND, True)])
def test_a_creation_is_stale_after_an_hour(later: timedelta, stale: bool) -> None:
    assert is_stale(CLOSE, CLOSE + later) is stale


def test_a_release_ends_with_its_last_second_and_a_cancellation_begins_after_its_own() -> None:
    cancel = CLOSE + timedelta(days=120)
    require_before_end(BOND, CLOSE, cancel, CLOSE + timedelta(days=90))
    with pytest.raises(GuardFails, match="before_cancel_after"):
        require_before_end(BOND, CLOSE, cancel, CLOSE + timedelta(days=90) + SECOND)
    with pytest.raises(GuardFails, match="after_cancel_after"):
        require_after_cancel(cancel, cancel)
    require_after_cancel(cancel, cancel + SECOND)


@given(
    amount=st.integers(-2, 3),
    same=st.booleans(),
    finish=st.one_of(st.none(), st.integers(0, 10**7)),
    cancel=st.integers(0, 10**7),
)
def test_a_template_holds_for_its_own_terms_alone(amount: int, same: bool, finish: int | None, cancel: int) -> None:
    at = None if finish is None else CLOSE + timedelta(seconds=finish)
    end = CLOSE + timedelta(seconds=cancel)
    for template in TEMPLATES.values():
        found = template_violations(template, "a", "a" if same else "b", Decimal(amount), at, end)
        fits = (finish is None) == (template.finish_after is None)
        day_between = finish is None or cancel - finish >= 86_400
        assert (found == []) is (amount > 0 and not same and fits and day_between)
        counted = times_of(template, CLOSE)
        assert template_violations(template, "a", "b", Decimal(1), *counted[1:]) == []


@given(uncleared=st.booleans(), documents=st.integers(0, 2), approved=st.booleans(), seconds=st.integers(-5, 5))
def test_a_release_needs_all_of_its_conditions(uncleared: bool, documents: int, approved: bool, seconds: int) -> None:
    facts = ReleaseFacts(CLOSE + seconds * SECOND, ("on a list",) if uncleared else (), documents, approved)
    assert (unmet_conditions(BOND, None, facts) == []) is (not uncleared and documents > 0 and approved)
    assert (unmet_conditions(SETTLEMENT, CLOSE, facts) == []) is (approved and seconds > 0)
    if unmet := unmet_conditions(BOND, None, facts):
        with pytest.raises(GuardFails) as refused:
            require_conditions(BOND, None, facts)
        assert all(each in refused.value.message for each in unmet)


def test_what_follows_from_a_proposal_is_a_step_of_both_tables() -> None:
    events = {each.event for each in PROPOSAL}
    steps = {each.event for each in ESCROW}
    for (kind, event), following in FOLLOWING.items():
        assert kind in KINDS
        assert event in events
        assert following.event in steps
    elsewhere = {"propose", "prepare_finish", "prepare_cancel", "arbitrate_cancel"}
    assert {each.event for each in FOLLOWING.values()} == steps - elsewhere


def test_a_template_that_is_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Permanent, match="no template") as refused:
        template_of("gift")
    assert "bond_funding, settlement" in refused.value.way_out

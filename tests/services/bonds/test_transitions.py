"""A bond moves by its table alone, each step with its guard judged and by those who have to approve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import BOND as TABLE
from fntx_dagster.governance.machines import StepImpossible, states
from fntx_dagster.services.bonds.guards import BondGuardFails, LedgerSaid, kind_of_step, unjudged
from fntx_dagster.services.bonds.reading import events_of_bond
from fntx_dagster.services.bonds.steps import NoSuchBond
from fntx_dagster.services.bonds.transitions import take_step, transition_bond
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import PaidRow, add_paid, dues_of
from fntx_dagster.store.treasury.platform import entered, set_platform_state
from tests.services.bonds.built import (
    BOND,
    STRUCTURE,
    TERMS,
    active,
    now,
    on,
    put_in,
    structured,
    treasury_of_bonds,
    voted,
)
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import events

EVENTS = sorted({each.event for each in TABLE})
STEPS = {(each.state, each.event) for each in TABLE}
APPROVED = {(each.state, each.event) for each in TABLE if each.approvals and each.event != "approve"}


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return treasury_of_bonds(tmp_path, database)


def paid(db: Database, *, until: str = "9999-12-31", on: str = "2026-04-01") -> None:
    """Everything that is due up to a date, paid on another."""
    with db.connect() as connection:
        for n, due in enumerate(dues_of(connection, BOND, date.fromisoformat(until))):
            row = PaidRow(f"{until}/{n}", due.kind, due.line_id, due.amount, date.fromisoformat(on))
            assert add_paid(connection, BOND, row)


def refusal(ask: Callable[..., Any], *arguments: Any) -> str:
    """What a step that is not possible is refused with."""
    with pytest.raises(StepImpossible) as error:
        ask(*arguments)
    return str(error.value)


def pause(settings: Settings, db: Database) -> None:
    voted(settings, db, propose(settings, db, "emergency.pause", {"reason": "a key"}), "treasury")


def test_every_guard_of_the_table_is_judged_somewhere() -> None:
    assert unjudged() == {"cash_received", "every_payment_confirmed"}


def test_every_step_that_is_not_in_the_table_is_refused_with_the_possible_events(
    settings: Settings, database: Database
) -> None:
    structured(settings, database)
    for state in states(TABLE):
        put_in(database, state)
        possible = ", ".join(each.event for each in TABLE if each.state == state) or "nothing, it is final"
        for event in (*EVENTS, "fly"):
            if (state, event) in STEPS:
                continue
            payload = {"bond": BOND, "event": event}
            if event == "approve":
                payload |= {"terms": TERMS, "structure": STRUCTURE}
            words = f"{event} is not possible in the state {state}. Possible there: {possible}"
            assert refusal(transition_bond, settings, database, BOND, event, "why") == words
            assert refusal(take_step, settings, database, BOND, event, BY, "", LedgerSaid()) == words
            assert refusal(propose, settings, database, "bond.transition", payload) == words
        assert now(database).state == state
    assert not [name for name in events(database) if name.startswith("proposal_")]


def test_what_follows_from_something_else_is_not_taken_by_name(settings: Settings, database: Database) -> None:
    structured(settings, database)
    for state, event, words in (
        ("Structuring", "submit", "fntx bond submit"),
        ("Pending_Approval", "reject", "fntx treasury decide"),
        ("Pending_Approval", "expire", "fntx treasury expire"),
        ("Current", "miss_payment", "delinquency_status"),
        ("Delinquent", "cure_period_ends", "delinquency_status"),
    ):
        put_in(database, state)
        with pytest.raises(StepImpossible, match=words):
            transition_bond(settings, database, BOND, event)
    with pytest.raises(NoSuchBond):
        transition_bond(settings, database, "B-9", "pay")


def test_the_kinds_ask_for_the_approvals_of_the_table(settings: Settings, database: Database) -> None:
    kinds = {each.event: kind_of_step(each) for each in TABLE if each.approvals}
    assert kinds == {
        "approve": "bond.approve",
        "remediate": "bond.transition",
        "reinstate": "bond.transition",
        "accelerate": "bond.enforce",
        "liquidate": "bond.enforce",
        "settle": "bond.transition",
        "pause": "bond.pause",
        "resume": "bond.transition",
    }


def test_one_pauses_a_bond_and_two_resume_it_each_with_a_reason(settings: Settings, database: Database) -> None:
    active(settings, database)
    with pytest.raises(BondGuardFails, match="pause needs a reason"):
        transition_bond(settings, database, BOND, "pause")
    asked = transition_bond(settings, database, BOND, "pause", "the register is wrong")
    assert asked.proposal_id
    assert asked.row.state == "Active"
    voted(settings, database, asked.proposal_id, "compliance")
    assert now(database).state == "Paused"
    asked = transition_bond(settings, database, BOND, "resume", "it was mended")
    assert asked.proposal_id
    voted(settings, database, asked.proposal_id, "compliance")
    assert now(database).state == "Paused"
    voted(settings, database, asked.proposal_id, "treasury")
    assert now(database).state == "Active"
    paused, resumed = events_of_bond(database, BOND)[-2:]
    assert (paused.event, paused.reason, resumed.event, resumed.reason) == (
        *("pause", "the register is wrong"),
        *("resume", "it was mended"),
    )


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        ("Defaulted", "accelerate", "Accelerated"),
        ("Accelerated", "liquidate", "Liquidating"),
    ],
)
def test_nothing_is_enforced_without_the_trustee(
    state: str, event: str, after: str, settings: Settings, database: Database
) -> None:
    structured(settings, database)
    put_in(database, state)
    with pytest.raises(Permanent, match=f"{event} is no step of bond.transition"):
        propose(settings, database, "bond.transition", {"bond": BOND, "event": event})
    asked = transition_bond(settings, database, BOND, event)
    assert asked.proposal_id
    voted(settings, database, asked.proposal_id, "compliance", "treasury")
    assert (now(database).state, show(database, asked.proposal_id).row.state) == (state, "pending_approval")
    voted(settings, database, asked.proposal_id, "trustee")
    assert now(database).state == after


def test_a_step_that_was_proposed_is_refused_when_the_bond_has_moved_on(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Defaulted")
    asked = transition_bond(settings, database, BOND, "accelerate")
    assert asked.proposal_id
    voted(settings, database, asked.proposal_id, "trustee")
    put_in(database, "Cured")
    with pytest.raises(StepImpossible, match="Possible there: reinstate"):
        voted(settings, database, asked.proposal_id, "treasury")
    assert show(database, asked.proposal_id).approvals == ["trustee"]  # nothing of the second is kept
    assert now(database).state == "Cured"


def test_a_paused_treasury_reinstates_no_bond(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Cured")
    asked = transition_bond(settings, database, BOND, "reinstate")
    assert asked.proposal_id
    pause(settings, database)
    with pytest.raises(BondGuardFails, match="the treasury is paused"):
        voted(settings, database, asked.proposal_id, "treasury", "trustee")
    with pytest.raises(BondGuardFails, match="the treasury is paused"):
        transition_bond(settings, database, BOND, "reinstate")
    with entered(database, alone=True) as connection:
        set_platform_state(connection, "running", "", asked.proposal_id)
    voted(settings, database, asked.proposal_id, "trustee")
    assert now(database).state == "Current"


def test_arrears_have_to_be_paid_to_the_cent_on_the_ledgers_date(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Delinquent")
    with pytest.raises(BondGuardFails, match="no ledger was asked"):
        take_step(settings, database, BOND, "pay", BY, "", LedgerSaid())
    with pytest.raises(BondGuardFails, match=r"USD 152305\.41 is overdue on 2026-04-12, the oldest since 2026-04-01"):
        take_step(settings, database, BOND, "pay", BY, "", on("2026-04-12"))
    paid(database, until="2026-04-01", on="2026-04-12")
    with pytest.raises(BondGuardFails, match="is overdue on 2026-04-11"):  # the payment was not there yet
        take_step(settings, database, BOND, "pay", BY, "", on("2026-04-11"))
    moved = take_step(settings, database, BOND, "pay", BY, "", on("2026-04-12"))
    assert moved.state == "Current"
    step = events_of_bond(database, BOND)[-1]
    assert (step.event, step.ledger_date) == ("pay", on("2026-04-12").closed_at)


def test_a_bond_matures_when_all_is_paid_and_its_day_has_come(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Current")
    with pytest.raises(BondGuardFails, match="is not paid yet"):
        take_step(settings, database, BOND, "mature", BY, "", on("2027-01-01"))
    paid(database, on="2026-12-31")
    with pytest.raises(BondGuardFails, match="the ledger's date is 2026-12-31, before 2027-01-01"):
        take_step(settings, database, BOND, "mature", BY, "", on("2026-12-31"))
    assert take_step(settings, database, BOND, "mature", BY, "", on("2027-01-01")).state == "Matured"

"""The tables of states: they are the drawn diagrams, and nothing in them leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import MACHINES, START, mermaid, states, step

DRAWN = Path(__file__).parent / "vectors"
NOT_DRAWN = {
    # a creation that fails ends; a finish or a cancellation that fails leaves the escrow as it was
    "escrow": {("Created", "Rejected"), ("Finishing", "Active"), ("Cancelling", "Active")},
    "bond": {("Rejected", "[*]")},
}
"""What the diagrams leave out."""


def edges(diagram: str) -> set[tuple[str, str]]:
    """From → to of a state diagram; the start and the end are `[*]`."""
    return {(start, end) for start, end in re.findall(r"^ *(\S+) --> ([^\s:]+)", diagram, re.MULTILINE)}


@pytest.mark.parametrize("name", NOT_DRAWN)
def test_the_diagram_of_a_table_is_the_one_that_was_drawn(name: str) -> None:
    drawn = edges((DRAWN / f"{name}.mmd").read_text(encoding="utf-8"))
    made = edges(mermaid(MACHINES[name]))
    assert len(drawn) > 15
    assert drawn - made == set()
    assert made - drawn == NOT_DRAWN[name]


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_is_reached_and_every_event_leads_to_one_state(name: str) -> None:
    machine = MACHINES[name]
    reached, waiting = {START}, [START]
    while waiting:
        state = waiting.pop()
        found = {each.next for each in machine if each.state == state} - reached
        reached |= found
        waiting += sorted(found)
    assert reached == {START, *states(machine)}
    assert {each.state for each in machine} <= reached
    assert len({(each.state, each.event) for each in machine}) == len(machine)


def test_final_states_are_these() -> None:
    final = {name: {*states(machine)} - {each.state for each in machine} for name, machine in MACHINES.items()}
    assert final == {
        "proposal": {"rejected", "expired", "cancelled", "confirmed", "failed"},
        "ledger_tx": {"confirmed", "failed", "expired", "cancelled"},
        "escrow": {"Rejected", "Released", "Cancelled"},
        "bond": {"Rejected", "Liquidated", "Redeemed"},
    }


def test_what_needs_approvals_is_this() -> None:
    needed = {
        (name, each.state, each.event): each.approvals
        for name, machine in MACHINES.items()
        for each in machine
        if each.approvals and name in ("proposal", "ledger_tx")
    }
    assert needed == {
        ("proposal", "pending_approval", "approve"): 2,
        ("proposal", "blocked", "dispose_false_positive"): 1,
    }


def test_a_step_that_is_not_in_the_table_is_refused_with_those_that_are() -> None:
    machine = MACHINES["bond"]
    assert step(machine, "Active", "pause").next == "Paused"
    with pytest.raises(Permanent, match=r"liquidate is not possible in the state Defaulted.*remediate, accelerate"):
        step(machine, "Defaulted", "liquidate")
    with pytest.raises(Permanent, match="it is final"):
        step(machine, "Redeemed", "resume")

"""Random events, whatever comes: a bond moves exactly as a table does that was written down apart from the program's,
and its history is a path through that table."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.steps import held_bond, logged, step_taken
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bonds import bond_events
from tests.services.bonds.built import BOND, structured, treasury_of_bonds
from tests.services.screening.conftest import BY

REFERENCE = {
    "Structuring": {"submit": "Pending_Approval"},
    "Pending_Approval": {"approve": "Active", "reject": "Rejected", "expire": "Rejected"},
    "Active": {"escrow_created": "Funding", "pause": "Paused"},
    "Paused": {"resume": "Active"},
    "Funding": {"escrow_confirmed": "Funded"},
    "Funded": {"run_waterfall": "Distributing"},
    "Distributing": {"payments_confirmed": "Current"},
    "Current": {"miss_payment": "Delinquent", "mature": "Matured"},
    "Delinquent": {"pay": "Current", "cure_period_ends": "Defaulted"},
    "Defaulted": {"remediate": "Cured", "accelerate": "Accelerated"},
    "Cured": {"reinstate": "Current"},
    "Accelerated": {"liquidate": "Liquidating"},
    "Liquidating": {"assets_distributed": "Liquidated"},
    "Matured": {"settle": "Redeemed"},
    "Rejected": {},
    "Liquidated": {},
    "Redeemed": {},
}
EVENTS = sorted({event for steps in REFERENCE.values() for event in steps} | {"create", "structure"})


@pytest.fixture(scope="module")
def settings(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home: Path = tmp_path_factory.mktemp("bonds")
    settings = treasury_of_bonds(home, module_database)
    structured(settings, module_database)
    return settings


@st.composite
def walks(draw: st.DrawFn) -> list[str]:
    """Events of which most are possible, so that a walk gets far, and some are not."""
    state, events = "Structuring", list[str]()
    for _ in range(draw(st.integers(1, 25))):
        possible = sorted(REFERENCE[state])
        wild = draw(st.integers(0, 3)) == 0 or not possible
        event = draw(st.sampled_from(EVENTS if wild else possible))
        events.append(event)
        state = REFERENCE[state].get(event, state)
    return events


@given(walks())
def test_any_walk_goes_as_the_reference_goes(settings: Settings, module_database: Database, walk: list[str]) -> None:
    with module_database.connect() as connection:
        state, path, told = "Structuring", list[tuple[str, str, str]](), list[NewAuditEvent]()
        for event in walk:
            row = held_bond(connection, BOND)
            assert row.state == state
            following = REFERENCE[state].get(event)
            if following is None:
                with pytest.raises(StepImpossible) as refusal:
                    step_taken(connection, row, event, BY, told)
                possible = refusal.value.way_out.removeprefix("Possible there: ").split(", ")
                assert {*possible} == ({*REFERENCE[state]} or {"nothing", "it is final"})
                continue
            step_taken(connection, row, event, BY, told)
            path.append((event, state, following))
            state = following
        logged(settings, connection, told)
        kept = [(each.event, each.from_state, each.to_state) for each in bond_events(connection, BOND)]
        assert kept[2:] == path  # after its creation and its structuring
        assert all(before[2] == after[1] for before, after in itertools.pairwise(kept))
        connection.rollback()

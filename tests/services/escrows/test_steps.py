"""Every state and every event of an escrow: what its table does not have is refused, with what it has."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from fntx_dagster.governance.machines import ESCROW, START, StepImpossible, states
from fntx_dagster.services.escrows.reading import FINAL, OPEN
from fntx_dagster.services.escrows.steps import escrow_step, require_step
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import (
    EscrowRow,
    EscrowTimes,
    SealedPreimage,
    add_escrow,
    escrow,
    set_place,
    set_times,
    steps_of,
)

EVENTS = sorted({each.event for each in ESCROW})
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_every_pair_of_state_and_event_is_a_step_or_is_refused_with_the_states_events(database: Database) -> None:
    tried = 0
    for number, state in enumerate(states(ESCROW), 1):
        possible = {each.event: each.next for each in ESCROW if each.state == state}
        for event in EVENTS:
            row = EscrowRow(
                *(uuid4(), "settlement", None, 1, "rOwner", "rTo", None, None, None, Decimal(1)),
                f"A0258020{number:032X}{EVENTS.index(event):032X}810120",
                [],
                *("operator:test", NOW, state),
            )
            tried += 1
            if event not in possible:
                with pytest.raises(StepImpossible, match=f"{event} is not possible in the state {state}") as refused:
                    require_step(row, event)
                assert refused.value.way_out == f"Possible there: {', '.join(possible) or 'nothing, it is final'}"
                continue
            with database.connect() as connection:
                place = number * 1000 + EVENTS.index(event)
                first = row._replace(state="Proposed")
                add_escrow(connection, first, SealedPreimage("k", place.to_bytes(12), b""))
                set_times(connection, row.escrow_id, EscrowTimes(NOW, None, NOW.replace(year=2027)))
                set_place(connection, row.escrow_id, place, 1)
                connection.execute("update treasury.escrow set state = %s where escrow_id = %s", [state, row.escrow_id])
                moved = escrow_step(connection, row, event, "operator:test", "why")
                kept = escrow(connection, row.escrow_id)
                [step] = steps_of(connection, row.escrow_id)
            assert kept is not None
            assert kept.state == moved.state == possible[event]
            assert (step.event, step.before, step.after, step.reason) == (event, state, possible[event], "why")
    assert tried == len(states(ESCROW)) * len(EVENTS) == 11 * 17


def test_released_cancelled_and_rejected_are_the_end() -> None:
    assert {*FINAL} == {"Released", "Cancelled", "Rejected"}
    assert {*FINAL} | {*OPEN} == {*states(ESCROW)}
    assert START not in OPEN


def test_two_processes_that_take_a_step_at_once_take_it_once(database: Database) -> None:
    from fntx_dagster.errors import Transient

    row = EscrowRow(
        *(uuid4(), "settlement", None, 1, "rOwner", "rTo", None, None, None, Decimal(1)),
        f"A0258020{7:064X}810120",
        [],
        *("operator:test", NOW, "Proposed"),
    )
    with database.connect() as connection:
        add_escrow(connection, row, SealedPreimage("k", bytes(12), b""))
        escrow_step(connection, row, "submit", "operator:one")
        with pytest.raises(Transient, match="another process"):
            escrow_step(connection, row, "submit", "operator:two")
        assert [each.taken_by for each in steps_of(connection, row.escrow_id)] == ["operator:one"]

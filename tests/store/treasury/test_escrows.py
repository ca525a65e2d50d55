"""Escrows as the database keeps them: their states, what never changes, what a bond asks of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from fntx_dagster.escrows.templates import TEMPLATES
from fntx_dagster.governance.machines import ESCROW, states
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.treasury.escrows import (
    EscrowRow,
    EscrowStepRow,
    EscrowTimes,
    SealedPreimage,
    add_document,
    add_escrow,
    add_step,
    documents_of,
    escrow,
    escrow_named,
    escrows,
    escrows_of_bond,
    move_escrow,
    sealed_preimage,
    set_place,
    set_times,
    steps_of,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BOND = "BOND-2026-1"


def proposed(number: int = 1, bond: str | None = BOND, state: str = "Proposed") -> EscrowRow:
    condition = f"A0258020{number:064X}810120"
    amount = Decimal("250000.5")
    token = ("OPTKAS.BOND", "rIssuer")
    return EscrowRow(
        uuid4(), "bond_funding", bond, 1, "rOwner", "rTo", None, *token, amount, condition, ["a"], "x:y", NOW, state
    )


def added(database: Database, row: EscrowRow) -> EscrowRow:
    with database.connect() as connection:
        nonce = bytes.fromhex(row.condition[48:72])
        add_escrow(connection, row, SealedPreimage("0" * 16, nonce, b"sealed"))
    return row


def test_the_database_knows_the_states_and_the_templates_that_the_tables_have(database: Database) -> None:
    with database.connect() as connection:
        checks = connection.execute(
            """select pg_get_constraintdef(oid) from pg_constraint
            where conrelid = 'treasury.escrow'::regclass and contype = 'c'"""
        ).fetchall()
    known = [row[0] for row in checks if row[0].startswith("CHECK ((state = ANY") or "(template = ANY" in row[0]]
    assert len(known) == 2
    for name in (*states(ESCROW), *TEMPLATES):
        assert any(f"'{name}'" in check for check in known)
    assert sum(check.count("'::text") for check in known) == len(states(ESCROW)) + len(TEMPLATES)


def test_an_escrow_moves_only_from_the_state_that_is_named_and_tells_its_bond(database: Database) -> None:
    row, other = added(database, proposed()), added(database, proposed(2 << 160, None))
    with database.connect() as connection:
        assert move_escrow(connection, row.escrow_id, "Proposed", "Pending_Approval", "") is True
        assert move_escrow(connection, row.escrow_id, "Proposed", "Pending_Approval", "") is False
        found = escrow(connection, row.escrow_id)
        assert found == row._replace(state="Pending_Approval")
        assert escrows_of_bond(connection, BOND) == [found]
        assert [each.escrow_id for each in escrows(connection, ["Proposed"])] == [other.escrow_id]
        assert len(escrows(connection)) == 2
        assert sealed_preimage(connection, row.escrow_id).content == b"sealed"
        assert "sealed" not in repr(sealed_preimage(connection, row.escrow_id))


def test_what_was_agreed_and_what_the_ledger_said_never_change(database: Database) -> None:
    row = added(database, proposed())
    times = EscrowTimes(NOW, None, NOW + timedelta(days=120))
    with database.connect() as connection:
        set_times(connection, row.escrow_id, EscrowTimes(NOW, None, NOW + timedelta(days=1)))
        set_times(connection, row.escrow_id, times)
        set_place(connection, row.escrow_id, 7, 99)
        assert escrow_named(connection, 1, "rOwner", 7) == row._replace(
            prepared_close=NOW, cancel_after=times.cancel_after, sequence=7, created_ledger=99
        )
    changes = (
        "update treasury.escrow set amount = 1",
        "update treasury.escrow set sealed = ''",
        "update treasury.escrow set cancel_after = cancel_after + interval '1 day'",
        "update treasury.escrow set sequence = 8",
        "delete from treasury.escrow",
        "truncate treasury.escrow cascade",
    )
    for change in changes:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute(own_sql(change))


def test_steps_are_numbered_and_a_document_is_attested_once(database: Database) -> None:
    row = added(database, proposed())
    step = EscrowStepRow(0, "propose", "–", "Proposed", "operator:cli", "", None, NOW)
    with database.connect() as connection:
        for each in (step, step._replace(event="submit", before="Proposed", after="Pending_Approval")):
            add_step(connection, row.escrow_id, each)
        assert [(each.step_no, each.event) for each in steps_of(connection, row.escrow_id)] == [
            (1, "propose"),
            (2, "submit"),
        ]
        assert add_document(connection, row.escrow_id, "0" * 64, "title deed", "operator:cli")
        assert not add_document(connection, row.escrow_id, "0" * 64, "title deed again", "operator:cli")
        assert [each.title for each in documents_of(connection, row.escrow_id)] == ["title deed"]

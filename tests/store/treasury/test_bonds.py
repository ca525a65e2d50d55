"""Bonds as they are kept: terms stay, a step is taken once, and what is paid goes to what was due first."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from fntx_dagster.governance.machines import BOND, states
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.treasury.bond_money import (
    AccrualRow,
    CashflowRow,
    PaidRow,
    accruals_of,
    add_accruals,
    add_paid,
    outstanding_of,
)
from fntx_dagster.store.treasury.bonds import (
    BondRow,
    HoldingRow,
    SeriesRow,
    TrancheRow,
    add_bond,
    add_holdings,
    add_series,
    add_tranches,
    bond,
    bonds,
    holders_of,
    move_bond,
    set_structure,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = date(2026, 4, 1)


def kept_bond(connection: Connection, bond_id: str = "B-1") -> BondRow:
    """A bond of 1,000.00 with one tranche."""
    connection.execute("insert into treasury.party (party_id, added_by) values ('p', 't') on conflict do nothing")
    row = BondRow(
        *(bond_id, "a bond", "p", "xrpl", "OPTKAS.BOND", "rIssuer", "xrpl", "USD", "rBank", "USD", 2),
        *(Decimal(1000), Decimal("0.05"), "30E360", "P3ML1", "SCF", "MF", date(2026, 1, 1), date(2029, 1, 1)),
        *(10, 30, "{}", "0" * 64, "operator:t", NOW, "Draft"),
    )
    assert add_bond(connection, row)
    assert set_structure(connection, bond_id, "Draft", "Structuring", "{}", "1" * 64)
    add_series(connection, bond_id, [SeriesRow("S", Decimal(1000))])
    tranche = TrancheRow("A", "S", "senior", Decimal(1000), Decimal("0.05"), "30E360", "bullet")
    add_tranches(connection, bond_id, [tranche])
    return row


def interest(period: int, due: date, amount: str) -> CashflowRow:
    start = due - timedelta(days=90)
    return CashflowRow("interest", "A", period, start, due, due, Decimal(1000), Decimal(amount))


def test_the_states_of_the_database_are_those_of_the_table(database: Database) -> None:
    with database.connect() as connection:
        rows = connection.execute(
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'treasury.bond'::regclass"
            " and conname = 'bond_state_check'"
        ).fetchall()
    assert set(re.findall("'([A-Za-z_]+)'", rows[0][0])) == set(states(BOND))


def test_terms_stay_and_a_structure_is_set_once(database: Database) -> None:
    with database.connect() as connection:
        row = kept_bond(connection)
        assert not add_bond(connection, row)
        assert not set_structure(connection, "B-1", "Structuring", "Structuring", "{}", "2" * 64)
        found = bond(connection, "B-1")
        assert found == row._replace(state="Structuring", structure="{}", structure_hash="1" * 64)
    for change in (
        "update treasury.bond set notional = 2",
        "update treasury.bond set structure_hash = repeat('3', 64)",
        "delete from treasury.bond",
        "truncate treasury.bond cascade",
    ):
        refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
        with psycopg.connect(database.url) as owner, refused:
            owner.execute(own_sql(change))


def test_a_step_names_the_state_from_which_it_goes(database: Database) -> None:
    with database.connect() as connection:
        kept_bond(connection)
        assert move_bond(connection, "B-1", "Structuring", "Pending_Approval")
        assert not move_bond(connection, "B-1", "Structuring", "Pending_Approval")
        assert [row.bond_id for row in bonds(connection, ["Pending_Approval"])] == ["B-1"]
        assert bonds(connection, ["Draft"]) == []


def test_holdings_are_the_sum_of_their_changes_and_the_last_address_counts(database: Database) -> None:
    with database.connect() as connection:
        kept_bond(connection)
        connection.execute("insert into treasury.party (party_id, added_by) values ('q', 't'), ('r', 't')")
        first = [HoldingRow("A", "q", Decimal(7), "r1"), HoldingRow("A", "r", Decimal(3), "r2")]
        add_holdings(connection, "B-1", [*first, HoldingRow(None, "q", Decimal(1), "r1")], "operator:t", NOW)
        sold = [HoldingRow("A", "r", Decimal(-3), "r2"), HoldingRow("A", "q", Decimal(3), "r9")]
        add_holdings(connection, "B-1", sold, "operator:t", NOW + timedelta(days=1))
        assert holders_of(connection, "B-1") == [
            HoldingRow("A", "q", Decimal(10), "r9"),
            HoldingRow(None, "q", Decimal(1), "r1"),
        ]


def test_principal_that_is_paid_is_outstanding_no_more(database: Database) -> None:
    with database.connect() as connection:
        kept_bond(connection)
        add_paid(connection, "B-1", PaidRow("d/1", "interest", "A", Decimal(12), FIRST))
        add_paid(connection, "B-1", PaidRow("d/2", "principal", "A", Decimal("250.01"), FIRST))
        [row] = outstanding_of(connection, "B-1")
        assert row.outstanding == Decimal("749.99")
        [row] = outstanding_of(connection, "B-1", FIRST - timedelta(days=1))
        assert row.outstanding == Decimal(1000)


def test_an_accrual_is_written_once(database: Database) -> None:
    row = AccrualRow("A", FIRST, 1, Decimal(1000), Decimal("0.14"), Decimal("0.14"))
    with database.connect() as connection:
        kept_bond(connection)
        assert add_accruals(connection, "B-1", [row]) == 1
        assert add_accruals(connection, "B-1", [row._replace(amount=Decimal(9))]) == 0
        assert accruals_of(connection, "B-1", FIRST, FIRST) == [row]

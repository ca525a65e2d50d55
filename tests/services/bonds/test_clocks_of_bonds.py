"""Interest of each day, and the two clocks: by the dates of a ledger, to the day and to the cent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.business_days import business_days
from fntx_dagster.bonds.cashflows import REPAYMENTS, coupon_periods, scheduled_dues
from fntx_dagster.bonds.cycles import read_cycle
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.services.bonds.accruing import accrue
from fntx_dagster.services.bonds.delinquency import clocked, run_clocks
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.factory import create_bond, structure_bond
from fntx_dagster.services.bonds.reading import events_of_bond, show_bond
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import PaidRow, accruals_of, add_paid, cashflows_of
from tests.services.bonds.built import (
    BOND,
    STRUCTURE,
    TERMS,
    active,
    enter_parties,
    now,
    on,
    put_in,
    structured,
    treasury_of_bonds,
)
from tests.services.bonds.test_transitions import paid
from tests.services.transactions.desks import desk_at

QUARTER = [date(2026, 1, 1) + timedelta(days=n) for n in range(90)]


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return treasury_of_bonds(tmp_path, database)


def clock(settings: Settings, db: Database, day: str) -> list[str]:
    """The steps that a ledger's date brings."""
    return clocked(settings, db, now(db), on(day)).steps


def test_the_days_of_a_period_sum_to_its_coupon_and_run_again_change_nothing(
    settings: Settings, database: Database
) -> None:
    active(settings, database)
    assert accrue(database, date(2025, 12, 31)) == []
    first = [accrue(database, day) for day in QUARTER]
    assert all(done[0].new == 3 for done in first)
    with database.connect() as connection:
        before = accruals_of(connection, BOND, QUARTER[0], QUARTER[-1])
        due = {each.line_id: each.amount for each in cashflows_of(connection, BOND, 1) if each.kind == "interest"}
    assert {line: sum((each.amount for each in before if each.tranche_id == line), Decimal(0)) for line in due} == due
    assert [each.accrued for each in before if each.day == QUARTER[-1]] == [due[line] for line in ("A", "B", "C")]
    assert show_bond(database, BOND, date(2026, 3, 31)).accrued == due
    again = [accrue(database, day) for day in QUARTER[::-1]]
    assert [each[0].new for each in again] == [0] * 90
    assert [each[0].amount for each in again[::-1]] == [each[0].amount for each in first]
    with database.connect() as connection:
        assert accruals_of(connection, BOND, QUARTER[0], QUARTER[-1]) == before


def test_principal_that_was_missed_bears_interest_in_the_next_period(settings: Settings, database: Database) -> None:
    """B repays 75,000 a quarter; what of it is not paid stays outstanding, and bears interest day by day."""
    active(settings, database)
    accrue(database, date(2026, 4, 1))
    accrue(database, date(2026, 7, 1))
    with database.connect() as connection:
        outstanding = {
            (each.tranche_id, each.day.month): each.outstanding
            for each in accruals_of(connection, BOND, date(2026, 4, 1), date(2026, 7, 1))
        }
    assert (outstanding["B", 4], outstanding["B", 7]) == (Decimal("300000.00"), Decimal("300000.00"))


def test_a_bond_is_delinquent_on_the_eleventh_day_and_in_default_thirty_days_later(
    settings: Settings, database: Database
) -> None:
    """Due on 1 April: 11 April still counts as in time; delinquent from 12 April, in default from 12 May."""
    structured(settings, database)
    put_in(database, "Current")
    assert clock(settings, database, "2026-04-01") == []
    assert clock(settings, database, "2026-04-11") == []
    assert clock(settings, database, "2026-04-12") == ["miss_payment"]
    assert clock(settings, database, "2026-05-11") == []
    assert clock(settings, database, "2026-05-12") == ["cure_period_ends"]
    assert now(database).state == "Defaulted"
    missed, ended = events_of_bond(database, BOND)[-2:]
    assert (missed.type, ended.type) == ("bond_transitioned", "bond_defaulted")
    assert (missed.ledger_date, ended.ledger_date) == (on("2026-04-12").closed_at, on("2026-05-12").closed_at)
    assert missed.actor == "system:delinquency"


def test_paid_in_full_on_the_last_day_of_either_no_step_is_taken(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Current")
    paid(database, until="2026-04-01", on="2026-04-11")
    assert clock(settings, database, "2026-04-12") == []
    put_in(database, "Delinquent")
    assert clock(settings, database, "2026-05-12") == ["pay"]
    assert now(database).state == "Current"


def test_a_part_that_is_paid_resets_no_clock(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Current")
    with database.connect() as connection:
        for n, due in enumerate(dues_of(connection, BOND, date(2026, 4, 1))):
            part = due.amount - Decimal("0.01") * (due.line_id == "C" and due.kind == "interest")
            add_paid(connection, BOND, PaidRow(f"d/{n}", due.kind, due.line_id, part, date(2026, 4, 10)))
    assert clock(settings, database, "2026-04-12") == ["miss_payment"]


def test_a_bond_that_nobody_looked_at_takes_both_steps_at_once(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Current")
    assert clock(settings, database, "2026-09-01") == ["miss_payment", "cure_period_ends"]
    assert clock(settings, database, "2026-09-02") == []


def test_the_clocks_go_by_the_date_of_the_ledger_and_not_by_ours(database: Database, tmp_path: Path) -> None:
    """The simulated ledger stands at 15 January 2027, whatever day it is here; a day later it is the eleventh."""
    terms = TERMS | {"start": "2026-10-05", "maturity": "2027-10-05"}
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        enter_parties(desk.settings, database)
        create_bond(desk.settings, database, terms)
        structure_bond(desk.settings, database, BOND, STRUCTURE)
        put_in(database, "Current")
        [late] = run_clocks(desk.settings, database)
        assert (late.on, late.oldest, late.steps) == (date(2027, 1, 15), date(2027, 1, 5), [])
        assert desk.xrpl
        desk.xrpl.fail(advance=86_400)
        [late] = run_clocks(desk.settings, database)
        assert late.steps == []  # no ledger has closed since
        desk.close()
        [late] = run_clocks(desk.settings, database)
        assert (late.on, late.steps, late.state) == (date(2027, 1, 16), ["miss_payment"], "Delinquent")
        assert run_clocks(desk.settings, database)[0].steps == []


@given(
    notional=st.integers(1, 10**12),
    rate=st.fractions(0, 1, max_denominator=10**4),
    day_count=st.sampled_from([*DAY_COUNTS]),
    repayment=st.sampled_from(REPAYMENTS),
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    days=st.integers(1, 4000),
    cycle=st.sampled_from(["P1ML1", "P3ML0", "P1QL1", "P6ML1", "P1YL0"]),
    shift=st.sampled_from(["NOS", "CSF", "CSMP"]),
)
def test_every_schedule_repays_its_notional_and_nothing_else(
    notional: int, rate: Fraction, day_count: str, repayment: str, start: date, days: int, cycle: str, shift: str
) -> None:
    periods = coupon_periods(start, start + timedelta(days=days), read_cycle(cycle), business_days(shift, "MF"))
    dues = scheduled_dues(periods, notional, rate, day_count, repayment)
    assert sum(each.principal for each in dues) == notional
    assert all(each.principal >= 0 and each.interest >= 0 for each in dues)
    left = notional
    for due in dues:
        assert due.outstanding == left
        left -= due.principal
    assert [each.end for each in periods[:-1]] == [each.start for each in periods[1:]]

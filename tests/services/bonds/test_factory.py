"""A bond is created, structured and submitted: what is wrong is named, and nothing of it is kept."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.factory import create_bond, structure_bond, submit_bond
from fntx_dagster.services.bonds.reading import events_of_bond, list_bonds, show_bond
from fntx_dagster.services.building.treasury import overdue_proposals
from fntx_dagster.services.governance.ending import cancel, expire
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.gating import NotCleared
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import cashflows_of
from tests.services.bonds.built import (
    BOND,
    STRUCTURE,
    TERMS,
    active,
    drafted,
    now,
    structured,
    submitted,
    treasury_of_bonds,
    voted,
    with_field,
)
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.worlds import events
from tests.simulate.xrpl.people import address


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return treasury_of_bonds(tmp_path, database)


WRONG_TERMS = {
    "id": ("a b", "id is 'a b'"),
    "issuer": ("nobody", "no party is called 'nobody'"),
    "token.code": ("NONE", "no token 'NONE'"),
    "cash.issuer": ("rNobody", "cash.issuer"),
    "cash.code": ("U\x00D", "not the code of an asset on xrpl"),
    "decimals": (8, "decimals is 8"),
    "notional": ("1500000.001", "finer than the currency"),
    "rate": ("5", "more than all of it"),
    "day_count": ("30/360", "day_count is '30/360'"),
    "cycle": ("P3M", "cycle is 'P3M'"),
    "start": ("2026-02-30", "which no calendar has"),
    "maturity": ("2026-01-01", "maturity is 2026-01-01"),
    "grace_days": (-1, "grace_days is -1"),
    "business_days": ("F", "business_days is 'F'"),
    "fees.0.due": ("0", "due is 0"),
    "fees.0.address": (address("ada"), "an address of ada, and trust would be paid there"),
    "name": ("a\x1bb", "control character"),
    "currency": (None, "currency is missing"),
    "colour": ("red", "colour is no field here"),
}


@pytest.mark.parametrize(("path", "wrong"), WRONG_TERMS.items(), ids=WRONG_TERMS)
def test_terms_that_are_wrong_are_refused_by_their_field(
    path: str, wrong: tuple[Any, str], settings: Settings, database: Database
) -> None:
    value, words = wrong
    with pytest.raises(Permanent) as error:
        create_bond(settings, database, with_field(TERMS, path, value))
    assert words in error.value.message
    assert list_bonds(database) == []


def test_a_draft_is_created_once_with_ten_days_of_grace_and_thirty_of_cure(
    settings: Settings, database: Database
) -> None:
    row = drafted(settings, database)
    assert (row.state, row.grace_days, row.cure_days, row.business_days) == ("Draft", 10, 30, "NOS")
    with pytest.raises(Permanent, match="there is a bond"):
        drafted(settings, database)
    [step] = events_of_bond(database, BOND)
    assert (step.type, step.event, step.from_state, step.to_state) == ("bond_created", "create", "–", "Draft")


WRONG_STRUCTURES = {
    "series.0.notional": ("1500000.01", "come to 1500000.00"),
    "series.0.tranches.1.notional": ("300000.01", "the tranches of the series S1 come to 1500000.01"),
    "series.0.tranches.1.id": ("A", "A is there twice"),
    "series.0.tranches.0.class": ("junior", "class is 'junior'"),
    "series.0.tranches.0.holders": ([], "has no holder"),
    "series.0.tranches.0.holders.0.party": ("nobody", "no party is called 'nobody'"),
    "series.0.tranches.0.holders.0.address": (address("bob"), "an address of bob, and ada would be paid there"),
    "series.0.tranches.0.holders.1.party": ("ada", "ada is there twice"),
    "series.0.tranches.0.holders.0.units": ("0", "units of a holder are 0"),
    "equity.0.units": ("1.5", "units is '1.5'"),
}


@pytest.mark.parametrize(("path", "wrong"), WRONG_STRUCTURES.items(), ids=WRONG_STRUCTURES)
def test_a_structure_that_is_wrong_is_refused_and_the_draft_stays(
    path: str, wrong: tuple[Any, str], settings: Settings, database: Database
) -> None:
    drafted(settings, database)
    value, words = wrong
    with pytest.raises(Permanent) as error:
        structure_bond(settings, database, BOND, with_field(STRUCTURE, path, value))
    assert words in error.value.message
    assert now(database).state == "Draft"
    assert show_bond(database, BOND).tranches == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cycle": "P1DL1", "maturity": "2299-01-01"}, "more than 50000 dates"),
        ({"maturity": "9999-12-31"}, "a date after the year 9999"),
        ({"cycle": "P1DL1", "maturity": "2076-01-01"}, "make up to 127,834 payments, and 100,000 are kept"),
    ],
)
def test_a_bond_with_too_many_dates_is_refused_and_the_draft_stays(
    changes: dict[str, str], words: str, settings: Settings, database: Database
) -> None:
    create_bond(settings, database, {**TERMS, **changes})
    with pytest.raises(Permanent, match=words):
        structure_bond(settings, database, BOND, STRUCTURE)
    assert now(database).state == "Draft"


def test_a_structure_fixes_what_is_due_to_the_cent(settings: Settings, database: Database) -> None:
    """By hand: quarters of 30E360 are 90/360; A 5 % of a million, B 8 % repaid in four parts, C 12 % as an annuity
    of 200,000 × 0.03 ÷ (1 − 1.03⁻⁴) = 53,805.41."""
    structured(settings, database)
    with database.connect() as connection:
        rows = cashflows_of(connection, BOND)
    found = {(row.line_id, row.kind, row.period): row.amount for row in rows}
    assert [found["A", "interest", n] for n in (1, 2, 3, 4)] == [Decimal("12500.00")] * 4
    assert {key: amount for key, amount in found.items() if key[:2] == ("A", "principal")} == {
        ("A", "principal", 4): Decimal("1000000.00")
    }
    assert [found["B", "interest", n] for n in (1, 2, 3, 4)] == [6000, 4500, 3000, 1500]
    assert [found["B", "principal", n] for n in (1, 2, 3, 4)] == [75000] * 4
    paid = [found["C", "interest", n] + found["C", "principal", n] for n in (1, 2, 3, 4)]
    assert paid[:3] == [Decimal("53805.41")] * 3
    assert abs(paid[3] - Decimal("53805.41")) <= Decimal("0.02")
    assert sum(found["C", "principal", n] for n in (1, 2, 3, 4)) == Decimal("200000.00")
    assert [found["trustee", "fee", n] for n in (1, 2, 3, 4)] == [5000] * 4
    assert [row.due_date for row in rows if row.kind == "fee"] == [
        date(2026, 4, 1),
        date(2026, 7, 1),
        date(2026, 10, 1),
        date(2027, 1, 1),
    ]


def test_a_bond_is_structured_once(settings: Settings, database: Database) -> None:
    structured(settings, database)
    with pytest.raises(StepImpossible) as error:
        structure_bond(settings, database, BOND, STRUCTURE)
    assert "Possible there: submit" in str(error.value)


def test_two_signers_make_a_bond_active_and_its_tranches_with_it(settings: Settings, database: Database) -> None:
    proposal = submitted(settings, database)
    view = show(database, proposal)
    assert (view.row.kind, view.row.state, view.row.threshold) == ("bond.approve", "pending_approval", 2)
    assert {*view.row.parties} == {"house", "bank", "ada", "bob", "cleo", "trust"}
    assert (view.payload["terms"], view.payload["structure"]) == (TERMS, STRUCTURE)
    voted(settings, database, proposal, "treasury")
    assert now(database).state == "Pending_Approval"
    voted(settings, database, proposal, "compliance")
    assert now(database).state == "Active"
    assert events(database)[-4:] == ["bond_transitioned", *["tranche_activated"] * 3]
    steps = events_of_bond(database, BOND)
    assert [step.event for step in steps] == ["create", "structure", "submit", "approve"]
    assert (steps[-1].proposal_id, steps[-1].actor) == (proposal, "signer:compliance")
    assert steps[-2].proposal_id == proposal


def test_two_who_reject_end_a_bond(settings: Settings, database: Database) -> None:
    proposal = submitted(settings, database)
    voted(settings, database, proposal, "treasury", "trustee", word="reject")
    assert now(database).state == "Rejected"
    assert events_of_bond(database, BOND)[-1].event == "reject"


def test_a_bond_that_nobody_decides_is_rejected_when_its_time_is_over(settings: Settings, database: Database) -> None:
    proposal = submitted(settings, database)
    end = show(database, proposal).row.expires_at
    assert expire(settings, database, end - timedelta(seconds=1)) == []
    assert expire(settings, database, end) == [proposal]
    assert now(database).state == "Rejected"
    assert events_of_bond(database, BOND)[-1].event == "expire"


def test_a_bond_whose_proposal_was_cancelled_waits_for_another_or_for_its_end(
    settings: Settings, database: Database
) -> None:
    proposal = submitted(settings, database)
    row = show(database, proposal).row
    cancel(settings, database, proposal, "a slip")
    assert expire(settings, database) == []
    assert now(database).state == "Pending_Approval"
    again = propose(settings, database, "bond.approve", show(database, proposal).payload, ["house"])
    assert expire(settings, database, row.expires_at - timedelta(seconds=1)) == []
    assert now(database).state == "Pending_Approval"
    cancel(settings, database, again, "another slip")
    end = show(database, again).row.expires_at
    assert overdue_proposals(database, end - timedelta(seconds=1)) == 0
    assert overdue_proposals(database, end) == 1  # what the sensor asks before it starts a run
    expire(settings, database, end)
    assert now(database).state == "Rejected"
    assert overdue_proposals(database, end) == 0


def test_what_is_approved_is_what_is_kept(settings: Settings, database: Database) -> None:
    proposal = submitted(settings, database)
    payload = show(database, proposal).payload
    with pytest.raises(Permanent, match="asks for approve already"):
        propose(settings, database, "bond.approve", payload, ["house"])
    cancel(settings, database, proposal, "a slip")
    with pytest.raises(Permanent, match="terms are not those of"):
        propose(settings, database, "bond.approve", with_field(payload, "terms.rate", "0.04"), ["house"])
    with pytest.raises(Permanent, match="approve is no step of"):
        propose(settings, database, "bond.transition", payload)


def test_a_bond_whose_holder_is_listed_is_not_submitted_and_the_check_is_kept(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    structured(settings, database)
    load_list(settings, database, write_list(tmp_path / "list.csv", *ROWS, "NK-9,Person,Cleo Marchbanks,,,"), by=BY)
    with pytest.raises(NotCleared, match=r"cleo \(check \d+\)"):
        submit_bond(settings, database, BOND)
    assert now(database).state == "Structuring"
    assert "compliance_check_failed" in events(database)
    assert "proposal_draft" not in events(database)


def test_each_step_is_in_the_log_with_its_number(settings: Settings, database: Database) -> None:
    active(settings, database)
    steps = events_of_bond(database, BOND)
    named = events(database)
    assert [named[step.audit_seq] for step in steps] == [step.type for step in steps]

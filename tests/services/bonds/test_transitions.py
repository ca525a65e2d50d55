"""A bond moves by its table alone, each step with its guard judged and by those who have to approve."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

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
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import PaidRow, add_paid, cashflows_of
from fntx_dagster.store.treasury.cash_receipts import CashReceiptRow, add_receipt
from fntx_dagster.store.treasury.distributions import DistributionRow, add_distribution, move_distribution
from fntx_dagster.store.treasury.escrows import EscrowRow, SealedPreimage, add_escrow, escrows_of_bond
from fntx_dagster.store.treasury.platform import entered, set_platform_state
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
    voted,
)
from tests.services.screening.conftest import BY
from tests.services.transactions.desks import desk_at
from tests.services.transactions.worlds import events
from tests.simulate.xrpl.people import address

EVENTS = sorted({each.event for each in TABLE})
STEPS = {(each.state, each.event) for each in TABLE}
APPROVED = {(each.state, each.event) for each in TABLE if each.approvals and each.event != "approve"}


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return treasury_of_bonds(tmp_path, database)


def paid(db: Database, *, until: str = "9999-12-31", on: str | None = None) -> None:
    """Everything that is due up to a date, paid on another, None: each when it is due."""
    with db.connect() as connection:
        flows = [each for each in cashflows_of(connection, BOND) if each.due_date <= date.fromisoformat(until)]
        for n, due in enumerate(flows):
            row = PaidRow(
                f"{until}/{n}", due.kind, due.line_id, due.amount, date.fromisoformat(on) if on else due.due_date
            )
            assert add_paid(connection, BOND, row)


def refusal(ask: Callable[..., Any], *arguments: Any) -> str:
    """What a step that is not possible is refused with."""
    with pytest.raises(StepImpossible) as error:
        ask(*arguments)
    return str(error.value)


def pause(settings: Settings, db: Database) -> None:
    voted(settings, db, propose(settings, db, "emergency.pause", {"reason": "a key"}), "treasury")


def test_every_guard_of_the_table_is_judged_somewhere() -> None:
    assert unjudged() == set()


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
    paid(database)
    with pytest.raises(BondGuardFails, match="the ledger's date is 2026-12-31, before 2027-01-01"):
        take_step(settings, database, BOND, "mature", BY, "", on("2026-12-31"))
    assert take_step(settings, database, BOND, "mature", BY, "", on("2027-01-01")).state == "Matured"


def escrow(db: Database, state: str, amount: str, ledger: int | None = 7, currency: str = "USD") -> None:
    """An escrow that funds the bond, as its own table would have led to it."""
    with db.connect() as connection:
        number = len(escrows_of_bond(connection, BOND)) + 1
        terms = (currency, address("bank"), Decimal(amount), f"A0258020{number:064X}810120", ["house"], BY)
        row = EscrowRow(
            *(uuid4(), "bond_funding", BOND, 1, address("escrow"), address("treasury"), None, *terms),
            *(datetime(2026, 1, 1, tzinfo=UTC), state),
            sequence=number if ledger else None,
            created_ledger=ledger,
        )
        add_escrow(connection, row, SealedPreimage("0" * 16, number.to_bytes(12, "big"), b"sealed"))


def test_a_bond_is_funded_by_escrows_of_its_asset_that_a_ledger_holds(settings: Settings, database: Database) -> None:
    active(settings, database)

    def step(event: str) -> str:
        return transition_bond(settings, database, BOND, event).row.state

    escrow(database, "Approved", "1500000", None)
    escrow(database, "Active", "1500000", currency="EUR")
    with pytest.raises(BondGuardFails, match="no escrow that funds BOND-2026-1 is Active"):
        step("escrow_created")
    escrow(database, "Active", "1000000")
    assert step("escrow_created") == "Funding"
    escrow(database, "Cancelled", "500000")
    escrow(database, "Released", "499999.99")
    with pytest.raises(BondGuardFails, match=r"come to 1499999\.99 of 1500000\.00"):
        step("escrow_confirmed")
    escrow(database, "Finishing", "0.01")
    assert step("escrow_confirmed") == "Funded"


def test_a_bond_distributes_cash_that_came_in_while_the_treasury_runs(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Funded")
    with pytest.raises(BondGuardFails, match="no cash came in"):
        transition_bond(settings, database, BOND, "run_waterfall")
    with database.connect() as connection:
        document = ("statement.pdf", "0" * 64, "by wire", BY)
        at = datetime(2026, 4, 1, tzinfo=UTC)
        add_receipt(
            connection,
            CashReceiptRow(uuid4(), BOND, Decimal(150_000), at.date(), None, None, None, *document, at),
        )
    pause(settings, database)
    with pytest.raises(BondGuardFails, match="the treasury is paused"):
        transition_bond(settings, database, BOND, "run_waterfall")
    voted(
        settings, database, propose(settings, database, "emergency.resume", {"reason": "found"}), "treasury", "trustee"
    )
    assert transition_bond(settings, database, BOND, "run_waterfall").row.state == "Distributing"
    with pytest.raises(BondGuardFails, match="the last distribution of BOND-2026-1 is not there"):
        transition_bond(settings, database, BOND, "payments_confirmed")


def test_a_bond_is_redeemed_when_nothing_of_its_token_is_out(database: Database, tmp_path: Path) -> None:
    """The simulated ledger is asked when it is proposed, and with the last decision."""
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        enter_parties(desk.settings, database)
        structured(desk.settings, database)
        put_in(database, "Matured")
        asked = transition_bond(desk.settings, database, BOND, "settle")
        assert asked.proposal_id
        assert desk.town
        issued = desk.ready("5")
        submit(desk.settings, database, issued)
        desk.close()
        assert desk.settled(issued).state == "confirmed"
        voted(desk.settings, database, asked.proposal_id, "treasury")
        with pytest.raises(BondGuardFails, match=r"5 OPTKAS.BOND are still out on xrpl"):
            voted(desk.settings, database, asked.proposal_id, "trustee")
        with pytest.raises(BondGuardFails, match="still out"):
            transition_bond(desk.settings, database, BOND, "settle")
        assert now(database).state == "Matured"


def test_payments_are_confirmed_when_the_last_distribution_is_and_none_is_under_way(
    settings: Settings, database: Database
) -> None:
    structured(settings, database)
    put_in(database, "Distributing")
    at = datetime(2026, 4, 1, tzinfo=UTC)
    zero = Decimal(0)

    def distribution(number: int, state: str) -> DistributionRow:
        row = DistributionRow(
            *(uuid4(), BOND, number, number, Decimal(150_000), zero, zero, "{}", f"{number:064d}"),
            *("xrpl", address("treasury"), 7, BY, at + timedelta(days=number), "computed"),
        )
        with database.connect() as connection:
            add_distribution(connection, row, [], [], [])
            assert state == "computed" or move_distribution(connection, row.distribution_id, "computed", state)
        return row

    first = distribution(1, "paying")
    with pytest.raises(BondGuardFails, match="the last distribution of BOND-2026-1 is paying"):
        transition_bond(settings, database, BOND, "payments_confirmed")
    with database.connect() as connection:
        assert move_distribution(connection, first.distribution_id, "paying", "confirmed")
    assert transition_bond(settings, database, BOND, "payments_confirmed").row.state == "Current"
    put_in(database, "Liquidating")
    with database.connect() as connection:
        document = ("statement.pdf", "0" * 64, "by wire", BY)
        add_receipt(connection, CashReceiptRow(uuid4(), BOND, Decimal(1), at.date(), None, None, None, *document, at))
    with pytest.raises(BondGuardFails, match="is not distributed"):
        transition_bond(settings, database, BOND, "assets_distributed")


def test_of_two_who_take_a_step_at_once_one_does(settings: Settings, database: Database) -> None:
    structured(settings, database)
    put_in(database, "Current")
    paid(database)

    def mature(_: int) -> str:
        try:
            return take_step(settings, database, BOND, "mature", BY, "", on("2027-01-01")).state
        except StepImpossible as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        ends = sorted(pool.map(mature, range(4)))
    assert ends == ["Matured", *["mature is not possible in the state Matured. Possible there: settle"] * 3]
    assert [each.event for each in events_of_bond(database, BOND)].count("mature") == 1

"""A distribution is withdrawn only where nobody is paid of it, now or later; a receipt is voided by a new row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.distributions.attempting import attempt_all
from fntx_dagster.services.distributions.computing import compute, distribute_next
from fntx_dagster.services.distributions.paying import look
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.reading import cash_of
from fntx_dagster.services.distributions.receipts import receipt_by_evidence
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.services.distributions.withdrawing import void, withdraw
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.cash_receipts import receipts_of
from fntx_dagster.store.treasury.distributions import distribution_proposals, lines_of, payments_of
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.distributions.test_twice import FEE, only_payment, paid_by_others
from tests.services.transactions.walks import opened_events, walked

WHY = "the register was of the day before"


def taken_back(desk: BondDesk, distribution: UUID) -> None:
    assert withdraw(desk.settings, desk.db, distribution, WHY).is_withdrawn


def told(desk: BondDesk, kind: str, subject: UUID) -> list[dict[str, str]]:
    """The decisions that the log has about something."""
    events = opened_events(desk.settings, desk.db)
    return [
        each["details"]
        for each in events
        if each["type"] == "decision_recorded" and each["subject"] == {"kind": kind, "id": str(subject)}
    ]


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
def test_the_cash_of_a_withdrawn_distribution_is_distributed_by_the_next(
    ledger: str, database: Database, tmp_path: Path
) -> None:
    with bond_desk(ledger, database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.cash("17500.00")
        first = compute(desk.settings, database, BOND, 1)
        with pytest.raises(Permanent, match="is computed"):
            compute(desk.settings, database, BOND, 1)
        taken_back(desk, first.distribution_id)
        assert [each["reason"] for each in told(desk, "distribution", first.distribution_id)] == [WHY]
        with pytest.raises(Permanent, match="is withdrawn"):
            withdraw(desk.settings, database, first.distribution_id, WHY)
        with pytest.raises(Permanent, match="is withdrawn"):
            propose_distribution(desk.settings, database, first.distribution_id)
        assert desk.state() == "Distributing"
        second = distribute_next(desk.settings, database, BOND, 1)
        assert (second.number, second.period, second.available) == (2, 1, Decimal("17500.00"))
        desk.decided(propose_distribution(desk.settings, database, second.distribution_id))
        desk.paid_out(second.distribution_id)
        assert (desk.state(), desk.balance("h1") + desk.balance("h2")) == ("Current", Decimal("17500.00"))
        assert look(database, first.distribution_id).next == "nothing"
        walked(desk.settings, database)


def test_arrears_retained_cash_and_periods_are_as_before_the_withdrawn_distribution(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.paid_out(desk.approved("10000.00"))
        desk.cash("30000.00", "second")
        wrong = compute(desk.settings, database, BOND, 3)
        taken_back(desk, wrong.distribution_id)
        right = compute(desk.settings, database, BOND, 2)
        taken_back(desk, right.distribution_id)
        again = compute(desk.settings, database, BOND, 2)
        assert (right.number, again.number, again.period) == (3, 4, 2)
        with database.connect() as connection:
            lines = lines_of(connection, again.distribution_id)
            assert lines == lines_of(connection, right.distribution_id)
        # of period 1 the fee and 5,000.00 of the senior interest of 12,500.00 were paid
        assert [each.arrears_before for each in lines if each.kind == "interest"] == [Decimal(7500), Decimal(10000)]


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
def test_nothing_is_withdrawn_while_what_was_prepared_could_get_into_a_ledger(
    ledger: str, database: Database, tmp_path: Path
) -> None:
    with bond_desk(ledger, database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved(FEE)
        desk.go_on(distribution)
        proposal = only_payment(desk, distribution).proposal_id
        assert proposal
        for _ in range(2):
            with pytest.raises(Permanent, match="may still get into a ledger"):
                withdraw(desk.settings, database, distribution, WHY)
            if show(database, proposal).row.state != "cancelled":
                cancel(desk.settings, database, proposal, WHY)
        if desk.town:  # another transaction uses its sequence
            assert desk.town.does("treasury", "AccountSet", by=("s1", "s3"), SetFlag=3) == "tesSUCCESS"
            taken_back(desk, distribution)
            assert desk.go_on(distribution).next == "nothing"
            assert only_payment(desk, distribution).attempts == 1


def test_nothing_is_withdrawn_of_which_a_ledger_holds_a_payment(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        assert desk.town
        assert desk.town.does("treasury", "TicketCreate", by=("s1", "s3"), TicketCount=2) == "tesSUCCESS"
        distribution = desk.approved(FEE)
        paid_by_others(desk, distribution, 0)
        with pytest.raises(Permanent, match="is confirmed"):
            withdraw(desk.settings, database, distribution, WHY)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute("update treasury.distribution set is_withdrawn = true, state = 'failed'")


def test_of_a_distribution_that_is_partly_paid_nothing_is_withdrawn(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        distribution = desk.approved("17500.00")
        desk.go_on(distribution)
        desk.sign()
        for _ in range(2):
            desk.go_on(distribution)
            desk.close()
        desk.go_on(distribution)
        desk.sign(leave=1)
        desk.go_on(distribution)
        desk.close()
        with pytest.raises(Permanent, match=r"a ledger holds payment \d"):
            withdraw(desk.settings, database, distribution, WHY)


def test_an_approval_that_was_given_lets_nothing_of_a_withdrawn_distribution_be_prepared(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved(FEE)
        settled(desk.settings, database, distribution)
        attempt_all(desk.settings, database, distribution, [], {}, "system:tests")
        proposal = only_payment(desk, distribution).proposal_id
        assert proposal
        taken_back(desk, distribution)
        assert show(database, proposal).row.state == "approved"
        with pytest.raises(StepImpossible, match="was withdrawn"):
            prepare(desk.settings, database, proposal)


def test_a_proposal_that_waits_is_cancelled_with_its_distribution(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        desk.cash(FEE)
        row = compute(desk.settings, database, BOND, 1)
        asked = propose_distribution(desk.settings, database, row.distribution_id)
        with pytest.raises(Permanent, match="needs a reason"):
            withdraw(desk.settings, database, row.distribution_id, " ")
        taken_back(desk, row.distribution_id)
        assert show(database, asked).row.state == "cancelled"
        with database.connect() as connection:
            assert distribution_proposals(connection, row.distribution_id) == [asked]
            assert all(each.attempts == 0 for each in payments_of(connection, row.distribution_id))


def test_a_receipt_that_was_recorded_wrongly_is_voided_and_recorded_again(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        desk.cash("50000.00")
        [wrong] = cash_of(database, BOND).receipts
        distribution = compute(desk.settings, database, BOND, 1)
        with pytest.raises(Permanent, match="a distribution distributes the receipt"):
            void(desk.settings, database, wrong.receipt_id, WHY)
        with pytest.raises(psycopg.errors.CheckViolation), database.connect() as connection:
            connection.execute(
                "insert into treasury.receipt_voided select receipt_id, 'x', 'x' from treasury.cash_receipt"
            )
        taken_back(desk, distribution.distribution_id)
        void(desk.settings, database, wrong.receipt_id, WHY)
        assert [each["reason"] for each in told(desk, "cash_receipt", wrong.receipt_id)] == [WHY]
        with pytest.raises(Permanent, match="voided already"):
            void(desk.settings, database, wrong.receipt_id, WHY)
        with pytest.raises(Permanent, match="no cash came in"):
            compute(desk.settings, database, BOND, 1)
        desk.cash(FEE)
        with pytest.raises(Permanent, match="recorded already"):
            desk.cash(FEE)
        assert compute(desk.settings, database, BOND, 1).available == Decimal(FEE)
        view = cash_of(database, BOND)
        assert view.voided == {wrong.receipt_id: WHY}
        assert [each["is_distributed"] for each in view.as_dict()["receipts"]] == [False, True]


def test_a_receipt_that_nobody_knows_is_not_voided(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        with pytest.raises(Permanent, match="there is no receipt"):
            void(desk.settings, database, uuid4(), WHY)
        digest = sha256(b"statement").hexdigest()
        receipt_by_evidence(desk.settings, database, BOND, FEE, date(2026, 4, 1), ("a statement", digest), "by wire")
        with database.connect() as connection:
            [row] = receipts_of(connection, BOND)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute("update treasury.cash_receipt set amount = 1")
        void(desk.settings, database, row.receipt_id, WHY)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute("delete from treasury.receipt_voided")

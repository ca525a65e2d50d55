"""A payee who cannot be paid holds up no bond: the payment is set aside by a vote, held, and released by another."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from fntx_dagster.bonds.distributions import release_id
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.reading import events_of_bond
from fntx_dagster.services.bonds.transitions import transition_bond
from fntx_dagster.services.distributions.attempting import attempt_all
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.setting_aside import propose_set_aside, release
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.services.distributions.withdrawing import withdraw
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.deciding import rescreen
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bonds import HoldingRow, add_holdings, move_bond
from fntx_dagster.store.treasury.distributions import (
    PaymentStanding,
    distribution,
    distribution_proposals,
    payments_of,
)
from fntx_dagster.store.treasury.set_aside import attempts_of, held_of
from tests.services.distributions.desks import BOND, TWO, BondDesk, bond_desk
from tests.services.distributions.test_held_up import CASH, backup_of, payments
from tests.services.distributions.test_twice import paid_by_others
from tests.services.governance.treasuries import decision
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.walks import opened_events
from tests.simulate.xrpl.people import address, token

PAID_BY = date(2099, 1, 1)
WHY = "h2 closed its account"
H2 = Decimal(6250)


def closed(desk: BondDesk, holder: str) -> None:
    """The holder's line is gone: nobody can pay it."""
    assert desk.town
    assert desk.town.does(holder, "TrustSet", LimitAmount=token("0", "bank", "USD")) == "tesSUCCESS"


def opened_again(desk: BondDesk, holder: str) -> None:
    assert desk.town
    assert desk.town.does(holder, "TrustSet", LimitAmount=token("100000", "bank", "USD")) == "tesSUCCESS"


def partly_paid(desk: BondDesk, amount: str = CASH, period: int = 1) -> UUID:
    """A distribution of which everybody is paid but h2."""
    distribution = desk.approved(amount, period)
    for _ in range(6):
        desk.go_on(distribution)
        desk.sign()
        desk.close()
    report = desk.go_on(distribution)
    assert [each.tx_hash is None for each in report.payments].count(True) == 1
    assert report.next == "look"
    return distribution


def number_of(desk: BondDesk, distribution: UUID, party: str = "h2") -> int:
    return payments(desk, distribution)[party].payment.number


def aside(desk: BondDesk, distribution: UUID, *numbers: int) -> UUID:
    """Set aside by a vote; the proposal."""
    chosen = numbers or (number_of(desk, distribution),)
    proposal = propose_set_aside(desk.settings, desk.db, distribution, chosen, WHY)
    desk.decided(proposal)
    return proposal


def released(desk: BondDesk, distribution: UUID, to: str | None = None) -> UUID:
    """Released by a vote, and not paid yet."""
    row = release(desk.settings, desk.db, distribution, [number_of(desk, distribution)], "it opened one", to)
    with desk.db.connect() as connection:
        proposals = distribution_proposals(connection, row.distribution_id)
    for each in proposals:  # none where a ledger holds it already
        desk.decided(each)
    return row.distribution_id


def standing(desk: BondDesk, distribution: UUID, number: int) -> PaymentStanding:
    with desk.db.connect() as connection:
        return payments_of(connection, distribution)[number - 1]


def held(desk: BondDesk) -> Decimal:
    with desk.db.connect() as connection:
        return sum((each.amount for each in held_of(connection, BOND)), Decimal(0))


def state_of(desk: BondDesk, distribution_id: UUID) -> str:
    with desk.db.connect() as connection:
        row = distribution(connection, distribution_id)
    assert row
    return row.state


def test_a_bond_goes_on_without_a_payee_who_is_paid_later(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        closed(desk, "h2")
        distribution = partly_paid(desk)
        number = number_of(desk, distribution)
        with pytest.raises(Permanent, match="is paying"):
            compute(desk.settings, database, BOND, 2)
        proposal = aside(desk, distribution)
        assert (state_of(desk, distribution), desk.state(), held(desk)) == ("confirmed", "Current", H2)
        with database.connect() as connection:
            [row] = held_of(connection, BOND)
            interest = next(each for each in dues_of(connection, BOND, PAID_BY) if each.kind == "interest")
        assert (row.party, row.number, row.reason, row.held_until) == ("h2", number, WHY, None)
        assert interest.unpaid == 0, "what is held for the payee counts as paid on its line"
        told = next(
            each["details"]
            for each in opened_events(desk.settings, database)
            if each["details"].get("decision") == "payments_set_aside"
        )
        assert (told["amount"], told["proposal"], told["reason"]) == ("6250.00", str(proposal), WHY)
        with pytest.raises(Permanent, match="no cash came in"):
            compute(desk.settings, database, BOND, 2)  # the cash that is held is not there for others
        desk.cash("1000.00", "the next statement")
        following = compute(desk.settings, database, BOND, 2)
        assert following.available == Decimal(1000)
        opened_again(desk, "h2")
        paid = released(desk, distribution)
        assert held(desk) == H2, "it is held until a ledger holds the payment"
        assert desk.paid_out(paid).row.state == "confirmed"
        assert (desk.balance("h2"), held(desk), desk.state()) == (H2, Decimal(0), "Current")
        with database.connect() as connection:
            assert held_of(connection, BOND) == []
            due = next(each for each in dues_of(connection, BOND, PAID_BY) if each.kind == "interest")
        assert due == interest
        with pytest.raises(psycopg.errors.CheckViolation, match="a ledger holds"), database.connect() as connection:
            connection.execute(
                """insert into treasury.payment select distribution_id, 99, step, kind, line_id, party, address, amount,
                    invoice_id, releases, releases_number from treasury.payment where releases is not null"""
            )
        with pytest.raises(Permanent, match="was released, and is paid"):
            release(desk.settings, database, distribution, [number], "once more")


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
def test_nothing_is_set_aside_that_could_still_get_into_a_ledger(
    ledger: str, database: Database, tmp_path: Path
) -> None:
    with bond_desk(ledger, database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved("5000.00")
        desk.go_on(distribution)
        asked = propose_set_aside(desk.settings, database, distribution, [1], WHY)
        with pytest.raises(Permanent, match="asks to set it aside already"):
            propose_set_aside(desk.settings, database, distribution, [1], WHY)
        with pytest.raises(StepImpossible, match="may still get into a ledger"):
            desk.decided(asked)
        assert show(database, asked).row.state == "pending_approval"
        assert held(desk) == 0
        desk.sign()
        desk.go_on(distribution)
        with pytest.raises(StepImpossible, match="may still get into a ledger"):
            decided_last(desk, asked)
        desk.close()
        with pytest.raises(StepImpossible, match="a ledger holds payment 1"):
            decided_last(desk, asked)
        assert desk.go_on(distribution).row.state == "confirmed"
        assert (desk.balance("h1"), held(desk)) == (Decimal(5000), Decimal(0))


def decided_last(desk: BondDesk, proposal: UUID) -> None:
    decide(desk.settings, desk.db, proposal, decision(desk.db, proposal, TWO[1]))


def test_what_ended_is_set_aside_and_is_not_made_anew_while_people_vote(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved("5000.00")
        desk.go_on(distribution)
        asked = propose_set_aside(desk.settings, database, distribution, [1], WHY)
        assert desk.town
        assert desk.town.does("treasury", "AccountSet", by=("s1", "s3"), SetFlag=3) == "tesSUCCESS"  # uses its sequence
        with database.connect() as connection:
            [attempt] = attempts_of(connection, distribution, [1])[1]
        cancel(desk.settings, database, attempt, WHY)
        report = desk.go_on(distribution)
        assert f"the proposal {asked} asks to set it aside" in report.problems[1]
        assert standing(desk, distribution, 1).attempts == 1
        desk.decided(asked)
        assert state_of(desk, distribution) == "confirmed"
        assert desk.go_on(distribution).next == "nothing"


def test_an_attempt_that_was_approved_is_not_prepared_once_it_is_set_aside(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved("5000.00")
        settled(desk.settings, database, distribution)
        attempt_all(desk.settings, database, distribution, [], {}, "system:tests")
        attempt = standing(desk, distribution, 1).proposal_id
        assert attempt
        aside(desk, distribution, 1)
        with pytest.raises(StepImpossible, match="was set aside"):
            prepare(desk.settings, database, attempt)
        with pytest.raises(Permanent, match="is confirmed"):
            withdraw(desk.settings, database, distribution, "it is not needed")


def test_of_a_distribution_with_a_payment_set_aside_nothing_is_withdrawn(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.cash(CASH)
        row = compute(desk.settings, database, BOND, 1)
        aside(desk, row.distribution_id)
        with pytest.raises(Permanent, match="is set aside"):
            withdraw(desk.settings, database, row.distribution_id, "computed wrongly")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute("update treasury.distribution set is_withdrawn = true, state = 'failed'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
            connection.execute("delete from treasury.payment_set_aside")
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        assert desk.paid_out(row.distribution_id).row.state == "confirmed"
        assert (desk.balance("h1"), desk.balance("h2"), held(desk)) == (Decimal(11_250), Decimal(0), H2)


def test_a_payee_on_a_list_holds_up_no_approval(database: Database, tmp_path: Path) -> None:
    """The proposal of the whole is blocked by the match: once the payee is set aside, the others are proposed anew."""
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        set_party(desk.settings, database, "h2", "Quorvath Ledgerwood Trust", "Company", by=BY)
        listed = write_list(tmp_path / "list.csv", *ROWS, "NK-9,Company,Quorvath Ledgerwood Trust,,,")
        load_list(desk.settings, database, listed, by=BY)
        rescreen(desk.settings, database)
        desk.cash(CASH)
        row = compute(desk.settings, database, BOND, 1)
        whole = propose_distribution(desk.settings, database, row.distribution_id)
        assert show(database, whole).row.state == "blocked"
        aside(desk, row.distribution_id)
        assert settled(desk.settings, database, row.distribution_id).row.state == "failed"
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        assert desk.paid_out(row.distribution_id).row.state == "confirmed"
        assert (desk.balance("h1"), held(desk)) == (Decimal(11_250), H2)
        again = release(desk.settings, database, row.distribution_id, [number_of(desk, row.distribution_id)], "cleared")
        with database.connect() as connection:
            [proposal] = distribution_proposals(connection, again.distribution_id)
        assert show(database, proposal).row.state == "blocked", "a release is screened as every payment is"


def test_a_release_that_cannot_be_paid_is_withdrawn_or_set_aside_and_made_again(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        closed(desk, "h2")
        distribution = partly_paid(desk)
        number = number_of(desk, distribution)
        aside(desk, distribution)
        first = released(desk, distribution)
        with pytest.raises(Permanent, match=f"the release {first} pays it, and is"):
            release(desk.settings, database, distribution, [number], "twice")
        assert desk.go_on(first).next == "look"
        withdraw(desk.settings, database, first, "the line is not there")
        second = released(desk, distribution)
        assert desk.go_on(second).next == "look"
        aside(desk, second, 1)
        assert (state_of(desk, second), held(desk)) == ("confirmed", H2)
        with pytest.raises(Permanent, match="is a release"):
            release(desk.settings, database, second, [1], "of a release")
        opened_again(desk, "h2")
        third = released(desk, distribution)
        assert {standing(desk, each, 1).payment.invoice_id for each in (first, second, third)} == {
            release_id(str(distribution), number)
        }
        desk.paid_out(third)
        assert (desk.balance("h2"), held(desk)) == (H2, Decimal(0))


def test_a_release_pays_at_another_address_that_the_register_names(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2", "h3")) as desk:
        closed(desk, "h2")
        desk.cash("5000.00")
        row = compute(desk.settings, database, BOND, 1)
        aside(desk, row.distribution_id, 1)
        elsewhere = address("issuer")
        with pytest.raises(Permanent, match="does not name"):
            release(desk.settings, database, row.distribution_id, [1], "moved", elsewhere)
        set_address(database, "h1", elsewhere, by=BY)
        with database.connect() as connection:
            add_holdings(connection, BOND, [HoldingRow("A", "h1", Decimal(1), elsewhere)], "tests", datetime.now(UTC))
        made = release(desk.settings, database, row.distribution_id, [1], "moved", elsewhere)
        assert standing(desk, made.distribution_id, 1).payment.address == elsewhere
        with pytest.raises(psycopg.errors.CheckViolation, match="to the same party"), database.connect() as connection:
            connection.execute(
                """insert into treasury.payment select distribution_id, 99, step, kind, line_id, 'h3', address, amount,
                    invoice_id, releases, releases_number from treasury.payment where releases is not null"""
            )


def test_what_others_paid_after_it_was_set_aside_is_not_released(database: Database, tmp_path: Path) -> None:
    """Signers sent the payment on their own: it is held no more, and a release that is under way pays nobody."""
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        assert desk.town
        assert desk.town.does("treasury", "TicketCreate", by=("s1", "s3"), TicketCount=2) == "tesSUCCESS"
        desk.cash("5000.00")
        row = compute(desk.settings, database, BOND, 1)
        aside(desk, row.distribution_id, 1)
        again = release(desk.settings, database, row.distribution_id, [1], "it has a line")
        with database.connect() as connection:
            [proposal] = distribution_proposals(connection, again.distribution_id)
        desk.decided(proposal)
        paid_by_others(desk, row.distribution_id, 0)
        report = desk.go_on(again.distribution_id)
        assert "what it releases is paid already" in report.problems[1]
        assert standing(desk, again.distribution_id, 1).attempts == 0
        assert (desk.balance("h1"), held(desk)) == (Decimal(5000), Decimal(0))
        withdraw(desk.settings, database, again.distribution_id, "paid by others")


@pytest.mark.parametrize("since", ["before it was set aside", "before it was released"])
def test_a_database_of_yesterday_releases_nothing_again(
    postgres: str, database: Database, tmp_path: Path, since: str
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        closed(desk, "h2")
        distribution = partly_paid(desk)
        if since == "before it was released":
            aside(desk, distribution)
        with backup_of(postgres, database) as kept:
            if since != "before it was released":
                aside(desk, distribution)
            opened_again(desk, "h2")
            desk.paid_out(released(desk, distribution))
            restored = desk._replace(db=kept)
            if since == "before it was released":
                assert restored.paid_out(released(restored, distribution)).row.state == "confirmed"
                assert held(restored) == 0
            else:
                report = restored.go_on(distribution)
                words = report.problems[number_of(desk, distribution)]
                assert "does not know of its release" in words
                assert report.next == "look"
            assert desk.balance("h2") == H2


def test_a_bond_is_redeemed_while_money_is_held_and_it_is_paid_afterwards(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.cash(CASH)
        row = compute(desk.settings, database, BOND, 1)
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        aside(desk, row.distribution_id)
        desk.paid_out(row.distribution_id)
        with database.connect() as connection:
            assert move_bond(connection, BOND, "Current", "Matured")
        asked = transition_bond(desk.settings, database, BOND, "settle").proposal_id
        assert asked
        desk.decided(asked)
        assert desk.state() == "Redeemed"
        last = events_of_bond(database, BOND)[-1]
        assert (last.event, last.details["held"]) == ("settle", {"h2": "6250.00"})
        desk.paid_out(released(desk, row.distribution_id))
        assert (desk.balance("h2"), held(desk), desk.state()) == (H2, Decimal(0), "Redeemed")

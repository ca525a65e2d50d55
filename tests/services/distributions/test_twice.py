"""A payment is made once, whoever makes it, and in whichever moment its bytes get into a ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from xrpl.models import Transaction
from xrpl.transaction import multisign, sign

from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.distributions import paying
from fntx_dagster.services.distributions.settling import Settlement, settled
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import PaymentStanding, payments_of
from fntx_dagster.store.treasury.transactions import transaction_of
from tests.services.distributions.desks import TWO, BondDesk, bond_desk
from tests.services.transactions.worlds import XRPL_NAMES
from tests.simulate.xrpl.people import address, wallet

FEE = "5000.00"
"""Cash for the fee alone: one payment, to h1."""


def only_payment(desk: BondDesk, distribution: UUID) -> PaymentStanding:
    with desk.db.connect() as connection:
        [found] = payments_of(connection, distribution)
    return found


def paid_by_others(desk: BondDesk, distribution: UUID, but: int) -> None:
    """The payment made by bytes that this database does not know, on another ticket than `but`."""
    assert desk.town
    payment = only_payment(desk, distribution).payment
    amount = {"currency": "USD", "issuer": address("bank"), "value": f"{payment.amount:f}"}
    sent = {"Destination": payment.address, "Amount": amount, "InvoiceID": payment.invoice_id.upper()}
    tickets = desk.town.ask("account_objects", account=address("treasury"), type="ticket")["account_objects"]
    turn = {"TicketSequence": next(each["TicketSequence"] for each in tickets if each["TicketSequence"] != but)}
    assert desk.town.does("treasury", "Payment", by=("s1", "s3"), **sent, **turn) == "tesSUCCESS"


def test_nothing_is_sent_of_a_payment_that_a_ledger_holds_by_other_bytes(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        assert desk.town
        assert desk.town.does("treasury", "TicketCreate", by=("s1", "s3"), TicketCount=2) == "tesSUCCESS"
        distribution = desk.approved(FEE)
        desk.go_on(distribution)
        proposal = only_payment(desk, distribution).proposal_id
        assert proposal
        with database.connect() as connection:
            own = transaction_of(connection, proposal)
        assert own
        assert own.ticket is not None
        desk.sign()
        paid_by_others(desk, distribution, own.ticket)
        assert desk.go_on(distribution).next == "nothing"
        with pytest.raises(StepImpossible, match="holds this payment already"):
            submit(desk.settings, database, proposal)
        confirm(desk.settings, database)
        desk.close(2)
        assert desk.balance("h1") == Decimal(FEE)


def test_bytes_that_get_into_a_ledger_between_the_looks_are_not_paid_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1",)) as desk:
        distribution = desk.approved(FEE)
        desk.go_on(distribution)
        proposal = only_payment(desk, distribution).proposal_id
        assert proposal
        with database.connect() as connection:
            own = transaction_of(connection, proposal)
        assert own
        tx = Transaction.from_blob(own.unsigned)
        signed = multisign(tx, [sign(tx, wallet(XRPL_NAMES[each]), multisign=True) for each in TWO])
        cancel(desk.settings, database, proposal, "by mistake")

        def looked(settings: Settings, db: Database, distribution_id: UUID) -> Settlement:
            before = settled(settings, db, distribution_id)
            assert desk.town
            desk.town.submitted(signed.blob())
            desk.close()
            return before

        monkeypatch.setattr(paying, "settled", looked)
        desk.go_on(distribution)
        monkeypatch.undo()
        assert only_payment(desk, distribution).attempts == 1
        desk.paid_out(distribution)
        assert desk.balance("h1") == Decimal(FEE)

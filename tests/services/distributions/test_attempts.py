"""A payment that does not go through: the others go on, and it is made anew only when its old bytes are dead."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.distributions import attempting
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.governance import proposing
from fntx_dagster.services.governance.covering import cover_one
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.steps import held
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import PaymentStanding, distribution_proposals, payments_of
from fntx_dagster.store.treasury.platform import entered
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.simulate.xrpl.people import address, token

HOLDERS = ("h1", "h2", "h3")


def payment_of(desk: BondDesk, distribution: UUID, holder: str) -> PaymentStanding:
    with desk.db.connect() as connection:
        return next(each for each in payments_of(connection, distribution) if each.payment.party == holder)


def limited(desk: BondDesk, holder: str, limit: str) -> None:
    assert desk.town
    assert desk.town.does(holder, "TrustSet", LimitAmount=token(limit, "bank", "USD")) == "tesSUCCESS"


def test_a_payment_that_failed_on_the_ledger_is_made_anew_and_the_others_are_paid(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        distribution = desk.approved("17500.00")
        desk.go_on(distribution)
        desk.sign()
        desk.go_on(distribution)
        desk.close()
        desk.go_on(distribution)
        desk.sign()
        limited(desk, "h2", "10")
        for _ in range(2):
            desk.go_on(distribution)
            desk.close()
        report = desk.go_on(distribution)
        assert [desk.balance(each) for each in ("h1", "h2", "h3")] == [
            *(Decimal("9166.67"), Decimal(0), Decimal("4166.66")),
        ]
        failed = payment_of(desk, distribution, "h2")
        assert (failed.attempts, failed.tx_hash) == (2, None)
        assert [*report.problems] == [failed.payment.number]
        assert "above its limit" in report.problems[failed.payment.number]
        limited(desk, "h2", "1000000")
        desk.paid_out(distribution)
        assert desk.balance("h2") == Decimal("4166.67")
        assert payment_of(desk, distribution, "h2").attempts == 2


def test_a_payment_that_was_cancelled_waits_until_its_bytes_are_dead(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        distribution = desk.approved("17500.00")
        desk.go_on(distribution)
        desk.sign()
        desk.go_on(distribution)
        desk.close()
        desk.go_on(distribution)
        cancelled = payment_of(desk, distribution, "h2")
        assert cancelled.proposal_id
        cancel(desk.settings, database, cancelled.proposal_id, "by mistake")
        report = desk.go_on(distribution)
        assert "may still get into a ledger" in report.problems[cancelled.payment.number]
        desk.sign()
        for _ in range(2):
            desk.go_on(distribution)
            desk.close()
        assert desk.go_on(distribution).next == "look"
        assert desk.town
        # another transaction uses its ticket: now the cancelled bytes get into no ledger
        [ticket] = [
            row["TicketSequence"]
            for row in desk.town.ask("account_objects", account=address("treasury"), type="ticket")["account_objects"]
        ]
        used = {"TicketSequence": ticket, "SetFlag": 3}
        assert desk.town.does("treasury", "AccountSet", by=("s1", "s3"), **used) == "tesSUCCESS"
        desk.paid_out(distribution)
        assert desk.balance("h2") == Decimal("4166.67")
        assert payment_of(desk, distribution, "h2").attempts == 2


def test_an_approval_that_is_over_is_asked_for_anew_for_what_is_left(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        desk.cash("17500.00")
        row = compute(desk.settings, database, BOND, 1)
        monkeypatch.setattr(proposing, "EXPIRY", timedelta(seconds=4))
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        with pytest.raises(Permanent, match="is paying"):
            propose_distribution(desk.settings, database, row.distribution_id)
        monkeypatch.undo()
        time.sleep(4)
        report = desk.go_on(row.distribution_id)
        assert (report.row.state, report.next) == ("failed", "propose")
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        desk.paid_out(row.distribution_id)
        assert desk.balance("h2") == Decimal("4166.67")


def test_more_payments_than_an_account_has_tickets_are_made_in_waves(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempting, "MOST_TICKETS", 3)
    with bond_desk("xrpl", database, tmp_path / "home", [f"h{number}" for number in range(7)]) as desk:
        distribution = desk.approved("17500.00")
        desk.paid_out(distribution)
        with database.connect() as connection:
            assert all(each.attempts == 1 for each in payments_of(connection, distribution))
            found = connection.execute(
                "select count(*) from treasury.ledger_tx where ticket is not null and state = 'confirmed'"
            ).fetchone()
        assert found
        assert found[0] == 8
        assert sum(desk.balance(f"h{number}") for number in range(7)) == Decimal("17500.00")


@pytest.mark.parametrize("change", ["amount", "destination", "invoice_id", "tickets"])
def test_an_approval_covers_its_payments_and_tickets_and_nothing_else(
    database: Database, tmp_path: Path, change: str
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        distribution = desk.approved("17500.00")
        with database.connect() as connection:
            [whole] = distribution_proposals(connection, distribution)
        events: list[NewAuditEvent] = []
        with entered(database) as connection:
            row = held(connection, whole)
            asked = payload_of(row)
            payload = {name: asked[name] for name in ("ledger", "network_id")} | {"intent": asked["intents"][0]}
            params = payload["intent"]["params"]
            kind = "distribution.pay"
            if change == "amount":
                params["amount"]["value"] = "5000.01"
            elif change == "destination":
                params["destination"] = address("h2")
            elif change == "invoice_id":
                params["invoice_id"] = "0" * 64
            else:
                kind = "account.configure"
                payload["intent"] = {"op": "tickets.create", "account": address("treasury"), "params": {"count": 5}}
            other = cover_one(connection, row, kind, payload, "operator:tests", events, parties=["h1"])
            append_all(desk.settings, connection, events)
        with pytest.raises(StepImpossible, match="does not ask for this one"):
            prepare(desk.settings, database, other.proposal_id)

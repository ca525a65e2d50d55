"""Cash and distributions over HTTP: what a reader gets of them, and what a program that proposes may do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.store.database import Database
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.api.test_escrows import refused
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.simulate.xrpl.people import address, token

CASH, MADE = f"/api/treasury/bonds/{BOND}/receipts", f"/api/treasury/bonds/{BOND}/distributions"
TYPED = {
    "amount": "17500.00",
    "received_on": "2026-04-01",
    "evidence": "statement.pdf",
    "evidence_sha256": "AB" * 32,
    "reason": "by wire",
}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[BondDesk]:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        yield desk


@pytest.fixture
def server(desk: BondDesk, database: Database) -> Iterator[Server]:
    started = Server(database, desk.settings)
    yield started
    started.stop()


def test_a_reader_sees_the_cash_of_a_bond_and_where_each_payment_stands(
    desk: BondDesk, server: Server, database: Database
) -> None:
    desk.cash("90000.00")
    row = compute(desk.settings, database, BOND, 1)
    clerk = server.client("clerk", "scoped", "treasury:read")
    cash = checked(clerk.get(f"/api/treasury/bonds/{BOND}/cash"), "BondCashAnswer")
    assert [each["amount"] for each in cash["receipts"]] == ["90000.00"]
    path = f"/api/treasury/distributions/{row.distribution_id}"
    shown = checked(clerk.get(path), "DistributionAnswer")
    assert (shown["state"], shown["next"], shown["hash"]) == ("computed", "propose", row.hash)
    assert {each["state"] for each in shown["payments"]} == {"open"}
    for path in (CASH, MADE):
        refused(clerk.post(path, **TYPED), 403, "forbidden")


def test_a_program_records_cash_and_proposes_its_distribution(desk: BondDesk, server: Server) -> None:
    assert desk.town
    clerk = server.client("clerk", "scoped", "treasury:read", "treasury:propose")
    made = clerk.post(CASH, **TYPED)
    assert made.status_code == 201, made.text
    receipt = checked(made.json(), "CashReceiptAnswer")
    assert (receipt["amount"], receipt["evidence_sha256"]) == ("17500.00", "ab" * 32)
    assert receipt["recorded_by"] == "operator:clerk"
    refused(clerk.post(CASH, **TYPED), 422, "refused")
    blob = desk.town.signed("bank", "Payment", Destination=address("treasury"), Amount=token("250.5", "bank", "USD"))
    digest = desk.town.submitted(blob)["tx_json"]["hash"]
    desk.close()
    assert checked(clerk.post(CASH, tx_hash=digest).json(), "CashReceiptAnswer")["amount"] == "250.50"
    whole = checked(clerk.post(MADE, period=1).json(), "DistributionAnswer")
    assert (whole["state"], whole["next"], whole["available"]) == ("proposed", "decide", "17750.50")
    assert whole["computed_by"] == "operator:clerk"
    refused(clerk.post(MADE), 422, "refused")
    desk.decided(UUID(whole["proposals"][0]))
    desk.paid_out(UUID(whole["distribution"]))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tx_hash": "ab" * 32, "amount": "1.00"},
        {"tx_hash": "zz"},
        {name: value for name, value in TYPED.items() if name != "reason"},
        TYPED | {"received_on": "yesterday"},
        TYPED | {"more": "1"},
    ],
)
def test_a_receipt_that_is_not_whole_is_refused(server: Server, body: dict[str, str]) -> None:
    clerk = server.client("clerk", "scoped", "treasury:propose")
    assert clerk.post(CASH, **body).status_code == 422
    refused(clerk.post("/api/treasury/bonds/none/receipts", **TYPED), 404, "bond_not_found")
    for wrong in ({"period": 0}, {"period": "1"}, {"periods": 1}):
        assert clerk.post(MADE, **wrong).status_code == 422


def test_programs_set_aside_release_withdraw_and_void(desk: BondDesk, server: Server) -> None:
    clerk = server.client("clerk", "scoped", "treasury:read", "treasury:propose")
    desk.cash("17500.00")
    made = checked(clerk.post(MADE, period=1).json(), "DistributionAnswer")
    path = f"/api/treasury/distributions/{made['distribution']}"
    refused(clerk.post(f"{path}/set-aside", payments=[0], reason="closed"), 422, "validation_failed")
    refused(clerk.post(f"{path}/release", payments=[3], reason="open"), 422, "refused")
    asked = clerk.post(f"{path}/set-aside", payments=[3], reason="the account is closed")
    assert asked.status_code == 201, asked.text
    desk.decided(UUID(asked.json()["proposal"]))
    assert checked(clerk.get(f"/api/treasury/bonds/{BOND}"), "BondAnswer")["set_aside"]["total"] == "6250.00"
    answer = clerk.post(f"{path}/release", payments=[3], reason="it opened one")
    assert answer.status_code == 201, answer.text
    again = checked(answer.json(), "DistributionAnswer")
    assert (again["kind"], again["payments"][0]["releases_number"]) == ("release", 3)
    gone = clerk.post(f"/api/treasury/distributions/{again['distribution']}/withdraw", reason="the wrong address")
    assert checked(gone.json(), "DistributionAnswer")["is_withdrawn"]
    refused(clerk.post(f"{path}/withdraw", reason="wrong inputs"), 422, "refused")
    desk.cash("1.00", "another statement")
    receipt = clerk.get(f"/api/treasury/bonds/{BOND}/cash")["receipts"][-1]["receipt_id"]
    refused(clerk.post(f"/api/treasury/receipts/{receipt}/void", reason=""), 422, "validation_failed")
    voided = clerk.post(f"/api/treasury/receipts/{receipt}/void", reason="of another bond")
    assert checked(voided.json(), "VoidedReceiptAnswer")["voided"] == "of another bond"

"""Escrows over HTTP: what each scope may, what the guards answer, and that no answer holds a preimage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests

from fntx_dagster.store.database import Database
from tests.api.conftest import Client, Server
from tests.api.test_client import checked
from tests.services.escrows.harbour import BOND_FUNDING, DEED, TWO, Harbour, harbour_at
from tests.services.escrows.test_preimage import secret_of

ESCROWS = "/api/treasury/escrows"
SCOPES = ("treasury:read", "treasury:propose", "treasury:submit")


@pytest.fixture
def harbour(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour_at(database, tmp_path / "home") as harbour:
        yield harbour


@pytest.fixture
def server(harbour: Harbour) -> Iterator[Server]:
    started = Server(harbour.db, harbour.settings)
    yield started
    started.stop()


def refused(answer: requests.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def moved(client: Client, escrow_id: str, step: str, **body: Any) -> Any:
    answer = client.post(f"{ESCROWS}/{escrow_id}/{step}", **body)
    assert answer.status_code == 200, answer.text
    return checked(answer.json(), "EscrowMoveAnswer")


def test_an_escrow_goes_from_its_proposal_to_its_release_and_no_answer_has_the_preimage(
    harbour: Harbour, server: Server
) -> None:
    clerk = server.client("clerk", "scoped", *SCOPES)
    answers: list[str] = []
    made = clerk.post(ESCROWS, escrow=BOND_FUNDING, parties=["house"])
    assert made.status_code == 201, made.text
    own = checked(made.json(), "EscrowAnswer")
    escrow_id = own["id"]
    assert own["state"] == "Pending_Approval"
    harbour.votes(UUID(own["proposals"][0]["id"]), *TWO)
    created = moved(clerk, escrow_id, "create")
    signing = clerk.get(f"/api/treasury/proposals/{created['transaction']['proposal']}/signing")
    assert signing["tx_json"]["TransactionType"] == "EscrowCreate"
    with harbour.db.connect() as connection:
        from fntx_dagster.store.treasury.transactions import transaction_of

        row = transaction_of(connection, UUID(created["transaction"]["proposal"]))
    assert row is not None
    assert harbour.sent(row) == "confirmed"
    early = clerk.post(f"{ESCROWS}/{escrow_id}/cancel")
    refused(early, 409, "guard_fails")
    assert "after_cancel_after" in early.text
    vote = moved(clerk, escrow_id, "finish")["vote"]
    harbour.votes(UUID(vote), *TWO)
    refused(clerk.post(f"{ESCROWS}/{escrow_id}/finish"), 409, "guard_fails")
    attested = clerk.post(f"{ESCROWS}/{escrow_id}/documents", sha256=DEED.upper(), title="title deed")
    assert checked(attested.json(), "AttestedAnswer") == {"sha256": DEED, "is_new": True}
    finish = moved(clerk, escrow_id, "finish")["transaction"]["proposal"]
    for answer in (
        clerk.post(f"/api/treasury/proposals/{finish}/prepare"),
        clerk.call("GET", f"/api/treasury/proposals/{finish}/signing"),
    ):
        refused(answer, 409, "wrong_state")
        answers.append(answer.text)
    answers.append(clerk.call("GET", f"/api/treasury/proposals/{finish}").text)
    answers.append(clerk.call("GET", "/api/treasury/proposals", params={"state": "all"}).text)
    answers.append(clerk.call("GET", "/api/treasury/queue").text)
    answers.append(clerk.call("GET", f"{ESCROWS}/{escrow_id}").text)
    answers.append(clerk.call("GET", ESCROWS).text)
    secret = secret_of(harbour, UUID(escrow_id))
    assert all(secret not in each.upper() for each in answers)
    refused(clerk.post(f"{ESCROWS}/{escrow_id}/dispute", reason="too late"), 409, "wrong_state")
    shown = checked(clerk.get(f"{ESCROWS}/{escrow_id}"), "EscrowAnswer")
    assert (shown["state"], shown["steps"][-1]["event"]) == ("Finishing", "prepare_finish")


def test_each_scope_may_its_own_and_a_request_that_is_none_is_refused(harbour: Harbour, server: Server) -> None:
    reader = server.client("reader", "scoped", "treasury:read")
    proposer = server.client("proposer", "scoped", "treasury:propose", "treasury:read")
    refused(reader.post(ESCROWS, escrow=BOND_FUNDING, parties=["house"]), 403, "forbidden")
    known = proposer.post(ESCROWS, escrow=BOND_FUNDING, parties=["house"]).json()["id"]
    refused(proposer.post(f"{ESCROWS}/{known}/create"), 403, "forbidden")
    refused(proposer.post(ESCROWS, parties=["house"]), 422, "validation_failed")
    refused(proposer.post(ESCROWS, escrow=BOND_FUNDING), 422, "refused")
    refused(proposer.post(ESCROWS, escrow={**BOND_FUNDING, "template": "gift"}, parties=["house"]), 422, "refused")
    refused(reader.call("GET", f"{ESCROWS}/{UUID(int=7)}"), 404, "escrow_not_found")
    refused(proposer.post(f"{ESCROWS}/{known}/documents", sha256="ab", title="deed"), 422, "validation_failed")
    refused(proposer.post(f"{ESCROWS}/{known}/dispute", reason="early"), 409, "wrong_state")
    assert len(checked(reader.get(ESCROWS), "EscrowsAnswer")["escrows"]) == 1
    data = checked(reader.get("/api/treasury/escrow-templates"), "EscrowTemplatesAnswer")
    assert {each["name"] for each in data["templates"]} == {"bond_funding", "settlement"}

"""The treasury's transactions over HTTP, on a simulated XRP Ledger, with signers who sign in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from tests.api.conftest import Client, Server
from tests.api.test_audit import problem
from tests.api.test_client import checked
from tests.api.test_treasury import PROPOSALS, decision, decisions, proposed
from tests.services.governance.treasuries import REASON
from tests.services.transactions.worlds import begun, events, issue, signed_elsewhere, town
from tests.simulate.xrpl.people import Town


class World(NamedTuple):
    """A treasury's server, a clerk's token, and the ledger, which goes away when it is told to."""

    server: Server
    clerk: Client
    town: Town
    leave: Callable[[], None]
    folder: Path

    def approved(self, value: str = "12.5", destination: str = "treasury") -> str:
        """A proposal that two signers approved."""
        made = proposed(self.clerk, "iou.issue", issue(value, destination), parties=["good"])
        for signer in ("treasury", "trustee"):
            answer = self.clerk.call("POST", decisions(made), json=decision(made, signer))
            assert answer.status_code == 201, answer.text
        return f"{PROPOSALS}/{made['proposal']}"

    def returned(self, document: dict[str, Any], signer: str) -> dict[str, str]:
        """What a signer returns of a signing file."""
        file = self.folder / f"{uuid4()}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        return {"blob": signed_elsewhere(file, signer).decode().strip()}

    def ready(self) -> str:
        path = self.approved()
        document = self.clerk.call("POST", f"{path}/prepare").json()
        for signer in ("treasury", "trustee"):
            self.clerk.call("POST", f"{path}/signatures", json=self.returned(document, signer))
        return path


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    here = town()
    with ExitStack() as ledgers:
        ledger = ledgers.enter_context(serve_xrpl(here.ledger))
        server = Server(database, begun(tmp_path / "home", database, xrpl=ledger.url))
        scopes = ("treasury:propose", "treasury:sign", "treasury:submit")
        yield World(server, server.client("clerk", "scoped", *scopes), here, ledgers.close, tmp_path)
        server.stop()


def test_an_issue_goes_from_its_proposal_to_its_ledger_over_http(world: World) -> None:
    clerk, path = world.clerk, world.approved()
    [before] = checked(clerk.get("/api/treasury/queue"), "QueueAnswer")["queue"]
    assert (before["state"], before["next"], before["ledger"]) == ("approved", "export", None)
    document = clerk.call("POST", f"{path}/prepare").json()
    assert document["format"] == "fntx-signing/1"
    assert clerk.get(f"{path}/signing") == document == clerk.call("POST", f"{path}/prepare").json()
    first = clerk.call("POST", f"{path}/signatures", json=world.returned(document, "compliance"))
    assert first.status_code == 201
    assert (first.json()["state"], checked(first.json(), "SignaturesAnswer")["missing"]) == ("partially_signed", 1)
    [waiting] = checked(clerk.get("/api/treasury/queue"), "QueueAnswer")["queue"]
    assert (waiting["signed_by"], waiting["missing"]) == (["compliance"], ["treasury", "trustee"])
    clerk.call("POST", f"{path}/signatures", json=world.returned(document, "trustee"))
    sent = checked(clerk.call("POST", f"{path}/submit").json(), "SettledAnswer")
    assert (sent["state"], sent["words"][:10]) == ("submitted", "tesSUCCESS")
    assert clerk.call("POST", f"{path}/confirm").json()["state"] == "submitted"
    world.town.close_ledger()
    done = checked(clerk.call("POST", f"{path}/confirm").json(), "SettledAnswer")
    assert (done["state"], done["hash"]) == ("confirmed", sent["hash"])
    line = world.town.line("treasury", "issuer")
    assert line
    assert line["balance"] == "12.5"
    assert clerk.get("/api/treasury/queue") == {"queue": []}
    assert events(world.server.desk.db).count("transaction_submit") == 1


def test_a_signature_for_another_proposal_is_not_carried_to_this_one(world: World) -> None:
    clerk, one, other = world.clerk, world.approved("1"), world.approved("2")
    documents = {path: clerk.call("POST", f"{path}/prepare").json() for path in (one, other)}
    own = world.returned(documents[one], "treasury")
    assert problem(clerk, "POST", f"{other}/signatures", json=own) == (422, "other_transaction")
    assert clerk.call("POST", f"{one}/signatures", json=own).json()["signers"]
    assert problem(clerk, "POST", f"{one}/signatures", json=own) == (409, "duplicate_signer")
    changed = {"blob": own["blob"][:-4] + "0000"}
    assert problem(clerk, "POST", f"{one}/signatures", json=changed)[0] == 422
    for body in ({}, {"blob": 1}, {"blob": own["blob"], "xdr": "AA=="}, {"signature": "00"}, {"blob": "<script>"}):
        assert problem(clerk, "POST", f"{one}/signatures", json=body)[0] == 422, body
    assert problem(clerk, "POST", f"{PROPOSALS}/{uuid4()}/signatures", json=own) == (404, "proposal_not_found")


def test_what_is_prepared_by_many_at_once_is_prepared_once_and_all_get_its_file(world: World) -> None:
    path = world.approved()
    with ThreadPoolExecutor(4) as pool:
        answers = [*pool.map(lambda _: world.clerk.call("POST", f"{path}/prepare"), range(4))]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert events(world.server.desk.db).count("transaction_prepare") == 1


def test_one_signature_that_is_sent_many_times_at_once_is_kept_once(world: World) -> None:
    path = world.approved()
    own = world.returned(world.clerk.call("POST", f"{path}/prepare").json(), "treasury")
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda _: world.clerk.call("POST", f"{path}/signatures", json=own), range(6))]
    assert sorted(answer.json().get("code", "") for answer in answers) == ["", *["duplicate_signer"] * 5]


def test_what_is_submitted_by_many_at_once_is_submitted_once(world: World) -> None:
    path = world.ready()
    with ThreadPoolExecutor(4) as pool:
        answers = [*pool.map(lambda _: world.clerk.call("POST", f"{path}/submit"), range(4))]
    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "submitted")}
    world.town.close_ledger()
    assert world.clerk.call("POST", f"{path}/confirm").json()["state"] == "confirmed"
    assert events(world.server.desk.db).count("transaction_submit") == 1
    line = world.town.line("treasury", "issuer")
    assert line
    assert line["balance"] == "12.5"


def test_a_step_that_is_not_possible_yet_or_any_more_says_so(world: World) -> None:
    clerk = world.clerk
    made = proposed(clerk, "iou.issue", issue(), parties=["good"])
    path = f"{PROPOSALS}/{made['proposal']}"
    for method, step in (("POST", "prepare"), ("GET", "signing"), ("POST", "submit"), ("POST", "confirm")):
        assert problem(clerk, method, f"{path}/{step}") == (409, "wrong_state"), step
        assert problem(clerk, method, f"{PROPOSALS}/{uuid4()}/{step}") == (404, "proposal_not_found"), step
    assert problem(clerk, "POST", f"{path}/signatures", json={"blob": "12"}) == (409, "wrong_state")
    ready = world.ready()
    assert problem(clerk, "GET", f"{ready}/signing") == (409, "wrong_state")
    unpayable = {"kind": "iou.issue", "payload": issue("12.5", "nobody"), "parties": ["good"]}
    assert problem(clerk, "POST", PROPOSALS, json=unpayable) == (422, "no_account")


def test_a_pause_stops_preparing_signing_files_and_submitting(world: World) -> None:
    clerk, ready, approved, prepared = world.clerk, world.ready(), world.approved("1"), world.approved("2")
    clerk.call("POST", f"{prepared}/prepare")
    pause = proposed(clerk, "emergency.pause", REASON)
    assert clerk.call("POST", decisions(pause), json=decision(pause, "trustee")).json()["state"] == "approved"
    assert problem(clerk, "POST", f"{ready}/submit") == (409, "paused")
    assert problem(clerk, "POST", f"{approved}/prepare") == (409, "paused")
    assert problem(clerk, "GET", f"{prepared}/signing") == (409, "paused")
    assert clerk.call("GET", "/api/treasury/queue").status_code == 200


def test_a_ledger_that_is_away_is_said_to_be_away_and_nothing_is_lost(world: World) -> None:
    approved, ready = world.approved("1"), world.ready()
    world.leave()
    for path in (f"{approved}/prepare", f"{ready}/submit"):
        answer = world.clerk.call("POST", path)
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable"), answer.text
        assert answer.headers["Retry-After"]
    asked = {"kind": "iou.issue", "payload": issue("2"), "parties": ["good"]}
    assert problem(world.clerk, "POST", PROPOSALS, json=asked) == (503, "ledger_unavailable")
    assert world.clerk.get(approved)["state"] == "approved"


def test_each_step_needs_its_scope(world: World) -> None:
    path = world.approved()
    steps = {"prepare": "treasury:submit", "submit": "treasury:submit", "confirm": "treasury:submit"}
    steps["signatures"] = "treasury:sign"
    for scope in ("treasury:read", "treasury:propose", "treasury:sign", "treasury:submit", "audit:plain"):
        client = world.server.client("x", "scoped", scope)
        for step, needed in steps.items():
            if scope != needed:
                assert problem(client, "POST", f"{path}/{step}", json={}) == (403, "forbidden"), (scope, step)
        for read in (f"{path}/signing", "/api/treasury/queue"):
            assert (client.call("GET", read).status_code == 403) is (scope == "audit:plain"), (scope, read)
    assert world.clerk.get(path)["state"] == "approved"

"""The key of a request that makes a proposal: the same request again, and each way in which it may be another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.proposal_requests import request_of
from tests.api.conftest import Client, Server
from tests.services.governance.treasuries import FREEZE, ISSUER, TREASURY, begun, intent
from tests.services.screening.conftest import BY

PROPOSALS = "/api/treasury/proposals"
KEY = {"Idempotency-Key": "issue of monday"}
AMOUNT = {"currency": "OPTKAS.BOND", "issuer": ISSUER, "value": "250000"}
SIDES = {
    "originator": {"name": "Optkas Issuer Ltd", "account": ISSUER, "address": "1 Example Street"},
    "beneficiary": {"name": "Helena Brightwater", "account": TREASURY, "birth_date": "1970"},
}
ASKED: dict[str, Any] = {
    "kind": "iou.issue",
    "payload": intent("payment", destination=TREASURY, amount=AMOUNT),
    "parties": ["house", "holder"],
    "travel_rule": SIDES,
}
OTHERS = {
    "kind": {"kind": "distribution.pay"},
    "payload": {"payload": intent("payment", destination=TREASURY, amount=AMOUNT | {"value": "1"})},
    "parties": {"parties": ["house", "other"]},
    "parties, fewer": {"parties": ["house"]},
    "parties, none": {"parties": []},
    "travel_rule": {"travel_rule": SIDES | {"beneficiary": SIDES["beneficiary"] | {"name": "Aurelio Vantrosk"}}},
    "travel_rule, none": {"travel_rule": None},
}


@pytest.fixture(scope="module")
def server(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = begun(tmp_path_factory.mktemp("treasury"), module_database)
    for party in ("house", "holder", "other"):
        set_party(settings, module_database, party, f"Party of {party}", by=BY)
    started = Server(module_database, settings)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def clerk(server: Server) -> Client:
    return server.client("clerk", "scoped", "treasury:propose")


def test_the_same_request_gets_the_proposal_that_it_made(clerk: Client) -> None:
    first = clerk.call("POST", PROPOSALS, json=ASKED, headers=KEY)
    assert first.status_code == 201, first.text
    for same in ({}, {"parties": ["holder", "house", "holder"]}, {"travel_rule": dict(reversed([*SIDES.items()]))}):
        again = clerk.call("POST", PROPOSALS, json=ASKED | same, headers=KEY)
        assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, "true"), again.text
        assert again.json() == first.json()


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_another_request_with_the_key_is_refused_and_hears_what_differs(clerk: Client, change: dict[str, Any]) -> None:
    assert clerk.call("POST", PROPOSALS, json=ASKED, headers=KEY).status_code == 201
    before = clerk.get(PROPOSALS, state="all")
    refused = clerk.call("POST", PROPOSALS, json=ASKED | change, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    [fault] = refused.json()["errors"]
    assert f"with another {next(iter(change))}:" in fault["message"]
    assert clerk.get(PROPOSALS, state="all") == before


def test_nobody_who_reads_the_digests_finds_the_names_of_the_travel_rule_by_trying(
    clerk: Client, server: Server
) -> None:
    """Two keys of the same request leave other digests: what is tried has to know the key as well."""
    kept = []
    for key in ("one", "two"):
        made = clerk.call("POST", PROPOSALS, json=ASKED, headers={"Idempotency-Key": key}).json()["proposal"]
        with server.desk.db.connect() as connection:
            row = request_of(connection, UUID(made))
        assert row is not None
        kept += [row.parties, row.travel_rule]
    assert len({*kept}) == 4


def test_a_proposal_from_before_requests_were_kept_is_replayed_as_it_was(clerk: Client, server: Server) -> None:
    body, key = {"kind": "freeze", "payload": FREEZE}, {"Idempotency-Key": "from before"}
    made = clerk.call("POST", PROPOSALS, json=body, headers=key).json()["proposal"]
    with server.desk.db.connect() as connection:
        connection.execute("alter table treasury.proposal_request disable trigger append_only")
        connection.execute("delete from treasury.proposal_request where proposal_id = %s", [made])
        connection.execute("alter table treasury.proposal_request enable always trigger append_only")
    again = clerk.call("POST", PROPOSALS, json=body, headers=key)
    assert (again.json()["proposal"], again.headers["Idempotent-Replayed"]) == (made, "true")
    other = clerk.call("POST", PROPOSALS, json=body | {"kind": "emergency.pause"}, headers=key)
    assert other.json()["code"] == "idempotency_key_reused"

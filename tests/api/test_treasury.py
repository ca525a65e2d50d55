"""The treasury's proposals over HTTP: what tokens may, what signatures say, and requests that mean harm."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fntx_dagster.client import ApiProblem
from fntx_dagster.client import Client as ApiClient
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.store.database import Database
from tests.api.conftest import Client, Server
from tests.api.test_audit import problem
from tests.api.test_client import checked
from tests.governance.keys import KEYS, STRANGER, Key, signed_by
from tests.services.governance.treasuries import FREEZE, REASON, STANDING, begun, intent

PROPOSALS = "/api/treasury/proposals"
SEEDS = {
    "xrpl": "sEdTM1uX8pu2do5XvTnutH6HsouMaM2",
    "xrpl of secp256k1": "snoPBrXtMeMyMHUVTgbuqAfg1SUTb",
    "stellar": "SDJHRQF4GCMIIKAAAQ6IHY42X73FQFLHUULAPSKKD4DFDM7UXWWCRHBE",
    "a private key": "00" + "AB" * 32,
    "PEM": "-----BEGIN PRIVATE KEY-----",
}


@pytest.fixture(scope="module")
def treasury(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a treasury with three signers; no test of those that share it pauses it."""
    started = Server(module_database, begun(tmp_path_factory.mktemp("treasury"), module_database))
    yield started
    started.stop()


@pytest.fixture
def own(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A treasury of this test's own."""
    started = Server(database, begun(tmp_path, database))
    yield started
    started.stop()


@pytest.fixture
def clerk(treasury: Server) -> Client:
    return of_treasury(treasury)


def of_treasury(server: Server) -> Client:
    return server.client("clerk", "scoped", "treasury:propose", "treasury:sign")


def proposed(client: Client, kind: str = "freeze", payload: Any = FREEZE, **more: Any) -> dict[str, Any]:
    answer = client.post(PROPOSALS, kind=kind, payload=payload, **more)
    assert answer.status_code == 201, answer.text
    return checked(answer.json(), "ProposalAnswer")


def decision(made: dict[str, Any], signer: str, word: str = "approve", key: Key | None = None) -> dict[str, str]:
    """What a signer hands in of a proposal as the API showed it to him."""
    content = bytes.fromhex(made["to_sign"][word]["hex"])
    return {"signer": signer, "decision": word, "signature": signed_by(key or KEYS[signer], content).hex()}


def decisions(made: dict[str, Any]) -> str:
    return f"{PROPOSALS}/{made['proposal']}/decisions"


def test_two_signers_approve_what_a_clerk_proposed(clerk: Client) -> None:
    made = proposed(clerk)
    assert (made["state"], made["proposed_by"], made["approvals"]) == ("pending_approval", f"operator:{clerk.user}", [])
    first = clerk.call("POST", decisions(made), json=decision(made, "treasury"))
    assert (first.status_code, first.json()["approvals"]) == (201, ["treasury"])
    second = clerk.call("POST", decisions(made), json=decision(made, "compliance")).json()
    assert (second["state"], len(second["decisions"])) == ("approved", 2)
    assert checked(clerk.get(f"{PROPOSALS}/{made['proposal']}"), "ProposalAnswer") == second
    assert made["proposal"] in [each["proposal"] for each in clerk.get(PROPOSALS, state="approved")["proposals"]]


def test_one_decision_that_is_sent_many_times_at_once_is_kept_once(clerk: Client) -> None:
    made = proposed(clerk)
    body = decision(made, "treasury")
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda _: clerk.call("POST", decisions(made), json=body), range(8))]
    codes = sorted(answer.json().get("code", "") for answer in answers)
    assert codes == ["", *["duplicate"] * 7]
    assert {answer.status_code for answer in answers} == {201, 409}
    assert len(clerk.get(f"{PROPOSALS}/{made['proposal']}")["decisions"]) == 1


def test_the_decision_that_settles_a_proposal_is_a_duplicate_when_it_comes_again(clerk: Client) -> None:
    made = proposed(clerk, "trade.kill", REASON)
    body = decision(made, "trustee")
    assert clerk.call("POST", decisions(made), json=body).json()["state"] == "approved"
    assert problem(clerk, "POST", decisions(made), json=body) == (409, "duplicate")
    assert problem(clerk, "POST", decisions(made), json=decision(made, "treasury")) == (409, "wrong_state")


def test_a_signature_for_anything_else_is_refused_and_changes_nothing(clerk: Client) -> None:
    made, other = proposed(clerk), proposed(clerk)
    refused = {
        "of another proposal": decision(other, "treasury"),
        "of the other decision": decision(made, "treasury", "reject") | {"decision": "approve"},
        "of another signer": decision(made, "treasury", key=KEYS["trustee"]),
        "of a stranger": decision(made, "treasury", key=STRANGER),
        "empty": decision(made, "treasury") | {"signature": "00"},
    }
    for name, body in refused.items():
        assert problem(clerk, "POST", decisions(made), json=body) == (422, "bad_signature"), name
    stranger = decision(made, "treasury", key=STRANGER) | {"signer": "nobody"}
    assert problem(clerk, "POST", decisions(made), json=stranger) == (422, "unknown_signer")
    named = decision(made, "treasury") | {"proposal": other["proposal"]}
    assert problem(clerk, "POST", decisions(made), json=named) == (422, "refused")
    nowhere = f"{PROPOSALS}/{uuid4()}/decisions"
    assert problem(clerk, "POST", nowhere, json=decision(made, "treasury")) == (404, "proposal_not_found")
    assert clerk.get(f"{PROPOSALS}/{made['proposal']}") == made


def test_a_key_makes_one_proposal_however_often_and_by_how_many_it_is_sent(clerk: Client, treasury: Server) -> None:
    body, key = {"kind": "freeze", "payload": FREEZE}, {"Idempotency-Key": f"key {uuid4()}"}
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda _: clerk.call("POST", PROPOSALS, json=body, headers=dict(key)), range(6))]
    assert len({answer.json()["proposal"] for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotent-Replayed", "false") for answer in answers) == ["false", *["true"] * 5]
    changed = body | {"payload": intent("trustline.freeze", **FREEZE["intent"]["params"] | {"currency": "EUR"})}
    assert problem(clerk, "POST", PROPOSALS, json=changed, headers=key) == (422, "idempotency_key_reused")
    another = treasury.client("another", "scoped", "treasury:propose")
    own = another.call("POST", PROPOSALS, json=body, headers=key)
    assert (own.status_code, own.json()["proposal"] == answers[0].json()["proposal"]) == (201, False)


def test_each_scope_opens_its_own_doors_alone(treasury: Server, clerk: Client) -> None:
    made = proposed(clerk)
    own = f"{PROPOSALS}/{made['proposal']}"
    doors = {
        ("GET", PROPOSALS): "treasury:read",
        ("GET", own): "treasury:read",
        ("GET", "/api/treasury/signers"): "treasury:read",
        ("GET", "/api/treasury/machines"): "treasury:read",
        ("POST", PROPOSALS): "treasury:propose",
        ("POST", f"{own}/cancel"): "treasury:propose",
        ("POST", f"{own}/end-standing"): "treasury:propose",
        ("POST", f"{own}/decisions"): "treasury:sign",
        ("POST", f"{own}/screen"): "compliance:screen",
    }
    for scope in ("audit:plain", "treasury:read", "treasury:propose", "treasury:sign", "compliance:screen"):
        client = treasury.client("x", "scoped", scope)
        for (method, path), needed in doors.items():
            answer = client.call(method, path, **({"json": {}} if method == "POST" else {}))
            may = scope == needed or (needed == "treasury:read" and scope.startswith("treasury:"))
            assert (answer.status_code != 403) is may, (scope, method, path, answer.text)
    for role in ("admin", "trader", "reader", "signal_source"):
        for method, path in doors:
            assert problem(treasury.client("x", role), method, path) == (403, "forbidden"), (role, path)
    assert problem(treasury.client("x"), "GET", own, headers={"Authorization": "Bearer no"}) == (401, "unauthorized")


def test_one_approval_pauses_and_two_resume(own: Server) -> None:
    clerk = of_treasury(own)
    pause = proposed(clerk, "emergency.pause", REASON)
    assert clerk.call("POST", decisions(pause), json=decision(pause, "trustee")).json()["state"] == "approved"
    known = checked(clerk.get("/api/treasury/signers"), "SignersAnswer")
    assert (known["platform"]["state"], known["platform"]["reason"]) == ("paused", REASON["reason"])
    resume = proposed(clerk, "emergency.resume", {"reason": "the key was found"})
    for signer, state in (("trustee", "paused"), ("treasury", "running")):
        clerk.call("POST", decisions(resume), json=decision(resume, signer))
        assert clerk.get("/api/treasury/signers")["platform"]["state"] == state
    assert {*checked(clerk.get("/api/treasury/machines"), "MachinesAnswer")} == {
        "bond",
        "escrow",
        "proposal",
        "ledger_tx",
    }


def test_a_proposal_is_cancelled_once_and_says_why(clerk: Client) -> None:
    made = proposed(clerk)
    path = f"{PROPOSALS}/{made['proposal']}/cancel"
    for body in (
        {},
        {"reason": " "},
        {"reason": "x" * 501},
        {"reason": 1},
        {"reason": "ok", "more": 1},
        {"reason": "a\0"},
    ):
        assert problem(clerk, "POST", path, json=body) == (422, "validation_failed"), body
    reason = "<script>alert(1)</script> \x1b[31m \u202e"
    cancelled = clerk.call("POST", path, json={"reason": reason})
    assert (cancelled.status_code, cancelled.json()["reason"]) == (200, reason), "it is data: who shows it cleans it"
    assert cancelled.headers["Content-Type"] == "application/json"
    assert problem(clerk, "POST", path, json={"reason": "again"}) == (409, "wrong_state")


def test_a_standing_approval_is_ended_at_once_and_says_why(clerk: Client) -> None:
    made = proposed(clerk, "standing.approve", STANDING)
    path = f"{PROPOSALS}/{made['proposal']}/end-standing"
    lost = {"reason": "the anchor key was lost"}
    assert problem(clerk, "POST", path, json=lost) == (404, "proposal_not_found"), "it is not approved yet"
    for signer in KEYS:
        clerk.call("POST", decisions(made), json=decision(made, signer))
    for body in ({}, {"reason": " "}, lost | {"more": 1}):
        assert problem(clerk, "POST", path, json=body) == (422, "validation_failed"), body
    for _ in range(2):
        ended = clerk.call("POST", path, json=lost)
        assert checked(ended.json(), "StandingEndAnswer") == {
            "proposal_id": made["proposal"],
            "state": "ended",
            "key": STANDING["key"],
        }
    assert problem(clerk, "POST", f"{PROPOSALS}/{uuid4()}/end-standing", json=lost) == (404, "proposal_not_found")


def test_proposals_come_page_by_page(own: Server) -> None:
    clerk = of_treasury(own)
    made = [proposed(clerk)["nonce"] for _ in range(5)]
    seen: list[int] = []
    before: int | None = None
    while True:
        asked = {"limit": 2} | ({} if before is None else {"before": before})
        page = checked(clerk.get(PROPOSALS, **asked), "ProposalsAnswer")
        seen += [each["nonce"] for each in page["proposals"]]
        before = page["next"]
        if before is None:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"[]", "not_json"),
        (b"\xff", "not_json"),
        (b'{"kind": "freeze", "kind": "emergency.pause", "payload": {"reason": "x"}}', "doubled_key"),
        (b'{"kind": "emergency.pause", "payload": {"reason": "x", "reason": "y"}}', "doubled_key"),
        (b'{"kind": "emergency.pause", "payload": {"reason": NaN}}', "not_json"),
        (b'{"kind": "emergency.pause", "payload": {"reason": Infinity}}', "not_json"),
        (b'{"kind": "emergency.pause", "payload": {"reason": 1.5}}', "not_canonical"),
        (b'{"kind": "emergency.pause", "payload": {"reason": 1e400}}', "not_canonical"),
        (b'{"kind": "emergency.pause", "payload": {"reason": 9007199254740993}}', "not_canonical"),
        (b'{"kind": "emergency.pause", "payload": {"reason": "\\ud800"}}', "not_json"),
        (b'{"kind": "emergency.pause", "payload": ' + b"[" * 200 + b"]" * 200 + b"}", "not_canonical"),
        (b"[" * 60000, "not_json"),
        (b'{"kind": "nothing", "payload": {}}', "invalid"),
        (b'{"kind": "emergency.pause"}', "missing"),
        (b'{"kind": "emergency.pause", "payload": {}, "to": 1}', "unknown_field"),
        (b'{"kind": "emergency.pause", "payload": {}, "parties": "good"}', "invalid"),
        (b'{"kind": "emergency.pause", "payload": {}, "parties": ["<b>"]}', "invalid"),
        (b'{"kind": "emergency.pause", "payload": {}, "parties": [["good"]]}', "invalid"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(clerk: Client, body: bytes, code: str) -> None:
    answer = clerk.call("POST", PROPOSALS, data=body)
    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["errors"]] == [code], answer.text


def test_a_body_that_is_too_large_is_not_read(clerk: Client) -> None:
    body = json.dumps({"kind": "emergency.pause", "payload": {"reason": "x" * 70_000}})
    assert problem(clerk, "POST", PROPOSALS, data=body)[0] == 413


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("emergency.pause", {"reason": ""}),
        ("emergency.pause", ["x"]),
        ("freeze", FREEZE | {"network_id": 0}),
        ("freeze", FREEZE | {"ledger": "bitcoin"}),
        ("freeze", FREEZE | {"intent": FREEZE["intent"] | {"account": "rrrrrrrrrrrrrrrrrrrrrhoLvTp"}}),
        ("freeze", FREEZE | {"intent": FREEZE["intent"] | {"op": "payment"}}),
        ("freeze", intent("trustline.freeze", currency="XRP", holder="r")),
    ],
)
def test_a_payload_that_the_kind_does_not_have_is_refused_before_anybody_votes(
    clerk: Client, kind: str, payload: Any
) -> None:
    before = clerk.get(PROPOSALS, state="all", limit=1)
    answer = clerk.post(PROPOSALS, kind=kind, payload=payload)
    assert answer.status_code == 422, answer.text
    assert clerk.get(PROPOSALS, state="all", limit=1) == before


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_a_seed_is_refused_wherever_it_stands_and_neither_answered_nor_logged(
    clerk: Client, seed: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = proposed(clerk)
    escaped = "".join(f"\\u{ord(each):04x}" for each in seed)
    bodies = {
        "as a text": json.dumps({"kind": "emergency.pause", "payload": {"reason": f"use {seed} now"}}),
        "as a name": json.dumps({seed: 1}),
        "in escapes": f'{{"kind": "emergency.pause", "payload": {{"reason": "{escaped}"}}}}',
        "in no JSON": f"{{ {seed}",
    }
    with caplog.at_level(logging.DEBUG):
        for name, body in bodies.items():
            for path in (PROPOSALS, decisions(made), f"{PROPOSALS}/{made['proposal']}/cancel"):
                answer = clerk.call("POST", path, data=body)
                assert (answer.status_code, answer.json()["code"]) == (422, "holds_a_secret"), name
                assert seed not in answer.text
    assert seed not in caplog.text
    assert clerk.get(f"{PROPOSALS}/{made['proposal']}") == made


@pytest.mark.parametrize("name", ["seed", "secret_key", "privateKey", "private-key", "MNEMONIC", "keystore"])
def test_a_field_that_is_called_as_a_key_is_refused_whatever_it_holds(clerk: Client, name: str) -> None:
    made = proposed(clerk)
    body = decision(made, "treasury") | {name: "abc"}
    assert problem(clerk, "POST", decisions(made), json=body) == (422, "holds_a_secret")


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
@pytest.mark.parametrize("around", ["seed={}", "my_{}", "x/{}", "-{}", "{}=", "SECRET={}"])
def test_a_seed_is_known_by_its_checksum_whatever_stands_beside_it(clerk: Client, seed: str, around: str) -> None:
    text = around.format(seed)
    for body in ({"kind": "bond.approve", "payload": {"a": text}}, {"kind": "bond.approve", "payload": {text: 1}}):
        assert problem(clerk, "POST", PROPOSALS, json=body) == (422, "holds_a_secret")
    made = proposed(clerk)
    path = f"{PROPOSALS}/{made['proposal']}/cancel"
    assert problem(clerk, "POST", path, json={"reason": text}) == (422, "holds_a_secret")


@pytest.mark.parametrize("sign", ["\0", "\x1b", "\x7f", "\x9b"])
def test_a_reason_with_a_control_character_is_refused_before_anybody_signs(clerk: Client, sign: str) -> None:
    for kind in ("emergency.pause", "trade.kill"):
        answer = clerk.post(PROPOSALS, kind=kind, payload={"reason": f"a{sign}b"})
        assert answer.status_code == 422, answer.text
        assert "control character" in answer.json()["detail"]


def test_public_keys_hashes_addresses_and_signatures_are_no_secrets(clerk: Client) -> None:
    texts = [key.public.hex().upper() for key in KEYS.values()]
    texts += ["ab" * 32, FREEZE["intent"]["account"], "GBRPYHIL2CI3FNQ4BXLFMNDLFJUNPU2HY3ZMFSHONUCEOASW7QC7OX2H"]
    made = proposed(clerk, "trade.kill", {"reason": " ".join(texts)})
    assert made["payload"]["reason"].split() == texts


@pytest.mark.parametrize("number", ["1", "..", "%2e%2e%2fsigners", "' or 1=1", "%00", "0" * 400])
def test_an_id_that_no_proposal_can_have_is_refused(clerk: Client, number: str) -> None:
    assert problem(clerk, "GET", f"{PROPOSALS}/{number}")[0] in (404, 422)
    assert problem(clerk, "GET", f"{PROPOSALS}/{uuid4()}") == (404, "proposal_not_found")


def test_without_signers_nothing_is_proposed_and_the_lists_are_empty(empty: Server) -> None:
    clerk = of_treasury(empty)
    assert clerk.get("/api/treasury/signers") == {"platform": None, "signer_sets": []}
    assert clerk.get(PROPOSALS) == {"proposals": [], "next": None}
    refused = clerk.post(PROPOSALS, kind="emergency.pause", payload=REASON)
    assert (refused.status_code, refused.json()["code"]) == (422, "refused")
    assert "fntx treasury enroll" in refused.json()["detail"]


def test_the_client_sends_each_request_once_and_says_why_one_is_refused(treasury: Server) -> None:
    token = make_token(treasury.desk.db, "bot", "scoped", scopes=["treasury:propose", "treasury:sign"])
    client = ApiClient(token, treasury.url)
    made = client.propose("freeze", FREEZE, idempotency_key="freeze 1")
    assert client.propose("freeze", FREEZE, idempotency_key="freeze 1")["proposal"] == made["proposal"]
    own = decision(dict(made), "treasury")
    assert client.decide(made["proposal"], "treasury", "approve", own["signature"])["approvals"] == ["treasury"]
    with pytest.raises(ApiProblem, match="409 duplicate"):
        client.decide(made["proposal"], "treasury", "approve", own["signature"])
    with pytest.raises(ApiProblem, match="403 forbidden"):
        client.prepare(made["proposal"])
    assert client.cancel_proposal(made["proposal"], "withdrawn")["state"] == "cancelled"
    assert made["proposal"] in [each["proposal"] for each in client.proposals("cancelled")["proposals"]]

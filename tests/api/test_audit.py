"""The audit log over HTTP: who may see what, proofs that hold without us, and a log that was tampered with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.audit.checkpoint import opened, read_verifier_key
from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.audit.sealing import read_line, unsealed
from fntx_dagster.proof.log_tree import log_root
from fntx_dagster.services.auditing.keys import key_of
from tests.api.conftest import Client, Server
from tests.api.test_client import checked
from tests.services.auditing.conftest import an_event, as_superuser, written

READS = ("/api/audit/status", "/api/audit/checkpoint", "/api/audit/anchors", "/api/audit/events")
VERIFIER = Path(__file__).parents[2] / "verify" / "audit.py"


def problem(client: Client, method: str, path: str, **more: Any) -> tuple[int, str]:
    answer = client.call(method, path, **more)
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def auditor(server: Server) -> Client:
    """A token of an auditor who may see single events, and sign the log."""
    written(server.settings, server.desk.db, 3)
    return server.client("eve", "scoped", "audit:plain", "audit:checkpoint")


def test_a_proof_holds_by_the_file_that_needs_nothing_of_ours(auditor: Client, tmp_path: Path) -> None:
    made = checked(auditor.call("POST", "/api/audit/checkpoint").json(), "NewCheckpointAnswer")
    last = made["size"] - 1
    proof = auditor.call("GET", f"/api/audit/proofs/{last}")
    file = tmp_path / "proof.json"
    file.write_bytes(proof.content)
    assert checked(proof.json(), "AuditProofAnswer")["event"]["details"] == {"amount": "2.10"}
    done = subprocess.run([sys.executable, str(VERIFIER), str(file)], capture_output=True, text=True)
    assert (done.returncode, "HOLDS" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "2.10" not in auditor.call("GET", "/api/audit/events", params={"limit": 1000}).text


def test_a_checkpoint_proves_that_it_goes_on_from_one_that_the_auditor_kept(auditor: Client, server: Server) -> None:
    before = auditor.call("POST", "/api/audit/checkpoint").json()
    same = checked(auditor.get("/api/audit/checkpoint", since=before["size"]), "CheckpointAnswer")
    assert same["consistency"] == {"size": before["size"], "root": before["root"], "hashes": []}
    written(server.settings, server.desk.db, 5)
    assert auditor.get("/api/audit/checkpoint")["size"] == before["size"], "reading signs nothing"
    after = auditor.call("POST", "/api/audit/checkpoint").json()
    assert (after["is_new"], after["size"]) == (True, before["size"] + 5)
    found = auditor.get("/api/audit/checkpoint", since=before["size"])
    path = [bytes.fromhex(each) for each in found["consistency"]["hashes"]]
    roots = bytes.fromhex(before["root"]), bytes.fromhex(found["root"])
    assert consistency_holds(before["size"], roots[0], found["size"], roots[1], path)
    assert opened(found["note"], read_verifier_key(found["log_key"])).root == roots[1]
    assert problem(auditor, "GET", f"/api/audit/checkpoint?since={before['size'] + 1}") == (404, "no_checkpoint")
    assert auditor.call("POST", "/api/audit/checkpoint").json()["is_new"] is False


def test_the_root_follows_from_the_sealed_events_page_by_page(auditor: Client, server: Server) -> None:
    signed = auditor.call("POST", "/api/audit/checkpoint").json()
    lines, first = [], 0
    while first is not None:
        page = checked(auditor.get("/api/audit/events", **{"from": first, "limit": 2}), "SealedEventsAnswer")
        lines += page["events"]
        first = page["next"]
    assert [line["seq"] for line in lines] == [*range(signed["size"])]
    assert log_root([bytes.fromhex(line["leaf_hash"]) for line in lines]).hex() == signed["root"]
    key = key_of(server.settings, lines[-1]["key_id"])
    assert unsealed(read_line(lines[-1]), key.secret)["details"] == an_event(2).details
    assert auditor.get("/api/audit/events", **{"from": 2**53 - 1, "limit": 1000}) == {"events": [], "next": None}


def test_what_an_event_says_is_for_a_token_of_that_scope_alone(auditor: Client, server: Server) -> None:
    auditor.call("POST", "/api/audit/checkpoint")
    for role in ("admin", "reader", "trader", "signal_source"):
        assert problem(server.client("x", role), "GET", "/api/audit/proofs/0") == (403, "forbidden"), role
    reader = server.client("y", "scoped", "audit:read", "treasury:sign")
    assert problem(reader, "GET", "/api/audit/proofs/0") == (403, "forbidden")
    assert problem(reader, "POST", "/api/audit/checkpoint") == (403, "forbidden")
    for path in READS:
        assert reader.call("GET", path).status_code == 200, path
        assert problem(server.client("z", "scoped", "treasury:read"), "GET", path) == (403, "forbidden"), path
        assert problem(server.client("z", "reader"), "GET", path) == (403, "forbidden"), path
        assert server.client("z", "admin").call("GET", path).status_code == 200, path


def test_a_token_of_scopes_reads_no_book_and_trades_nothing(auditor: Client) -> None:
    for path in (
        "/api/orders/pending",
        "/api/portfolio/summary",
        "/db/signals/v2/active-positions",
        "/api/v1/accounts",
    ):
        assert problem(auditor, "GET", path) == (403, "forbidden"), path
    assert problem(auditor, "POST", "/api/ledger/funding", json={"amount": "1"}) == (403, "forbidden")


def test_what_has_not_changed_is_not_sent_again(auditor: Client) -> None:
    auditor.call("POST", "/api/audit/checkpoint")
    for path in (*READS, "/api/audit/proofs/0"):
        tag = auditor.call("GET", path).headers["ETag"]
        again = auditor.call("GET", path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b""), path


@pytest.mark.parametrize("seq", ["-1", "1.5", "1e3", "NaN", "0x1", "9007199254740992", "9" * 400, "%00", "1%2f2"])
def test_a_number_that_no_event_can_have_is_refused(auditor: Client, seq: str) -> None:
    assert problem(auditor, "GET", f"/api/audit/proofs/{seq}")[0] in (404, 422)


def test_events_that_are_not_there_or_not_signed_are_said_to_be_so(auditor: Client, server: Server) -> None:
    size = auditor.call("POST", "/api/audit/checkpoint").json()["size"]
    assert problem(auditor, "GET", f"/api/audit/proofs/{size}") == (404, "event_not_found")
    written(server.settings, server.desk.db, 1)
    assert problem(auditor, "GET", f"/api/audit/proofs/{size}") == (409, "not_signed")


def test_a_log_without_an_event_is_not_signed(empty: Server) -> None:
    auditor = empty.client("eve", "scoped", "audit:plain", "audit:checkpoint")
    assert problem(auditor, "POST", "/api/audit/checkpoint") == (409, "no_event")
    assert problem(auditor, "GET", "/api/audit/checkpoint") == (404, "no_checkpoint")
    assert checked(auditor.get("/api/audit/status"), "AuditStatusAnswer")["events"] == 0


def test_a_log_that_was_edited_gives_no_proof_and_is_not_signed(empty: Server) -> None:
    auditor = empty.client("eve", "scoped", "audit:plain", "audit:checkpoint")
    db = empty.desk.db
    written(empty.settings, db, 4)
    kept = auditor.call("POST", "/api/audit/checkpoint").json()["size"]
    as_superuser(db, r"update treasury.audit_event set leaf_hash = '\x00' || substring(leaf_hash from 2) where seq = 2")
    assert problem(auditor, "GET", "/api/audit/proofs/3") == (409, "log_broken")
    as_superuser(db, "delete from treasury.audit_event where seq >= 2")
    assert problem(auditor, "POST", "/api/audit/checkpoint") == (409, "log_broken")
    assert auditor.get("/api/audit/checkpoint")["size"] == kept, "what was signed stays"


def test_an_event_whose_key_is_lost_is_not_opened_and_the_rest_goes_on(empty: Server) -> None:
    auditor = empty.client("eve", "scoped", "audit:plain", "audit:checkpoint")
    written(empty.settings, empty.desk.db, 2)
    auditor.call("POST", "/api/audit/checkpoint")
    for file in (empty.settings.paths.keys / "audit").glob("*.key"):
        file.unlink()
    assert problem(auditor, "GET", "/api/audit/proofs/1") == (409, "key_lost")
    assert len(auditor.get("/api/audit/events")["events"]) == 2
    assert json.dumps(auditor.get("/api/audit/status")["lost_keys"]) != "[]"

"""The compliance gate over HTTP: who is cleared, and a hit that holds a proposal back until it is signed away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.services.governance.screening import note_blocked
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from tests.api.conftest import Client, Server
from tests.api.test_audit import problem
from tests.api.test_client import checked
from tests.api.test_treasury import PROPOSALS, SEEDS, proposed
from tests.governance.keys import KEYS, signed_by
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.worlds import begun, events, issue

SCREEN, SCREENINGS = "/api/compliance/screen", "/api/compliance/screenings"
LISTED = {"name": "VANTROSK, Aurelio", "schema": "Person", "birth_date": "1961"}
SCOPES = ("compliance:screen", "compliance:dispose", "treasury:propose")
WORDS = {"verdict": "false_positive", "reason": "Born in 1987 by the passport."}


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A treasury with a fresh list; `good` is on none, `bad` is on it."""
    settings = begun(tmp_path / "home", database)
    started = Server(database, settings)
    set_party(settings, database, "bad", *LISTED.values(), by=BY)
    yield started
    started.stop()


@pytest.fixture
def officer(server: Server) -> Client:
    return server.client("officer", "scoped", *SCOPES)


def screened(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(SCREEN, **body)
    assert answer.status_code == 200, answer.text
    return checked(answer.json(), "ScreenAnswer")


def test_a_party_that_is_listed_is_a_hit_and_the_check_is_kept_without_its_name(
    officer: Client, server: Server
) -> None:
    answer = screened(officer, parties=["good", "bad"])
    assert (answer["decision"], answer["problems"], answer["results"]) == ("hit", [], [])
    assert {each["party_id"]: each["decision"] for each in answer["parties"]} == {"good": "cleared", "bad": "hit"}
    number = next(each["screening_id"] for each in answer["parties"] if each["party_id"] == "bad")
    kept = officer.call("GET", f"{SCREENINGS}/{number}")
    row = checked(kept.json(), "ScreeningAnswer")
    assert (row["party_id"], row["entity_id"], row["screened_by"]) == ("bad", "NK-1", f"operator:{officer.user}")
    assert "vantrosk" not in kept.text.lower()
    assert events(server.desk.db)[-2:].count("compliance_check_failed") == 1
    assert screened(officer, parties=["good"])["decision"] == "cleared"


def test_names_are_compared_as_the_calculator_does_and_nothing_of_them_is_kept(officer: Client, server: Server) -> None:
    before = len(events(server.desk.db))
    cases: list[Any] = [
        {"id": "a", "kind": "screen", "party": LISTED},
        {"id": 2, "kind": "screen", "party": {"name": "Helena Brightwater"}},
        {"id": "c", "kind": "screen", "party": {"name": "..."}},
        {"id": "d", "kind": "screen", "party": LISTED | {"birth_date": "in May"}},
        {"id": "e", "kind": "load", "party": LISTED},
        7,
    ]
    answer = screened(officer, cases=cases)
    results = answer["results"]
    assert [each["id"] for each in results[:5]] == ["a", 2, "c", "d", "e"]
    assert (results[0]["result"]["status"], results[0]["result"]["entity"]) == ("blocked", "NK-1")
    assert (results[1]["result"]["decision"], results[1]["result"]["matches"]) == ("cleared", [])
    assert [each["error"]["code"] for each in results[2:5]] == ["invalid", "invalid", "unknown_kind"]
    assert (answer["decision"], answer["parties"]) == ("hit", [])
    assert screened(officer, cases=cases[1:3])["decision"] == "refused"
    single = screened(officer, party=LISTED, kind="screen")["results"]
    assert single[0]["result"] == results[0]["result"]
    assert len(events(server.desk.db)) == before


def test_a_list_that_is_too_old_clears_nobody(officer: Client, server: Server, tmp_path: Path) -> None:
    assert checked(officer.get("/api/compliance/lists"), "ListsAnswer")["can_clear"] is True
    with server.desk.db.connect() as connection:
        connection.execute("alter table treasury.list_version disable trigger user")
        connection.execute("update treasury.list_version set dated_at = dated_at - interval '49 hours'")
    lists = officer.get("/api/compliance/lists")
    assert (lists["can_clear"], lists["lists"][0]["problem"]) == (False, "it is 49 hours old")
    assert screened(officer, parties=["good"])["decision"] == "stale"
    assert screened(officer, cases=[{"kind": "screen", "party": {"name": "Helena Brightwater"}}])["decision"] == "stale"
    assert screened(officer, parties=["bad"])["decision"] == "hit"
    made = proposed(officer, "iou.issue", issue(), parties=["good"])
    assert made["state"] == "screening"
    load_list(server.settings, server.desk.db, write_list(tmp_path / "new.csv", *ROWS, "NK-9,Person,New,,,"), by=BY)
    again = officer.call("POST", f"{PROPOSALS}/{made['proposal']}/screen")
    assert (again.status_code, again.json()["state"]) == (200, "pending_approval")


def test_without_a_list_nobody_is_cleared(empty: Server) -> None:
    officer = empty.client("officer", "scoped", *SCOPES)
    answer = screened(officer, party={"name": "Helena Brightwater"})
    assert (answer["decision"], answer["problems"]) == ("stale", ["no list is loaded"])
    assert officer.get("/api/compliance/lists") == {"can_clear": False, "lists": []}


def test_a_hit_holds_a_proposal_back_until_compliance_signs_it_away(officer: Client) -> None:
    made = proposed(officer, "iou.issue", issue(), parties=["good", "bad"])
    assert made["state"] == "blocked"
    number = screened(officer, parties=["bad"])["parties"][0]["screening_id"]
    path = f"{SCREENINGS}/{number}/dispositions"
    to_sign = checked(officer.post(f"{SCREENINGS}/{number}/to-sign", **WORDS).json(), "DispositionBytesAnswer")

    def signed(signer: str, key: str, **words: str) -> dict[str, str]:
        signature = signed_by(KEYS[key], bytes.fromhex(to_sign["hex"])).hex()
        return WORDS | {"signer": signer, "signature": signature} | words

    assert problem(officer, "POST", path, json=WORDS) == (422, "unsigned")
    assert problem(officer, "POST", path, json=signed("treasury", "treasury")) == (422, "unknown_signer")
    assert problem(officer, "POST", path, json=signed("compliance", "treasury")) == (422, "bad_signature")
    other = signed("compliance", "compliance", reason="another reason")
    assert problem(officer, "POST", path, json=other) == (422, "bad_signature")
    assert officer.get(f"{PROPOSALS}/{made['proposal']}")["state"] == "blocked"
    done = officer.call("POST", path, json=signed("compliance", "compliance"))
    answer = checked(done.json(), "DispositionAnswer")
    assert (done.status_code, answer["proposals"]) == (201, {made["proposal"]: "pending_approval"})
    assert screened(officer, parties=["bad"])["decision"] == "cleared"


def test_a_true_match_needs_no_signature_holds_back_and_ends_the_alert(officer: Client, server: Server) -> None:
    made, db = proposed(officer, "iou.issue", issue(), parties=["good", "bad"]), server.desk.db
    note_blocked(db)
    assert [made["proposal"] in each.text for each in open_alerts(db) if each.kind == "compliance"] == [True]
    number = screened(officer, parties=["bad"])["parties"][0]["screening_id"]
    body = {"verdict": "true_match", "reason": "It is him: <b>see the file</b>", "entity": "NK-1"}
    done = officer.post(f"{SCREENINGS}/{number}/dispositions", **body)
    assert (done.status_code, checked(done.json(), "DispositionAnswer")["proposals"]) == (201, {})
    assert [each for each in open_alerts(db) if each.kind == "compliance"] == []
    assert officer.get(f"{PROPOSALS}/{made['proposal']}")["state"] == "blocked"
    assert screened(officer, parties=["bad"])["decision"] == "hit"


def test_each_door_needs_its_scope(server: Server) -> None:
    doors = {
        ("POST", SCREEN): "compliance:screen",
        ("GET", "/api/compliance/lists"): "compliance:read",
        ("GET", f"{SCREENINGS}/1"): "compliance:read",
        ("POST", f"{SCREENINGS}/1/to-sign"): "compliance:dispose",
        ("POST", f"{SCREENINGS}/1/dispositions"): "compliance:dispose",
    }
    for scope in ("compliance:read", "compliance:screen", "compliance:dispose", "treasury:submit", "audit:plain"):
        client = server.client("x", "scoped", scope)
        for (method, path), needed in doors.items():
            answer = client.call(method, path, **({"json": {}} if method == "POST" else {}))
            may = scope == needed or (needed == "compliance:read" and scope.startswith("compliance:"))
            assert (answer.status_code != 403) is may, (scope, path, answer.text)
    for method, path in doors:
        assert problem(server.client("y", "reader"), method, path) == (403, "forbidden"), path


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"parties": []},
        {"parties": ["good"], "party": LISTED},
        {"parties": "good"},
        {"parties": ["../good"]},
        {"parties": ["good"] * 101},
        {"cases": []},
        {"cases": {}},
        {"cases": [{}] * 101},
        {"kind": "screen"},
        {"party": LISTED, "lists": ["mine.csv"]},
    ],
)
def test_a_request_that_names_nobody_or_everybody_is_refused(officer: Client, body: Any) -> None:
    assert problem(officer, "POST", SCREEN, json=body) == (422, "validation_failed")


def test_what_is_not_there_or_has_no_form_is_said_to_be_so(officer: Client) -> None:
    assert problem(officer, "POST", SCREEN, json={"parties": ["nobody"]}) == (422, "refused")
    assert problem(officer, "GET", f"{SCREENINGS}/{2**63 - 1}") == (404, "screening_not_found")
    assert problem(officer, "POST", f"{SCREENINGS}/999/dispositions", json=WORDS) == (404, "screening_not_found")
    for number in ("0", "-1", f"{2**63}", "x"):
        assert problem(officer, "GET", f"{SCREENINGS}/{number}")[0] == 422, number
    number = screened(officer, parties=["bad"])["parties"][0]["screening_id"]
    path = f"{SCREENINGS}/{number}/dispositions"
    for wrong in (
        {"verdict": "clear"},
        {"reason": " "},
        {"reason": "x" * 1001},
        {"signer": "compliance"},
        {"seed": "x"},
    ):
        assert problem(officer, "POST", path, json=WORDS | wrong)[0] == 422, wrong
    twice = b'{"verdict": "true_match", "verdict": "false_positive", "reason": "x"}'
    assert problem(officer, "POST", path, data=twice) == (422, "validation_failed")
    assert problem(officer, "POST", path, json=WORDS | {"reason": SEEDS["xrpl"]}) == (422, "holds_a_secret")
    assert problem(officer, "POST", path, json=WORDS | {"entity": "NK-2"}) == (422, "refused")

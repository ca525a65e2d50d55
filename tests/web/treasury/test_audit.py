"""The page of the audit log: what it says is what the log holds; a proof from it holds; a search uses what is clear."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.audit.proof_file import check_proof
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.auditing.proving import record_anchor
from fntx_dagster.services.dashboard import audit as shown_by
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from tests.services.transactions.worlds import events
from tests.web.asking import ask
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER, Desk

MARKUP = '<script>alert(1)</script><img src=x onerror="y">'


def test_the_log_is_signed_on_its_page_and_a_proof_from_it_holds(desk: Desk) -> None:
    size = status(desk.settings, desk.db).events
    assert f"{size} events are under no checkpoint" in words(desk.shown("/audit"))
    assert page(desk.site, "/audit/events/1/proof.json", THE_OWNER)[0] == 409
    assert "No checkpoint is over it yet." in words(desk.shown("/audit/events/1"))
    assert desk.sent("/audit", action="checkpoint") == "/audit?done=signed"
    shown = words(desk.shown("/audit?done=signed"))
    assert "The log is signed as it is." in shown
    assert f"Events {size} Under a checkpoint {size}" in shown
    document = json.loads(bytes(ask(desk.site, "/audit/events/1/proof.json", THE_AUDITOR).body))
    check_proof(document)
    assert document["event"]["seq"] == 1
    assert document["log_key"] == status(desk.settings, desk.db).log_key


def test_anchors_are_listed_by_their_ledgers(desk: Desk) -> None:
    desk.sent("/audit", action="checkpoint")
    size = status(desk.settings, desk.db).signed
    record_anchor(desk.db, Anchor(size, "xrpl", "1", "rAccount", "AB" * 32, 77))
    shown = words(desk.shown("/audit"))
    assert f"On the XRP Ledger {size}" in shown
    assert f"{'AB' * 32}" in shown
    assert "which is on the XRP Ledger" in words(desk.shown("/audit/events/0"))


def test_a_search_finds_types_and_days_and_goes_on_with_older_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        desk.paused(f"number {number}")
    kinds = events(desk.db)
    text = desk.shown("/audit?type=proposal_cleared")
    assert len(re.findall(r'href="/audit/events/\d+"', text)) == 50
    older = re.search(r'rel="next" href="([^"#]+)', text)
    assert older
    rest = desk.shown(older[1].replace("&amp;", "&"))
    assert len(re.findall(r'href="/audit/events/\d+"', rest)) == kinds.count("proposal_cleared") - 50 == 10
    assert 'rel="next"' not in rest
    today = datetime.now(UTC).date()
    for query, found in (
        (f"from={today}&to={today}", True),
        (f"to={today - timedelta(days=1)}", False),
        (f"from={today + timedelta(days=1)}", False),
        ("type=breaker_tripped", False),
    ):
        assert ("No event among these matches." not in words(desk.shown(f"/audit?{query}"))) is found, query
    for query in ("type=nonsense", "from=2026-13-01", f"from={today}&to={today - timedelta(days=1)}", "before=x"):
        assert page(desk.site, f"/audit?{query}", THE_OWNER)[0] == 400, query
    monkeypatch.setattr(shown_by, "_LOOKS_AT", 20)
    text = desk.shown("/audit?type=signer_added")
    assert f"looked at the events back to {len(kinds) - 20}" in words(text)
    assert 'rel="next"' in text


def test_an_event_says_what_the_log_holds_and_leads_to_its_proposal(desk: Desk) -> None:
    proposal = desk.paused("a key may be lost")
    last = len(events(desk.db)) - 1
    text = desk.shown(f"/audit/events/{last}")
    assert f'href="/treasury/proposals/{proposal}"' in text
    assert "By operator:terminal About proposal" in words(text)
    for address in (f"/audit/events/{last + 1}", f"/audit/events/{last + 1}/proof.json"):
        assert page(desk.site, address, THE_OWNER)[0] == 404


def test_an_event_whose_key_is_lost_stays_sealed_and_the_rest_is_shown(desk: Desk) -> None:
    for file in (desk.settings.paths.keys / "audit").glob("*.key"):
        file.rename(file.with_suffix(".away"))
    assert "sealed" in words(desk.shown("/audit"))
    assert "lost" in words(desk.shown("/audit"))
    shown = words(desk.shown("/audit/events/0"))
    assert "The key" in shown
    assert "operator:" not in shown


def test_markup_in_an_event_is_text(desk: Desk) -> None:
    with desk.db.connect() as connection:
        event = NewAuditEvent(
            "report_generated", f"operator:{MARKUP}", EventSubject("report", MARKUP), {"reason": MARKUP, MARKUP: MARKUP}
        )
        seq = append(desk.settings, connection, event)
    for address in ("/audit", f"/audit/events/{seq}"):
        text = desk.shown(address)
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


def test_an_auditor_reads_events_and_signs_nothing(desk: Desk) -> None:
    text = desk.shown("/audit", THE_AUDITOR)
    assert "operator:terminal" in words(text)
    assert 'method="post"' not in text
    assert page(desk.site, "/audit", THE_AUDITOR, {"action": "checkpoint"})[0] == 404
    assert status(desk.settings, desk.db).signed == 0


@pytest.mark.parametrize("role", [TRADER, FUND, SOURCE])
def test_nobody_else_sees_anything_of_the_log(desk: Desk, role: str) -> None:
    for address in ("/audit", "/audit/events/0", "/audit/events/0/proof.json"):
        assert page(desk.site, address, Visitor("ada", role))[0] == 404

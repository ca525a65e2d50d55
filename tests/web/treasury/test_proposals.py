"""The pages of proposals: what is handed in is verified as the terminal verifies it, and what is shown is harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from fntx_dagster.governance.machines import MACHINES
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.dashboard import events as dashboard_events
from fntx_dagster.services.dashboard.treasury import needs_of
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.web.asking import Site
from tests.services.governance.treasuries import decision
from tests.services.transactions.worlds import approved, events, issue, signed_elsewhere
from tests.simulate.xrpl.people import wallet
from tests.web.asking import ask
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER, Desk

MARKUP = '<script>alert(1)</script><b onclick="x">&amp;"\'\u202e'


def path_of(proposal: object) -> str:
    return f"/treasury/proposals/{proposal}"


@pytest.fixture
def site_without(database: Database, tmp_path: Path) -> Site:
    """An installation without a treasury."""
    return Site(Settings(home=tmp_path), database, HONG_KONG)


def test_an_installation_without_a_treasury_says_how_to_begin(site_without: Site) -> None:
    for address in ("/treasury", "/treasury/queue", "/treasury/signers"):
        status, text = page(site_without, address, THE_OWNER)
        shown = words(text)
        assert (status, "fntx treasury enroll" in shown, "<form" in text, "<table" in text) == (200, True, False, False)


def test_a_decision_is_signed_over_the_bytes_of_the_page_and_handed_in_there(desk: Desk) -> None:
    proposal = desk.paused("a key may be lost")
    path = path_of(proposal)
    text = desk.shown(path)
    view = show(desk.db, proposal)
    for word, content in view.to_sign.items():
        answer = ask(desk.site, f"{path}/{word}.bin", THE_OWNER)
        assert bytes(answer.body) == content
        assert f">{content.hex()}</textarea>" in text
    for sentence in view.sentences:
        assert sentence in words(text)
    given = json.dumps(decision(desk.db, proposal, "trustee"))
    assert desk.sent(path, action="decide", file=given) == f"{path}?done=decide"
    assert show(desk.db, proposal).row.state == "approved"
    shown = words(desk.shown(f"{path}?done=decide"))
    assert "The decision counts, and is kept." in shown
    assert re.search(r"trustee trustee approve \d{4}-", shown)
    assert "paused" in words(desk.shown("/treasury"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given | {"signature": "00" * 64}, "bad_signature"),
        (lambda given: given | {"signer": "mallory"}, "unknown_signer"),
        (lambda given: given | {"decision": "reject"}, "bad_signature"),
        (lambda given: given | {"proposal": str(uuid4())}, "another proposal"),
        (lambda given: given | {"more": 1}, "more"),
        (lambda given: [given], ""),
    ],
)
def test_a_decision_that_does_not_count_is_refused_with_its_reason_and_nothing_is_kept(
    desk: Desk, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    proposal = desk.paused()
    given = json.dumps(change(decision(desk.db, proposal, "trustee")))
    text = desk.refused(path_of(proposal), action="decide", file=given)
    assert said in words(text)
    assert show(desk.db, proposal).decisions == []


def test_what_is_no_decision_at_all_is_refused(desk: Desk) -> None:
    path = path_of(desk.paused())
    for file in ("", "no JSON", "\ufeff{}", '{"signer": "a", "signer": "b"}', "[" * 5_000):
        assert "not done" in desk.refused(path, action="decide", file=file)
    assert page(desk.site, path, THE_OWNER, {"action": "approve"})[0] == 400


def test_an_issue_goes_the_whole_way_by_its_page(desk: Desk) -> None:
    proposal = propose(desk.settings, desk.db, "iou.issue", issue(), ["good"])
    path = path_of(proposal)
    assert "good" in words(desk.shown(path))
    for signer in ("treasury", "trustee"):
        desk.sent(path, action="decide", file=json.dumps(decision(desk.db, proposal, signer)))
    desk.sent(path, action="prepare")
    text = desk.shown(path)
    file = desk.folder / "to-sign.json"
    answer = ask(desk.site, f"{path}/signing.json", THE_OWNER)
    file.write_bytes(bytes(answer.body))
    document = json.loads(file.read_text(encoding="utf-8"))
    for sentence in document["sentences"]:
        assert sentence in words(text)
    for signer in document["signers"]:
        assert f">{signer['payload']}</textarea>" in text
    assert "Hand in the missing" not in words(desk.shown("/treasury/queue"))
    desk.sent(path, action="import", file=signed_elsewhere(file, "trustee").decode())
    assert "compliance, treasury" in words(desk.shown("/treasury/queue"))
    text = desk.refused(path, action="import", file=signed_elsewhere(file, "trustee").decode())
    assert "(duplicate_signer)" in text
    desk.sent(path, action="import", file=signed_elsewhere(file, "compliance").decode())
    assert "no file" not in desk.shown(path)
    desk.sent(path, action="submit")
    desk.town.close_ledger()
    desk.sent(path, action="confirm")
    shown = words(desk.shown(path))
    assert show(desk.db, proposal).row.state == "confirmed"
    assert "tesSUCCESS" in shown
    assert "Nothing waits." in words(desk.shown("/treasury/queue"))
    told = [name.replace("_", " ") for name in events(desk.db)]
    for name in ("proposal prepare", "transaction sign", "transaction confirm", "iou issued", "decision recorded"):
        assert name in told
        assert name in shown[shown.index("Its events in the audit log") :]


def test_a_busy_time_hides_neither_the_first_events_of_a_proposal_nor_its_last(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_events, "_MOST_READ", 20)  # a few of the treasury's beginning are of the same second
    proposal = desk.paused()
    path = path_of(proposal)
    assert "were not read" not in words(desk.shown(path))
    for number in range(10):
        desk.paused(f"number {number}")
    desk.sent(path, action="cancel", reason="it was withdrawn")
    shown = words(desk.shown(path))
    told = shown[shown.index("Its events in the audit log") :]
    for name in ("proposal draft", "proposal screen", "proposal cleared", "proposal cancel"):
        assert name in told
    assert re.search(r"the middle 1\d of them were not read", told)


def test_a_signature_of_something_else_is_refused_with_its_code(desk: Desk) -> None:
    path = path_of(desk.paused())
    for file, code in (("12AB", "other_transaction"), ("{}", "malformed"), ("<b>", "malformed")):
        assert f"({code})" in desk.refused(path, action="import", file=file)


def test_a_signature_of_another_proposal_is_refused_on_a_page_and_kept_for_neither(desk: Desk) -> None:
    here, other = (approved(desk.settings, desk.db, "iou.issue", issue(value)) for value in ("1", "2"))
    for each in (here, other):
        desk.sent(path_of(each), action="prepare")
    file = desk.folder / "to-sign.json"
    file.write_bytes(bytes(ask(desk.site, f"{path_of(other)}/signing.json", THE_OWNER).body))
    signature = signed_elsewhere(file, "trustee").decode()
    assert "(other_transaction)" in desk.refused(path_of(here), action="import", file=signature)
    for each in (here, other):
        assert show(desk.db, each).row.state == "prepared"
    desk.sent(path_of(other), action="import", file=signature)
    assert [show(desk.db, each).row.state for each in (here, other)] == ["prepared", "signing"]


def test_a_seed_that_is_handed_in_is_refused_and_not_shown_again(desk: Desk) -> None:
    path = path_of(desk.paused())
    seed = str(wallet("s1").seed)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in seed)
    words_of_a_seed = "abandon ability able about above absent"
    for action in ("decide", "import"):
        for file in (
            json.dumps({"signer": "treasury", "note": seed}),
            f'{{"signer": "treasury", "note": "{escaped}"}}',
            json.dumps({"signer": "treasury", "Seed Phrase": words_of_a_seed}),
        ):
            text = desk.refused(path, action=action, file=file)
            shown = (each in text for each in (seed, escaped, words_of_a_seed))
            assert ("looks like a private key" in text, any(shown)) == (True, False)


def test_a_cancellation_needs_a_reason_and_says_who_it_was(desk: Desk) -> None:
    proposal = desk.paused()
    path = path_of(proposal)
    assert "needs a reason" in desk.refused(path, action="cancel", reason="  ")
    desk.sent(path, action="cancel", reason="it was withdrawn")
    shown = words(desk.shown(path))
    assert show(desk.db, proposal).row.state == "cancelled"
    assert "operator:olga" in shown
    assert "it was withdrawn" in shown
    assert "Cancel it" not in shown


def test_a_pause_and_its_end_are_proposed_on_the_page_of_the_signers(desk: Desk) -> None:
    assert "reason" in desk.refused("/treasury/signers", action="pause", reason="")
    where = desk.sent("/treasury/signers", action="pause", reason="a key may be lost")
    proposal = where.partition("?")[0].rpartition("/")[2]
    shown = words(desk.shown(where))
    assert "The proposal is made." in shown
    assert "a key may be lost" in shown
    desk.sent(path_of(proposal), action="decide", file=json.dumps(decision(desk.db, UUID(proposal), "treasury")))
    assert "Propose to resume" in words(desk.shown("/treasury/signers"))
    assert any(need.about == "treasury" for need in needs_of(desk.settings, desk.db, desk.site.clock()))


def test_what_needs_a_person_is_said_first_and_leads_on(desk: Desk) -> None:
    assert words(desk.shown("/treasury")).find("Nothing does.") > 0
    desk.paused()
    desk.paused()
    proposal = propose(desk.settings, desk.db, "iou.issue", issue(), ["good"])
    text = desk.shown("/treasury")
    assert 'href="/treasury?state=pending_approval">3 proposals wait for decisions of the signers</a>' in text
    assert path_of(proposal) in desk.shown("/treasury?state=pending_approval&kind=iou.issue")
    assert path_of(proposal) not in desk.shown("/treasury?state=pending_approval&kind=freeze")
    assert path_of(proposal) not in desk.shown("/treasury?state=confirmed")
    assert page(desk.site, "/treasury?state=nonsense", THE_OWNER)[0] == 400
    counting = desk.settings.compliance.model_copy(update={"lists": ["ofac"]})
    stale = desk.site._replace(settings=desk.settings.model_copy(update={"compliance": counting}))
    needs = needs_of(stale.settings, desk.db, desk.site.clock())
    assert [need.path for need in needs] == ["/treasury?state=pending_approval", "/screening"]
    overview = page(stale, "/", THE_OWNER)[1]
    assert ['href="/treasury?state=pending_approval"' in overview, "list ofac: it was never loaded" in overview] == [
        True,
        True,
    ]
    assert "/treasury" not in page(stale, "/", Visitor("ada", FUND))[1]
    later = needs_of(desk.settings, desk.db, desk.site.clock() + timedelta(days=3))
    assert "no ledger holds the audit log" in later[-1].text


def test_proposals_are_listed_a_page_at_a_time(desk: Desk) -> None:
    made = [desk.paused(f"number {number}") for number in range(51)]
    first = desk.shown("/treasury")
    older = unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])  # pyright: ignore[reportOptionalSubscript]
    second = desk.shown(older)
    assert [path_of(each) in first for each in (made[0], made[1])] == [False, True]
    assert [path_of(each) in second for each in (made[0], made[1])] == [True, False]


def test_markup_in_reasons_payloads_and_names_is_text(desk: Desk) -> None:
    where = desk.sent("/treasury/signers", action="pause", reason=MARKUP)
    proposal = where.partition("?")[0]
    desk.sent(proposal, action="cancel", reason=MARKUP)
    pages = [desk.shown(address) for address in (proposal, "/treasury?state=all", "/treasury/signers")]
    pages.append(desk.refused(proposal, action="cancel", reason=MARKUP))
    for text in pages:
        assert "<script>alert" not in text
        assert "<b onclick" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]


def test_an_auditor_reads_all_and_is_shown_no_form(desk: Desk) -> None:
    proposal = desk.paused()
    for address in ("/treasury", "/treasury/queue", "/treasury/signers", "/treasury/states", path_of(proposal)):
        text = desk.shown(address, THE_AUDITOR)
        assert 'method="post"' not in text
    given = json.dumps(decision(desk.db, proposal, "trustee"))
    assert page(desk.site, path_of(proposal), THE_AUDITOR, {"action": "decide", "file": given})[0] == 404
    assert page(desk.site, "/treasury/signers", THE_AUDITOR, {"action": "pause", "reason": "x"})[0] == 404
    assert show(desk.db, proposal).decisions == []


@pytest.mark.parametrize("role", [TRADER, FUND, SOURCE])
def test_nobody_else_sees_anything_of_the_treasury(desk: Desk, role: str) -> None:
    proposal, visitor = desk.paused(), Visitor("ada", role)
    for address in (
        *("/treasury", "/treasury/queue", "/treasury/signers", "/treasury/states", path_of(proposal)),
        *(f"{path_of(proposal)}/approve.bin", f"{path_of(proposal)}/signing.json"),
    ):
        assert page(desk.site, address, visitor)[0] == 404
    assert page(desk.site, path_of(proposal), visitor, {"action": "cancel", "reason": "x"})[0] == 404
    assert 'href="/treasury"' not in page(desk.site, "/orders", visitor)[1]


def test_what_there_is_not_is_not_found(desk: Desk) -> None:
    proposal = desk.paused()
    for address in (path_of(uuid4()), path_of("nonsense"), f"{path_of(proposal)}/maybe.bin"):
        assert page(desk.site, address, THE_OWNER)[0] == 404
    assert page(desk.site, path_of(uuid4()), THE_OWNER, {"action": "cancel", "reason": "x"})[0] == 404
    assert page(desk.site, f"{path_of(proposal)}/signing.json", THE_OWNER)[0] == 409


def test_every_step_that_is_possible_is_on_the_page_of_steps(desk: Desk) -> None:
    shown = words(desk.shown("/treasury/states"))
    for machine in MACHINES.values():
        for step in machine:
            assert f"{step.state} {step.event} {step.next} {step.guard}".replace("_", " ").strip() in shown
    assert "stateDiagram-v2" in shown

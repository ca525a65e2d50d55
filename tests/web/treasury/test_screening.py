"""The pages of screening: lists with their age, who is held back, decisions as `fntx compliance dispose` takes them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from uuid import UUID

import pytest

from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from tests.governance.keys import KEYS, signed_by
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.worlds import issue
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER, Desk

NAME = "Aurelio Vantrosk"
MARKUP = "<script>alert(1)</script>\"onload='x' \u202e"
WHY = "Born in 1987 by the passport."


@pytest.fixture
def blocked(desk: Desk) -> tuple[str, str]:
    """A proposal that is held back by the match of a party, and the page of the check that found it."""
    set_party(desk.settings, desk.db, "listed", NAME, "Person", "1961", by=BY)
    proposal = propose(desk.settings, desk.db, "iou.issue", issue(), ["listed"])
    assert show(desk.db, proposal).row.state == "blocked"
    found = re.search(r'href="(/screening/\d+)"', desk.shown("/screening?decision=hit"))
    assert found
    return f"{proposal}", found[1]


def signed(text: str, signer: str = "compliance") -> str:
    """What a signer returns of the bytes that a page shows."""
    shown = re.search(r'id="to-sign"[^>]*>([0-9a-f]+)</textarea>', text)
    assert shown
    return json.dumps({"signer": signer, "signature": signed_by(KEYS[signer], bytes.fromhex(shown[1])).hex()})


def test_lists_are_shown_with_their_age_and_a_stale_one_is_said(desk: Desk) -> None:
    shown = words(desk.shown("/screening"))
    assert re.search(r"opensanctions can clear .* 0\.0 3 \d", shown)
    late = desk.site._replace(clock=lambda: desk.site.clock() + timedelta(hours=60))
    shown = words(page(late, "/screening", THE_OWNER)[1])
    assert "nobody can be cleared list opensanctions: it is 60 hours old." in shown


def test_who_is_held_back_is_listed_and_a_signed_false_positive_lets_the_proposal_go_on(
    desk: Desk, blocked: tuple[str, str]
) -> None:
    proposal, path = blocked
    text = desk.shown("/screening")
    assert text.index(f'href="{path}"') < text.index("<h2>Checks</h2>")
    shown = words(desk.shown(path))
    for said in (NAME, "NK-1", "Vantroska", "1961", f"proposal {proposal[:8]}"):
        assert said in shown
    form = {"verdict": "false_positive", "reason": WHY, "entity": ""}
    assert "needs the signature" in desk.refused(path, THE_OWNER, action="record", **form)
    status, text = page(desk.site, path, THE_OWNER, {"action": "sign", **form})
    assert (status, WHY in text) == (200, True)
    assert "is no signer of the role compliance" in desk.refused(
        path, THE_OWNER, action="record", file=signed(text, "treasury"), **form
    )
    other = form | {"reason": "another reason"}
    assert "bad_signature" in desk.refused(path, THE_OWNER, action="record", file=signed(text), **other)
    assert desk.sent(path, THE_OWNER, action="record", file=signed(text), **form) == f"{path}?done=recorded"
    shown = words(desk.shown(f"{path}?done=recorded"))
    assert f"false positive: {WHY} signer:compliance" in shown
    assert show(desk.db, UUID(proposal)).row.state == "pending_approval"


def test_a_true_match_needs_no_signature_and_says_who_it_was(desk: Desk, blocked: tuple[str, str]) -> None:
    proposal, path = blocked
    desk.sent(path, THE_OWNER, action="record", verdict="true_match", reason=WHY, entity="NK-1")
    assert f"true match: {WHY} operator:olga" in words(desk.shown(path))
    assert show(desk.db, UUID(proposal)).row.state == "blocked"


@pytest.mark.parametrize(
    "form",
    [
        {"verdict": "false_positive", "reason": "  "},
        {"verdict": "nonsense", "reason": WHY},
        {"verdict": "true_match", "reason": WHY, "entity": "NK-9"},
        {"verdict": "true_match", "reason": "x" * 1_001},
        {"verdict": "false_positive", "reason": WHY, "file": "no JSON"},
    ],
)
def test_a_decision_that_cannot_be_is_refused_and_nothing_is_kept(
    desk: Desk, blocked: tuple[str, str], form: dict[str, str]
) -> None:
    path = blocked[1]
    assert "not done" in desk.refused(path, THE_OWNER, action="record", **form)
    assert "Nothing." in words(desk.shown(path))
    assert page(desk.site, path, THE_OWNER, {"action": "clear"})[0] == 400


def test_a_match_of_what_has_changed_is_not_decided_and_a_new_check_is_made(
    desk: Desk, blocked: tuple[str, str]
) -> None:
    path = blocked[1]
    set_party(desk.settings, desk.db, "listed", NAME, "Person", "1987", by=BY)
    text = desk.shown(path)
    assert ("was changed since this check" in words(text), 'id="decide"' in text) == (True, False)
    where = desk.sent(path, action="screen")
    assert where != f"{path}?done=screened"
    assert "this is its new check" in words(desk.shown(where))
    load_list(desk.settings, desk.db, write_list(desk.folder / "new.csv", *ROWS[1:]), "opensanctions", by=BY)
    assert "has it no longer" in words(desk.shown(where))


def test_markup_in_names_and_reasons_is_text(desk: Desk) -> None:
    rows = (f'NK-7,Person,Aurelio Vantrosk,"{MARKUP.replace(chr(34), "").replace(chr(0x202E), "")}",1961,zz', *ROWS[1:])
    load_list(desk.settings, desk.db, write_list(desk.folder / "marked.csv", *rows), "opensanctions", by=BY)
    set_party(desk.settings, desk.db, "marked", f"{NAME} {MARKUP.replace(chr(0x202E), '')}", "Person", "1961", by=BY)
    set_party(desk.settings, desk.db, "listed", NAME, "Person", "1961", by=BY)
    for party in ("marked", "listed"):
        propose(desk.settings, desk.db, "iou.issue", issue(), [party])
    numbers = {*re.findall(r'href="(/screening/\d+)"', desk.shown("/screening"))}
    texts = [desk.shown(number) for number in numbers]
    hit = next(number for number in numbers if "NK-7" in desk.shown(number))
    desk.sent(hit, action="record", verdict="true_match", reason=MARKUP)
    texts += [desk.shown(hit), desk.refused(hit, action="record", verdict="x", reason=MARKUP)]
    for text in texts:
        assert "<script>alert" not in text
        assert "\u202e" not in text
    assert any("&lt;script&gt;" in text for text in texts)


def test_an_auditor_sees_no_name_of_a_party_and_no_form(desk: Desk, blocked: tuple[str, str]) -> None:
    path = blocked[1]
    set_party(desk.settings, desk.db, "listed", "Quite Another Person", "Person", "1961", by=BY)
    assert "Quite Another Person" in desk.shown(path)
    text = desk.shown(path, THE_AUDITOR)
    assert ("Quite Another Person" in text, 'method="post"' in text, "NK-1" in text) == (False, False, True)
    form = {"action": "record", "verdict": "true_match", "reason": WHY}
    assert page(desk.site, path, THE_AUDITOR, form)[0] == 404


@pytest.mark.parametrize("role", [TRADER, FUND, SOURCE])
def test_nobody_else_sees_anything_of_screening(desk: Desk, blocked: tuple[str, str], role: str) -> None:
    for address in ("/screening", blocked[1]):
        assert page(desk.site, address, Visitor("ada", role))[0] == 404


def test_checks_are_listed_by_their_decision_a_page_at_a_time(desk: Desk, blocked: tuple[str, str]) -> None:
    path = blocked[1]
    assert f'href="{path}"' in desk.shown("/screening?decision=hit")
    assert "No check matches." in words(desk.shown("/screening?decision=stale"))
    assert page(desk.site, "/screening?decision=x", THE_OWNER)[0] == 400
    assert page(desk.site, "/screening/999", THE_OWNER)[0] == 404
    where = [desk.sent(path, action="screen") for _ in range(51)][-1]
    text = desk.shown("/screening?decision=hit")
    assert where.partition("?")[0] in text
    older = re.search(r'rel="next" href="([^"]+)"', text)
    assert older
    assert f'href="{path}"' in desk.shown(older[1].replace("&amp;", "&"))

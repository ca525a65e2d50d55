"""A match on a list in every state of a proposal: what is held back, who is told, and what ends it."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.screening import decide_match, screen_proposals
from fntx_dagster.services.screening.deciding import MatchDecision, rescreen, to_sign
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.queueing import queue
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.alerts import open_alerts
from tests.governance.keys import KEYS, signed_by
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.desks import SigningDesk
from tests.services.transactions.worlds import issue


def listed(desk: SigningDesk, folder: Path) -> int:
    """The party gets onto a list, and everybody is screened again; the number of its check."""
    rows = (*ROWS, "NK-9,Person,Helena Brightwater,,,")
    load_list(desk.settings, desk.db, write_list(folder / "list.csv", *rows), by=BY)
    rescreen(desk.settings, desk.db)
    screen_proposals(desk.settings, desk.db)
    with desk.db.connect() as connection:
        [(number,)] = connection.execute("select max(screening_id) from treasury.screening").fetchall()
    return number


def decided(desk: SigningDesk, check: int, verdict: str) -> None:
    decision = MatchDecision(verdict, "By the passport.")
    content = to_sign(desk.settings, desk.db, check, decision)
    signed = {"signer": "compliance", "signature": signed_by(KEYS["compliance"], content).hex()}
    decide_match(desk.settings, desk.db, check, decision, by=BY, signed=signed)


def alerts(desk: SigningDesk) -> list[str]:
    return [alert.text for alert in open_alerts(desk.db) if alert.kind == "compliance"]


def held(desk: SigningDesk, proposal: UUID) -> str:
    return show(desk.db, proposal).held


def test_a_match_after_preparing_leaves_the_state_and_lets_nothing_out(at_xrpl: SigningDesk, tmp_path: Path) -> None:
    desk = at_xrpl
    ready, signing, unsigned = desk.ready("1"), desk.prepared("2"), desk.prepared("4")
    desk.signed(signing, "treasury")
    assert [held(desk, each) for each in (ready, signing, unsigned)] == ["", "", ""]
    check = listed(desk, tmp_path)
    assert [desk.states(each)[0] for each in (ready, signing, unsigned)] == ["ready", "signing", "prepared"]
    since = f"good has a match on a list (check {check}) since it was prepared: nothing of it is exported or sent"
    assert all(held(desk, each).startswith(since) for each in (ready, signing, unsigned))
    assert held(desk, ready).endswith("it ends when the time of its transaction is over")
    assert held(desk, signing).endswith("`fntx treasury cancel` ends it")
    assert [bool(each.held) for each in queue(desk.db)] == [True] * 3
    assert sorted(str(each) in text for text in alerts(desk) for each in (ready, signing, unsigned)).count(True) == 3
    with pytest.raises(Permanent, match=f"nothing is exported: good has a match on a list .check {check}"):
        export_files(desk.settings, desk.db, unsigned, tmp_path / "out")
    with pytest.raises(Permanent, match="not cleared, and nothing is sent: a match on a list: good"):
        submit(desk.settings, desk.db, ready)
    assert desk.row(ready).sent == 0
    decided(desk, check, "false_positive")
    assert [held(desk, each) for each in (ready, signing, unsigned)] == ["", "", ""]
    assert alerts(desk) == []
    submit(desk.settings, desk.db, ready)
    desk.close()
    assert desk.settled(ready).state == "confirmed"


def test_a_true_match_leaves_a_proposal_blocked_for_good_which_is_said_and_alerts_no_more(
    at_xrpl: SigningDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = at_xrpl
    proposal = desk.approved()
    check = listed(desk, tmp_path)
    assert show(desk.db, proposal).row.state == "blocked"
    assert held(desk, proposal).endswith("called a true match, it stays blocked for good")
    assert len(alerts(desk)) == 1
    decided(desk, check, "true_match")
    assert alerts(desk) == []
    with pytest.raises(Permanent, match="the proposal is blocked"):
        prepare(desk.settings, desk.db, proposal)
    said = f"good has a match on a list (check {check}) that was called true: it stays blocked for good"
    assert held(desk, proposal).startswith(said)
    assert [each.held for each in list_proposals(desk.db)] == [held(desk, proposal)]
    monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", desk.db.url)
    told = CliRunner().invoke(app, ["treasury", "show", str(proposal)])
    assert f"Held back: {said}" in told.stdout
    decided(desk, check, "false_positive")  # who was mistaken can say so
    assert (show(desk.db, proposal).row.state, held(desk, proposal)) == ("approved", "")


def test_another_name_lifts_no_hold(at_xrpl: SigningDesk, tmp_path: Path) -> None:
    desk = at_xrpl
    ready = desk.ready("1")
    with pytest.raises(Permanent, match=f"the proposal {ready} names good as it was screened"):
        set_party(desk.settings, desk.db, "good", "Helena Other", "Person", by=BY)
    check = listed(desk, tmp_path)
    decided(desk, check, "true_match")
    load_list(desk.settings, desk.db, write_list(tmp_path / "list.csv", *ROWS), by=BY)  # it names nobody of ours
    assert "that was called true" in held(desk, ready)
    with pytest.raises(Permanent, match="not cleared, and nothing is sent: a match on a list: good"):
        submit(desk.settings, desk.db, ready)
    decided(desk, check, "false_positive")
    assert submit(desk.settings, desk.db, ready).state == "submitted"


def test_a_match_while_people_vote_is_shown_to_them(at_xrpl: SigningDesk, tmp_path: Path) -> None:
    waiting = propose(at_xrpl.settings, at_xrpl.db, "iou.issue", issue(), ["good"])
    check = listed(at_xrpl, tmp_path)
    assert show(at_xrpl.db, waiting).row.state == "pending_approval"
    assert f"(check {check}): it is blocked as soon as it is approved and prepared" in held(at_xrpl, waiting)
    assert json.dumps(show(at_xrpl.db, waiting).payload).count("Helena") == 0

"""Proposals that name others: screened before people vote, held back by a match, let go by compliance."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel, record_screening
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.rotation import activate_rotation
from fntx_dagster.services.governance.screening import decide_match, screen_proposal, screen_proposals
from fntx_dagster.services.screening.addresses import drop_address, set_address
from fntx_dagster.services.screening.deciding import MatchDecision, rescreen, to_sign
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS, signed_by
from tests.processes import run
from tests.services.governance.test_effects import rotated
from tests.services.governance.treasuries import (
    ACCOUNTS,
    FREEZE,
    ISSUER,
    REASON,
    TREASURY,
    begun,
    decision,
    intent,
    settings_in,
)
from tests.services.screening.conftest import BY, ROWS, write_list

CUSTOMER = "rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe"
OTHER = "rrrrrrrrrrrrrrrrrrrrBZbvji"
TO_CUSTOMER = intent(
    "payment", destination=CUSTOMER, amount={"currency": "OPTKAS.BOND", "issuer": ISSUER, "value": "999"}
)
LISTED = "NK-9,Person,Helena Brightwater,,1970,"


@pytest.fixture
def treasury(database: Database, tmp_path: Path) -> Settings:
    """A treasury, a list of three, and one customer with an address, who is not on it."""
    settings = begun(tmp_path, database)
    load_list(settings, database, write_list(tmp_path / "list.csv", *ROWS), by=BY)
    set_party(settings, database, "customer", "Helena Brightwater", "Person", by=BY)
    set_address(database, "customer", CUSTOMER, by=BY)
    return settings


def state(db: Database, proposal: UUID) -> str:
    return show(db, proposal).row.state


def listed(settings: Settings, db: Database, home: Path) -> None:
    """The customer gets onto the list, and everybody is screened again."""
    load_list(settings, db, write_list(home / "list.csv", *ROWS, LISTED), by=BY)
    assert rescreen(settings, db).new_hits == ("customer",)


def approved(settings: Settings, db: Database) -> UUID:
    """A payment to the customer that two approved."""
    proposal = propose(settings, db, "iou.issue", TO_CUSTOMER)
    for signer in ("treasury", "trustee"):
        decide(settings, db, proposal, decision(db, proposal, signer))
    return proposal


def test_who_is_addressed_is_a_known_party_and_is_screened_before_anybody_votes(
    treasury: Settings, database: Database
) -> None:
    stranger = intent("payment", **TO_CUSTOMER["intent"]["params"] | {"destination": OTHER})
    with pytest.raises(Permanent, match="address of no party") as refusal:
        propose(treasury, database, "iou.issue", stranger, ["customer"])
    assert f"--address {OTHER}" in refusal.value.way_out
    proposal = propose(treasury, database, "iou.issue", TO_CUSTOMER)
    view = show(database, proposal)
    assert (view.row.state, view.row.parties) == ("pending_approval", ["customer"])
    to_ourselves = intent("payment", **TO_CUSTOMER["intent"]["params"] | {"destination": TREASURY})
    with pytest.raises(Permanent, match="nobody was named") as unnamed:
        propose(treasury, database, "iou.issue", to_ourselves)
    assert all(each in unnamed.value.way_out for each in ("--party ID", "fntx compliance party ID --name NAME"))


def test_a_list_that_is_too_old_clears_nobody_until_it_is_fresh(
    treasury: Settings, database: Database, tmp_path: Path
) -> None:
    old = load_list(treasury, database, write_list(tmp_path / "o.csv", *ROWS, age=timedelta(hours=60)), "old", by=BY)
    proposal = propose(treasury, database, "iou.issue", TO_CUSTOMER)
    assert (state(database, proposal), "list old: it is 60 hours old" in show(database, proposal).row.reason) == (
        "screening",
        True,
    )
    with pytest.raises(Permanent, match="the proposal is screening"):
        decide(treasury, database, proposal, decision(database, proposal, "treasury"))
    assert screen_proposal(treasury, database, proposal).state == "screening"
    load_list(treasury, database, write_list(tmp_path / "o.csv", *ROWS), old.version.list_name, by=BY)
    assert [row.proposal_id for row in screen_proposals(treasury, database)] == [proposal]
    assert state(database, proposal) == "pending_approval"


def test_a_match_between_the_vote_and_preparing_blocks_and_raises_an_alert(
    treasury: Settings, database: Database, tmp_path: Path
) -> None:
    proposal, waiting = approved(treasury, database), propose(treasury, database, "iou.issue", TO_CUSTOMER)
    listed(treasury, database, tmp_path)
    assert [row.proposal_id for row in screen_proposals(treasury, database)] == [proposal]
    assert (state(database, proposal), state(database, waiting)) == ("blocked", "pending_approval")
    alerts = [alert for alert in open_alerts(database) if alert.kind == "compliance"]
    assert [str(proposal) in alert.text for alert in alerts] == [True]
    assert "Helena" not in alerts[0].text
    assert screen_proposals(treasury, database) == []
    with pytest.raises(Permanent, match=f"{waiting} names customer as it was screened"):
        set_party(treasury, database, "customer", "Somebody Else", "Person", by=BY)
    cancel(treasury, database, waiting, "it was withdrawn")
    set_party(treasury, database, "customer", "Somebody Else", "Person", by=BY)
    assert screen_proposals(treasury, database) == []
    assert state(database, proposal) == "blocked"


def test_an_address_stays_with_its_party_while_a_proposal_names_it(treasury: Settings, database: Database) -> None:
    propose(treasury, database, "iou.issue", TO_CUSTOMER)
    set_party(treasury, database, "mallory", "Mallory Quist", by=BY)
    with pytest.raises(Permanent, match="is an address of customer"):
        set_address(database, "mallory", CUSTOMER, by=BY)
    with pytest.raises(Permanent, match="names customer"):
        drop_address(database, "customer", CUSTOMER)
    with pytest.raises(Permanent, match="is an address of customer"):
        set_address(database, "mallory", CUSTOMER, by=BY)
    with pytest.raises(Permanent, match="is no address of the XRP"):
        set_address(database, "mallory", CUSTOMER[:-1], by=BY)


def test_a_payment_above_the_travel_rule_says_who_pays_and_who_is_paid(treasury: Settings, database: Database) -> None:
    amount = TO_CUSTOMER["intent"]["params"]["amount"] | {"value": "1000.01"}
    above = intent("payment", destination=CUSTOMER, amount=amount)
    with pytest.raises(Permanent, match="originator name") as lacking:
        propose(treasury, database, "iou.issue", above)
    assert "--travel-rule FILE" in lacking.value.way_out
    sides = {
        "originator": {"name": "We Ltd", "account": ISSUER, "address": "Rue 1"},
        "beneficiary": {"name": "Helena", "account": OTHER, "birth_date": "1970"},
    }
    with pytest.raises(Permanent, match=r"beneficiary.account is not that of the intent"):
        propose(treasury, database, "iou.issue", above, travel=sides)
    assert list_proposals(database, "all") == []
    sides["beneficiary"]["account"] = CUSTOMER
    proposal = propose(treasury, database, "iou.issue", above, travel=sides)
    assert "We Ltd" not in json.dumps(show(database, proposal).payload)
    for kind, payload in (("freeze", FREEZE), ("emergency.pause", REASON)):
        with pytest.raises(Permanent, match="only a payment has fields of the travel rule"):
            propose(treasury, database, kind, payload, travel=sides)
    assert [view.row.proposal_id for view in list_proposals(database, "all")] == [proposal]


def rotate(settings: Settings, db: Database, home: Path) -> None:
    """Somebody else takes the trustee's place, at once."""
    payload = rotated(settings, urgent=True)
    rotation = propose(settings, db, "signer.rotate", payload)
    for signer in KEYS:
        decide(settings, db, rotation, decision(db, rotation, signer))
    activate_rotation(settings, db, ACCOUNTS)
    settings_in(home, payload["config"])


def test_what_was_blocked_when_the_signers_changed_is_approved_by_no_earlier_decision(
    treasury: Settings, database: Database, tmp_path: Path
) -> None:
    proposal, other = approved(treasury, database), approved(treasury, database)
    listed(treasury, database, tmp_path)
    screen_proposals(treasury, database)
    rotate(treasury, database, tmp_path)
    assert [state(database, each) for each in (proposal, other)] == ["blocked", "blocked"]
    record_screening(treasury, database, other, "dispose_false_positive", "system:compliance")
    with pytest.raises(StepImpossible, match="earlier signer set"):
        decide(treasury, database, other, decision(database, other, "compliance"))
    with database.connect() as connection:
        [(number,)] = connection.execute("select max(screening_id) from treasury.screening").fetchall()
    words = MatchDecision("false_positive", "Born in 1987 by the passport.")
    content = to_sign(treasury, database, number, words)
    signed = {"signer": "compliance", "signature": signed_by(KEYS["compliance"], content).hex()}
    done = decide_match(treasury, database, number, words, by=BY, signed=signed)
    assert [(row.proposal_id, row.state) for row in done.moved] == [(proposal, "cancelled")]
    assert show(database, proposal).row.reason == "the signer set has the version 2 now"


def test_what_waited_for_a_list_when_the_signers_changed_is_cancelled_once_it_is_cleared(
    treasury: Settings, database: Database, tmp_path: Path
) -> None:
    load_list(treasury, database, write_list(tmp_path / "o.csv", *ROWS, age=timedelta(hours=60)), "old", by=BY)
    proposal = propose(treasury, database, "iou.issue", TO_CUSTOMER)
    rotate(treasury, database, tmp_path)
    assert state(database, proposal) == "screening"
    load_list(treasury, database, write_list(tmp_path / "o.csv", *ROWS), "old", by=BY)
    assert [(row.proposal_id, row.state) for row in screen_proposals(treasury, database)] == [(proposal, "cancelled")]


def test_only_a_signature_of_compliance_lets_a_blocked_proposal_go(
    treasury: Settings, database: Database, tmp_path: Path
) -> None:
    proposal = approved(treasury, database)
    listed(treasury, database, tmp_path)
    screen_proposals(treasury, database)
    with database.connect() as connection:
        [(number,)] = connection.execute("select max(screening_id) from treasury.screening").fetchall()

    def dispose(*words: str, code: int = 0) -> Any:
        verdict = ("--as", "false_positive", "--reason", "Born in 1987 by the passport.")
        done = run(
            tmp_path,
            *("compliance", "dispose", str(number), *verdict, *words, "--json"),
            FNTX_DATABASE_URL=database.url,
            FNTX_TREASURY_CONFIG=str(tmp_path / "treasury.json"),
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    def handed(signer: str, key: str, content: bytes) -> str:
        file = tmp_path / "decision.json"
        signature = signed_by(KEYS[key], content).hex()
        file.write_text(json.dumps({"signer": signer, "signature": signature}), encoding="utf-8")
        return str(file)

    content = bytes.fromhex(dispose("--sign")["hex"])
    assert content.startswith(b"FNTX-GOVERNANCE-V1\n")
    assert "needs the signature" in dispose(code=1)
    assert "is no signer of the role compliance" in dispose("--file", handed("trustee", "trustee", content), code=1)
    assert "bad_signature" in dispose("--file", handed("compliance", "trustee", content), code=1)
    assert "bad_signature" in dispose("--file", handed("compliance", "compliance", content + b" "), code=1)
    assert state(database, proposal) == "blocked"
    done = dispose("--file", handed("compliance", "compliance", content))
    assert done["proposals"] == {str(proposal): "approved"}
    assert [alert for alert in open_alerts(database) if alert.kind == "compliance"] == []

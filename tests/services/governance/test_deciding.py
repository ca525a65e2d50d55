"""Proposals and decisions against a real database: what counts, what does not, and what is left where it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import MACHINES, states
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.deciding import DecisionRefused, decide
from fntx_dagster.services.governance.ending import cancel, expire
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.signers import enroll, list_sets
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.server import database_url
from tests.governance.keys import KEYS, STRANGER
from tests.services.governance.treasuries import (
    ISSUE,
    ISSUER,
    PLATFORM,
    REASON,
    begun,
    decision,
    frozen,
    intent,
    registered,
    settings_in,
)


def events(db: Database) -> list[str]:
    """The types of the audit log's events, in order."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select type from treasury.audit_event order by seq")]


def state(db: Database, proposal_id: UUID) -> str:
    return show(db, proposal_id).row.state


def test_two_who_approve_carry_a_proposal_and_every_step_is_in_the_log_once(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    before = len(events(database))
    proposal = frozen(settings, database)
    decide(settings, database, proposal, decision(database, proposal, "treasury"))
    assert state(database, proposal) == "pending_approval"
    decide(settings, database, proposal, decision(database, proposal, "compliance"))
    view = show(database, proposal)
    assert (view.row.state, view.approvals, view.terms.nonce) == ("approved", ["compliance", "treasury"], 1)
    assert events(database)[before:] == [
        *("proposal_draft", "proposal_screen", "proposal_cleared"),
        *("decision_recorded", "decision_recorded", "proposal_approve"),
    ]


def test_two_without_the_required_role_do_not_suffice(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    for signer in ("treasury", "trustee"):
        decide(settings, database, proposal, decision(database, proposal, signer))
    assert state(database, proposal) == "pending_approval"
    decide(settings, database, proposal, decision(database, proposal, "compliance", "reject"))
    assert state(database, proposal) == "rejected"


@pytest.mark.parametrize("code", ["unknown_signer", "duplicate", "bad_signature", "opposite", "another", "high_s"])
def test_a_decision_that_does_not_count_leaves_nothing_behind(database: Database, tmp_path: Path, code: str) -> None:
    settings = begun(tmp_path, database)
    proposal, other = frozen(settings, database), frozen(settings, database)
    decide(settings, database, proposal, decision(database, proposal, "treasury"))
    before = events(database)
    files = {
        "unknown_signer": decision(database, proposal, "mallory", key=STRANGER),
        "duplicate": decision(database, proposal, "treasury", "reject"),
        "bad_signature": decision(database, proposal, "trustee", key=STRANGER),
        "opposite": decision(database, proposal, "trustee", "reject") | {"decision": "approve"},
        "another": decision(database, other, "trustee") | {"proposal": str(proposal)},
        "high_s": decision(database, proposal, "compliance"),
    }
    if code == "high_s":
        files[code]["signature"] = high(files[code]["signature"])
    with pytest.raises(DecisionRefused) as refusal:
        decide(settings, database, proposal, files[code])
    assert refusal.value.code == (code if code in ("unknown_signer", "duplicate") else "bad_signature")
    assert events(database) == before
    assert show(database, proposal).approvals == ["treasury"]


def high(signature: str) -> str:
    """The same signature with the other s."""
    raw = bytes.fromhex(signature)
    end = 4 + raw[3]
    s = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - int.from_bytes(raw[end + 2 :], "big")
    second = s.to_bytes(33, "big")
    body = raw[2:end] + b"\x02" + bytes([len(second)]) + second
    return (b"\x30" + bytes([len(body)]) + body).hex()


def test_what_nobody_decided_expires_once(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    later = datetime.now(UTC) + timedelta(hours=72)
    assert expire(settings, database, later - timedelta(minutes=1)) == []
    assert expire(settings, database, later) == [proposal]
    assert expire(settings, database, later) == []
    assert state(database, proposal) == "expired"
    assert events(database)[-1] == "proposal_expire"
    with pytest.raises(Permanent, match="the proposal is expired"):
        decide(settings, database, proposal, decision(database, proposal, "treasury"))


def test_a_pause_that_took_effect_does_not_expire(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    proposal = propose(settings, database, "emergency.pause", REASON)
    decide(settings, database, proposal, decision(database, proposal, "trustee"))
    assert expire(settings, database, datetime.now(UTC) + timedelta(days=30)) == []
    assert state(database, proposal) == "approved"


def test_a_cancelled_proposal_stays_cancelled(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    with pytest.raises(Permanent, match="needs a reason"):
        cancel(settings, database, proposal, " ")
    cancel(settings, database, proposal, "withdrawn")
    with pytest.raises(Permanent, match="cancel is not possible in the state cancelled"):
        cancel(settings, database, proposal, "withdrawn")
    assert list_proposals(database) == []
    assert [view.row.reason for view in list_proposals(database, "all")] == ["withdrawn"]
    with pytest.raises(Permanent, match="no proposal"):
        show(database, uuid4())


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        ("freeze", ISSUE, "intent.op is 'payment'"),
        ("iou.issue", ISSUE | {"network_id": 0}, "network_id is not that"),
        ("iou.issue", ISSUE | {"network_id": True}, "network_id is not that"),
        ("iou.issue", ISSUE | {"ledger": "evm"}, "ledger is 'evm'"),
        ("iou.issue", ISSUE | {"memo": "x"}, "memo is no field here"),
        ("iou.issue", {**ISSUE, "intent": ISSUE["intent"] | {"account": "rrrrrrrrrrrrrrrrrrrrrhoLvTp"}}, "account"),
        ("iou.issue", intent("payment", value=1.5), "not whole"),
        ("emergency.pause", {"reason": ""}, "reason is ''"),
        ("standing.approve", {"template": ISSUE}, "template.intent.op"),
        ("mint", {}, "mint is no kind"),
    ],
)
def test_a_payload_that_the_kind_does_not_have_makes_no_proposal(
    database: Database, tmp_path: Path, kind: str, payload: object, said: str
) -> None:
    settings = begun(tmp_path, database)
    with pytest.raises(Permanent, match=said):
        propose(settings, database, kind, payload)
    assert list_proposals(database, "all") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": {"currency": "OPTKAS.BOND", "issuer": ISSUER, "value": "0"}}, "bad_amount"),
        ({"destination": ISSUER}, "self_payment"),
        ({"destination": "rNobody"}, "bad_account"),
        ({"destinationtag": 7}, "unknown_field"),
    ],
)
def test_what_no_ledger_would_take_is_refused_before_anybody_votes(
    database: Database, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    settings = begun(tmp_path, database)
    with pytest.raises(TransactionRefused) as refusal:
        propose(settings, database, "iou.issue", intent("payment", **ISSUE["intent"]["params"] | change), ["party-1"])
    assert refusal.value.code == code
    assert list_proposals(database, "all") == []


def test_a_configuration_that_nobody_approved_stops_what_uses_it(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    changed = PLATFORM | {"anchor_every_s": 3600}
    settings_in(tmp_path, changed)
    with pytest.raises(Permanent, match="not the one that the signers approved"):
        frozen(settings, database)
    proposal = propose(settings, database, "config.change", {"config": changed})
    for signer in KEYS:
        decide(settings, database, proposal, decision(database, proposal, signer))
    assert [row.state for row in list_sets(database)] == ["active", "retired"]
    assert show(database, frozen(settings, database)).terms.signer_set == 2


def test_signers_are_set_up_once_and_only_with_their_own_keys(database: Database, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    forged = registered(settings, keys=KEYS | {"trustee": STRANGER})
    forged["signers"][2]["public_key"] = KEYS["trustee"].public.hex()
    with pytest.raises(Permanent, match="registration of the signer trustee is not signed"):
        enroll(settings, database, forged)
    same = registered(settings, keys=KEYS | {"trustee": KEYS["treasury"]})
    with pytest.raises(Permanent, match="same public key"):
        enroll(settings, database, same)
    with pytest.raises(Permanent, match="not those of the configuration"):
        enroll(settings, database, {"signers": registered(settings)["signers"][:2]})
    with pytest.raises(Permanent, match="nobody may decide yet"):
        propose(settings, database, "emergency.pause", REASON)
    enroll(settings, database, registered(settings))
    with pytest.raises(Permanent, match="there are signers already"):
        enroll(settings, database, registered(settings))
    assert events(database) == ["signer_added"] * 3 + ["config_changed"]


@pytest.mark.parametrize(
    "statement",
    [
        "update treasury.proposal set payload = '{}'",
        "update treasury.proposal set threshold = 1",
        "update treasury.proposal set nonce = 9",
        "delete from treasury.proposal",
        "truncate treasury.proposal cascade",
        "update treasury.decision set decision = 'reject'",
        "delete from treasury.decision",
        "truncate treasury.decision",
        "update treasury.signer set public_key = upper(repeat('ab', 33))",
        "delete from treasury.signer",
        "update treasury.proposal set state = 'done'",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_what_was_decided_cannot_be_rewritten(database: Database, tmp_path: Path, statement: str, role: str) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    decide(settings, database, proposal, decision(database, proposal, "treasury"))
    whole = own_sql(f"set local session_replication_role = {role}; {statement}")
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)
    with pytest.raises(refusals), database.connect() as connection:
        connection.execute(whole)


def test_the_states_that_the_database_knows_are_those_of_the_tables(database: Database) -> None:
    with database.connect() as connection:
        [(checked,)] = connection.execute(
            """select pg_get_constraintdef(oid) from pg_constraint
            where conrelid = 'treasury.proposal'::regclass and conname = 'proposal_state_check'"""
        ).fetchall()
    assert set(re.findall("'(.*?)'", checked)) == {*states(MACHINES["proposal"])}


def test_a_restored_database_gives_a_nonce_again_and_old_decisions_do_not_fit(
    postgres: str, database: Database, tmp_path: Path
) -> None:
    """The proposal that the backup does not have, and the new one with its nonce, differ in their ids."""
    settings = begun(tmp_path, database)
    name = conninfo_to_dict(database.url)["dbname"]
    database.close()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(own_sql(f"create database {name}_backup template {name}"))
    lost = frozen(settings, database)
    signed = decision(database, lost, "treasury")
    backup = Database(database_url(postgres, f"{name}_backup"))
    try:
        again = frozen(settings, backup)
        assert show(backup, again).terms.nonce == show(database, lost).terms.nonce == 1
        with pytest.raises(Permanent, match="no proposal"):
            decide(settings, backup, lost, signed)
        with pytest.raises(DecisionRefused) as refusal:
            decide(settings, backup, again, signed | {"proposal": str(again)})
        assert refusal.value.code == "bad_signature"
    finally:
        backup.close()
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(own_sql(f"drop database {name}_backup"))

"""What takes effect with its approval: the pause, another set of signers, a standing approval."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.governance.deciding import DecisionRefused, decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import paused, show
from fntx_dagster.services.governance.rotation import activate_rotation
from fntx_dagster.services.governance.signers import list_sets
from fntx_dagster.services.governance.standing import StandingUse, end, use_standing
from fntx_dagster.services.governance.steps import require_running
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from tests.governance.keys import KEYS, STRANGER
from tests.services.governance.treasuries import (
    ACCOUNTS,
    ATTESTATION,
    ISSUER,
    PLATFORM,
    REASON,
    STANDING,
    TREASURY,
    anchor,
    begun,
    decision,
    frozen,
    intent,
    registered,
    settings_in,
)
from tests.services.transactions.worlds import events


def approved(settings: Settings, db: Database, proposal: UUID, *signers: str) -> str:
    for signer in signers:
        decide(settings, db, proposal, decision(db, proposal, signer))
    return show(db, proposal).row.state


def test_one_pauses_and_two_resume(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    pause = propose(settings, database, "emergency.pause", REASON)
    assert approved(settings, database, pause, "compliance") == "approved"
    with entered(database) as connection, pytest.raises(Permanent, match="is paused"):
        require_running(connection)
    resume = propose(settings, database, "emergency.resume", {"reason": "found"})
    assert approved(settings, database, resume, "compliance") == "pending_approval"
    state = paused(database)
    assert state is not None
    assert (state.state, state.reason) == ("paused", REASON["reason"])
    assert approved(settings, database, resume, "trustee") == "approved"
    with entered(database) as connection:
        require_running(connection)


def rotated(settings: Settings, *, urgent: bool) -> dict[str, Any]:
    """A payload in which a stranger, `deputy`, is the trustee."""
    document = copy.deepcopy(PLATFORM)
    document["signers"][2]["id"] = "deputy"
    keys = {name: key for name, key in KEYS.items() if name != "trustee"} | {"deputy": STRANGER}
    return {"signers": registered(settings, document, keys)["signers"], "config": document, "urgent": urgent}


def test_a_rotation_waits_for_three_for_its_notice_and_for_every_account(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    payload = rotated(settings, urgent=False)
    proposal, waiting = propose(settings, database, "signer.rotate", payload), frozen(settings, database)
    assert approved(settings, database, proposal, "treasury", "compliance") == "pending_approval"
    with pytest.raises(Permanent, match="no rotation waits"):
        activate_rotation(settings, database, ACCOUNTS)
    assert approved(settings, database, proposal, "trustee") == "approved"
    later = datetime.now(UTC) + timedelta(days=30)
    with pytest.raises(Permanent, match="takes effect from"):
        activate_rotation(settings, database, ACCOUNTS, later - timedelta(minutes=1))
    with pytest.raises(Permanent, match="1 accounts have the old signers"):
        activate_rotation(settings, database, ACCOUNTS[1:], later)
    assert activate_rotation(settings, database, ACCOUNTS, later) == 2
    assert show(database, waiting).row.state == "cancelled"
    assert "version 2" in show(database, waiting).row.reason
    assert [each.state for each in list_sets(database)] == ["active", "retired"]


def test_who_was_removed_decides_no_more_and_old_decisions_do_not_move(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    payload = rotated(settings, urgent=True)
    proposal = propose(settings, database, "signer.rotate", payload)
    assert approved(settings, database, proposal, *KEYS) == "approved"
    activate_rotation(settings, database, ACCOUNTS)
    settings_in(tmp_path, payload["config"])
    new = frozen(settings, database)
    with pytest.raises(DecisionRefused) as refusal:
        decide(settings, database, new, decision(database, new, "trustee"))
    assert refusal.value.code == "removed_signer"
    decide(settings, database, new, decision(database, new, "deputy", key=STRANGER))
    assert approved(settings, database, new, "compliance") == "approved"


def test_a_rotation_leaves_three_signers_and_every_role(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    payload = rotated(settings, urgent=True)
    payload["config"]["signers"].pop()
    payload["signers"].pop()
    with pytest.raises(Permanent, match="there are 2, and 3 have to"):
        propose(settings, database, "signer.rotate", payload)


def test_a_standing_approval_covers_its_template_its_fee_its_number_and_its_days(
    database: Database, tmp_path: Path
) -> None:
    settings = begun(tmp_path, database)
    proposal = propose(settings, database, "standing.approve", STANDING)
    own = anchor(destination=TREASURY, root="ab" * 32, size=7)

    def use(payload: dict[str, Any] = own, fee: int = 10, key: str = ATTESTATION) -> StandingUse:
        return StandingUse(uuid4(), payload, fee, key)

    with pytest.raises(Permanent, match="no such standing approval"):
        use_standing(settings, database, proposal, use())
    assert approved(settings, database, proposal, *KEYS) == "approved"
    now = datetime.now(UTC).replace(hour=1) + timedelta(days=1)
    for wrong, said in (
        (use(fee=31), "above the 30"),
        (use(intent("payment", destination=TREASURY)), "not one of the template"),
        (use(anchor(destination=ISSUER)), "not one of the template"),
        (use(key=TREASURY), "is for the key"),
    ):
        with pytest.raises(Permanent, match=said):
            use_standing(settings, database, proposal, wrong, now)
    first = use()
    assert [use_standing(settings, database, proposal, each, now) for each in (first, use(), first)] == [1, 2, 1]
    with pytest.raises(Permanent, match="2 times today"):
        use_standing(settings, database, proposal, use(), now.replace(hour=23))
    assert use_standing(settings, database, proposal, use(), now + timedelta(days=1)) == 3
    with pytest.raises(Permanent, match="is over"):
        use_standing(settings, database, proposal, first, now + timedelta(days=90))


def use_one(settings: Settings, db: Database, standing: UUID) -> int:
    payload = anchor(destination=TREASURY, root="ab" * 32, size=7)
    return use_standing(settings, db, standing, StandingUse(uuid4(), payload, 10, ATTESTATION))


def test_a_standing_approval_that_was_ended_covers_nothing_and_is_ended_once(
    database: Database, tmp_path: Path
) -> None:
    settings = begun(tmp_path, database)
    lost, other = (propose(settings, database, "standing.approve", STANDING) for _ in range(2))
    for each in (lost, other):
        assert approved(settings, database, each, *KEYS) == "approved"
    assert use_one(settings, database, lost) == 1
    with pytest.raises(Permanent, match="needs a reason"):
        end(settings, database, lost, " ")
    with pytest.raises(Permanent, match="there is no standing approval"):
        end(settings, database, uuid4(), "lost")
    assert [end(settings, database, lost, "the key was lost").state for _ in range(2)] == ["ended", "ended"]
    with pytest.raises(Permanent, match="was ended"):
        use_one(settings, database, lost)
    assert use_one(settings, database, other) == 1
    assert events(database).count("proposal_standing_end") == 1


@pytest.mark.parametrize("kind", ["signer.rotate", "config.change"])
def test_another_version_of_the_signer_set_ends_what_the_old_one_approved(
    database: Database, tmp_path: Path, kind: str
) -> None:
    settings = begun(tmp_path, database)
    standing = propose(settings, database, "standing.approve", STANDING)
    assert approved(settings, database, standing, *KEYS) == "approved"
    document = {**copy.deepcopy(PLATFORM), "anchor_every_s": 60}
    payload = rotated(settings, urgent=True) if kind == "signer.rotate" else {"config": document}
    assert approved(settings, database, propose(settings, database, kind, payload), *KEYS) == "approved"
    if kind == "signer.rotate":
        assert use_one(settings, database, standing) == 1  # it has not taken effect yet
        activate_rotation(settings, database, ACCOUNTS)
    with pytest.raises(Permanent, match="was ended"):
        use_one(settings, database, standing)
    assert events(database).count("proposal_standing_end") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"days": 91}, "days is 91"),
        ({"template": intent("payment")}, "template.intent.op"),
        ({"key": PLATFORM["signers"][0]["xrpl"]}, "key is that of a signer"),
        ({"per_day": 0}, "per_day is 0"),
        ({"key": "nobody"}, "key is 'nobody'"),
        ({"template": intent("anchor", destination=TREASURY)}, "is an issuer"),
    ],
)
def test_a_standing_approval_of_more_is_no_proposal(
    database: Database, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    settings = begun(tmp_path, database)
    with pytest.raises(Permanent, match=said):
        propose(settings, database, "standing.approve", STANDING | change)


def test_a_freeze_sets_no_other_flag_than_the_freeze(database: Database, tmp_path: Path) -> None:
    """Two approve a freeze; whatever else an account is set to needs three."""
    settings = begun(tmp_path, database)
    for change in ({"set": "disable_master"}, {"set": "global_freeze", "clear": "require_auth"}):
        with pytest.raises(Permanent, match="no other flag"):
            propose(settings, database, "freeze", intent("account.flag", **change))
    assert show(database, propose(settings, database, "freeze", intent("account.flag", set="global_freeze"))).row

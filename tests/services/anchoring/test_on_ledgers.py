"""Anchors on both simulated ledgers, under standing approvals: from a checkpoint to a proof that a stranger checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import Account, Asset, TransactionBuilder
from typer.testing import CliRunner

from fntx_dagster.adapters.stellar.anchor_key import StellarAnchorKey
from fntx_dagster.adapters.xrpl.anchor_key import XrplAnchorKey
from fntx_dagster.adapters.xrpl.codec import decoded, encoded
from fntx_dagster.audit.anchor import MEMO_FORMAT, MEMO_TYPE, payload
from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services import chain as chains
from fntx_dagster.services.alerting import open_alerts
from fntx_dagster.services.anchoring.intents import anchor_source, signed_checkpoint
from fntx_dagster.services.anchoring.making import make_anchor
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.looking import look_at_everything, status
from fntx_dagster.services.auditing.proving import anchors_of, exported_checkpoints, prove
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.standing import end
from fntx_dagster.services.transactions import plausible
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.queueing import queue
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.database import Database
from tests.services.anchoring.harbour import ANCHOR, PASSPHRASE, Harbour, anchored_platform, harbour, keystore, standing
from tests.services.governance.treasuries import REASON, decision
from tests.services.transactions.worlds import signed_elsewhere
from tests.simulate.horizon.parts import ISSUER, LUMEN, key
from tests.simulate.xrpl.people import address, wallet


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour(tmp_path / "home", database) as made:
        yield made


def written(desk: Harbour) -> None:
    """One more event that is not of an anchor."""
    propose(desk.settings, desk.db, "emergency.pause", REASON)


def test_an_anchor_is_on_three_ledgers_and_a_stranger_finds_it_on_each(desk: Harbour, tmp_path: Path) -> None:
    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    done = desk.everywhere()
    assert [(each.ledger, each.state, each.is_new, each.problem) for each in done.ledgers] == [
        ("xrpl", "prepared", True, None),
        ("stellar", "prepared", True, None),
    ]
    assert {each.next for each in queue(desk.db)} == {"sign-anchors"}
    shown = [show(desk.db, each.proposal_id) for each in done.ledgers if each.proposal_id]
    assert {(each.row.state, len(each.approvals), len(each.to_sign)) for each in shown} == {("prepared", 3, 0)}
    assert {each.ledger: each.state for each in desk.sign()} == {"xrpl": "submitted", "stellar": "confirmed"}
    desk.xrpl.close_ledger()
    assert [(each.ledger, each.state, each.problem) for each in desk.sign()] == [("xrpl", "confirmed", "")]
    rows = anchors_of(desk.db)
    assert sorted(row.anchor.ledger for row in rows) == ["evm", "stellar", "xrpl"]
    assert len({row.anchor.size for row in rows}) == 1  # one root on all
    assert {*status(desk.settings, desk.db).anchored} == {"evm", "stellar", "xrpl"}
    assert look_at_everything(desk.settings, desk.db).problems == []
    proof, forged = tmp_path / "proof.json", tmp_path / "forged.json"
    document = prove(desk.settings, desk.db, 3)
    proof.write_text(json.dumps(document))
    with chains.serve(desk.settings, 0) as node:
        urls = ["--xrpl", desk.xrpl.url, "--horizon", desk.horizon.url, "--rpc", node.url, "--json"]
        checked = CliRunner().invoke(app, ["audit", "verify", str(proof), *urls])
        assert checked.exit_code == 0, checked.output
        assert {each["ledger"]: each["verdict"] for each in json.loads(checked.output)["ledgers"]} == dict.fromkeys(
            ("evm", "stellar", "xrpl"), "HOLDS"
        )
        for place in range(3):
            lied = json.loads(json.dumps(document))
            name = "block" if lied["anchors"][place]["ledger"] == "evm" else "tx_hash"
            other = lied["anchors"][place]["tx_hash"]
            lied["anchors"][place][name] = 1 if name == "block" else ("0" if other[0] != "0" else "1") + other[1:]
            forged.write_text(json.dumps(lied))
            assert CliRunner().invoke(app, ["audit", "verify", str(forged), *urls]).exit_code == 1


def test_what_is_not_new_is_not_anchored_and_a_timer_waits(desk: Harbour) -> None:
    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    desk.anchor()
    assert [each.is_new for each in desk.anchor()] == [False, False]  # they are on their way
    assert {each.state for each in desk.signed()} == {"confirmed"}
    assert [(each.state, each.is_new) for each in desk.anchor()] == [("confirmed", False)] * 2  # its own steps alone
    written(desk)
    assert [each.is_new for each in desk.anchor(if_due=True, hours=23.9)] == [False, False]
    assert [each.is_new for each in desk.anchor("stellar")] == [True]
    desk.sign()
    assert [each.is_new for each in desk.anchor(if_due=True, hours=24.1)] == [True, True]
    desk.signed()
    sizes = [(row.anchor.ledger, row.anchor.size) for row in anchors_of(desk.db)]
    assert len({*sizes}) == len(sizes) == 5
    assert (len({*desk.on_xrpl()}), len(desk.on_xrpl()), desk.on_stellar()) == (2, 2, 3)


def test_ledgers_that_are_anchored_one_after_another_hold_one_root(desk: Harbour) -> None:
    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    [xrpl] = desk.anchor("xrpl", if_due=True)
    [stellar] = desk.anchor("stellar", if_due=True)
    assert (xrpl.is_new, stellar.is_new, xrpl.size == stellar.size) == (True, True, True)
    desk.signed()
    [later] = desk.anchor("stellar", hours=25, if_due=True)
    assert (later.size or 0) > (stellar.size or 0)


def test_a_pause_does_not_stop_anchors(desk: Harbour) -> None:
    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    assert desk.vote(propose(desk.settings, desk.db, "emergency.pause", REASON), "trustee") == "approved"
    desk.anchor()
    assert {each.state for each in desk.signed()} == {"confirmed"}
    assert {row.anchor.ledger for row in anchors_of(desk.db)} == {"xrpl", "stellar"}


def test_without_a_standing_approval_people_vote_and_sign(desk: Harbour, tmp_path: Path) -> None:
    [made] = desk.anchor("xrpl")
    assert made.proposal_id
    assert (made.state, made.standing) == ("pending_approval", None)
    written(desk)
    [again] = desk.anchor("xrpl")
    assert (again.proposal_id, again.is_new) == (made.proposal_id, False)
    assert desk.vote(made.proposal_id, "treasury", "compliance") == "approved"
    [file] = export_files(desk.settings, desk.db, made.proposal_id, tmp_path)
    for signer in ("treasury", "compliance"):
        import_part(desk.settings, desk.db, signed_elsewhere(file, signer))
    assert desk.sign() == []  # the anchor key has no part in it
    submit(desk.settings, desk.db, made.proposal_id)
    desk.xrpl.close_ledger()
    [done] = desk.anchor("xrpl")
    assert show(desk.db, made.proposal_id).row.state == "confirmed"
    assert done.is_new  # the event that was written meanwhile
    [row] = anchors_of(desk.db)
    assert (row.anchor.ledger, row.anchor.size) == ("xrpl", made.size)


def test_on_the_issuer_its_signers_anchor_and_no_standing_approval_does(database: Database, tmp_path: Path) -> None:
    document = anchored_platform()
    document["stellar"]["anchor_account"] = ISSUER.public_key
    with harbour(tmp_path / "home", database, config=document) as desk:
        on_issuer = standing("stellar")
        on_issuer["template"]["intent"]["account"] = ISSUER.public_key
        with pytest.raises(Permanent, match="is an issuer"):
            propose(desk.settings, desk.db, "standing.approve", on_issuer)
        [made] = desk.anchor("stellar")
        assert made.proposal_id
        desk.vote(made.proposal_id, "treasury", "trustee")
        [file] = export_files(desk.settings, desk.db, made.proposal_id, tmp_path)
        for signer in ("treasury", "trustee"):
            import_part(desk.settings, desk.db, signed_elsewhere(file, signer))
        submit(desk.settings, desk.db, made.proposal_id)
        desk.anchor("stellar", if_due=True)
        [row] = anchors_of(desk.db)
        assert (row.anchor.ledger, row.anchor.account) == ("stellar", ISSUER.public_key)


def test_only_the_log_itself_is_anchored(desk: Harbour) -> None:
    [made] = desk.anchor("xrpl")
    assert made.proposal_id
    document = json.loads(show(desk.db, made.proposal_id).row.payload)
    for change in (
        {"root": "ab" * 32},
        {"size": 1},
        {"origin": "fntx.audit/other"},
        {"destination": address("issuer")},
    ):
        lied = json.loads(json.dumps(document))
        lied["intent"]["params"] |= change
        with pytest.raises(Permanent):
            propose(desk.settings, desk.db, "audit.anchor", lied)


def test_another_key_is_refused_and_nothing_is_counted(desk: Harbour, tmp_path: Path) -> None:
    desk.stand("xrpl")
    desk.stand("stellar")
    desk.anchor()
    refused = desk.sign(keystore(tmp_path / "other.json", "stranger", key("stranger")))
    assert {(each.state, each.code, each.use) for each in refused} == {("pending_signature", "other_key", None)}
    file = keystore(tmp_path / "open.json")
    file.chmod(0o644)
    with pytest.raises(Permanent, match="chmod 600"):
        desk.sign(file)
    assert {each.use for each in desk.sign()} == {1}


def test_a_key_that_signs_for_the_issuer_is_refused(desk: Harbour) -> None:
    desk.stand("xrpl")
    desk.stand("stellar")
    desk.anchor()
    issuer = desk.network.accounts[ISSUER.public_key]
    object.__setattr__(issuer, "signers", {**issuer.signers, ANCHOR.public_key: 1})
    assert desk.town.does("issuer", "SetRegularKey", RegularKey=address("anchor-key")) == "tesSUCCESS"
    assert [(each.code, each.use) for each in desk.sign()] == [("other_key", None)] * 2
    assert "signs for" in desk.sign()[0].problem


def test_an_approval_that_is_over_used_up_or_too_dear_covers_nothing(desk: Harbour) -> None:
    desk.stand("stellar", per_day=1, days=1)
    desk.stand("xrpl", fee_cap="5")
    [xrpl, stellar] = desk.anchor()
    assert stellar.state == "prepared"
    assert (xrpl.state, xrpl.is_new) == (None, False)
    assert "above the 5" in (xrpl.problem or "")
    [late] = desk.sign(now=datetime.now(UTC) + timedelta(days=1, hours=1))
    assert (late.state, late.code, late.use) == ("pending_signature", "refused", None)
    assert "is over" in late.problem
    assert [each.state for each in desk.sign()] == ["confirmed"]
    written(desk)
    [spent] = desk.anchor("stellar")
    assert "used 1 times today" in (spent.problem or "")
    [later] = desk.anchor("stellar", hours=25)
    assert (later.state, later.standing) == ("pending_approval", None)  # people decide
    assert desk.on_stellar() == 1


def test_of_several_approvals_one_that_can_be_used_is(desk: Harbour, tmp_path: Path) -> None:
    desk.stand("xrpl")
    second = desk.stand("xrpl", days=30, key=address("second"))
    assert desk.town.does("attestation", "SetRegularKey", RegularKey=address("second")) == "tesSUCCESS"
    desk.stand("stellar", fee_cap="5")
    spent, left = desk.stand("stellar", days=60, per_day=1), desk.stand("stellar", days=30, per_day=1)
    [xrpl, stellar] = desk.anchor()
    assert [(each.state, each.standing) for each in (xrpl, stellar)] == [("prepared", second), ("prepared", spent)]
    file = keystore(tmp_path / "second.json", "second")
    desk.sign(file)
    desk.xrpl.close_ledger()
    assert [each.state for each in desk.sign(file)] == ["confirmed"]
    written(desk)
    [again] = desk.anchor("stellar")
    assert (again.state, again.standing) == ("prepared", left)
    desk.sign()
    written(desk)
    [none] = desk.anchor("stellar")
    assert none.is_new is False
    assert "no standing approval covers it now" in (none.problem or "")
    assert "above the 5" in (none.problem or "")
    assert (none.problem or "").count("used 1 times today") == 2
    assert desk.on_stellar() == 2


def test_nothing_is_signed_under_an_approval_that_was_ended(desk: Harbour) -> None:
    standing = desk.stand("stellar")
    [first] = desk.anchor("stellar")
    assert first.proposal_id
    end(desk.settings, desk.db, standing, "the key was lost")
    [refused] = desk.sign()
    assert (refused.state, refused.code, refused.use) == ("pending_signature", "refused", None)
    assert "was ended" in refused.problem
    [second] = desk.anchor("stellar")
    assert (second.state, second.standing, second.is_new) == ("pending_approval", None, True)
    assert show(desk.db, first.proposal_id).row.state == "cancelled"
    assert desk.on_stellar() == 0


def test_an_anchor_that_nobody_signed_in_time_makes_room_for_a_proposal(desk: Harbour) -> None:
    desk.stand("xrpl", days=1)
    [first] = desk.anchor("xrpl")
    assert first.proposal_id
    [second] = desk.anchor("xrpl", hours=25)
    assert (second.state, second.standing, second.is_new) == ("pending_approval", None, True)
    assert show(desk.db, first.proposal_id).row.state == "cancelled"
    assert desk.sign() == []


def test_who_rejected_or_withdrew_an_anchor_is_asked_again_when_the_next_is_due(desk: Harbour) -> None:
    made = [each.proposal_id for each in desk.anchor(if_due=True) if each.proposal_id]
    for name in ("treasury", "compliance"):
        decide(desk.settings, desk.db, made[0], decision(desk.db, made[0], name, "reject"))
    cancel(desk.settings, desk.db, made[1], "not now")
    assert [show(desk.db, each).row.state for each in made] == ["rejected", "cancelled"]
    for hours in (1, 2, 23.9):
        assert [each.is_new for each in desk.anchor(if_due=True, hours=hours)] == [False, False]
    assert [each.is_new for each in desk.anchor(if_due=True, hours=24.1)] == [True, True]
    last = desk.anchor("xrpl")[0].proposal_id
    assert last
    cancel(desk.settings, desk.db, last, "not now")
    assert [each.is_new for each in desk.anchor("xrpl")] == [True]  # a person asks whenever he wants


def test_an_approval_of_another_template_does_not_cover(desk: Harbour) -> None:
    other = standing("xrpl")["template"]
    other["intent"]["params"]["destination"] = address("escrow")
    desk.stand("xrpl", template=other)
    [made] = desk.anchor("xrpl")
    assert (made.state, made.standing) == ("pending_approval", None)


def test_an_anchor_that_lapses_is_made_anew(desk: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.stand("stellar")
    [first] = desk.anchor("stellar")
    monkeypatch.setattr(plausible, "_SLACK", 80 * 3600)  # its days pass in this test at once
    desk.network.close(73 * 3600)  # past the time that its bytes name
    [second] = desk.anchor("stellar")
    assert first.proposal_id
    assert first.proposal_id != second.proposal_id
    assert second.is_new
    assert show(desk.db, first.proposal_id).row.state == "expired"
    assert desk.network.accounts[ANCHOR.public_key].balance == 100 * LUMEN


def forge(desk: Harbour, size: int) -> None:
    """Put an anchor of a log that this database never had on the ledger."""
    other = Checkpoint(log_key(desk.settings).verifier.origin, size, b"\x01" * 32, datetime.now(UTC))
    memo = {"MemoType": MEMO_TYPE.encode().hex(), "MemoFormat": MEMO_FORMAT.encode().hex()}
    memos = [{"Memo": memo | {"MemoData": payload(other).hex()}}]
    fields = {"Destination": address("treasury"), "Amount": "1", "Memos": memos}
    blob = desk.town.signed("attestation", "Payment", **fields)
    assert desk.xrpl.ask("submit", tx_blob=blob)["engine_result"] == "tesSUCCESS"
    desk.xrpl.close_ledger()


def test_a_fork_that_the_ledger_holds_is_refused_here_and_seen_by_a_stranger(desk: Harbour, tmp_path: Path) -> None:
    desk.stand("xrpl")
    desk.anchor("xrpl")
    desk.signed()
    proof, history = tmp_path / "proof.json", tmp_path / "history.jsonl"
    proof.write_text(json.dumps(prove(desk.settings, desk.db, 3)))
    history.write_bytes(b"".join(exported_checkpoints(desk.settings, desk.db)))
    command = ["audit", "verify", str(proof), "--xrpl", desk.xrpl.url, "--history", str(history)]
    assert CliRunner().invoke(app, command).exit_code == 0
    forge(desk, anchors_of(desk.db)[0].anchor.size)
    assert CliRunner().invoke(app, command).exit_code == 1  # two of one size
    written(desk)
    [refused] = desk.anchor("xrpl")
    assert "no such checkpoint" in (refused.problem or "")
    assert [each.source for each in open_alerts(desk.db)] == ["audit/anchor/xrpl"]
    assert len(desk.on_xrpl()) == 2


def test_what_the_database_forgot_is_not_anchored_again(desk: Harbour) -> None:
    desk.stand("stellar")
    desk.anchor("stellar")
    desk.sign()
    with desk.db.connect() as connection:
        connection.execute("alter table treasury.proposal disable trigger user")
        connection.execute("update treasury.proposal set state = 'cancelled' where kind = 'audit.anchor'")
        connection.execute("update treasury.ledger_tx set state = 'cancelled'")
        checkpoint = signed_checkpoint(desk.settings, connection, anchors_of(desk.db)[0].anchor.size)
    source = anchor_source(configured(desk.settings), "stellar")
    assert make_anchor(desk.settings, desk.db, source, checkpoint, datetime.now(UTC), if_due=False) is None
    assert [each.row.state for each in list_proposals(desk.db)].count("prepared") == 0


def overwritten(desk: Harbour, ledger: str, unsigned: str) -> None:
    """What whoever owns the server can do to the bytes that wait for the anchor key."""
    with desk.db.connect() as connection:
        connection.execute("alter table treasury.ledger_tx disable trigger user")
        connection.execute("update treasury.ledger_tx set unsigned = %s where ledger = %s", [unsigned, ledger])


def test_bytes_that_are_anything_but_the_anchor_are_not_signed(desk: Harbour) -> None:
    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    desk.anchor()
    with desk.db.connect() as connection:
        known = dict(connection.execute("select ledger, unsigned from treasury.ledger_tx").fetchall())
    tx = decoded(known["xrpl"])
    other_memo = json.loads(json.dumps(tx["Memos"]).replace(tx["Memos"][0]["Memo"]["MemoData"][:8], "00000000"))
    for change in (
        {"Amount": "1000000"},
        {"Destination": address("issuer")},
        {"Memos": other_memo},
        {"Fee": "99"},
        {"LastLedgerSequence": tx["LastLedgerSequence"] + 1},
        {"DestinationTag": 7},
    ):
        overwritten(desk, "xrpl", encoded(tx | change))
        [refused] = [each for each in desk.sign() if each.ledger == "xrpl"]
        assert (refused.state, refused.code, refused.use) == ("pending_signature", "other_intent", None), change
    overwritten(desk, "xrpl", known["xrpl"])
    assert [(each.ledger, each.use) for each in desk.sign()] == [("xrpl", 1)]


def test_the_keys_themselves_sign_anchors_and_nothing_else() -> None:
    content = bytes(range(48))
    drained = TransactionBuilder(Account(ANCHOR.public_key, 41), PASSPHRASE, 100)
    drained.append_payment_op(ISSUER.public_key, Asset.native(), "50").add_hash_memo(content[:32]).add_time_bounds(0, 9)
    with pytest.raises(TransactionRefused, match="not the checkpoint's anchor"):
        StellarAnchorKey(ANCHOR.secret).sign(drained.build().to_xdr(), PASSPHRASE, content)
    memo = {"MemoType": MEMO_TYPE.encode().hex(), "MemoFormat": MEMO_FORMAT.encode().hex()}
    tx: dict[str, Any] = {
        "TransactionType": "Payment",
        "Account": address("attestation"),
        "Destination": address("treasury"),
        "Amount": "1",
        "Flags": 0,
        "Fee": "10",
        "Sequence": 1,
        "LastLedgerSequence": 9,
        "SigningPubKey": "",
        "Memos": [{"Memo": memo | {"MemoData": content.hex().upper()}}],
    }
    key_ = XrplAnchorKey(wallet("anchor-key").seed or "", "ed25519")
    assert key_.sign(encoded(tx), content)["account"] == key_.address
    for change in ({"Amount": "2"}, {"TransactionType": "AccountDelete"}, {"DestinationTag": 1}, {"Memos": []}):
        fields = {name: value for name, value in (tx | change).items() if value != []}
        if change.get("TransactionType"):
            fields.pop("Amount")
        with pytest.raises(TransactionRefused, match="not the checkpoint's anchor"):
            key_.sign(encoded(fields), content)

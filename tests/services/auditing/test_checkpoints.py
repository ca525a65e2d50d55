"""Checkpoints and proofs; and what a checkpoint, a whole look or a stranger finds of what the database lets through."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.checkpoint import opened, read_verifier_key
from fntx_dagster.audit.consistency import consistency_holds, consistency_path
from fntx_dagster.audit.proof_file import check_proof, verdict
from fntx_dagster.audit.sealing import read_line, unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import log_root
from fntx_dagster.services.alerting import open_alerts
from fntx_dagster.services.auditing import checkpointing
from fntx_dagster.services.auditing.checkpointing import LogBroken, make_checkpoint
from fntx_dagster.services.auditing.keys import key_of, log_key
from fntx_dagster.services.auditing.looking import look_at_everything, status
from fntx_dagster.services.auditing.proving import (
    anchors_of,
    exported_checkpoints,
    exported_lines,
    prove,
    record_anchor,
)
from fntx_dagster.services.auditing.verifying import consistency_proofs
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.auditing.conftest import as_superuser, written
from verify import audit as stranger

NOW = datetime(2026, 11, 29, 2, 0, 0, tzinfo=UTC)


def signed(settings: Settings, db: Database, hours: int = 0) -> int:
    return make_checkpoint(settings, db, NOW + timedelta(hours=hours)).checkpoint.size


def parsed(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def kinds(db: Database) -> list[str]:
    return [alert.kind for alert in open_alerts(db)]


def test_a_checkpoint_is_over_every_event_and_is_made_once(settings: Settings, database: Database) -> None:
    with pytest.raises(Permanent, match="no event yet"):
        signed(settings, database)
    written(settings, database, 3)
    made = make_checkpoint(settings, database, NOW)
    hashes = [bytes.fromhex(line["leaf_hash"]) for line in parsed(exported_lines(database))]
    assert opened(made.note, log_key(settings).verifier) == made.checkpoint
    assert (made.checkpoint.size, made.checkpoint.root, made.checkpoint.time) == (3, log_root(hashes), NOW)
    assert make_checkpoint(settings, database, NOW + timedelta(days=1)) == made._replace(is_new=False)
    assert status(settings, database)[:3] == (3, 3, NOW)


def test_every_event_has_a_proof_that_holds_under_every_growth(settings: Settings, database: Database) -> None:
    total = 0
    for number, step in enumerate((1, 1, 2, 3, 6)):
        written(settings, database, step)
        total += step
        assert signed(settings, database, number) == total
        for seq in range(total):
            checked = check_proof(json.loads(json.dumps(prove(settings, database, seq))))
            assert (checked.event["seq"], checked.checkpoint.size) == (seq, total)
            assert checked.goes_on_from == (total - step or None)
    assert look_at_everything(settings, database) == (13, 0, 5, [])


def test_a_proof_needs_an_event_and_a_checkpoint_over_it(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    with pytest.raises(Permanent, match="no checkpoint is over event 0"):
        prove(settings, database, 0)
    with pytest.raises(Permanent, match="no event 1"):
        prove(settings, database, 1)


def test_a_proof_is_under_the_newest_checkpoint_that_a_ledger_holds(settings: Settings, database: Database) -> None:
    for number in range(3):
        written(settings, database, 2)
        signed(settings, database, number)
    anchor = Anchor(4, "xrpl", "1", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "A" * 64, 77)
    for _ in range(2):
        record_anchor(database, anchor)
    assert [row.anchor for row in anchors_of(database)] == [anchor]
    assert [check_proof(prove(settings, database, seq)).checkpoint.size for seq in (0, 3, 4)] == [4, 4, 6]
    assert check_proof(prove(settings, database, 0)).anchors == (anchor,)
    assert check_proof(prove(settings, database, 4)).anchors == ()
    assert status(settings, database).anchored == {"xrpl": 4}


def test_an_export_is_opened_line_by_line_and_has_the_root_that_was_signed(
    settings: Settings, database: Database
) -> None:
    written(settings, database, 5)
    made = make_checkpoint(settings, database, NOW)
    lines = parsed(exported_lines(database))
    key = key_of(settings, lines[0]["key_id"]).secret
    assert [unsealed(read_line(line), key)["seq"] for line in lines] == [0, 1, 2, 3, 4]
    assert log_root([bytes.fromhex(line["leaf_hash"]) for line in lines]) == made.checkpoint.root
    assert [line["seq"] for line in parsed(exported_lines(database, 1, 3))] == [1, 2, 3]
    today = datetime.now(UTC).date()
    assert len(parsed(exported_lines(database, today - timedelta(days=1), today + timedelta(days=1)))) == 5
    assert parsed(exported_lines(database, today + timedelta(days=2))) == []
    assert parsed(exported_lines(database, None, date(2020, 1, 1))) == []


def test_exported_checkpoints_show_a_stranger_that_each_goes_on_from_the_one_before(
    settings: Settings, database: Database
) -> None:
    for number in range(4):
        written(settings, database, 3)
        signed(settings, database, number)
    before = None
    for line in parsed(exported_checkpoints(settings, database)):
        checkpoint = opened(line["checkpoint"], read_verifier_key(line["log_key"]))
        older = line["consistency"]
        if before:
            assert (older["size"], older["root"]) == (before.size, before.root.hex())
            path = [bytes.fromhex(each) for each in older["hashes"]]
            assert consistency_holds(before.size, before.root, checkpoint.size, checkpoint.root, path)
        before = checkpoint
    assert before
    assert before.size == 12
    content = b"".join(exported_checkpoints(settings, database))
    by_command = consistency_proofs([content])
    assert [(head.size, *(end.size for end in ends)) for head, ends in by_command.items()] == [(3, 6), (6, 9), (9, 12)]
    assert stranger.read_proofs(content) == by_command
    assert stranger.verify(json.dumps(prove(settings, database, 7)).encode()) == (True, None)


def test_a_row_that_a_superuser_edits_is_found(settings: Settings, database: Database) -> None:
    written(settings, database, 6)
    signed(settings, database)
    proof = prove(settings, database, 2)
    for change, problem in (
        ("ciphertext = (select ciphertext from treasury.audit_event where seq = 1)", "line 2 does not open"),
        ("nonce = decode(repeat('ab', 12), 'hex')", "line 2 does not open"),
        ("type = 'iou_issued'", "type or time beside event 2"),
        ("at = at + interval '1 second'", "type or time beside event 2"),
        ("prev_hash = leaf_hash", "event 2 does not follow"),
        ("leaf_hash = prev_hash", "first 6 events are not those that were signed"),
    ):
        with database.connect() as connection:
            connection.execute("create table public.kept as select * from treasury.audit_event where seq = 2")
        as_superuser(database, f"update treasury.audit_event set {change} where seq = 2")
        found = look_at_everything(settings, database).problems
        assert any(problem in each for each in found), (change, found)
        as_superuser(
            database,
            "delete from treasury.audit_event where seq = 2",
            "insert into treasury.audit_event select * from public.kept",
            "drop table public.kept",
        )
        assert look_at_everything(settings, database).problems == []
    assert verdict(proof).holds


def test_no_proof_is_given_of_a_log_that_was_edited(settings: Settings, database: Database) -> None:
    written(settings, database, 6)
    signed(settings, database)
    as_superuser(database, "update treasury.audit_event set leaf_hash = prev_hash where seq = 4")
    with pytest.raises(LogBroken, match="no proof of event 1"):
        prove(settings, database, 1)
    with pytest.raises(LogBroken, match="not those that were signed"):
        parsed(exported_checkpoints(settings, database))


def test_a_tail_that_was_deleted_is_not_signed_and_raises_an_alert(settings: Settings, database: Database) -> None:
    written(settings, database, 6)
    signed(settings, database)
    as_superuser(database, "delete from treasury.audit_event where seq >= 4")
    with pytest.raises(LogBroken, match="shortened"):
        signed(settings, database, 1)
    assert kinds(database) == ["audit"]
    assert any("4 of the 6" in problem for problem in look_at_everything(settings, database).problems)
    written(settings, database, 4, first=10)
    assert signed_or_found(settings, database)


def signed_or_found(settings: Settings, db: Database) -> bool:
    """Events that were written over a deleted tail: whoever looks at every row finds it."""
    return any("not those that were signed" in problem for problem in look_at_everything(settings, db).problems)


def test_an_event_that_is_missing_among_the_new_ones_is_not_signed(settings: Settings, database: Database) -> None:
    written(settings, database, 2)
    signed(settings, database)
    written(settings, database, 3)
    as_superuser(database, "delete from treasury.audit_event where seq = 3")
    with pytest.raises(LogBroken, match="event 3 of the log is missing"):
        signed(settings, database, 1)
    assert any("event 3 of the log is missing" in each for each in look_at_everything(settings, database).problems)


def test_new_events_that_do_not_follow_the_signed_ones_are_not_signed(settings: Settings, database: Database) -> None:
    written(settings, database, 2)
    signed(settings, database)
    as_superuser(database, "update treasury.audit_event set leaf_hash = decode(repeat('ab', 32), 'hex') where seq = 1")
    written(settings, database, 1)
    as_superuser(database, "update treasury.audit_event set prev_hash = decode(repeat('cd', 32), 'hex') where seq = 2")
    with pytest.raises(LogBroken, match="does not follow"):
        signed(settings, database, 1)


def test_a_database_that_was_restored_is_noticed_and_the_alert_ends_with_the_right_one(
    settings: Settings, database: Database
) -> None:
    written(settings, database, 2)
    signed(settings, database)
    written(settings, database, 2)
    signed(settings, database, 1)
    with database.connect() as connection:
        connection.execute("create table public.kept as select * from treasury.audit_checkpoint where size = 4")
    as_superuser(database, "delete from treasury.audit_checkpoint where size = 4")
    as_superuser(database, "delete from treasury.audit_event where seq >= 2")
    written(settings, database, 5)
    with pytest.raises(LogBroken, match="restored from a backup"):
        signed(settings, database, 2)
    assert kinds(database) == ["audit"]
    assert any("restored" in each for each in look_at_everything(settings, database).problems)
    as_superuser(database, "insert into treasury.audit_checkpoint select * from public.kept")
    with pytest.raises(LogBroken):  # the checkpoint is back, its events are not
        prove(settings, database, 3)


def test_a_fork_is_visible_by_a_consistency_proof_whoever_holds_the_key(settings: Settings, database: Database) -> None:
    """The owner signs two histories: a stranger who has one checkpoint sees that the other does not go on from it."""
    written(settings, database, 3)
    signed(settings, database)
    shown = check_proof(prove(settings, database, 0)).checkpoint
    as_superuser(database, "delete from treasury.audit_checkpoint", "delete from treasury.audit_event where seq >= 1")
    checkpointing._kept_note(settings).unlink()
    written(settings, database, 4)
    signed(settings, database, 1)
    forked = check_proof(prove(settings, database, 0)).checkpoint
    assert (shown.size, forked.size) == (3, 5)
    hashes = [bytes.fromhex(line["leaf_hash"]) for line in parsed(exported_lines(database))]
    assert log_root(hashes) == forked.root
    path = consistency_path(hashes, 3)
    assert consistency_holds(3, log_root(hashes[:3]), 5, forked.root, path)
    assert not consistency_holds(3, shown.root, 5, forked.root, path)


def test_another_checkpoint_of_the_same_size_is_a_fork(settings: Settings, database: Database) -> None:
    written(settings, database, 3)
    signed(settings, database)
    as_superuser(database, "update treasury.audit_checkpoint set root = decode(repeat('ab', 32), 'hex')")
    with pytest.raises(LogBroken, match="forked"):
        signed(settings, database, 1)


@pytest.mark.parametrize(
    "change",
    [
        "note = replace(note, 'time 2026', 'time 2027')",
        "compact_range = array[root, root]",
        "compact_range = array[root]",
        "note = ''",
    ],
)
def test_a_stored_checkpoint_that_was_edited_is_noticed(change: str, settings: Settings, database: Database) -> None:
    written(settings, database, 3)
    signed(settings, database)
    as_superuser(database, f"update treasury.audit_checkpoint set {change}")
    with pytest.raises(LogBroken, match="stored checkpoint over 3 events"):
        signed(settings, database, 1)
    assert look_at_everything(settings, database).problems


def test_the_key_of_another_log_signs_nothing_here(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    signed(settings, database)
    (settings.paths.keys / "audit" / "checkpoint.notekey").unlink()
    with pytest.raises(LogBroken):
        signed(settings, database, 1)


def test_a_worn_key_is_rotated_with_a_checkpoint(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(settings, database, 3)
    monkeypatch.setattr(checkpointing, "_ROTATE_AFTER", 3)
    signed(settings, database)
    assert status(settings, database).events == 4
    assert look_at_everything(settings, database).problems == []

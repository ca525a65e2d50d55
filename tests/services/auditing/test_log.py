"""Appending: in order, without gaps, in the caller's transaction, sealed; whoever dies leaves nothing behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.audit.sealing import key_id_of, unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing import keys
from fntx_dagster.services.auditing.keys import LostKey, key_of, log_key
from fntx_dagster.services.auditing.log import append, rotate_key
from fntx_dagster.services.auditing.looking import look_at_everything, status
from fntx_dagster.settings import Settings
from fntx_dagster.settings.audit import AuditSettings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import StoredEvent, stored_events
from tests.services.auditing.conftest import an_event, written


def done(db: Database, *statements: str) -> None:
    """Statements in one transaction."""
    with db.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(db: Database) -> list[StoredEvent]:
    return [*stored_events(db, 0, 2**60)]


def test_events_are_numbered_from_0_and_each_names_the_one_before(settings: Settings, database: Database) -> None:
    written(settings, database, 5)
    stored = rows(database)
    assert [row.line.seq for row in stored] == [0, 1, 2, 3, 4]
    assert [row.line.prev_hash for row in stored] == [bytes(32), *(row.line.leaf_hash for row in stored[:-1])]
    secret = key_of(settings, stored[0].line.key_id).secret
    events = [unsealed(row.line, secret) for row in stored]
    assert [event["subject"]["id"] for event in events] == [f"p-{number}" for number in range(5)]
    assert len({event["salt"] for event in events}) == len({row.line.nonce for row in stored}) == 5
    assert not any(b"treasury" in row.line.ciphertext for row in stored)
    assert look_at_everything(settings, database) == (5, 0, 0, [])


def test_an_event_is_there_exactly_if_its_transaction_is_committed(settings: Settings, database: Database) -> None:
    written(settings, database, 1)

    def fail() -> None:
        with database.connect() as connection:
            assert append(settings, connection, an_event(1)) == 1
            assert append(settings, connection, an_event(2)) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.connect() as connection:
        assert [append(settings, connection, an_event(number)) for number in (3, 4)] == [1, 2]
    assert look_at_everything(settings, database).problems == []
    assert len(rows(database)) == 3


def test_a_wrong_event_is_refused_and_costs_no_number(settings: Settings, database: Database) -> None:
    wrong = NewAuditEvent("party_thrown", "signer:a", EventSubject("proposal", "1"))
    with pytest.raises(Permanent, match="no type"), database.connect() as connection:
        append(settings, connection, wrong)
    written(settings, database, 1)
    assert [row.line.seq for row in rows(database)] == [0]


def test_an_older_snapshot_may_not_append(settings: Settings, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("set transaction isolation level repeatable read")
        with pytest.raises(psycopg.Error, match="READ COMMITTED"):
            append(settings, connection, an_event())
        connection.rollback()


def test_an_event_that_does_not_follow_the_last_is_refused_by_the_database(
    settings: Settings, database: Database
) -> None:
    written(settings, database, 2)
    columns = "seq, at, type, key_id, nonce, ciphertext, prev_hash, leaf_hash"
    for seq, previous in (("5", "leaf_hash"), ("2", "prev_hash"), ("2", "decode(repeat('00', 32), 'hex')")):
        insert = (
            f"insert into treasury.audit_event ({columns}) select {seq}, at, type, 'k', nonce, ciphertext,"
            f" {previous}, leaf_hash from treasury.audit_event where seq = 1"
        )
        with pytest.raises(psycopg.Error, match="does not follow"):
            done(database, "set local session_replication_role = replica", insert)
    insert = (
        f"insert into treasury.audit_event ({columns}) select 2, at, type, key_id, nonce, ciphertext,"
        " leaf_hash, leaf_hash from treasury.audit_event where seq = 1"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        done(database, insert)


@pytest.mark.parametrize("table", ["audit_event", "audit_checkpoint", "anchor"])
@pytest.mark.parametrize("mode", ["origin", "local", "replica"])
def test_nobody_changes_or_removes_a_row_not_even_the_owner_in_replica_mode(
    table: str, mode: str, settings: Settings, database: Database
) -> None:
    written(settings, database, 2)
    with database.connect() as connection:
        connection.execute(
            """insert into treasury.audit_checkpoint (size, root, compact_range, note)
            select 2, leaf_hash, array[leaf_hash], 'note' from treasury.audit_event where seq = 0"""
        )
        connection.execute(
            """insert into treasury.anchor (size, ledger, network, account, tx_hash, position)
            values (2, 'xrpl', '1', 'r', 'A', 1)"""
        )
    changed = {"audit_event": "type = 'x'", "audit_checkpoint": "note = 'x'", "anchor": "tx_hash = 'x'"}[table]
    for statement in (
        f"update treasury.{table} set {changed}",
        f"delete from treasury.{table}",
        f"truncate treasury.{table} cascade",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            done(database, f"set local session_replication_role = {mode}", statement)
    assert len(rows(database)) == 2


def test_the_role_of_the_application_appends_and_may_switch_nothing_off(settings: Settings, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("set local role fntx_api")
        append(settings, connection, an_event())
    for statement in (
        "alter table treasury.audit_event disable trigger all",
        "drop trigger append_only on treasury.audit_event",
        "create or replace function treasury.refuse() returns trigger language plpgsql as 'begin return null; end'",
        "drop table treasury.audit_event",
        "update treasury.audit_event set type = 'x'",
        "set local session_replication_role = replica",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            done(database, "set local role fntx_api", statement)
    assert len(rows(database)) == 1


WRITER = """
import sys
from pathlib import Path
from fntx_dagster.services.auditing.log import append
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.auditing.conftest import an_event, written

settings, db = Settings(home=Path(sys.argv[1])), Database(sys.argv[2])
if sys.argv[3] == "hang":
    with db.connect() as connection:
        append(settings, connection, an_event())
        print("appended", flush=True)
        sys.stdin.read()
written(settings, db, int(sys.argv[3]))
"""


def writer(settings: Settings, db: Database, what: str) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[3])
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(settings.home), db.url, what],
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.slow
def test_eight_processes_append_at_once_without_a_gap_or_a_double(settings: Settings, database: Database) -> None:
    """They also make the key at once: one of them wins."""
    writers = [writer(settings, database, "15") for _ in range(8)]
    for each in writers:
        each.communicate(timeout=300)
    assert [each.returncode for each in writers] == [0] * 8
    assert [row.line.seq for row in rows(database)] == [*range(120)]
    assert len({row.line.key_id for row in rows(database)}) == 1
    assert look_at_everything(settings, database) == (120, 0, 0, [])


@pytest.mark.slow
def test_a_process_that_is_killed_within_its_transaction_leaves_no_gap(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    hung = writer(settings, database, "hang")
    with hung:
        assert hung.stdout
        assert hung.stdout.readline() == b"appended\n"
        hung.send_signal(signal.SIGKILL)
    started = time.monotonic()
    written(settings, database, 1, first=1)
    assert time.monotonic() - started < 60
    assert [row.line.seq for row in rows(database)] == [0, 1]
    assert look_at_everything(settings, database).problems == []


def test_keys_are_their_owners_alone(settings: Settings, database: Database) -> None:
    log_key(settings)
    written(settings, database, 1)
    files = [*(settings.paths.keys / "audit").iterdir()]
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert log_key(settings).verifier == log_key(settings).verifier


def test_a_rotation_is_an_event_and_the_old_key_opens_what_came_before(settings: Settings, database: Database) -> None:
    written(settings, database, 2)
    old = rows(database)[0].line.key_id
    new = rotate_key(settings, database)
    written(settings, database, 1, first=2)
    stored = rows(database)
    assert [row.line.key_id for row in stored] == [old, old, new, new]
    rotated = unsealed(stored[2].line, key_of(settings, new).secret)
    assert (rotated["type"], rotated["details"]) == ("key_rotated", {"from": old, "to": new})
    assert look_at_everything(settings, database) == (4, 0, 0, [])


def test_a_key_of_the_settings_takes_over_with_a_rotation(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    secret = os.urandom(32)
    given = settings.model_copy(update={"audit": AuditSettings(key=SecretStr(secret.hex()))})
    written(given, database, 2, first=1)
    stored = rows(database)
    assert [row.type for row in stored] == [
        "decision_recorded",
        "key_rotated",
        "decision_recorded",
        "decision_recorded",
    ]
    assert stored[-1].line.key_id == key_id_of(secret)
    assert look_at_everything(given, database).problems == []
    with pytest.raises(LostKey):
        written(settings, database, 1)
    wrong = settings.model_copy(update={"audit": AuditSettings(key=SecretStr("secret words"))})
    with pytest.raises(Permanent, match="64 hex digits") as refused:
        written(wrong, database, 1)
    assert "secret words" not in str(refused.value)


def test_a_lost_key_loses_what_events_say_and_nothing_else(settings: Settings, database: Database) -> None:
    written(settings, database, 2)
    [file] = (settings.paths.keys / "audit").glob("*.key")
    file.unlink()
    with pytest.raises(LostKey, match="rotate"):
        written(settings, database, 1)
    assert status(settings, database).lost_keys == [file.stem]
    new = rotate_key(settings, database)
    written(settings, database, 1)
    assert rows(database)[-1].line.key_id == new
    assert look_at_everything(settings, database) == (4, 2, 0, [])


def test_a_file_of_another_key_does_not_pass_for_a_key(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    [file] = (settings.paths.keys / "audit").glob("*.key")
    file.write_bytes(os.urandom(32))
    with pytest.raises(LostKey, match="does not hold the key of its name"):
        written(settings, database, 1)


def test_the_key_of_a_first_event_that_was_rolled_back_is_used_again(settings: Settings, database: Database) -> None:
    with database.connect() as connection:
        append(settings, connection, an_event())
        connection.rollback()
    written(settings, database, 1)
    assert len([*(settings.paths.keys / "audit").glob("*.key")]) == 1


def test_a_key_is_not_shown_by_what_holds_it(settings: Settings) -> None:
    key = keys.new_sealing_key(settings)
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)

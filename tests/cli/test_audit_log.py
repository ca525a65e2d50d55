"""The audit log from a terminal, on a database: signed, proved, exported, looked at, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError
from fntx_dagster.services.auditing.proving import record_anchor
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.processes import ALONE
from tests.services.auditing.conftest import as_superuser, written


@pytest.fixture(autouse=True)
def settings(database: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Five events, and an environment in which `fntx` finds them."""
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FNTX_HOME", str(home))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "200")
    settings = Settings(home=home)
    written(settings, database, 5)
    return settings


def fntx(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["audit", *words])
    assert done.exit_code == code, done.output
    return done


def test_an_event_is_proved_to_a_stranger_by_files_alone(tmp_path: Path, database: Database) -> None:
    signed = json.loads(fntx("checkpoint", "--json").stdout)
    assert (signed["size"], signed["is_new"]) == (5, True)
    record_anchor(database, Anchor(5, "stellar", "Test SDF Network", "G" + "A" * 55, "b" * 64, 9))
    proof = tmp_path / "proof.json"
    fntx("prove", "3", "-o", str(proof))
    assert json.loads(proof.read_text()) == json.loads(fntx("prove", "3").stdout)
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"kind": "proof", "proof": json.loads(proof.read_text())}))
    assert json.loads(fntx("check", "--input", str(case), "--json").stdout) == {"holds": True, "reason": None}
    assert json.loads(proof.read_text())["log_key"] == fntx("key").stdout.strip()
    assert json.loads(fntx("key", "--json").stdout)["origin"] == signed["origin"]
    [anchor] = json.loads(fntx("anchors", "--json").stdout)
    assert (anchor["ledger"], anchor["size"], anchor["position"]) == ("stellar", 5, 9)
    assert "b" * 64 in fntx("anchors").stdout


def test_a_checkpoint_is_printed_as_the_note_that_others_read() -> None:
    first = fntx("checkpoint")
    assert first.stdout.splitlines()[1] == "5"
    assert first.stdout.splitlines()[5].startswith("— fntx.audit/")
    again = fntx("checkpoint")
    assert again.stdout == first.stdout
    assert "No event is new" in again.stderr


def test_an_export_is_written_by_numbers_by_days_and_as_checkpoints(tmp_path: Path) -> None:
    fntx("checkpoint")
    file = tmp_path / "audit-events.jsonl"
    fntx("export", "--from", "1", "--to", "2", "-o", str(file))
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2]
    assert len(fntx("export", "--from", "2020-01-01").stdout.splitlines()) == 5
    [checkpoint] = fntx("export", "--checkpoints").stdout.splitlines()
    assert json.loads(checkpoint)["consistency"] is None
    fntx("export", "--checkpoints", "--from", "1", code=2)
    fntx("export", "--from", "yesterday", code=2)


def test_an_export_says_which_of_its_events_no_checkpoint_covers(settings: Settings, database: Database) -> None:
    assert "events 0 to 4 are under no checkpoint yet: `fntx audit checkpoint` makes one." in one_line(fntx("export"))
    fntx("checkpoint")
    assert "checkpoint" not in fntx("export").stderr
    written(settings, database, 2)
    said = one_line(fntx("export"))
    assert "events 5 to 6 are under no checkpoint yet" in said
    assert "`--to 4` leaves out what it does not cover" in said
    assert "checkpoint" not in fntx("export", "--to", "4").stderr
    assert "event 6 is under" in one_line(fntx("export", "--from", "6", "--to", "900"))


def one_line(done: Result) -> str:
    return " ".join(done.stderr.split())


def test_the_status_says_what_is_signed_and_a_whole_look_what_was_changed(database: Database) -> None:
    state = json.loads(fntx("status", "--json").stdout)
    assert (state["events"], state["signed"], state["signed_at"], state["lost_keys"]) == (5, 0, None, [])
    fntx("checkpoint")
    shown = fntx("status", "--whole").stdout
    assert "The log HOLDS: 5 events, 1 checkpoint\n" in shown
    as_superuser(database, "update treasury.audit_event set type = 'iou_issued' where seq = 3")
    broken = fntx("status", "--whole", code=1).stdout
    assert "type or time beside event 3" in broken
    assert "DOES NOT HOLD" in broken
    assert len(json.loads(fntx("status", "--whole", "--json", code=1).stdout)["whole"]["problems"]) == 1


def test_a_shortened_log_is_not_signed(database: Database) -> None:
    fntx("checkpoint")
    as_superuser(database, "delete from treasury.audit_event where seq = 4")
    done = CliRunner().invoke(app, ["audit", "checkpoint"])
    assert isinstance(done.exception, FntxError)
    assert done.exception.exit_code == 1
    assert "it was shortened" in str(done.exception)


def test_a_rotation_begins_a_new_key(settings: Settings) -> None:
    new = json.loads(fntx("rotate", "--json").stdout)["key_id"]
    assert (settings.paths.keys / "audit" / f"{new}.key").exists()
    state = json.loads(fntx("status", "--json").stdout)
    assert (state["events"], state["key_id"]) == (6, new)
    assert new in fntx("status").stdout
    assert "are sealed with the key" in fntx("rotate").stdout


def test_the_log_is_anchored_and_a_timer_does_it_when_it_is_due(database: Database) -> None:
    done = json.loads(fntx("anchor", "--json").stdout)
    assert [(row["size"], row["state"]) for row in done["new"]] == [(5, "final")]
    assert done["due_at"] > done["new"][0]["queued_at"]
    shown = fntx("anchor")
    assert "Nothing was to be anchored. The next anchor is due at 20" in shown.stdout
    assert json.loads(fntx("anchor", "--if-due", "--json").stdout)["new"] == []
    assert "on evm            5" in fntx("status").stdout
    assert json.loads(fntx("status", "--json").stdout)["anchoring"] == []
    assert done["new"][0]["tx_hash"] in fntx("anchors").stdout
    with database.connect() as connection:
        connection.execute("update treasury.evm_anchor set state = 'failed', error = 'why'")
    assert "not yet on evm    5: failed, why" in fntx("status").stdout

"""Anchors of the log on the embedded chain: once, whatever happens, in proofs that a stranger checks at the node."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege
from typer.testing import CliRunner

from fntx_dagster.adapters.evm.anchors import AnchorBook, anchor_address
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.events import events_of
from fntx_dagster.audit.anchor import origin_hash
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import AnchorHead
from fntx_dagster.services import chain as chains
from fntx_dagster.services.alerting import open_alerts
from fntx_dagster.services.auditing.anchoring import POSTER, Anchoring, anchor
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.looking import look_at_everything, status
from fntx_dagster.services.auditing.proving import anchors_of, prove
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database
from tests.services.auditing.conftest import written
from tests.tools import ROOT

CONFIG = ROOT / "tests" / "governance" / "vectors" / "platform.json"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


def anchored(settings: Settings, db: Database, *, hours: float = 0, if_due: bool = False) -> Anchoring:
    return anchor(settings, db, datetime.now(UTC) + timedelta(hours=hours), if_due=if_due)


def on_chain(settings: Settings) -> list[tuple[int, str]]:
    """Size and transaction of each anchor of the log that the chain ever took."""
    with connect(settings) as chain:
        book, wanted = AnchorBook(chain.web3, chain.chain_id), {"poster": chain.trader(POSTER).address}
        logs = events_of(book.anchor.events.Anchored(), 0, chain.height, wanted)
        return [(log["args"]["size"], f"0x{log['transactionHash'].hex()}") for log in logs]


def recorded(db: Database) -> list[tuple[int, str]]:
    return [(row.anchor.size, row.anchor.tx_hash) for row in anchors_of(db)]


def events(db: Database) -> int:
    """How many anchors the log itself tells of."""
    with db.connect() as connection:
        [(count,)] = connection.execute(
            "select count(*) from treasury.audit_event where type = 'attestation_anchored'"
        ).fetchall()
    return count


def test_an_anchor_is_recorded_told_by_the_log_and_found_by_a_stranger(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    written(settings, database, 5)
    done = anchored(settings, database)
    assert [(row.size, row.state) for row in done.new] == [(5, "final")]
    assert done.contract == anchor_address()
    assert recorded(database) == on_chain(settings) == [(5, done.new[0].tx_hash)]
    state = status(settings, database)
    assert (state.events, state.anchored, state.anchoring) == (6, {"evm": 5}, [])
    assert look_at_everything(settings, database).problems == []
    proof = tmp_path / "proof.json"
    proof.write_text(json.dumps(prove(settings, database, 3)))
    with chains.serve(settings, 0) as node:
        checked = CliRunner().invoke(app, ["audit", "verify", str(proof), "--rpc", node.url])
        assert (checked.exit_code, "HOLDS" in checked.output) == (0, True), checked.output
        command = [sys.executable, "-I", str(ROOT / "verify" / "audit.py"), str(proof), "--rpc", node.url]
        by_script = subprocess.run(command, capture_output=True, text=True, check=False)
        assert by_script.returncode == 0, by_script.stdout
        assert f"HOLDS (posted by {done.poster.lower()}" in by_script.stdout
    anchored(settings, database, hours=25, if_due=True)
    told = prove(settings, database, 5)["event"]
    assert (told["type"], told["ledger"]["tx"], told["ledger"]["name"]) == (
        "attestation_anchored",
        done.new[0].tx_hash,
        "evm",
    )


def test_what_is_not_new_is_not_sent_on_demand_and_what_is_not_due_not_by_a_timer(
    settings: Settings, database: Database
) -> None:
    assert anchored(settings, database, if_due=True).due_at is None  # a log without an event
    with pytest.raises(Permanent, match="no event yet"):
        anchored(settings, database)
    written(settings, database, 2)
    assert len(anchored(settings, database, if_due=True).new) == 1
    assert anchored(settings, database).new == []
    assert anchored(settings, database, hours=23.9, if_due=True).new == []
    written(settings, database, 1)
    assert anchored(settings, database, if_due=True).new == []
    assert [row.size for row in anchored(settings, database).new] == [4]
    assert [row.size for row in anchored(settings, database, hours=24.1, if_due=True).new] == [5]
    assert [size for size, _ in on_chain(settings)] == [2, 4, 5]
    assert events(database) == 3


def test_the_treasurys_configuration_says_how_often(settings: Settings, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "platform.json"
    file.write_text(json.dumps(json.loads(CONFIG.read_text()) | {"anchor_every_s": 3600}))
    hourly = settings.model_copy(update={"treasury": TreasurySettings(config=file)})
    written(settings, database, 1)
    anchored(hourly, database)
    assert anchored(settings, database, hours=1.1, if_due=True).new == []
    assert len(anchored(hourly, database, hours=1.1, if_due=True).new) == 1


def test_of_ten_calls_at_once_one_anchors(settings: Settings, database: Database) -> None:
    wide = Database(database.url, connections=40)  # as ten processes have them
    written(settings, wide, 3)
    for if_due in (True, False):
        written(settings, wide, 1)
        with ThreadPoolExecutor(10) as pool:
            calls = [pool.submit(anchored, settings, wide, if_due=if_due) for _ in range(10)]
        assert {len(call.result().new) for call in calls} <= {0, 1}
    assert [size for size, _ in on_chain(settings)] == [4, 6]
    assert recorded(database) == on_chain(settings)
    assert events(database) == 2


def test_an_anchor_that_the_database_forgot_is_adopted(settings: Settings, database: Database) -> None:
    written(settings, database, 3)
    [first] = anchored(settings, database).new
    with database.connect() as connection:
        connection.execute("update treasury.evm_anchor set state = 'queued', tx_hash = null, block_number = null")
    [again] = anchored(settings, database, if_due=True).new
    assert (again.tx_hash, again.state) == (first.tx_hash, "final")
    assert len(on_chain(settings)) == 1
    assert events(database) == 1


@pytest.mark.parametrize(("size", "root"), [(9, b"\x01" * 32), (3, b"\x02" * 32)])
def test_a_head_that_this_log_does_not_lead_to_stops_it_with_an_alert(
    size: int, root: bytes, settings: Settings, database: Database
) -> None:
    """Another home posts with the same key, or the database is an older one."""
    written(settings, database, 3)
    with connect(settings) as chain:
        chains.put_anchors(settings, chain)
        poster, book = chain.trader(POSTER), AnchorBook(chain.web3, chain.chain_id)
        origin = origin_hash(log_key(settings).verifier.origin)
        chain.invoke(poster, book.anchor, "post", origin, size, root)
    for _ in range(2):
        with pytest.raises(Permanent, match=f"the chain holds an anchor of {size} events"):
            anchored(settings, database, if_due=True)
    assert [alert.kind for alert in open_alerts(database)] == ["audit"]
    assert [row.state for row in status(settings, database).anchoring] == ["failed"]
    assert recorded(database) == []
    written(settings, database, 10)
    assert [row.size for row in anchored(settings, database).new] == [13]
    assert open_alerts(database) == []
    assert status(settings, database).anchoring == []
    with connect(settings) as chain:
        held = AnchorBook(chain.web3, chain.chain_id).head_of(poster.address, origin)
    assert isinstance(held, AnchorHead)
    assert held.size == 13


def test_what_was_to_be_anchored_stays(settings: Settings, database: Database) -> None:
    written(settings, database, 1)
    anchored(settings, database)
    for statement in (
        "update treasury.evm_anchor set size = size",
        "update treasury.evm_anchor set state = 'mined'",
    ):
        with database.connect() as connection:
            connection.execute(statement)
    for statement in (
        "update treasury.evm_anchor set root = origin",
        "update treasury.evm_anchor set queued_at = now()",
        "delete from treasury.evm_anchor",
        "truncate treasury.evm_anchor",
    ):
        with pytest.raises(InsufficientPrivilege), database.connect() as connection:
            connection.execute(statement)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and kills with SIGKILL")
def test_kills_at_any_step_anchor_every_checkpoint_once(settings: Settings, database: Database) -> None:
    seed, runs, killed = random.randrange(10**6), 14, 0
    chance = random.Random(seed)
    written(settings, database, 1)
    command = [sys.executable, "-m", "tests.services.auditing.killed_anchorer", database.url, str(settings.home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(step: int) -> list[int]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{step} 0\n")
            process.stdin.flush()
            first = int(process.stdout.readline())
            return [first] if first <= 0 else [first, int(process.stdout.readline())]

        written(settings, database, 1)
        length, ended = run(0)
        assert ended == 0
        for number in range(runs):
            written(settings, database, 1)
            killed += run(length * number // runs + chance.randint(1, length // runs)) == [-9]
        assert run(0)[-1] == 0
        process.stdin.close()
        assert process.wait(60) == 0
    assert killed > runs // 2, f"few were killed (seed {seed})"
    sizes = [size for size, _ in on_chain(settings)]
    assert sizes == sorted(set(sizes)), f"seed {seed}"
    assert recorded(database) == on_chain(settings), f"seed {seed}"
    assert events(database) == len(sizes), f"seed {seed}"
    assert status(settings, database).anchoring == [], f"seed {seed}"
    assert anchored(settings, database).new == [], f"seed {seed}"

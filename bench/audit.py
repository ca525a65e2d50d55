"""What the audit log costs: `python bench/audit.py`.

Events are appended in a transaction each, in turns with a bare INSERT of the same row into a table without triggers.
The log of a million events is copied into the table; of its events one is sealed as it should be, and is proved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from statistics import median
from time import perf_counter
from typing import Any

from measuring import Measurement, clocked, home, shown, timed

from fntx_dagster.audit import compact_range
from fntx_dagster.audit.event import EventSubject, NewAuditEvent, logged
from fntx_dagster.audit.proof_file import check_proof
from fntx_dagster.audit.sealing import seal
from fntx_dagster.proof.log_tree import node_hash
from fntx_dagster.services.auditing import proving
from fntx_dagster.services.auditing.checkpointing import make_checkpoint
from fntx_dagster.services.auditing.keys import new_sealing_key
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.services.auditing.proving import prove
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database

TURNS, SECONDS = 7, 1.0
MANY, NEW, PROVED = 1_000_000, 1_000, 500_000
EVENT = NewAuditEvent("decision_recorded", "signer:treasury", EventSubject("proposal", "p-1"), {"decision": "approve"})


def measure() -> list[Measurement]:
    with home() as settings:
        db = open_database(settings)
        rows = [*_appending(settings, db)]
    with home() as settings:
        db = open_database(settings)
        rows += _at_a_million(settings, db)
    return rows


def _appending(settings: Settings, db: Database) -> Iterator[Measurement]:
    with db.connect() as connection:
        append(settings, connection, EVENT)
        connection.execute("create table public.bare as select * from treasury.audit_event with no data")
        connection.execute("alter table public.bare add primary key (seq), add unique (key_id, nonce)")
        row = connection.execute("select * from treasury.audit_event").fetchone()
    assert row

    def ours() -> None:
        with db.connect() as connection:
            append(settings, connection, EVENT)

    numbers = iter(range(1, 10**9))

    def bare() -> None:
        values = (next(numbers), *row[1:4], os.urandom(12), *row[5:])
        with db.connect() as connection:
            connection.execute("insert into public.bare values (%s, %s, %s, %s, %s, %s, %s, %s)", values, prepare=True)

    for name, waits in (("events appended, one writer", "on"), ("… without a wait for the disk", "off")):
        with db.connect() as connection:
            connection.execute(f"alter role current_user set synchronous_commit = {waits}".encode())
        db.close()
        turns = [(_rate(ours), _rate(bare)) for _ in range(TURNS)]
        ratio = median(own / other for own, other in turns)
        own, other = (median(column) for column in zip(*turns, strict=True))
        aim = "0.5 or more" if waits == "on" else ""
        yield Measurement(name, f"{own:,.0f} a second", f"bare INSERT {other:,.0f}", f"{ratio:.2f}", aim)
    looked, seconds = clocked(lambda: look_at_everything(settings, db))
    assert not looked.problems
    yield Measurement("every row opened and hashed anew", f"{looked.events / seconds:,.0f} a second", "", "", "")


def _at_a_million(settings: Settings, db: Database) -> Iterator[Measurement]:
    _copied(settings, db, 0, MANY)
    whole = timed(lambda: make_checkpoint(settings, db, datetime.now(UTC)))
    with db.connect() as connection:
        last = connection.execute("select leaf_hash from treasury.audit_event order by seq desc limit 1").fetchone()
    assert last
    _copied(settings, db, MANY, MANY + NEW, last[0])
    hashes, seconds = _counted(settings, db)
    most = NEW + 2 * (MANY + NEW).bit_length()
    name = f"hashes of a checkpoint, {NEW:,} new events of {MANY + NEW:,}"
    yield Measurement(name, f"{hashes:,}", f"n + 2 log n {most:,}", f"{hashes / most:.2f}", "1 at most")
    yield Measurement("time of it", f"{seconds * 1000:.0f} ms", f"the first, over all {whole:.1f} s", "", "")
    document, plain = clocked(lambda: _plainly_proved(settings, db))
    took = median(timed(lambda: prove(settings, db, PROVED)) for _ in range(101))
    assert document == prove(settings, db, PROVED)
    beside = f"from every leaf {plain:.1f} s"
    yield Measurement(f"prove one of {MANY + NEW:,}", f"{took * 1000:.1f} ms", beside, f"{took / plain:.4f}", "")
    took = median(timed(lambda: check_proof(document)) for _ in range(101))
    yield Measurement("check the proof", f"{took * 1000:.2f} ms", "", "", "")


def _plainly_proved(settings: Settings, db: Database) -> dict[str, Any]:
    """The proof from every leaf: what is given where the kept roots of subtrees do not serve."""
    kept = proving.kept_paths
    proving.kept_paths = lambda *_: None
    try:
        return prove(settings, db, PROVED)
    finally:
        proving.kept_paths = kept


def _rate(work: Callable[[], None]) -> float:
    """How often a second, by the median of single times: others' turns on the processor are left out."""
    times, started = [], perf_counter()
    while perf_counter() - started < SECONDS:
        times.append(timed(work))
    return 1 / median(times)


def _copied(settings: Settings, db: Database, first: int, behind: int, previous: bytes = bytes(32)) -> None:
    key, at = new_sealing_key(settings), datetime.now(UTC)
    copy = "copy treasury.audit_event (seq, at, type, key_id, nonce, ciphertext, prev_hash, leaf_hash) from stdin"
    with db.connect() as connection, connection.cursor().copy(copy) as rows:
        for seq in range(first, behind):
            leaf, sealed, nonce = sha256(seq.to_bytes(8, "big")).digest(), bytes(17), seq.to_bytes(12, "big")
            if seq == PROVED:
                event = logged(EVENT, seq, at, previous, bytes(16))
                leaf, sealed = event.leaf_hash, seal(event, key.secret, key.key_id, nonce).ciphertext
            rows.write_row((seq, at, EVENT.type, key.key_id, nonce, sealed, previous, leaf))
            previous = leaf


def _counted(settings: Settings, db: Database) -> tuple[int, float]:
    """How many nodes a checkpoint hashes, and its seconds."""
    hashes = 0

    def counting(left: bytes, right: bytes) -> bytes:
        nonlocal hashes
        hashes += 1
        return node_hash(left, right)

    compact_range.node_hash = counting
    try:
        seconds = timed(lambda: make_checkpoint(settings, db, datetime.now(UTC)))
    finally:
        compact_range.node_hash = node_hash
    return hashes, seconds


if __name__ == "__main__":
    shown(measure())

"""Attestations and revocations on their way to a chain: once, whatever happens; and what the tables refuse."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.model.witnesses import AttestedDay
from fntx_dagster.services.chain import put_attestations
from fntx_dagster.services.witnesses.posting import post_waiting
from fntx_dagster.services.witnesses.signing import WITNESS
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.attestations import attestations, keep_report, queue

ROOT = Path(__file__).parents[3]
TRADER, EVIDENCE = "0x" + "11" * 20, b"\xe1" * 32
FIRST = date(2025, 1, 1)


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def where(settings: Settings) -> tuple[int, str, str]:
    with connect(settings) as chain:
        put_attestations(settings, chain)
        return chain.chain_id, AttestationBook(chain).contract, chain.trader(WITNESS).address


def day(number: int, root: int = 1) -> AttestedDay:
    return AttestedDay(TRADER, FIRST + timedelta(number), 1, bytes([root]) * 32)


def levels(settings: Settings, count: int) -> list[int]:
    with connect(settings) as chain:
        book = AttestationBook(chain)
        return book.levels_of(chain.trader(WITNESS).address, [day(number) for number in range(count)])


def test_days_of_one_report_go_together_and_what_the_contract_holds_is_adopted(
    database: Database, settings: Settings, where: tuple[int, str, str]
) -> None:
    assert queue(database, where, [day(0), day(1), day(2)], 3, EVIDENCE) == 3
    assert queue(database, where, [day(2)], 3, EVIDENCE) == 0
    queue(database, where, [day(1)], 19, EVIDENCE)
    queue(database, where, [day(0)], 3, bytes(32), "why")
    done = post_waiting(settings, database)
    assert [(row.level, row.state) for row in done.new] == [(3, "final")] * 3 + [(19, "final"), (3, "final")]
    assert len({row.tx_hash for row in done.new}) == 3
    assert levels(settings, 4) == [0, 19, 3, 0]
    with database.connect() as connection:  # the database of before: what is on the chain is found there
        connection.execute("update alm_reporting.attestations set state = 'queued', tx_hash = null where reason <> ''")
    assert [row.state for row in post_waiting(settings, database).new] == ["final"]


def test_what_the_contract_does_not_take_waits_for_a_person_and_holds_nothing_up(
    database: Database, settings: Settings, where: tuple[int, str, str]
) -> None:
    queue(database, where, [day(0)], 19, EVIDENCE)
    post_waiting(settings, database)
    queue(database, where, [day(0), day(1)], 3, EVIDENCE)
    queue(database, where, [day(2)], 3, bytes(32), "never attested")
    done = post_waiting(settings, database)
    assert [(row.day, row.level) for row in done.new] == [(day(1).day, 3)]
    assert [row.error for row in done.waiting] == [
        "it is attested already, with the higher level 19",
        "there is no attestation to revoke",
    ]
    queue(database, where, [day(1)], 3, bytes(32), "why")
    post_waiting(settings, database)
    queue(database, where, [day(1)], 19, EVIDENCE)
    assert post_waiting(settings, database).waiting[-1].error == "it was revoked, and that is for ever"


def test_what_was_to_be_attested_and_the_reports_stay(
    database: Database, settings: Settings, where: tuple[int, str, str]
) -> None:
    queue(database, where, [day(0)], 3, EVIDENCE)
    keep_report(database, EVIDENCE, "{}")
    keep_report(database, EVIDENCE, "other")
    for statement in (
        "update alm_reporting.attestations set level = 19",
        "update alm_reporting.attestations set root = evidence",
        "delete from alm_reporting.attestations",
        "truncate alm_reporting.attestations",
        "update alm_reporting.witness_reports set report = ''",
        "delete from alm_reporting.witness_reports",
    ):
        with pytest.raises(InsufficientPrivilege), database.connect() as connection:
            connection.execute(statement)
    with database.connect() as connection:
        assert connection.execute("select report from alm_reporting.witness_reports").fetchall() == [("{}",)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and kills with SIGKILL")
def test_kills_at_any_step_attest_every_day_once(
    database: Database, settings: Settings, where: tuple[int, str, str]
) -> None:
    seed = random.randrange(10**6)
    chance, sent = random.Random(seed), 0
    command = [sys.executable, "-m", "tests.services.witnesses.killed_attester", database.url, str(settings.home)]
    queue(database, where, [day(0)], 3, EVIDENCE)
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

        queue(database, where, [day(1)], 3, EVIDENCE)
        length, ended = run(0)
        assert ended == 0
        killed = 0
        for sent in range(2, 14):
            queue(database, where, [day(sent)], 3, EVIDENCE)
            if sent % 3 == 0:
                queue(database, where, [day(sent - 2)], 3, bytes(32), "why")
            killed += run(chance.randint(length // 4, length)) == [-9]
        assert run(0)[-1] == 0
        process.stdin.close()
        assert process.wait(60) == 0
    assert killed > 6, f"few were killed (seed {seed})"
    rows = attestations(database, where)
    assert {row.state for row in rows} == {"final"}, f"seed {seed}"
    revoked = {row.day for row in rows if row.reason}
    expected = [0 if day(number).day in revoked else 3 for number in range(sent + 1)]
    assert levels(settings, sent + 1) == expected, f"seed {seed}"
    with connect(settings) as chain:
        said = AttestationBook(chain).said(witness=where[2], since=FIRST)
    assert sorted(attested.day for _, attested in said) == [day(number).day for number in range(sent + 1)], (
        f"seed {seed}"
    )

"""Killed with SIGKILL at a hundred points between queue and receipt: every day is posted once and nothing is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.model.period import Period
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days, signed_days
from fntx_dagster.store.treasury.audit_log import stored_events
from tests import by_hand

ROOT = Path(__file__).parents[3]
ACCOUNT = "U7000001"
RUNS = 100
DAYS = [session.day for session in sessions(date(2025, 1, 2), date(2025, 12, 31))][: RUNS // 2 + 3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and kills with SIGKILL")


class Poster:
    """The program, and how a run of it ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, steps: int = 0, milliseconds: int = 0) -> list[int]:
        """[-9] of a killed run; the number of steps and 0 of one that went to its end."""
        self._process.stdin.write(f"{steps} {milliseconds}\n")
        self._process.stdin.flush()
        first = int(self._process.stdout.readline())
        return [first] if first <= 0 else [first, int(self._process.stdout.readline())]


@contextmanager
def started(db: Database, settings: Settings, days: Period, rpc_url: str = "") -> Iterator[Poster]:
    command = [sys.executable, "-m", "tests.services.signatures.killed_poster", db.url, str(settings.home)]
    command += [days.first.isoformat(), days.last.isoformat(), *([rpc_url] if rpc_url else [])]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Poster(process)
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_hundred_kills_between_queue_and_receipt_lose_nothing_and_post_nothing_twice(
    built: Database, settings: Settings
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    days = iter(DAYS)
    with connect(settings) as chain:
        by_hand.build(built, ACCOUNT, next(days))
        with started(built, settings, Period(DAYS[0], DAYS[-1])) as poster:
            by_hand.build(built, ACCOUNT, next(days))
            length, ended = poster.run()
            assert ended == 0
            killed = 0
            for run in range(RUNS):
                if run % 2 == 0:
                    by_hand.build(built, ACCOUNT, next(days))
                killed += poster.run(chance.randint(1, length), chance.choice((0, 0, chance.randint(1, 20)))) == [-9]
            by_hand.build(built, ACCOUNT, next(days))
            assert poster.run()[-1] == 0
        assert killed > RUNS // 2, f"few were killed (seed {seed})"
        check_all_posted_once(built, chain, f"seed {seed}")
        check_all_logged_once(built, settings, f"seed {seed}")


def check_all_logged_once(db: Database, settings: Settings, seed: str) -> None:
    """The audit log has each day as signed and as posted, and no event but those."""
    assert look_at_everything(settings, db).problems == [], seed
    rows = [*stored_events(db, 0, 2**60)]
    events = [unsealed(row.line, key_of(settings, row.line.key_id).secret) for row in rows]
    for kind in ("day_signed", "day_posted"):
        days = [event["subject"]["id"].split("/")[1] for event in events if event["type"] == kind]
        assert days == [str(day) for day in DAYS], seed
    assert len(events) == 2 * len(DAYS), seed
    places = {event["subject"]["id"]: event["ledger"] for event in events if event["type"] == "day_posted"}
    for day in posted_days(db, Period(DAYS[0], DAYS[-1])):
        place = places[f"{day.trader.lower()}/{day.trading_day}/1"]
        assert place == {
            "name": "evm",
            "network": day.chain_id,
            "tx": day.tx_hash,
            "index": day.block_number,
        }, seed


def check_all_posted_once(db: Database, chain: Chain, seed: str) -> None:
    signed, posted = signed_days(db, Period(DAYS[0], DAYS[-1])), posted_days(db, Period(DAYS[0], DAYS[-1]))
    assert [record.trading_day for record in signed] == DAYS, seed
    assert [receipt.trading_day for receipt in posted] == DAYS, seed
    assert unfinished(db) == [], seed
    trader = signed[0].trader
    stored = chain.history(trader, Period(DAYS[0], DAYS[-1]))
    assert {day: (held.root, held.version) for day, held in stored.items()} == {
        record.trading_day: (record.root, 1) for record in signed
    }, seed
    burned = Decimal(10**9) - Decimal(chain.fntx.functions.totalSupply().call()) / 10**18
    assert burned == 10 * len(DAYS), seed
    with db.connect() as connection:
        nonces = connection.execute(
            "select nonce from alm_reporting.chain_sendings where state = 'final' order by nonce"
        ).fetchall()
        receipts = connection.execute("select count(*) from alm_reporting.chain_receipts").fetchone()
    taken = [nonce for (nonce,) in nonces]
    assert taken == list(range(taken[0], taken[0] + len(taken))), seed
    assert chain.web3.eth.get_transaction_count(trader) == taken[-1] + 1, seed
    assert receipts == (len(DAYS),), seed

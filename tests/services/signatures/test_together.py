"""Many traders on a chain whose blocks take their time: all send, then all wait for the same blocks."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import Posting, post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.documents import document, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days
from fntx_dagster.store.raw_flex.statements import load_paths
from tests import by_hand
from tests.services.signatures.killed_poster import behind
from tests.services.signatures.test_killed import started
from tests.slow_blocks import served

ACCOUNTS = [f"U70000{number:02}" for number in range(6)]
DAYS = Period(date(2025, 7, 14), date(2025, 7, 15))
BLOCK_SECONDS = 2.0
KILLS = 6
REQUESTS = 24
"""What a node may be asked for one account's days that go in one transaction."""


@contextmanager
def node(settings: Settings, seconds: float, *unfunded: str) -> Iterator[tuple[str, Counter[str]]]:
    """The URL of the home's chain with a block every so many seconds, and what the node was asked, which is there
    afterwards. All accounts but the unfunded ones have funds on it."""
    with connect(settings) as chain:
        for account in ACCOUNTS:
            if account not in unfunded:
                chain.trader(account)
    deployer = deployer_of(settings.paths.keys).address
    with served(settings.paths.chain / "chain.sqlite", deployer, seconds) as (url, asked):
        yield url, asked


def posted(settings: Settings, db: Database) -> Posting:
    with connect(settings) as chain:
        return post(settings, db, chain, DAYS)


@pytest.fixture
def signed(built: Database, settings: Settings) -> Database:
    """Six accounts with two signed days."""
    for account in ACCOUNTS:
        for day in (DAYS.first, DAYS.last):
            by_hand.build(built, account, day)
    sign(settings, built, DAYS)
    return built


def test_traders_wait_for_the_same_blocks_and_not_for_one_another(signed: Database, settings: Settings) -> None:
    with node(settings, BLOCK_SECONDS) as (url, asked):
        started_at = time.monotonic()
        done = posted(behind(settings, url), signed)
        seconds = time.monotonic() - started_at
    again = posted(settings, signed)
    assert len(done.new) == 2 * len(ACCOUNTS)
    assert (len(again.new), len(again.kept), unfinished(signed)) == (0, 2 * len(ACCOUNTS), [])
    assert asked["eth_sendRawTransaction"] == len(ACCOUNTS)
    assert asked.total() - asked["bodies"] <= REQUESTS * len(ACCOUNTS), asked
    assert seconds < BLOCK_SECONDS * len(ACCOUNTS), "one trader waited for a block after the other"


def test_the_trouble_of_an_account_stays_its_own(built: Database, settings: Settings, tmp_path: Path) -> None:
    """A file that is cut off, a day that does not add up, a key that does not open, an address without funds: each is
    named, and what is in order is loaded, signed and posted."""
    unexplained, locked, poor, *fine = ACCOUNTS
    for account in ACCOUNTS:
        write(tmp_path / f"{account}.xml", document(statement(account=account)))
        by_hand.build(built, account, DAYS.first, passed=account != unexplained)
    (tmp_path / f"{fine[0]}-cut.xml").write_text("<FlexQueryResponse><FlexStatements")
    loads = load_paths(built, [tmp_path])
    assert [load.file_name for load in loads if load.error] == [f"{fine[0]}-cut.xml"]
    assert {account for load in loads for account in load.accounts} == {*ACCOUNTS}

    signed = sign(settings, built, DAYS)
    assert {refusal.account_id for refusal in signed.refused} == {unexplained}
    assert {record.account_id for record in signed.new} == {*ACCOUNTS} - {unexplained}

    with node(settings, 0.3, poor) as (url, _):
        there = behind(settings, url)
        keys = there.keys.model_copy(update={"keystores": {locked: tmp_path / "gone.json"}})
        done = posted(there.model_copy(update={"keys": keys}), built)
        refused = {refusal.account_id: str(refusal.error) for refusal in done.refused}
        assert {receipt.account_id for receipt in done.new} == {*fine}
        assert refused.keys() == {locked, poor}
        assert "gone.json" in refused[locked]
        assert "0 FNTX" in refused[poor]
        later = posted(there, built)
    assert {receipt.account_id for receipt in later.new} == {locked}, "it goes on when the key is there again"


@pytest.mark.slow
def test_kills_while_all_wait_for_a_block_post_each_day_once(signed: Database, settings: Settings) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    all_days = Period(DAYS.first, date(2025, 7, 18))
    with node(settings, 1.0) as (url, _), started(signed, settings, all_days, url) as poster:
        killed = 0
        for number in range(KILLS):
            if number % 2:
                for account in ACCOUNTS:
                    by_hand.build(signed, account, date(2025, 7, 16 + number // 2))
            # by steps, which a busy machine takes too: a run that has nothing to post takes fewer than these
            killed += poster.run(chance.randint(1, 140), chance.choice((0, 0, chance.randint(1, 900)))) == [-9]
        assert poster.run()[-1] == 0
    assert killed, f"none was killed (seed {seed})"
    days = [(receipt.account_id, receipt.trading_day) for receipt in posted_days(signed, all_days)]
    assert len(days) == len({*days}) == 5 * len(ACCOUNTS), f"seed {seed}"
    assert unfinished(signed) == [], f"seed {seed}"
    with signed.connect() as connection:
        [(nonces, sendings)] = connection.execute(
            """select count(distinct (trader, nonce)), count(*) from alm_reporting.chain_sendings
            where state = 'final'"""
        )
    assert nonces == sendings, f"seed {seed}"

"""A signed day on its way into a pool, as a trader submits it: from the record, once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.services.aggregation import opening, trading, trustees
from fntx_dagster.services.aggregation.deploying import deploy
from fntx_dagster.services.aggregation.pool import checked_day, pool_of
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.actions import actions
from fntx_dagster.store.outbox.sendings import unfinished
from tests import by_hand
from tests.services.signatures.test_killed import Poster

ROOT = Path(__file__).parents[3]
ACCOUNT, DAY = "U7000001", date(2025, 7, 17)
DAYS = [date(2025, 7, number) for number in (7, 8, 9, 10, 11, 14, 15, 16)]


def formed(home: Path, **more: int) -> Settings:
    """The settings of a home with a pool of one trustee, whose key is formed."""
    bare = Settings(home=home)
    keys = bare.keys.model_copy(update={"keystore_password": SecretStr("long enough")})
    locked = bare.model_copy(update={"keys": keys})
    made = trustees.init(locked, home / "trustee.json")
    terms = {"currency": "HKD", "min_users": 1, "threshold": 1, "min_age": 0, "min_cohort": 0, **more}
    terms |= {"trustees": [{"address": made.address, "box_key": made.box_key}]}
    aggregation = {"aggregator": deploy(locked, json.dumps(terms)), "trustee_file": made.file}
    pool = locked.model_copy(update={"aggregation": bare.aggregation.model_copy(update=aggregation)})
    assert (trustees.contribute(pool), trustees.confirm(pool)) == (0, 0)
    return pool


@pytest.fixture
def settings(home: Path) -> Settings:
    return formed(home)


@pytest.fixture
def chain(settings: Settings) -> Iterator[Chain]:
    with connect(settings) as connected:
        yield connected


@pytest.mark.slow
def test_a_signed_day_is_submitted_once_after_its_receipt(settings: Settings, chain: Chain, database: Database) -> None:
    built = by_hand.create_marts(database)
    by_hand.build(built, ACCOUNT, DAY, net_pnl="12.5", closing_nav="80000.25")
    with pytest.raises(Permanent, match="does not take part"):
        trading.submit(settings, built, ACCOUNT, DAY)
    assert trading.register(settings, ACCOUNT).is_registered
    assert trading.register(settings, ACCOUNT).is_registered  # the bond is paid once
    with pytest.raises(Permanent, match="is not signed"):
        trading.submit(settings, built, ACCOUNT, DAY)
    sign(settings, built, Period.on(DAY))
    with pytest.raises(Transient, match="no final receipt"):
        trading.submit(settings, built, ACCOUNT, DAY)
    post(settings, built, chain, Period.on(DAY))
    first = trading.submit(settings, built, ACCOUNT, DAY)
    again = trading.submit(settings, built, ACCOUNT, DAY)
    assert (first.action.state, first.warnings) == ("final", [])
    assert again.action == first.action
    checked = checked_day(pool_of(settings, chain), DAY)
    assert (checked.hold, checked.problems(), checked.standing.users) == ((True,), [], 1)
    with pytest.raises(Transient, match="still collects submissions"):
        trustees.serve_share(settings, built, DAY)
    with pytest.raises(Transient, match="still collects submissions"):
        opening.open_day(settings, built, ACCOUNT, DAY)
    with pytest.raises(Permanent, match="StillBound"):
        trading.leave(settings, ACCOUNT)


@pytest.mark.slow
def test_kills_between_the_signed_day_and_the_contract_lose_nothing_and_submit_nothing_twice(
    settings: Settings, chain: Chain, database: Database
) -> None:
    seed = random.randrange(10**6)
    chance, built = random.Random(seed), by_hand.create_marts(database)
    trading.register(settings, ACCOUNT)
    post_day(settings, chain, built, DAYS[0])
    command = [sys.executable, "-m", "tests.services.aggregation.killed_submitter", database.url, str(settings.home)]
    command += [f"{settings.aggregation.aggregator}", DAYS[0].isoformat(), DAYS[-1].isoformat()]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        submitter = Poster(process)
        post_day(settings, chain, built, DAYS[1])
        length, ended = submitter.run()
        assert ended == 0
        killed = 0
        for day in DAYS[2:]:
            post_day(settings, chain, built, day)
            killed += submitter.run(chance.randint(1, length)) == [-9]
        assert submitter.run()[-1] == 0
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
    assert killed > len(DAYS) // 2, f"few were killed (seed {seed})"
    pool = pool_of(settings, chain)
    rows = actions(built, chain.chain_id, pool.book.contract)
    assert [(row.day, row.state) for row in sorted(rows, key=lambda row: row.day)] == [
        (day, "final") for day in DAYS
    ], f"seed {seed}"
    for day in DAYS:
        checked = checked_day(pool, day)
        assert (checked.hold, checked.problems(), checked.standing.users) == ((True,), [], 1), f"seed {seed}"
    assert unfinished(built) == []


def post_day(settings: Settings, chain: Chain, built: Database, day: date) -> None:
    by_hand.build(built, ACCOUNT, day, net_pnl="12.5", closing_nav="80000.25")
    sign(settings, built, Period.on(day))
    post(settings, built, chain, Period.on(day))

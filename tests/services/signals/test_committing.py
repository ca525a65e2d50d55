"""Signals on a chain: committed at their entry, once whatever happens, and checked by a stranger."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.commitments import CommitmentBook, commitments_address
from fntx_dagster.adapters.evm.keys import signer_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.chain import put_commitments, serve
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.checking_shares import is_meant_as_signals
from fntx_dagster.services.signals.committing import commit_or_wait, commit_signals, commitments_due, list_commitments
from fntx_dagster.services.signals.following import StrategyChange, keep_strategy
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.services.signals.revealing import check_revealed, reveal, written_signals
from fntx_dagster.settings import Settings
from fntx_dagster.signals.commitments import commitment_of, strategy_hash
from fntx_dagster.store.database import Database

ROOT = Path(__file__).parents[3]
CODE = "NIFTY"
STRIKE = {"symbol": "NIFTY26MAR23500CE", "index_name": "NIFTY", "strike_price": "23500", "position": "CE"}


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a chain, made once and copied for each test."""
    home = tmp_path_factory.mktemp("made")
    with connect(Settings(home=home)) as chain:
        chain.trader(f"strategy:{CODE}")
    return home


@pytest.fixture
def settings(made_home: Path, tmp_path: Path) -> Settings:
    shutil.copytree(made_home, tmp_path / "home")
    return Settings(home=tmp_path / "home")


class Provider:
    """Sends signals of one strategy to a desk."""

    def __init__(self, db: Database) -> None:
        self.desk = Desk(db)
        keep_strategy(self.desk, CODE, StrategyChange(currency="INR", commits=True))

    def enter(self, unique_id: str, at: datetime | None = None, **more: Any) -> None:
        body = {"token": "23", "signal": "BUY_ENTRY", "unique_id": unique_id, "strike_price_token": "45678"}
        body |= {"strategy_code": CODE, "strike_data": STRIKE, "quote": {"bid": "99.95", "ask": "100"}}
        body |= {"allocations": [{"user_id": "ada", "qty": 5}], **more}
        answer = enter_signal(self.desk, "provider", json.dumps(body).encode(), at or datetime.now(UTC))
        assert answer.status == 201

    def leave(self, unique_id: str, at: datetime) -> None:
        body = {"token": "23", "signal": "BUY_EXIT", "unique_id": unique_id, "strike_price_token": "45678"}
        body |= {"strategy_code": CODE, "quote": {"bid": "110", "ask": "110.05"}}
        assert leave_signal(self.desk, "provider", json.dumps(body).encode(), at).status == 201


@pytest.fixture
def provider(database: Database) -> Provider:
    return Provider(database)


def held(settings: Settings) -> list[bytes]:
    """The commitments that the chain holds."""
    with connect(settings) as chain:
        book = CommitmentBook(chain.web3, chain.chain_id)
        address = signer_of(settings, f"strategy:{CODE}").address
        return [each.commitment for each in book.held(address, strategy_hash(CODE))]


def faults(content: Any, source: Settings | str) -> dict[int, str]:
    checked = check_revealed(written_signals(content).encode(), source)
    return {each.number: each.fault for each in checked.signals if each.fault}


def test_signals_are_committed_in_their_order_in_one_transaction_and_all_of_them_hold(
    provider: Provider, database: Database, settings: Settings
) -> None:
    now = datetime.now(UTC)
    provider.enter("one", now - timedelta(seconds=20), stop_loss="90.50", target="120")
    provider.enter("two", signal="SELL_ENTRY")
    provider.enter("nobody", allocations=[{"user_id": "ada", "qty": 0}])
    keep_strategy(provider.desk, CODE, StrategyChange(commits=False))
    provider.enter("in secret")
    assert commitments_due(database, datetime.now(UTC)) is not None
    done = commit_signals(settings, database)
    assert [(row.unique_id, row.number, row.state) for row in done.new] == [
        ("one", 0, "final"),
        ("two", 1, "final"),
        ("nobody", 2, "final"),
    ]
    assert len({row.tx_hash for row in done.new}) == 1
    assert (done.waiting, done.stopped, commitments_due(database, datetime.now(UTC))) == ([], {}, None)
    assert commit_signals(settings, database).new == []
    assert held(settings) == [row.commitment for row in done.new]
    provider.leave("one", datetime.now(UTC) + timedelta(minutes=5))
    revealed = reveal(settings, database, CODE)
    assert (revealed.unknown, revealed.waiting) == ([], 0)
    text = written_signals(revealed.content).encode()
    assert is_meant_as_signals(text)
    with serve(settings, 0) as node:
        checked = check_revealed(text, node.url)
    assert checked.holds
    one, two, nobody = checked.signals
    assert (one.signal["stop_loss"], one.signal["target"], one.signal["direction"]) == ("90.5", "120", "long")
    assert (two.signal["direction"], nobody.signal["unique_id"]) == ("short", "nobody")
    assert one.delay > timedelta(seconds=15)
    assert checked.longest_delay == one.delay
    assert not {"user_id", "qty", "ada"} & set(text.decode().replace('"', " ").split())


def test_a_signal_that_is_left_out_altered_or_committed_late_is_named(
    provider: Provider, database: Database, settings: Settings
) -> None:
    for name in ("one", "two", "three"):
        provider.enter(name)
    provider.enter("late", datetime.now(UTC) - timedelta(minutes=9))
    provider.leave("late", datetime.now(UTC) - timedelta(minutes=8))
    commit_signals(settings, database)
    content: Any = reveal(settings, database, CODE).content
    late = {3: "LATE: committed after its exit, when its outcome was known"}
    assert faults(content, settings) == late

    def changed(change: Callable[[list[Any]], object], **more: Any) -> dict[int, str]:
        copied = json.loads(json.dumps(content)) | more
        change(copied["signals"])
        return {number: fault for number, fault in faults(copied, settings).items() if number != 3}

    assert changed(lambda signals: signals.pop(1)) == {1: "MISSING: the file does not reveal it"}
    for field, value in (("direction", "short"), ("target", "1"), ("salt", "00" * 32), ("is_paper", False)):
        altered = changed(lambda signals, field=field, value=value: signals[0]["signal"].update({field: value}))
        assert altered == {0: "ALTERED: it is not what was committed"}, field
    swapped = changed(lambda signals: signals[0].update(signal=signals[1]["signal"]))
    assert swapped.keys() == {0, 1}
    extra = changed(lambda signals: signals.append({**signals[0], "number": 4}))
    assert extra[4] == "the chain has no commitment of this number"
    with pytest.raises(Permanent, match="two of it"):
        changed(lambda signals: signals.append(signals[0]))
    with pytest.raises(Transient, match="another chain"):
        changed(lambda signals: None, chain_id=1)
    with pytest.raises(Permanent, match="not the contract"):
        changed(lambda signals: None, contract="0x" + "11" * 20)
    with pytest.raises(Permanent, match="no address"):
        changed(lambda signals: None, provider="0x11")
    with pytest.raises(Permanent, match="no time zone"):
        changed(lambda signals: signals[0].update(first_exit_at="2026-03-02T10:00:00"))
    stranger = changed(lambda signals: None, provider="0x" + "11" * 20)
    assert set(stranger.values()) == {"the chain has no commitment of this number"}
    for broken in (b"{}", b'{"format": "fntx.signals/1"}', written_signals(content).encode()[:-9]):
        with pytest.raises(Permanent, match="not a file of revealed signals"):
            check_revealed(broken, settings)


def test_what_was_committed_is_never_changed_or_removed_in_the_database(provider: Provider, database: Database) -> None:
    provider.enter("one")
    with database.connect() as connection:
        [(text, commitment)] = connection.execute("select signal, commitment from ledger.signal_commitments").fetchall()
        assert commitment_of(text.encode()) == commitment
    for statement in (
        "update ledger.signal_commitments set commitment = sha256('another')",
        "update ledger.signal_commitments set signal = '{}'",
        "delete from ledger.signal_commitments",
        "truncate ledger.signal_commitments",
    ):
        with pytest.raises(InsufficientPrivilege), database.connect() as connection:
            connection.execute(statement)
    with database.connect() as connection:
        [granted] = connection.execute(
            """select has_table_privilege('fntx_api', 'ledger.signal_commitments', 'insert'),
                has_table_privilege('fntx_api', 'ledger.signal_commitments', 'update')"""
        ).fetchall()
    assert granted == (True, False)


def test_a_chain_that_was_made_anew_gets_every_commitment_again(
    provider: Provider, database: Database, settings: Settings
) -> None:
    for name in ("one", "two"):
        provider.enter(name)
        commit_signals(settings, database)
    before = held(settings)
    shutil.rmtree(settings.paths.chain)
    provider.enter("three")
    commit_signals(settings, database)
    assert held(settings)[:2] == before
    assert [row.number for row in list_commitments(database, CODE)] == [0, 1, 2]


def test_a_chain_that_is_away_makes_nobody_wait_until_it_is_too_long(
    provider: Provider, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Transient("the node does not answer", "Try again")

    provider.enter("one")
    monkeypatch.setattr("fntx_dagster.services.signals.committing.connect", away)
    now, said = datetime.now(UTC), []
    done = commit_or_wait(settings, database, now, said.append)
    assert ([row.state for row in done.waiting], len(said)) == (["queued"], 1)
    with pytest.raises(Transient):
        commit_or_wait(settings, database, now + timedelta(hours=settings.posting.waiting_hours + 1), said.append)


def test_a_chain_behind_a_url_gets_the_contract_from_a_person_and_the_signals_of_separate_accounts_once(
    provider: Provider, database: Database, settings: Settings
) -> None:
    keep_strategy(provider.desk, CODE, StrategyChange(accounts="separate"))
    provider.enter("one")
    provider.enter("one")  # the same message again
    key = (settings.paths.keys / "deployer.key").read_text(encoding="ascii")
    with serve(settings, 0) as node:
        contracts = settings.paths.chain / "contracts.json"
        remote = Settings(
            home=settings.home.parent / "other",
            chain={"rpc_url": node.url, "contracts": contracts},
            keys={"trader_key": key},
        )
        with pytest.raises(Permanent, match="has no SignalCommitments"):
            commit_signals(remote, database)
        with connect(remote) as chain:
            assert put_commitments(remote, chain) == put_commitments(remote, chain) == commitments_address()
        done = commit_signals(remote, database)
        assert [(row.unique_id, row.number, row.state) for row in done.new] == [("one", 0, "final")]
        provider.enter("two")
        assert [row.number for row in commit_signals(remote, database).new] == [1]
        assert check_revealed(written_signals(reveal(remote, database, CODE).content).encode(), node.url).holds


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and kills with SIGKILL")
def test_kills_at_any_step_commit_every_signal_once(provider: Provider, database: Database, settings: Settings) -> None:
    seed = random.randrange(10**6)
    chance, sent = random.Random(seed), 1
    provider.enter("0")
    with Committer(database, settings) as run:
        provider.enter("1")
        length, ended = run(0)
        assert ended == 0
        killed = 0
        for sent in range(2, 14):
            provider.enter(f"{sent}")
            killed += run(chance.randint(length // 4, length)) == [-9]
        assert run(0)[-1] == 0
    assert killed > 6, f"few were killed (seed {seed})"
    rows = list_commitments(database, CODE)
    assert [row.state for row in rows] == ["final"] * (sent + 1), f"seed {seed}"
    assert held(settings) == [row.commitment for row in sorted(rows, key=lambda row: row.number)], f"seed {seed}"


class Committer:
    """The program, for a block: each call is a run of it, killed at a step; 0: not."""

    def __init__(self, db: Database, settings: Settings) -> None:
        command = [sys.executable, "-m", "tests.services.signals.killed_committer", db.url, str(settings.home)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Callable[[int], list[int]]:
        return self._run

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()

    def _run(self, step: int) -> list[int]:
        self._process.stdin.write(f"{step} 0\n")
        self._process.stdin.flush()
        first = int(self._process.stdout.readline())
        return [first] if first <= 0 else [first, int(self._process.stdout.readline())]

"""Submitters are killed at any moment, alone and two at once, while a ledger loses answers, is late, and forgets its
history. Every transaction is in a ledger exactly once or has expired, with the bytes that were signed once, and the log
tells every step once.

FNTX_TEST_KILLS says how many kills on each ledger, a few without it; FNTX_TEST_SEED which. With `-o log_cli=true
--log-cli-level=info` a run says what it did.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from stellar_sdk import TransactionEnvelope
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.services.transactions import on_stellar, on_xrpl
from fntx_dagster.services.transactions.confirming import SEND_AGAIN, confirm
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.faults import HorizonFault, HorizonFaults
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of, transactions
from tests.forked import FORKED
from tests.services.transactions.sending import Office, sends
from tests.services.transactions.walks import walked
from tests.services.transactions.worlds import STELLAR_KEYS, approved, begun, issue, network, payment, town
from tests.simulate.horizon.parts import LUMEN, TREASURY, USD_KEY
from tests.simulate.xrpl.people import Town, token, wallet

KILLS = int(os.environ.get("FNTX_TEST_KILLS", "8"))
SEED = int(os.environ.get("FNTX_TEST_SEED", "19"))
KILLS_OF_A_ROUND, TRANSACTIONS = 4, 5
CLOSES_EVERY = 0.1
FINAL = ("confirmed", "expired")


class OnXrpl(NamedTuple):
    """An issuer that pays one token each time; of its transactions some have tickets, others sequences in a row."""

    settings: Settings
    db: Database
    office: Office
    town: Town
    server: XrplServer
    patch: pytest.MonkeyPatch

    def begin_round(self) -> None:
        """Set up what the next transactions need."""
        with self.server.lock:
            assert self.town.does("issuer", "TicketCreate", by=("s1", "s3"), TicketCount=3) == "tesSUCCESS"

    def prepared(self, lifetime: int | None) -> UUID:
        """A transaction that is signed; it can get into so many ledgers from now, or, with None, for three days."""
        self.patch.setattr(on_xrpl, "LEDGERS_TO_WAIT", lifetime or 74_000)
        proposal = approved(self.settings, self.db, "iou.issue", issue("1"))
        tx = Transaction.from_blob(prepare(self.settings, self.db, proposal).unsigned)
        for name in ("s1", "s3"):
            import_part(self.settings, self.db, sign(tx, wallet(name), multisign=True).blob().encode())
        return proposal

    def break_something(self, rng: random.Random) -> None:
        """Plan a fault."""
        kind, taken = rng.choice(["cut", "error", "status", "garbage", "hang"]), rng.random() < 0.5
        fault = rng.choice(
            [
                {"on": "submit", "do": kind, "taken": taken, "count": rng.randint(1, 4), "seconds": 0.2},
                {"on": "tx", "do": kind, "count": rng.randint(1, 4), "seconds": 0.2},
                {"on": "ledger", "do": "cut", "count": rng.randint(1, 3)},
                {"on": "account_info", "do": "error", "count": 2},
                {"unclosing": rng.randint(1, 5)},
                {"late_history": self.town.ledger.last.ledger_index},
                {"open_fee": 1_000},
            ]
        )
        self.server.fail(**fault)

    def mend(self) -> None:
        """End all faults."""
        assert self.server.faults
        with self.server.lock:
            self.server.faults.by_method.clear()
            self.server.fail(late_history=1, open_fee=0, unclosing=0)

    def held(self) -> dict[str, int]:
        """Hash → how often the ledger holds a payment of the account."""
        return Counter(
            name
            for ledger in self.town.ledger.ledgers
            for name in ledger.transactions
            if self.town.ledger.transactions[name].delivered is not None
        )

    def moved(self) -> int:
        """How many units were paid."""
        line = self.town.line("treasury", "issuer")
        assert line
        return int(line["balance"])


class OnStellar(NamedTuple):
    """An account that pays one dollar back each time, its sequences in a row."""

    settings: Settings
    db: Database
    office: Office
    network: StellarNetwork
    server: SimulatedHorizon
    patch: pytest.MonkeyPatch

    def begin_round(self) -> None:
        pass

    def prepared(self, lifetime: int | None) -> UUID:
        self.patch.setattr(on_stellar, "SECONDS_TO_WAIT", lifetime or 72 * 3600)
        proposal = approved(self.settings, self.db, "iou.redeem", payment("1"))
        row = prepare(self.settings, self.db, proposal)
        envelope = TransactionEnvelope.from_xdr(row.unsigned, row.network)
        for signer in ("treasury", "trustee"):
            envelope.sign(STELLAR_KEYS[signer])
        import_part(self.settings, self.db, envelope.to_xdr().encode())
        return proposal

    def break_something(self, rng: random.Random) -> None:
        kind: Any = rng.choice(["cut", "garbage", "problem"])
        more: dict[str, Any] = {"times": rng.randint(1, 4), "status": rng.choice([429, 500, 503, 504])}
        faults = [
            HorizonFault("POST", "/transactions_async", kind, taken=rng.random() < 0.5, **more),
            HorizonFault("GET", "/transactions", kind, **more),
            HorizonFault("GET", "/ledgers", kind, **more),
            HorizonFault("GET", "/accounts", kind, **more),
        ]
        if rng.random() < 0.2:
            self.network.halted = True
        else:
            self.server.faults.add(rng.choice(faults))

    def mend(self) -> None:
        self.network.halted = False
        self.server.faults = HorizonFaults()

    def held(self) -> dict[str, int]:
        own = [each for each in self.network.history if each.submitted.source == TREASURY.public_key]
        return Counter(each.submitted.hash for each in own if each.verdict.successful)

    def moved(self) -> int:
        return 500 - self.network.accounts[TREASURY.public_key].lines[USD_KEY].balance // LUMEN


Ground = OnXrpl | OnStellar


@contextmanager
def ground(ledger: str, db: Database, home: Path, patch: pytest.MonkeyPatch) -> Iterator[Ground]:
    if ledger == "xrpl":
        here = town()
        assert here.does("treasury", "TrustSet", LimitAmount=token("100000", "issuer")) == "tesSUCCESS"
        with serve_xrpl(here.ledger, closes_every=CLOSES_EVERY) as server:
            settings = begun(home, db, xrpl=server.url)
            yield OnXrpl(settings, db, Office(str(home), db.url, xrpl=server.url), here, server, patch)
        return
    there = network()
    with serve_horizon(there, closes_every=CLOSES_EVERY, with_faults=True) as server:
        settings = begun(home, db, horizon=server.url)
        yield OnStellar(settings, db, Office(str(home), db.url, horizon=server.url), there, server, patch)


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
def test_submitters_that_are_killed_send_everything_once_or_never(
    ledger: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, began = random.Random(SEED), time.monotonic()
    ends: Counter[str] = Counter()
    with ground(ledger, database, tmp_path / "home", monkeypatch) as here:
        for _ in range(max(1, KILLS // KILLS_OF_A_ROUND)):
            proposals = _killed_round(here, rng)
            _settled(here, proposals)
            ends.update(_row(database, each).state for each in proposals)
        assert here.moved() == ends["confirmed"]
        told = walked(here.settings, database)
        assert here.held() == {
            row.hash if ledger == "stellar" else (row.hash or "").upper(): 1
            for row in _rows(database)
            if row.state == "confirmed"
        }
    assert {*ends} == {*FINAL}, f"seed {SEED}"
    effect = "iou_issued"
    if ledger == "xrpl":
        assert Counter(each for one in told.values() for each in one.others)[effect] == ends["confirmed"]
    seconds = time.monotonic() - began
    logging.getLogger(__name__).info("%s: seed %s, %s kills, %s, %.0f s", ledger, SEED, KILLS, dict(ends), seconds)


def _killed_round(here: Ground, rng: random.Random) -> list[UUID]:
    """Transactions of all lifetimes, the last of them too short for any submitter, and kills while they are sent."""
    here.begin_round()
    lifetimes = [None, *(rng.choice([None, rng.randint(5, 40)]) for _ in range(TRANSACTIONS - 2))]
    proposals = [here.prepared(each) for each in sorted(lifetimes, key=lambda each: -(each or 10**6))]
    proposals.append(here.prepared(1))
    time.sleep(3 * CLOSES_EVERY)
    signed = {each: _row(here.db, each).signed for each in proposals}
    for _ in range(KILLS_OF_A_ROUND):
        if rng.random() < 0.8:
            here.break_something(rng)
        _killed(here.office, proposals, rng, beside=rng.random() < 0.5)
        here.mend()
    assert {each: _row(here.db, each).signed for each in proposals} == signed
    return proposals


def _killed(office: Office, proposals: list[UUID], rng: random.Random, *, beside: bool) -> None:
    """A submitter, perhaps two, that live for a moment."""
    alive = []
    for _ in range(2 if beside else 1):
        hears, says = FORKED.Pipe(duplex=False)
        process = FORKED.Process(target=sends, args=(office, proposals, says))
        process.start()
        assert hears.poll(30)
        alive.append(process)
    for process in alive:
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.join()


def _settled(here: Ground, proposals: list[UUID]) -> None:
    """Let the treasury go on, without kills, until everything is at its end."""
    deadline = time.monotonic() + 60
    while True:
        rows = [_row(here.db, each) for each in proposals]
        if all(row.state in FINAL for row in rows):
            return
        assert time.monotonic() < deadline, [(row.state, row.answer) for row in rows]
        for row in rows:
            if row.state == "ready_to_submit":
                submit(here.settings, here.db, row.proposal_id)
        confirm(here.settings, here.db, send_again=SEND_AGAIN * 0)
        time.sleep(0.05)


def _row(db: Database, proposal: UUID) -> LedgerTxRow:
    with db.connect() as connection:
        row = transaction_of(connection, proposal)
    assert row
    return row


def _rows(db: Database) -> list[LedgerTxRow]:
    with db.connect() as connection:
        return transactions(connection, FINAL)

"""A Horizon that is killed at random while payments are submitted: each of them is in the ledger exactly once."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from stellar_sdk import Account, Asset, TransactionBuilder, TransactionEnvelope

from fntx_dagster.adapters.stellar.connection import HorizonConnection
from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.adapters.stellar.states import Meaning
from fntx_dagster.adapters.stellar.submitting import outcome_of, submit
from fntx_dagster.errors import Transient
from fntx_dagster.simulate.horizon.network import TESTNET, StellarNetwork
from tests.simulate.horizon.parts import HOLDER, LUMEN, TREASURY

PAYMENTS, KILLS = 40, 5


class Mortal:
    """A server that is killed and started again on the same port with the same state, until it may rest."""

    def __init__(self, folder: Path, seed: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder, self._random, self.killed = folder, random.Random(seed), 0
        self.state = folder / "world.jsonl"
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Mortal:
        self._process = self._started()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._process.terminate()
        self._process.wait(20)

    def _live(self) -> None:
        for _ in range(KILLS):
            time.sleep(self._random.uniform(0.05, 0.5))
            self._process.kill()
            self._process.wait()
            self.killed += 1
            self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        address = self._folder / "address"
        address.unlink(missing_ok=True)
        options = ["--port", str(self.port), "--address", str(address), "--state", str(self.state)]
        funds = ["--fund", f"{TREASURY.public_key}=1000", "--fund", f"{HOLDER.public_key}=1000"]
        command = [sys.executable, "-m", "fntx_dagster.simulate.horizon", "--closes-every", "0.03", *options, *funds]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.getcwd()})
        while not address.exists():
            assert process.poll() is None, "the simulator ended"
            time.sleep(0.02)
        return process


def payment(sequence: int) -> TransactionEnvelope:
    """One lumen to the holder, signed once: the same bytes are sent until they are in a ledger."""
    builder = TransactionBuilder(Account(TREASURY.public_key, sequence), TESTNET, 100)
    builder.append_payment_op(HOLDER.public_key, Asset.native(), "1").add_time_bounds(0, int(time.time()) + 7200)
    envelope = builder.build()
    envelope.sign(TREASURY)
    return envelope


@pytest.mark.slow
def test_every_payment_is_in_the_ledger_exactly_once(tmp_path: Path) -> None:
    sent: list[str] = []
    with Mortal(tmp_path, seed=1) as server:
        connection = HorizonConnection(f"http://127.0.0.1:{server.port}", timeout=1, post_timeout=1)
        horizon = Horizon(connection, TESTNET)
        first = sequence_of(horizon)
        while len(sent) < PAYMENTS or server.killed < KILLS:
            envelope = payment(first + len(sent))
            end = int(time.time()) + 7200
            while outcome_of(horizon, envelope.hash_hex(), end).state != "confirmed":
                if submit(horizon, envelope.to_xdr()).meaning is Meaning.UNKNOWN:
                    time.sleep(0.05)
            sent.append(envelope.hash_hex())
        connection.close()
    network = StellarNetwork(world=server.state)
    held = Counter(entry.submitted.hash for entry in network.history if entry.verdict.successful)
    assert held == Counter(sent)
    assert len(network.history) == len(sent)
    assert network.accounts[HOLDER.public_key].balance == (1000 + len(sent)) * LUMEN
    assert server.killed == KILLS


def sequence_of(horizon: Horizon) -> int:
    """The treasury's sequence, once the server can be asked."""
    while True:
        with suppress(Transient):
            account = horizon.account(TREASURY.public_key)
            if account is not None:
                return account.sequence
        time.sleep(0.05)

"""A treasury at simulated ledgers whose accounts nobody has set up: they have funds and their own keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from stellar_sdk import Keypair

from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon
from fntx_dagster.simulate.xrpl.server import XrplServer
from fntx_dagster.store.database import Database
from tests.services.governance.treasuries import decision
from tests.services.transactions.worlds import SIGNERS, STELLAR_SIGNER
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.horizon.parts import LUMEN, TREASURY
from tests.simulate.xrpl.people import XRP, Town, funded, wallet

STELLAR_MASTERS: dict[str, Keypair] = {"issuer": STELLAR_ISSUER, "distribution": TREASURY}


class SetupDesk(NamedTuple):
    """A treasury whose ledgers hold its accounts as they were funded."""

    settings: Settings
    db: Database
    town: Town
    server: XrplServer
    network: StellarNetwork
    horizon: SimulatedHorizon
    folder: Path

    def approve(self, proposal: UUID | None) -> None:
        """All three signers approve."""
        assert proposal
        for signer in SIGNERS:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, signer))

    def sign(self, file: Path, role: str) -> None:
        """The holder of an account's own key signs a file elsewhere, and it is imported."""
        assert import_part(self.settings, self.db, signed_by_master(file, role)).state == "ready_to_submit"


def fresh_town() -> Town:
    """An XRP Ledger on which the treasury's accounts have XRP and nothing else."""
    return funded("issuer", "treasury", "escrow", "holder", drops=1000 * XRP)


def fresh_network() -> StellarNetwork:
    """A Stellar network on which the treasury's accounts have lumens and nothing else."""
    known = StellarNetwork()
    for key in STELLAR_MASTERS.values():
        known.put(AccountEntry(key.public_key, balance=100 * LUMEN, sequence=3))
    return known


_XRPL_MASTER = """
import json, sys
from xrpl.models import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet
from xrpl.constants import CryptoAlgorithm
seed, path = sys.argv[1:]
blob = json.load(open(path))["unsigned_blob"]
print(sign(Transaction.from_blob(blob), Wallet.from_seed(seed, algorithm=CryptoAlgorithm.ED25519)).blob())
"""


def signed_by_master(file: Path, role: str) -> bytes:
    """What the holder of an account's own key returns: another process, which imports nothing of ours."""
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if document["ledger"] == "xrpl":
        arguments = [_XRPL_MASTER, str(wallet(role).seed), str(file)]
    else:
        arguments = [STELLAR_SIGNER, STELLAR_MASTERS[role].secret, str(file)]
    done = subprocess.run([sys.executable, "-I", "-c", *arguments], cwd="/", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout

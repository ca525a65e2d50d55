"""A whole treasury on both simulated ledgers, as its configuration says: nine accounts, their lines, flags and signers.
Nothing of its making is in the database, as where a treasury was set up by other means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from fntx_dagster.services.reconciling.running import Reconciliation, run
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.simulate.horizon.entries import CLAWBACK, REQUIRED, REVOCABLE, AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.store.database import Database
from tests.services.anchoring.harbour import ANCHOR, anchored_platform
from tests.services.transactions.worlds import XRPL_NAMES
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.horizon.parts import LUMEN, TREASURY, multisig
from tests.simulate.xrpl.people import XRP, Town, address, funded, signers

ROLES = ("issuer", "treasury", "escrow", "attestation", "amm", "trading")
LOCKING, REQUIRE_AUTH, DISABLE_MASTER, AUTHORIZE = 17, 2, 4, 0x10000


def code(text: str) -> str:
    """The code of a token as the ledger writes it."""
    return text.encode().ljust(20, b"\0").hex().upper()


def estate_town(document: dict[str, Any]) -> Town:
    """An XRP Ledger on which the six accounts are as configured, with a stranger."""
    town = funded(*ROLES, "stranger", drops=1000 * XRP)
    town_does(town, "issuer", "AccountSet", SetFlag=REQUIRE_AUTH)
    town_does(town, "issuer", "AccountSet", SetFlag=LOCKING)
    for role in ROLES:
        for line in document["xrpl"]["accounts"][role]["trustlines"]:
            limit = {"currency": code(line["currency"]), "issuer": line["issuer"], "value": line["limit"]}
            town_does(town, role, "TrustSet", LimitAmount=limit)
            town_does(
                town, "issuer", "TrustSet", LimitAmount=limit | {"issuer": address(role), "value": "0"}, Flags=AUTHORIZE
            )
    for role in ROLES:
        town_does(town, role, "SignerListSet", **signers(2, *XRPL_NAMES.values()))
        town_does(town, role, "AccountSet", SetFlag=DISABLE_MASTER)
    return town


def town_does(town: Town, name: str, kind: str, **fields: Any) -> None:
    """Something of the set-up that has to succeed."""
    assert town.does(name, kind, **fields) == "tesSUCCESS", (name, kind)


def estate_network() -> StellarNetwork:
    """A Stellar network on which the three accounts are as configured."""
    network = StellarNetwork()
    flags = REQUIRED | REVOCABLE | CLAWBACK
    network.put(AccountEntry(STELLAR_ISSUER.public_key, balance=100 * LUMEN, sequence=0, flags=flags, **multisig()))
    for owner in (TREASURY, ANCHOR):
        network.put(AccountEntry(owner.public_key, balance=100 * LUMEN, sequence=0, **multisig()))
    return network


class Estate(NamedTuple):
    """The treasury and both ledgers, which close when they are told to."""

    settings: Settings
    db: Database
    town: Town
    xrpl: XrplServer
    network: StellarNetwork
    horizon: SimulatedHorizon

    def run(self, scope: str = "full") -> Reconciliation:
        return run(self.settings, self.db, scope)

    def found(self, scope: str = "full") -> dict[str, str]:
        """What of a run is no match, by id."""
        return {item.id: item.status.value for item in self.run(scope).items if item.status != "MATCH"}


@contextmanager
def estate(home: Path, db: Database, town: Town | None = None) -> Iterator[Estate]:
    """The whole, while both servers run."""
    home.mkdir(exist_ok=True)
    document = anchored_platform()
    here, network = town or estate_town(document), estate_network()
    with (
        serve_xrpl(here.ledger, closes_every=None) as xrpl,
        serve_horizon(network, closes_every=3600, with_faults=True) as horizon,
    ):
        config = home / "treasury.json"
        config.write_text(json.dumps(document), encoding="utf-8")
        treasury = TreasurySettings(config=config, xrpl_url=SecretStr(xrpl.url), horizon_url=SecretStr(horizon.url))
        settings = Settings(home=home, treasury=treasury)
        yield Estate(settings, db, here, xrpl, network, horizon)

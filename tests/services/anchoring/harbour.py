"""A treasury whose log is anchored on a simulated XRP Ledger and a simulated Stellar network, with an anchor key of its
own in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import SecretStr
from stellar_sdk import Keypair

from fntx_dagster.services.anchoring.everywhere import EveryAnchoring, LedgerAnchoring, anchor_everywhere
from fntx_dagster.services.anchoring.keystore import read_anchor_keys
from fntx_dagster.services.anchoring.signing import SignedAnchor, sign_anchors
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.governance.signers import enroll
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS
from tests.services.governance.treasuries import decision, registered
from tests.services.transactions.worlds import XRPL_NAMES, platform
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.horizon.parts import LUMEN, key, multisig
from tests.simulate.xrpl.people import XRP, Town, address, funded, signers, wallet

ANCHOR_KEY = "anchor-key"
ANCHOR: Keypair = key("anchor account")
PASSPHRASE = "Test SDF Network ; September 2015"


class Harbour(NamedTuple):
    """The treasury, both ledgers, and the file of the anchor keys. The XRP Ledger closes when it is told to, Stellar
    with every transaction."""

    settings: Settings
    db: Database
    town: Town
    xrpl: XrplServer
    network: StellarNetwork
    horizon: SimulatedHorizon
    keystore: Path

    def anchor(self, *ledgers: str, hours: float = 0, if_due: bool = False) -> list[LedgerAnchoring]:
        """Anchor on the two ledgers, or on these."""
        return self.everywhere(*(ledgers or ("xrpl", "stellar")), hours=hours, if_due=if_due).ledgers

    def everywhere(self, *ledgers: str, hours: float = 0, if_due: bool = False) -> EveryAnchoring:
        now = datetime.now(UTC) + timedelta(hours=hours)
        return anchor_everywhere(self.settings, self.db, now, if_due=if_due, ledgers=ledgers)

    def sign(self, keystore: Path | None = None, now: datetime | None = None) -> list[SignedAnchor]:
        return sign_anchors(self.settings, self.db, read_anchor_keys(keystore or self.keystore), now=now)

    def signed(self) -> list[SignedAnchor]:
        """Sign what waits, and let the XRP Ledger close."""
        self.sign()
        self.xrpl.close_ledger()
        return self.sign()

    def vote(self, proposal: UUID, *names: str) -> str:
        for name in names:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, name))
        return show(self.db, proposal).row.state

    def stand(self, ledger: str, **changes: Any) -> UUID:
        """A standing approval that three have approved."""
        proposal = propose(self.settings, self.db, "standing.approve", standing(ledger) | changes)
        assert self.vote(proposal, *KEYS) == "approved"
        return proposal

    def on_xrpl(self) -> list[str]:
        """The memos of the payments that the attestation account ever got into a ledger."""
        rows = self.xrpl.ask("account_tx", account=address("attestation"), ledger_index_min=-1, forward=True)
        txs = [row.get("tx_json") or row.get("tx") for row in rows["transactions"]]
        return [
            tx["Memos"][0]["Memo"]["MemoData"].lower()
            for tx in txs
            if tx["TransactionType"] == "Payment" and tx["Account"] == address("attestation") and "Memos" in tx
        ]

    def on_stellar(self) -> int:
        """How many transactions the anchor account ever got into a ledger."""
        return self.network.accounts[ANCHOR.public_key].sequence - 40


def standing(ledger: str) -> dict[str, Any]:
    """What people are asked to approve for good on a ledger."""
    if ledger == "xrpl":
        params = {"destination": address("treasury")}
        intent = {"op": "anchor", "account": address("attestation"), "params": params}
        template = {"ledger": "xrpl", "network_id": 1, "intent": intent}
        return {"template": template, "per_day": 3, "fee_cap": "100", "days": 90, "key": address(ANCHOR_KEY)}
    template = {"ledger": "stellar", "network_id": PASSPHRASE}
    intent = {"op": "anchor", "account": ANCHOR.public_key}
    return {"template": template | {"intent": intent}, "per_day": 3, "fee_cap": "1000", "days": 90} | {
        "key": ANCHOR.public_key
    }


def keystore(file: Path, name: str = ANCHOR_KEY, anchor: Keypair = ANCHOR) -> Path:
    """The file of an anchor key for both ledgers."""
    document = {
        "format": "fntx-anchor-key/1",
        "xrpl": {"algorithm": "secp256k1" if name.endswith("-k1") else "ed25519", "seed": wallet(name).seed},
        "stellar": {"seed": anchor.secret},
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    file.chmod(0o600)
    return file


def towns(key_name: str = ANCHOR_KEY) -> Town:
    """An XRP Ledger with the treasury's accounts; the attestation account has the anchor key as its regular key."""
    town = funded("issuer", "treasury", "attestation", drops=1000 * XRP)
    assert town.does("issuer", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    assert town.does("attestation", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    assert town.does("attestation", "SetRegularKey", RegularKey=address(key_name)) == "tesSUCCESS"
    return town


def networks() -> StellarNetwork:
    """A Stellar network with the issuer, which three hold, and the anchor account, which its own key holds."""
    known = StellarNetwork()
    known.put(AccountEntry(STELLAR_ISSUER.public_key, balance=100 * LUMEN, sequence=0, **multisig()))
    known.put(AccountEntry(ANCHOR.public_key, balance=100 * LUMEN, sequence=40))
    return known


@contextmanager
def harbour(
    home: Path, db: Database, *, closes_every: float | None = None, config: dict[str, Any] | None = None
) -> Iterator[Harbour]:
    """The whole, while both servers run."""
    town, network = towns(), networks()
    home.mkdir(exist_ok=True)
    with (
        serve_xrpl(town.ledger, closes_every=closes_every) as xrpl,
        serve_horizon(network, with_faults=True) as horizon,
    ):
        document = config or anchored_platform()
        file = home / "treasury.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        settings = Settings(
            home=home,
            treasury=TreasurySettings(config=file, xrpl_url=SecretStr(xrpl.url), horizon_url=SecretStr(horizon.url)),
        )
        assert enroll(settings, db, registered(settings, document)) == 1
        yield Harbour(settings, db, town, xrpl, network, horizon, keystore(home / "anchor-key.json"))


def anchored_platform() -> dict[str, Any]:
    """The configuration, in which the anchor account is the one of the tests."""
    document = platform()
    document["stellar"]["accounts"]["anchor"]["address"] = ANCHOR.public_key
    return document

"""The treasury of a demo: whose the accounts are, its configuration, and the ledgers it begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.cli.demo_ledgers import DemoLedgers, ledgers
from fntx_dagster.cli.demo_signers import DemoSigner
from fntx_dagster.errors import Permanent
from fntx_dagster.services.database import Database
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.sanctions import write_list
from fntx_dagster.simulate.treasury import AccountsOnStellar

NETWORK_ID, PASSPHRASE = 1, "Demo network of Stellar ; nobody else's"
SIGNERS = ("treasury", "compliance", "trustee")
"""Their names are their roles."""
BOND, DOLLAR = "DEMO.BOND", "DEMOUSD"
BOND_CODE = BOND.encode().hex().upper().ljust(40, "0")
"""As the XRP Ledger writes it."""
LIMIT = 1_000_000

HOUSE = ("issuer", "house", "escrow", "amm", "trading")
"""Whose keys the accounts of the treasury begin with; `attestation` has its own."""
_WITHOUT_TOKENS = ("attestation", "escrow", "amm", "trading")
BY = "operator:demo"


class DemoTreasury(NamedTuple):
    """What the steps of the demo work on. `owners`: whose the accounts on the ledgers are."""

    settings: Settings
    db: Database
    folder: Path
    signers: list[DemoSigner]
    owners: Mapping[str, DemoSigner]
    ledgers: DemoLedgers

    def xrpl(self, owner: str) -> str:
        """The address of an owner's account on the XRP Ledger."""
        return self.owners[owner].public["xrpl"]

    def stellar(self, owner: str) -> str:
        """The same on Stellar."""
        return self.owners[owner].public["stellar"]


def simulated_ledgers(
    folder: Path, owners: Mapping[str, DemoSigner], funded: Sequence[str], *, moves_time: bool = False
) -> AbstractContextManager[DemoLedgers]:
    """An XRP Ledger and a Stellar network, each a process, with the accounts of the treasury, and those of the owners
    that are `funded`. `moves_time`: the clock of the XRP Ledger can be put forward."""
    addresses = [owners[name].public["xrpl"] for name in funded]
    issuer, house, anchor = (owners[name].public["stellar"] for name in ("issuer", "house", "attestation"))
    stellar = AccountsOnStellar(issuer, house, anchor, DOLLAR, LIMIT)
    return ledgers(folder, addresses, NETWORK_ID, stellar, PASSPHRASE, moves_time=moves_time)


def configuration(signers: Sequence[DemoSigner], owners: Mapping[str, DemoSigner]) -> dict[str, Any]:
    """The treasury's configuration: addresses and rules, no key."""
    xrpl, stellar = ({name: owner.public[ledger] for name, owner in owners.items()} for ledger in ("xrpl", "stellar"))
    line = {"currency": BOND, "issuer": xrpl["issuer"], "limit": str(LIMIT), "authorized": True}
    return {
        "platform": "DEMO",
        "version": "1.0.0",
        "network": "simulated",
        "threshold": 2,
        "config_threshold": 3,
        "anchor_every_s": 86_400,
        "signers": [
            {"id": each.name, "role": each.name, "xrpl": each.public["xrpl"], "stellar": each.public["stellar"]}
            for each in signers
        ],
        "xrpl": {
            "network_id": NETWORK_ID,
            "issuer_role": "issuer",
            "reserve_base": "1000000",
            "reserve_inc": "200000",
            "margin_drops": "1000000",
            "accounts": {
                "issuer": {"address": xrpl["issuer"], "trustlines": [], "flags": {"require_auth": True}},
                "treasury": {"address": xrpl["house"], "trustlines": [line], "flags": {}},
                **{role: {"address": xrpl[role], "trustlines": [], "flags": {}} for role in _WITHOUT_TOKENS},
            },
        },
        "stellar": {
            "passphrase": PASSPHRASE,
            "base_reserve": "0.5",
            "thresholds": {"master": 0, "low": 2, "med": 2, "high": 3},
            "asset": {"code": DOLLAR, "issuer": stellar["issuer"]},
            "accounts": {
                "issuer": {"address": stellar["issuer"], "flags": {"auth_required": True, "auth_revocable": True}},
                "distribution": {"address": stellar["house"], "flags": {}},
                "anchor": {"address": stellar["attestation"], "flags": {}},
            },
        },
    }


def load_made_up_list(demo: DemoTreasury) -> str:
    """Load a sanctions list of entities that there are not; what it is, in words."""
    file = demo.folder / "targets.simple.csv"
    write_list(file)
    loaded = load_list(demo.settings, demo.db, file, dated_at=datetime.now(UTC), by=BY)
    return f"A sanctions list of {loaded.version.entities} entities is loaded, all of them made up: {file.name}."


def must(holds: bool, words: str) -> None:
    """Permanent with these words unless it holds."""
    if not holds:
        raise Permanent(words, "Report it: this is a fault of FNTX")

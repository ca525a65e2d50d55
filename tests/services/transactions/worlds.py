"""A treasury whose accounts are on simulated ledgers, and signers who sign elsewhere: in processes of their own, with
the public libraries and nothing of ours."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from stellar_sdk import Keypair

from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import record_screening
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.signers import enroll
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.settings import Settings
from fntx_dagster.settings.compliance import ComplianceSettings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.store.database import Database
from tests.services.governance.treasuries import PLATFORM, decision, registered
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.horizon.parts import LUMEN, PEOPLE, TREASURY, USD_KEY, line, multisig
from tests.simulate.xrpl.people import XRP, Town, address, funded, signers, token, wallet

SIGNERS = ("treasury", "compliance", "trustee")
XRPL_NAMES: dict[str, str] = dict(zip(SIGNERS, ("s1", "s2-k1", "s3"), strict=True))
STELLAR_KEYS: dict[str, Keypair] = dict(zip(SIGNERS, PEOPLE, strict=True))


def platform() -> dict[str, Any]:
    """The configuration of a treasury on the tests' ledgers."""
    document = copy.deepcopy(PLATFORM)
    for signer in document["signers"]:
        signer["xrpl"] = address(XRPL_NAMES[signer["id"]])
        signer["stellar"] = STELLAR_KEYS[signer["id"]].public_key
    for role, account in document["xrpl"]["accounts"].items():
        account["address"] = address(role)
        for each in account["trustlines"]:
            each["issuer"] = address("issuer")
    document["stellar"]["asset"]["issuer"] = STELLAR_ISSUER.public_key
    accounts = document["stellar"]["accounts"]
    accounts["issuer"]["address"] = STELLAR_ISSUER.public_key
    accounts["distribution"]["address"] = TREASURY.public_key
    return document


def town() -> Town:
    """An XRP Ledger with the issuer, whose signers are three, and the treasury, whose line it has authorised."""
    town = funded("issuer", "treasury", "stranger", drops=1000 * XRP)
    assert town.does("issuer", "AccountSet", SetFlag=2) == "tesSUCCESS"
    assert town.does("treasury", "TrustSet", LimitAmount=token("1000", "issuer")) == "tesSUCCESS"
    line = {"currency": token("0", "issuer")["currency"], "issuer": address("treasury"), "value": "0"}
    assert town.does("issuer", "TrustSet", LimitAmount=line, Flags=0x10000) == "tesSUCCESS"
    assert town.does("issuer", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    return town


def network() -> StellarNetwork:
    """A Stellar network with the issuer, and the distribution account, whose three people hold it."""
    known = StellarNetwork()
    known.put(AccountEntry(STELLAR_ISSUER.public_key, balance=100 * LUMEN, sequence=0, **multisig()))
    fields = {**line(500, 1000), **multisig()}
    known.put(AccountEntry(TREASURY.public_key, balance=100 * LUMEN, sequence=7, **fields))
    return known


def begun(home: Path, db: Database, *, xrpl: str | None = None, horizon: str | None = None) -> Settings:
    """A treasury whose signers are enrolled, with a fresh list and a party that is on none. No amount needs the travel
    rule."""
    home.mkdir(exist_ok=True)
    document = platform()
    config = home / "treasury.json"
    config.write_text(json.dumps(document), encoding="utf-8")
    urls = {"xrpl_url": xrpl, "horizon_url": horizon}
    secret = {name: SecretStr(url) for name, url in urls.items() if url}
    settings = Settings(
        home=home,
        treasury=TreasurySettings(config=config, **secret),  # pyright: ignore[reportArgumentType]  # by name
        compliance=ComplianceSettings(travel_rule_amount=Decimal(1_000_000)),
    )
    assert enroll(settings, db, registered(settings, document)) == 1
    load_list(settings, db, write_list(home / "list.csv", *ROWS), by=BY)
    set_party(settings, db, "good", "Helena Brightwater", "Person", by=BY)
    for name in ("stranger", "nobody"):
        set_address(db, "good", address(name), by=BY)
    return settings


def issue(value: str = "12.5", destination: str = "treasury") -> dict[str, Any]:
    """An issue by the issuer on the XRP Ledger."""
    amount = {"currency": "OPTKAS.BOND", "issuer": address("issuer"), "value": value}
    params = {"destination": address(destination), "amount": amount}
    intent = {"op": "payment", "account": address("issuer"), "params": params}
    return {"ledger": "xrpl", "network_id": 1, "intent": intent}


def payment(amount: str = "12.5") -> dict[str, Any]:
    """A payment of dollars back to their issuer on Stellar, by the distribution account."""
    code, issuer = USD_KEY.split(":")
    params = {"destination": issuer, "asset": {"code": code, "issuer": issuer}, "amount": amount}
    intent = {"op": "payment", "account": TREASURY.public_key, "params": params}
    return {"ledger": "stellar", "network_id": PLATFORM["stellar"]["passphrase"], "intent": intent}


def approved(settings: Settings, db: Database, kind: str, payload: dict[str, Any]) -> UUID:
    """A proposal that is screened, and approved by two."""
    proposal = propose(settings, db, kind, payload, ["good"])
    if show(db, proposal).row.state == "screening":
        record_screening(settings, db, proposal, "cleared", "system:compliance")
    for signer in ("treasury", "trustee"):
        decide(settings, db, proposal, decision(db, proposal, signer))
    assert show(db, proposal).row.state == "approved"
    return proposal


def refused_twice(settings: Settings, db: Database, kind: str, payload: dict[str, Any]) -> str:
    """The code with which a payload is refused before anybody votes; and again when it is prepared, where no server
    was named before the vote."""
    with pytest.raises(TransactionRefused) as refused:
        propose(settings, db, kind, payload, ["good"])
    assert list_proposals(db, "all") == []
    proposal = approved(unasking(settings), db, kind, payload)
    with pytest.raises(TransactionRefused) as again:
        prepare(settings, db, proposal)
    assert (again.value.code, show(db, proposal).row.state) == (refused.value.code, "approved")
    return refused.value.code


def unasking(settings: Settings) -> Settings:
    """The same, where no server of a ledger is named."""
    unnamed = settings.treasury.model_copy(update={"xrpl_url": None, "horizon_url": None})
    return settings.model_copy(update={"treasury": unnamed})


_XRPL_SIGNER = """
import json, sys
from xrpl.models import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet
from xrpl.constants import CryptoAlgorithm
seed, algorithm, path = sys.argv[1:]
blob = json.load(open(path))["unsigned_blob"]
wallet = Wallet.from_seed(seed, algorithm=CryptoAlgorithm(algorithm))
print(sign(Transaction.from_blob(blob), wallet, multisign=True).blob())
"""
STELLAR_SIGNER = """
import json, sys
from stellar_sdk import Keypair, TransactionEnvelope
secret, path = sys.argv[1:]
file = json.load(open(path))
envelope = TransactionEnvelope.from_xdr(file["unsigned_xdr"], file["network_id"])
envelope.sign(Keypair.from_secret(secret))
print(envelope.to_xdr())
"""


def signed_elsewhere(file: Path, signer: str) -> bytes:
    """What a signer returns of a file: of another process, in another folder, that imports nothing of ours."""
    ledger = json.loads(file.read_text(encoding="utf-8"))["ledger"]
    if ledger == "xrpl":
        own = wallet(XRPL_NAMES[signer])
        algorithm = "secp256k1" if XRPL_NAMES[signer].endswith("-k1") else "ed25519"
        arguments = [_XRPL_SIGNER, str(own.seed), algorithm, str(file)]
    else:
        arguments = [STELLAR_SIGNER, STELLAR_KEYS[signer].secret, str(file)]
    done = subprocess.run([sys.executable, "-I", "-c", *arguments], cwd="/", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def events(db: Database) -> list[str]:
    """The types of the audit log's events, in order."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select type from treasury.audit_event order by seq")]

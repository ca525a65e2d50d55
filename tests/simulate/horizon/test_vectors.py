"""Transactions that the SDK in JavaScript made and signed are valid here: same hashes, every signature counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import xdr

from fntx_dagster.simulate.horizon.entries import AccountEntry, HeldLine
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.transactions import decoded
from tests.simulate.horizon.parts import LUMEN, NOW

FILE = Path(__file__).parents[2] / "adapters" / "stellar" / "vectors" / "transactions.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
KEYS = {name: key["public_key"] for name, key in VECTORS["keys"].items()}
ASSET = f"OPTKASUSD:{KEYS['issuer']}"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_a_vector_is_verified_and_applied(case: dict[str, Any]) -> None:
    network = StellarNetwork(case["spec"]["passphrase"], clock=lambda: NOW)
    source = case["spec"]["source"]
    people = {signature["public_key"]: 1 for signature in case["signatures"]} if len(case["signatures"]) > 1 else {}
    held = {"low": 2, "med": 2, "high": 3, "master": 0, "signers": people} if people else {}
    sequence = int(case["spec"]["sequence"])
    lines = {} if case["id"] == "trustline" else {ASSET: HeldLine(0, 10_000 * LUMEN, 1)}
    for account_id in (KEYS["issuer"], KEYS["distribution"]):
        entry = AccountEntry(account_id, 100 * LUMEN, sequence, flags=11 if account_id == KEYS["issuer"] else 0)
        if account_id == KEYS["distribution"]:
            entry = AccountEntry(account_id, 100 * LUMEN, sequence, lines=lines)
        network.put(AccountEntry(**{**entry.__dict__, **(held if account_id == source else {})}))
    submitted = decoded(case["signed_xdr"], network.passphrase)
    assert (submitted.hash, decoded(case["unsigned_xdr"], network.passphrase).hash) == (case["hash"], case["hash"])
    assert network.submit(submitted).status == "PENDING"
    network.close()
    entry = network.entry(case["hash"])
    assert entry is not None
    assert entry.verdict.code == "tx_success"
    assert xdr.TransactionResult.from_xdr(entry.result_xdr()).result.code == xdr.TransactionResultCode.txSUCCESS


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_a_vector_with_one_byte_changed_is_not(case: dict[str, Any]) -> None:
    network = StellarNetwork(case["spec"]["passphrase"], clock=lambda: NOW)
    entry = AccountEntry(case["spec"]["source"], 100 * LUMEN, int(case["spec"]["sequence"]))
    people = {signature["public_key"]: 1 for signature in case["signatures"]}
    network.put(AccountEntry(**{**entry.__dict__, "signers": people, "low": len(people)}))
    envelope = decoded(case["signed_xdr"], network.passphrase).envelope
    signature = envelope.signatures[0]
    signature.signature = bytes([signature.signature[0] ^ 1]) + signature.signature[1:]
    answered = network.submit(decoded(envelope.to_xdr(), network.passphrase))
    assert answered.verdict is not None
    assert answered.verdict.code == "tx_bad_auth"

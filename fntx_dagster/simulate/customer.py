"""People outside who send transactions of their own with a public library, in a process that holds their keys:
`python -m fntx_dagster.simulate.customer URL FILE`, with JSON on its standard input: a list of phases, each a list of
`{"seed": FILE, "tx": {…}}`. Those of a phase are sent when those before it are in a ledger. FILE gets their hashes,
one a line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from xrpl.clients import JsonRpcClient
from xrpl.core.keypairs import derive_keypair
from xrpl.models import Transaction, Tx
from xrpl.transaction import autofill, sign, submit
from xrpl.wallet import Wallet

_LEDGERS, _WITHIN = 10_000, 30


def main(url: str, file: str) -> None:
    """Send what is asked for, and wait until ledgers have it. Ends with words where one has not, or it failed."""
    client, hashes = JsonRpcClient(url), list[str]()
    for phase in json.load(sys.stdin):
        sent = [_sent(client, Path(each["seed"]), each["tx"]) for each in phase]
        for tx_hash in sent:
            _wait(client, tx_hash)
        hashes += sent
    Path(file).write_text("\n".join(hashes), encoding="utf-8")


def _sent(client: JsonRpcClient, seed: Path, fields: dict[str, Any]) -> str:
    wallet = Wallet(*derive_keypair(seed.read_text(encoding="utf-8").strip()))
    filled = autofill(Transaction.from_xrpl(fields | {"Account": wallet.address}), client)
    lasting = filled.to_dict() | {"last_ledger_sequence": (filled.last_ledger_sequence or 0) + _LEDGERS}
    signed = sign(Transaction.from_dict(lasting), wallet)
    submit(signed, client)
    return signed.get_hash()


def _wait(client: JsonRpcClient, tx_hash: str) -> None:
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        found = client.request(Tx(transaction=tx_hash)).result
        if found.get("validated"):
            if (outcome := found["meta"]["TransactionResult"]) != "tesSUCCESS":
                sys.exit(f"{tx_hash} failed: {outcome}")
            return
        time.sleep(0.1)
    sys.exit(f"no ledger has {tx_hash}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Somebody outside who opens a line of his own with a public library, in a process that holds his key:
`python -m fntx_dagster.simulate.customer URL SEED_FILE ISSUER CURRENCY LIMIT`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from xrpl.clients import JsonRpcClient
from xrpl.core.keypairs import derive_keypair
from xrpl.models import IssuedCurrencyAmount, TrustSet, Tx
from xrpl.transaction import autofill, sign, submit
from xrpl.wallet import Wallet

_LEDGERS, _WITHIN = 10_000, 30


def main(url: str, seed_file: str, issuer: str, currency: str, limit: str) -> None:
    """Open the line, and wait until a ledger has it. Ends with words where none does."""
    wallet, client = Wallet(*derive_keypair(Path(seed_file).read_text(encoding="utf-8").strip())), JsonRpcClient(url)
    amount = IssuedCurrencyAmount(currency=currency, issuer=issuer, value=limit)
    filled = autofill(TrustSet(account=wallet.address, limit_amount=amount), client)
    fields = filled.to_dict() | {"last_ledger_sequence": (filled.last_ledger_sequence or 0) + _LEDGERS}
    signed = sign(TrustSet.from_dict(fields), wallet)
    submit(signed, client)
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        answer = client.request(Tx(transaction=signed.get_hash())).result
        if answer.get("validated"):
            return
        time.sleep(0.1)
    sys.exit("no ledger has the line")


if __name__ == "__main__":
    main(*sys.argv[1:])

# ruff: noqa: T201 - it prints
"""Signs transactions of Stellar: python3 stellar_transaction.py stellar.seed ID.json … > signed.txt"""

import json
import sys
from pathlib import Path

from stellar_sdk import Keypair, TransactionEnvelope

seed, *files = sys.argv[1:]
for file in files:
    exported = json.loads(Path(file).read_text())
    envelope = TransactionEnvelope.from_xdr(exported["unsigned_xdr"], exported["network_id"])
    transaction = envelope.transaction
    # what the bytes say: compare it with what you approved
    print("from", transaction.source.account_id, "with the sequence", transaction.sequence, file=sys.stderr)
    print("fee of", transaction.fee, "stroops at most;", transaction.memo, file=sys.stderr)
    print("valid in", transaction.preconditions, file=sys.stderr)
    for operation in transaction.operations:
        print(operation, file=sys.stderr)
    envelope.sign(Keypair.from_secret(Path(seed).read_text().strip()))
    print(envelope.to_xdr())

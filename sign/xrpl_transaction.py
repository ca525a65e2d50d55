# ruff: noqa: T201 - it prints
"""Signs transactions of the XRP Ledger: python3 xrpl_transaction.py xrpl.seed ID.json … > signed.txt"""

import json
import sys
from pathlib import Path

from xrpl.core.keypairs import derive_keypair
from xrpl.models import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet

seed, *files = sys.argv[1:]
for file in files:
    exported = json.loads(Path(file).read_text())
    transaction = Transaction.from_blob(exported["unsigned_blob"])
    # what the bytes say: compare it with what you approved
    print(json.dumps(transaction.to_xrpl(), indent=2), file=sys.stderr)
    wallet = Wallet(*derive_keypair(Path(seed).read_text().strip()))
    is_one_of_several = exported.get("signing") != "single"  # single: an account that its own key still holds
    print(sign(transaction, wallet, multisign=is_one_of_several).blob())

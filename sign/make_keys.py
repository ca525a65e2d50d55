# ruff: noqa: T201 - it prints
"""Makes keys: python3 make_keys.py FOLDER... The files .seed in it are secret; public.json may leave it."""

import json
import os
import sys
from pathlib import Path

from stellar_sdk import Keypair
from xrpl.core.keypairs import derive_classic_address, derive_keypair, generate_seed

os.umask(0o077)  # the files are readable by their owner alone
for folder in map(Path, sys.argv[1:]):
    folder.mkdir(parents=True)  # never over keys that are there
    decisions, xrpl, stellar = generate_seed(), generate_seed(), Keypair.random()
    for name, secret in {"decisions": decisions, "xrpl": xrpl, "stellar": stellar.secret}.items():
        (folder / f"{name}.seed").write_text(secret)
    public = {
        "scheme": "ed25519",
        "public_key": derive_keypair(decisions)[0],
        "xrpl": derive_classic_address(derive_keypair(xrpl)[0]),
        "stellar": stellar.public_key,
    }
    (folder / "public.json").write_text(json.dumps(public))
    print(folder, json.dumps(public, indent=2))

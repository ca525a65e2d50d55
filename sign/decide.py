# ruff: noqa: T201 - it prints
"""Decides on proposals: python3 decide.py decisions.seed SIGNER approve|reject proposal.json … > decision.json"""

import hashlib
import json
import sys
from pathlib import Path

from xrpl.core.keypairs import derive_keypair, sign

seed, signer, decision, *files = sys.argv[1:]
_, private_key = derive_keypair(Path(seed).read_text().strip())
for file in files:
    proposal = json.loads(Path(file).read_text())
    content = bytes.fromhex(proposal["to_sign"][decision]["hex"])
    header, _, words = content.partition(b"\n")
    signed = json.loads(words)
    payload = json.dumps(proposal["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if (header, signed["decision"]) != (b"FNTX-GOVERNANCE-V1", decision):
        sys.exit("These bytes decide something else: do not sign them.")
    if signed["payload_hash"] != hashlib.sha256(payload.encode()).hexdigest():
        sys.exit("These bytes are of another payload: do not sign them.")
    print(f"{decision} {signed['kind']}: {payload}", file=sys.stderr)
    print(json.dumps({"signer": signer, "decision": decision, "signature": sign(content, private_key)}))

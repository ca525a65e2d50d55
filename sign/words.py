# ruff: noqa: T201 - it prints
"""Signs a registration, or that a match is a false positive: python3 words.py decisions.seed HEX"""

import sys
from pathlib import Path

from xrpl.core.keypairs import derive_keypair, sign

content = bytes.fromhex(sys.argv[2])
if not content.startswith(b"FNTX-GOVERNANCE-V1\n"):
    sys.exit("These are no words of a treasury: do not sign them.")
print(content.decode(), file=sys.stderr)
_, private_key = derive_keypair(Path(sys.argv[1]).read_text().strip())
print(sign(content, private_key))

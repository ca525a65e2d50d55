"""Salts: what keeps an undisclosed metric from being guessed from its leaf.

Unsalted, a P&L to the cent within a million either way is found in two minutes. One secret regenerates every salt, so
none needs to be stored; the secret never leaves the machine, and a disclosure shows only its own slots' salts.
"""

from __future__ import annotations

import hmac
from datetime import date

from fntx_dagster.errors import Permanent

SECRET_BYTES = 32


def salt_of(secret: bytes, schema_hash: bytes, account_id: str, day: date, index: int, version: int = 1) -> bytes:
    """HMAC-SHA256(secret, schema ‖ account ‖ date ‖ index), 32 bytes, with ‖ version from the record's version 2 on.

    Each part is preceded by its length, so that no two different inputs are the same message. Each version has salts of
    its own: a salt that was disclosed for version 1 would else let the same metric of version 2 be guessed from its
    leaf, which stands in the paths of other metrics. Permanent for a secret shorter than 32 bytes or a version below 1.
    """
    if version < 1:
        raise Permanent(f"a record has no version {version}", "Versions are counted from 1")
    if len(secret) < SECRET_BYTES:
        raise Permanent(f"the salt secret is shorter than {SECRET_BYTES} bytes", "Restore its file from the backup")
    parts = [schema_hash, account_id.encode(), day.isoformat().encode(), index.to_bytes(2, "big")]
    if version > 1:
        parts.append(version.to_bytes(8, "big"))
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(secret, message, "sha256")

"""Salts: what keeps an undisclosed metric from being guessed from its leaf.

Unsalted, a P&L to the cent within a million either way is found in two minutes. One secret regenerates every salt, so
none needs to be stored; the secret never leaves the machine, and a disclosure shows only its own slots' salts.
"""

from __future__ import annotations

import hmac
from datetime import date

from fntx_dagster.errors import Permanent

SECRET_BYTES = 32


def salt_of(secret: bytes, schema_hash: bytes, account_id: str, day: date, index: int) -> bytes:
    """HMAC-SHA256(secret, schema ‖ account ‖ date ‖ index), 32 bytes; Permanent for a secret shorter than 32 bytes.

    Each part is preceded by its length, so that no two different inputs are the same message.
    """
    if len(secret) < SECRET_BYTES:
        raise Permanent(f"the salt secret is shorter than {SECRET_BYTES} bytes", "Restore its file from the backup")
    parts = (schema_hash, account_id.encode(), day.isoformat().encode(), index.to_bytes(2, "big"))
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(secret, message, "sha256")

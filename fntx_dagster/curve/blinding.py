"""Blindings that follow from the salt secret: what keeps a commitment to a figure from being guessed.

One secret regenerates each of them, so none is stored, and none is shown.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from fntx_dagster.curve.group import ORDER
from fntx_dagster.proof.salts import need_secret


def blinding_of(secret: bytes, parts: Sequence[bytes]) -> int:
    """The scalar that `parts` have under the secret: an HMAC-SHA512 modulo the group's order.

    Each part is preceded by its length in 4 bytes, so that no two different sequences are the same message. Permanent
    for a secret shorter than 32 bytes.
    """
    need_secret(secret)
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return int.from_bytes(hmac.digest(secret, message, "sha512"), "big") % ORDER

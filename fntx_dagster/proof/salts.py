"""Salts: what keeps an undisclosed metric from being guessed from its leaf.

Unsalted, a P&L to the cent within a million either way is found in two minutes. One secret regenerates every salt, so
none needs to be stored; the secret never leaves the machine, and a disclosure shows only its own slots' salts.

Each record has salts of its own. If two records shared a salt, whoever saw it in a disclosure of the one could guess
the same metric of the other from its leaf: the paths of other metrics show leaves.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.proof.leaves import Context

_SECRET_BYTES = 32
_BOUND_LABEL = b"fntx.salt/2"


def need_secret(secret: bytes) -> None:
    """Permanent for a salt secret that is shorter than 32 bytes."""
    if len(secret) < _SECRET_BYTES:
        raise Permanent(f"the salt secret is shorter than {_SECRET_BYTES} bytes", "Restore its file from the backup")


class SaltForm(IntEnum):
    """How a record's salts follow from the secret. A record keeps the form that it was signed with.

    ACCOUNT: from the catalogue, the account, the day and the slot, and from version 2 on the version. RECORD: from the
    chain, the contract and the trader too, so that an account's day that is signed for two contracts has other salts in
    each.
    """

    ACCOUNT = 1
    RECORD = 2


def salt_of(
    secret: bytes,
    context: Context,
    account_id: str,
    index: int,
    version: int = 1,
    form: SaltForm = SaltForm.RECORD,
) -> bytes:
    """The salt of slot `index` of an account's record, 32 bytes: an HMAC-SHA256 under the secret.

    Each part of the message is preceded by its length, so that no two different inputs, and no two forms, are the same
    message. Permanent for a secret shorter than 32 bytes or a version below 1.
    """
    if version < 1:
        raise Permanent(f"a record has no version {version}", "Versions are counted from 1")
    need_secret(secret)
    counted = version.to_bytes(8, "big")
    day, slot = context.day.isoformat().encode(), index.to_bytes(2, "big")
    if form is SaltForm.ACCOUNT:
        parts = [context.schema_hash, account_id.encode(), day, slot, *([counted] if version > 1 else [])]
    else:
        bound = [context.chain_id.to_bytes(32, "big"), _address(context.contract), _address(context.trader)]
        parts = [_BOUND_LABEL, context.schema_hash, *bound, account_id.encode(), day, slot, counted]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(secret, message, "sha256")


def _address(text: str) -> bytes:
    """20 bytes: the upper and lower case of an address mean the same."""
    return bytes.fromhex(text.removeprefix("0x"))

"""The preimage of an escrow: made, sealed as events of the audit log are, and opened by one step alone."""

from __future__ import annotations

import os
import secrets
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.adapters.xrpl.conditions import condition_of
from fntx_dagster.audit.sealing import NONCE_BYTES, seal_secret, unsealed_secret
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.keys import key_of, sealing_key
from fntx_dagster.services.escrows.payloads import fulfillment_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, InTransaction
from fntx_dagster.store.treasury.audit_log import key_ids
from fntx_dagster.store.treasury.escrows import EscrowRow, SealedPreimage, sealed_preimage

PREIMAGE_BYTES = 32


class SealedCondition(NamedTuple):
    """A condition, and the preimage that fulfils it, sealed."""

    condition: str
    preimage: SealedPreimage


def new_sealed_condition(settings: Settings, connection: Connection, escrow_id: UUID) -> SealedCondition:
    """A new condition for an escrow. Nobody has seen its preimage: it is sealed at once with the key of the log."""
    newest = key_ids(InTransaction(connection))
    key = sealing_key(settings, newest[0] if newest else None)
    preimage, nonce = secrets.token_bytes(PREIMAGE_BYTES), os.urandom(NONCE_BYTES)
    condition = condition_of(preimage).condition
    sealed = seal_secret(preimage, key.secret, nonce, _place(escrow_id, condition))
    return SealedCondition(condition, SealedPreimage(key.key_id, nonce, sealed))


def opened_fulfillment(settings: Settings, connection: Connection, row: EscrowRow) -> str:
    """What finishes an escrow; for `prepare_finish`, once its guards hold, and for nothing else. Raises LostKey where
    the key of the log is not there."""
    sealed = sealed_preimage(connection, row.escrow_id)
    key = key_of(settings, sealed.key_id)
    preimage = unsealed_secret(sealed.content, key.secret, sealed.nonce, _place(row.escrow_id, row.condition))
    if condition_of(preimage).condition != row.condition:
        raise Permanent("the sealed preimage is not that of the condition", "Compare the row with a backup")
    return fulfillment_of(preimage)


def _place(escrow_id: UUID, condition: str) -> str:
    return f"escrow|{escrow_id}|{condition}"

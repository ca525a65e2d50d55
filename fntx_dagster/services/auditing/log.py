"""Writing into the audit log: an event, in the transaction of what it tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import SALT_BYTES, EventSubject, NewAuditEvent, logged
from fntx_dagster.audit.sealing import NONCE_BYTES, seal
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.keys import LostKey, SealingKey, is_from_settings, new_sealing_key, sealing_key
from fntx_dagster.store.treasury.audit_log import Tail, add_event, lock_tail

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database


def append(settings: Settings, connection: Connection, event: NewAuditEvent) -> int:
    """Write an event into the log, in the transaction of the connection, and return its number.

    It is there exactly if the transaction is committed: numbers have no gaps. The transaction must be READ COMMITTED,
    and should append last: nobody else appends before it ends. Permanent for a wrong event; LostKey, before anything
    is written, where the key of the log is not there, cannot be read, or is none.
    """
    tail = lock_tail(connection)
    key = _key(settings, tail)
    if tail.key_id not in (None, key.key_id):
        tail = _rotated(connection, tail, key)
    _write(connection, tail, key, event)
    return tail.next_seq


def append_all(settings: Settings, connection: Connection, events: Iterable[NewAuditEvent]) -> list[int]:
    """Write events in their order, each as `append`; their numbers."""
    return [append(settings, connection, event) for event in events]


def rotate_key(settings: Settings, db: Database) -> str:
    """Seal what follows with a new key, and return its name: that of FNTX_AUDIT_KEY where it is set."""
    with db.connect() as connection:
        tail = lock_tail(connection)
        key = sealing_key(settings, tail.key_id) if is_from_settings(settings) else new_sealing_key(settings)
        if tail.key_id != key.key_id:
            _rotated(connection, tail, key)
    return key.key_id


def _key(settings: Settings, tail: Tail) -> SealingKey:
    """The key for the next event. Whatever keeps it from being used is a LostKey, and nothing of the database's."""
    try:
        return sealing_key(settings, tail.key_id)
    except OSError as error:
        words = f"the key of the audit log cannot be read or made: {error.strerror}"
        raise LostKey(words, "Let the user who runs this read and write keys/audit of the home") from error
    except Permanent as error:
        raise LostKey(error.message, error.way_out) from None


def _rotated(connection: Connection, tail: Tail, key: SealingKey) -> Tail:
    details = {"from": tail.key_id, "to": key.key_id}
    event = NewAuditEvent("key_rotated", "system:audit-log", EventSubject("audit_key", key.key_id), details)
    return _write(connection, tail, key, event)


def _write(connection: Connection, tail: Tail, key: SealingKey, event: NewAuditEvent) -> Tail:
    own = logged(event, tail.next_seq, datetime.now(UTC), tail.prev_hash, os.urandom(SALT_BYTES))
    line = seal(own, key.secret, key.key_id, os.urandom(NONCE_BYTES))
    add_event(connection, line, own.time, own.type)
    return Tail(own.seq + 1, own.leaf_hash, key.key_id)

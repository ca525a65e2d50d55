"""What programs read of the audit log over HTTP: its state, checkpoints, proofs, anchors, and sealed events in pages.

What is sealed stays sealed: only `proof` shows what an event says, and who may ask for it is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.services.auditing.checkpointing import LogBroken, checked_row, make_checkpoint
from fntx_dagster.services.auditing.keys import LostKey, log_key
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.auditing.paths import computed_paths, kept_paths
from fntx_dagster.services.auditing.proving import NoSuchEvent, NotSigned, anchors_of, prove
from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.store.treasury.audit_log import log_size, stored_events
from fntx_dagster.store.treasury.checkpoints import CheckpointRow, checkpoint_of, newest_checkpoint

if TYPE_CHECKING:
    from fntx_dagster.audit.checkpoint import Checkpoint, LogKey
    from fntx_dagster.errors import Permanent
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database


def state(settings: Settings, db: Database) -> dict[str, Any]:
    """How the log stands, as `fntx audit status` gives it."""
    with _declining():
        return status(settings, db).as_dict()


def checkpoint(settings: Settings, db: Database, since: int | None) -> dict[str, Any]:
    """The newest checkpoint; `since`: with the proof that it goes on from the one over so many events. Raises Declined:
    404 where there is no checkpoint, or none over exactly so many."""
    key = log_key(settings)
    with _declining(), db.snapshot() as snapshot, snapshot.connect() as connection:
        newest = newest_checkpoint(connection)
        if newest is None:
            raise _none("no checkpoint was made yet: POST to this path, or `fntx audit checkpoint`, makes one")
        signed, _ = checked_row(newest, key)
        older = None
        if since is not None:
            row = checkpoint_of(connection, since)
            if row is None:
                raise _none(f"no checkpoint is over exactly {since} events: name the size of one that you have")
            older = _older(connection, key, row, signed)
    return _shown(signed, newest.note, key) | {"consistency": older}


def new_checkpoint(settings: Settings, db: Database, now: datetime) -> dict[str, Any]:
    """Sign the log as it is at `now` (aware). Raises Declined (409) where it does not go on from what was signed, and
    where it has no event."""
    key = log_key(settings)
    with _declining():
        with db.connect() as connection:
            if not log_size(connection):
                words = "the audit log has no event yet: a checkpoint is made once there is one"
                raise Declined([FieldFault("", "no_event", words)], "no_event", 409)
        made = make_checkpoint(settings, db, now)
    return _shown(made.checkpoint, made.note, key) | {"is_new": made.is_new}


def proof(settings: Settings, db: Database, seq: int) -> dict[str, Any]:
    """The proof file of an event. Raises Declined: 404 where there is none; 409 where no checkpoint is over it yet,
    where its key is lost, and where the log gives no proof that holds."""
    with _declining():
        return prove(settings, db, seq)


def anchors(db: Database) -> dict[str, Any]:
    """The transactions on ledgers that hold checkpoints, in the order in which they were recorded."""
    return {"anchors": [row.anchor._asdict() | {"recorded_at": row.recorded_at} for row in anchors_of(db)]}


def events(db: Database, first: int, limit: int) -> dict[str, Any]:
    """Sealed events from number `first` on; `next` is the number to ask from for the rest, None where this is all."""
    with db.snapshot() as snapshot:
        found = [stored.line.as_exported() for stored in stored_events(snapshot, first, first + limit)]
        with snapshot.connect() as connection:
            size = log_size(connection)
    return {"events": found, "next": first + limit if first + limit < size else None}


def _older(connection: Connection, key: LogKey, row: CheckpointRow, newest: Checkpoint) -> dict[str, Any]:
    """The proof that the newest checkpoint goes on from an older one, held against both roots before it is given."""
    before, _ = checked_row(row, key)
    ways = (kept_paths, computed_paths)
    for way in ways if before.size < newest.size else ():
        paths = way(connection, newest.size, 0, before.size)
        if paths and consistency_holds(before.size, before.root, newest.size, newest.root, paths.consistency):
            return _linked(before, paths.consistency)
    if before.root != newest.root:
        raise LogBroken(f"the log of {newest.size} events does not go on from the {before.size} that were signed")
    return _linked(before, [])


def _linked(before: Checkpoint, path: list[bytes]) -> dict[str, Any]:
    return {"size": before.size, "root": before.root.hex(), "hashes": [each.hex() for each in path]}


def _shown(signed: Checkpoint, note: str, key: LogKey) -> dict[str, Any]:
    return signed._replace(root=signed.root.hex())._asdict() | {"note": note, "log_key": key.verifier.text}


def _none(words: str) -> Declined:
    return Declined([FieldFault("", "no_checkpoint", words)], "no_checkpoint", 404)


@contextmanager
def _declining() -> Iterator[None]:
    try:
        yield
    except NoSuchEvent as error:
        raise _declined(error, "event_not_found", 404) from None
    except NotSigned as error:
        raise _declined(error, "not_signed", 409) from None
    except LostKey as error:
        raise _declined(error, "key_lost", 409) from None
    except LogBroken as error:
        raise _declined(error, "log_broken", 409) from None


def _declined(error: Permanent, code: str, status: int) -> Declined:
    return Declined([FieldFault("", code, str(error))], code, status)

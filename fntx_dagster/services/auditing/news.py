"""Whether the log tells something new: what anchoring itself writes is no reason to anchor again, and none to give each
ledger another root."""

from __future__ import annotations

from datetime import datetime

from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.checkpointing import checked_row, make_checkpoint
from fntx_dagster.services.auditing.keys import key_of, log_key
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.audit_log import has_other_types, lines_of_types
from fntx_dagster.store.treasury.checkpoints import newest_checkpoint
from fntx_dagster.store.treasury.ledger_anchors import anchoring_ids

_ALWAYS_OWN = ("attestation_anchored", "proposal_standing_use")
_PERHAPS_OWN = ("proposal", "transaction", "decision_recorded")
"""How the types begin whose events may tell of an anchor's proposal or of its transaction: the event itself says."""


def checkpoint_to_anchor(settings: Settings, db: Database, now: datetime, above: int) -> Checkpoint:
    """The checkpoint to anchor at `now` (aware) on a ledger that holds the first `above` events: the newest, where it
    is over more than these and nothing is new behind it, so that ledgers that are anchored one after another hold one
    root; else a new one, as `make_checkpoint` makes it."""
    with db.connect() as connection:
        row = newest_checkpoint(connection)
        is_enough = row is not None and row.size > above and not is_news_behind(settings, connection, row.size)
    if row is not None and is_enough:
        return checked_row(row, log_key(settings))[0]
    return make_checkpoint(settings, db, now).checkpoint


def is_news_behind(settings: Settings, connection: Connection, size: int) -> bool:
    """Whether the log has an event behind its first `size` that is more than the steps of its own anchors."""
    if has_other_types(connection, size, _ALWAYS_OWN, _PERHAPS_OWN):
        return True
    own = anchoring_ids(connection)
    for line in lines_of_types(connection, size, _ALWAYS_OWN, _PERHAPS_OWN):
        try:
            event = unsealed(line, key_of(settings, line.key_id).secret)
        except Permanent:
            return True  # what cannot be read may be anything
        if event["subject"]["id"] not in own:
            return True
    return False

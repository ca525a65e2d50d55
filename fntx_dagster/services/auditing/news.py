"""Whether the log tells something new: what anchoring itself writes is no reason to anchor again."""

from __future__ import annotations

from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.audit_log import has_other_types, lines_of_types
from fntx_dagster.store.treasury.ledger_anchors import anchoring_ids

_ALWAYS_OWN = ("attestation_anchored", "proposal_standing_use")
_PERHAPS_OWN = ("proposal", "transaction", "decision_recorded")
"""How the types begin whose events may tell of an anchor's proposal or of its transaction: the event itself says."""


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

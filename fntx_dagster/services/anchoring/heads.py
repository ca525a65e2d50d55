"""What a ledger holds of this log already: asked before an anchor is prepared, because the database may not know it."""

from __future__ import annotations

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.errors import Permanent
from fntx_dagster.services.anchoring.intents import AnchorSource
from fntx_dagster.services.auditing.asking import newest_head
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.checkpoints import checkpoint_of


def is_on_ledger(settings: Settings, db: Database, source: AnchorSource, checkpoint: Checkpoint) -> bool:
    """Whether the ledger holds this checkpoint, or a later one, though the database may not know it. Raises Permanent
    where the account's last anchor of this log is no checkpoint of this database: then that was restored from a backup,
    or the log was forked, or another home anchors it."""
    urls = settings.treasury
    url = urls.xrpl_url if source.ledger == "xrpl" else urls.horizon_url
    assert url is not None  # the ledger is configured
    place = Anchor(checkpoint.size, source.ledger, str(source.network), source.account, "", 0)
    head = newest_head(place, checkpoint, url.get_secret_value())
    if head is None:
        return False
    with db.connect() as connection:
        known = checkpoint_of(connection, head.size)
    if known is None or known.root != head.root:
        raise Permanent(
            f"{source.account} has anchored {head.size} events with the root {head.root.hex()}, and this database has "
            "no such checkpoint",
            "It was restored or forked, or another home anchors the same log: docs/audit.md says how to find out",
        )
    return head.size >= checkpoint.size

"""The day on which a rotation takes effect: its notice is over, and every account of ours has the new signers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import active_set, document_of
from fntx_dagster.services.governance.effects import end_open
from fntx_dagster.services.governance.signers import set_events
from fntx_dagster.services.governance.steps import require_running
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.signer_sets import make_active, retire_active, signer_sets, signers_of

_CONFIRMATION = "system:confirmation"


def activate_rotation(settings: Settings, db: Database, confirmed: Collection[str], now: datetime | None = None) -> int:
    """Let the pending signer set decide from now on, and return its version. `confirmed`: the accounts, on both
    ledgers, whose new signer lists are validated; each of ours has to be among them. What waits for the old set is
    cancelled, and its standing approvals end. Raises Permanent before the notice is over, while an account is missing,
    and while paused."""
    with entered(db, alone=True) as connection:
        now = now or time_after_log(connection)
        require_running(connection)
        pending = signer_sets(connection, "pending")
        if not pending:
            raise Permanent("no rotation waits", "`fntx treasury rotate` proposes one")
        [new] = pending
        if now < new.effective_from:
            raise Permanent(
                f"the rotation takes effect from {new.effective_from:%Y-%m-%d %H:%M} UTC on", "Wait for its notice"
            )
        old = active_set(connection)
        config = read_config(document_of(old.config.encode()))
        accounts = {*config.xrpl_accounts.values(), *config.stellar_accounts.values()}
        if missing := sorted(accounts.difference(confirmed)):
            raise Permanent(f"{len(missing)} accounts have the old signers still", f"Confirm {missing[0]} first")
        before, after = signers_of(connection, old.version), signers_of(connection, new.version)
        left = {row.signer_id for row in before} - {row.signer_id for row in after}
        retire_active(connection)
        make_active(connection, new.version)
        events = end_open(connection, new.version, _CONFIRMATION, now)
        events += [
            NewAuditEvent("signer_removed", _CONFIRMATION, EventSubject("signer", signer), {"signer_set": new.version})
            for signer in sorted(left)
        ]
        added = [row for row in after if row not in before]
        events += set_events(new.version, added, new.config_hash, _CONFIRMATION)
        append_all(settings, connection, events)
    return new.version

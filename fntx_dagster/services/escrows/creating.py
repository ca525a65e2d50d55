"""Creating an escrow on its ledger: its times are counted, its transaction is prepared under the approval."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.escrows.events import APPROVE, CREATE
from fntx_dagster.escrows.templates import is_stale, template_of, times_of
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.escrows.moving import (
    XRPL,
    allowed_config,
    approved_vote,
    known_escrow,
    open_transaction,
    prepare_covered,
    require_vote,
    same_config,
    uncleared,
)
from fntx_dagster.services.escrows.payloads import create_payload
from fntx_dagster.services.escrows.steps import held_escrow, require_step
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.screening.gating import NotCleared
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.escrows import EscrowTimes, set_times
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.transactions import UNSIGNED_STATES, LedgerTxRow

LEDGERS_OF_AN_HOUR = 1028
"""A creation that is not in a ledger by then is prepared again: 3600 s of 3.5 s each."""


def create_escrow(settings: Settings, db: Database, escrow_id: UUID, by: str = TERMINAL) -> LedgerTxRow:
    """Prepare the creation of an approved escrow; asked again within the hour, the same transaction. Its times are
    counted from the close time of the last validated ledger.

    Raises StepImpossible in another state and where no approval counts, TreasuryPaused, NotCleared; TransactionRefused
    where the ledger would not take it; Transient where no server answers."""
    with db.connect() as connection:
        row = known_escrow(connection, escrow_id)
        require_step(row, "submit_create")
        config = allowed_config(settings, connection)
    with opened(settings, config, XRPL) as ledger:
        close = ledger.closed_at()
        with entered(db) as connection:
            same_config(config, allowed_config(settings, connection))
            row = held_escrow(connection, escrow_id)
            require_step(row, "submit_create")
            events: list[NewAuditEvent] = []
            before = open_transaction(connection, row, CREATE)
            if before is not None:
                if row.prepared_close is not None and not is_stale(row.prepared_close, close):
                    return before
                _end_stale(connection, before, by, events)
            vote = require_vote(approved_vote(connection, row, APPROVE), row, "the terms", "Propose it again")
            if why := uncleared(settings, connection, row, by):
                raise NotCleared(f"a party of the escrow is not cleared: {'; '.join(why)}", _CLEARING)
            times = times_of(template_of(row.template), close)
            payload = create_payload(row, times)
            prepared = prepare_covered(
                settings, connection, ledger, row, vote, CREATE, payload, by, events, last_within=LEDGERS_OF_AN_HOUR
            )
            set_times(connection, row.escrow_id, EscrowTimes(*times))
            append_all(settings, connection, events)
    return prepared


def _end_stale(connection: Connection, before: LedgerTxRow, by: str, events: list[NewAuditEvent]) -> None:
    """Cancel a creation that is too old, while its signatures do not suffice."""
    if before.state not in UNSIGNED_STATES:
        raise StepImpossible(
            f"a creation that was signed can still be in a ledger until ledger {before.ends_at}",
            f"`fntx treasury confirm {before.proposal_id}` says when it has lapsed; then prepare it again",
        )
    taken(connection, held(connection, before.proposal_id), "cancel", by, events, "prepared more than an hour ago")


_CLEARING = "`fntx compliance dispose` decides on a match; `fntx compliance load` brings a new list"

"""What programs do with transactions over HTTP: prepare, hand out what signers sign, carry signatures in, send, ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.escrows.withholding import require_no_preimage
from fntx_dagster.services.governance.steps import NoSuchProposal
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.exporting import to_sign
from fntx_dagster.services.transactions.importing import WAITING, import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.queueing import queue
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import read_once
from fntx_dagster.store.treasury.proposals import proposal
from fntx_dagster.store.treasury.transactions import transaction_of

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.transactions import LedgerTxRow


def waiting(db: Database) -> dict[str, Any]:
    """What is approved and not yet at its end, as `fntx treasury queue` gives it."""
    return {"queue": [each._asdict() for each in queue(db)]}


def made_ready(settings: Settings, db: Database, caller: Caller, proposal_id: UUID) -> dict[str, Any]:
    """The signing file of a proposal, whose transaction is prepared where there is none yet; asked again, the same."""
    with declining(asks_ledgers=True):
        require_no_preimage(db, proposal_id)
        if _transaction(db, proposal_id) is None:
            prepare(settings, db, proposal_id, operator(caller))
        return to_sign(settings, db, proposal_id)


def signing(settings: Settings, db: Database, proposal_id: UUID) -> dict[str, Any]:
    """The signing file of a proposal whose transaction is prepared."""
    with declining():
        require_no_preimage(db, proposal_id)
        return to_sign(settings, db, proposal_id)


def carry_in(settings: Settings, db: Database, proposal_id: UUID, body: bytes) -> dict[str, Any]:
    """Keep the signatures of a body, where they are valid for this proposal's transaction."""
    part = read_once(body)
    with declining():
        row = _transaction(db, proposal_id)
        if row is None or row.state not in WAITING:
            raise StepImpossible(
                f"the transaction is {row.state if row else 'not prepared'}",
                "Signatures are taken while it waits for them",
            )
        return import_part(settings, db, json.dumps(part).encode(), proposal_id)._asdict()


def send(settings: Settings, db: Database, caller: Caller, proposal_id: UUID) -> dict[str, Any]:
    """Send the signed bytes of a proposal's transaction; what the server answers decides nothing."""
    with declining(asks_ledgers=True):
        _transaction(db, proposal_id)
        return submit(settings, db, proposal_id, operator(caller))._asdict()


def ask(settings: Settings, db: Database, proposal_id: UUID) -> dict[str, Any]:
    """What became of a proposal's transaction; bytes that may be lost are sent again."""
    with declining(asks_ledgers=True):
        _transaction(db, proposal_id)
        [settled] = confirm(settings, db, proposal_id)
        return settled._asdict()


def _transaction(db: Database, proposal_id: UUID) -> LedgerTxRow | None:
    """The transaction of a proposal, None where it has none yet. Raises NoSuchProposal."""
    with db.connect() as connection:
        if proposal(connection, proposal_id) is None:
            raise NoSuchProposal(proposal_id)
        return transaction_of(connection, proposal_id)

"""What is not handed out: the bytes that finish an escrow hold its preimage, and whoever reads them can finish it."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.escrows.events import FINISH
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import escrow_of_proposal
from fntx_dagster.store.treasury.proposals import kind_of_proposal


def require_no_preimage(db: Database, proposal_id: UUID) -> None:
    """Raise StepImpossible where the transaction of a proposal finishes an escrow that is kept here: no answer of HTTP
    has its bytes, nor what is made of them, neither the API's nor a page's."""
    with db.connect() as connection:
        if kind_of_proposal(connection, proposal_id) == FINISH and escrow_of_proposal(connection, proposal_id):
            raise StepImpossible(
                "the bytes of this transaction hold the preimage of an escrow, and are not given over HTTP",
                f"Write the file where the operator works: `fntx treasury export {proposal_id} -o DIR`",
            )

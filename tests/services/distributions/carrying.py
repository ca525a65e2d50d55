"""What a payer does in the kill test: a process that prepares, has signed, sends and confirms a distribution, again and
again, until somebody kills it."""

from __future__ import annotations

from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import UUID

from fntx_dagster.errors import FntxError
from fntx_dagster.services.distributions.paying import pay
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import UNSIGNED_STATES, transactions
from tests.services.distributions.desks import parts_of
from tests.services.transactions.sending import Office


def carries(office: Office, distribution: UUID, began: Connection) -> None:
    """Carry a distribution on, whatever the ledger does."""
    settings, db = office.opened()
    began.send(True)
    while True:
        with suppress(FntxError):
            pay(settings, db, distribution, Path(office.home) / "to-sign", 0.3)
        signed(settings, db)


def signed(settings: Settings, db: Database) -> None:
    """Import what the signers return of all that waits for them."""
    with db.connect() as connection:
        rows = transactions(connection, UNSIGNED_STATES)
    for row in rows:
        for part in parts_of(row.ledger, row.unsigned, row.network):
            with suppress(FntxError):  # another process may have been first
                import_part(settings, db, part, row.proposal_id)

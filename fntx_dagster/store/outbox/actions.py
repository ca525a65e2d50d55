"""The queue of what is sent to pools, and its journal: submissions, shares and openings.

`aggregation.actions` has a row per action and its state; the states are those of `sendings`, and the nonces and signed
bytes are in `nonces`, as those of records. Each action is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, LiteralString

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.pools import MinedAction, QueuedAction, WaitingAction
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox.queues import QueueJournal


def actions(db: Readable, chain_id: int, contract: str, day: date | None = None) -> list[WaitingAction]:
    """What was queued for a pool, of a day or of all, oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(WaitingAction)) as cursor:
        return cursor.execute(
            """select action_id, kind, account_id, chain_id::bigint, contract, sender, day, subject, state, queued_at,
                '0x' || encode(tx_hash, 'hex'), gas_used, error
            from aggregation.actions
            where (chain_id, contract) = (%s, %s) and day = coalesce(%s, day) order by action_id""",
            (chain_id, contract, day),
        ).fetchall()


class ActionJournal(QueueJournal[QueuedAction, MinedAction]):
    """`outbox.Journal` for what one key sends to one pool. `account`: whose key the sender's is."""

    table = "aggregation.actions"
    key = "action_id"
    waiting = "(account_id, chain_id, contract, sender) = (%(account)s, %(chain_id)s, %(contract)s, %(trader)s)"

    def __init__(self, db: Database, account: str, chain_id: int, contract: str, sender: str) -> None:
        super().__init__(db, {"account": account, "chain_id": chain_id, "contract": contract, "trader": sender})

    def queue(self, kind: str, day: date, subject: str, data: bytes) -> None:
        """Queue an action, unless it waits, is under way or took effect."""
        with self._db.connect() as connection:
            connection.execute(
                """insert into aggregation.actions (kind, account_id, chain_id, contract, sender, day, subject, data)
                values (%(kind)s, %(account)s, %(chain_id)s, %(contract)s, %(trader)s, %(day)s, %(subject)s, %(data)s)
                on conflict do nothing""",
                self.who | {"kind": kind, "day": day, "subject": subject, "data": data},
            )

    def number_of(self, entry: QueuedAction) -> int:
        return entry.action_id

    def entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedAction]:
        with connection.cursor(row_factory=args_row(QueuedAction)) as cursor:
            return cursor.execute(
                f"select action_id, kind, day, subject, data from aggregation.actions where {which} order by action_id",
                self.who | values,
            ).fetchall()

    def receive(
        self, connection: psycopg.Connection, entries: Iterable[QueuedAction], receipt: MinedAction, state: str
    ) -> None:
        self.received(connection, entries, receipt, state)

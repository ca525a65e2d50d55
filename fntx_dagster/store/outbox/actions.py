"""The queue of what is sent to pools, and its journal: submissions, shares and openings.

`aggregation.actions` has a row per action and its state; the states are those of `sendings`, and the nonces and signed
bytes are in `nonces`, as those of records. Each action is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any, LiteralString

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.chain import Call, Fees
from fntx_dagster.model.pools import MinedAction, QueuedAction, WaitingAction
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import nonces
from fntx_dagster.store.outbox.nonces import KeyTurn, TakenNonce, bytes_of

ActionSending = Sending[QueuedAction, Call, Fees]
"""A nonce that is taken for an action, in the words of the outbox."""

_RECEIPT = """tx_hash = %(tx_hash)s, block_number = %(block_number)s, block_hash = %(block_hash)s,
    mined_at = %(mined_at)s, gas_used = %(gas_used)s, updated_at = clock_timestamp()"""
_NO_RECEIPT = """tx_hash = null, block_number = null, block_hash = null, mined_at = null, gas_used = null,
    updated_at = clock_timestamp()"""


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


class ActionJournal:
    """`outbox.Journal` for what one key sends to one pool. `account`: whose key the sender's is."""

    def __init__(self, db: Database, account: str, chain_id: int, contract: str, sender: str) -> None:
        self._db, self._turn = db, KeyTurn(db, sender)
        self.who = {"account": account, "chain_id": chain_id, "contract": contract, "trader": sender}

    def queue(self, kind: str, day: date, subject: str, data: bytes) -> None:
        """Queue an action, unless it waits, is under way or took effect."""
        with self._db.connect() as connection:
            connection.execute(
                """insert into aggregation.actions (kind, account_id, chain_id, contract, sender, day, subject, data)
                values (%(kind)s, %(account)s, %(chain_id)s, %(contract)s, %(trader)s, %(day)s, %(subject)s, %(data)s)
                on conflict do nothing""",
                self.who | {"kind": kind, "day": day, "subject": subject, "data": data},
            )

    def turn(self) -> AbstractContextManager[None]:
        return self._turn.taken()

    def queued(self) -> list[QueuedAction]:
        with self._db.connect() as connection:
            return self._entries(
                connection,
                """state = 'queued'
                and (account_id, chain_id, contract, sender) = (%(account)s, %(chain_id)s, %(contract)s, %(trader)s)""",
            )

    def sendings(self) -> list[ActionSending]:
        with self._db.connect() as connection:
            return [self._sending(connection, taken) for taken in nonces.taken_nonces(connection, self.who)]

    def prepare(self, slot: int, message: Call, entries: tuple[QueuedAction, ...]) -> ActionSending:
        with self._db.connect() as connection:
            number = nonces.take_nonce(connection, self.who, slot, message)
            taken = connection.execute(
                """update aggregation.actions
                set sending_id = %s, state = 'signed', error = null, updated_at = clock_timestamp()
                where action_id = any(%s) and state = 'queued'""",
                (number, [each.action_id for each in entries]),
            ).rowcount
            if taken < len(entries):
                raise turns.overtaken(self.who["trader"])
        return Sending(number, slot, message, entries, (), None)

    def keep(self, sending: ActionSending, attempt: Attempt[Fees]) -> ActionSending:
        with self._db.connect() as connection:
            nonces.keep_attempt(connection, sending.number, attempt)
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: ActionSending, reference: str) -> None:
        with self._db.connect() as connection:
            nonces.mark_sent(connection, sending.number, reference)
            self._move(connection, sending, "broadcast", only="state = 'signed'")

    def seen(self, sending: ActionSending, place: Place, receipt: MinedAction) -> None:
        with self._db.connect() as connection:
            nonces.mark_mined(connection, sending.number, place)
            self._receive(connection, sending.entries, receipt, "mined")

    def final(self, sending: ActionSending) -> None:
        with self._db.connect() as connection:
            nonces.mark_final(connection, sending.number)
            self._move(connection, sending, "final")

    def reopen(self, sending: ActionSending) -> ActionSending:
        with self._db.connect() as connection:
            nonces.mark_open(connection, sending.number)
            self._move(connection, sending, "broadcast", sets=_NO_RECEIPT)
        return sending._replace(seen=None)

    def release(self, sending: ActionSending, why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "released", why)
            self._move(connection, sending, "queued", sets=f"sending_id = null, {_NO_RECEIPT}")

    def fail(self, sending: ActionSending, why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "failed", why)
            self._move(connection, sending, "failed", sets=_NO_RECEIPT, error=why)

    def adopt(self, entry: QueuedAction, receipt: MinedAction, is_final: bool) -> None:
        with self._db.connect() as connection:
            self._receive(connection, [entry], receipt, "final" if is_final else "queued")

    def refuse(self, entry: QueuedAction, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """update aggregation.actions set state = 'failed', error = %s, updated_at = clock_timestamp()
                where action_id = %s""",
                (why, entry.action_id),
            )

    def _sending(self, connection: psycopg.Connection, taken: TakenNonce) -> ActionSending:
        entries = self._entries(connection, "sending_id = %(number)s", number=taken.number)
        return nonces.sending_of(connection, taken, entries)

    def _entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedAction]:
        with connection.cursor(row_factory=args_row(QueuedAction)) as cursor:
            return cursor.execute(
                f"select action_id, kind, day, subject, data from aggregation.actions where {which} order by action_id",
                self.who | values,
            ).fetchall()

    def _move(
        self,
        connection: psycopg.Connection,
        sending: ActionSending,
        state: str,
        *,
        only: LiteralString = "true",
        sets: LiteralString = "updated_at = clock_timestamp()",
        error: str | None = None,
    ) -> None:
        connection.execute(
            f"""update aggregation.actions set state = %(state)s, error = %(error)s, {sets}
            where sending_id = %(number)s and {only}""",
            {"state": state, "error": error, "number": sending.number},
        )

    def _receive(
        self, connection: psycopg.Connection, entries: Iterable[QueuedAction], receipt: MinedAction, state: str
    ) -> None:
        """What the chain says of these entries."""
        values = {
            "state": state,
            "tx_hash": bytes_of(receipt.tx_hash),
            "block_number": receipt.block_number,
            "block_hash": bytes_of(receipt.block_hash),
            "gas_used": receipt.gas_used,
            "mined_at": receipt.mined_at,
            "actions": [each.action_id for each in entries],
        }
        connection.execute(
            f"""update aggregation.actions set state = %(state)s, error = null, {_RECEIPT}
            where action_id = any(%(actions)s)""",
            values,
        )

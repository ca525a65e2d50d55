"""The journal of a queue: a table whose rows wait for a chain, are sent under a nonce, and get what the chain says.

What all such tables share is here: their states, which are those of `sendings`, and that a row moves in the
transaction in which its nonce and signed bytes (`nonces`) do. A module of its own names each table, what an entry of
it is, and what a receipt says of it: commitments, attestations, actions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Generic, LiteralString, Protocol, TypeVar

import psycopg

from fntx_dagster.model.chain import Call, Fees
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import nonces
from fntx_dagster.store.outbox.nonces import KeyTurn, TakenNonce, bytes_of


class InBlock(Protocol):
    """A transaction in a block of the chain."""

    @property
    def tx_hash(self) -> str: ...
    @property
    def block_number(self) -> int: ...
    @property
    def block_hash(self) -> str: ...
    @property
    def gas_used(self) -> int: ...
    @property
    def mined_at(self) -> datetime: ...


E = TypeVar("E")
R = TypeVar("R", bound=InBlock)


class QueueJournal(ABC, Generic[E, R]):
    """`outbox.Journal` for what one key sends to one contract. `who`: account_id as `account`, whose key it is;
    chain_id, contract, and the sender as `trader`."""

    table: ClassVar[LiteralString]
    key: ClassVar[LiteralString]
    """The column that numbers the rows."""
    waiting: ClassVar[LiteralString]
    """Which rows wait for this key, as a condition on `who`."""
    bound: ClassVar[LiteralString] = ""
    unbound: ClassVar[LiteralString] = ""
    """What else is set, each with a comma after it, where a row gets its nonce, and where it loses it again."""
    no_receipt: ClassVar[LiteralString] = """tx_hash = null, block_number = null, block_hash = null, mined_at = null,
        gas_used = null, updated_at = clock_timestamp()"""

    def __init__(self, db: Database, who: dict[str, Any]) -> None:
        self._db, self._turn = db, KeyTurn(db, who["trader"])
        self.who = who

    @abstractmethod
    def number_of(self, entry: E) -> int:
        """The number of an entry's row."""

    @abstractmethod
    def entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[E]:
        """The entries that a condition names, in the order of their numbers."""

    @abstractmethod
    def receive(self, connection: psycopg.Connection, entries: Iterable[E], receipt: R, state: str) -> None:
        """Keep what the chain says of these entries."""

    def turn(self) -> AbstractContextManager[None]:
        return self._turn.taken()

    def queued(self) -> list[E]:
        with self._db.connect() as connection:
            return self.entries(connection, f"{self.waiting} and state = 'queued'")

    def sendings(self) -> list[Sending[E, Call, Fees]]:
        with self._db.connect() as connection:
            return [self._sending(connection, taken) for taken in nonces.taken_nonces(connection, self.who)]

    def prepare(self, slot: int, message: Call, entries: tuple[E, ...]) -> Sending[E, Call, Fees]:
        with self._db.connect() as connection:
            number = nonces.take_nonce(connection, self.who, slot, message)
            taken = connection.execute(
                f"""update {self.table} set sending_id = %(number)s, state = 'signed', error = null, {self.bound}
                    updated_at = clock_timestamp()
                where {self.key} = any(%(entries)s) and state = 'queued'""",
                self.who | {"number": number, "entries": self.numbers(entries)},
            ).rowcount
            if taken < len(entries):
                raise turns.overtaken(self.who["trader"])
        return Sending(number, slot, message, entries, (), None)

    def keep(self, sending: Sending[E, Call, Fees], attempt: Attempt[Fees]) -> Sending[E, Call, Fees]:
        with self._db.connect() as connection:
            nonces.keep_attempt(connection, sending.number, attempt)
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: Sending[E, Call, Fees], reference: str) -> None:
        with self._db.connect() as connection:
            nonces.mark_sent(connection, sending.number, reference)
            self._move(connection, sending, "broadcast", only="state = 'signed'")

    def seen(self, sending: Sending[E, Call, Fees], place: Place, receipt: R) -> None:
        with self._db.connect() as connection:
            nonces.mark_mined(connection, sending.number, place)
            self.receive(connection, sending.entries, receipt, "mined")

    def final(self, sending: Sending[E, Call, Fees]) -> None:
        with self._db.connect() as connection:
            nonces.mark_final(connection, sending.number)
            self._move(connection, sending, "final")

    def reopen(self, sending: Sending[E, Call, Fees]) -> Sending[E, Call, Fees]:
        with self._db.connect() as connection:
            nonces.mark_open(connection, sending.number)
            self._move(connection, sending, "broadcast", sets=self.no_receipt)
        return sending._replace(seen=None)

    def release(self, sending: Sending[E, Call, Fees], why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "released", why)
            self._move(connection, sending, "queued", sets=f"sending_id = null, {self.unbound} {self.no_receipt}")

    def fail(self, sending: Sending[E, Call, Fees], why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "failed", why)
            self._move(connection, sending, "failed", sets=self.no_receipt, error=why)

    def adopt(self, entry: E, receipt: R, is_final: bool) -> None:
        with self._db.connect() as connection:
            self.receive(connection, [entry], receipt, "final" if is_final else "queued")

    def refuse(self, entry: E, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                f"""update {self.table} set state = 'failed', error = %s, updated_at = clock_timestamp()
                where {self.key} = %s""",
                (why, self.number_of(entry)),
            )

    # what a journal of one table builds on

    def numbers(self, entries: Iterable[E]) -> list[int]:
        """The numbers of these entries' rows."""
        return [self.number_of(entry) for entry in entries]

    def received(self, connection: psycopg.Connection, entries: Iterable[E], receipt: R, state: str) -> None:
        """Set the receipt of these entries' rows."""
        connection.execute(
            f"""update {self.table} set state = %(state)s, error = null, tx_hash = %(tx_hash)s,
                block_number = %(block_number)s, block_hash = %(block_hash)s, mined_at = %(mined_at)s,
                gas_used = %(gas_used)s, updated_at = clock_timestamp()
            where {self.key} = any(%(entries)s)""",
            receipt_values(receipt) | {"state": state, "entries": self.numbers(entries)},
        )

    def _sending(self, connection: psycopg.Connection, taken: TakenNonce) -> Sending[E, Call, Fees]:
        entries = self.entries(connection, "sending_id = %(number)s", number=taken.number)
        return nonces.sending_of(connection, taken, entries)

    def _move(
        self,
        connection: psycopg.Connection,
        sending: Sending[E, Call, Fees],
        state: str,
        *,
        only: LiteralString = "true",
        sets: LiteralString = "updated_at = clock_timestamp()",
        error: str | None = None,
    ) -> None:
        connection.execute(
            f"""update {self.table} set state = %(state)s, error = %(error)s, {sets}
            where sending_id = %(number)s and {only}""",
            {"state": state, "error": error, "number": sending.number},
        )


def receipt_values(receipt: InBlock) -> dict[str, Any]:
    """A receipt as the parameters of a statement."""
    return {
        "tx_hash": bytes_of(receipt.tx_hash),
        "block_number": receipt.block_number,
        "block_hash": bytes_of(receipt.block_hash),
        "gas_used": receipt.gas_used,
        "mined_at": receipt.mined_at,
    }

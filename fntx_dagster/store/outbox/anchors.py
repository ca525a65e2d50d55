"""The queue of the audit log's anchors on an EVM chain, and their journal: where each is on its way.

`treasury.evm_anchor` has a row for each and its state; the states are those of `sendings`, and the nonces and signed
bytes are in `nonces`, as those of records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.chain import AnchorHead, MinedAnchor, QueuedAnchor, WaitingAnchor
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox.queues import QueueJournal

_HERE = "(chain_id, contract, poster, origin) = (%(chain_id)s, %(contract)s, %(trader)s, %(origin)s)"


class AnchorWay(NamedTuple):
    """Whose anchors of which log, and where: the chain, AuditAnchor's address, the poster, SHA-256 of the log's
    name."""

    chain_id: int
    contract: str
    poster: str
    origin: bytes


def queue(connection: psycopg.Connection, way: AnchorWay, head: AnchorHead) -> bool:
    """Queue an anchor; False where it is queued or was. One that has failed is queued again."""
    values = {**_who(way), "size": head.size, "root": head.root}
    return connection.execute(_QUEUE, values).rowcount == 1


def lock_queue(connection: psycopg.Connection) -> None:
    """Let nobody else decide on an anchor before the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx audit anchor', 0))")


def anchors(connection: psycopg.Connection, way: AnchorWay | None = None) -> list[WaitingAnchor]:
    """All anchors, or those of one way, in the order in which they were queued."""
    return _rows(connection, f"%(all)s or {_HERE}", {"all": way is None, **_who(way or AnchorWay(0, "", "", b""))})


def last_way(connection: psycopg.Connection, origin: bytes) -> AnchorWay | None:
    """Where the last anchor of a log was queued for; None where none ever was."""
    row = connection.execute(
        """select chain_id::bigint, contract, poster, origin from treasury.evm_anchor
        where origin = %s order by evm_anchor_id desc limit 1""",
        (origin,),
    ).fetchone()
    return AnchorWay(*row) if row else None


def unrecorded(db: Readable) -> list[WaitingAnchor]:
    """The final anchors that `treasury.anchor` does not have, in the order in which they were queued."""
    with db.connect() as connection:
        return _rows(
            connection,
            """state = 'final' and not exists (
                select from treasury.anchor where ledger = 'evm' and network = evm_anchor.chain_id::text
                    and anchor.tx_hash = '0x' || encode(evm_anchor.tx_hash, 'hex'))""",
            {},
        )


_QUEUE = """
    insert into treasury.evm_anchor as known (chain_id, contract, poster, origin, size, root)
    values (%(chain_id)s, %(contract)s, %(trader)s, %(origin)s, %(size)s, %(root)s)
    on conflict (chain_id, contract, poster, origin, size)
        do update set state = 'queued', error = null, sending_id = null, updated_at = clock_timestamp()
        where known.state = 'failed'
"""


class AnchorJournal(QueueJournal[QueuedAnchor, MinedAnchor]):
    """`outbox.Journal` for one poster's anchors on one chain. `account`: whose key the poster's is."""

    table = "treasury.evm_anchor"
    key = "evm_anchor_id"
    waiting = _HERE

    def __init__(self, db: Database, account: str, way: AnchorWay) -> None:
        super().__init__(db, {"account": account, **_who(way)})

    def number_of(self, entry: QueuedAnchor) -> int:
        return entry.number

    def entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedAnchor]:
        rows = connection.execute(
            f"select evm_anchor_id, origin, size, root from treasury.evm_anchor where {which} order by evm_anchor_id",
            self.who | values,
        )
        return [QueuedAnchor(number, origin, AnchorHead(*head)) for number, origin, *head in rows]

    def receive(
        self, connection: psycopg.Connection, entries: Iterable[QueuedAnchor], receipt: MinedAnchor, state: str
    ) -> None:
        held = [entry for entry in entries if (entry.origin, entry.head) in receipt.heads]
        self.received(connection, held, receipt, state)


def _rows(connection: psycopg.Connection, which: LiteralString, values: dict[str, Any]) -> list[WaitingAnchor]:
    with connection.cursor(row_factory=args_row(WaitingAnchor)) as cursor:
        return cursor.execute(
            f"""select size, root, state, queued_at, chain_id::bigint, contract, poster, mined_at,
                '0x' || encode(tx_hash, 'hex'), block_number, error
            from treasury.evm_anchor where {which} order by evm_anchor_id""",
            values,
        ).fetchall()


def _who(way: AnchorWay) -> dict[str, Any]:
    return dict(zip(("chain_id", "contract", "trader", "origin"), way, strict=True))

"""The queue of commitments to signals, and their journal: where each is on its way to a chain.

`ledger.signal_commitments` has a row per commitment and its state, written with the execution; the states are those of
`sendings`, and the nonces and signed bytes are in `nonces`, as those of records. A commitment belongs to a chain from
when its nonce is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.chain import MinedCommitments, QueuedCommitment, WaitingCommitment
from fntx_dagster.signals.commitments import strategy_hash
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox.queues import QueueJournal, receipt_values

_HERE = "(chain_id, contract, provider) = (%(chain_id)s, %(contract)s, %(trader)s)"
_NO_RECEIPT = """number = null, tx_hash = null, block_number = null, block_hash = null, committed_at = null,
    gas_used = null, updated_at = clock_timestamp()"""


class CommittedSignal(NamedTuple):
    """The signal behind a commitment, as its canonical JSON with the salt, and when the first part of it was closed."""

    commitment: bytes
    signal: bytes
    first_exit_at: datetime | None


def queue(connection: psycopg.Connection, execution: int, code: str, commitment: bytes, signal: bytes) -> None:
    """Queue the commitment to a signal, in the transaction that stores its execution."""
    connection.execute(
        """insert into ledger.signal_commitments (signal_execution_id, strategy_code, commitment, signal)
        values (%s, %s, %s, %s)""",
        (execution, code, commitment, signal.decode()),
    )


def unfinished_strategies(db: Readable) -> list[str]:
    """The strategies of which commitments are on their way, by code; those that have failed wait for a person."""
    with db.connect() as connection:
        rows = connection.execute(
            """select distinct strategy_code from ledger.signal_commitments where state not in ('final', 'failed')
            order by 1"""
        )
        return [code for (code,) in rows]


def commitments(db: Readable, code: str | None = None, *, unfinished: bool = False) -> list[WaitingCommitment]:
    """The commitments of a strategy, or of all, in the order of their executions; those alone that are not final."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(WaitingCommitment)) as cursor:
        return cursor.execute(
            """select commitment.strategy_code, unique_id, state, queued_at, commitment, chain_id::bigint, provider,
                number, committed_at, '0x' || encode(tx_hash, 'hex'), error
            from ledger.signal_commitments as commitment join ledger.signal_executions using (signal_execution_id)
            where commitment.strategy_code = coalesce(%s, commitment.strategy_code) and (state <> 'final' or not %s)
            order by signal_execution_id""",
            (code, unfinished),
        ).fetchall()


def commitment_of(db: Readable, execution: int) -> WaitingCommitment | None:
    """The commitment to an execution's signal; None where it has none."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(WaitingCommitment)) as cursor:
        return cursor.execute(
            """select commitment.strategy_code, unique_id, state, queued_at, commitment, chain_id::bigint, provider,
                number, committed_at, '0x' || encode(tx_hash, 'hex'), error
            from ledger.signal_commitments as commitment join ledger.signal_executions using (signal_execution_id)
            where signal_execution_id = %s""",
            (execution,),
        ).fetchone()


def committed_signals(db: Readable, code: str) -> dict[bytes, CommittedSignal]:
    """Commitment → the signal behind it, for all of a strategy."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(CommittedSignal)) as cursor:
        rows = cursor.execute(
            """select commitment, convert_to(signal, 'UTF8'),
                (select min(at) from ledger.signal_exits
                    where signal_exits.signal_execution_id = signal_commitments.signal_execution_id)
            from ledger.signal_commitments where strategy_code = %s""",
            (code,),
        ).fetchall()
    return {row.commitment: row for row in rows}


def queue_failed_again(db: Database, code: str | None) -> int:
    """Queue the failed commitments of a strategy, or of all, again: how many."""
    with db.connect() as connection:
        return connection.execute(
            f"""update ledger.signal_commitments
            set state = 'queued', error = null, sending_id = null, chain_id = null, contract = null, provider = null,
                {_NO_RECEIPT}
            where state = 'failed' and strategy_code = coalesce(%s, strategy_code)""",
            (code,),
        ).rowcount


def queue_vanished_again(db: Database, who: Mapping[str, Any], count: int) -> int:
    """Queue the final commitments again that a chain which was made anew does not hold, since it has `count`."""
    with db.connect() as connection:
        return connection.execute(
            f"""update ledger.signal_commitments
            set state = 'queued', sending_id = null, chain_id = null, contract = null, provider = null, {_NO_RECEIPT}
            where state = 'final' and strategy_code = %(code)s and {_HERE} and number >= %(count)s""",
            {**who, "count": count},
        ).rowcount


class CommitmentJournal(QueueJournal[QueuedCommitment, MinedCommitments]):
    """`outbox.Journal` for one strategy's provider on one chain. `account`: whose key the provider's is."""

    table = "ledger.signal_commitments"
    key = "signal_execution_id"
    waiting = "strategy_code = %(code)s"
    bound = "chain_id = %(chain_id)s, contract = %(contract)s, provider = %(trader)s,"
    unbound = "chain_id = null, contract = null, provider = null,"
    no_receipt = _NO_RECEIPT

    def __init__(self, db: Database, code: str, account: str, chain_id: int, contract: str, provider: str) -> None:
        who = {"code": code, "account": account, "chain_id": chain_id, "contract": contract, "trader": provider}
        super().__init__(db, who)
        self._strategy = strategy_hash(code)

    def number_of(self, entry: QueuedCommitment) -> int:
        return entry.signal_execution_id

    def entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedCommitment]:
        rows = connection.execute(
            f"""select signal_execution_id, commitment,
                (select coalesce(max(number) + 1, 0) from ledger.signal_commitments as held
                    where held.strategy_code = %(code)s and held.state = 'final' and {_HERE})
            from ledger.signal_commitments where {which} order by signal_execution_id""",
            self.who | values,
        )
        return [QueuedCommitment(number, self._strategy, commitment, floor) for number, commitment, floor in rows]

    def receive(
        self,
        connection: psycopg.Connection,
        entries: Iterable[QueuedCommitment],
        receipt: MinedCommitments,
        state: str,
    ) -> None:
        known = [entry for entry in entries if entry.commitment in receipt.numbers]
        values = receipt_values(receipt) | {
            "state": state,
            "executions": self.numbers(known),
            "numbers": [receipt.numbers[entry.commitment] for entry in known],
        }
        connection.execute(
            f"""update ledger.signal_commitments as commitment
            set state = %(state)s, error = null, {self.bound} number = made.number, tx_hash = %(tx_hash)s,
                block_number = %(block_number)s, block_hash = %(block_hash)s, committed_at = %(mined_at)s,
                gas_used = %(gas_used)s, updated_at = clock_timestamp()
            from unnest(%(executions)s::bigint[], %(numbers)s::bigint[]) as made (signal_execution_id, number)
            where commitment.signal_execution_id = made.signal_execution_id""",
            self.who | values,
        )

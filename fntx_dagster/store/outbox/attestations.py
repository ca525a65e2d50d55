"""The queue of a witness's attestations and revocations, and their journal: where each is on its way to a chain.

`alm_reporting.attestations` has a row for each and its state; the states are those of `sendings`, and the nonces and
signed bytes are in `nonces`, as those of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.witnesses import AttestedDay, MinedAttestations, QueuedAttestation, WaitingAttestation
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox.queues import QueueJournal

_HERE = "(chain_id, contract, witness) = (%(chain_id)s, %(contract)s, %(trader)s)"


def keep_report(db: Database, evidence: bytes, report: str) -> None:
    """Keep a report by the hash that its attestations carry; once."""
    with db.connect() as connection:
        connection.execute(
            "insert into alm_reporting.witness_reports (evidence, report) values (%s, %s) on conflict do nothing",
            (evidence, report),
        )


def queue(
    db: Database,
    where: tuple[int, str, str],
    days: Iterable[AttestedDay],
    level: int,
    evidence: bytes,
    reason: str = "",
) -> int:
    """Queue attestations, or revocations where there is a reason; how many of them are new. `where`: the chain, the
    contract Attestations and the witness. What is queued already or was, stays; what has failed is queued again."""
    rows = [{**_where(where), **_day(day), "level": level, "evidence": evidence, "reason": reason} for day in days]
    with db.connect() as connection:
        return sum(connection.execute(_QUEUE, row).rowcount for row in rows)


def attestations(db: Readable, where: tuple[int, str, str] | None = None) -> list[WaitingAttestation]:
    """All attestations and revocations, or those of one witness on a chain, in the order in which they were queued."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(WaitingAttestation)) as cursor:
        return cursor.execute(
            f"""select trader, trading_day, version, root, level, nullif(reason, ''), state, queued_at,
                chain_id::bigint, contract, witness, mined_at, '0x' || encode(tx_hash, 'hex'), error
            from alm_reporting.attestations where %(all)s or {_HERE} order by attestation_id""",
            {"all": where is None, **_where(where or (0, "", ""))},
        ).fetchall()


_QUEUE = """
    insert into alm_reporting.attestations as known (chain_id, contract, witness, trader, trading_day, version, root,
        level, evidence, reason)
    values (%(chain_id)s, %(contract)s, %(trader)s, %(of)s, %(day)s, %(version)s, %(root)s, %(level)s, %(evidence)s,
        %(reason)s)
    on conflict (chain_id, contract, witness, trader, trading_day, version, root, level, reason)
        do update set state = 'queued', error = null, sending_id = null, updated_at = clock_timestamp()
        where known.state = 'failed'
"""


class AttestationJournal(QueueJournal[QueuedAttestation, MinedAttestations]):
    """`outbox.Journal` for one witness on one chain. `account`: whose key the witness's is."""

    table = "alm_reporting.attestations"
    key = "attestation_id"
    waiting = _HERE

    def __init__(self, db: Database, account: str, where: tuple[int, str, str]) -> None:
        super().__init__(db, {"account": account, **_where(where)})

    def number_of(self, entry: QueuedAttestation) -> int:
        return entry.number

    def entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedAttestation]:
        rows = connection.execute(
            f"""select attestation_id, trader, trading_day, version, root, level, evidence, nullif(reason, '')
            from alm_reporting.attestations where {which} order by attestation_id""",
            self.who | values,
        )
        return [QueuedAttestation(number, AttestedDay(*day), *rest) for number, day, rest in _parted(rows)]

    def receive(
        self,
        connection: psycopg.Connection,
        entries: Iterable[QueuedAttestation],
        receipt: MinedAttestations,
        state: str,
    ) -> None:
        said = [entry for entry in entries if (entry.attested, None if entry.reason else entry.level) in receipt.said]
        self.received(connection, said, receipt, state)


def _parted(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any], Sequence[Any]]]:
    return ((row[0], row[1:5], row[5:]) for row in rows)


def _where(where: tuple[int, str, str]) -> dict[str, Any]:
    return dict(zip(("chain_id", "contract", "trader"), where, strict=True))


def _day(attested: AttestedDay) -> dict[str, Any]:
    return {"of": attested.trader, "day": attested.day, "version": attested.version, "root": attested.root}

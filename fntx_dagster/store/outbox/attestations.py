"""The queue of a witness's attestations and revocations, and their journal: where each is on its way to a chain.

`alm_reporting.attestations` has a row for each and its state; the states are those of `sendings`, and the nonces and
signed bytes are in `nonces`, as those of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.chain import Call, Fees
from fntx_dagster.model.witnesses import AttestedDay, MinedAttestations, QueuedAttestation, WaitingAttestation
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import nonces
from fntx_dagster.store.outbox.nonces import KeyTurn, TakenNonce, bytes_of

AttestationSending = Sending[QueuedAttestation, Call, Fees]
"""A nonce that is taken for attestations, in the words of the outbox."""

_HERE = "(chain_id, contract, witness) = (%(chain_id)s, %(contract)s, %(trader)s)"
_RECEIPT = """tx_hash = %(tx_hash)s, block_number = %(block_number)s, block_hash = %(block_hash)s,
    mined_at = %(mined_at)s, gas_used = %(gas_used)s, updated_at = clock_timestamp()"""
_NO_RECEIPT = """tx_hash = null, block_number = null, block_hash = null, mined_at = null, gas_used = null,
    updated_at = clock_timestamp()"""


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


class AttestationJournal:
    """`outbox.Journal` for one witness on one chain. `account`: whose key the witness's is."""

    def __init__(self, db: Database, account: str, where: tuple[int, str, str]) -> None:
        self._db, self._turn = db, KeyTurn(db, where[2])
        self._who = {"account": account, **_where(where)}

    def turn(self) -> AbstractContextManager[None]:
        return self._turn.taken()

    def queued(self) -> list[QueuedAttestation]:
        with self._db.connect() as connection:
            return self._entries(connection, f"{_HERE} and state = 'queued'")

    def sendings(self) -> list[AttestationSending]:
        with self._db.connect() as connection:
            return [self._sending(connection, taken) for taken in nonces.taken_nonces(connection, self._who)]

    def prepare(self, slot: int, message: Call, entries: tuple[QueuedAttestation, ...]) -> AttestationSending:
        with self._db.connect() as connection:
            number = nonces.take_nonce(connection, self._who, slot, message)
            taken = connection.execute(
                """update alm_reporting.attestations
                set sending_id = %(number)s, state = 'signed', error = null, updated_at = clock_timestamp()
                where attestation_id = any(%(entries)s) and state = 'queued'""",
                {"number": number, "entries": _numbers(entries)},
            ).rowcount
            if taken < len(entries):
                raise turns.overtaken(self._who["trader"])
        return Sending(number, slot, message, entries, (), None)

    def keep(self, sending: AttestationSending, attempt: Attempt[Fees]) -> AttestationSending:
        with self._db.connect() as connection:
            nonces.keep_attempt(connection, sending.number, attempt)
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: AttestationSending, reference: str) -> None:
        with self._db.connect() as connection:
            nonces.mark_sent(connection, sending.number, reference)
            self._move(connection, sending, "broadcast", only="state = 'signed'")

    def seen(self, sending: AttestationSending, place: Place, receipt: MinedAttestations) -> None:
        with self._db.connect() as connection:
            nonces.mark_mined(connection, sending.number, place)
            self._receive(connection, sending.entries, receipt, "mined")

    def final(self, sending: AttestationSending) -> None:
        with self._db.connect() as connection:
            nonces.mark_final(connection, sending.number)
            self._move(connection, sending, "final")

    def reopen(self, sending: AttestationSending) -> AttestationSending:
        with self._db.connect() as connection:
            nonces.mark_open(connection, sending.number)
            self._move(connection, sending, "broadcast", sets=_NO_RECEIPT)
        return sending._replace(seen=None)

    def release(self, sending: AttestationSending, why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "released", why)
            self._move(connection, sending, "queued", sets=f"sending_id = null, {_NO_RECEIPT}")

    def fail(self, sending: AttestationSending, why: str) -> None:
        with self._db.connect() as connection:
            nonces.give_up(connection, sending.number, "failed", why)
            self._move(connection, sending, "failed", sets=_NO_RECEIPT, error=why)

    def adopt(self, entry: QueuedAttestation, receipt: MinedAttestations, is_final: bool) -> None:
        with self._db.connect() as connection:
            self._receive(connection, [entry], receipt, "final" if is_final else "queued")

    def refuse(self, entry: QueuedAttestation, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """update alm_reporting.attestations set state = 'failed', error = %s, updated_at = clock_timestamp()
                where attestation_id = %s""",
                (why, entry.number),
            )

    def _sending(self, connection: psycopg.Connection, taken: TakenNonce) -> AttestationSending:
        entries = self._entries(connection, "sending_id = %(number)s", number=taken.number)
        return nonces.sending_of(connection, taken, entries)

    def _entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedAttestation]:
        rows = connection.execute(
            f"""select attestation_id, trader, trading_day, version, root, level, evidence, nullif(reason, '')
            from alm_reporting.attestations where {which} order by attestation_id""",
            self._who | values,
        )
        return [QueuedAttestation(number, AttestedDay(*day), *rest) for number, day, rest in _parted(rows)]

    def _move(
        self,
        connection: psycopg.Connection,
        sending: AttestationSending,
        state: str,
        *,
        only: LiteralString = "true",
        sets: LiteralString = "updated_at = clock_timestamp()",
        error: str | None = None,
    ) -> None:
        connection.execute(
            f"""update alm_reporting.attestations set state = %(state)s, error = %(error)s, {sets}
            where sending_id = %(number)s and {only}""",
            {"state": state, "error": error, "number": sending.number},
        )

    def _receive(
        self,
        connection: psycopg.Connection,
        entries: Iterable[QueuedAttestation],
        receipt: MinedAttestations,
        state: str,
    ) -> None:
        """What the chain says of these entries."""
        said = [entry for entry in entries if (entry.attested, None if entry.reason else entry.level) in receipt.said]
        connection.execute(
            f"""update alm_reporting.attestations set state = %(state)s, error = null, {_RECEIPT}
            where attestation_id = any(%(entries)s)""",
            {
                "state": state,
                "tx_hash": bytes_of(receipt.tx_hash),
                "block_number": receipt.block_number,
                "block_hash": bytes_of(receipt.block_hash),
                "gas_used": receipt.gas_used,
                "mined_at": receipt.mined_at,
                "entries": _numbers(said),
            },
        )


def _parted(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any], Sequence[Any]]]:
    return ((row[0], row[1:5], row[5:]) for row in rows)


def _where(where: tuple[int, str, str]) -> dict[str, Any]:
    return dict(zip(("chain_id", "contract", "trader"), where, strict=True))


def _day(attested: AttestedDay) -> dict[str, Any]:
    return {"of": attested.trader, "day": attested.day, "version": attested.version, "root": attested.root}


def _numbers(entries: Iterable[QueuedAttestation]) -> list[int]:
    return [entry.number for entry in entries]

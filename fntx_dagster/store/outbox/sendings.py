"""The outbox's journal on PostgreSQL, and the queue: where each signed record is on its way to the chain.

`alm_reporting.chain_postings` has a row per record and its state; `chain_sendings` a row per nonce that was taken;
`chain_attempts` the signed bytes; `chain_receipts` what was mined. Each call is one transaction. Every change of a
record's state becomes a row of `signature_events` by a trigger, so that monitors miss none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg

from fntx_dagster.errors import Transient
from fntx_dagster.model.chain import Call, Fees, Mined, QueuedRecord, Unfinished
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Database, Readable

RecordSending = Sending[QueuedRecord, Call, Fees]
"""A nonce that is taken for records, in the words of the outbox."""

_TURN_SECONDS = 120.0
_RECEIPT = """
    INSERT INTO alm_reporting.chain_receipts AS known (account_id, trading_day, version, chain_id, contract, trader,
        tx_hash, block_number, block_hash, gas_used, records, posted_at, confirmed_at)
    SELECT account_id, trading_day, version, chain_id, contract, trader,
        %(tx_hash)s, %(block_number)s, %(block_hash)s, %(gas_used)s, %(records)s, %(mined_at)s, %(confirmed_at)s
    FROM alm_reporting.chain_postings WHERE {which}
    ON CONFLICT (account_id, trading_day, version, tx_hash, block_hash) DO UPDATE
        SET confirmed_at = excluded.confirmed_at, lost_at = NULL, seen_at = clock_timestamp()
        WHERE known.confirmed_at IS NULL
"""
_ONE = "(account_id, trading_day, version) = (%(account)s, %(day)s, %(version)s)"


def unfinished(db: Readable, period: Period = EVER, account: str | None = None) -> list[Unfinished]:
    """The records that are not final, failed ones among them, by day, account and version."""
    first, last = period
    with db.connect() as connection:
        rows = connection.execute(
            """SELECT account_id, trading_day, version, state, queued_at, error, chain_id, contract, trader
            FROM alm_reporting.chain_postings
            WHERE state NOT IN ('final', 'superseded') AND trading_day BETWEEN %(first)s AND %(last)s
                AND account_id = coalesce(%(account)s, account_id)
            ORDER BY trading_day, account_id, version""",
            {"first": first, "last": last, "account": account},
        )
        return [Unfinished._make(row)._replace(chain_id=int(row[6])) for row in rows]


def queue_again(db: Database, account: str, day: date, version: int) -> None:
    """Queue a failed record again, or a final one that has vanished; any other stays where it is."""
    with db.connect() as connection:
        key = {"account": account, "day": day, "version": version}
        connection.execute(
            f"""UPDATE alm_reporting.chain_sendings SET state = 'released', updated_at = clock_timestamp()
            WHERE sending_id = (SELECT sending_id FROM alm_reporting.chain_postings WHERE {_ONE})
                AND state IN ('final', 'failed')""",
            key,
        )
        connection.execute(
            f"""UPDATE alm_reporting.chain_postings SET state = 'queued', sending_id = NULL, error = NULL,
                queued_at = clock_timestamp(), updated_at = clock_timestamp()
            WHERE {_ONE} AND state IN ('final', 'failed')""",
            key,
        )


def supersede(db: Database, account: str, day: date, version: int) -> None:
    """Give a failed record up for good: the chain holds another one, and a later version says so."""
    with db.connect() as connection:
        connection.execute(
            f"""UPDATE alm_reporting.chain_postings SET state = 'superseded', updated_at = clock_timestamp()
            WHERE {_ONE} AND state = 'failed'""",
            {"account": account, "day": day, "version": version},
        )


@contextmanager
def turn_of(db: Database, trader: str) -> Iterator[None]:
    """One sender per key on every machine that shares the database; Transient if another takes longer than two minutes.

    The lock ends with the connection, so a killed sender leaves none behind.
    """
    deadline = time.monotonic() + _TURN_SECONDS
    with db.connect() as connection:
        connection.autocommit = True
        while not _is_locked(connection, f"fntx sender {trader.lower()}"):
            if time.monotonic() > deadline:
                raise _overtaken(trader)
            time.sleep(0.2)
        yield


class SendingJournal:
    """`outbox.Journal` for one account's trader on one contract; `period` limits which queued records are waiting."""

    def __init__(self, db: Database, account: str, chain_id: int, contract: str, trader: str, period: Period) -> None:
        first, last = period
        self._db, self._trader = db, trader
        self._who = {
            "account": account,
            "chain_id": chain_id,
            "contract": contract,
            "trader": trader,
            "first": first,
            "last": last,
        }

    def waiting(self) -> list[QueuedRecord]:
        with self._db.connect() as connection:
            return self._entries(
                connection, "posting.state = 'queued' AND posting.trading_day BETWEEN %(first)s AND %(last)s"
            )

    def sendings(self) -> list[RecordSending]:
        with self._db.connect() as connection:
            rows = connection.execute(
                """SELECT sending_id, nonce, data, gas, mined_block, mined_block_hash, mined_tx_hash
                FROM alm_reporting.chain_sendings
                WHERE (account_id, chain_id, contract, trader)
                        = (%(account)s, %(chain_id)s, %(contract)s, %(trader)s)
                    AND state IN ('open', 'mined')
                ORDER BY nonce""",
                self._who,
            ).fetchall()
            return [self._sending(connection, *row) for row in rows]

    def prepare(self, slot: int, message: Call, entries: tuple[QueuedRecord, ...]) -> RecordSending:
        with self._db.connect() as connection:
            try:
                [(number,)] = connection.execute(
                    """INSERT INTO alm_reporting.chain_sendings
                        (account_id, chain_id, contract, trader, nonce, data, gas)
                    VALUES (%(account)s, %(chain_id)s, %(contract)s, %(trader)s, %(nonce)s, %(data)s, %(gas)s)
                    RETURNING sending_id""",
                    self._who | {"nonce": slot, "data": message.data, "gas": message.gas},
                )
            except psycopg.errors.UniqueViolation:
                raise _overtaken(self._trader) from None
            taken = connection.execute(
                """UPDATE alm_reporting.chain_postings AS posting
                SET sending_id = %(number)s, state = 'signed', error = NULL, updated_at = clock_timestamp()
                FROM unnest(%(days)s::date[], %(versions)s::int[]) AS entry (day, version)
                WHERE account_id = %(account)s AND (trading_day, posting.version) = (entry.day, entry.version)
                    AND state = 'queued'""",
                self._who
                | {"number": number, "days": [e.day for e in entries], "versions": [e.version for e in entries]},
            ).rowcount
            if taken < len(entries):
                raise _overtaken(self._trader)
        return Sending(number, slot, message, entries, (), None)

    def keep(self, sending: RecordSending, attempt: Attempt[Fees]) -> RecordSending:
        with self._db.connect() as connection:
            connection.execute(
                """INSERT INTO alm_reporting.chain_attempts (sending_id, tx_hash, raw_transaction, max_fee, tip)
                VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
                (sending.number, _bytes(attempt.reference), attempt.raw, attempt.offer.max_fee, attempt.offer.tip),
            )
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: RecordSending, reference: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """UPDATE alm_reporting.chain_attempts SET is_broadcast = true
                WHERE (sending_id, tx_hash) = (%s, %s) AND NOT is_broadcast""",
                (sending.number, _bytes(reference)),
            )
            self._move(connection, sending, "broadcast", "posting.state = 'signed'")

    def seen(self, sending: RecordSending, place: Place, receipt: Mined) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """UPDATE alm_reporting.chain_sendings SET state = 'mined', mined_block = %s, mined_block_hash = %s,
                    mined_tx_hash = %s, updated_at = clock_timestamp() WHERE sending_id = %s""",
                (place.position, _bytes(place.mark), _bytes(place.reference), sending.number),
            )
            values = _receipt(receipt, None) | {"number": sending.number}
            connection.execute(_RECEIPT.format(which="sending_id = %(number)s"), values)
            self._move(connection, sending, "mined")

    def final(self, sending: RecordSending) -> None:
        with self._db.connect() as connection:
            [(tx_hash,)] = connection.execute(
                """UPDATE alm_reporting.chain_sendings SET state = 'final', updated_at = clock_timestamp()
                WHERE sending_id = %s RETURNING mined_tx_hash""",
                (sending.number,),
            )
            connection.execute(
                """UPDATE alm_reporting.chain_receipts AS receipt SET confirmed_at = now()
                FROM alm_reporting.chain_postings AS posting
                WHERE posting.sending_id = %s AND receipt.tx_hash = %s
                    AND receipt.confirmed_at IS NULL AND receipt.lost_at IS NULL
                    AND (receipt.account_id, receipt.trading_day, receipt.version)
                        = (posting.account_id, posting.trading_day, posting.version)""",
                (sending.number, tx_hash),
            )
            self._move(connection, sending, "final")

    def reopen(self, sending: RecordSending) -> RecordSending:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            connection.execute(
                """UPDATE alm_reporting.chain_sendings SET state = 'open', mined_block = NULL, mined_block_hash = NULL,
                    mined_tx_hash = NULL, updated_at = clock_timestamp() WHERE sending_id = %s""",
                (sending.number,),
            )
            self._move(connection, sending, "broadcast")
        return sending._replace(seen=None)

    def release(self, sending: RecordSending, why: str) -> None:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            self._end(connection, sending, "released", why)
            self._move(connection, sending, "queued")
            connection.execute(
                "UPDATE alm_reporting.chain_postings SET sending_id = NULL WHERE sending_id = %s", (sending.number,)
            )

    def fail(self, sending: RecordSending, why: str) -> None:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            self._end(connection, sending, "failed", why)
            self._move(connection, sending, "failed", error=why)

    def adopt(self, entry: QueuedRecord, receipt: Mined, is_final: bool) -> None:
        with self._db.connect() as connection:
            key = self._who | {"day": entry.day, "version": entry.version}
            confirmed = datetime.now(UTC) if is_final else None
            connection.execute(_RECEIPT.format(which=_ONE), key | _receipt(receipt, confirmed))
            connection.execute(
                f"""UPDATE alm_reporting.chain_postings SET state = %(state)s, error = NULL,
                    updated_at = clock_timestamp() WHERE {_ONE}""",
                key | {"state": "final" if is_final else "queued"},
            )

    def refuse(self, entry: QueuedRecord, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                f"""UPDATE alm_reporting.chain_postings SET state = 'failed', error = %(why)s,
                    updated_at = clock_timestamp() WHERE {_ONE}""",
                self._who | {"day": entry.day, "version": entry.version, "why": why},
            )

    def _sending(
        self,
        connection: psycopg.Connection,
        number: int,
        nonce: int,
        data: bytes,
        gas: int,
        block: int | None,
        block_hash: bytes,
        tx_hash: bytes,
    ) -> RecordSending:
        """A sending from its row; `block_hash` and `tx_hash` are null where `block` is."""
        attempts = connection.execute(
            """SELECT tx_hash, raw_transaction, max_fee, tip, is_broadcast FROM alm_reporting.chain_attempts
            WHERE sending_id = %s ORDER BY attempt_id""",
            (number,),
        )
        return Sending(
            number=number,
            slot=nonce,
            message=Call(data, gas),
            entries=tuple(self._entries(connection, "posting.sending_id = %(number)s", number=number)),
            attempts=tuple(
                Attempt(_hex(hashed), raw, Fees(int(max_fee), int(tip)), sent)
                for hashed, raw, max_fee, tip, sent in attempts
            ),
            seen=None if block is None else Place(block, _hex(block_hash), _hex(tx_hash)),
        )

    def _entries(self, connection: psycopg.Connection, which: LiteralString, **values: Any) -> list[QueuedRecord]:
        rows = connection.execute(
            f"""SELECT trading_day, version, schema_hash, root,
                decode(substr(record ->> 'previous_root', 3), 'hex'), record ->> 'reason'
            FROM alm_reporting.chain_postings AS posting
            JOIN alm_reporting.daily_signatures USING (account_id, trading_day, version)
            WHERE account_id = %(account)s
                AND (chain_id, contract, trader) = (%(chain_id)s, %(contract)s, %(trader)s) AND {which}
            ORDER BY trading_day, version""",
            self._who | values,
        )
        return [QueuedRecord._make(row) for row in rows]

    def _move(
        self,
        connection: psycopg.Connection,
        sending: RecordSending,
        state: str,
        only: LiteralString = "true",
        error: str | None = None,
    ) -> None:
        connection.execute(
            f"""UPDATE alm_reporting.chain_postings AS posting
            SET state = %(state)s, error = %(error)s, updated_at = clock_timestamp()
            WHERE sending_id = %(number)s AND {only}""",
            {"state": state, "error": error, "number": sending.number},
        )

    def _end(self, connection: psycopg.Connection, sending: RecordSending, state: str, why: str) -> None:
        connection.execute(
            """UPDATE alm_reporting.chain_sendings SET state = %s, error = %s, updated_at = clock_timestamp()
            WHERE sending_id = %s""",
            (state, why, sending.number),
        )

    def _lose_receipts(self, connection: psycopg.Connection, sending: RecordSending) -> None:
        """Receipts that a reorg undid before they were final."""
        connection.execute(
            """UPDATE alm_reporting.chain_receipts AS receipt SET lost_at = clock_timestamp()
            FROM alm_reporting.chain_postings AS posting
            WHERE posting.sending_id = %s AND receipt.confirmed_at IS NULL AND receipt.lost_at IS NULL
                AND (receipt.account_id, receipt.trading_day, receipt.version)
                    = (posting.account_id, posting.trading_day, posting.version)""",
            (sending.number,),
        )


def _is_locked(connection: psycopg.Connection, key: str) -> bool:
    """Whether this connection has got the lock of that name."""
    [(is_locked,)] = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,))
    return is_locked


def _overtaken(trader: str) -> Transient:
    return Transient(f"another process is sending for {trader}", "Try again when it has finished")


def _receipt(mined: Mined, confirmed_at: datetime | None) -> dict[str, Any]:
    return {
        "tx_hash": _bytes(mined.tx_hash),
        "block_number": mined.block_number,
        "block_hash": _bytes(mined.block_hash),
        "gas_used": mined.gas_used,
        "records": len(mined.records),
        "mined_at": mined.mined_at,
        "confirmed_at": confirmed_at,
    }


def _bytes(hex_text: str) -> bytes:
    return bytes.fromhex(hex_text.removeprefix("0x"))


def _hex(content: bytes) -> str:
    return f"0x{content.hex()}"

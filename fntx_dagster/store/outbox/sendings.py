"""The outbox's journal on PostgreSQL, and the queue: where each signed record is on its way to the chain.

`alm_reporting.chain_postings` has a row per record and its state; `chain_sendings` a row per nonce that was taken;
`chain_attempts` the signed bytes; `chain_receipts` what was mined. Each call is one transaction. Every change of a
record's state becomes a row of `signature_events` by a trigger, so that monitors miss none.

The tables name the outbox's states as the chain does: a queued entry is `queued`, a prepared one `signed`, a sent one
`broadcast`, a seen one `mined`, a final one `final`. A record is `signed` from when its nonce is taken, also before its
transaction is signed. A sending is `open` while its entries are `signed` or `broadcast`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg

from fntx_dagster.model.chain import Call, Fees, Mined, QueuedRecord, Unfinished
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Database, Readable

RecordSending = Sending[QueuedRecord, Call, Fees]
"""A nonce that is taken for records, in the words of the outbox."""

_RECEIPT = """
    insert into alm_reporting.chain_receipts as known (account_id, trading_day, version, chain_id, contract, trader,
        tx_hash, block_number, block_hash, gas_used, records, posted_at, confirmed_at)
    select account_id, trading_day, version, chain_id, contract, trader,
        %(tx_hash)s, %(block_number)s, %(block_hash)s, %(gas_used)s, %(records)s, %(mined_at)s, %(confirmed_at)s
    from alm_reporting.chain_postings where {which}
    on conflict (account_id, trading_day, version, tx_hash, block_hash) do update
        set confirmed_at = excluded.confirmed_at, lost_at = null, seen_at = clock_timestamp()
        where known.confirmed_at is null
"""
_THIS_RECORD = "(account_id, trading_day, version) = (%(account)s, %(day)s, %(version)s)"


def unfinished(db: Readable, period: Period = EVER, account: str | None = None) -> list[Unfinished]:
    """The records that are not final, failed ones among them, by day, account and version."""
    first, last = period
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, trading_day, version, state, queued_at, error, chain_id, contract, trader
            from alm_reporting.chain_postings
            where state not in ('final', 'superseded') and trading_day between %(first)s and %(last)s
                and account_id = coalesce(%(account)s, account_id)
            order by trading_day, account_id, version""",
            {"first": first, "last": last, "account": account},
        )
        return [Unfinished._make(row)._replace(chain_id=int(row[6])) for row in rows]


def queue_again(db: Database, account: str, day: date, version: int) -> None:
    """Queue a failed record again, or a final one that has vanished; any other stays where it is."""
    with db.connect() as connection:
        key = {"account": account, "day": day, "version": version}
        connection.execute(
            f"""update alm_reporting.chain_sendings set state = 'released', updated_at = clock_timestamp()
            where sending_id = (select sending_id from alm_reporting.chain_postings where {_THIS_RECORD})
                and state in ('final', 'failed')""",
            key,
        )
        connection.execute(
            f"""update alm_reporting.chain_postings set state = 'queued', sending_id = null, error = null,
                queued_at = clock_timestamp(), updated_at = clock_timestamp()
            where {_THIS_RECORD} and state in ('final', 'failed')""",
            key,
        )


def supersede(db: Database, account: str, day: date, version: int) -> None:
    """Give a failed record up for good: the chain holds another one, and a later version says so."""
    with db.connect() as connection:
        connection.execute(
            f"""update alm_reporting.chain_postings set state = 'superseded', updated_at = clock_timestamp()
            where {_THIS_RECORD} and state = 'failed'""",
            {"account": account, "day": day, "version": version},
        )


@contextmanager
def turn_of(db: Database, trader: str) -> Iterator[None]:
    """One sender per key on every machine that shares the database; Transient if another takes longer than two minutes.

    The lock ends with the connection, so a killed sender leaves none behind.
    """
    deadline = time.monotonic() + turns.TURN_SECONDS
    with db.connect() as connection:
        connection.autocommit = True
        while not _is_locked(connection, f"fntx sender {trader.lower()}"):
            if time.monotonic() > deadline:
                raise turns.overtaken(trader)
            time.sleep(0.2)
        yield


class SendingJournal:
    """`outbox.Journal` for one account's trader on one contract; `period` limits which records count as queued."""

    def __init__(self, db: Database, account: str, chain_id: int, contract: str, trader: str, period: Period) -> None:
        first, last = period
        self._db, self._trader, self._has_turn = db, trader, False
        self._who = {
            "account": account,
            "chain_id": chain_id,
            "contract": contract,
            "trader": trader,
            "first": first,
            "last": last,
        }

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self._has_turn:
            yield
            return
        with turn_of(self._db, self._trader):
            self._has_turn = True
            try:
                yield
            finally:
                self._has_turn = False

    def queued(self) -> list[QueuedRecord]:
        with self._db.connect() as connection:
            return self._entries(
                connection, "posting.state = 'queued' and posting.trading_day between %(first)s and %(last)s"
            )

    def sendings(self) -> list[RecordSending]:
        with self._db.connect() as connection:
            rows = connection.execute(
                """select sending_id, nonce, data, gas, mined_block, mined_block_hash, mined_tx_hash
                from alm_reporting.chain_sendings
                where (account_id, chain_id, contract, trader)
                        = (%(account)s, %(chain_id)s, %(contract)s, %(trader)s)
                    and state in ('open', 'mined')
                order by nonce""",
                self._who,
            ).fetchall()
            return [self._sending(connection, *row) for row in rows]

    def prepare(self, slot: int, message: Call, entries: tuple[QueuedRecord, ...]) -> RecordSending:
        with self._db.connect() as connection:
            try:
                [(number,)] = connection.execute(
                    """insert into alm_reporting.chain_sendings
                        (account_id, chain_id, contract, trader, nonce, data, gas)
                    values (%(account)s, %(chain_id)s, %(contract)s, %(trader)s, %(nonce)s, %(data)s, %(gas)s)
                    returning sending_id""",
                    self._who | {"nonce": slot, "data": message.data, "gas": message.gas},
                )
            except psycopg.errors.UniqueViolation:
                raise turns.overtaken(self._trader) from None
            taken = connection.execute(
                """update alm_reporting.chain_postings as posting
                set sending_id = %(number)s, state = 'signed', error = null, updated_at = clock_timestamp()
                from unnest(%(days)s::date[], %(versions)s::int[]) as entry (day, version)
                where account_id = %(account)s and (trading_day, posting.version) = (entry.day, entry.version)
                    and state = 'queued'""",
                self._who
                | {"number": number, "days": [e.day for e in entries], "versions": [e.version for e in entries]},
            ).rowcount
            if taken < len(entries):
                raise turns.overtaken(self._trader)
        return Sending(number, slot, message, entries, (), None)

    def keep(self, sending: RecordSending, attempt: Attempt[Fees]) -> RecordSending:
        with self._db.connect() as connection:
            connection.execute(
                """insert into alm_reporting.chain_attempts (sending_id, tx_hash, raw_transaction, max_fee, tip)
                values (%s, %s, %s, %s, %s) on conflict do nothing""",
                (sending.number, _bytes(attempt.reference), attempt.raw, attempt.offer.max_fee, attempt.offer.tip),
            )
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: RecordSending, reference: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """update alm_reporting.chain_attempts set is_broadcast = true
                where (sending_id, tx_hash) = (%s, %s) and not is_broadcast""",
                (sending.number, _bytes(reference)),
            )
            self._move(connection, sending, "broadcast", "posting.state = 'signed'")

    def seen(self, sending: RecordSending, place: Place, receipt: Mined) -> None:
        with self._db.connect() as connection:
            connection.execute(
                """update alm_reporting.chain_sendings set state = 'mined', mined_block = %s, mined_block_hash = %s,
                    mined_tx_hash = %s, updated_at = clock_timestamp() where sending_id = %s""",
                (place.position, _bytes(place.mark), _bytes(place.reference), sending.number),
            )
            values = _receipt(receipt, None) | {"number": sending.number}
            connection.execute(_RECEIPT.format(which="sending_id = %(number)s"), values)
            self._move(connection, sending, "mined")

    def final(self, sending: RecordSending) -> None:
        with self._db.connect() as connection:
            [(tx_hash,)] = connection.execute(
                """update alm_reporting.chain_sendings set state = 'final', updated_at = clock_timestamp()
                where sending_id = %s returning mined_tx_hash""",
                (sending.number,),
            )
            connection.execute(
                """update alm_reporting.chain_receipts as receipt set confirmed_at = now()
                from alm_reporting.chain_postings as posting
                where posting.sending_id = %s and receipt.tx_hash = %s
                    and receipt.confirmed_at is null and receipt.lost_at is null
                    and (receipt.account_id, receipt.trading_day, receipt.version)
                        = (posting.account_id, posting.trading_day, posting.version)""",
                (sending.number, tx_hash),
            )
            self._move(connection, sending, "final")

    def reopen(self, sending: RecordSending) -> RecordSending:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            connection.execute(
                """update alm_reporting.chain_sendings set state = 'open', mined_block = null, mined_block_hash = null,
                    mined_tx_hash = null, updated_at = clock_timestamp() where sending_id = %s""",
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
                "update alm_reporting.chain_postings set sending_id = null where sending_id = %s", (sending.number,)
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
            connection.execute(_RECEIPT.format(which=_THIS_RECORD), key | _receipt(receipt, confirmed))
            connection.execute(
                f"""update alm_reporting.chain_postings set state = %(state)s, error = null,
                    updated_at = clock_timestamp() where {_THIS_RECORD}""",
                key | {"state": "final" if is_final else "queued"},
            )

    def refuse(self, entry: QueuedRecord, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                f"""update alm_reporting.chain_postings set state = 'failed', error = %(why)s,
                    updated_at = clock_timestamp() where {_THIS_RECORD}""",
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
            """select tx_hash, raw_transaction, max_fee, tip, is_broadcast from alm_reporting.chain_attempts
            where sending_id = %s order by attempt_id""",
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
            f"""select trading_day, version, schema_hash, root,
                decode(substr(record ->> 'previous_root', 3), 'hex'), record ->> 'reason'
            from alm_reporting.chain_postings as posting
            join alm_reporting.daily_signatures using (account_id, trading_day, version)
            where account_id = %(account)s
                and (chain_id, contract, trader) = (%(chain_id)s, %(contract)s, %(trader)s) and {which}
            order by trading_day, version""",
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
            f"""update alm_reporting.chain_postings as posting
            set state = %(state)s, error = %(error)s, updated_at = clock_timestamp()
            where sending_id = %(number)s and {only}""",
            {"state": state, "error": error, "number": sending.number},
        )

    def _end(self, connection: psycopg.Connection, sending: RecordSending, state: str, why: str) -> None:
        connection.execute(
            """update alm_reporting.chain_sendings set state = %s, error = %s, updated_at = clock_timestamp()
            where sending_id = %s""",
            (state, why, sending.number),
        )

    def _lose_receipts(self, connection: psycopg.Connection, sending: RecordSending) -> None:
        """Receipts that a reorg undid before they were final."""
        connection.execute(
            """update alm_reporting.chain_receipts as receipt set lost_at = clock_timestamp()
            from alm_reporting.chain_postings as posting
            where posting.sending_id = %s and receipt.confirmed_at is null and receipt.lost_at is null
                and (receipt.account_id, receipt.trading_day, receipt.version)
                    = (posting.account_id, posting.trading_day, posting.version)""",
            (sending.number,),
        )


def _is_locked(connection: psycopg.Connection, key: str) -> bool:
    """Whether this connection has got the lock of that name."""
    [(is_locked,)] = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (key,))
    return is_locked


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

"""The outbox's journal on PostgreSQL, and the queue: where each signed record is on its way to the chain.

`alm_reporting.chain_postings` has a row per record and its state, `chain_receipts` what was mined; the nonces and the
signed bytes are in `nonces`. Each call is one transaction. Every change of a
record's state becomes a row of `signature_events` by a trigger, so that monitors miss none.

The tables name the outbox's states as the chain does: a queued entry is `queued`, a prepared one `signed`, a sent one
`broadcast`, a seen one `mined`, a final one `final`. A record is `signed` from when its nonce is taken, also before its
transaction is signed. A sending is `open` while its entries are `signed` or `broadcast`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from fntx_dagster.model.chain import Call, Fees, Mined, PostedDay, QueuedRecord, Unfinished
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.database import Connection, Database, Readable
from fntx_dagster.store.outbox import nonces
from fntx_dagster.store.outbox.nonces import KeyTurn, TakenNonce, bytes_of
from fntx_dagster.store.outbox.signatures import POSTED, posted_of

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
_FINAL = f"""select {POSTED} from receipt join alm_reporting.daily_signatures using (account_id, trading_day, version)
    where confirmed_at is not null order by trading_day, version"""
"""The receipts of `receipt` that are final; a statement that changes receipts comes before it."""
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


def attempts_made(db: Readable, limit: int) -> list[tuple[Unfinished, int]]:
    """The records that are not final, and how often each was signed for the chain, by day, account and version, so many
    at most."""
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, trading_day, version, state, queued_at, error, chain_id::bigint, contract, trader,
                (select count(*) from alm_reporting.chain_attempts as attempt
                    where attempt.sending_id = chain_postings.sending_id)
            from alm_reporting.chain_postings where state not in ('final', 'superseded')
            order by trading_day, account_id, version limit %s""",
            (limit,),
        ).fetchall()
    return [(Unfinished._make(row[:-1]), row[-1]) for row in rows]


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


class SendingJournal:
    """`outbox.Journal` for one account's trader on one contract; `period` limits which records count as queued.
    `note` is called with the receipts that become final, in the transaction in which they do, before its end."""

    def __init__(
        self,
        db: Database,
        account: str,
        chain_id: int,
        contract: str,
        trader: str,
        period: Period,
        note: Callable[[Connection, Sequence[PostedDay]], None] = lambda connection, posted: None,
    ) -> None:
        first, last = period
        self._note = note
        self._db, self._trader, self._turn = db, trader, KeyTurn(db, trader)
        self._who = {
            "account": account,
            "chain_id": chain_id,
            "contract": contract,
            "trader": trader,
            "first": first,
            "last": last,
        }

    def turn(self) -> AbstractContextManager[None]:
        return self._turn.taken()

    def queued(self) -> list[QueuedRecord]:
        with self._db.connect() as connection:
            return self._entries(
                connection, "posting.state = 'queued' and posting.trading_day between %(first)s and %(last)s"
            )

    def sendings(self) -> list[RecordSending]:
        with self._db.connect() as connection:
            return [self._sending(connection, taken) for taken in nonces.taken_nonces(connection, self._who)]

    def prepare(self, slot: int, message: Call, entries: tuple[QueuedRecord, ...]) -> RecordSending:
        with self._db.connect() as connection:
            number = nonces.take_nonce(connection, self._who, slot, message)
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
            nonces.keep_attempt(connection, sending.number, attempt)
        return sending._replace(attempts=(*sending.attempts, attempt))

    def sent(self, sending: RecordSending, reference: str) -> None:
        with self._db.connect() as connection:
            nonces.mark_sent(connection, sending.number, reference)
            self._move(connection, sending, "broadcast", "posting.state = 'signed'")

    def seen(self, sending: RecordSending, place: Place, receipt: Mined) -> None:
        with self._db.connect() as connection:
            nonces.mark_mined(connection, sending.number, place)
            values = _receipt(receipt, None) | {"number": sending.number}
            connection.execute(_RECEIPT.format(which="sending_id = %(number)s"), values)
            self._move(connection, sending, "mined")

    def final(self, sending: RecordSending) -> None:
        with self._db.connect() as connection:
            tx_hash = nonces.mark_final(connection, sending.number)
            posted = _posted(
                connection,
                """update alm_reporting.chain_receipts as receipt set confirmed_at = now()
                from alm_reporting.chain_postings as posting
                where posting.sending_id = %(number)s and receipt.tx_hash = %(tx_hash)s
                    and receipt.confirmed_at is null and receipt.lost_at is null
                    and (receipt.account_id, receipt.trading_day, receipt.version)
                        = (posting.account_id, posting.trading_day, posting.version)
                returning receipt.*""",
                {"number": sending.number, "tx_hash": tx_hash},
            )
            self._move(connection, sending, "final")
            self._note(connection, posted)

    def reopen(self, sending: RecordSending) -> RecordSending:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            nonces.mark_open(connection, sending.number)
            self._move(connection, sending, "broadcast")
        return sending._replace(seen=None)

    def release(self, sending: RecordSending, why: str) -> None:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            nonces.give_up(connection, sending.number, "released", why)
            self._move(connection, sending, "queued")
            connection.execute(
                "update alm_reporting.chain_postings set sending_id = null where sending_id = %s", (sending.number,)
            )

    def fail(self, sending: RecordSending, why: str) -> None:
        with self._db.connect() as connection:
            self._lose_receipts(connection, sending)
            nonces.give_up(connection, sending.number, "failed", why)
            self._move(connection, sending, "failed", error=why)

    def adopt(self, entry: QueuedRecord, receipt: Mined, is_final: bool) -> None:
        with self._db.connect() as connection:
            key = self._who | {"day": entry.day, "version": entry.version}
            confirmed = datetime.now(UTC) if is_final else None
            received = _RECEIPT.format(which=_THIS_RECORD) + " returning known.*"
            posted = _posted(connection, received, key | _receipt(receipt, confirmed))
            connection.execute(
                f"""update alm_reporting.chain_postings set state = %(state)s, error = null,
                    updated_at = clock_timestamp() where {_THIS_RECORD}""",
                key | {"state": "final" if is_final else "queued"},
            )
            self._note(connection, posted)

    def refuse(self, entry: QueuedRecord, why: str) -> None:
        with self._db.connect() as connection:
            connection.execute(
                f"""update alm_reporting.chain_postings set state = 'failed', error = %(why)s,
                    updated_at = clock_timestamp() where {_THIS_RECORD}""",
                self._who | {"day": entry.day, "version": entry.version, "why": why},
            )

    def _sending(self, connection: psycopg.Connection, taken: TakenNonce) -> RecordSending:
        entries = self._entries(connection, "posting.sending_id = %(number)s", number=taken.number)
        return nonces.sending_of(connection, taken, entries)

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


def _posted(connection: psycopg.Connection, change: LiteralString, values: dict[str, Any]) -> list[PostedDay]:
    """Change receipts by a statement that returns them; those of them that are final, by day."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [posted_of(row) for row in cursor.execute(f"with receipt as ({change}) {_FINAL}", values)]


def _receipt(mined: Mined, confirmed_at: datetime | None) -> dict[str, Any]:
    return {
        "tx_hash": bytes_of(mined.tx_hash),
        "block_number": mined.block_number,
        "block_hash": bytes_of(mined.block_hash),
        "gas_used": mined.gas_used,
        "records": len(mined.records),
        "mined_at": mined.mined_at,
        "confirmed_at": confirmed_at,
    }

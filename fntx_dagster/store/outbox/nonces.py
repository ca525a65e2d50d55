"""Nonces that are taken, and what was signed under them, whatever the transactions say: the part of a journal that all
kinds of entries share.

`alm_reporting.chain_sendings` has a row per nonce, `chain_attempts` the signed bytes. A sending is `open` while none of
its attempts is in a block. `who`: account_id as `account`, chain_id, contract, trader. What writes takes part in its
caller's transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import psycopg

from fntx_dagster.model.chain import Call, Fees
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.store.backups import refuse_unverified
from fntx_dagster.store.database import Database

Entry = TypeVar("Entry")


class KeyTurn:
    """The turn of one key, for a journal: whoever has it may enter it again."""

    def __init__(self, db: Database, key: str) -> None:
        self._db, self._key, self._is_taken = db, key, False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One sender per key on every machine that shares the database."""
        if self._is_taken:
            yield
            return
        with turn_of(self._db, self._key):
            self._is_taken = True
            try:
                yield
            finally:
                self._is_taken = False


@contextmanager
def turn_of(db: Database, trader: str) -> Iterator[None]:
    """One sender per key on every machine that shares the database; Transient if another takes longer than two minutes,
    or where the database was restored and is not verified.

    The lock ends with the connection, so a killed sender leaves none behind.
    """
    deadline = time.monotonic() + turns.TURN_SECONDS
    with db.connect() as connection:
        connection.autocommit = True
        while not _is_locked(connection, _name_of(trader)):
            if time.monotonic() > deadline:
                raise turns.overtaken(trader)
            time.sleep(0.2)
        refuse_unverified(connection)
        yield


class ManyTurns:
    """The turns of many keys, on one connection in autocommit: as `turn_of`, of which nobody here waits for another."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.held: set[str] = set()
        """The keys whose turn it is here, in lower case."""

    def take(self, key: str) -> bool:
        """Take the turn of a key; False where another process has it, or somebody else with this object."""
        name = key.lower()
        if name in self.held or not _is_locked(self._connection, _name_of(key)):
            return False
        self.held.add(name)
        return True

    def give_back(self, key: str) -> None:
        """End the turn of a key that was taken. Where the connection is lost, it has ended."""
        self.held.discard(key.lower())
        with suppress(psycopg.Error):
            self._connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (_name_of(key),))


@contextmanager
def many_turns(db: Database) -> Iterator[ManyTurns]:
    """No turn yet, of whichever keys; what was taken ends with the block. Transient where the database was restored and
    is not verified."""
    with db.connect() as connection:
        connection.autocommit = True
        refuse_unverified(connection)
        yield ManyTurns(connection)


class TakenNonce(NamedTuple):
    """A nonce that is neither final nor given up, and the place of its transaction while it is in a block."""

    number: int
    nonce: int
    call: Call
    seen: Place | None


def taken_nonces(connection: psycopg.Connection, who: Mapping[str, Any]) -> list[TakenNonce]:
    """By nonce."""
    rows = connection.execute(
        """select sending_id, nonce, data, gas, mined_block, mined_block_hash, mined_tx_hash
        from alm_reporting.chain_sendings
        where (account_id, chain_id, contract, trader) = (%(account)s, %(chain_id)s, %(contract)s, %(trader)s)
            and state in ('open', 'mined')
        order by nonce""",
        who,
    )
    return [
        TakenNonce(
            number, nonce, Call(data, gas), None if block is None else Place(block, hex_of(block_hash), hex_of(tx_hash))
        )
        for number, nonce, data, gas, block, block_hash, tx_hash in rows
    ]


def sending_of(
    connection: psycopg.Connection, taken: TakenNonce, entries: Iterable[Entry]
) -> Sending[Entry, Call, Fees]:
    """What is sent under a nonce: `entries` are those that it was taken for."""
    signed = attempts(connection, taken.number)
    return Sending(taken.number, taken.nonce, taken.call, tuple(entries), signed, taken.seen)


def attempts(connection: psycopg.Connection, number: int) -> tuple[Attempt[Fees], ...]:
    """What was signed under a nonce, oldest first."""
    rows = connection.execute(
        """select tx_hash, raw_transaction, max_fee, tip, is_broadcast from alm_reporting.chain_attempts
        where sending_id = %s order by attempt_id""",
        (number,),
    )
    return tuple(
        Attempt(hex_of(hashed), raw, Fees(int(max_fee), int(tip)), sent) for hashed, raw, max_fee, tip, sent in rows
    )


def take_nonce(connection: psycopg.Connection, who: Mapping[str, Any], nonce: int, call: Call) -> int:
    """The number of a new row. Transient where another process was first."""
    try:
        [(number,)] = connection.execute(
            """insert into alm_reporting.chain_sendings (account_id, chain_id, contract, trader, nonce, data, gas)
            values (%(account)s, %(chain_id)s, %(contract)s, %(trader)s, %(nonce)s, %(data)s, %(gas)s)
            returning sending_id""",
            {**who, "nonce": nonce, "data": call.data, "gas": call.gas},
        )
    except psycopg.errors.UniqueViolation:
        raise turns.overtaken(who["trader"]) from None
    return number


def keep_attempt(connection: psycopg.Connection, number: int, attempt: Attempt[Fees]) -> None:
    """Keep signed bytes."""
    connection.execute(
        """insert into alm_reporting.chain_attempts (sending_id, tx_hash, raw_transaction, max_fee, tip)
        values (%s, %s, %s, %s, %s) on conflict do nothing""",
        (number, bytes_of(attempt.reference), attempt.raw, attempt.offer.max_fee, attempt.offer.tip),
    )


def mark_sent(connection: psycopg.Connection, number: int, reference: str) -> None:
    """A node has accepted these bytes."""
    connection.execute(
        """update alm_reporting.chain_attempts set is_broadcast = true
        where (sending_id, tx_hash) = (%s, %s) and not is_broadcast""",
        (number, bytes_of(reference)),
    )


def mark_mined(connection: psycopg.Connection, number: int, place: Place) -> None:
    """A transaction of the nonce is in a block."""
    connection.execute(
        """update alm_reporting.chain_sendings set state = 'mined', mined_block = %s, mined_block_hash = %s,
            mined_tx_hash = %s, updated_at = clock_timestamp() where sending_id = %s""",
        (place.position, bytes_of(place.mark), bytes_of(place.reference), number),
    )


def mark_final(connection: psycopg.Connection, number: int) -> bytes:
    """No reorganisation is expected to undo it: the hash of its transaction."""
    [(tx_hash,)] = connection.execute(
        """update alm_reporting.chain_sendings set state = 'final', updated_at = clock_timestamp()
        where sending_id = %s returning mined_tx_hash""",
        (number,),
    )
    return tx_hash


def mark_open(connection: psycopg.Connection, number: int) -> None:
    """Its block is lost."""
    connection.execute(
        """update alm_reporting.chain_sendings set state = 'open', mined_block = null, mined_block_hash = null,
            mined_tx_hash = null, updated_at = clock_timestamp() where sending_id = %s""",
        (number,),
    )


def give_up(connection: psycopg.Connection, number: int, state: str, why: str) -> None:
    """The nonce is `released` or has `failed`."""
    connection.execute(
        """update alm_reporting.chain_sendings set state = %s, error = %s, updated_at = clock_timestamp()
        where sending_id = %s""",
        (state, why, number),
    )


def bytes_of(hex_text: str) -> bytes:
    """The bytes of 0x…."""
    return bytes.fromhex(hex_text.removeprefix("0x"))


def hex_of(content: bytes) -> str:
    """Bytes as 0x…."""
    return f"0x{content.hex()}"


def _name_of(key: str) -> str:
    """The name of the lock of a key's turn."""
    return f"fntx sender {key.lower()}"


def _is_locked(connection: psycopg.Connection, key: str) -> bool:
    """Whether this connection has got the lock of that name."""
    [(is_locked,)] = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (key,))
    return is_locked

"""What was signed and what was posted: append-only tables, the project's own memory of the chain.

A record is frozen when it is written here; no function of this module changes a row of daily_signatures or
chain_receipts. Values are kept as scaled integers by metric name; salts are not kept, the secret regenerates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import marts_exist


class SignedDay(NamedTuple):
    """A frozen record. `values`: metric name → scaled integer, None for null; `chain_id`, `contract` and `trader` are
    what the leaves are bound to; `secret_mark` recognises the salt secret and tells nothing of it."""

    account_id: str
    trading_day: date
    version: int
    schema_hash: bytes
    root: bytes
    chain_id: int
    contract: str
    trader: str
    secret_mark: str
    values: Mapping[str, int | None]


class PostedDay(NamedTuple):
    """A confirmed posting, as read back from the chain."""

    account_id: str
    trading_day: date
    version: int
    chain_id: int
    contract: str
    trader: str
    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    posted_at: datetime


def freeze(db: Database, signed: SignedDay) -> bool:
    """Write a record; False (and nothing written) when that version of the day is there already."""
    record = {
        "chain_id": str(signed.chain_id),
        "contract": signed.contract,
        "trader": signed.trader,
        "secret_mark": signed.secret_mark,
        "values": {name: None if value is None else str(value) for name, value in signed.values.items()},
    }
    with db.connect() as connection:
        return bool(
            connection.execute(
                """insert into alm_reporting.daily_signatures
                    (account_id, trading_day, version, schema_hash, root, record)
                values (%s, %s, %s, %s, %s, %s) on conflict do nothing""",
                (signed.account_id, signed.trading_day, signed.version, signed.schema_hash, signed.root, Jsonb(record)),
            ).rowcount
        )


def signed_days(db: Database, first: date, last: date, account: str | None = None) -> list[SignedDay]:
    """The latest version of each signed day of a range, by day and account."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """select distinct on (trading_day, account_id) *
            from alm_reporting.daily_signatures
            where trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)
            order by trading_day, account_id, version desc""",
            {"first": first, "last": last, "account": account},
        )
        return [_signed(row) for row in cursor]


def last_signed(db: Database, account: str) -> SignedDay | None:
    """The record that was frozen last for an account."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """select * from alm_reporting.daily_signatures where account_id = %s
            order by created_at desc, trading_day desc limit 1""",
            (account,),
        ).fetchone()
    return _signed(row) if row else None


def accounts_of_trader(db: Database, trader: str) -> set[str]:
    """The accounts that have records bound to a trader's address."""
    with db.connect() as connection:
        rows = connection.execute(
            "select distinct account_id from alm_reporting.daily_signatures where record ->> 'trader' = %s", (trader,)
        )
        return {row[0] for row in rows}


def last_signed_sessions(db: Database) -> dict[str, date]:
    """Account → the latest session that it has signed."""
    with db.connect() as connection:
        rows = connection.execute("select account_id, max(trading_day) from alm_reporting.daily_signatures group by 1")
        return dict(rows.fetchall())


def unsigned_days(db: Database) -> dict[str, list[date]]:
    """Account → its told sessions that wait: those after the last signed one, and signed ones that no receipt
    confirms; oldest first. Accounts without any are left out."""
    with db.connect() as connection:
        if not marts_exist(connection):
            return {}
        rows = connection.execute(
            """with signed as (
                select account_id, max(trading_day) as last from alm_reporting.daily_signatures group by 1
            ), waiting as (
                select told.account_id, told.trading_day
                from alm_reporting.daily_summary as told left join signed using (account_id)
                where told.trading_day > coalesce(signed.last, '-infinity')
                union
                select account_id, trading_day from alm_reporting.daily_signatures as record
                where not exists (
                    select from alm_reporting.chain_receipts as receipt
                    where (receipt.account_id, receipt.trading_day, receipt.version)
                        = (record.account_id, record.trading_day, record.version)
                )
            )
            select account_id, array_agg(trading_day order by trading_day) from waiting group by 1 order by 1"""
        )
        return dict(rows.fetchall())


def remember_attempt(db: Database, signed: SignedDay, tx_hash: str, nonce: int, raw: bytes) -> None:
    """Save a signed transaction before it is broadcast."""
    with db.connect() as connection:
        connection.execute(
            """insert into alm_reporting.chain_attempts
                (account_id, trading_day, version, chain_id, contract, nonce, tx_hash, raw_transaction, state)
            values (%s, %s, %s, %s, %s, %s, %s, %s, 'signed')""",
            (
                signed.account_id,
                signed.trading_day,
                signed.version,
                signed.chain_id,
                signed.contract,
                nonce,
                bytes.fromhex(tx_hash.removeprefix("0x")),
                raw,
            ),
        )


def confirm(db: Database, posted: PostedDay) -> bool:
    """Write a receipt, and mark its attempt as mined; False when the receipt was there already."""
    values = posted._asdict() | {
        "tx_hash": bytes.fromhex(posted.tx_hash.removeprefix("0x")),
        "block_hash": bytes.fromhex(posted.block_hash.removeprefix("0x")),
    }
    with db.connect() as connection:
        connection.execute(
            "update alm_reporting.chain_attempts set state = 'mined', updated_at = now() where tx_hash = %s",
            (values["tx_hash"],),
        )
        return bool(
            connection.execute(
                f"""insert into alm_reporting.chain_receipts ({", ".join(values)}, confirmed_at)
                values ({", ".join(f"%({name})s" for name in values)}, now()) on conflict do nothing""",
                values,
            ).rowcount
        )


def posted_days(db: Database, first: date, last: date, account: str | None = None) -> list[PostedDay]:
    """The newest receipt of each posted day of a range, by day and account."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"""select distinct on (trading_day, account_id) {", ".join(PostedDay._fields)}
            from alm_reporting.chain_receipts
            where trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)
            order by trading_day, account_id, version desc, confirmed_at desc""",
            {"first": first, "last": last, "account": account},
        )
        return [_posted(row) for row in cursor]


def _signed(row: dict[str, Any]) -> SignedDay:
    record = row["record"]
    return SignedDay(
        account_id=row["account_id"],
        trading_day=row["trading_day"],
        version=row["version"],
        schema_hash=row["schema_hash"],
        root=row["root"],
        chain_id=int(record["chain_id"]),
        contract=record["contract"],
        trader=record["trader"],
        secret_mark=record["secret_mark"],
        values={name: None if value is None else int(value) for name, value in record["values"].items()},
    )


def _posted(row: dict[str, Any]) -> PostedDay:
    hashes = {name: f"0x{row[name].hex()}" for name in ("tx_hash", "block_hash")}
    return PostedDay(**row | hashes | {"chain_id": int(row["chain_id"])})

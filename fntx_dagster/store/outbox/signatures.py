"""What was signed and what was posted: append-only tables, the project's own memory of the chain.

A record is frozen when it is written here, and is queued in the same transaction; its way from there is `sendings`'.
Values are kept as scaled integers by metric name; salts are not kept, the secret regenerates them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from psycopg.rows import dict_row

from fntx_dagster.model.chain import PostedDay, SignedDay, SignedExtension
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Connection, Database, Readable
from fntx_dagster.store.marts.tables import marts_exist

POSTED = """account_id, trading_day, version, chain_id, contract, trader, tx_hash, block_number, block_hash, gas_used,
    records, posted_at, confirmed_at is not null as is_final, schema_hash, root"""
"""The columns of a posted day, of receipts beside what was signed."""
_RECEIPTS = "alm_reporting.chain_receipts join alm_reporting.daily_signatures using (account_id, trading_day, version)"


def freeze(
    db: Database, records: Sequence[SignedDay], note: Callable[[Connection, Sequence[SignedDay]], None] | None = None
) -> list[SignedDay]:
    """Write records and queue them for the chain; those that were written now, in the order given. A version of a day
    that is there already stays as it is. `note` is called with those in the same transaction, before its end."""
    given = {
        "accounts": [signed.account_id for signed in records],
        "days": [signed.trading_day for signed in records],
        "versions": [signed.version for signed in records],
        "schemas": [signed.schema_hash for signed in records],
        "roots": [signed.root for signed in records],
        "records": [_record(signed) for signed in records],
    }
    with db.connect() as connection:
        written = set(
            connection.execute(
                """with given as (
                    select account_id, trading_day, version, schema_hash, root, record::jsonb
                    from unnest(%(accounts)s::text[], %(days)s::date[], %(versions)s::int[], %(schemas)s::bytea[],
                        %(roots)s::bytea[], %(records)s::text[])
                        as g (account_id, trading_day, version, schema_hash, root, record)
                ), frozen as (
                    insert into alm_reporting.daily_signatures
                        (account_id, trading_day, version, schema_hash, root, record)
                    select * from given on conflict do nothing
                    returning account_id, trading_day, version, record
                )
                insert into alm_reporting.chain_postings
                    (account_id, trading_day, version, chain_id, contract, trader, state)
                select account_id, trading_day, version,
                    (record ->> 'chain_id')::numeric, record ->> 'contract', record ->> 'trader', 'queued'
                from frozen returning account_id, trading_day, version""",
                given,
            ).fetchall()
        )
        new = [signed for signed in records if signed[:3] in written]
        if note is not None:
            note(connection, new)
    return new


def signed_days(db: Readable, period: Period, account: str | None = None) -> list[SignedDay]:
    """The latest version of each signed day of a range, by day and account."""
    first, last = period
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """select distinct on (trading_day, account_id) *
            from alm_reporting.daily_signatures
            where trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)
            order by trading_day, account_id, version desc""",
            {"first": first, "last": last, "account": account},
        )
        return [_signed(row) for row in cursor]


def signed_version(db: Readable, account: str, day: date, version: int | None = None) -> SignedDay | None:
    """One version of a signed day, the latest where none is named; None where there is none."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """select * from alm_reporting.daily_signatures
            where (account_id, trading_day) = (%(account)s, %(day)s) and version = coalesce(%(version)s::int, version)
            order by version desc limit 1""",
            {"account": account, "day": day, "version": version},
        ).fetchone()
    return _signed(row) if row else None


def last_signed(db: Readable, account: str, chain_id: int | None = None) -> SignedDay | None:
    """The record that was frozen last for an account, for one chain where it is named."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """select * from alm_reporting.daily_signatures
            where account_id = %(account)s and record ->> 'chain_id' = coalesce(%(chain)s, record ->> 'chain_id')
            order by created_at desc, trading_day desc limit 1""",
            {"account": account, "chain": None if chain_id is None else str(chain_id)},
        ).fetchone()
    return _signed(row) if row else None


def accounts_of_trader(db: Readable, trader: str) -> set[str]:
    """The accounts that have records bound to a trader's address."""
    with db.connect() as connection:
        rows = connection.execute(
            "select distinct account_id from alm_reporting.daily_signatures where record ->> 'trader' = %s", (trader,)
        )
        return {row[0] for row in rows}


def signed_spans(db: Readable, chain_id: int, contract: str) -> dict[str, tuple[date, date]]:
    """Trader → its first and its last signed session, of each trader that has signed for a contract."""
    with db.connect() as connection:
        rows = connection.execute(
            """select record ->> 'trader', min(trading_day), max(trading_day) from alm_reporting.daily_signatures
            group by 1 having bool_or((record ->> 'chain_id', record ->> 'contract') = (%s, %s))""",
            (str(chain_id), contract),
        )
        return {trader: (first, last) for trader, first, last in rows}


def last_signed_sessions(db: Readable) -> dict[str, date]:
    """Account → the latest session that it has signed."""
    with db.connect() as connection:
        rows = connection.execute("select account_id, max(trading_day) from alm_reporting.daily_signatures group by 1")
        return dict(rows.fetchall())


def unsigned_days(db: Readable) -> dict[str, list[date]]:
    """Account → its built sessions after the last signed one, oldest first. Accounts without any are left out."""
    with db.connect() as connection:
        if not marts_exist(connection):
            return {}
        rows = connection.execute(
            """with signed as (
                select account_id, max(trading_day) as last from alm_reporting.daily_signatures group by 1
            )
            select built.account_id, array_agg(built.trading_day order by built.trading_day)
            from alm_reporting.daily_summary as built left join signed using (account_id)
            where built.trading_day > coalesce(signed.last, '-infinity')
            group by 1 order by 1"""
        )
        return dict(rows.fetchall())


def posted_days(db: Readable, period: Period, account: str | None = None) -> list[PostedDay]:
    """The newest receipt of each posted day's latest version, by day and account; what a reorg undid is none."""
    first, last = period
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"""select distinct on (trading_day, account_id) {POSTED} from {_RECEIPTS}
            where trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)
                and lost_at is null
            order by trading_day, account_id, version desc, seen_at desc""",
            {"first": first, "last": last, "account": account},
        )
        return [posted_of(row) for row in cursor]


def receipt_of(db: Readable, signed: SignedDay) -> PostedDay | None:
    """The newest receipt of that very version; None where it is not posted."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            f"""select {POSTED} from {_RECEIPTS}
            where (account_id, trading_day, version) = (%s, %s, %s) and lost_at is null
            order by seen_at desc limit 1""",
            signed[:3],
        ).fetchone()
    return posted_of(row) if row else None


def posted_of(row: dict[str, Any]) -> PostedDay:
    """A receipt from a row of `POSTED`."""
    hashes = {name: f"0x{row[name].hex()}" for name in ("tx_hash", "block_hash")}
    values: dict[str, Any] = row | hashes | {"chain_id": int(row["chain_id"])}
    return PostedDay(**values)


def _record(signed: SignedDay) -> str:
    record: dict[str, Any] = {
        "chain_id": str(signed.chain_id),
        "contract": signed.contract,
        "trader": signed.trader,
        "secret_mark": signed.secret_mark,
        "salt_form": signed.salt_form,
        "values": _texts(signed.values),
    }
    if signed.extension is not None:
        record["extension"] = {
            "schema_hash": f"0x{signed.extension.schema_hash.hex()}",
            "values": _texts(signed.extension.values),
        }
    if signed.version > 1:
        record |= {"previous_root": f"0x{(signed.previous_root or b'').hex()}", "reason": signed.reason}
    return json.dumps(record)


def _signed(row: dict[str, Any]) -> SignedDay:
    record = row["record"]
    extension = record.get("extension")
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
        values=_numbers(record["values"]),
        previous_root=bytes.fromhex(record["previous_root"][2:]) if "previous_root" in record else None,
        reason=record.get("reason"),
        salt_form=record.get("salt_form", 1),  # records from before there were two have none
        extension=extension
        and SignedExtension(bytes.fromhex(extension["schema_hash"][2:]), _numbers(extension["values"])),
    )


def _texts(values: Mapping[str, int | None]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in values.items()}


def _numbers(texts: Mapping[str, str | None]) -> dict[str, int | None]:
    return {name: None if text is None else int(text) for name, text in texts.items()}

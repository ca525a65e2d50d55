"""Cash that came in on bonds: each receipt is there once, and is distributed once."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class CashReceiptRow(NamedTuple):
    """Cash that came in on a bond. By a validated transaction: `ledger`, `tx_hash` (lower-case hex), `ledger_index`. By
    evidence: the document's name, the SHA-256 of its bytes, and why it was typed."""

    receipt_id: UUID
    bond_id: str
    amount: Decimal
    received_on: date
    ledger: str | None
    tx_hash: str | None
    ledger_index: int | None
    evidence: str
    evidence_sha256: str | None
    reason: str
    recorded_by: str
    recorded_at: datetime


def add_receipt(connection: Connection, new: CashReceiptRow) -> bool:
    """Keep a receipt; False where its transaction, or for the bond its evidence, counts already."""
    places = ", ".join(["%s"] * len(CashReceiptRow._fields))
    query = f"insert into treasury.cash_receipt ({columns(CashReceiptRow._fields)}) values ({places})"
    return connection.execute(f"{query} on conflict do nothing", new).rowcount == 1  # pyright: ignore[reportArgumentType]  # places alone


def cash_receipt(connection: Connection, receipt_id: UUID) -> CashReceiptRow | None:
    """A receipt, voided or not."""
    with connection.cursor(row_factory=args_row(CashReceiptRow)) as cursor:
        return cursor.execute(
            f"select {columns(CashReceiptRow._fields)} from treasury.cash_receipt where receipt_id = %s", [receipt_id]
        ).fetchone()


def void_receipt(connection: Connection, receipt_id: UUID, reason: str, by: str) -> bool:
    """Keep that a receipt counts no more; False where that is kept already. Whoever calls holds its bond, and has
    looked that no distribution distributes it."""
    return (
        connection.execute(
            """insert into treasury.receipt_voided (receipt_id, reason, voided_by) values (%s, %s, %s)
            on conflict do nothing""",
            [receipt_id, reason, by],
        ).rowcount
        == 1
    )


def why_voided(connection: Connection, bond_id: str) -> dict[UUID, str]:
    """The receipts of a bond that were voided, and why."""
    rows = connection.execute(
        """select receipt_id, voided.reason from treasury.receipt_voided as voided
        join treasury.cash_receipt using (receipt_id) where bond_id = %s""",
        [bond_id],
    )
    return {row[0]: row[1] for row in rows}


def receipts_of(
    connection: Connection, bond_id: str, *, free: bool = False, voided: bool = False
) -> list[CashReceiptRow]:
    """The receipts of a bond by their dates; `free`: those that no distribution distributes; `voided`: those that were
    voided too."""
    with connection.cursor(row_factory=args_row(CashReceiptRow)) as cursor:
        return cursor.execute(
            f"""select {columns(CashReceiptRow._fields)} from treasury.cash_receipt as own
            where bond_id = %s and (%s or {_COUNTS}) and (not %s or {_FREE})
            order by received_on, recorded_at, receipt_id""",
            [bond_id, voided, free],
        ).fetchall()


def bonds_with_cash(connection: Connection) -> list[str]:
    """The bonds that have receipts which no distribution distributes."""
    rows = connection.execute(
        f"""select distinct bond_id from treasury.cash_receipt as own where {_COUNTS} and {_FREE} order by bond_id"""
    )
    return [row[0] for row in rows]


_COUNTS = "not exists (select from treasury.receipt_voided as voided where voided.receipt_id = own.receipt_id)"
_FREE = """not exists (select from treasury.distribution_receipt as used join treasury.distribution as by_it
    using (distribution_id) where used.receipt_id = own.receipt_id and not by_it.is_withdrawn)"""

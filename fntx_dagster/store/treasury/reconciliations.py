"""Reconciliations: their runs, items and reports, and the statements of the custodian. Nothing of it ever changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value


class ReconRunRow(NamedTuple):
    """A run. Ledgers are None where none was read; `report_hash` is that of the report without its attestation."""

    run_no: int
    ran_at: datetime
    scope: str
    network: str
    xrpl_ledger: int | None
    stellar_ledger: int | None
    matched: int
    mismatched: int
    pending: int
    errors: int
    overall_status: str
    report_hash: str
    audit_seq: int
    ran_by: str


class ReconItemRow(NamedTuple):
    """The judgement of a check."""

    id: str
    words: str
    ledger: str
    expected: str
    actual: str
    status: str
    severity: str
    details: list[str]


class CustodyStatementRow(NamedTuple):
    """What the custodian states stood in escrow at the end of a day, of a token."""

    as_of: date
    token: str
    total: Decimal
    entered_by: str


def next_run(connection: Connection) -> int:
    """A number for a run. One that is not used stays free."""
    return one_value(connection.execute("select nextval(pg_get_serial_sequence('treasury.recon_run', 'run_no'))"))


def add_run(connection: Connection, run: ReconRunRow, report: str, items: Sequence[ReconItemRow]) -> None:
    """Keep a run with its report and its items, in their order."""
    connection.execute(
        f"""insert into treasury.recon_run ({columns(ReconRunRow._fields)}, report)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [*run, report],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into treasury.recon_item (run_no, place, {columns(ReconItemRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [(run.run_no, place, *item) for place, item in enumerate(items)],
        )


def recon_runs(connection: Connection, most: int, scope: str | None = None) -> list[ReconRunRow]:
    """So many runs at most, the newest first; of a scope, or of all."""
    with connection.cursor(row_factory=args_row(ReconRunRow)) as cursor:
        return cursor.execute(
            f"""select {columns(ReconRunRow._fields)} from treasury.recon_run
            where %(scope)s::text is null or scope = %(scope)s order by run_no desc limit %(most)s""",
            {"scope": scope, "most": most},
        ).fetchall()


def recon_run(connection: Connection, run_no: int) -> ReconRunRow | None:
    """A run; None where there is none."""
    with connection.cursor(row_factory=args_row(ReconRunRow)) as cursor:
        return cursor.execute(
            f"select {columns(ReconRunRow._fields)} from treasury.recon_run where run_no = %s", [run_no]
        ).fetchone()


def recon_items(connection: Connection, run_no: int) -> list[ReconItemRow]:
    """The items of a run, in the order of its report."""
    with connection.cursor(row_factory=args_row(ReconItemRow)) as cursor:
        return cursor.execute(
            f"select {columns(ReconItemRow._fields)} from treasury.recon_item where run_no = %s order by place",
            [run_no],
        ).fetchall()


def recon_report(connection: Connection, run_no: int) -> str:
    """The report of a run that is there, as JSON."""
    return one_value(connection.execute("select report from treasury.recon_run where run_no = %s", [run_no]))


def last_statuses(connection: Connection, id: str, most: int) -> list[str]:
    """How a check ended in its last runs, the newest first."""
    rows = connection.execute(
        "select status from treasury.recon_item where id = %s order by run_no desc limit %s", [id, most]
    )
    return [row[0] for row in rows]


def add_statement(connection: Connection, new: CustodyStatementRow) -> int:
    """Keep a statement of the custodian, and return its number."""
    return one_value(
        connection.execute(
            f"""insert into treasury.custody_statement ({columns(CustodyStatementRow._fields)})
            values (%s, %s, %s, %s) returning statement_no""",
            new,
        )
    )


def newest_statement(connection: Connection) -> CustodyStatementRow | None:
    """The statement of the latest day; of several of that day the one that was entered last."""
    with connection.cursor(row_factory=args_row(CustodyStatementRow)) as cursor:
        return cursor.execute(
            f"""select {columns(CustodyStatementRow._fields)} from treasury.custody_statement
            order by as_of desc, statement_no desc limit 1"""
        ).fetchone()

"""The history of a service that kept a position, orders and a trade for each user: folded into executions, compared
with the old tables, and those archived.

A run reads the old tables as they are, folds what is not in the ledger yet, a transaction for each batch, and compares.
It may be killed at any moment and started again: what was folded stays, once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Transient
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.reporting import write_whole
from fntx_dagster.services.signals.old_mapping import OldMapping
from fntx_dagster.store.database import Database
from fntx_dagster.store.signals import agreement, folding, judging, old_tables
from fntx_dagster.store.signals.agreement import SET_ASIDE, SumDifference, Sums, UnfoldedRow
from fntx_dagster.store.urls import libpq_url

SHOWN = 1_000
"""Rows that did not fold, in a report; the file has them all."""
Progress = Callable[[int, int], None]


class Migrated(NamedTuple):
    """What a migration did: executions that it made, those that were there before, why rows did not fold (reason → how
    many) and the first of them, the sums compared, and what does not agree. `archived`: table → rows, with the
    statement that drops the old tables later."""

    dry_run: bool
    executions: int
    known: int
    reasons: dict[str, int]
    unfolded: list[UnfoldedRow]
    sums: list[Sums]
    differences: list[SumDifference]
    archived: dict[str, int]
    drop_later: str | None

    @property
    def is_whole(self) -> bool:
        """Whether every old row is in the ledger or was set aside by a person, and the sums agree."""
        return not self.differences and not self.reasons.keys() - {SET_ASIDE}


def old_database(url: str) -> Database:
    """The database of the old service, by the URL that it used itself."""
    return Database(libpq_url(url))


def migrate_signals(
    desk: Desk,
    old: Database,
    mapping: OldMapping,
    *,
    dry_run: bool = False,
    archive: bool = False,
    list_file: Path | None = None,
    on_progress: Progress = lambda done, whole: None,
    batch_rows: int = folding.BATCH_ROWS,
) -> Migrated:
    """Fold the old tables into the ledger. `dry_run`: compare what would be, and leave no trace. `archive`: where all
    was folded and agrees, take the right to write from the old tables and copy them away. `list_file`: where all that
    did not fold is written as CSV. `on_progress`: executions folded, and how many there are to fold.

    Raises Permanent where a table or column is missing or cannot be read; Transient while another migration runs.
    """
    with desk.db.connect() as connection:
        connection.autocommit = True  # each batch is a transaction, and the pool closes the connection at its end
        if not folding.alone(connection):
            raise Transient("another migration of signals runs", "Wait for its end")
        with connection.transaction(force_rollback=True) if dry_run else nullcontext():
            done = _folded(desk, connection, old, mapping, dry_run, on_progress, batch_rows)
            migrated, digests = done
            if list_file is not None:
                write_whole(list_file, agreement.unfolded_csv(connection))
    if not archive or dry_run or not migrated.is_whole:
        return migrated
    archived = old_tables.archive(old, mapping.tables, mapping.archive, digests)
    return migrated._replace(archived=archived, drop_later=old_tables.drops(mapping.tables, [*archived]))


def _folded(
    desk: Desk,
    connection: Any,
    old: Database,
    mapping: OldMapping,
    dry_run: bool,
    on_progress: Progress,
    batch_rows: int,
) -> tuple[Migrated, Any]:
    rules = mapping.rules
    digests = old_tables.copy_old_rows(old, connection, mapping.tables)
    with connection.transaction():
        judging.judge(connection, rules)
        groups = folding.group(connection, rules, batch_rows)
    done = 0
    for batch in range(groups.batches):
        with connection.transaction():
            done += folding.fold(connection, rules, batch, desk.clock())
        on_progress(done, groups.groups)
    if done:
        folding.analyze(connection)
    found = Migrated(
        dry_run,
        done,
        groups.before,
        agreement.reasons(connection),
        agreement.unfolded(connection, SHOWN),
        agreement.sums(connection, rules.zone),
        agreement.differences(connection, rules.zone),
        {},
        None,
    )
    return found, digests

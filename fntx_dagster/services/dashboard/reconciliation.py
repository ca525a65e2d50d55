"""Reconciliations as their pages show them."""

from __future__ import annotations

from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.services.reconciling.reading import KeptRun, NoSuchRun, ReconItemRow, ReconRunRow, kept, runs
from fntx_dagster.store.database import Database

__all__ = ["KeptRun", "ReconItemRow", "ReconRunRow"]

_TO_DO = {each.id: each.to_do for each in CHECKS}
_LARGEST = 2**63 - 1


def newest_runs(db: Database) -> list[ReconRunRow]:
    """The newest runs, the newest first."""
    return runs(db)


def kept_run(db: Database, number: int) -> KeptRun | None:
    """A run by its number; None where there is none."""
    try:
        return kept(db, number) if number <= _LARGEST else None
    except NoSuchRun:
        return None


def to_do(check: str) -> str:
    """What a person does about a mismatch of a check."""
    return _TO_DO.get(check, "")

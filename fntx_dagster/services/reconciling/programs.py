"""What programs read of reconciliations over HTTP."""

from __future__ import annotations

from typing import Any

from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.services.reconciling.reading import NoSuchRun, kept, runs
from fntx_dagster.store.database import Database


def reconciliations(db: Database, limit: int) -> dict[str, Any]:
    """The newest runs, the newest first."""
    return {"reconciliations": [row._asdict() for row in runs(db, limit)]}


def reconciliation(db: Database, number: int) -> dict[str, Any]:
    """The report of a run. Raises Declined (404) where there is none of that number."""
    try:
        return kept(db, number).report
    except NoSuchRun as error:
        words = f"{error.message}: GET /api/treasury/reconciliations lists them"
        raise Declined([FieldFault("", "run_not_found", words)], "run_not_found", 404) from None

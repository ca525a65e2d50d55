"""The desk and its strategies as programs are given them over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fntx_dagster.services.execution.reading import desk_document, strategy_document
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.store.database import Database


def trading_desk(db: Database) -> dict[str, Any]:
    """As `fntx strategy status`."""
    with declining():
        return desk_document(db)


def strategy(db: Database, strategy_id: UUID) -> dict[str, Any]:
    """As `fntx strategy status ID`."""
    with declining():
        return strategy_document(db, strategy_id)

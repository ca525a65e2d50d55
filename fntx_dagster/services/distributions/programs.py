"""What programs read of cash and distributions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fntx_dagster.services.distributions.paying import look
from fntx_dagster.services.distributions.reading import cash_of, progress_dict
from fntx_dagster.services.treasury.declining import declining

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database


def cash(db: Database, bond_id: str) -> dict[str, Any]:
    """The cash that came in on a bond, and its distributions."""
    with declining():
        return cash_of(db, bond_id).as_dict()


def one(db: Database, distribution_id: UUID) -> dict[str, Any]:
    """A distribution with its payments."""
    with declining():
        whole = progress_dict(db, look(db, distribution_id))
    return {name: value for name, value in whole.items() if name not in ("files", "problems")}

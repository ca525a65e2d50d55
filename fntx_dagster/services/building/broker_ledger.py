"""The statements of every account into the ledger, and whether both agree for the sessions of a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.bookkeeping.agreement import agreement
from fntx_dagster.services.bookkeeping.projecting import project
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


class ComparedLedger(NamedTuple):
    """What became of the rows of all accounts, how many figures were compared, and those that differ."""

    counts: dict[str, int]
    compared: int
    differing: Sequence[Finding]


def project_and_compare(settings: Settings, db: Database, period: Period, only: Accounts = None) -> ComparedLedger:
    """Project every account, or those of `only`, and compare the sessions of a range. Raises Transient where a book
    stays locked."""
    desk = desk_of(settings, db)
    names = ("posted", "confirmed", "changed", "taken_back", "stood")
    done = project(desk, only=only)
    counts = {name: sum(getattr(one, name) for one in done) for name in names}
    refused = [Finding(one.account, one.refused) for one in done if one.refused]
    found = agreement(desk, period, only=only)
    return ComparedLedger(counts, found.compared, [*refused, *found.findings])

"""The steps of a Dagster run on distributions: payments are confirmed, and a distribution is computed and proposed for
each bond with cash that came in. Nothing here pays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.store.treasury.cash_receipts import bonds_with_cash
from fntx_dagster.store.treasury.distributions import DistributionRow, distributions

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

BY = "system:dagster"


class DistributionsProposed(NamedTuple):
    """What a run proposed: bond, distribution, hash, currency, available, retained, proposal. `waiting`: bonds whose
    cash waits, and why."""

    rows: list[tuple[str, str, str, str, str, str, str]]
    waiting: list[Finding]


def payments_confirmed(settings: Settings, db: Database) -> None:
    """Keep the payments under way that their ledgers hold, before anybody judges how late a bond is. Raises Transient
    where a ledger does not answer."""
    with db.connect() as connection:
        under_way = distributions(connection, states=["proposed", "paying", "failed"], releases=True)
    for row in under_way:
        settled(settings, db, row.distribution_id)


def distributions_proposed(settings: Settings, db: Database) -> DistributionsProposed:
    """Compute and propose the distribution of every bond that has cash which is not distributed, and propose what was
    computed and not proposed; each bond by itself. One that is proposed, paying or failed is left to people. Raises
    Transient where a ledger does not answer."""
    with db.connect() as connection:
        computed = distributions(connection, states=["computed"])
        is_open = {
            row.bond_id for row in distributions(connection, states=["computed", "proposed", "paying", "failed"])
        }
        with_cash = [bond_id for bond_id in bonds_with_cash(connection) if bond_id not in is_open]
    rows, waiting = list[tuple[str, str, str, str, str, str, str]](), list[Finding]()
    for known in [*computed, *with_cash]:
        bond_id = known.bond_id if isinstance(known, DistributionRow) else known
        try:
            row = known if isinstance(known, DistributionRow) else compute(settings, db, bond_id, by=BY)
            proposal = ""
            if row.state != "confirmed":  # where all is retained, nobody is paid
                proposal = str(propose_distribution(settings, db, row.distribution_id, by=BY))
        except Transient:
            raise
        except FntxError as error:
            waiting.append(Finding(bond_id, f"The cash of {bond_id} waits: {error.message}"))
            continue
        result = json.loads(row.document)["result"]
        amounts = (result["currency"], result["available"], result["retained"])
        rows.append((bond_id, str(row.distribution_id), row.hash, *amounts, proposal))
    return DistributionsProposed(rows, waiting)

"""What a bond's step goes by is asked of its ledger before the transaction of the step: its last close time, and how
much of the token is out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fntx_dagster.governance.machines import BOND, StepImpossible, Transition, step
from fntx_dagster.services.bonds.effects import is_of_a_bond, read_bond_step
from fntx_dagster.services.bonds.guards import NOT_ASKED, LedgerSaid, needs_date, needs_supply
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.proposals import decisions_on

if TYPE_CHECKING:
    from datetime import date

    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.bonds import BondRow
    from fntx_dagster.store.treasury.proposals import ProposalRow


def ledger_said(settings: Settings, db: Database, row: BondRow, transition: Transition) -> LedgerSaid:
    """What a step of a bond goes by: the date of the ledger on which it pays, and how much of its token is out. A
    server is asked only where the step's guard needs it. Raises Permanent where none is named, Transient where it does
    not answer."""
    dated, counted = needs_date(transition), needs_supply(transition)
    if not dated and not counted:
        return NOT_ASKED
    with db.connect() as connection:
        config = approved_config(settings, connection)
    closed_at = supply = None
    if dated:
        with opened(settings, config, row.cash_ledger) as ledger:
            closed_at = ledger.closed_at()
    if counted:
        with opened(settings, config, row.token_ledger) as ledger:
            supply = ledger.supply(row.token_code, row.token_issuer)[0]
    return LedgerSaid(closed_at, supply)


def ledger_day(settings: Settings, db: Database, row: BondRow) -> date | None:
    """The UTC date of the last validated ledger on which a bond pays; None where no server of it is named. Raises
    Transient where it does not answer."""
    treasury = settings.treasury
    if (treasury.xrpl_url if row.cash_ledger == "xrpl" else treasury.horizon_url) is None:
        return None
    with db.connect() as connection:
        config = approved_config(settings, connection)
    with opened(settings, config, row.cash_ledger) as ledger:
        return LedgerSaid(ledger.closed_at()).day


def asked_before(settings: Settings, db: Database, proposal: ProposalRow | None) -> LedgerSaid:
    """The same for a decision on a proposal that may be the last that its bond's step needs."""
    if proposal is None or not is_of_a_bond(proposal.kind):
        return NOT_ASKED
    asked = read_bond_step(json.loads(proposal.payload))
    with db.connect() as connection:
        row = known_bond(connection, asked.bond_id)
        decided = len(decisions_on(connection, proposal.proposal_id))
    if decided + 1 < proposal.threshold:
        return NOT_ASKED
    try:
        transition = step(BOND, row.state, asked.event)
    except StepImpossible:  # whoever decides is told so
        return NOT_ASKED
    return ledger_said(settings, db, row, transition)

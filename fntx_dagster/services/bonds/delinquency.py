"""The two clocks of bonds: a payment that was missed, and a cure period that ended, by the date of the ledger on which
each bond pays. Dagster's delinquency_status alone runs them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.bonds.clocks import CURRENT, DELINQUENT, lateness, step_of_the_clock
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.guards import LedgerSaid
from fntx_dagster.services.bonds.transitions import take_step
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.bonds import BondRow, bonds

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

CLOCK = "system:delinquency"
_MOST_STEPS = 3


class ClockedBond(NamedTuple):
    """How late a bond is on its ledger's date. `steps`: the events that were taken now; `oldest`: the due date that
    sets the clock, None where nothing is overdue."""

    bond_id: str
    state: str
    steps: list[str]
    on: date
    oldest: date | None
    arrears: Decimal
    currency: str
    delinquent_from: datetime | None
    default_from: datetime | None


def run_clocks(settings: Settings, db: Database) -> list[ClockedBond]:
    """Take the steps that time has brought to the bonds that are Current or Delinquent; where each stands then. Raises
    Transient where a ledger does not answer: no step is taken by a date that nobody said."""
    with db.connect() as connection:
        rows = bonds(connection, (CURRENT, DELINQUENT))
        config = approved_config(settings, connection) if rows else None
    said: dict[str, LedgerSaid] = {}
    for name in sorted({row.cash_ledger for row in rows}):
        assert config is not None
        with opened(settings, config, name) as ledger:
            said[name] = LedgerSaid(ledger.closed_at())
    return [clocked(settings, db, row, said[row.cash_ledger]) for row in sorted(rows, key=lambda each: each.bond_id)]


def clocked(settings: Settings, db: Database, row: BondRow, said: LedgerSaid) -> ClockedBond:
    """Take the steps that time has brought to a bond, by what its ledger said. A bond that nobody looked at for months
    is first delinquent, then in default."""
    assert said.closed_at is not None
    steps: list[str] = []
    while True:
        with db.connect() as connection:
            dues = dues_of(connection, row.bond_id, said.day)
        terms = (said.closed_at, row.grace_days, row.cure_days)
        event = step_of_the_clock(row.state, dues, *terms) if len(steps) < _MOST_STEPS else None
        if event is None:
            late = lateness(dues, *terms)
            return ClockedBond(
                row.bond_id,
                row.state,
                steps,
                said.day,
                late.oldest,
                Decimal(late.arrears),
                row.currency,
                late.delinquent_from,
                late.default_from,
            )
        row = take_step(settings, db, row.bond_id, event, CLOCK, "", said)
        steps.append(event)

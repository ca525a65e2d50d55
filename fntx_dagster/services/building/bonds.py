"""Bonds for Dagster: what is due by schedule, the interest of a day, and the two clocks. Nothing here pays or votes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from fntx_dagster.model.finding import Finding
from fntx_dagster.services.bonds.accruing import accrue
from fntx_dagster.services.bonds.delinquency import run_clocks
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.scheduling import cashflows
from fntx_dagster.services.building.distributions import payments_confirmed
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import cashflows_of
from fntx_dagster.store.treasury.bonds import bonds, fees_of, tranches_of

_OVER = ("Draft", "Rejected", "Liquidated", "Redeemed")
_AHEAD = timedelta(days=92)


class ScheduleShown(NamedTuple):
    """How many bonds have a schedule; a row for each amount that is due in the next 92 days and is not paid (bond,
    date, kind, line, amount); the bonds whose kept schedule is not what their terms say."""

    bonds: int
    rows: list[tuple[str, ...]]
    altered: list[Finding]


class AccrualsShown(NamedTuple):
    """The interest of a day: a row for each bond (bond, currency, amount), and how many rows of tranches are new."""

    rows: list[tuple[str, ...]]
    new: int


class LatenessShown(NamedTuple):
    """How late bonds are: a row for each (bond, state, ledger's date, oldest due, arrears, what the clock says next);
    the steps that were taken now, as bond and event; the bonds that are late."""

    rows: list[tuple[str, ...]]
    steps: list[tuple[str, str]]
    late: list[Finding]


def schedule_shown(db: Database, today: date) -> ScheduleShown:
    """What is due soon, and whether each schedule is what its terms come to: computed anew, and compared."""
    rows: list[tuple[str, ...]] = []
    altered: list[Finding] = []
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        known = [row for row in bonds(connection) if row.state not in _OVER]
        for row in known:
            computed = cashflows(row, tranches_of(connection, row.bond_id), fees_of(connection, row.bond_id))
            kept = cashflows_of(connection, row.bond_id)
            if sorted(computed, key=_place) != sorted(kept, key=_place):
                words = f"The schedule that is kept of {row.bond_id} is not what its terms come to"
                altered.append(Finding(row.bond_id, words))
            for due in dues_of(connection, row.bond_id, today, ahead=True):
                if due.unpaid > 0 and due.due_date <= today + _AHEAD:
                    amount = f"{row.currency} {due.unpaid:,.{row.decimals}f}"
                    rows.append((row.bond_id, f"{due.due_date}", due.kind, due.line_id, amount))
    return ScheduleShown(len(known), sorted(rows, key=lambda each: (each[1], each)), altered)


def accrued_on(db: Database, day: date) -> AccrualsShown:
    """Keep the interest of a day; run again, it changes nothing."""
    done = accrue(db, day)
    rows = [(each.bond_id, each.currency, f"{each.amount:,.{each.decimals}f}") for each in done]
    return AccrualsShown(rows, sum(each.new for each in done))


def clocks_run(settings: Settings, db: Database) -> LatenessShown:
    """Run the two clocks by the dates of the ledgers, once every payment that a ledger holds is kept."""
    payments_confirmed(settings, db)
    rows: list[tuple[str, ...]] = []
    steps: list[tuple[str, str]] = []
    late: list[Finding] = []
    for each in run_clocks(settings, db):
        steps += ((each.bond_id, event) for event in each.steps)
        following = each.default_from if each.state == "Delinquent" else each.delinquent_from
        is_running = each.oldest is not None and each.state in ("Current", "Delinquent")
        after = f"{following:%Y-%m-%d}" if following and is_running else ""
        oldest = f"{each.oldest}" if each.oldest else ""
        rows.append((each.bond_id, each.state, f"{each.on}", oldest, f"{each.currency} {each.arrears:,f}", after))
        if each.oldest is not None:
            words = f"{each.bond_id} is {each.state}: {each.currency} {each.arrears:,f} is overdue since {each.oldest}"
            late.append(Finding(each.bond_id, words))
    return LatenessShown(rows, steps, late)


def _place(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(str(each) for each in row[:3])

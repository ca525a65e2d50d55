"""The reports of bonds that a user can ask for, by kind: for people as HTML, for programs as JSON."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent
from fntx_dagster.report.bond_report import BondReport
from fntx_dagster.report.bond_reports import OF_ONE_BOND, investor_statement, portfolio_summary
from fntx_dagster.services.bonds.books import bond_book, bond_books
from fntx_dagster.services.bonds.days import shown_day

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database

INVESTOR, PORTFOLIO = "investor_statement", "portfolio_summary"
REPORT_KINDS = (INVESTOR, *OF_ONE_BOND, PORTFOLIO)


def bond_report(
    db: Database, kind: str, bond_id: str | None = None, holder: str | None = None, on: date | None = None
) -> BondReport:
    """A report: of one bond, of what `holder` has of it (investor_statement), or of all (portfolio_summary).

    `on` is the UTC date that counts as today, that of `shown_day` where none is given: what was paid later does not
    count; the state and the steps are those of now. Permanent for an unknown kind, a bond or a holder that is missing
    or too much; raises NoSuchBond.
    """
    if kind not in REPORT_KINDS:
        raise Permanent(f"{kind[:80]!r} is no report of a bond", f"It is one of {', '.join(REPORT_KINDS)}")
    if (kind == INVESTOR) != (holder is not None):
        raise Permanent(
            f"{kind} {'needs a' if kind == INVESTOR else 'is about no'} holder",
            "Name the party that holds units, on the command line with --holder"
            if kind == INVESTOR
            else "Leave the holder out",
        )
    if kind == PORTFOLIO:
        if bond_id is not None:
            raise Permanent(f"{kind} is about all bonds", "Leave the bond out")
        on = on or shown_day(db)
        return portfolio_summary(bond_books(db, on), on)
    if bond_id is None:
        raise Permanent(f"{kind} needs a bond", "Name it: `fntx bond list` lists all")
    book = bond_book(db, bond_id, on)
    return OF_ONE_BOND[kind](book) if holder is None else investor_statement(book, holder)

"""What programs do with bonds over HTTP: create, structure, submit, read, take steps."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.governance.machines import BOND
from fntx_dagster.report.bond_report import bond_report_document
from fntx_dagster.services.bonds.comparing import register_beside_ledger
from fntx_dagster.services.bonds.factory import create_bond, structure_bond, submit_bond
from fntx_dagster.services.bonds.reading import (
    change_of,
    changes_of_holders,
    event_of,
    events_of_bond,
    holders_of_bond,
    holding_of,
    list_bonds,
    show_bond,
    summary,
)
from fntx_dagster.services.bonds.reports import bond_report
from fntx_dagster.services.bonds.transferring import propose_transfer
from fntx_dagster.services.bonds.transitions import transition_bond
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import read_once

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

EVENTS = tuple(dict.fromkeys(each.event for each in BOND))


class AskedTransition(NamedTuple):
    """A step of a bond that a program asks for."""

    event: str
    reason: str


def asked_terms(body: bytes) -> Any:
    """The terms of a bond to create. Raises Declined with every fault."""
    return _document(body, "terms")


def asked_structure(body: bytes) -> Any:
    """The series, tranches and holders of a bond. Raises Declined with every fault."""
    return _document(body, "structure")


def asked_transfer(body: bytes) -> Any:
    """A change of who holds a bond. Raises Declined with every fault."""
    return _document(body, "transfer")


def asked_transition(body: bytes) -> AskedTransition:
    """A step to take. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = AskedTransition(fields.choice("event", EVENTS, None), fields.words("reason") or "")
    fields.finish()
    return asked


def create(settings: Settings, db: Database, caller: Caller, body: bytes) -> dict[str, Any]:
    """Create a bond; as it is then."""
    terms = asked_terms(body)
    with declining():
        return show_bond(db, create_bond(settings, db, terms, operator(caller)).bond_id).as_dict()


def structure(settings: Settings, db: Database, caller: Caller, bond_id: str, body: bytes) -> dict[str, Any]:
    """Give a draft its series, tranches and holders; the bond then."""
    document = asked_structure(body)
    with declining():
        return show_bond(db, structure_bond(settings, db, bond_id, document, operator(caller)).bond_id).as_dict()


def submit(settings: Settings, db: Database, caller: Caller, bond_id: str) -> dict[str, Any]:
    """Ask the signers to approve a bond; the proposal."""
    with declining():
        return show(db, submit_bond(settings, db, bond_id, operator(caller)).proposal_id).as_dict()


def move(settings: Settings, db: Database, caller: Caller, bond_id: str, body: bytes) -> dict[str, Any]:
    """Take a step of a bond, or propose it."""
    asked = asked_transition(body)
    with declining(asks_ledgers=True):
        done = transition_bond(settings, db, bond_id, asked.event, asked.reason, operator(caller))
    proposal = str(done.proposal_id) if done.proposal_id else None
    return {"bond": bond_id, "state": done.row.state, "proposal": proposal}


def transfer(settings: Settings, db: Database, caller: Caller, bond_id: str, body: bytes) -> dict[str, Any]:
    """Ask the signers to approve that units change hands; the proposal."""
    asked = asked_transfer(body)
    with declining(asks_ledgers=True):
        return show(db, propose_transfer(settings, db, bond_id, asked, operator(caller))).as_dict()


def listed(db: Database, state: str | None) -> dict[str, Any]:
    """Bonds, newest first: all, or those in a state."""
    with declining():
        return {"bonds": [summary(row) for row in list_bonds(db, state)]}


def one(db: Database, bond_id: str) -> dict[str, Any]:
    """A bond, as `fntx bond show` gives it."""
    with declining():
        return show_bond(db, bond_id).as_dict()


def events(db: Database, bond_id: str) -> dict[str, Any]:
    """Every step of a bond."""
    with declining():
        return {"events": [event_of(row) for row in events_of_bond(db, bond_id)]}


def holders(db: Database, bond_id: str, on: date | None = None) -> dict[str, Any]:
    """Who holds units of a bond at the end of a day, None: after all changes; and these."""
    with declining():
        return {
            "holders": [holding_of(row) for row in holders_of_bond(db, bond_id, on)],
            "changes": [change_of(row) for row in changes_of_holders(db, bond_id)],
        }


def ledger_holders(settings: Settings, db: Database, bond_id: str) -> dict[str, Any]:
    """The register of a bond's holders beside the ledger of its token."""
    with declining(asks_ledgers=True):
        return register_beside_ledger(settings, db, bond_id).as_dict()


def _document(body: bytes, name: str) -> Any:
    fields = Fields(read_once(body))
    if not fields.has(name):
        fields.fault(name, "missing", "the field is missing: a document as docs/bonds.md shows it")
    document = fields.take(name)
    fields.finish()
    return document


def report(db: Database, kind: str, bond_id: str | None, holder: str | None, on: date | None) -> dict[str, Any]:
    """A report, as `fntx bond report --json` writes it."""
    with declining():
        return bond_report_document(bond_report(db, kind, bond_id, holder, on))

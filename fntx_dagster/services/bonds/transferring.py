"""Changes of who holds a bond that people ask for: what they leave out is filled in from the register and the ledger,
and the whole is proposed. Nothing changes before the last signer approves."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.bonds.register import HeldUnits, Line, held_on, named
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import TRANSFER
from fntx_dagster.services.bonds.asking import ledger_day
from fntx_dagster.services.bonds.comparing import register_beside_ledger, transfers_from_ledger
from fntx_dagster.services.bonds.steps import known_bond, logged
from fntx_dagster.services.bonds.terms import read_day
from fntx_dagster.services.bonds.transfers import register_of
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database


def propose_transfer(settings: Settings, db: Database, bond_id: str, document: Any, by: str = TERMINAL) -> UUID:
    """Propose a change of who holds a bond. `document`: `transfers`, each with `tranche` or `equity`, `from`, `to`,
    `units` (left out: all that it has) and `address` (left out: where `to` is paid for what it has of the line);
    `record_date` (left out: the date of the last validated ledger) and `reason`. With `from_ledger`, true, instead of
    `transfers` they are what holders moved on the ledger of the bond's token. Raises Permanent for a field that is
    wrong, a day that has not come, and what `require_change` raises; Transient where the ledger does not answer."""
    require_no_secret(document)
    whole = StrictFields(document, "", "`fntx bond transfer --help`")
    with db.connect() as connection:
        row = known_bond(connection, bond_id)
    today = ledger_day(settings, db, row)
    day = _record_date(whole, today)
    payload: dict[str, Any] = {"bond": bond_id, "record_date": day.isoformat()}
    if whole.has("reason"):
        payload["reason"] = whole.text("reason")
    moves = _moves(settings, db, bond_id, whole)
    whole.end()
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        held = held_on(register_of(connection, bond_id), day)
        payload["transfers"] = [_filled(each, held, day) for each in moves]
        proposal = proposed(settings, connection, TRANSFER, payload, events, by=by)
        logged(settings, connection, events)
    return proposal.proposal_id


def _moves(settings: Settings, db: Database, bond_id: str, whole: StrictFields) -> list[StrictFields]:
    """The transfers of a document, or what holders moved on the ledger."""
    if whole.has("from_ledger") and whole.yes_or_no("from_ledger"):
        moves = transfers_from_ledger(register_beside_ledger(settings, db, bond_id))
        return StrictFields({"transfers": moves}, "").objects("transfers")
    return whole.objects("transfers")


def _record_date(whole: StrictFields, today: date | None) -> date:
    if not whole.has("record_date"):
        if today is None:
            raise Permanent(
                "the change has no record date, and no server says which date its ledger has",
                "Name it: --record-date 2026-05-01",
            )
        return today
    day = read_day(whole, "record_date")
    if today is not None and day > today:
        raise Permanent(f"record_date is {day}, and the date of the ledger is {today}", "Propose it when it has come")
    return day


def _filled(fields: StrictFields, held: dict[Line, HeldUnits], day: date) -> dict[str, Any]:
    """A transfer with its units and its address, as the payload has it."""
    given = fields.content
    tranche = fields.text("tranche") if fields.has("tranche") else None
    holder, to = fields.text("from"), fields.text("to")
    filled = {**given}
    if not fields.has("units"):
        own = held.get((tranche, holder))
        if own is None:
            raise Permanent(f"{holder} has no units of {named(tranche)} on {day}", "`fntx bond holders` lists them")
        filled["units"] = str(own.units)
    elif type(given["units"]) is str and not given["units"].isdecimal():
        raise Permanent(f"units are {given['units'][:40]!r}", "Units are whole: a fraction of one cannot be moved")
    if not fields.has("address"):
        other = held.get((tranche, to))
        if other is None or to == holder:
            raise Permanent(f"nothing says where {to} is paid", "Name the address, with --address")
        filled["address"] = other.address
    return filled

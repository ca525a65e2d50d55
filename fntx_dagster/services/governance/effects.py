"""What takes effect here with its approval: a pause, a new configuration, a new set of signers, a standing approval,
a kill switch, a reset, a step of a bond, a change of its holders, payments set aside."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.governance.config import TreasuryConfig, read_config
from fntx_dagster.governance.kinds import NOTICE, SET_ASIDE, TRANSFER
from fntx_dagster.services.bonds.effects import bond_approved, is_of_a_bond
from fntx_dagster.services.bonds.guards import NOT_ASKED, LedgerSaid
from fntx_dagster.services.bonds.transfers import change_approved
from fntx_dagster.services.distributions.asides import payments_set_aside
from fntx_dagster.services.execution.switching import approve_desk, kill_desks, resume_desks
from fntx_dagster.services.governance import payloads
from fntx_dagster.services.governance.breakers import kill_books, reset_books
from fntx_dagster.services.governance.signers import instance_of
from fntx_dagster.services.governance.standing import end_all
from fntx_dagster.services.governance.steps import taken
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import set_platform_state
from fntx_dagster.store.treasury.proposals import ProposalRow, proposals
from fntx_dagster.store.treasury.signer_sets import (
    SignerRow,
    SignerSetRow,
    add_signer_set,
    retire_active,
    signer_sets,
    signers_of,
)
from fntx_dagster.store.treasury.standing import StandingApprovalRow, add_standing

ALONE = ("emergency.pause", "emergency.resume", "config.change", "signer.rotate")
"""Kinds whose effect concerns every other step: they are decided while nothing else goes on."""
_NOT_YET_SUBMITTED = ("pending_approval", "prepared", "signing")


def effect(
    settings: Settings,
    db: Database,
    connection: Connection,
    row: ProposalRow,
    by: str,
    now: datetime,
    said: LedgerSaid = NOT_ASKED,
) -> list[NewAuditEvent]:
    """Carry out what a proposal that was approved does here, and what the audit log says of it. Nothing for a kind
    that moves something on a ledger. `said`: what a ledger answered before, where a step of a bond goes by that.
    Transient where a book's lock is not to be had, StepImpossible where a bond cannot take its step any more: then
    nothing is decided."""
    payload = json.loads(row.payload)
    if row.kind == "emergency.pause":
        return _switched(connection, row, by, "paused", payload)
    if row.kind == "emergency.resume":
        return _switched(connection, row, by, "running", payload)
    if row.kind == "trade.live":
        return approve_desk(connection, row, payloads.read_live(payload), _config_of(connection), by)
    if row.kind in ("trade.kill", "breaker.reset"):
        return _switched_breakers(settings, db, connection, row, payloads.read_breakers(payload), by, now)
    if is_of_a_bond(row.kind):
        return bond_approved(connection, row, by, said)
    if row.kind == TRANSFER:
        return change_approved(connection, row, by)
    if row.kind == SET_ASIDE:
        return payments_set_aside(connection, row, by, said)
    if row.kind == "config.change":
        config = payloads.read_new_config(payload)
        signers = signers_of(connection, row.signer_set)
        return replace_set(connection, _set_row("active", config, row, now), signers, by, now)
    if row.kind == "signer.rotate":
        rotation = payloads.read_rotation(payload, instance_of(settings))
        begins = now if rotation.urgent else now + NOTICE
        add_signer_set(connection, _set_row("pending", rotation.config, row, begins), rotation.signers)
        return []  # the log tells of the signers on the day on which they decide
    if row.kind == "standing.approve":
        return _stands(connection, row, payload, by, now)
    return []


def replace_set(
    connection: Connection, new: SignerSetRow, signers: list[SignerRow], by: str, now: datetime
) -> list[NewAuditEvent]:
    """Let a new version of the signer set decide from now on, in a transaction that entered alone, and end what is open
    under the old one."""
    retire_active(connection)
    version = add_signer_set(connection, new, signers)
    subject = EventSubject("signer_set", str(version))
    return [
        *end_open(connection, version, by, now),
        NewAuditEvent("config_changed", by, subject, {"config_hash": new.config_hash}),
    ]


def end_open(connection: Connection, version: int, by: str, now: datetime) -> list[NewAuditEvent]:
    """Cancel the proposals that wait for decisions or signatures of an earlier version of the set, and end the standing
    approvals that it gave. Proposals that are screened or blocked have no such step: they end as soon as they would
    wait for decisions, by `overtaken`."""
    events: list[NewAuditEvent] = []
    for row in proposals(connection, _NOT_YET_SUBMITTED):
        overtaken(connection, row, version, by, events)
    return events + end_all(connection, f"the signer set has the version {version} now", by, now)


def overtaken(
    connection: Connection, row: ProposalRow, version: int, by: str, events: list[NewAuditEvent]
) -> ProposalRow:
    """A proposal that can be cancelled, cancelled where it is of an earlier version of the set than the one that
    decides: nobody's decision on it counts any more."""
    if row.signer_set == version:
        return row
    return taken(connection, row, "cancel", by, events, f"the signer set has the version {version} now")


def _switched(connection: Connection, row: ProposalRow, by: str, state: str, payload: Any) -> list[NewAuditEvent]:
    set_platform_state(connection, state, payload["reason"], row.proposal_id)
    event = "emergency_pause" if state == "paused" else "emergency_resume"
    details = {"reason": payload["reason"], "proposal": str(row.proposal_id)}
    return [NewAuditEvent(event, by, EventSubject("platform", "treasury"), details)]


def _switched_breakers(
    settings: Settings,
    db: Database,
    connection: Connection,
    row: ProposalRow,
    terms: payloads.BreakerTerms,
    by: str,
    now: datetime,
) -> list[NewAuditEvent]:
    """Trip or reset what a proposal names: books of orders, the desk on the XRP Ledger, or both."""
    events: list[NewAuditEvent] = []
    if not terms.desk_alone and row.kind == "trade.kill":
        events += kill_books(settings, db, connection, row, terms, now)
    elif not terms.desk_alone:
        events += reset_books(settings, db, connection, row, terms, by, now)
    if terms.is_of_desk:
        switch = kill_desks if row.kind == "trade.kill" else resume_desks
        events += switch(connection, row, terms.reason, by)
    return events


def _config_of(connection: Connection) -> TreasuryConfig:
    [active] = signer_sets(connection, "active")
    return read_config(json.loads(active.config))


def _set_row(state: str, config: TreasuryConfig, row: ProposalRow, begins: datetime) -> SignerSetRow:
    document = canonical(config.document).decode()
    return SignerSetRow(
        0, state, config.threshold, config.config_threshold, config.hash, document, row.proposal_id, begins
    )


def _stands(connection: Connection, row: ProposalRow, payload: Any, by: str, now: datetime) -> list[NewAuditEvent]:
    terms = payloads.read_standing(payload, _config_of(connection))
    ends_at = now + timedelta(days=terms.days)
    template = canonical(terms.template).decode()
    add_standing(
        connection,
        StandingApprovalRow(
            row.proposal_id, "active", template, terms.per_day, Decimal(terms.fee_cap), ends_at, terms.key
        ),
    )
    return []

"""The making of a bond: created from its terms, structured into series and tranches, submitted for approval."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import PENDING
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.machines import BOND, START, step
from fntx_dagster.services.bonds.guards import APPROVE, BondGuardFails
from fntx_dagster.services.bonds.payees import require_addresses, require_parties
from fntx_dagster.services.bonds.scheduling import cashflows
from fntx_dagster.services.bonds.steps import SUBJECT, held_bond, logged, moved_meanwhile, step_taken, step_told
from fntx_dagster.services.bonds.terms import BondTerms, read_structure, read_terms
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.tokens import token_of
from fntx_dagster.services.screening.gating import CLEARED, NotCleared, gate
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.store.treasury.bond_money import add_cashflows
from fntx_dagster.store.treasury.bonds import (
    BondRow,
    add_bond,
    add_fees,
    add_holdings,
    add_series,
    add_tranches,
    fees_of,
    holders_of,
    set_structure,
)
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database


class BondSubmitted(NamedTuple):
    """A bond that waits for its approval, and the proposal that asks for it."""

    row: BondRow
    proposal_id: UUID


def create_bond(settings: Settings, db: Database, document: Any, by: str = TERMINAL) -> BondRow:
    """Create a bond from the document of its terms: a draft. Raises Permanent for a field that is wrong, a token that
    the configuration does not have, a party that is not known, an address that is not its party's, an id that there
    is."""
    require_no_secret(document)
    terms = read_terms(document)
    now = datetime.now(UTC)
    with entered(db) as connection:
        config = approved_config(settings, connection)
        token = token_of(config, terms.token_ledger, terms.token_code)
        if token is None:
            known = ", ".join(each.code for each in config.tokens) or "none"
            raise Permanent(
                f"the configuration has no token {terms.token_code[:40]!r} on {terms.token_ledger}", f"It has {known}"
            )
        require_parties(connection, [terms.issuer, *(fee.party for fee in terms.fees)])
        require_addresses(connection, ((fee.party, fee.address) for fee in terms.fees))
        row = _row(terms, token.issuer_address, document, by, now)
        if not add_bond(connection, row):
            raise Permanent(f"there is a bond {terms.bond_id} already", "Give it another id")
        add_fees(connection, row.bond_id, terms.fees)
        logged(settings, connection, [step_told(row, "create", by, details={"terms_hash": row.terms_hash})])
    return row


def structure_bond(settings: Settings, db: Database, bond_id: str, document: Any, by: str = TERMINAL) -> BondRow:
    """Give a draft its series, tranches and holders, and fix what is due by schedule. Raises StepImpossible for a bond
    that is no draft, Permanent for a field that is wrong, and for notionals that do not sum to that of the bond."""
    require_no_secret(document)
    now = datetime.now(UTC)
    with entered(db) as connection:
        row = held_bond(connection, bond_id)
        after = step(BOND, row.state, "structure")
        structure = read_structure(document, row)
        require_parties(connection, (each.holder for each in structure.holdings))
        require_addresses(connection, ((each.holder, each.address) for each in structure.holdings))
        dues = cashflows(row, structure.tranches, fees_of(connection, bond_id))
        digest = payload_hash(document)
        if not set_structure(connection, bond_id, row.state, after.next, canonical(document).decode(), digest):
            raise moved_meanwhile(row)
        add_series(connection, bond_id, structure.series)
        add_tranches(connection, bond_id, structure.tranches)
        add_holdings(connection, bond_id, structure.holdings, by, now)
        add_cashflows(connection, bond_id, dues)
        moved = row._replace(state=after.next, structure=canonical(document).decode(), structure_hash=digest)
        events = [step_told(moved, "structure", by, row.state, {"structure_hash": digest})]
        for each in structure.series:
            details = {"series": each.series_id, "notional": f"{each.notional:f}", "currency": row.currency}
            events.append(NewAuditEvent("series_created", by, EventSubject(SUBJECT, bond_id), details))
        logged(settings, connection, events)
    return moved


def submit_bond(settings: Settings, db: Database, bond_id: str, by: str = TERMINAL) -> BondSubmitted:
    """Ask the signers to approve a bond, once its issuer, its holders and whoever gets its fees are screened and clear:
    the checks are kept, also where they are not. Raises NotCleared then, StepImpossible for a bond that is not
    structured."""
    with entered(db) as connection:
        row = held_bond(connection, bond_id)
        step(BOND, row.state, "submit")
        named = _parties_of(connection, row)
        answer = gate(settings, connection, named, f"bond:{bond_id}")
    if answer.decision != CLEARED:
        waits = [f"{each.party_id} (check {each.screening_id})" for each in answer.verdicts if each.decision != CLEARED]
        raise NotCleared(
            f"{bond_id} cannot be submitted: {', '.join([*waits, *answer.problems])} not cleared",
            "`fntx compliance dispose CHECK` records what a match is; submit it again then",
        )
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        row = held_bond(connection, bond_id)
        moved = step_taken(connection, row, "submit", by, events)
        assert moved.structure is not None  # a state later than Draft
        payload = {
            "bond": bond_id,
            "event": "approve",
            "terms": json.loads(moved.terms),
            "structure": json.loads(moved.structure),
        }
        about: list[NewAuditEvent] = []
        proposal = proposed(settings, connection, APPROVE, payload, about, _parties_of(connection, row), by)
        if proposal.state != PENDING:
            raise BondGuardFails(f"the proposal would be {proposal.state}: {proposal.reason}", "Submit it again")
        told = {**events[0].details, "proposal": str(proposal.proposal_id)}
        logged(settings, connection, [events[0]._replace(details=told), *about])
    return BondSubmitted(moved, proposal.proposal_id)


def _row(terms: BondTerms, token_issuer: str, document: Any, by: str, now: datetime) -> BondRow:
    return BondRow(
        terms.bond_id,
        terms.name,
        terms.issuer,
        terms.token_ledger,
        terms.token_code,
        token_issuer,
        *terms.cash,
        terms.currency,
        terms.decimals,
        terms.notional,
        terms.rate,
        terms.day_count,
        terms.cycle,
        terms.business_days,
        terms.calendar,
        terms.start,
        terms.maturity,
        terms.grace_days,
        terms.cure_days,
        canonical(document).decode(),
        payload_hash(document),
        by,
        now,
        step(BOND, START, "create").next,
    )


def _parties_of(connection: Connection, row: BondRow) -> list[str]:
    """Everybody who gets something of a bond, and its issuer."""
    holders = [each.holder for each in holders_of(connection, row.bond_id)]
    return [*dict.fromkeys([row.issuer, *holders, *(fee.party for fee in fees_of(connection, row.bond_id))])]

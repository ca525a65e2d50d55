"""Making a proposal: its payload is checked, it gets the next nonce, and what it needs is fixed for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.kinds import (
    ANCHOR,
    DISTRIBUTIONS,
    EXPIRY,
    KINDS,
    SET_ASIDE,
    TRADE,
    TRANSFER,
    ProposalKind,
    approvals_of,
    kind_of,
)
from fntx_dagster.services.anchoring.intents import require_anchor
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bonds.effects import is_of_a_bond, note_bond_step, require_bond_step
from fntx_dagster.services.bonds.transfers import note_change, parties_of_change, require_change
from fntx_dagster.services.distributions.asides import require_set_aside
from fntx_dagster.services.escrows.payloads import escrow_of_vote, moved_by_vote, require_not_kept
from fntx_dagster.services.execution.by_hand import LookedAt, look_at_orders, require_within_limits
from fntx_dagster.services.execution.switching import require_desk
from fntx_dagster.services.governance import payloads
from fntx_dagster.services.governance.asking import ASKED, ask_ledger, paid_parties
from fntx_dagster.services.governance.breakers import require_books
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import active_set, approved_config, configured, document_of
from fntx_dagster.services.governance.covering import covered_by
from fntx_dagster.services.governance.screening import screened
from fntx_dagster.services.governance.signers import TERMINAL, instance_of
from fntx_dagster.services.governance.steps import step_event, taken
from fntx_dagster.services.governance.tokens import check_token
from fntx_dagster.services.governance.travel import travelling
from fntx_dagster.services.screening.gating import GATE
from fntx_dagster.services.transactions.ledgers import HeldEscrow
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.services.treasury.transactions import require_buildable
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.escrows import link_proposal
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposal_requests import ProposalRequestRow, add_request
from fntx_dagster.store.treasury.proposals import ProposalRow, add_proposal, next_nonce, proposal
from fntx_dagster.store.treasury.signer_sets import SignerSetRow, signer_sets, signers_of


class ProposedBefore(Permanent):
    """There is a proposal with the id already."""


_GIVE_REASONS = ("emergency.pause", "emergency.resume")
_OF_BREAKERS = ("trade.kill", "breaker.reset")


def propose(
    settings: Settings,
    db: Database,
    kind: str,
    payload: Any,
    parties: Sequence[str] = (),
    by: str = TERMINAL,
    travel: Any = None,
    request: ProposalRequestRow | None = None,
) -> UUID:
    """Make a proposal of a kind and return its id, a new one unless a request with a key gives it. It waits for
    decisions at once, or, where others are named in it, until they are screened. Raises Permanent for a payload that
    the kind does not have, TransactionRefused for an intent that no ledger would take, OrderRefused for an order of the
    desk that breaks its limits, ProposedBefore for a request that made one before, and what `ask_ledger` raises: where
    a server of its ledger is named, that takes it now."""
    events: list[NewAuditEvent] = []
    escrow = _asked(settings, db, kind, payload)
    orders = _orders(settings, db, kind, payload)
    with entered(db) as connection:
        if orders is not None:
            require_within_limits(connection, orders)
        row = proposed(settings, connection, kind, payload, events, parties, by, travel, request, escrow=escrow)
        append_all(settings, connection, events)
    return row.proposal_id


def proposed(
    settings: Settings,
    connection: Connection,
    kind: str,
    payload: Any,
    events: list[NewAuditEvent],
    parties: Sequence[str] = (),
    by: str = TERMINAL,
    travel: Any = None,
    request: ProposalRequestRow | None = None,
    covered: UUID | None = None,
    escrow: HeldEscrow | None = None,
) -> ProposalRow:
    """The same in a transaction that entered; what the log has to say of it is added to `events`. `covered`: the
    proposal whose approval stands for the decisions on this one. `escrow`: what the ledger holds of the one that it
    finishes."""
    terms = kind_of(kind)
    require_no_secret([payload, travel])
    written = canonical(payload).decode()
    deciding = active_set(connection)
    threshold = _checked(settings, connection, kind, payload, deciding)
    about = escrow_of_vote(connection, kind, payload)
    if terms.screened and about is not None:
        parties = about.parties
    elif terms.screened:
        parties = _screened_parties(connection, kind, payload, parties, escrow)
    now = time_after_log(connection).replace(microsecond=0)
    nonce = next_nonce(connection)
    if request is not None and proposal(connection, request.proposal_id) is not None:
        raise ProposedBefore(f"there is a proposal {request.proposal_id}", "Propose it without an id")
    row = ProposalRow(
        request.proposal_id if request else uuid4(),
        nonce,
        kind,
        written,
        payload_hash(payload),
        list(parties),
        deciding.version,
        threshold,
        now + EXPIRY,
        *(by if covered is None else covered_by(covered), now, "draft", "", covered),
    )
    drafted = step_event(row, "draft", by)
    moving = payload if kind in DISTRIBUTIONS or (terms.screened and terms.ops) else moved_by_vote(kind, about)
    paid = {"escrow": escrow._asdict()} if escrow is not None else {}
    if sides := travelling(moving, travel, settings.compliance.travel_rule_amount):
        paid |= {"travel_rule": sides}
    drafted = drafted._replace(details={**drafted.details, **paid})
    add_proposal(connection, row)
    _note_bond(connection, row)
    if request is not None:
        add_request(connection, request)
    if about is not None:
        link_proposal(connection, about.escrow_id, row.proposal_id)
    events.append(drafted)
    row = taken(connection, row, "screen", by, events)
    if terms.screened:
        return screened(settings, connection, row, GATE, events)
    return taken(connection, row, "cleared", by, events, "it names nobody who is screened")


def _note_bond(connection: Connection, row: ProposalRow) -> None:
    """Keep which bond a proposal is about, where it is about one."""
    if is_of_a_bond(row.kind):
        note_bond_step(connection, row)
    elif row.kind == TRANSFER:
        note_change(connection, row)


def _screened_parties(
    connection: Connection, kind: str, payload: Any, named: Sequence[str], escrow: HeldEscrow | None
) -> list[str]:
    """Who is screened: those who are named, and those whose addresses the payload has, or the escrow that it
    finishes; of a bond whose units change hands both sides."""
    if kind == TRANSFER:
        return parties_of_change(payload)
    config = read_config(document_of(active_set(connection).config.encode()))
    return [*dict.fromkeys([*named, *paid_parties(connection, config, kind, payload, escrow)])]


def _asked(settings: Settings, db: Database, kind: str, payload: Any) -> HeldEscrow | None:
    """What the ledger says of a payload, once it is one of its kind; the locks of a proposal are not held meanwhile."""
    if kind not in ASKED:
        return None
    require_no_secret(payload)
    canonical(payload)
    with db.connect() as connection:
        _checked(settings, connection, kind, payload, active_set(connection))
        config = approved_config(settings, connection)
    return ask_ledger(settings, config, kind, payload)


def _orders(settings: Settings, db: Database, kind: str, payload: Any) -> LookedAt | None:
    """The orders of the desk in a payload, once it is one of its kind; the locks of a proposal are not held
    meanwhile."""
    if kind != TRADE:
        return None
    require_no_secret(payload)
    canonical(payload)
    with db.connect() as connection:
        _checked(settings, connection, kind, payload, active_set(connection))
        config = approved_config(settings, connection)
    return look_at_orders(settings, db, config, kind, payload)


def _checked(settings: Settings, connection: Connection, name: str, payload: Any, deciding: SignerSetRow) -> int:
    """How many have to approve; Permanent where the payload is not of the kind."""
    kind: ProposalKind = KINDS[name]
    needed = approvals_of(kind, deciding.threshold, deciding.config_threshold)
    if payloads.is_batch(name, payload):
        for each in payloads.read_orders(payload, approved_config(settings, connection)):
            require_buildable(settings, each)
    elif kind.ops:
        config = approved_config(settings, connection)
        payloads.check_intent(payload, name, config)
        require_buildable(settings, payload)
        require_not_kept(connection, name, payload)
        if name == ANCHOR:
            require_anchor(settings, connection, payload, configured(settings))
        check_token(payload, name, config)
    elif name == "account.setup":
        for each in payloads.read_setup(payload, approved_config(settings, connection)):
            require_buildable(settings, each)
    elif is_of_a_bond(name):
        require_bond_step(connection, name, payload)
    elif name == TRANSFER:
        require_change(connection, payload)
    elif name == SET_ASIDE:
        require_set_aside(connection, payload)
    elif name in DISTRIBUTIONS:
        config = approved_config(settings, connection)
        for each in payloads.read_distribution(payload, config, name):
            require_buildable(settings, each)
            check_token(each, "distribution.pay", config)
    elif name in _OF_BREAKERS:
        breakers = payloads.read_breakers(payload)
        require_books(connection, breakers)
        if breakers.desk_alone:
            require_desk(connection, resumes=name == "breaker.reset")
    elif name == "trade.live":
        payloads.read_live(payload)
    elif name in _GIVE_REASONS:
        payloads.read_reason(payload)
    elif name == "config.change":
        config = payloads.read_new_config(payload)
        now = {(row.signer_id, row.role, row.xrpl, row.stellar) for row in signers_of(connection, deciding.version)}
        if now != {*config.signers}:
            raise Permanent("the configuration names other signers", "Propose them with `fntx treasury rotate`")
        if signer_sets(connection, "pending"):
            raise Permanent("a rotation waits for its day", "Propose the change when it has taken effect")
    elif name == "signer.rotate":
        rotation = payloads.read_rotation(payload, instance_of(settings))
        if signer_sets(connection, "pending"):
            raise Permanent("a rotation waits for its day", "Propose the next when it has taken effect")
        if rotation.urgent:  # then everybody has to agree
            needed = max(needed, len(signers_of(connection, deciding.version)))
    elif name == "standing.approve":
        payloads.read_standing(payload, configured(settings))
    elif type(payload) is not dict or not payload:
        raise Permanent("the payload is no object", "Write what the proposal is about as a JSON object")
    return needed

"""Proposing an escrow: its terms are those of a template, the ledger is asked whether it would take it, its preimage is
made and sealed, and people are asked to approve the terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.events import APPROVE, CREATE
from fntx_dagster.escrows.guards import GuardFails, template_violations
from fntx_dagster.escrows.templates import TEMPLATES, template_of, times_of
from fntx_dagster.governance.addresses import is_xrpl_address
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.escrows.moving import XRPL
from fntx_dagster.services.escrows.payloads import approval_payload, create_payload
from fntx_dagster.services.escrows.sealing import new_sealed_condition
from fntx_dagster.services.escrows.steps import begin_escrow
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.payloads import check_intent
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held
from fntx_dagster.services.governance.tokens import check_token
from fntx_dagster.services.screening.addresses import addressed_parties
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.transactions import require_buildable
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.bonds import bond
from fntx_dagster.store.treasury.escrows import EscrowRow, SealedPreimage
from fntx_dagster.store.treasury.platform import entered

TREASURY = "treasury"
_MOST_TAG = 2**32 - 1


class ProposedEscrow(NamedTuple):
    """An escrow and the proposal of its terms, as they are then."""

    escrow_id: UUID
    proposal_id: UUID
    state: str


class EscrowAsked(NamedTuple):
    """What is asked for, read strictly. `source`: the role of the account that owns it."""

    template: str
    source: str
    destination: str
    currency: str | None
    issuer: str | None
    amount: Decimal
    destination_tag: int | None
    bond_id: str | None


def read_escrow(document: Any, config: TreasuryConfig) -> EscrowAsked:
    """The escrow of a document: `template`, `destination`, `amount`, and where needed `from`, `destination_tag`,
    `bond`. Raises Permanent that names the field that is wrong."""
    fields = StrictFields(document, "", "docs/escrows.md")
    template = fields.one_of("template", [*TEMPLATES])
    destination = fields.text("destination")
    destination = config.xrpl_accounts.get(destination, destination)
    if not is_xrpl_address(destination):
        raise Permanent(
            f"destination is no account of ours and no address: {destination[:70]!r}", "Copy an address whole"
        )
    currency = issuer = None
    if isinstance(fields.any("amount"), dict):
        inner = fields.object("amount")
        currency, issuer, value = inner.text("currency"), inner.text("issuer"), inner.decimal("value")
        issuer = config.xrpl_accounts.get(issuer, issuer)
        inner.end()
    else:
        value = fields.digits("amount")
    source = fields.one_of("from", [*config.xrpl_accounts]) if fields.has("from") else TREASURY
    tag = fields.whole("destination_tag", 0, _MOST_TAG) if fields.has("destination_tag") else None
    funded = fields.text("bond") if fields.has("bond") else None
    fields.end()
    if currency is not None and source != TREASURY:
        raise Permanent(f"from is {source}: tokens are put into escrow by {TREASURY}, their holder", "Leave it out")
    return EscrowAsked(template, source, destination, currency, issuer, Decimal(value), tag, funded)


def propose_escrow(
    settings: Settings,
    db: Database,
    document: Any,
    parties: Sequence[str] = (),
    by: str = TERMINAL,
    travel: Any = None,
) -> ProposedEscrow:
    """Propose an escrow. `parties`: who is screened beside those whose addresses it names; yourselves among them.

    Raises Permanent for a document that is none, GuardFails where the template does not hold, TransactionRefused where
    the ledger would not take the escrow now: nobody is asked to vote then."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
    asked = read_escrow(document, config)
    with opened(settings, config, XRPL) as ledger, entered(db) as connection:
        _require_bond(connection, asked)
        escrow_id = uuid4()
        sealed = new_sealed_condition(settings, connection, escrow_id)
        own = config.xrpl_accounts[asked.source]
        row = EscrowRow(
            escrow_id,
            asked.template,
            asked.bond_id,
            config.network_id,
            own,
            asked.destination,
            asked.destination_tag,
            asked.currency,
            asked.issuer,
            asked.amount,
            sealed.condition,
            [],
            by,
            datetime.now(UTC),
            "Proposed",
        )
        close = ledger.closed_at()
        payload = _held_to_template(settings, row, config, close)
        ledger.terms(payload, 1)
        row = row._replace(parties=_parties(connection, config, payload, parties))
        return _kept(settings, connection, row, sealed.preimage, by, travel)


def _kept(
    settings: Settings, connection: Connection, row: EscrowRow, preimage: SealedPreimage, by: str, travel: Any
) -> ProposedEscrow:
    begin_escrow(connection, row, preimage, by)
    events: list[NewAuditEvent] = []
    made = proposed(settings, connection, APPROVE, approval_payload(row), events, row.parties, by, travel)
    append_all(settings, connection, events)
    state = "Pending_Approval" if held(connection, made.proposal_id).state == "pending_approval" else row.state
    return ProposedEscrow(row.escrow_id, made.proposal_id, state)


def _held_to_template(settings: Settings, row: EscrowRow, config: TreasuryConfig, close: datetime) -> dict[str, Any]:
    """The intent of the creation as it would be now, where the guard `template_holds` holds."""
    template = template_of(row.template)
    times = times_of(template, close)
    wrong = template_violations(
        template, row.owner, row.destination, row.amount, times.finish_after, times.cancel_after
    )
    if wrong:
        raise GuardFails("template_holds", f"the escrow is not of its template: {'; '.join(wrong)}", "Correct the file")
    payload = create_payload(row, times)
    check_intent(payload, CREATE, config)
    require_buildable(settings, payload)
    check_token(payload, CREATE, config)
    return payload


def _parties(
    connection: Connection, config: TreasuryConfig, payload: dict[str, Any], named: Sequence[str]
) -> list[str]:
    """Both sides: whose the addresses are, and who is named. Permanent where our side is not named."""
    ours = {*config.xrpl_accounts.values(), *config.stellar_accounts.values()}
    addressed = addressed_parties(connection, payload, ours)
    if not {*named} - {*addressed}:
        raise Permanent(
            "our own side is not named, and both sides of an escrow are screened",
            "Name yourselves with --party, as `fntx compliance party ID --name NAME` entered you",
        )
    return [*dict.fromkeys([*named, *addressed])]


def _require_bond(connection: Connection, asked: EscrowAsked) -> None:
    if asked.bond_id is not None and bond(connection, asked.bond_id) is None:
        raise Permanent(f"there is no bond {asked.bond_id[:64]!r}", "`fntx bond show` shows one")

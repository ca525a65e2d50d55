"""What programs do with escrows over HTTP: propose, read, go on, dispute, attest. No answer holds a preimage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.services.escrows.attesting import attest_document
from fntx_dagster.services.escrows.cancelling import cancel_escrow
from fntx_dagster.services.escrows.creating import create_escrow
from fntx_dagster.services.escrows.disputing import dispute_escrow, resolve_escrow
from fntx_dagster.services.escrows.finishing import EscrowMove, finish_escrow
from fntx_dagster.services.escrows.proposing import propose_escrow
from fntx_dagster.services.escrows.reading import list_escrows, show_escrow
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import party_ids, read_once, reason_of

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

_HASH = re.compile("[0-9a-fA-F]{64}").fullmatch


class AskedEscrow(NamedTuple):
    """An escrow to propose: its document, who is screened beside its destination, what the travel rule asks for."""

    document: Any
    parties: list[str]
    travel: Any


class AttestedDocument(NamedTuple):
    """A document that somebody verified: its hash, and what it is."""

    sha256: str
    title: str


def asked_escrow(body: bytes) -> AskedEscrow:
    """An escrow to propose. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    if not fields.has("escrow"):
        fields.fault("escrow", "missing", "the field is missing: template, destination, amount (docs/escrows.md)")
    asked = AskedEscrow(fields.take("escrow"), party_ids(fields), fields.take("travel_rule"))
    fields.finish()
    return asked


def attested(body: bytes) -> AttestedDocument:
    """A document to attest. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    digest = fields.text("sha256", _HASH, "the SHA-256 of the document, 64 hex digits")
    title = fields.words("title")
    if not fields.has("title") or (title is not None and not title.strip()):
        fields.fault("title", "missing", "the field is missing: what the document is")
    fields.finish()
    return AttestedDocument(digest, title or "")


def cancellation(body: bytes) -> str:
    """Why an escrow is cancelled; empty where nothing is said. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    reason = fields.words("reason") or ""
    fields.finish()
    return reason


def make(settings: Settings, db: Database, caller: Caller, body: bytes) -> dict[str, Any]:
    """Propose an escrow; as it is then."""
    asked = asked_escrow(body)
    with declining(asks_ledgers=True):
        made = propose_escrow(settings, db, asked.document, asked.parties, operator(caller), asked.travel)
        return show_escrow(db, made.escrow_id).as_dict()


def one(db: Database, escrow_id: UUID) -> dict[str, Any]:
    """An escrow, as `fntx escrow show` gives it."""
    with declining():
        return show_escrow(db, escrow_id).as_dict()


def listed(db: Database, state: str | None, limit: int) -> dict[str, Any]:
    """Escrows, newest first: the open ones, those in a state, or with `all` every one."""
    with declining():
        return {"escrows": [view.as_dict() for view in list_escrows(db, state, limit)]}


def create(settings: Settings, db: Database, caller: Caller, escrow_id: UUID) -> dict[str, Any]:
    """Prepare the creation of an approved escrow; within the hour the same again."""
    with declining(asks_ledgers=True):
        made = create_escrow(settings, db, escrow_id, operator(caller))
        return EscrowMove(None, made).as_dict(escrow_id)


def finish(settings: Settings, db: Database, caller: Caller, escrow_id: UUID) -> dict[str, Any]:
    """Go on with finishing an escrow: the vote, or the transaction, whose bytes are not in the answer."""
    with declining(asks_ledgers=True):
        return finish_escrow(settings, db, escrow_id, operator(caller)).as_dict(escrow_id)


def cancel(settings: Settings, db: Database, caller: Caller, escrow_id: UUID, body: bytes) -> dict[str, Any]:
    """Go on with cancelling an escrow."""
    reason = cancellation(body)
    with declining(asks_ledgers=True):
        return cancel_escrow(settings, db, escrow_id, reason, operator(caller)).as_dict(escrow_id)


def dispute(settings: Settings, db: Database, caller: Caller, escrow_id: UUID, body: bytes) -> dict[str, Any]:
    """Propose to dispute an escrow; the proposal."""
    reason = reason_of(body)
    with declining():
        return show(db, dispute_escrow(settings, db, escrow_id, reason, operator(caller))).as_dict()


def resolve(settings: Settings, db: Database, caller: Caller, escrow_id: UUID, body: bytes) -> dict[str, Any]:
    """Propose to end a dispute; the proposal."""
    reason = reason_of(body)
    with declining():
        return show(db, resolve_escrow(settings, db, escrow_id, reason, operator(caller))).as_dict()


def attest(settings: Settings, db: Database, caller: Caller, escrow_id: UUID, body: bytes) -> dict[str, Any]:
    """Keep that a document was verified for an escrow."""
    document = attested(body)
    with declining():
        is_new = attest_document(settings, db, escrow_id, document.sha256, document.title, operator(caller))
        return {"sha256": document.sha256.lower(), "is_new": is_new}

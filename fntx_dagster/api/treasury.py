"""The endpoints of the treasury's proposals: made, read, decided and cancelled. Signatures are only carried in: the
services verify them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import (
    Body,
    Key,
    Screener,
    SignatureCarrier,
    TheDesk,
    TreasuryProposer,
    TreasuryReader,
    settings_of,
)
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import treasury_answers as answers
from fntx_dagster.services.governance.tables import machine_tables
from fntx_dagster.services.treasury import proposals

State = Literal[
    "draft",
    "screening",
    "blocked",
    "pending_approval",
    "approved",
    "prepared",
    "signing",
    "ready",
    "submitted",
    "confirmed",
    "failed",
    "expired",
    "rejected",
    "cancelled",
    "all",
]

router = APIRouter(prefix="/api/treasury", responses=description.PROBLEMS | description.UNCHANGED)


@router.post(
    "/proposals",
    status_code=201,
    responses=answered(answers.ProposalAnswer, status=201),
    openapi_extra=treasury_description.PROPOSAL,
)
def propose(request: Request, desk: TheDesk, caller: TreasuryProposer, body: Body, idempotency_key: Key) -> Response:
    """Propose something for the signers to decide within 72 hours; a pause is the kind `emergency.pause`, with
    `{"reason"}` as payload. Nobody is a signer by a token: the answer has the bytes that signers sign elsewhere."""
    made = proposals.make(settings_of(request), desk.db, caller, body, idempotency_key)
    answer = document(request, made.document, 201)
    if made.replayed:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


@router.get("/proposals", responses=answered(answers.ProposalsAnswer))
def list_proposals(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    state: Annotated[State | None, Query(description="In this state, or `all`; left out: what is open.")] = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="With a smaller nonce than this.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Proposals, newest first."""
    return document(request, proposals.page(desk.db, state, before, limit))


@router.get("/proposals/{proposal_id}", responses=answered(answers.ProposalAnswer))
def proposal(request: Request, desk: TheDesk, caller: TreasuryReader, proposal_id: UUID) -> Response:
    """A proposal: what it does in sentences, who decided, what is missing, and the exact bytes that a signer signs."""
    return document(request, proposals.one(desk.db, proposal_id))


@router.post(
    "/proposals/{proposal_id}/decisions",
    status_code=201,
    responses=answered(answers.ProposalAnswer, status=201),
    openapi_extra=treasury_description.DECISION,
)
def decide(request: Request, desk: TheDesk, caller: SignatureCarrier, proposal_id: UUID, body: Body) -> Response:
    """Hand in a signer's decision, signed on his own machine over the bytes that the proposal gives. It is verified,
    and kept only if it counts: a signer's second one is refused with 409 `duplicate`, whatever the first one was."""
    return document(request, proposals.hand_in(settings_of(request), desk.db, proposal_id, body), 201)


@router.post(
    "/proposals/{proposal_id}/cancel",
    responses=answered(answers.ProposalAnswer),
    openapi_extra=treasury_description.CANCELLATION,
)
def cancel(request: Request, desk: TheDesk, caller: TreasuryProposer, proposal_id: UUID, body: Body) -> Response:
    """Cancel a proposal that is not submitted yet, with a reason, which the audit log keeps."""
    return document(request, proposals.call_off(settings_of(request), desk.db, caller, proposal_id, body))


@router.post("/proposals/{proposal_id}/screen", responses=answered(answers.ProposalAnswer))
def screen(request: Request, desk: TheDesk, caller: Screener, proposal_id: UUID) -> Response:
    """Screen the parties of a proposal again, as when a list was missing or too old."""
    return document(request, proposals.screen_again(settings_of(request), desk.db, caller, proposal_id))


@router.post(
    "/proposals/{proposal_id}/end-standing",
    responses=answered(answers.StandingEndAnswer),
    openapi_extra=treasury_description.CANCELLATION,
)
def end_standing(request: Request, desk: TheDesk, caller: TreasuryProposer, proposal_id: UUID, body: Body) -> Response:
    """End the standing approval that a proposal gave, at once, as when its key was lost. Nobody votes on it, because it
    lets nobody do more than before; asked again, it changes nothing."""
    return document(request, proposals.end_standing(settings_of(request), desk.db, caller, proposal_id, body))


@router.get("/signers", responses=answered(answers.SignersAnswer))
def signers(request: Request, desk: TheDesk, caller: TreasuryReader) -> Response:
    """Who may decide, in every version of the signer set, and whether the treasury is paused. Keys are public keys."""
    return document(request, proposals.deciders(desk.db))


@router.get("/machines", responses=answered(answers.MachinesAnswer))
def machines(request: Request, caller: TreasuryReader) -> Response:
    """Every step that a bond, an escrow, a proposal and a ledger transaction can take."""
    return document(request, machine_tables())

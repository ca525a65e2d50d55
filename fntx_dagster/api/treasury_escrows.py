"""The endpoints of escrows. No answer holds a preimage: the bytes that finish an escrow are exported where the operator
works."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import (
    Body,
    TheDesk,
    TransactionSender,
    TreasuryProposer,
    TreasuryReader,
    settings_of,
)
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import escrow_answers as answers
from fntx_dagster.model.treasury_answers import ProposalAnswer
from fntx_dagster.services.escrows import programs
from fntx_dagster.services.escrows.reading import templates_as_dict

EscrowState = Literal[
    "Proposed",
    "Pending_Approval",
    "Approved",
    "Rejected",
    "Created",
    "Active",
    "Finishing",
    "Released",
    "Cancelling",
    "Cancelled",
    "Disputed",
    "all",
]

router = APIRouter(prefix="/api/treasury", responses=description.PROBLEMS | description.UNCHANGED)


@router.post(
    "/escrows",
    status_code=201,
    responses=answered(answers.EscrowAnswer, status=201),
    openapi_extra=treasury_description.ESCROW,
)
def propose(request: Request, desk: TheDesk, caller: TreasuryProposer, body: Body) -> Response:
    """Propose an escrow of a template. The ledger is asked first whether it would take it; then its secret is made and
    sealed, and the signers vote on the terms: the first of `proposals`."""
    return document(request, programs.make(settings_of(request), desk.db, caller, body), 201)


@router.get("/escrows", responses=answered(answers.EscrowsAnswer))
def list_escrows(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    state: Annotated[EscrowState | None, Query(description="In this state, or `all`; left out: what is open.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Escrows, newest first."""
    return document(request, programs.listed(desk.db, state, limit))


@router.get("/escrow-templates", responses=answered(answers.EscrowTemplatesAnswer))
def templates(request: Request, caller: TreasuryReader) -> Response:
    """The templates of escrows: their times, what a release asks for, and which rules the ledger itself enforces."""
    return document(request, templates_as_dict())


@router.get("/escrows/{escrow_id}", responses=answered(answers.EscrowAnswer))
def escrow(request: Request, desk: TheDesk, caller: TreasuryReader, escrow_id: UUID) -> Response:
    """An escrow: where it stands, who took each step, what is possible next."""
    return document(request, programs.one(desk.db, escrow_id))


@router.post("/escrows/{escrow_id}/create", responses=answered(answers.EscrowMoveAnswer))
def create(request: Request, desk: TheDesk, caller: TransactionSender, escrow_id: UUID) -> Response:
    """Prepare the creation of an approved escrow. Its times are counted from the ledger's last close; sent later than
    an hour after, it is refused, and prepared again by the same call."""
    return document(request, programs.create(settings_of(request), desk.db, caller, escrow_id))


@router.post("/escrows/{escrow_id}/finish", responses=answered(answers.EscrowMoveAnswer))
def finish(request: Request, desk: TheDesk, caller: TransactionSender, escrow_id: UUID) -> Response:
    """Go on with finishing an escrow: first the proposal of its release, and once two approved it, the trustee among
    them, its transaction. Its bytes hold the secret: `fntx treasury export` writes them, no answer has them."""
    return document(request, programs.finish(settings_of(request), desk.db, caller, escrow_id))


@router.post(
    "/escrows/{escrow_id}/cancel",
    responses=answered(answers.EscrowMoveAnswer),
    openapi_extra=treasury_description.ESCROW_CANCELLATION,
)
def cancel(request: Request, desk: TheDesk, caller: TransactionSender, escrow_id: UUID, body: Body) -> Response:
    """Go on with cancelling an escrow, once the ledger's time is after its cancel_after. Nobody votes, but on a
    disputed one, which asks for a reason."""
    return document(request, programs.cancel(settings_of(request), desk.db, caller, escrow_id, body))


@router.post(
    "/escrows/{escrow_id}/dispute",
    status_code=201,
    responses=answered(ProposalAnswer, status=201),
    openapi_extra=treasury_description.ESCROW_REASON,
)
def dispute(request: Request, desk: TheDesk, caller: TreasuryProposer, escrow_id: UUID, body: Body) -> Response:
    """Propose to dispute an active escrow: one approval keeps its secret closed. The answer is the proposal."""
    return document(request, programs.dispute(settings_of(request), desk.db, caller, escrow_id, body), 201)


@router.post(
    "/escrows/{escrow_id}/resolve",
    status_code=201,
    responses=answered(ProposalAnswer, status=201),
    openapi_extra=treasury_description.ESCROW_REASON,
)
def resolve(request: Request, desk: TheDesk, caller: TreasuryProposer, escrow_id: UUID, body: Body) -> Response:
    """Propose to end a dispute: two approve, the trustee among them. The answer is the proposal."""
    return document(request, programs.resolve(settings_of(request), desk.db, caller, escrow_id, body), 201)


@router.post(
    "/escrows/{escrow_id}/documents",
    status_code=201,
    responses=answered(answers.AttestedAnswer, status=201),
    openapi_extra=treasury_description.DOCUMENT,
)
def attest(request: Request, desk: TheDesk, caller: TreasuryProposer, escrow_id: UUID, body: Body) -> Response:
    """Attest that a document was verified for an escrow, by its SHA-256; the audit log keeps who said so."""
    return document(request, programs.attest(settings_of(request), desk.db, caller, escrow_id, body), 201)

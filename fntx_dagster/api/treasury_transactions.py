"""The endpoints of the treasury's transactions. Nothing is signed here, and no endpoint takes a key that signs."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import (
    Body,
    SignatureCarrier,
    TheDesk,
    TransactionSender,
    TreasuryReader,
    settings_of,
)
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import treasury_answers as answers
from fntx_dagster.services.treasury import submissions

router = APIRouter(prefix="/api/treasury", responses=description.PROBLEMS | description.UNCHANGED)


@router.get("/queue", responses=answered(answers.QueueAnswer))
def queue(request: Request, desk: TheDesk, caller: TreasuryReader) -> Response:
    """What is approved and not yet at its end: what has to be exported, signed, submitted, confirmed, and by whom."""
    return document(request, submissions.waiting(desk.db))


@router.post("/proposals/{proposal_id}/prepare", responses=answered(answers.SigningAnswer))
def prepare(request: Request, desk: TheDesk, caller: TransactionSender, proposal_id: UUID) -> Response:
    """Prepare the transaction of an approved proposal: the ledger says its sequence and its fee, everything else is as
    it was approved. Refused before it costs a fee where it would fail: `no_line`, `above_limit`, `frozen` and others.
    The answer is what signers get; asked again, it is the same."""
    return document(request, submissions.made_ready(settings_of(request), desk.db, caller, proposal_id))


@router.get("/proposals/{proposal_id}/signing", responses=answered(answers.SigningAnswer))
def signing(request: Request, desk: TheDesk, caller: TreasuryReader, proposal_id: UUID) -> Response:
    """The file that signers take to their own machines: the unsigned bytes, what they say in sentences, and what each
    signer signs. Its sentences are made of the bytes."""
    return document(request, submissions.signing(settings_of(request), desk.db, proposal_id))


@router.post(
    "/proposals/{proposal_id}/signatures",
    status_code=201,
    responses=answered(answers.SignaturesAnswer, status=201),
    openapi_extra=treasury_description.SIGNATURES,
)
def sign(request: Request, desk: TheDesk, caller: SignatureCarrier, proposal_id: UUID, body: Body) -> Response:
    """Carry in what a signer returns: a signed blob or XDR, or one signature. It is verified against the saved bytes,
    and kept only if it fits; as soon as the signatures suffice, they are combined."""
    return document(request, submissions.carry_in(settings_of(request), desk.db, proposal_id, body), 201)


@router.post("/proposals/{proposal_id}/submit", responses=answered(answers.SettledAnswer))
def submit(request: Request, desk: TheDesk, caller: TransactionSender, proposal_id: UUID) -> Response:
    """Send the signed bytes to their ledger. What its server answers is provisional: ask `confirm` what became of them.
    Submitted again, the same bytes go again, which does nothing twice."""
    return document(request, submissions.send(settings_of(request), desk.db, caller, proposal_id))


@router.post("/proposals/{proposal_id}/confirm", responses=answered(answers.SettledAnswer))
def confirm(request: Request, desk: TheDesk, caller: TransactionSender, proposal_id: UUID) -> Response:
    """Ask the ledger what became of the transaction, and send the same bytes again where they may have been lost."""
    return document(request, submissions.ask(settings_of(request), desk.db, proposal_id))

"""The endpoints of the audit log: its state, checkpoints, proofs, anchors, and the sealed events for an auditor."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import AuditMaker, AuditProver, AuditReader, TheDesk, settings_of
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import audit_answers as answers
from fntx_dagster.services.auditing import reading

_MOST = 2**53 - 1

router = APIRouter(prefix="/api/audit", responses=description.PROBLEMS | description.UNCHANGED)


@router.get("/status", responses=answered(answers.AuditStatusAnswer))
def status(request: Request, desk: TheDesk, caller: AuditReader) -> Response:
    """How the log stands: events, how many of them are signed, and which ledgers hold a checkpoint."""
    return document(request, reading.state(settings_of(request), desk.db))


@router.get("/checkpoint", responses=answered(answers.CheckpointAnswer))
def checkpoint(
    request: Request,
    desk: TheDesk,
    caller: AuditReader,
    since: Annotated[
        int | None, Query(ge=1, le=_MOST, description="The size of a checkpoint that you have: proves the way from it.")
    ] = None,
) -> Response:
    """The newest checkpoint: a signed note over the root of all events before it. Keep it, and give its size as `since`
    the next time: the answer then proves that nothing of what you saw was changed or left out."""
    return document(request, reading.checkpoint(settings_of(request), desk.db, since))


@router.post("/checkpoint", responses=answered(answers.NewCheckpointAnswer))
def new_checkpoint(request: Request, desk: TheDesk, caller: AuditMaker) -> Response:
    """Sign the log as it is now. Refused (`log_broken`) where it does not go on from what was signed before."""
    return document(request, reading.new_checkpoint(settings_of(request), desk.db, datetime.now(UTC)))


@router.get("/proofs/{seq}", responses=answered(answers.AuditProofAnswer))
def proof(
    request: Request,
    desk: TheDesk,
    caller: AuditProver,
    seq: Annotated[int, Path(ge=0, le=_MOST, description="The number of the event, from 0.")],
) -> Response:
    """The proof of one event, which a stranger checks without us. It shows what that event says, so the token needs the
    scope `audit:plain`, which no role includes."""
    return document(request, reading.proof(settings_of(request), desk.db, seq))


@router.get("/anchors", responses=answered(answers.AnchorsAnswer))
def anchors(request: Request, desk: TheDesk, caller: AuditReader) -> Response:
    """The transactions on ledgers that hold a checkpoint of this log."""
    return document(request, reading.anchors(desk.db))


@router.get("/events", responses=answered(answers.SealedEventsAnswer))
def events(
    request: Request,
    desk: TheDesk,
    caller: AuditReader,
    first: Annotated[int, Query(alias="from", ge=0, le=_MOST, description="The number of the first event.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Events as they are sealed: leaf hashes in clear, so that the root can be computed; what they say is for whoever
    has the key."""
    return document(request, reading.events(desk.db, first, limit))

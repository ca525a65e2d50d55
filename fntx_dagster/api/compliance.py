"""The endpoints of the compliance gate: parties and names screened, lists, checks, decisions on matches."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import Body, ComplianceReader, Disposer, Screener, TheDesk, settings_of
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import treasury_answers as answers
from fntx_dagster.services.screening import programs

ScreeningId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The number of a check, as `screen` gives it.")]

router = APIRouter(prefix="/api/compliance", responses=description.PROBLEMS | description.UNCHANGED)


@router.post("/screen", responses=answered(answers.ScreenAnswer), openapi_extra=treasury_description.SCREENING)
def screen(request: Request, desk: TheDesk, caller: Screener, body: Body) -> Response:
    """Screen known parties by their ids, of which each check is kept and logged; or names in `cases`, or one `party`,
    of which nothing is kept. `cleared` says that every list that counts is loaded and recent, and no match is open;
    with a list missing or too old nobody is cleared (`stale`)."""
    return document(request, programs.screen(settings_of(request), desk.db, caller, body))


@router.get("/lists", responses=answered(answers.ListsAnswer))
def lists(request: Request, desk: TheDesk, caller: ComplianceReader) -> Response:
    """The lists that count: when each was fetched, what it holds, and why it clears nobody."""
    return document(request, programs.lists(settings_of(request), desk.db))


@router.get("/screenings/{screening_id}", responses=answered(answers.ScreeningAnswer))
def screening(request: Request, desk: TheDesk, caller: ComplianceReader, screening_id: ScreeningId) -> Response:
    """A check as it was kept: against which lists, by which algorithm, its matches. It has the party's id, no name."""
    return document(request, programs.check(desk.db, screening_id))


@router.post(
    "/screenings/{screening_id}/to-sign",
    responses=answered(answers.DispositionBytesAnswer),
    openapi_extra=treasury_description.DISPOSITION_BYTES,
)
def to_sign(request: Request, desk: TheDesk, caller: Disposer, screening_id: ScreeningId, body: Body) -> Response:
    """The exact bytes that a signer of the role compliance signs on his own machine to decide a check so. Nothing is
    recorded."""
    return document(request, programs.bytes_to_sign(settings_of(request), desk.db, screening_id, body))


@router.post(
    "/screenings/{screening_id}/dispositions",
    status_code=201,
    responses=answered(answers.DispositionAnswer, status=201),
    openapi_extra=treasury_description.DISPOSITION,
)
def dispose(request: Request, desk: TheDesk, caller: Disposer, screening_id: ScreeningId, body: Body) -> Response:
    """Record what was decided of the matches of a check. Once the treasury has signers, a false positive needs the
    signature of one of the role compliance, over the bytes of `to-sign`; it lets proposals go on that the party held
    back. A true match needs none: it holds back."""
    return document(request, programs.decide(settings_of(request), desk.db, caller, screening_id, body), 201)

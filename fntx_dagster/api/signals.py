"""The endpoints of signals: entry, exit, and what is read of them."""

from fastapi import APIRouter
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import LargeBody, Now, Source, TheDesk, replied
from fntx_dagster.api.description import answered
from fntx_dagster.model import signal_answers as answers
from fntx_dagster.services.signals import entering, exiting

router = APIRouter(prefix="/db/signals/v2", responses=description.PROBLEMS)


@router.post(
    "/entry",
    status_code=201,
    responses=answered(answers.EntryAnswer, status=201),
    openapi_extra=description.SIGNAL_ENTRY,
)
def entry(desk: TheDesk, source: Source, now: Now, body: LargeBody) -> Response:
    """Enter a signal: one block order, shared among its participants."""
    return replied(entering.enter_signal(desk, source.user_id, body, now))


@router.post(
    "/exit",
    status_code=201,
    responses=answered(answers.ExitAnswer, status=201),
    openapi_extra=description.SIGNAL_EXIT,
)
def leave(desk: TheDesk, source: Source, now: Now, body: LargeBody) -> Response:
    """Leave a signal: for all who hold, or for those who are named."""
    return replied(exiting.leave_signal(desk, source.user_id, body, now))

"""The endpoints of signals: entry, exit, and what is read of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import NAME, LargeBody, Now, Reader, Source, TheDesk, replied
from fntx_dagster.api.description import answered
from fntx_dagster.model import signal_answers as answers
from fntx_dagster.services.signals import performance, proving, reading, receiving
from fntx_dagster.services.signals.answers import PAGE, PATH
from fntx_dagster.services.signals.performance import AskedPerformance, start_of

_LAST = 2**63 - 1
_Code = Query(pattern=NAME)
_Participant = Query(pattern=r"^[^\x00-\x20\x7f]{0,64}$")
_Page = Annotated[int, Query(ge=1, le=1000)]

router = APIRouter(prefix=PATH, responses=description.PROBLEMS)


@router.post(
    "/entry",
    status_code=201,
    responses=answered(answers.EntryAnswer, status=201),
    openapi_extra=description.SIGNAL_ENTRY,
)
def entry(desk: TheDesk, source: Source, now: Now, body: LargeBody) -> Response:
    """Enter a signal: one block order, shared among its participants."""
    return replied(receiving.enter_signal(desk, source.user_id, body, now))


@router.post(
    "/exit",
    status_code=201,
    responses=answered(answers.ExitAnswer, status=201),
    openapi_extra=description.SIGNAL_EXIT,
)
def leave(desk: TheDesk, source: Source, now: Now, body: LargeBody) -> Response:
    """Leave a signal: for all who hold, or for those who are named."""
    return replied(receiving.leave_signal(desk, source.user_id, body, now))


@router.get("/active-positions", responses=answered(answers.PositionsAnswer))
def active_positions(
    desk: TheDesk,
    caller: Reader,
    strategy_code: Annotated[str | None, _Code] = None,
    user_id: Annotated[str | None, _Participant] = None,
    is_paper: bool = True,
) -> Any:
    """What is open, at the newest prices: a trader's own positions, and for other roles everybody's."""
    return reading.active_positions(desk, strategy_code, reading.seen_by(caller, user_id), is_paper)


@router.get("/executions/{signal_execution_id}", responses=answered(answers.ExecutionAnswer))
def execution(
    desk: TheDesk,
    caller: Reader,
    signal_execution_id: Annotated[int, Path(ge=1, le=_LAST)],
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: _Page = PAGE,
) -> Any:
    """An execution as it is now, with a page of its participants; a trader sees his own share alone."""
    return reading.execution(desk, caller, signal_execution_id, after, limit)


@router.get("/executions/{signal_execution_id}/proof", responses=answered(answers.ShareProof))
def proof(
    desk: TheDesk,
    caller: Reader,
    signal_execution_id: Annotated[int, Path(ge=1, le=_LAST)],
    user_id: Annotated[str | None, _Participant] = None,
) -> Any:
    """The proof of a participant's share (for a trader: his own), which `fntx verify` checks without seeing others."""
    return proving.prove(desk.db, signal_execution_id, reading.seen_by(caller, user_id) or caller.user_id)


@router.get("/performance", responses=answered(answers.PerformanceAnswer))
def strategy_performance(
    desk: TheDesk,
    caller: Reader,
    strategy_code: Annotated[str, _Code],
    symbol: Annotated[str | None, Query(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")] = None,
    start: Annotated[str | None, Query(alias="from", max_length=40)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=40)] = None,
    user_id: Annotated[str | None, _Participant] = None,
    after: Annotated[str, _Participant] = "",
    limit: _Page = PAGE,
    is_paper: bool = True,
) -> Any:
    """How a strategy did, and what its participants have of it: a trader sees his own sums alone. Both days of a range
    count; of a range of moments the last does not."""
    user_id = reading.seen_by(caller, user_id)
    since, until = start_of(desk, "from", start), start_of(desk, "to", end, after=True)
    asked = AskedPerformance(strategy_code, symbol, since, until, is_paper, user_id, after, limit)
    return performance.performance(desk, asked)

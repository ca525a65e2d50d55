"""The endpoints of trading on the XRP Ledger: how the desk stands, and its strategies. They send no order."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import TheDesk, TreasuryReader
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import treasury_answers as answers
from fntx_dagster.services.execution import programs

router = APIRouter(prefix="/api/treasury", responses=description.PROBLEMS | description.UNCHANGED)


@router.get("/desk", responses=answered(answers.DeskAnswer))
def trading_desk(request: Request, desk: TheDesk, caller: TreasuryReader) -> Response:
    """How the desk on the XRP Ledger stands: its limits and risk state, what it went through, its strategies."""
    return document(request, programs.trading_desk(desk.db))


@router.get("/strategies/{strategy_id}", responses=answered(answers.StrategyAnswer))
def strategy(request: Request, desk: TheDesk, caller: TreasuryReader, strategy_id: UUID) -> Response:
    """A strategy with its slices: what was planned, asked for and traded of each."""
    return document(request, programs.strategy(desk.db, strategy_id))

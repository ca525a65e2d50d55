"""The endpoints of trading on the XRP Ledger: the desk and its strategies, read, started and halted. They send no
order: `fntx strategy advance`, which proposes and sends, is a command alone, beside the signers' files."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import (
    Body,
    DeskHalter,
    DeskResumer,
    DeskTrader,
    Key,
    TheDesk,
    TreasuryReader,
    settings_of,
)
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


@router.post(
    "/strategies/dry-run",
    responses=answered(answers.DryRunAnswer),
    openapi_extra=treasury_description.DRY_RUN,
)
def dry_run(request: Request, desk: TheDesk, caller: DeskTrader, body: Body) -> Response:
    """The slices of a strategy, and their unsigned transactions at the prices of now. Nothing is kept."""
    return document(request, programs.dry_run(settings_of(request), desk.db, body))


@router.post(
    "/strategies",
    status_code=201,
    responses=answered(answers.StrategyAnswer, status=201),
    openapi_extra=treasury_description.STRATEGY,
)
def start(request: Request, desk: TheDesk, caller: DeskTrader, body: Body, idempotency_key: Key) -> Response:
    """Start a strategy that trades live, within the limits that three signers approved. A key starts one strategy.
    Its orders are proposed by `fntx strategy advance`, a command alone, and two signers approve and sign each batch."""
    return document(request, programs.start(settings_of(request), desk.db, caller, body, idempotency_key), 201)


@router.post(
    "/strategies/{strategy_id}/halt",
    responses=answered(answers.StrategyAnswer),
    openapi_extra=treasury_description.DESK_REASON,
)
def halt_strategy(request: Request, desk: TheDesk, caller: DeskHalter, strategy_id: UUID, body: Body) -> Response:
    """Halt a strategy for good, at once: nobody has to agree to that."""
    return document(request, programs.halt_strategy(settings_of(request), desk.db, caller, strategy_id, body))


@router.post("/desk/halt", responses=answered(answers.DeskAnswer), openapi_extra=treasury_description.DESK_REASON)
def halt_desk(request: Request, desk: TheDesk, caller: DeskHalter, body: Body) -> Response:
    """Halt the desk with all its strategies, at once. Two signers have to agree that it trades again."""
    return document(request, programs.halt_desk(settings_of(request), desk.db, caller, body))


@router.post(
    "/desk/kill",
    status_code=201,
    responses=answered(answers.ProposalAnswer, status=201),
    openapi_extra=treasury_description.DESK_REASON,
)
def kill_desk(request: Request, desk: TheDesk, caller: DeskHalter, body: Body) -> Response:
    """Propose to kill the desk: one signer decides, then it places no order and what rests is to be cancelled."""
    made = programs.propose_for_desk(settings_of(request), desk.db, caller, programs.KILL, body)
    return document(request, made, 201)


@router.post(
    "/desk/resume",
    status_code=201,
    responses=answered(answers.ProposalAnswer, status=201),
    openapi_extra=treasury_description.DESK_REASON,
)
def resume_desk(request: Request, desk: TheDesk, caller: DeskResumer, body: Body) -> Response:
    """Propose that the desk, which is halted or killed, trades again: two signers decide."""
    made = programs.propose_for_desk(settings_of(request), desk.db, caller, programs.RESUME, body)
    return document(request, made, 201)

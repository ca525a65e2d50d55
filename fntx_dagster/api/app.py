"""The application, and its endpoints on one page.

An endpoint is a plain function, run in a thread: measured, that serves about twice as many requests as a coroutine with
an asynchronous pool (docs/ledger.md). One that submits a paper order is a coroutine: it computes, and awaits the commit
that the order shares with others. What endpoints depend on are coroutines, which wait for no database: a plain function
among them would take one more turn through the threads.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fntx_dagster.api import (
    audit,
    callers,
    compliance,
    description,
    execution,
    reconciliation,
    record,
    signals,
    treasury,
    treasury_bonds,
    treasury_escrows,
    treasury_transactions,
)
from fntx_dagster.api.dependencies import NAME, Body, BotId, Key, Now, Reader, TheDesk, Trader, replied, trader_request
from fntx_dagster.api.description import answered
from fntx_dagster.api.paper import result_of
from fntx_dagster.api.problems import answer_problems
from fntx_dagster.model import answers
from fntx_dagster.services.orders import asking, guarding, health, money, portfolio, requests, submitting
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings

_LAST_ENTRY = 2**63 - 1

router = APIRouter(prefix="/api", responses=description.PROBLEMS)


def make_app(desk: Desk, settings: Settings | None = None, *, simulated_time: bool = False) -> FastAPI:
    """The API of a desk, and of the record by `settings`. `simulated_time`: whether requests may state their own moment
    (FNTX-Now), in paper books."""
    app = FastAPI(title="FNTX", version="1", docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.state.settings = settings or Settings()
    app.state.simulated_time = simulated_time
    app.state.failures = callers.failures()
    app.state.known_callers = callers.KnownCallers()
    answer_problems(app)
    app.include_router(router)
    app.include_router(signals.router)
    for wing in (
        record,
        audit,
        treasury,
        treasury_transactions,
        treasury_escrows,
        treasury_bonds,
        compliance,
        execution,
        reconciliation,
    ):
        app.include_router(wing.router)
    app.add_middleware(_Unstored)
    return app


def _in_book(desk: Desk, is_paper: bool, now: datetime) -> datetime:
    """The moment in a book: a live one knows no simulated time."""
    return now if is_paper else desk.clock()


class _Unstored:
    """Answers hold an account's figures: nothing between here and the caller may keep them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def unstored(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, unstored)


@router.post(
    "/orders/submit",
    responses=answered(answers.SubmitAnswer),
    openapi_extra=description.SUBMIT | description.BY_KEY,
)
async def submit(request: Request) -> Response:
    """Submit an order through the four gates."""
    desk, caller, now, body, key = await trader_request(request)
    asked = requests.submission(body, key)
    if asked.is_paper:
        return replied(await result_of(submitting.paper_order(desk, caller.user_id, asked, now)))
    return replied(await run_in_threadpool(submitting.submit, desk, caller.user_id, asked, desk.clock()))


@router.get("/orders/pending", responses=answered(answers.PendingAnswer))
def pending(desk: TheDesk, caller: Reader, bot_id: BotId = None, is_paper: bool = True) -> Any:
    """The orders that may still be filled, newest first."""
    return asking.pending_orders(desk, caller.user_id, is_paper, bot_id)


@router.get("/orders/{order_id}/status", responses=answered(answers.OrderAnswer))
def order_status(desk: TheDesk, caller: Reader, order_id: str) -> Any:
    """An order as it is now."""
    return asking.order_status(desk, caller.user_id, order_id)


@router.post("/orders/{order_id}/cancel", responses=answered(answers.OrderAnswer))
def cancel(desk: TheDesk, caller: Trader, now: Now, order_id: str) -> Any:
    """Cancel what rests of an order."""
    return guarding.cancel(desk, caller.user_id, order_id, now)


@router.post(
    "/ledger/funding",
    status_code=201,
    responses=answered(answers.FundingAnswer, status=201),
    openapi_extra=description.FUNDING,
)
def funding(desk: TheDesk, caller: Trader, now: Now, body: Body, idempotency_key: Key) -> Response:
    """Record a deposit, a withdrawal, or an allocation to a bot."""
    asked = requests.funding(body, idempotency_key)
    return replied(money.fund(desk, caller.user_id, asked, _in_book(desk, asked.is_paper, now)))


@router.get("/ledger/fills", responses=answered(answers.FillsAnswer))
def fills(
    desk: TheDesk,
    caller: Reader,
    bot_id: BotId = None,
    since: str | None = None,
    until: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=_LAST_ENTRY)] = None,
    is_paper: bool = True,
) -> Any:
    """Fills, newest first."""
    start, end = requests.optional_moment("since", since), requests.optional_moment("until", until)
    return asking.fills(
        desk, caller.user_id, is_paper, bot_id=bot_id, since=start, until=end, cursor=cursor, limit=limit
    )


@router.get("/ledger/audit-trail", responses=answered(answers.AuditTrailAnswer))
def audit_trail(
    desk: TheDesk,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=_LAST_ENTRY)] = None,
    is_paper: bool = True,
) -> Any:
    """The entries of the book, newest first, with the chain of their hashes."""
    return asking.audit_trail(desk, caller.user_id, is_paper, before, limit)


@router.get("/ledger/status", responses=answered(answers.LedgerStatusAnswer))
def ledger_status(desk: TheDesk, caller: Reader) -> Any:
    """How the caller's live book is served: ages of its prices, orders of unknown outcome, the watcher's heartbeat."""
    return health.service_state(desk, caller.user_id)


@router.get("/portfolio/summary", responses=answered(answers.PortfolioAnswer))
def summary(desk: TheDesk, caller: Reader, now: Now, is_paper: bool = True) -> Any:
    """What the book is worth, and how it came to it."""
    return portfolio.summary(desk, caller.user_id, is_paper, _in_book(desk, is_paper, now))


@router.get("/profits", responses=answered(answers.ProfitsAnswer))
def profits(
    desk: TheDesk,
    caller: Reader,
    now: Now,
    period: Literal["daily", "weekly", "monthly"] = "daily",
    limit: Annotated[int, Query(ge=1, le=365)] = 30,
    is_paper: bool = True,
) -> Any:
    """Profits by period, oldest first."""
    return portfolio.profits(desk, caller.user_id, is_paper, period, limit, _in_book(desk, is_paper, now))


@router.get("/countdown/status", responses=answered(answers.CountdownAnswer))
def countdown(desk: TheDesk, caller: Reader, now: Now, target: str = "1000000", is_paper: bool = True) -> Any:
    """How far a target is, and in how many days it is reached."""
    goal = requests.amount_of("target", target)
    return portfolio.countdown(desk, caller.user_id, is_paper, goal, _in_book(desk, is_paper, now))


@router.get("/circuit-breaker/status", responses=answered(answers.BreakerAnswer))
def breaker_status(
    desk: TheDesk,
    caller: Reader,
    now: Now,
    bot_id: BotId = None,
    user_id: Annotated[str | None, Query(pattern=NAME)] = None,
    is_paper: bool = True,
) -> Any:
    """Whether a breaker is tripped, and the figures that it judges."""
    whose = guarding.entity(caller, bot_id, user_id)
    return guarding.status(desk, caller, whose, is_paper, _in_book(desk, is_paper, now))


@router.get("/circuit-breaker/history", responses=answered(answers.TripsAnswer))
def breaker_history(
    desk: TheDesk,
    caller: Reader,
    bot_id: BotId = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    is_paper: bool = True,
) -> Any:
    """The trips of the caller's book, newest first."""
    return guarding.history(desk, caller.user_id, is_paper, bot_id, limit)


@router.post("/circuit-breaker/reset", responses=answered(answers.ResetAnswer), openapi_extra=description.GUARDING)
def breaker_reset(desk: TheDesk, caller: Trader, now: Now, body: Body) -> Any:
    """Reset a breaker, with a reason."""
    asked = requests.guarding(body)
    whose = guarding.entity(caller, asked.bot_id, asked.user_id)
    return guarding.reset(desk, caller, whose, asked.is_paper, asked.reason, _in_book(desk, asked.is_paper, now))


@router.post("/circuit-breaker/trip", responses=answered(answers.BreakerAnswer), openapi_extra=description.GUARDING)
def breaker_trip(desk: TheDesk, caller: Trader, now: Now, body: Body) -> Any:
    """The kill switch: trip a breaker by hand."""
    asked = requests.guarding(body)
    whose = guarding.entity(caller, asked.bot_id, asked.user_id)
    return guarding.kill(desk, caller, whose, asked.is_paper, asked.reason, _in_book(desk, asked.is_paper, now))


@router.get("/limits/status", responses=answered(answers.LimitsAnswer))
def limits(desk: TheDesk, caller: Reader, now: Now, bot_id: BotId = None, is_paper: bool = True) -> Any:
    """How much of the limits is used."""
    return asking.limits(desk, caller.user_id, is_paper, bot_id, _in_book(desk, is_paper, now))

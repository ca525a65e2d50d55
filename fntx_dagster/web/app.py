"""The site: its pages and what stands before them.

What belongs here: the table of pages, and how one is answered. A page is a plain function of what is asked, run in a
thread; it returns a template's values. What it may not show is a 404 as what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.services.accounts import NumberedAccount
from fntx_dagster.services.live.stream import Stream
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.web import health, public, signing_in
from fntx_dagster.web.asking import FAILED, Answer, Asked, BadAddress, NotFound, Shown, Site, read_form
from fntx_dagster.web.doors import Doors
from fntx_dagster.web.guard import API, SiteGuard
from fntx_dagster.web.live import live_endpoint
from fntx_dagster.web.pages import (
    account,
    alerts,
    audit,
    bonds,
    day,
    disclose,
    distribution,
    escrows,
    gates,
    ledger,
    orders,
    overview,
    performance,
    period,
    positions,
    proposal,
    raw,
    reconciliation,
    screening,
    shares,
    signals,
    sources,
    system,
    today,
    trades,
    trading,
    treasury,
    verification,
)
from fntx_dagster.web.rendering import render, static
from fntx_dagster.web.signing_in import to_the_door

_SMALLEST_ZIPPED = 500


class _Number(IntegerConvertor):
    """A number in a path that fits into 64 bits: Python refuses to read one of some thousand digits, and nothing has
    such a number, so its path is none of ours."""

    regex = "[0-9]{1,18}"


register_url_convertor("int", _Number())


def anybody(_visitor: Visitor) -> bool:
    """Every visitor."""
    return True


def may_act(visitor: Visitor) -> bool:
    """Those who may change what is theirs."""
    return visitor.may_act


def runs_system(visitor: Visitor) -> bool:
    """Those who may have the platform do something: an auditor looks only."""
    return visitor.sees_system and visitor.may_act


def sees_system(visitor: Visitor) -> bool:
    """Those who see how the platform runs."""
    return visitor.sees_system


class Page(NamedTuple):
    """A page: where it is, what answers it, and what the menu calls it (nothing: it is not in the menu). Those of
    `/a/{n}` are an account's. `acts_for`: who may send its forms (POST); None: it has none. `is_open`: it answers
    who is not signed in too; without that, he is led to the door. `is_form`: it is asked by POST alone."""

    path: str
    answer: Callable[[Asked], Answer]
    menu: str = ""
    is_for: Callable[[Visitor], bool] = anybody
    acts_for: Callable[[Visitor], bool] | None = None
    is_open: bool = False
    is_form: bool = False

    @property
    def methods(self) -> list[str]:
        """How it is asked."""
        return ["POST"] if self.is_form else ["GET", "POST"] if self.acts_for else ["GET"]

    @property
    def is_of_an_account(self) -> bool:
        """Whether the page is one account's."""
        return self.path.startswith("/a/{n:int}")


PAGES = (
    Page("/", overview.show, "Accounts"),
    Page("/a/{n:int}", account.show, "Overview"),
    Page("/a/{n:int}/today", today.show, "Today"),
    Page("/a/{n:int}/day", day.latest, "Day"),
    Page("/a/{n:int}/day/{date}", day.show),
    Page("/a/{n:int}/day/{date}/fills", sources.show),
    Page("/a/{n:int}/raw/{table}/{row}", raw.show),
    Page("/a/{n:int}/period", period.show, "Period"),
    Page("/a/{n:int}/report.{form}", period.download_report),
    Page("/reports/{name}", period.show_written, is_for=sees_system),
    Page("/a/{n:int}/tables/{table}.csv", period.download_table),
    Page("/a/{n:int}/performance", performance.show, "Performance"),
    Page("/a/{n:int}/strategies", performance.show_strategies, "Strategies"),
    Page("/a/{n:int}/positions", positions.show, "Positions"),
    Page("/a/{n:int}/positions/{date}", positions.show),
    Page("/a/{n:int}/trades", trades.show, "Trades"),
    Page("/a/{n:int}/trades.csv", trades.download),
    Page("/a/{n:int}/trades/{key:path}", trades.show_one),
    Page("/a/{n:int}/verification", verification.show, "Verification"),
    Page("/a/{n:int}/disclose", disclose.show, "Disclose", may_act, may_act),
    Page("/a/{n:int}/shares", shares.show, "Shown", may_act, may_act),
    Page("/orders", orders.show, "Orders"),
    Page("/orders/{order}", orders.one),
    Page("/ledger", ledger.show, "Ledger"),
    Page("/ledger/{user:path}/{book}/statement/{date}", ledger.statement),
    Page("/ledger/{user:path}/{book}", ledger.one, acts_for=anybody),
    Page("/signals", signals.show, "Signals"),
    Page("/signals/{execution:int}", signals.one),
    Page("/signals/{execution:int}/proof", signals.proof),
    Page("/gates/{user:path}/{book}", gates.show, acts_for=may_act),
    Page("/treasury", treasury.show, "Treasury", is_for=sees_system),
    Page("/treasury/queue", treasury.show_queue, is_for=sees_system),
    Page("/treasury/escrows", escrows.show, is_for=sees_system),
    Page("/treasury/escrows/{escrow}", escrows.one, is_for=sees_system),
    Page("/treasury/desk", trading.show, is_for=sees_system, acts_for=runs_system),
    Page("/treasury/desk/{strategy}", trading.one, is_for=sees_system, acts_for=runs_system),
    Page("/treasury/signers", treasury.show_signers, is_for=sees_system, acts_for=runs_system),
    Page("/treasury/states", treasury.show_states, is_for=sees_system),
    Page("/treasury/bonds", bonds.show, is_for=sees_system),
    Page("/treasury/bonds/{bond}", bonds.one, is_for=sees_system),
    Page("/treasury/bonds/{bond}/{kind}.{form}", bonds.download, is_for=sees_system),
    Page("/treasury/bonds/{bond}/distributions/{number:int}", distribution.one, is_for=sees_system),
    Page("/treasury/proposals/{proposal}", proposal.show, is_for=sees_system, acts_for=runs_system),
    Page("/treasury/proposals/{proposal}/signing.json", proposal.signing_file, is_for=sees_system),
    Page("/treasury/proposals/{proposal}/{decision}.bin", proposal.decision_bytes, is_for=sees_system),
    Page("/screening", screening.show, is_for=sees_system),
    Page("/screening/{check:int}", screening.one, is_for=sees_system, acts_for=runs_system),
    Page("/audit", audit.show, is_for=sees_system, acts_for=runs_system),
    Page("/audit/events/{seq:int}", audit.one, is_for=sees_system),
    Page("/audit/events/{seq:int}/proof.json", audit.proof, is_for=sees_system),
    Page("/reconciliation", reconciliation.show, is_for=sees_system),
    Page("/reconciliation/{number:int}", reconciliation.one, is_for=sees_system),
    Page("/reconciliation/{number:int}/report.json", reconciliation.report, is_for=sees_system),
    Page("/alerts", alerts.show, "Alerts", is_for=sees_system, acts_for=may_act),
    Page("/system", system.show, "System", is_for=sees_system, acts_for=runs_system),
    Page("/system/visitors", signing_in.visitors, "Visitors", sees_system),
    Page("/account", signing_in.account, acts_for=anybody),
    Page("/account/passkey", signing_in.add_passkey, acts_for=anybody, is_form=True),
    Page("/enter", signing_in.enter, acts_for=anybody, is_open=True),
    Page("/signin", signing_in.sign_in, acts_for=anybody, is_open=True),
    Page("/signin/passkey", signing_in.sign_in_by_passkey, acts_for=anybody, is_open=True, is_form=True),
    Page("/signout", signing_in.sign_out, acts_for=anybody, is_open=True, is_form=True),
)


def make_site(site: Site, api: ASGIApp) -> ASGIApp:
    """The pages of a site, and beneath /api the API."""
    app = Starlette(
        routes=[
            *(Route(page.path, _endpoint(site, page), methods=page.methods) for page in PAGES),
            Route("/static/{digest}/{name:path}", static),
            WebSocketRoute("/live", live_endpoint(Stream(site.db))),
        ],
        exception_handlers={HTTPException: _refused, Exception: _refused},
    )
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_ZIPPED)
    whole = _Beside(api, health.answers(site.db), public.public_site(site), Doors(app, site))
    return SiteGuard(whole, site.settings.web.origin)


class _Beside:
    """The API, which knows its callers by their tokens; what probes ask; what strangers see; and the pages."""

    def __init__(self, api: ASGIApp, health: ASGIApp, strangers: ASGIApp, pages: ASGIApp) -> None:
        self._api, self._health, self._strangers, self._pages = api, health, strangers, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._of(scope)(scope, receive, send)

    def _of(self, scope: Scope) -> ASGIApp:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(API):
            return self._api
        if path in health.PATHS:
            return self._health
        return self._strangers if public.is_public(path) else self._pages


def _endpoint(site: Site, page: Page) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        is_taken = page.is_open or request.state.visitor is not None  # what nobody asked for is not read
        form = await read_form(request) if request.method == "POST" and is_taken else {}
        return await run_in_threadpool(answer, page, Asked(site, request, form))

    return endpoint


def answer(page: Page, asked: Asked) -> Response:
    """What a page answers, whatever it is."""
    try:
        shown = page.answer(asked) if page.is_open or _is_let_in(page, asked) else to_the_door(asked)
    except NotFound:
        shown = Shown("problem.html.j2", "Not found", {"said": _NOT_FOUND, "hint": ""}, 404)
    except BadAddress as error:
        shown = Shown("problem.html.j2", "Not understood", {"said": f"{error}", "hint": ""}, 400)
    except FntxError as error:
        values = {"said": without_accounts(error.message), "hint": without_accounts(error.way_out)}
        shown = Shown("problem.html.j2", "Not possible", values, 409)
    return shown if isinstance(shown, Response) else html(asked, page, shown)


def _is_let_in(page: Page, asked: Asked) -> bool:
    """Whether anybody is signed in. Raises NotFound where the page, or its form, is not for him."""
    if asked.is_of_a_stranger:
        return False
    if not page.is_for(asked.visitor) or (asked.acts and not (page.acts_for and page.acts_for(asked.visitor))):
        raise NotFound
    return True


_NOT_FOUND = "There is no such page, or it is not yours to see."
_NO_MENU = {"site": [], "account": []}


def html(asked: Asked, page: Page, shown: Shown) -> HTMLResponse:
    """A page with the menu of its visitor."""
    if asked.is_of_a_stranger:
        return _bare(shown)
    account = _account_of(asked, page)
    menu = _menu(asked, page, account.number if account else None)
    return _bare(shown, visitor=asked.visitor, account=account, menu=menu)


def _bare(
    shown: Shown,
    visitor: Visitor | None = None,
    account: NumberedAccount | None = None,
    menu: Mapping[str, object] = _NO_MENU,
) -> HTMLResponse:
    """A page with what stands around it: for a stranger nothing."""
    values = {"title": shown.title, "visitor": visitor, "account": account, "menu": menu, **shown.values}
    return HTMLResponse(render(shown.template, values), shown.status, {"Cache-Control": "no-store"})


def _account_of(asked: Asked, page: Page) -> NumberedAccount | None:
    try:
        return asked.account if page.is_of_an_account else None
    except NotFound:
        return None


def _menu(asked: Asked, shown: Page, number: int | None) -> dict[str, list[tuple[str, str, bool]]]:
    """Of the whole site, and of the account that is looked at: (path, name, whether it is this page)."""
    pages = [page for page in PAGES if page.menu and page.is_for(asked.visitor)]
    of_account = [page for page in pages if page.is_of_an_account] if number else []
    return {
        "site": [(page.path, page.menu, page is shown) for page in pages if not page.is_of_an_account],
        "account": [(page.path.replace("{n:int}", f"{number}"), page.menu, page is shown) for page in of_account],
    }


async def _refused(_request: Request, error: Exception) -> Response:
    """What was no page, or no page's method, or failed: nothing of an error is shown."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, said = "Refused", "The request is not one that this page takes."
    if status == 404:
        title, said = "Not found", _NOT_FOUND
    elif status == 500:
        title, said = "Failed", FAILED
    return _bare(Shown("problem.html.j2", title, {"said": said, "hint": ""}, status))

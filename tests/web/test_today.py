"""The page of today in a real browser: it shows what the tables hold, then what comes, each fill once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report import money
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.database import open_database
from fntx_dagster.services.live.today import account_today
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.gateway import SimulatedGateway, serve
from fntx_dagster.simulate.gateway_accounts import CALL_638, JULY_28, QUARTER_PAST_TEN, july_28
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import NewEvent, append
from fntx_dagster.store.live.states import states
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests import homes
from tests.live_parts import fill, settings_of, until, written
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.conftest import OwnersDoors
from tests.web.looking import complaints, look, runs_over, violations

pytestmark = [needs_browser, pytest.mark.slow]

LATER = QUARTER_PAST_TEN + timedelta(days=1)
FILLS = "document.querySelectorAll('tbody[data-live=fill] tr').length"
_CELLS = "[...document.querySelectorAll('tbody[data-live={0}] tr')].map(row => row.innerText.split('\\t'))"
_FIGURE = "document.querySelector('dd[data-live={0}][data-field={1}]').innerText"


class Today(NamedTuple):
    """The account of the demo, which a gateway serves and a browser looks at."""

    page: Page
    gateway: SimulatedGateway
    db: Database
    address: str
    account: str

    def shows(self, kind: str, field: str) -> str:
        return self.page.ask(_FIGURE.format(kind, field))

    def rows(self, kind: str) -> list[list[str]]:
        return self.page.ask(_CELLS.format(kind))

    def state(self, name: str) -> str:
        return self.page.ask(f"document.querySelector('[{name}]').innerText")


@pytest.fixture(scope="module")
def today(demo_home: Path) -> Iterator[Today]:
    with homes.home(demo_home) as path, ExitStack() as opened:
        db = open_database(Settings(home=path))
        opened.callback(db.close)
        account = numbered_accounts(db)[0].account_id
        gateway = opened.enter_context(serve(july_28(account), now=QUARTER_PAST_TEN, runs=True))
        settings = settings_of(gateway, home=path)
        opened.enter_context(written(settings, db))
        until(lambda: account_today(db, account).nav)
        site = Site(settings, db, HONG_KONG)
        with patch("fntx_dagster.web.app.Doors", OwnersDoors):
            pages = make_site(site, make_app(desk_of(settings, db), settings))
        address = opened.enter_context(served(pages))
        page = opened.enter_context(browser())
        look(page, f"{address}/a/1/today")
        now = Today(page, gateway, db, address, account)
        until(lambda: now.state("data-connection") == "live")
        yield now


def test_it_shows_what_the_tables_hold_and_that_it_is_provisional(today: Today) -> None:
    assert today.shows("nav", "nav") == money.display(account_today(today.db, today.account).nav["nav"])
    assert "provisional" in today.page.ask("document.querySelector('main').innerText")
    assert today.state("data-gateway") == "following IB Gateway"
    assert len(today.rows("fill")) == len(account_today(today.db, today.account).fills)


def test_a_fill_appears_once_and_its_commission_follows(today: Today) -> None:
    before = today.page.ask(FILLS)
    _fill(today, "-1", 0.7)
    until(lambda: today.page.ask(FILLS) == before + 1)
    assert today.rows("fill")[-1][1:5] == ["SPY 28JUL25 635 P", "-1", "0.1", "to come"]
    until(lambda: today.rows("fill")[-1][4] == "-0.86 USD")
    until(lambda: today.shows("nav", "nav") == money.display(today.gateway.accounts[0].nav))
    assert today.page.ask(FILLS) == before + 1


def test_a_corrected_fill_takes_the_place_of_the_one_that_it_corrects(today: Today) -> None:
    before = today.page.ask(FILLS)
    _fill(today, "-1", 0)
    until(lambda: today.page.ask(FILLS) == before + 1 and today.rows("fill")[-1][4] != "to come")
    name = today.gateway.accounts[0].fills[-1].execution_id
    done = today.gateway.accounts[0].fills[-1]
    today.gateway.fill(today.account, replace(done, execution_id=f"{name[:-2]}02", price=Decimal("0.2")), 0)
    until(lambda: today.rows("fill")[-1][3] == "0.2")
    assert today.page.ask(FILLS) == before + 1 == len(account_today(today.db, today.account).fills)
    assert account_today(today.db, today.account).fills[-1].price == Decimal("0.2")


def test_as_of_is_the_time_of_a_figure_and_not_that_of_the_gateway_s_state(today: Today) -> None:
    figures = ("nav", "pnl", "margin", "position")
    append(today.db, [NewEvent(today.account, JULY_28, "gateway", "", LATER, LATER, True, True, {"state": "away"})])
    until(lambda: today.state("data-gateway") == "IB Gateway does not answer")
    newest = max(row.as_of for row in states(today.db, today.account) if row.kind in figures)
    assert account_today(today.db, today.account).as_of == newest < LATER
    assert today.state("data-as-of") != f"{LATER:%Y-%m-%d %H:%M:%S} UTC"
    again = {"state": "following", "reason": ""}
    append(today.db, [NewEvent(today.account, JULY_28, "gateway", "", LATER, LATER, True, True, again)])


def test_figures_and_positions_change_as_the_account_does(today: Today) -> None:
    today.gateway.mark(today.account, CALL_638.con_id, Decimal("0.0125"))
    until(lambda: ["SPY 28JUL25 638 C", "-3", "0.0125"] in [row[:3] for row in today.rows("position")])
    until(lambda: today.shows("nav", "nav") == money.display(today.gateway.accounts[0].nav))
    held = next(one.quantity for one in today.gateway.accounts[0].positions if one.contract.right == "P")
    _fill(today, f"{-held}", 0)
    until(lambda: [row[0] for row in today.rows("position")] == ["SPY 28JUL25 638 C"])


def test_figures_that_came_are_those_of_a_page_that_is_loaded_anew(today: Today) -> None:
    _fill(today, "2", 0)
    until(lambda: len(today.rows("position")) == 2)
    until(lambda: today.rows("fill")[-1][4] != "to come")
    nav = money.display(today.gateway.accounts[0].nav)
    until(
        lambda: (
            today.shows("nav", "nav") == nav
            and account_today(today.db, today.account).nav["nav"] == Decimal(nav.replace(",", ""))
        )
    )
    came = {kind: sorted(today.rows(kind)) for kind in ("fill", "position")}
    figures = [today.shows(*each) for each in (("pnl", "daily"), ("pnl", "unrealised"), ("margin", "cushion"))]
    look(today.page, f"{today.address}/a/1/today")
    assert {kind: sorted(today.rows(kind)) for kind in came} == came
    shown = [today.shows(*each) for each in (("pnl", "daily"), ("pnl", "unrealised"), ("margin", "cushion"))]
    assert shown == figures


def test_a_gateway_that_is_cut_off_is_named_and_so_is_its_return(today: Today) -> None:
    today.gateway.say(1100)
    until(lambda: today.state("data-gateway") == "IB Gateway is cut off from the broker")
    today.gateway.say(1102)
    until(lambda: today.state("data-gateway") == "following IB Gateway")


def test_nothing_is_called_live_while_the_gateway_is_away(today: Today) -> None:
    append(today.db, [NewEvent(today.account, JULY_28, "gateway", "", LATER, LATER, True, True, {"state": "away"})])
    until(lambda: today.state("data-gateway") == "IB Gateway does not answer")
    until(lambda: today.state("data-connection") == "connected, and nothing new comes")
    classes = "[...document.querySelectorAll('[data-gateway], [data-connection]')].map(each => each.className)"
    assert today.page.ask(classes) == ["state bad", "state"]
    again = {"state": "following", "reason": ""}
    append(today.db, [NewEvent(today.account, JULY_28, "gateway", "", LATER, LATER, True, True, again)])
    until(lambda: today.state("data-connection") == "live")
    assert today.page.ask(classes) == ["state good", "state good"]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_whole_for_everybody_while_it_lives(today: Today, width: int, dark: bool) -> None:
    look(today.page, f"{today.address}/a/1/today", width, dark=dark)
    until(lambda: today.state("data-connection") == "live")
    assert complaints(today.page, today.address) + runs_over(today.page) + violations(today.page) == []


def _fill(today: Today, quantity: str, commission_after: float) -> None:
    fill(today.gateway, quantity, commission_after, account=today.account)

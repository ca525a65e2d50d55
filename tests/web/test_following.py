"""Pages that follow the stream, in a real browser: they come to show what a page that is loaded anew shows, and what
somebody types or looks at stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.alerting import record
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders import guarding, requests
from fntx_dagster.services.orders.access import ADMIN, Caller
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests import homes
from tests.live_parts import until, written
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.conftest import OwnersDoors
from tests.web.looking import WIDTHS, complaints, look, runs_over, violations
from tests.web.test_live import numbered

pytestmark = [needs_browser, pytest.mark.slow]

OLGA = Caller("olga", ADMIN)


class Followed(NamedTuple):
    """A home whose stream is written, and a browser that looks at its pages."""

    page: Page
    site: Site
    address: str

    def look(self, path: str, width: int = WIDTHS[-1]) -> None:
        """Open a page, and wait until it follows."""
        look(self.page, self.address + path, width)
        until(lambda: self.page.ask("document.querySelector('[data-connection]').textContent") == "live")

    def says(self) -> str:
        return self.page.ask("document.querySelector('main').innerText")

    def mark(self) -> None:
        """So that a page which is loaded as a whole is known."""
        self.page.ask("window.isThisOne = true")

    def is_as_if_loaded_anew(self) -> bool:
        """Whether it shows what a new page shows; and it is not a new page."""
        assert self.page.ask("window.isThisOne") is True
        return self.page.ask(
            """fetch(location.href).then(answer => answer.text()).then(text => {
                const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
                const main = document.querySelector('main').cloneNode(true);
                for (const each of [fresh, main]) each.querySelector('[data-follow]').remove();
                return main.isEqualNode(fresh);
            })"""
        )


@pytest.fixture(scope="module")
def orders(orders_home: Path) -> Iterator[Followed]:
    yield from _followed(orders_home)


@pytest.fixture(scope="module")
def record_of_account(demo_home: Path) -> Iterator[Followed]:
    yield from _followed(demo_home)


def _followed(left: Path) -> Iterator[Followed]:
    with homes.home(left) as path, ExitStack() as opened:
        settings = Settings(home=path)
        db = open_database(settings)
        opened.callback(db.close)
        opened.enter_context(written(settings, db))
        site = Site(settings, db, HONG_KONG)
        with patch("fntx_dagster.web.app.Doors", OwnersDoors):
            pages = make_site(site, make_app(desk_of(settings, db), settings))
        address = opened.enter_context(served(pages))
        yield Followed(opened.enter_context(browser()), site, address)


def test_an_order_and_its_fill_appear_on_the_pages_of_orders_and_of_the_book(orders: Followed) -> None:
    orders.look("/orders")
    orders.mark()
    before = orders.page.ask("document.querySelectorAll('main tbody tr').length")
    name = _order(orders.site)
    until(lambda: orders.page.ask(f"!!document.querySelector('main a[href=\"/orders/{name}\"]')"))
    assert orders.page.ask("document.querySelectorAll('main tbody tr').length") >= before
    assert until(orders.is_as_if_loaded_anew)
    orders.look("/ledger/ada/paper")
    orders.mark()
    entry = orders.page.ask("Number(document.querySelector('.entries strong').innerText)")
    _order(orders.site)
    until(lambda: orders.page.ask("Number(document.querySelector('.entries strong').innerText)") > entry)
    assert until(orders.is_as_if_loaded_anew)


def test_a_trip_and_its_reset_appear_on_the_gates_of_the_book_and_of_no_other(orders: Followed) -> None:
    desk = desk_of(orders.site.settings, orders.site.db)
    whose = guarding.Entity("ada", "demo")
    orders.look("/gates/ada/paper")
    orders.mark()
    guarding.kill(desk, OLGA, whose, True, "looks wrong", desk.clock())
    until(lambda: "looks wrong" in orders.says())
    guarding.reset(desk, OLGA, whose, True, "it was right after all", desk.clock())
    until(lambda: "it was right after all" in orders.says())
    orders.look("/gates/ada/live")
    assert "looks wrong" not in orders.says()


def test_an_order_s_own_page_and_the_list_of_books_follow_too(orders: Followed) -> None:
    name = _order(orders.site)
    orders.look(f"/orders/{name}")
    orders.mark()
    assert until(orders.is_as_if_loaded_anew)
    orders.look("/ledger")
    orders.mark()
    before = orders.says()
    _order(orders.site)
    until(lambda: orders.says() != before)


def test_an_alert_appears_and_goes_and_what_is_typed_and_focused_stays(orders: Followed) -> None:
    findings = [Finding("one", "the first is wrong"), Finding("two", "the second is wrong")]
    record(orders.site.db, [Observed("queue", "these looks", findings[:1])])
    orders.look("/alerts")
    orders.mark()
    until(lambda: "the first is wrong" in orders.says())
    orders.page.ask(
        """(() => { const field = [...document.querySelectorAll('li')].find(each =>
        each.innerText.includes('the first')).querySelector('input[name=reason]');
        field.focus(); field.value = 'I am on i'; })()"""
    )
    record(orders.site.db, [Observed("queue", "these looks", findings)])
    until(lambda: "the second is wrong" in orders.says())
    assert orders.page.ask("[document.activeElement.name, document.activeElement.value]") == ["reason", "I am on i"]
    record(orders.site.db, [Observed("queue", "these looks", [])])
    until(lambda: "the second is wrong" not in orders.page.ask("document.querySelector('.entries').innerText"))
    assert until(orders.is_as_if_loaded_anew)


def test_a_receipt_that_is_lost_changes_the_cell_of_its_day(record_of_account: Followed) -> None:
    record_of_account.look("/a/1/verification?year=2025")
    record_of_account.mark()
    account = numbered_accounts(record_of_account.site.db)[0].account_id
    before = record_of_account.says()
    _lose(record_of_account.site.db, account)
    until(lambda: record_of_account.says() != before)
    assert until(record_of_account.is_as_if_loaded_anew)


@pytest.mark.parametrize("path", ["/", "/a/1"])
def test_the_overviews_show_an_alert_that_comes_and_goes(record_of_account: Followed, path: str) -> None:
    db = record_of_account.site.db
    label = numbered_accounts(db)[0].label
    record_of_account.look(path)
    record_of_account.mark()
    record(db, [Observed("queue", "these overviews", [Finding(label, "the overview is wrong")])])
    until(lambda: "the overview is wrong" in record_of_account.says())
    record(db, [Observed("queue", "these overviews", [])])
    until(lambda: "the overview is wrong" not in record_of_account.says())
    assert until(record_of_account.is_as_if_loaded_anew)


def test_the_account_of_a_book_shows_the_fills_of_its_day_as_they_come(orders: Followed) -> None:
    numbered(orders.site.db, "LEDGER-ada-paper")
    orders.look("/a/1/today")
    orders.mark()
    before = orders.page.ask("document.querySelectorAll('main tbody tr').length")
    _order(orders.site)
    until(lambda: orders.page.ask("document.querySelectorAll('main tbody tr').length") == before + 1)
    row = orders.page.ask("document.querySelector('main tbody tr').innerText").split("\t")
    assert row[1:6] == ["demo", "binance", "buy BTC/USDT", "0.01", "100"]
    assert "IB Gateway" not in orders.says()
    assert until(orders.is_as_if_loaded_anew)
    assert complaints(orders.page, orders.address) + violations(orders.page) == []


def test_a_page_that_lost_its_connection_says_so_and_comes_to_show_what_it_missed(orders: Followed) -> None:
    orders.look("/orders")
    orders.mark()
    orders.page.send(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    name = _order(orders.site)
    orders.page.send(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    until(lambda: orders.page.ask(f"!!document.querySelector('main a[href=\"/orders/{name}\"]')"), 60)


@pytest.mark.parametrize("path", ["/orders", "/ledger", "/ledger/ada/paper", "/gates/ada/paper", "/alerts"])
def test_a_page_that_follows_is_whole_for_everybody(orders: Followed, path: str) -> None:
    orders.look(path, width=390)
    assert complaints(orders.page, orders.address) + runs_over(orders.page) + violations(orders.page) == []


def _order(site: Site) -> str:
    """The id of an order that the paper bot of ada sends now; a gate may refuse it."""
    desk = desk_of(site.settings, site.db)
    now = max(desk.clock(), datetime.now(UTC)) + timedelta(seconds=1)
    quote = {"bid": "100", "ask": "100", "ts": now.isoformat()}
    body = {"bot_id": "demo", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}
    asked = requests.submission(json.dumps(body | {"expected_edge_bps": "80", "quote": quote}).encode(), None)
    return json.loads(submit(desk, "ada", asked, now).body)["order_id"]


def _lose(db: Database, account: str) -> None:
    """The newest record's block is no longer on the chain, and it waits again."""
    with db.connect() as connection:
        connection.execute("alter table alm_reporting.chain_receipts disable trigger user")  # confirmed ones stay
        connection.execute(
            """with newest as (
                select account_id, trading_day, version from alm_reporting.chain_postings
                where account_id = %s order by trading_day desc limit 1
            ), lost as (
                update alm_reporting.chain_receipts as receipts set lost_at = now() from newest
                where (receipts.account_id, receipts.trading_day, receipts.version)
                    = (newest.account_id, newest.trading_day, newest.version)
            )
            update alm_reporting.chain_postings as postings set state = 'queued' from newest
            where (postings.account_id, postings.trading_day, postings.version)
                = (newest.account_id, newest.trading_day, newest.version)""",
            (account,),
        )
        connection.execute("alter table alm_reporting.chain_receipts enable trigger user")

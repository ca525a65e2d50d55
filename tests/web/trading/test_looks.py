"""The pages of the trading wing and of operation in a real browser, on every screen, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.dashboard.orders import OrderSearch, orders_of
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.looking import WIDTHS, complaints, look, runs_over, violations
from tests.web.trading.conftest import THE_OWNER

pytestmark = [needs_browser, pytest.mark.slow]

OF_ORDERS = ("/orders", "/orders/rejected", "/ledger", "/ledger/ada/paper", "/gates/ada/paper", "/alerts", "/system")
OF_SIGNALS = ("/signals", "/signals/1", "/signals/2")


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def orders_address(orders_site: Site) -> Iterator[str]:
    """Where the home of orders is served, with an open alert and one that is over."""
    alerts = [Finding(each, f"{each}: records of U…0001 wait for the chain") for each in ("one", "two")]
    record(orders_site.db, [Observed("queue", "these looks", alerts)])
    record(orders_site.db, [Observed("queue", "these looks", alerts[:1])])
    with served(make_site(orders_site, make_app(desk_of(orders_site.settings, orders_site.db)))) as url:
        yield url
    record(orders_site.db, [Observed("queue", "these looks", [])])


@pytest.fixture(scope="module")
def signals_address(signals_site: Site) -> Iterator[str]:
    """Where the home of signals is served."""
    with served(make_site(signals_site, make_app(desk_of(signals_site.settings, signals_site.db)))) as url:
        yield url


def wrong_with(window: Page, address: str, path: str) -> dict[str, list[str]]:
    """What is wrong with a page, by screen."""
    wrong: dict[str, list[str]] = {}
    for width in WIDTHS:
        for dark in (False, True):
            look(window, address + path, width, dark=dark)
            found = complaints(window, address) + runs_over(window) + violations(window)
            if found:
                wrong[f"{width} px, {'dark' if dark else 'light'}"] = found
    return wrong


@pytest.mark.parametrize("path", OF_ORDERS)
def test_a_page_of_orders_books_and_operation_is_whole_on_every_screen(
    window: Page, orders_site: Site, orders_address: str, path: str
) -> None:
    found = orders_of(orders_site.db, THE_OWNER, OrderSearch(state="rejected"))
    assert found is not None
    path = path.replace("rejected", found.orders[0][1].order_id)
    assert wrong_with(window, orders_address, path) == {}


@pytest.mark.parametrize("path", OF_SIGNALS)
def test_a_page_of_signals_is_whole_on_every_screen(window: Page, signals_address: str, path: str) -> None:
    assert wrong_with(window, signals_address, path) == {}

"""The pages of orders: what they show is what the API answers, and nobody sees another one's."""

from __future__ import annotations

import re
from functools import partial
from html import unescape

import pytest

from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.dashboard.orders import OrderSearch, orders_of
from fntx_dagster.services.orders.asking import order_status
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.store.ledger import order_list
from fntx_dagster.store.ledger.order_list import OrdersWanted
from fntx_dagster.web.asking import Site
from fntx_dagster.web.grids import address_of, path_of
from tests.web.trading.conftest import ADA, BOB, THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page


def refused_by(site: Site, gate: str) -> str:
    """The id of an order that a gate refused."""
    found = orders_of(site.db, THE_OWNER, OrderSearch(state="rejected"))
    assert found is not None
    return next(order.order_id for _, order in found.orders if order.gate_failed == gate)


def test_the_list_holds_each_order_once_over_its_pages(orders_site: Site) -> None:
    seen: list[str] = []
    before = None
    while True:
        found = orders_of(orders_site.db, THE_OWNER, OrderSearch(before=before), limit=7)
        assert found is not None
        seen += [order.order_id for _, order in found.orders]
        if not (before := found.before):
            break
    whole = orders_of(orders_site.db, THE_OWNER, OrderSearch())
    assert whole is not None
    assert whole.before is None
    assert seen == [order.order_id for _, order in whole.orders]
    moments = [order.created_at for _, order in whole.orders]
    assert (moments, len(set(seen))) == (sorted(moments, reverse=True), len(seen))


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [("state=rejected", "state", "rejected"), ("bot=scalper", "bot_id", "scalper"), ("book=live", "is_paper", False)],
)
def test_a_filter_shows_what_it_names_and_nothing_else(
    orders_site: Site, query: str, field: str, value: object
) -> None:
    every = orders_of(orders_site.db, THE_OWNER, OrderSearch())
    assert every is not None
    wanted = {order.order_id for _, order in every.orders if getattr(order, field) == value}
    status, text = page(orders_site, f"/orders?{query}", THE_OWNER)
    assert (status, set(re.findall(r'href="/orders/([0-9a-f-]{36})"', text))) == (200, wanted)
    assert wanted


def test_orders_that_match_rarely_are_found_over_pages_that_each_look_at_few(orders_site: Site) -> None:
    for bot, state in ((None, "rejected"), ("scalper", None), ("scalper", "filled")):
        wanted = OrdersWanted(None, bot, state, None, None, 1000)
        whole, until = order_list.listed(orders_site.db, wanted)
        assert until is None
        seen, pages, place = [], 0, None
        while True:
            asked = wanted._replace(before=place, limit=2)
            orders, until = order_list.listed(orders_site.db, asked, most_looked=4)
            seen, pages = seen + orders, pages + 1
            if not (place := orders[-1].place if len(orders) == asked.limit else until):
                break
        assert seen == whole
        assert pages > len(whole) / 2


def test_a_page_that_did_not_look_at_all_orders_says_so_and_leads_on(
    orders_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = partial(order_list.listed, most_looked=1)
    monkeypatch.setattr(order_list, "listed", lambda db, wanted: look(db, wanted._replace(limit=1)))
    status, text = page(orders_site, "/orders?bot=nobody", THE_OWNER)
    assert (status, "This page looked at the orders back to" in text) == (200, True)
    assert re.search(r'rel="next" href="/orders\?bot=nobody&amp;before=[0-9a-f-]{36}"', text)


@pytest.mark.parametrize("gate", ["fee_coverage", "trade_limiter", "circuit_breaker"])
def test_a_refused_order_shows_the_gate_with_its_numbers_and_its_entry(orders_site: Site, gate: str) -> None:
    order = refused_by(orders_site, gate)
    said = order_status(desk_of(orders_site.settings, orders_site.db), "ada", order)
    status, text = page(orders_site, f"/orders/{order}", THE_OWNER)
    assert (status, said["rejection_reason"] in text) == (200, True)
    assert text.count(">passed<") == len(said["gates_passed"])
    assert text.count(">refused<") == 1
    assert f"{said['execution_summary']['total_cost_bps']} bps" in text
    assert "order rejected" in text


def test_a_filled_order_shows_its_fills_and_leads_to_their_entries(orders_site: Site) -> None:
    found = orders_of(orders_site.db, ADA, OrderSearch(state="filled", kind="paper"))
    assert found is not None
    order = found.orders[0][1].order_id
    said = order_status(desk_of(orders_site.settings, orders_site.db), "ada", order)
    status, text = page(orders_site, f"/orders/{order}", ADA)
    assert (status, said["average_price"] in text) == (200, True)
    assert re.search(r'href="/ledger/ada/paper\?before=\d+#entry-\d+"', text)


def test_an_auditor_sees_every_order_and_a_trader_his_own_alone(orders_site: Site) -> None:
    order = refused_by(orders_site, "fee_coverage")
    assert [page(orders_site, f"/orders/{order}", each)[0] for each in (THE_AUDITOR, ADA, BOB)] == [200, 200, 404]
    status, text = page(orders_site, "/orders", BOB)
    assert (status, "ada" in text, "No order was sent" in text) == (200, False, True)
    nobody = page(orders_site, "/orders?user=nobody", BOB)
    assert page(orders_site, "/orders?user=ada", BOB) == nobody
    assert page(orders_site, f"/orders?before={order}", BOB) == nobody
    assert nobody[0] == 404


def test_the_book_of_a_brokers_account_leads_to_its_orders_by_its_label(site: Site) -> None:
    [account] = numbered_accounts(site.db)
    status, text = page(site, path_of("ledger", account.label, "live"), THE_OWNER)
    [orders] = set(re.findall(r'href="(/orders\?[^"]*)"', text))
    assert (status, page(site, unescape(orders), THE_OWNER)[0]) == (200, 200)
    assert page(site, address_of("/ledger", after=account.label), THE_OWNER)[0] == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/orders?state=gone", 400),
        ("/orders?book=both", 400),
        ("/orders?bot=%00", 400),
        ("/orders?bot=" + "x" * 65, 400),
        ("/orders?user=%E2%80%AE", 400),
        ("/orders?before=1", 404),
        ("/orders/1", 404),
        ("/orders/00000000-0000-0000-0000-000000000000", 404),
        ("/orders/%00", 404),
    ],
)
def test_what_is_no_address_is_said_on_a_page(orders_site: Site, address: str, status: int) -> None:
    assert page(orders_site, address, THE_OWNER)[0] == status

"""The pages of books: figures as the API answers them, a chain that a reader can follow, a verification that is run."""

from __future__ import annotations

import re
import time

import pytest

from fntx_dagster.ledger.entries import stored, stored_faults
from fntx_dagster.services.dashboard.books import seen_book
from fntx_dagster.services.dashboard.ledger import book_of
from fntx_dagster.services.dashboard.verifying import CHECKS, Checks
from fntx_dagster.services.orders import portfolio
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.web.asking import Site
from fntx_dagster.web.words import figure
from tests.web.asking import ask
from tests.web.trading.conftest import ADA, BOB, THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page, words

BOOK = "/ledger/ada/paper"


def test_the_list_shows_each_book_that_a_visitor_sees_with_its_equity(orders_site: Site) -> None:
    desk = desk_of(orders_site.settings, orders_site.db)
    for visitor in (THE_OWNER, THE_AUDITOR, ADA):
        shown = words(page(orders_site, "/ledger", visitor)[1])
        for kind in ("paper", "live"):
            summary = portfolio.summary(desk, "ada", kind == "paper", desk.clock())
            assert re.search(rf"ada, {kind} .*? {re.escape(figure(summary['equity']))} ", shown)
    assert "There is no book" in words(page(orders_site, "/ledger", BOB)[1])


@pytest.mark.parametrize("kind", ["paper", "live"])
def test_a_book_shows_the_figures_of_the_api(orders_site: Site, kind: str) -> None:
    desk = desk_of(orders_site.settings, orders_site.db)
    summary = portfolio.summary(desk, "ada", kind == "paper", desk.clock())
    status, text = page(orders_site, f"/ledger/ada/{kind}", ADA)
    shown = words(text)
    assert status == 200
    for name in ("equity", "exposure_gross", "realized_pnl", "unrealized_pnl", "fees_total", "net_pnl", "total_volume"):
        assert figure(summary[name]) in shown, name
    for position in summary["positions"]:
        assert (
            f"{position['symbol']} {position['exchange']} {position['bot_id']} {figure(position['quantity'])}" in shown
        )


def test_the_entries_of_all_pages_make_the_whole_chain(orders_site: Site) -> None:
    desk = desk_of(orders_site.settings, orders_site.db)
    book = seen_book(orders_site.db, ADA, "ada", "paper")
    assert book is not None
    entries, before = [], None
    while True:
        found = book_of(desk, ADA, book, before)
        entries += found.entries
        status, text = page(orders_site, f"{BOOK}?before={before or ''}", ADA)
        assert status == 200
        assert all(f"hash {entry['hash']}" in text and f"after {entry['prev_hash']}" in text for entry in found.entries)
        if not (before := found.before):
            break
    entries.reverse()
    assert [entry["entry_no"] for entry in entries] == list(range(1, book.row.head.entry_no + 1))
    assert list(stored_faults(map(stored, entries))) == []
    assert entries[-1]["hash"] == book.row.head.hash


def test_a_book_is_verified_by_a_button_and_the_page_says_what_came_of_it(orders_site: Site) -> None:
    answer = ask(orders_site, BOOK, THE_AUDITOR, {})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BOOK}#verification")
    desk = desk_of(orders_site.settings, orders_site.db)
    book = seen_book(orders_site.db, ADA, "ada", "paper")
    assert book is not None
    while not (check := CHECKS.last(desk, book)) or not check.ended:
        time.sleep(0.1)
    assert check.holds
    assert f"the chain of {check.entries:,} entries holds" in words(page(orders_site, BOOK, ADA)[1])
    assert check.entries == book.row.head.entry_no
    assert ask(orders_site, BOOK, BOB, {}).status_code == 404


def test_a_book_whose_table_was_changed_does_not_hold_and_the_page_says_where(orders_site: Site) -> None:
    desk = desk_of(orders_site.settings, orders_site.db)
    book = seen_book(orders_site.db, ADA, "ada", "live")
    assert book is not None
    change = "update ledger.balances set amount = amount + %s where book_id = %s"
    with orders_site.db.connect() as connection:
        connection.execute(change, (1, book.row.book_id))
    checks = Checks()
    try:
        checks.begin(desk, book, records=True)
        while not (check := checks.last(desk, book)) or not check.ended:
            time.sleep(0.1)
        assert not check.holds
        shown = words(page(orders_site, "/ledger/ada/live", ADA)[1])
        assert "does not hold" in shown
        assert "the balance of USDT is" in shown
        assert "does not hold" in words(page(orders_site, "/ledger", ADA)[1])
    finally:
        with orders_site.db.connect() as connection:
            connection.execute(change, (-1, book.row.book_id))
        checks.begin(desk, book, records=True)
        while not (check := checks.last(desk, book)) or not check.ended:
            time.sleep(0.1)
    assert check.holds
    assert "does not hold" not in words(page(orders_site, "/ledger", ADA)[1])


def test_a_days_statement_is_a_file(orders_site: Site) -> None:
    _, text = page(orders_site, BOOK, ADA)
    [path] = set(re.findall(rf'href="({BOOK}/statement/[0-9-]+)"', text)) & {f"{BOOK}/statement/2026-03-02"}
    answer = ask(orders_site, path, ADA)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    assert bytes(answer.body).startswith(b"<?xml") or b"<FlexQueryResponse" in bytes(answer.body)
    assert ask(orders_site, path, BOB).status_code == 404
    assert ask(orders_site, f"{BOOK}/statement/2100-01-01", ADA).status_code == 409
    assert ask(orders_site, f"{BOOK}/statement/yesterday", ADA).status_code == 400


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/ledger/ada/both", 404),
        ("/ledger/nobody/paper", 404),
        ("/ledger/%00/paper", 404),
        ("/ledger/a%2Fda/paper", 404),
        (f"{BOOK}?before=0", 400),
        (f"{BOOK}?before=9223372036854775807", 200),
        ("/ledger?after=zzz", 200),
        ("/ledger?after=%00", 400),
    ],
)
def test_what_is_no_address_of_a_book_is_said(orders_site: Site, address: str, status: int) -> None:
    assert page(orders_site, address, THE_OWNER)[0] == status

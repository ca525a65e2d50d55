"""A paper book is read and written by parts: what an order does not touch stays as a reading of the whole leaves it."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests, turn, waiting
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import About, Stored

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PRICES = {"BTC/USDT": 100, "ETH/USDT": 20, "ETH/BTC": 0.2, "SOL/ETH": 3, "USDT/ZAR": 18, "BTC/ZAR": 1800}
"""Some pairs are rates of currencies in which other pairs are held."""


def order(desk: Desk, at: datetime, symbol: str, at_price: object, /, **more: object) -> dict[str, object]:
    """The answer to an order in a market of one price."""
    quote = {"bid": f"{at_price}", "ask": f"{at_price}", "ts": at.isoformat()}
    body = {"bot_id": "a", "exchange": "binance", "symbol": symbol, "side": "buy", "amount": "1", "quote": quote}
    asked = requests.submission(json.dumps(body | {"expected_edge_bps": "200"} | more).encode(), None)
    return json.loads(submit(desk, "ada", asked, at).body)


@pytest.mark.parametrize("seed", [1, 2])
def test_orders_of_many_bots_in_currencies_that_are_rates_of_each_other_leave_a_ledger_that_holds(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, at, parts = random.Random(seed), NOW, Counter[bool]()
    desk = Desk(database, Rules(burst=1000, bot_daily=1000))
    read = books.read

    def noting(connection: psycopg.Connection, book_id: int, about: About, *, in_turn: bool = False) -> Stored:
        stored = read(connection, book_id, about, in_turn=in_turn)
        parts[stored.only is not None] += 1
        return stored

    for bot in (None, "a", "b", "c", "d"):
        body = {"amount": "5000", "bot_id": bot}
        fund(desk, "ada", requests.funding(json.dumps(body).encode(), None), at)
    monkeypatch.setattr(turn.books, "read", noting)
    prices = {name: Decimal(f"{price}") for name, price in PRICES.items()}
    for symbol in ("BTC/USDT", "ETH/USDT", "USDT/ZAR"):
        order(desk, at, symbol, prices[symbol])
    for _ in range(150):
        at += timedelta(seconds=chance.choice((1, 5, 600, 3600 * 7)))
        symbol = chance.choice([*prices])
        prices[symbol] *= Decimal(chance.randint(980, 1021)) / 1000
        price = prices[symbol].quantize(Decimal("0.000001"))
        more: dict[str, object] = {"bot_id": chance.choice("abcde"), "side": chance.choice(["buy", "sell"])}
        if chance.random() < 0.4:
            limit = price * Decimal(chance.choice(["0.99", "1.01"]))
            more |= {"order_type": "limit", "price": f"{limit.quantize(Decimal('0.000001'))}"}
        order(desk, at, symbol, price, exchange=chance.choice(["binance", "luno"]), amount="0.5", **more)
    assert parts[True] > 50, "orders of a day after its first"
    assert parts[False] > 5, "the first of each day"
    [book] = verify(desk)
    assert book.faults == ()
    assert book.entries > 80
    found = summary(desk, "ada", True, at)
    total = sum(Decimal(found[name]) for name in ("starting_capital", "net_pnl", "fx_translation"))
    assert abs(Decimal(found["equity"]) - total) < Decimal("1e-15")


def test_a_loss_of_a_symbol_that_the_order_does_not_name_still_closes_the_gate(database: Database) -> None:
    desk = Desk(database)
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)
    assert order(desk, NOW, "ETH/USDT", 100, amount="5")["success"]
    assert order(desk, NOW, "BTC/USDT", 100, bot_id="b")["success"]
    assert order(desk, NOW, "ETH/USDT", 75, bot_id="c", expected_edge_bps="1")["reason_code"] == "edge_below_cost"
    refused = order(desk, NOW, "BTC/USDT", 100, bot_id="b")
    assert refused["reason_code"] == "daily_loss"


def test_a_trip_leaves_what_rests_in_another_symbol_and_would_reduce(database: Database) -> None:
    desk = Desk(database)
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)
    order(desk, NOW, "ETH/USDT", 100)
    order(desk, NOW, "BTC/USDT", 100, bot_id="b", amount="5")
    limit = {"order_type": "limit", "side": "sell"}
    order(desk, NOW, "ETH/USDT", 100, price="110", **limit)
    order(desk, NOW, "ETH/USDT", 100, price="111", **limit)
    order(desk, NOW, "ETH/USDT", 100, price="112", **limit | {"amount": "2"})
    order(desk, NOW, "BTC/USDT", 50, bot_id="b", side="sell")
    with database.connect() as connection:
        rows = connection.execute(
            "select price, state from ledger.orders where symbol like 'ETH%' and price is not null"
        )
        assert {(f"{price}", state) for price, state in rows} == {
            ("110", "open"),
            ("111", "open"),
            ("112", "cancelled"),
        }


def test_a_turn_that_read_one_symbol_takes_no_price_of_another(database: Database) -> None:
    desk = Desk(database)
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)
    order(desk, NOW, "ETH/USDT", 100)
    about = About(NOW, NOW.date(), "a", "binance", "ETH/USDT")
    asked = requests.submission(
        b'{"bot_id": "a", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1",'
        b'"quote": {"bid": "1", "ask": "1", "ts": "2026-03-02T09:00:00Z"}}',
        None,
    )
    assert asked.quote
    with pytest.raises(ValueError, match="BTC/USDT at binance moves"), turn.turn(desk, "ada", True, about) as at:
        at.quote("binance", "BTC/USDT", asked.quote)


def test_a_book_whose_lock_another_transaction_keeps_is_not_to_be_had_now(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database)
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)

    monkeypatch.setattr(books, "LOCK_WAIT", "50ms")
    with psycopg.connect(database.url) as other:
        other.execute("select from ledger.books for no key update")
        with pytest.raises(Transient, match="keeps the lock of the book"):
            order(desk, NOW, "BTC/USDT", 100)
    assert order(desk, NOW, "BTC/USDT", 100)["success"]


def test_who_waits_for_a_book_of_this_process_holds_no_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.close()
    desk = Desk(Database(database.url, connections=2))
    with desk.db.connect():  # the first use decides how many
        pass
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 0.05)
    with waiting.alone(database.url, "ada", True):
        threads = [threading.Thread(target=_fail_to_submit, args=(desk,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        fund(desk, "bob", requests.funding(b'{"amount": "1000"}', None), NOW)
        for thread in threads:
            thread.join()
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)
    assert order(desk, NOW, "BTC/USDT", 100)["success"]


def _fail_to_submit(desk: Desk) -> None:
    with pytest.raises(Transient, match="others change the book"):
        order(desk, NOW, "BTC/USDT", 100)

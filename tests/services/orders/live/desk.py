"""A desk whose live orders go to an exchange in memory, at a time that the test moves."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.feed import FeedRules
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.model.exchanges import Exchange
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.asking import order_status
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.live.sweeping import sweep
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.replies import Reply
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.live import alarms
from tests.services.orders.live.market import CrashError, Market

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(seconds=40)


class LiveDesk:
    """Ada trades at one exchange, with 1000 USDT of capital in her live book."""

    def __init__(
        self, db: Database, *, seed: int = 0, wait: float = 5, lease: timedelta = LEASE, rules: Rules | None = None
    ) -> None:
        self.now = NOON
        self.market = Market(lambda: self.now, seed=seed)
        self.market.price("BTC/USDT", "100")
        reach = Reach(self._account, wait=timedelta(seconds=wait), lease=lease)
        jumps = replace(rules or Rules(), feed=FeedRules(jump=Decimal(100)))  # prices are what a test says
        self.desk = Desk(db, jumps, clock=lambda: self.now, live=reach)
        self.keys = 0

    def _account(self, user_id: str, exchange: str) -> Exchange:
        return self.market

    def fund(self, amount: str = "1000") -> None:
        fund(
            self.desk,
            "ada",
            requests.funding(json.dumps({"amount": amount, "is_paper": False}).encode(), None),
            self.now,
        )

    def submit(self, key: str | None = None, **more: Any) -> Reply:
        """An order with an edge that passes; the market's newest price is of now."""
        self.keys += 1
        body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1"}
        asked = json.dumps(body | {"expected_edge_bps": "200", "is_paper": False} | more).encode()
        for symbol, quote in self.market.prices.items():
            self.market.prices[symbol] = quote._replace(at=self.now)
        return submit(self.desk, "ada", requests.submission(asked, key or f"key {self.keys}"), self.now)

    def order(self, key: str | None = None, **more: Any) -> Any:
        return json.loads(self.submit(key, **more).body)

    def limit(self, price: str, **more: Any) -> Any:
        return self.order(order_type="limit", price=price, **more)

    def crash(self, fault: str, **more: Any) -> None:
        """The process dies before or after the exchange has the order."""
        self.market.faults.append(fault)
        try:
            self.submit(**more)
        except CrashError:
            return
        raise AssertionError("nothing crashed")

    def status(self, answer: Any) -> Any:
        return order_status(self.desk, "ada", answer["order_id"])

    def only_order(self) -> Any:
        """The status of the only order of the book."""
        with self.desk.db.connect() as connection:
            [(order_id,)] = connection.execute("select order_id::text from ledger.orders").fetchall()
        return self.status({"order_id": order_id})

    def later(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)

    def sweep(self, seconds: float = 0) -> None:
        self.later(seconds)
        with suppress(Transient):
            sweep(self.desk)

    def follow(self, seconds: float = 1) -> None:
        self.later(seconds)
        with suppress(Transient):
            follow(self.desk)

    def feed(self) -> None:
        """The price feed: the book is valued at the prices of now, and its breaker is judged."""
        with turn(self.desk, "ada", False, About(self.now)) as at:
            for symbol, quote in self.market.prices.items():
                at.quote("binance", symbol, quote._replace(at=self.now))
            at.judge(USER, "a", "b", "c")

    def entries(self, kind: str) -> list[Any]:
        """The bodies of the live book's entries of a kind, oldest first."""
        query = "select body from ledger.entries where body ->> 'event_type' = %s order by entry_no"
        with self.desk.db.connect() as connection:
            return [body for (body,) in connection.execute(query, (kind,))]

    def alarms(self) -> list[str]:
        """The kinds of the alarms, oldest first."""
        return [alarm.kind for alarm in reversed(alarms(self.desk.db))]

    def holds(self) -> None:
        """The chain holds, a replay equals the tables, and the exchange's fills are in the ledger, each once."""
        assert [book.faults for book in verify(self.desk) if book.faults] == []
        query = "select symbol, exchange_trade_id, qty, price, fee from ledger.fills order by 1, 2, 3, 4, 5"
        with self.desk.db.connect() as connection:
            booked = connection.execute(query).fetchall()
        own = [(each.symbol, each.fill) for each in self.market.told if each.exchange_id != "by hand"]
        assert booked == sorted((symbol, fill.trade_id, fill.quantity, fill.price, fill.fee) for symbol, fill in own)
        assert set(self.market.sent.values()) <= {1}

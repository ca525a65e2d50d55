"""A paper book that a test trades through the services of the API, with money in several currencies."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fntx_dagster.model.orders import OrderFill
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger.books import About


class PaperTrader:
    """A user with two bots, a clock from outside, prices that wander."""

    def __init__(self, db: Database, user: str = "ada", seed: int = 20) -> None:
        self.desk = Desk(db)
        self.user = user
        self.random = random.Random(seed)
        self.now = datetime(2026, 2, 20, 7, 30, tzinfo=UTC)
        self.prices = {"BTC/USDT": Decimal(60000), "ETH/USDT": Decimal(2500)}
        self.pairs = {"ETH/BTC": Decimal("0.0416"), "BNB/USDT": Decimal(600)}

    def money(self, amount: str, kind: str = "deposit", **more: str) -> None:
        asked = requests.funding(json.dumps({"amount": amount, "type": kind} | more).encode(), None)
        fund(self.desk, self.user, asked, self.now)

    def price(self, symbol: str) -> dict[str, str]:
        """A new quote of a symbol."""
        known = self.prices if symbol in self.prices else self.pairs
        moved = known[symbol] * Decimal(self.random.randint(9850, 10160)) / 10000
        known[symbol] = bid = moved.quantize(Decimal("0.00001") if symbol == "ETH/BTC" else Decimal("0.01"))
        return {"bid": f"{bid}", "ask": f"{bid * Decimal('1.00001')}", "ts": self.now.isoformat()}

    def order(self, bot_id: str, symbol: str, side: str, amount: str, **more: str) -> None:
        quote = self.price(symbol)
        body = {"bot_id": bot_id, "exchange": "binance", "symbol": symbol, "side": side, "amount": amount}
        submission = requests.submission(
            json.dumps(body | {"expected_edge_bps": "90", "quote": quote} | more).encode(), None
        )
        answer = json.loads(submit(self.desk, self.user, submission, self.now).body)
        assert answer["success"], answer["rejection_reason"]

    def trade_in_several_currencies(self) -> None:
        """Four days of a book with money in three currencies: a pair priced in BTC, a fee in the base currency and one
        in a third, and a reporting currency that nothing is priced in."""
        self.money("20000")
        for number, (symbol, side, size) in enumerate(_SEVERAL):
            self.now += timedelta(hours=9)
            if number == 1:
                self.money("0.25", currency="BTC")
            if number == 3:
                self.money("4", currency="BNB")
            self.order("pairs", symbol, side, size)
            if number in _FEES:
                self.pay_a_fee(symbol, *_FEES[number])

    def pay_a_fee(self, symbol: str, fee: str, currency: str) -> None:
        """A fill whose fee an exchange takes in another currency than the quote's, as a live one may: of an order that
        waits in the market."""
        low = {"order_type": "limit", "price": f"{(self.pairs | self.prices)[symbol] / 2:f}"}
        self.order("pairs", symbol, "buy", "0.02", **low)
        with turn(self.desk, self.user, True, About(self.now, self.now.date(), "pairs", "binance", symbol)) as at:
            price = at.book.quotes["binance", symbol].bid
            fill = OrderFill(
                f"t{self.now:%d%H}", "buy", Decimal("0.02"), price, Decimal(fee), currency, "maker", self.now
            )
            at.fill(at.resting[-1], fill)


_SEVERAL = [
    ("BTC/USDT", "buy", "0.05"),
    ("ETH/BTC", "buy", "1.5"),
    ("BNB/USDT", "buy", "2"),
    ("ETH/BTC", "sell", "0.7"),
    ("BTC/USDT", "sell", "0.03"),
    ("ETH/BTC", "sell", "1.1"),
    ("BTC/USDT", "sell", "0.04"),
    ("BNB/USDT", "sell", "2.5"),
]
_FEES = {1: ("0.0001", "ETH"), 3: ("0.001", "BNB"), 5: ("0.0002", "ETH"), 6: ("0.002", "BNB")}
"""After which order a fee is paid, how much, and in what."""

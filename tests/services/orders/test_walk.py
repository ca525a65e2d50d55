"""Random days of several bots: whatever they do, the chain holds, a replay equals the tables, no limit is exceeded, and
equity by balances is equity by lots."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import cancel, entity, reset
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from tests.services.ledger_accounts.paper_trader import PaperTrader

ADMIN = Caller("ada", "admin")


class Walk:
    """Bots that do something at random, a clock that mostly goes on, prices that wander."""

    def __init__(self, db: Database, seed: int) -> None:
        self.random = random.Random(seed)
        self.desk = Desk(db)
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.prices = {"BTC/USDT": Decimal(100), "ETH/USDT": Decimal(20), "USDT/ZAR": Decimal(18)}
        self.resting: list[str] = []
        self.success = 0
        self.declined: set[str] = set()

    def step(self) -> None:
        pick = self.random.random()
        self.now += timedelta(seconds=self.random.choice((1, 5, 60, 600, 7200, 90000 if pick < 0.3 else 30, -40)))
        if pick < 0.08:
            self.money()
        elif pick < 0.14 and self.resting:
            cancel(self.desk, "ada", self.resting.pop(), self.now)
        elif pick < 0.2:
            self.resets()
        else:
            self.order()

    def order(self) -> None:
        symbol = self.random.choice(["BTC/USDT", "BTC/USDT", "ETH/USDT", "USDT/ZAR"])
        self.prices[symbol] *= Decimal(self.random.randint(970, 1031)) / 1000
        bid = self.prices[symbol].quantize(Decimal("0.0001"))
        side, size = self.random.choice(["buy", "sell"]), self.random.choice([None, "1", "0.05"])
        quote = {"bid": f"{bid}", "ask": f"{bid + Decimal('0.01')}", "bid_size": size, "ask_size": size}
        body = {
            "bot_id": self.random.choice("abc"),
            "exchange": self.random.choice(["binance", "kraken"]),
            "symbol": symbol,
            "side": side,
            "amount": f"{self.random.randint(1, 40) / 20}",
            "expected_edge_bps": self.random.choice(["200", "200", "200", "20", None]),
            "reduce_only": self.random.random() < 0.15,
            "quote": quote | {"ts": (self.now - timedelta(seconds=self.random.choice([0, 0, 1, 9]))).isoformat()},
        }
        if self.random.random() < 0.4:
            limit = bid * Decimal(self.random.choice(["0.98", "1", "1.02"]))
            body |= {"order_type": "limit", "price": f"{limit.quantize(Decimal('0.0001'))}"}
        asked = requests.submission(json.dumps(body).encode(), None)
        answer = json.loads(submit(self.desk, "ada", asked, self.now).body)
        self.success += answer["success"]
        if answer["state"] in ("open", "partially_filled"):
            self.resting.append(answer["order_id"])

    def money(self) -> None:
        kind = self.random.choice(["deposit", "deposit", "withdrawal", "allocation"])
        currency = self.random.choice(["USDT", "USDT", "ZAR"])
        amount = f"{self.random.randint(1, 99999) / 100}"
        body = {"type": kind, "amount": amount, "currency": currency, "bot_id": self.random.choice(["a", "b"])}
        if kind == "withdrawal":
            del body["bot_id"]
        try:
            fund(self.desk, "ada", requests.funding(json.dumps(body).encode(), None), self.now)
        except requests.Declined as declined:
            self.declined.add(declined.code)

    def resets(self) -> None:
        bot = self.random.choice(["a", "b", "c", None])
        try:
            reset(self.desk, ADMIN, entity(ADMIN, bot, None), True, "looked into and mended", self.now)
        except requests.Declined as declined:
            self.declined.add(declined.code)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_days_leave_a_ledger_that_holds(database: Database, seed: int) -> None:
    walk = Walk(database, seed)
    fund(walk.desk, "ada", requests.funding(b'{"amount": "20000"}', None), walk.now)
    for _ in range(250):
        walk.step()
    [book] = verify(walk.desk)
    assert book.faults == ()
    assert book.entries > 200
    assert walk.success > 50
    assert walk.declined <= {"insufficient_balance", "validation_failed", "not_tripped"}
    found = summary(walk.desk, "ada", True, walk.now)
    parts = [Decimal(found[name]) for name in ("starting_capital", "net_pnl", "fx_translation")]
    assert abs(Decimal(found["equity"]) - sum(parts)) < Decimal("1e-15")
    with database.connect() as connection:
        used = "select max(used) filter (where bot_id <> ''), max(used) from ledger.approvals"
        [most] = connection.execute(used).fetchall()
        assert most[0] <= 50
        assert most[1] <= 500
        [burst] = connection.execute(
            """select max(number) from (
                select count(*) over (partition by exchange order by approved_at
                    range between interval '9.999999 seconds' preceding and current row) as number
                from ledger.orders where approved_at is not null) as windows"""
        ).fetchall()
        assert burst[0] <= 10


def test_a_currency_in_which_only_fees_were_paid_is_kept(database: Database) -> None:
    (trader := PaperTrader(database, "bob")).trade_in_several_currencies()
    assert [book.faults for book in verify(trader.desk)] == [()]
    assert summary(trader.desk, "bob", True, trader.now)["fees_by_currency"]["ETH"] == "0.0003"

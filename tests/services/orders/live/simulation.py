"""A seeded simulation of live orders: crashes between the two transactions, lost answers, fills twice and out of order,
clocks that are set, exchanges that are away, feeds that stop.

`python -m tests.services.orders.live.simulation 5000 7` runs 5000 orders of the seed 7 and prints what came of them.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import cancel, entity, kill, reset
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.server import EmbeddedPostgres
from tests.services.orders.live.desk import LEASE, LiveDesk
from tests.services.orders.live.market import CrashError

ADMIN = Caller("ada", "admin")
RULES = Rules(user_daily=60, bot_daily=25)
SYMBOLS = {"BTC/USDT": Decimal(100), "ETH/USDT": Decimal(20), "SOL/USDT": Decimal(3)}
FAULTS = ("refused", "lost before", "lost after", "late", "crash before", "crash after")
STEPS = (0.1, 0.5, 1, 1, 3, 3, 9, 20, 300, 900, 900, 3600, -15)
"""Seconds; the last: the clock is set back."""


class Simulation:
    """One account and its bots. `said`: key → the first answer to it, where there was one."""

    def __init__(self, db: Database, seed: int) -> None:
        self.random = random.Random(seed)
        self.live = LiveDesk(db, seed=seed, rules=RULES)
        self.live.fund("100000")
        self.prices = dict(SYMBOLS)
        self.said: dict[str, bytes] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self.resting: list[str] = []
        self.approved: list[Any] = []
        self.came: Counter[str] = Counter()

    def run(self, orders: int) -> None:
        """So many submissions, with all that happens between them; then whatever is open comes to its end."""
        while len(self.asked) < orders:
            self._step()
        self._settle()

    def check(self) -> None:
        """No order twice, none lost, replay = tables, no limit exceeded, equity by balances = equity by lots."""
        self.live.holds()
        self._nothing_lost()
        self._nothing_exceeded()
        found = summary(self.live.desk, "ada", False, self.live.now)
        parts = [Fraction(found[name]) for name in ("starting_capital", "net_pnl", "fx_translation")]
        assert abs(Fraction(found["equity"]) - sum(parts)) < Fraction(1, 10**15)

    # what happens

    def _step(self) -> None:
        live, pick = self.live, self.random.random()
        live.later(self.random.choice(STEPS))
        if self.random.random() < 0.95:  # else the feed stands still
            self._prices()
        if self.random.random() < 0.03:
            live.market.is_away = not live.market.is_away
        elif live.market.is_away and self.random.random() < 0.3:
            live.market.is_away = False
        if pick < 0.7:
            self._submit()
        elif pick < 0.76:
            live.sweep()
        elif pick < 0.88:
            live.follow(0)
        elif pick < 0.93 and self.resting:
            cancel(live.desk, "ada", self.resting.pop(self.random.randrange(len(self.resting))), live.now)
        elif pick < 0.96:
            self._again()
        elif pick < 0.97:
            live.market.trades_by_hand(self.random.choice([*SYMBOLS]), "0.5", "1")
        elif pick < 0.973:
            whose = entity(ADMIN, self.random.choice(["a", "b", None]), "ada")
            kill(live.desk, ADMIN, whose, False, "to see what happens", live.now)
        else:
            self._resets()

    def _prices(self) -> None:
        for symbol in SYMBOLS:
            self.prices[symbol] *= Decimal(self.random.randint(985, 1015)) / 1000
            self.prices[symbol] = max(self.prices[symbol], SYMBOLS[symbol] / 4)
            bid = self.prices[symbol].quantize(Decimal("0.01"))
            size = self.random.choice([None, None, "3", "0.5"])
            self.live.market.price(symbol, f"{bid}", f"{bid + Decimal('0.01')}", size)
        if not self.live.market.is_away:
            self.live.feed()

    def _submit(self) -> None:
        symbol = self.random.choice([*SYMBOLS])
        body: dict[str, Any] = {
            "bot_id": self.random.choice("abc"),
            "symbol": symbol,
            "side": self.random.choice(["buy", "sell"]),
            "amount": f"{self.random.randint(1, 4000) / 1000}",
            "expected_edge_bps": "20" if self.random.random() < 0.05 else "900",
            "reduce_only": self.random.random() < 0.15,
        }
        if self.random.random() < 0.5:
            limit = self.prices[symbol] * Decimal(self.random.choice(["0.97", "0.995", "1", "1.005", "1.03"]))
            body |= {"order_type": "limit", "price": f"{limit.quantize(Decimal('0.001'))}"}
        key = f"order {len(self.asked)}"
        self.asked[key] = body
        if self.random.random() < 0.35:
            self.live.market.faults = [self.random.choice(FAULTS)]
        self._ask(key)
        self.live.market.faults = []

    def _ask(self, key: str) -> None:
        try:
            reply = self.live.submit(key, **self.asked[key])
        except CrashError:
            self.came["crash"] += 1
            self.approved.append((self.live.now, self.asked[key]["bot_id"], self.asked[key]["reduce_only"]))
            return
        except requests.Declined as declined:
            self.came[declined.code] += 1
            return
        assert self.said.setdefault(key, reply.body) == reply.body, "a key was answered twice, differently"
        if reply.replayed:
            return
        answer = json.loads(reply.body)
        self.came[answer["state"] if answer["state"] != "rejected" else answer["reason_code"]] += 1
        if answer["state"] != "rejected":
            bot, reduces = self.asked[key]["bot_id"], self.asked[key]["reduce_only"]
            self.approved.append((self.live.now, bot, reduces))
            self._within_limits(bot, reduces)
            self.resting.append(answer["order_id"])

    def _again(self) -> None:
        """A bot that got no answer asks again, with the same key."""
        if self.asked:
            self._ask(self.random.choice([*self.asked]))

    def _resets(self) -> None:
        for bot in ("a", "b", "c", None):
            with suppress(requests.Declined):  # it is not tripped
                reset(self.live.desk, ADMIN, entity(ADMIN, bot, None), False, "looked into and mended", self.live.now)

    def _settle(self) -> None:
        self.live.market.is_away = False
        for seconds in (LEASE.total_seconds() + 1, 1, 61, 1, 1):
            self.live.sweep(seconds)
            self.live.follow(1)

    # what must hold

    def _within_limits(self, bot: str, reduces: bool) -> None:
        now = self.live.now
        burst = sum(now - timedelta(seconds=10) < at <= now for at, _, _ in self.approved)
        assert burst <= RULES.burst
        today = [each_bot for at, each_bot, _ in self.approved if at.date() == now.date()]
        assert reduces or (len(today) <= RULES.user_daily and today.count(bot) <= RULES.bot_daily)

    def _nothing_exceeded(self) -> None:
        with self.live.desk.db.connect() as connection:
            rows = connection.execute("select bot_id, day, used from ledger.approvals").fetchall()
        counted = Counter((bot, at.date()) for at, bot, _ in self.approved)
        assert {(bot, day): used for bot, day, used in rows if bot} == counted

    def _nothing_lost(self) -> None:
        """Each order here is what the exchange says of it; each order there is one of ours."""
        query = "select order_id::text, state, filled, reason_code from ledger.orders where approved_at is not null"
        with self.live.desk.db.connect() as connection:
            orders = {order_id.replace("-", ""): rest for order_id, *rest in connection.execute(query)}
        placed = self.live.market.placed
        assert placed.keys() <= orders.keys()
        assert len(orders) == len(self.approved)
        for client_id, (state, filled, code) in orders.items():
            if (there := placed.get(client_id)) is None:
                assert (state, filled) == ("failed", 0)
            elif there.state == "expired" and not there.filled:
                assert (state, code) == ("failed", "no_liquidity")
            else:
                assert (state, filled) == (there.state.replace("expired", "cancelled"), there.filled)


def main(orders: int, seed: int) -> None:
    """Run one, and print what came of the orders as JSON."""
    logging.disable(logging.WARNING)  # the exchange is away as often as the seed says
    with tempfile.TemporaryDirectory(prefix="fntx-simulation-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        database = Database(server.start())
        try:
            migrate(database)
            simulation = Simulation(database, seed)
            simulation.run(orders)
            simulation.check()
            alarms, fills = Counter(simulation.live.alarms()), len(simulation.live.entries("fill"))
        finally:
            database.close()
            server.stop()
    sys.stdout.write(json.dumps({"came": simulation.came, "alarms": alarms, "fills": fills}) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

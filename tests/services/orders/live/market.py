"""An exchange in memory, with the faults of real ones: the port `Exchange` without a network.

It takes an order once: the same client id a second time fails the test that sends it. A test, or a seed, says what goes
wrong with the next call.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

from fntx_dagster.errors import Transient
from fntx_dagster.model.exchanges import (
    ExchangeState,
    FoundFill,
    FoundOrder,
    MarketRules,
    OrderRefusedError,
    OutcomeUnknownError,
    SentOrder,
)
from fntx_dagster.model.orders import OrderFill, Quote

FEE = Decimal("0.001")
RULES = MarketRules("", Decimal("0.001"), Decimal("0.01"), Decimal("0.001"), Decimal(1))


class CrashError(BaseException):
    """The process dies here: nothing after this point runs."""


@dataclass
class Placed:
    """An order as the exchange has it; it shows it from `visible_at` on."""

    sent: SentOrder
    exchange_id: str
    visible_at: datetime
    state: ExchangeState = "open"
    filled: Decimal = Decimal(0)

    @property
    def rest(self) -> Decimal:
        return self.sent.amount - self.filled


@dataclass
class Market:
    """One account at one exchange. `faults` are taken from its end, one for each order sent: "refused",
    "lost before" and "lost after" (the answer, of an order that was or was not placed), "late" (lost, and shown a while
    later), "crash before", "crash after", "slow" (until the event `go`). `is_away`: no call is answered."""

    clock: Callable[[], datetime]
    name: str = "binance"
    seed: int = 0
    rule: MarketRules = RULES
    faults: list[str] = field(default_factory=list)
    is_away: bool = False
    shows_client_ids: bool = True
    lateness: timedelta = timedelta(seconds=20)
    go: Event = field(default_factory=Event)
    sent: Counter[str] = field(default_factory=Counter)
    placed: dict[str, Placed] = field(default_factory=dict)
    told: list[FoundFill] = field(default_factory=list)
    prices: dict[str, Quote] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    # what a test does to it

    def price(self, symbol: str, bid: str, ask: str | None = None, size: str | None = None) -> None:
        """A new price: orders that rest and that it reaches are filled, as makers; with a size, no more than that."""
        amount = None if size is None else Decimal(size)
        self.prices[symbol] = Quote(Decimal(bid), Decimal(ask or bid), amount, amount, self.clock())
        for order in self.placed.values():
            quote, buys = self.prices[symbol], order.sent.side == "buy"
            if order.sent.symbol == symbol and order.state in ("open", "partially_filled"):
                reached = quote.ask <= order.sent.price if buys else quote.bid >= order.sent.price
                if reached:
                    self._fill(order, min(order.rest, amount or order.rest), order.sent.price, "maker")

    def ends(self, order_id: str, state: ExchangeState) -> None:
        """An order ends otherwise: cancelled by hand, expired."""
        self.placed[order_id.replace("-", "")].state = state

    def trades_by_hand(self, symbol: str, quantity: str, price: str) -> None:
        """Somebody trades at the exchange without us."""
        self._tell("", "by hand", symbol, "buy", Decimal(quantity), Decimal(price), "taker")

    # the port

    def rules(self, symbol: str) -> MarketRules:
        return self.rule._replace(symbol=symbol)

    def quote(self, symbol: str) -> Quote:
        self._here()
        return self.prices[symbol]

    def fee_bps(self, symbol: str) -> tuple[Decimal, Decimal]:
        return Decimal(10), Decimal(10)

    def send(self, order: SentOrder) -> FoundOrder:
        fault = self.faults.pop() if self.faults else ""
        self.sent[order.client_id] += 1
        assert self.sent[order.client_id] == 1, "an order was sent twice"
        if fault == "slow":
            assert self.go.wait(60)
        if self.is_away and not fault:
            raise OutcomeUnknownError("timed out")
        if fault == "refused":
            raise OrderRefusedError("insufficient balance")
        if fault == "lost before":
            raise OutcomeUnknownError("timed out")
        if fault == "crash before":
            raise CrashError
        placed = self._place(order, self.lateness if fault == "late" else timedelta(0))
        if fault in ("lost after", "late"):
            raise OutcomeUnknownError("timed out")
        if fault == "crash after":
            raise CrashError
        return self._found(placed)

    def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        self._here()
        placed = self.placed.get(client_id)
        return self._found(placed) if placed and placed.visible_at <= self.clock() else None

    def cancel(self, order: FoundOrder, symbol: str) -> None:
        self._here()
        placed = self.placed[order.client_id]
        self.cancelled.append(order.client_id)
        if placed.state in ("open", "partially_filled"):
            placed.state = "cancelled"

    def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        """With a seed, some twice, and in another order."""
        self._here()
        own = [each for each in self.told if each.symbol == symbol and each.fill.at >= since and self._shown(each)]
        if self.seed:
            own += self.random.sample(own, len(own) // 3)
            self.random.shuffle(own)
        return own if self.shows_client_ids else [each._replace(client_id="") for each in own]

    # its own

    def _here(self) -> None:
        if self.is_away:
            raise Transient("the exchange is away")

    def _shown(self, fill: FoundFill) -> bool:
        return not fill.client_id or self.placed[fill.client_id].visible_at <= self.clock()

    def _place(self, order: SentOrder, late: timedelta) -> Placed:
        placed = Placed(order, f"{len(self.placed) + 1000}", self.clock() + late)
        self.placed[order.client_id] = placed
        quote = self.prices[order.symbol]
        far, size = (quote.ask, quote.ask_size) if order.side == "buy" else (quote.bid, quote.bid_size)
        if far <= order.price if order.side == "buy" else far >= order.price:
            taken = min(order.amount, order.amount if size is None else size)
            parts = [taken / 2, taken - taken / 2] if self.seed and self.random.random() < 0.5 else [taken]
            for part in filter(None, parts):
                self._fill(placed, part, far, "taker")
        if order.time_in_force == "IOC" and placed.state != "filled":
            placed.state = "expired"
        return placed

    def _fill(self, placed: Placed, quantity: Decimal, price: Decimal, liquidity: Any) -> None:
        placed.filled += quantity
        placed.state = "filled" if placed.filled == placed.sent.amount else "partially_filled"
        sent = placed.sent
        self._tell(sent.client_id, placed.exchange_id, sent.symbol, sent.side, quantity, price, liquidity)

    def _tell(
        self,
        client_id: str,
        exchange_id: str,
        symbol: str,
        side: Any,
        quantity: Decimal,
        price: Decimal,
        liquidity: Any,
    ) -> None:
        number = f"{1 + sum(each.symbol == symbol for each in self.told)}"  # as some exchanges count: per symbol
        fee = quantity * price * FEE
        at = self.clock() + timedelta(seconds=self.random.uniform(-3, 3) if self.seed else 0)
        fill = OrderFill(number, side, quantity, price, fee, symbol.partition("/")[2], liquidity, at)
        self.told.append(FoundFill(client_id, exchange_id, symbol, fill))

    @staticmethod
    def _found(placed: Placed) -> FoundOrder:
        return FoundOrder(placed.sent.client_id, placed.exchange_id, placed.state, placed.filled)

"""How a simulated account trades within a session: it sells puts and calls of today and tomorrow, buys some back, lets
the others end, and covers the stock that assignments bring.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.simulate.bookings import SimulatedFill
from fntx_dagster.simulate.contracts import AGG, SPY, SimulatedContract
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.market import CENT, Market, cents


class OrderTime(NamedTuple):
    """A moment in a session, for one order."""

    minute: int
    at: str


class Orders:
    """The orders of one account in one market."""

    def __init__(self, market: Market, seed: str, kinds: Collection[str]) -> None:
        self.market = market
        self.random = Random(seed)
        self.kinds = frozenset(kinds)
        self.waiting: list[str] = []
        """Kinds of events whose day has come."""
        self.held: dict[SimulatedContract, int] = defaultdict(int)
        self.sold_at: dict[SimulatedContract, Decimal] = {}
        self.to_cover = 0

    # -- orders

    def _slots(self, day: SimulatedDay, session: Session, orders: int) -> list[OrderTime]:
        last = self.market.minutes(day.date) - 2
        minutes = sorted(self.random.randint(1, last) * 60 + self.random.randrange(60) for _ in range(orders))
        opens = session.opens_at.astimezone(NEW_YORK)
        return [OrderTime(s // 60, f"{opens + timedelta(seconds=s):%H:%M:%S}") for s in minutes]

    def _act(self, day: SimulatedDay, slot: OrderTime) -> None:
        chance = self.random.random()
        open_options = self._open_options()
        if "exercise" in self.waiting:
            self.waiting.remove("exercise")
            self._buy_into_the_money(day, slot)
        elif chance < 0.12 and "stock" in self.kinds:
            self._trade_stock(day, slot)
        elif chance < 0.40 and open_options:
            self._close_some(day, slot, self.random.choice(open_options))
        elif chance < 0.48:
            self._deal(day, slot, self._strike(day, slot, self.random.uniform(-0.3, 0.5)), 1)
        else:
            self._sell(day, slot)

    def _open_options(self) -> list[SimulatedContract]:
        return [contract for contract, held in self.held.items() if held and contract.put_call]

    def _sell(self, day: SimulatedDay, slot: OrderTime) -> None:
        contract = self._strike(day, slot, self.random.uniform(0.4, 1.6))
        quantity = -self.random.choice((1, 1, 2, 3))
        if "cancel" in self.waiting:
            self.waiting.remove("cancel")
            price = self._price(contract, day, slot)
            wrong = day.trade(contract, quantity, str(price + Decimal("0.05")), slot.at, self._fee(contract, quantity))
            day.cancel(wrong)
            self._deal(day, slot, contract, quantity, kind="TradeCorrect")
        else:
            self._deal(day, slot, contract, quantity)

    def _close_some(self, day: SimulatedDay, slot: OrderTime, contract: SimulatedContract) -> None:
        held = self.held[contract]
        quantity = self.random.randint(1, abs(held)) * (-1 if held > 0 else 1)
        lost = quantity > 0 and self._price(contract, day, slot) >= 2 * self.sold_at.get(contract, Decimal("Infinity"))
        self._deal(day, slot, contract, quantity, order_type="STP" if lost else "LMT")

    def _buy_into_the_money(self, day: SimulatedDay, slot: OrderTime) -> None:
        """A long option of today that will most likely be exercised."""
        self._deal(day, slot, self._strike(day, slot, -1.5, expiry=day.date), 1)

    def _trade_stock(self, day: SimulatedDay, slot: OrderTime) -> None:
        """A few more shares, or a few less of those held over night."""
        few = min(20, int(day.opening.positions.get(AGG, 0)) // 40)
        if few and self.random.random() < 0.4:
            self._deal(day, slot, AGG, -self.random.randint(1, few))
        else:
            self._deal(day, slot, AGG, self.random.randint(1, 20) * 5)

    def _cover(self, day: SimulatedDay, slot: OrderTime) -> None:
        """Stock from last night's assignments goes, before the open or in the session's first minutes."""
        early = self.random.random() < 0.5
        at = OrderTime(0, f"{8 if early else 9:02}:{self.random.randrange(32, 50)}:00")
        self._deal(day, at if early or slot.minute > 20 else slot, SPY, -self.to_cover)
        self.to_cover = 0

    def _deal(
        self,
        day: SimulatedDay,
        slot: OrderTime,
        contract: SimulatedContract,
        quantity: int,
        order_type: str = "LMT",
        kind: str = "ExchTrade",
    ) -> SimulatedFill:
        price = self._price(contract, day, slot)
        held = self.held[contract]
        closes, opens = held * quantity < 0, held * quantity >= 0 or abs(quantity) > abs(held)
        open_close = ";".join(word for word, applies in (("C", closes), ("O", opens)) if applies)
        self.held[contract] += quantity
        if quantity < 0:
            self.sold_at[contract] = price
        fee = self._fee(contract, quantity)
        return day.trade(
            contract, quantity, str(price), slot.at, fee, kind=kind, order_type=order_type, open_close=open_close
        )

    def _strike(
        self, day: SimulatedDay, slot: OrderTime, deviations: float, expiry: date | None = None
    ) -> SimulatedContract:
        """A put or a call so many standard deviations out of the money, at least half a dollar of them."""
        expiry = expiry or (day.date if self.random.random() < 0.7 else self.market.following(day.date))
        put_call = self.random.choice("PC")
        away = deviations * max(self.market.deviation(expiry, day.date, slot.minute), 0.5)
        price = self.market.price(SPY, day.date, slot.minute)
        return self.market.option(put_call, round(price + away if put_call == "C" else price - away), expiry)

    def _price(self, contract: SimulatedContract, day: SimulatedDay, slot: OrderTime) -> Decimal:
        if contract.put_call:
            return max(cents(self.market.value(contract, day.date, slot.minute)), CENT)
        return cents(self.market.price(contract, day.date, slot.minute))

    def _fee(self, contract: SimulatedContract, quantity: int) -> str:
        if contract.put_call:
            return str(-abs(quantity) * Decimal(self.random.randrange(68000, 112000, 11)).scaleb(-5))
        return str(-max(Decimal(1), abs(quantity) * Decimal("0.0057")))

    # -- the end of a session

    def _end(self, day: SimulatedDay) -> None:
        """Options of the day end; everything traded or held has a closing price."""
        traded = {fill.contract for fill in day.fills} | {c for c, held in self.held.items() if held}
        ordered = sorted((c for c in traded if c.put_call and c.terms.expiry >= day.date), key=lambda c: c.conid)
        day.closes_at({contract: str(self.market.close(contract, day.date)) for contract in ordered})
        same_day = day.date.weekday() == 4 and 15 <= day.date.day <= 21  # a monthly expiry is booked at once
        for contract in ordered:
            if contract.expiry == day.date:
                self._end_of(contract, day, same_day)
        self.held = defaultdict(int, {contract: held for contract, held in self.held.items() if held})

    def _end_of(self, contract: SimulatedContract, day: SimulatedDay, same_day: bool) -> None:
        held = self.held[contract]
        del self.held[contract]
        self.sold_at.pop(contract, None)
        if not held:
            return
        if not day.marks[contract]:
            day.ends(contract, "Expiration", same_day=same_day)
            return
        day.ends(contract, "Assignment" if held < 0 else "Exercise", same_day=same_day)
        shares = held * 100 * (1 if contract.put_call == "C" else -1)
        self.to_cover += shares
        self.held[SPY] += shares

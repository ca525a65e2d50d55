"""The month that the demo shows: July 2025 up to the 28th, of an account that trades a handful of SPY options a day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.market import Market
from fntx_dagster.simulate.orders import OrderTime
from fntx_dagster.simulate.trading import Trader

DEMO_ACCOUNT = "U1000028"


def demo_month(number: str = DEMO_ACCOUNT) -> Account:
    """July 2025 up to the 28th, of one account in HKD: a handful of SPY options a day and their consequences.

    The 28th holds exactly two fills, three 635 puts sold at 0.12 and three 638 calls sold at 0.09, which end worthless;
    the NAV at its close lies close to 199,100 HKD. Before it, `as_of` the 25th is the last evening.
    """
    pinned = {day: str(close) for day, close in july_closes().items()}
    market = Market("july", Period(_DEMO_FIRST, _DEMO_LAST), "HKD", pinned)
    capital = _DEMO_NAV
    while True:
        account = DemoTrader(market, number, "july", 4, capital, _DEMO_KINDS).run()
        missing = (_DEMO_NAV - account.days[-1].nav).quantize(Decimal(1))
        if not missing:
            return account
        capital += missing  # moves the last NAV by nearly as much: deposits and withdrawals are a share of the capital


def july_closes() -> dict[date, Decimal]:
    """SPY's closes of July 2025, up to the 28th."""
    days, closes = _JULY.split()[::2], _JULY.split()[1::2]
    return {date(2025, 7, int(day)): Decimal(close) for day, close in zip(days, closes, strict=True)}


class DemoTrader(Trader):
    """Hold nothing over the weekend before the last day, and trade on the last day what the demo shows."""

    def session(self, day: SimulatedDay, session: Session) -> None:
        if day.date < _DEMO_LAST:
            super().session(day, session)
            return
        put, call = (self.market.option(*terms, day.date) for terms in (("P", 635), ("C", 638)))
        for contract, price, at in ((put, "0.12", "10:02:11"), (call, "0.09", "10:02:38")):
            day.trade(contract, -3, price, at, commission="-2.59932", open_close="O")
            self.held[contract] -= 3
        self._end(day)

    def _act(self, day: SimulatedDay, slot: OrderTime) -> None:
        if day.date < _DEMO_FLAT:
            super()._act(day, slot)
        elif open_options := self._open_options():
            self._deal(day, slot, open_options[0], -self.held[open_options[0]])
        else:
            self._deal(day, slot, self._strike(day, slot, 0.8, expiry=day.date), -2)

    def _end(self, day: SimulatedDay) -> None:
        if day.date == _DEMO_FLAT:
            for contract in self._open_options():
                self._deal(day, self._last_minute(day), contract, -self.held[contract])
        super()._end(day)

    def _last_minute(self, day: SimulatedDay) -> OrderTime:
        at = self.market.sessions[day.date].closes_at.astimezone(NEW_YORK) - timedelta(minutes=1)
        return OrderTime(self.market.minutes(day.date) - 1, f"{at:%H:%M:%S}")


_DEMO_FIRST, _DEMO_FLAT, _DEMO_LAST = date(2025, 7, 1), date(2025, 7, 25), date(2025, 7, 28)
_DEMO_NAV = Decimal(199_100)
_DEMO_KINDS = frozenset({"conversion", "deposit", "fee", "interest", "withdrawal"})
_JULY = """
    1 617.65   2 620.45   3 625.34   7 620.68   8 620.34   9 624.06  10 625.82  11 623.62  14 624.81  15 622.14
   16 624.22  17 628.04  18 627.58  21 628.77  22 628.86  23 634.21  24 634.42  25 637.10  28 636.94
"""
"""SPY's closes of July 2025, each after its day."""

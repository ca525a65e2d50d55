"""What happens in accounts that trade: a market that walks, traders who sell premium in it, and the broker's days.

Everything follows from a seed: the same arguments give the same books, to the byte. Events that the market brings
(expirations, assignments, exercises, covers) come as they come; those that have to occur (deposits, cancels, dividends
and the like) have a day in every month. The books are in `broker`, what is delivered of them is in `delivery`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from math import erf, exp, pi, sqrt
from random import Random
from typing import NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.simulate import companies
from fntx_dagster.simulate.broker import AGG, SAP, SPY, Account, Contract, Day, Execution, option

KINDS = frozenset(
    {
        "after_hours",
        "cancel",
        "conversion",
        "correction",
        "deposit",
        "dividend",
        "fee",
        "interest",
        "late_cancel",
        "stock",
        "third_currency",
        "withdrawal",
    }
)
"""What happens beside options. `cancel` is taken back the same day, `late_cancel` the next session; a `correction` is
known some days later, within the month; a `third_currency` is a holding in euros."""
EVERY_KIND = KINDS | companies.KINDS
"""And what happens to companies, bonds and other accounts."""

DEMO_ACCOUNT = "U1000028"


def trade(
    seed: int,
    numbers: Iterable[str],
    first: date,
    last: date,
    *,
    trades_per_day: int,
    base: str = "HKD",
    start_nav: Decimal | int | None = None,
    kinds: Collection[str] = KINDS,
) -> list[Account]:
    """Accounts with a statement day for every weekday from `first` to `last`, in one market.

    `trades_per_day` counts orders executed in a session; bookings, cancels and what replaces them come on top. `base`
    is one of HKD, USD, EUR and GBP; `start_nav` is in it, by default enough for that many trades.
    """
    market = Market(f"{seed}", first, last, base)
    capital = Decimal(start_nav) if start_nav else _enough_for(trades_per_day) * market.rate("USD", market.days[0])
    return [_Trader(market, number, f"{seed}/{number}", trades_per_day, capital, kinds).run() for number in numbers]


def demo_month(number: str = DEMO_ACCOUNT) -> Account:
    """July 2025 up to the 28th, of one account in HKD: a handful of SPY options a day and what comes with them.

    The 28th holds exactly two fills, three 635 puts sold at 0.12 and three 638 calls sold at 0.09, which end worthless;
    the NAV at its close lies close to 199,100 HKD. Before it, `as_of` the 25th is the last evening.
    """
    days, closes = _JULY.split()[::2], _JULY.split()[1::2]
    pinned = {date(2025, 7, int(day)): close for day, close in zip(days, closes, strict=True)}
    market = Market("july", _DEMO_FIRST, _DEMO_LAST, "HKD", pinned)
    capital = _DEMO_NAV
    while True:
        account = _DemoTrader(market, number, "july", 4, capital, _DEMO_KINDS).run()
        missing = (_DEMO_NAV - account.days[-1].nav).quantize(Decimal(1))
        if not missing:
            return account
        capital += missing  # comes out at the end as it went in, but for what is a share of it


class Walk(NamedTuple):
    """How a price moves: where it starts, and its standard deviation over a session and over a night, as a ratio."""

    start: float
    session: float
    night: float


class Market:
    """Prices that everybody sees, minute by minute in each session, and the exchange rates of every weekday.

    `closes` pins closing prices of SPY; the walk between them stays.
    """

    def __init__(self, seed: str, first: date, last: date, base: str, closes: Mapping[date, str] | None = None) -> None:
        self.base = base
        self.days = [day for day in _calendar_days(first, last) if day.weekday() < 5]
        beyond = sessions(first, last + timedelta(days=10))
        self.sessions = {session.day: session for session in beyond if session.day <= last}
        self._sessions = [session.day for session in beyond]
        self._paths = {
            contract: self._path(Random(f"{seed}/{contract.symbol}"), walk, closes or {} if contract is SPY else {})
            for contract, walk in _WALKS.items()
        }
        self._rates = self._exchange_rates(Random(f"{seed}/rates"))
        self._options: dict[tuple[str, int, date], Contract] = {}

    def following(self, day: date) -> date:
        """The session after a day."""
        return self._sessions[bisect_right(self._sessions, day)]

    def minutes(self, day: date) -> int:
        return len(self._paths[SPY][day]) - 1

    def price(self, contract: Contract, day: date, minute: int = -1) -> float:
        """Of a share at a minute of a session, or at its close; on another day the last close before it."""
        paths = self._paths[contract]
        if day in paths:
            return paths[day][minute]
        before = bisect_right(self._sessions, day)
        return paths[self._sessions[before - 1]][-1] if before else _WALKS[contract].start

    def close(self, contract: Contract, day: date) -> Decimal:
        """The closing mark of a share or an option, to the cent."""
        if not contract.put_call:
            return _cents(self.price(contract, day))
        price = self.close(SPY, day)
        if contract.expiry == day:
            return max(price - contract.strike if contract.put_call == "C" else contract.strike - price, Decimal(0))
        return _cents(self.value(contract, day, self.minutes(day)))

    def value(self, contract: Contract, day: date, minute: int) -> float:
        """An option by Bachelier's formula, with the volatility that the walk has."""
        price, strike = self.price(SPY, day, minute), float(contract.strike)
        deviation = self.deviation(contract.expiry, day, minute)
        distance = (price - strike) * (1 if contract.put_call == "C" else -1)
        if not deviation:
            return max(distance, 0.0)
        d = distance / deviation
        return distance * (1 + erf(d / sqrt(2))) / 2 + deviation * exp(-d * d / 2) / sqrt(2 * pi)

    def deviation(self, expiry: date, day: date, minute: int) -> float:
        """How far SPY moves until the close of `expiry`, in dollars."""
        walk = _WALKS[SPY]
        left = 1 - minute / self.minutes(day)
        nights = bisect_right(self._sessions, expiry) - bisect_right(self._sessions, day)
        return self.price(SPY, day, minute) * sqrt((left + nights) * walk.session**2 + nights * walk.night**2)

    def rate(self, currency: str, day: date) -> Decimal:
        """Base currency per unit at the end of a weekday."""
        return self._rates[currency][day]

    def rates(self, day: date, currencies: Iterable[str]) -> dict[str, str]:
        return {currency: str(self.rate(currency, day)) for currency in currencies if currency != self.base}

    def option(self, put_call: str, strike: int, expiry: date) -> Contract:
        key = (put_call, strike, expiry)
        if key not in self._options:
            self._options[key] = option(put_call, strike, expiry.isoformat())
        return self._options[key]

    def _path(self, random: Random, walk: Walk, closes: Mapping[date, str]) -> dict[date, list[float]]:
        paths, price = {}, walk.start
        for day, session in self.sessions.items():
            minutes = int((session.closes_at - session.opens_at) / timedelta(minutes=1))
            price *= 1 + random.gauss(0, walk.night)
            path = [price]
            for _ in range(minutes):
                path.append(path[-1] * (1 + random.gauss(0, walk.session / sqrt(390))))
            if day in closes:
                off = float(closes[day]) - path[-1]
                path = [price + off * minute / minutes for minute, price in enumerate(path)]
            paths[day], price = path, path[-1]
        return paths

    def _exchange_rates(self, random: Random) -> dict[str, dict[date, Decimal]]:
        start, low, high, step = _DOLLAR[self.base]
        dollar, euro = start, 1.17
        rates: dict[str, dict[date, Decimal]] = {"USD": {}, "EUR": {}}
        for day in self.days:
            dollar = min(max(dollar + random.gauss(0, step), low), high)
            euro *= 1 + random.gauss(0, 0.004)
            rates["USD"][day] = _places(dollar, 4)
            rates["EUR"][day] = Decimal(1) if self.base == "EUR" else _places(dollar * euro, 4)
        return rates


_WALKS = {SPY: Walk(620.0, 0.0070, 0.0040), AGG: Walk(99.0, 0.0020, 0.0010), SAP: Walk(250.0, 0.0110, 0.0060)}
_DOLLAR = {
    "HKD": (7.83, 7.75, 7.85, 0.0018),
    "USD": (1.0, 1.0, 1.0, 0.0),
    "EUR": (0.86, 0.75, 1.0, 0.003),
    "GBP": (0.74, 0.65, 0.85, 0.003),
}
"""Dollars in base currency: start, the band they stay in, and the standard deviation of a day."""


class Slot(NamedTuple):
    """A moment in a session, for one order."""

    minute: int
    at: str


class _Trader:
    """One account: sells puts and calls of today and tomorrow, buys some back, lets the others end, and covers."""

    def __init__(
        self,
        market: Market,
        number: str,
        seed: str,
        trades_per_day: int,
        capital: Decimal,
        kinds: Collection[str],
    ) -> None:
        self.market = market
        self.random = Random(seed)
        self.trades_per_day = trades_per_day
        self.capital = capital
        self.kinds = frozenset(kinds)
        self.currencies = ("USD", "EUR") if "third_currency" in kinds else ("USD",)
        self.shares = (SPY, AGG, SAP) if "third_currency" in kinds else (SPY, AGG)
        self.account = self._opened(number)
        self.agenda = self._agenda()
        self.companies = companies.Companies(seed, kinds, self._months())
        self.waiting: list[str] = []
        self.held: dict[Contract, int] = defaultdict(int)
        self.sold_at: dict[Contract, Decimal] = {}
        self.to_cover = 0
        self.to_take_back: Execution | None = None
        self.interest_due = Decimal(0)
        self.dividend_due: tuple[Decimal, Decimal, Decimal] | None = None

    def run(self) -> Account:
        for date_ in self.market.days:
            marks = {share: str(self.market.close(share, date_)) for share in self.shares}
            marks |= self.companies.morning(date_)
            day = self.account.day(date_.isoformat(), marks, **self.market.rates(date_, self.currencies))
            self._accrue(day)
            if session := self.market.sessions.get(date_):
                self.session(day, session)
        self.account.days[-1].close()
        return self.account

    def session(self, day: Day, session: Session) -> None:
        self.waiting += self.agenda.get(day.date, ())
        slots = self._slots(day, session, self.trades_per_day)
        if self.to_cover and slots:
            self._cover(day, slots.pop(0))
        for slot in slots:
            self._act(day, slot)
        self.companies.act(day)
        for kind in [kind for kind in self.waiting if kind in _HAPPENINGS]:
            if _HAPPENINGS[kind](self, day, session):
                self.waiting.remove(kind)
        self._end(day)

    # -- the account

    def _opened(self, number: str) -> Account:
        dollars = self.market.rate("USD", self.market.days[0])
        if self.market.base == "USD":
            cash, rates = {"USD": str(self.capital)}, {}
        else:
            in_dollars = (self.capital * 2 / 3 / dollars).quantize(Decimal(1))
            cash = {"USD": str(in_dollars), self.market.base: str(self.capital - in_dollars * dollars)}
            rates = self.market.rates(self.market.days[0], self.currencies)
        return Account(number, self.market.base, cash, rates)

    def _agenda(self) -> dict[date, list[str]]:
        """What has a day in each month; several kinds may share one."""
        agenda: dict[date, list[str]] = defaultdict(list)
        for days in self._months():
            for kind in sorted(self.kinds & _ON_THE_SAME_DAY.keys()):
                agenda[days[min(_ON_THE_SAME_DAY[kind], len(days) - 1)]].append(kind)
            for kind in ("exercise", *sorted((self.kinds & KINDS) - _ON_THE_SAME_DAY.keys() - _WITHOUT_A_DAY)):
                agenda[self.random.choice(days[:-1] or days)].append(kind)
            if "dividend" in self.kinds and len(days) > _PAID_AFTER:
                agenda[days[_PAID_AFTER]].append("dividend_paid")
        return agenda

    def _months(self) -> list[list[date]]:
        return [list(month) for _, month in groupby(self.market.sessions, key=lambda day: (day.year, day.month))]

    # -- orders

    def _slots(self, day: Day, session: Session, orders: int) -> list[Slot]:
        last = self.market.minutes(day.date) - 2
        minutes = sorted(self.random.randint(1, last) * 60 + self.random.randrange(60) for _ in range(orders))
        opens = session.opens_at.astimezone(NEW_YORK)
        return [Slot(s // 60, f"{opens + timedelta(seconds=s):%H:%M:%S}") for s in minutes]

    def _act(self, day: Day, slot: Slot) -> None:
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

    def _open_options(self) -> list[Contract]:
        return [contract for contract, held in self.held.items() if held and contract.put_call]

    def _sell(self, day: Day, slot: Slot) -> None:
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

    def _close_some(self, day: Day, slot: Slot, contract: Contract) -> None:
        held = self.held[contract]
        quantity = self.random.randint(1, abs(held)) * (-1 if held > 0 else 1)
        lost = quantity > 0 and self._price(contract, day, slot) >= 2 * self.sold_at.get(contract, Decimal("Infinity"))
        self._deal(day, slot, contract, quantity, order_type="STP" if lost else "LMT")

    def _buy_into_the_money(self, day: Day, slot: Slot) -> None:
        """A long option of today that will most likely be exercised."""
        self._deal(day, slot, self._strike(day, slot, -1.5, expiry=day.date), 1)

    def _trade_stock(self, day: Day, slot: Slot) -> None:
        """A few more shares, or a few less of those held over night."""
        few = min(20, int(day.opening.positions.get(AGG, 0)) // 40)
        if few and self.random.random() < 0.4:
            self._deal(day, slot, AGG, -self.random.randint(1, few))
        else:
            self._deal(day, slot, AGG, self.random.randint(1, 20) * 5)

    def _cover(self, day: Day, slot: Slot) -> None:
        """Stock from last night's assignments goes, before the open or in the session's first minutes."""
        early = self.random.random() < 0.5
        at = Slot(0, f"{8 if early else 9:02}:{self.random.randrange(32, 50)}:00")
        self._deal(day, at if early or slot.minute > 20 else slot, SPY, -self.to_cover)
        self.to_cover = 0

    def _deal(self, day: Day, slot: Slot, contract: Contract, quantity: int, **more: str) -> Execution:
        price = self._price(contract, day, slot)
        held = self.held[contract]
        closes, opens = held * quantity < 0, held * quantity >= 0 or abs(quantity) > abs(held)
        told = {"open_close": ";".join(word for word, said in (("C", closes), ("O", opens)) if said)}
        self.held[contract] += quantity
        if quantity < 0:
            self.sold_at[contract] = price
        return day.trade(contract, quantity, str(price), slot.at, self._fee(contract, quantity), **(told | more))

    def _strike(self, day: Day, slot: Slot, deviations: float, expiry: date | None = None) -> Contract:
        """A put or a call so many standard deviations out of the money, at least half a dollar of them."""
        expiry = expiry or (day.date if self.random.random() < 0.7 else self.market.following(day.date))
        put_call = self.random.choice("PC")
        away = deviations * max(self.market.deviation(expiry, day.date, slot.minute), 0.5)
        price = self.market.price(SPY, day.date, slot.minute)
        return self.market.option(put_call, round(price + away if put_call == "C" else price - away), expiry)

    def _price(self, contract: Contract, day: Day, slot: Slot) -> Decimal:
        if contract.put_call:
            return max(_cents(self.market.value(contract, day.date, slot.minute)), _CENT)
        return _cents(self.market.price(contract, day.date, slot.minute))

    def _fee(self, contract: Contract, quantity: int) -> str:
        if contract.put_call:
            return str(-abs(quantity) * Decimal(self.random.randrange(68000, 112000, 11)).scaleb(-5))
        return str(-max(Decimal(1), abs(quantity) * Decimal("0.0057")))

    # -- the end of a session

    def _end(self, day: Day) -> None:
        """Options of the day end; everything traded or held has a closing price."""
        traded = {done.contract for done in day.executions} | {c for c, held in self.held.items() if held}
        ordered = sorted((c for c in traded if c.put_call and c.expiry >= day.date), key=lambda c: c.conid)
        day.closes_at({contract: str(self.market.close(contract, day.date)) for contract in ordered})
        same_day = day.date.weekday() == 4 and 15 <= day.date.day <= 21  # a monthly expiry is booked at once
        for contract in ordered:
            if contract.expiry == day.date:
                self._end_of(contract, day, same_day)
        self.held = defaultdict(int, {contract: held for contract, held in self.held.items() if held})

    def _end_of(self, contract: Contract, day: Day, same_day: bool) -> None:
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

    # -- what has its day in a month; False: not today

    def _accrue(self, day: Day) -> None:
        if "interest" in self.kinds:
            day.accrues(interest=str((day.opening.cash_in_base / 100 / 360).quantize(_CENT)))

    def _interest(self, day: Day, session: Session) -> bool:
        """Last month's interest, paid in dollars."""
        accrued = day.opening.interest
        if accrued:
            day.moves("interest", str((accrued / self.market.rate("USD", day.date)).quantize(_CENT)), "USD")
            day.accrues(reversal=str(-accrued))
        return True

    def _fee_paid(self, day: Day, session: Session) -> bool:
        day.moves("fee", "-10", "USD")
        return True

    def _deposit(self, day: Day, session: Session) -> bool:
        timed = self.random.random() < 0.5
        day.moves("deposit", self._share_of_capital(), at="11:15" if timed else None)
        return True

    def _withdrawal(self, day: Day, session: Session) -> bool:
        day.moves("deposit", f"-{self._share_of_capital()}")
        return True

    def _share_of_capital(self) -> str:
        return str((self.capital * self.random.randrange(5, 20) / 1000).quantize(Decimal(1)))

    def _dividend(self, day: Day, session: Session) -> bool:
        """The day on which the shares go without it."""
        shares = day.opening.positions.get(AGG, Decimal(0))
        if shares <= 0:
            return True
        gross = (shares * Decimal("0.3127")).quantize(_CENT)
        tax = (gross * Decimal("0.30")).quantize(_CENT)
        net = ((gross - tax) * self.market.rate("USD", day.date)).quantize(_CENT)
        self.dividend_due = gross, tax, net
        day.accrues(dividends=str(net))
        return True

    def _dividend_paid(self, day: Day, session: Session) -> bool:
        if self.dividend_due:
            gross, tax, net = self.dividend_due
            day.moves("dividend", str(gross), "USD")
            day.moves("tax", str(-tax), "USD")
            day.accrues(dividends=str(-net))
            self.dividend_due = None
        return True

    def _conversion(self, day: Day, session: Session) -> bool:
        if self.market.base != "USD":
            price = self.market.rate("USD", day.date) + Decimal(self.random.randint(-5, 5)).scaleb(-4)
            day.convert("USD", self.random.choice((-1, 1)) * self.random.randint(5, 20) * 100, str(price), at="11:00")
        return True

    def _late_cancel(self, day: Day, session: Session) -> bool:
        """A purchase at a wrong price, taken back and replaced in the next session's statement."""
        if self.to_take_back:
            wrong = self.to_take_back
            day.cancel(wrong)
            day.trade(
                AGG,
                int(wrong.quantity),
                str(wrong.price - Decimal("0.40")),
                at=f"{wrong.at:%Y-%m-%dT%H:%M:%S}",
                commission=str(wrong.commission),
                kind="TradeCorrect",
                open_close="O",
            )
            self.to_take_back = None
            return True
        if day.date != max(self.market.sessions):
            self.to_take_back = self._deal(day, Slot(90, "11:00:00"), AGG, 10)
        return False

    def _correction(self, day: Day, session: Session) -> bool:
        """An order of today had another price; one to three days later the broker knows."""
        later = [one for one in self.market.days if one > day.date and one.month == day.date.month][:3]
        orders = [done for done in day.executions if done.kind == "ExchTrade"]
        cancelled = {done.cancels.number for done in day.executions if done.cancels}
        late = self.to_take_back.number if self.to_take_back else None
        orders = [done for done in orders if done.number not in cancelled and done.number != late]
        if orders and later:
            done = self.random.choice(orders)
            price = done.price + Decimal(self.random.randint(1, 4)).scaleb(-2)
            self.account.corrects(done, str(price), self.random.choice(later))
        return True

    def _after_hours(self, day: Day, session: Session) -> bool:
        """A purchase ten minutes after the close: official today, told tomorrow."""
        at = session.closes_at.astimezone(NEW_YORK) + timedelta(minutes=10)
        self._deal(day, Slot(-1, f"{at:%H:%M:%S}"), AGG, 5)
        return True

    def _third_currency(self, day: Day, session: Session) -> bool:
        self._deal(day, Slot(60, "10:30:00"), SAP, -5 if self.held[SAP] > 10 else 10)
        return True


_ON_THE_SAME_DAY = {"fee": 0, "dividend": 0, "interest": 2}
"""Which session of a month; the other kinds have a day of chance."""
_WITHOUT_A_DAY = {"stock"}
_PAID_AFTER = 4
"""Sessions between the day of a dividend and its payment."""

_HAPPENINGS: Mapping[str, Callable[[_Trader, Day, Session], bool]] = {
    "after_hours": _Trader._after_hours,
    "conversion": _Trader._conversion,
    "correction": _Trader._correction,
    "deposit": _Trader._deposit,
    "dividend": _Trader._dividend,
    "dividend_paid": _Trader._dividend_paid,
    "fee": _Trader._fee_paid,
    "interest": _Trader._interest,
    "late_cancel": _Trader._late_cancel,
    "third_currency": _Trader._third_currency,
    "withdrawal": _Trader._withdrawal,
}


class _DemoTrader(_Trader):
    """Holds nothing over the weekend before the last day, and does on the last day what the demo shows."""

    def session(self, day: Day, session: Session) -> None:
        if day.date < _DEMO_LAST:
            super().session(day, session)
            return
        put, call = (self.market.option(*terms, day.date) for terms in (("P", 635), ("C", 638)))
        for contract, price, at in ((put, "0.12", "10:02:11"), (call, "0.09", "10:02:38")):
            day.trade(contract, -3, price, at, commission="-2.59932", open_close="O")
            self.held[contract] -= 3
        self._end(day)

    def _act(self, day: Day, slot: Slot) -> None:
        if day.date < _DEMO_FLAT:
            super()._act(day, slot)
        elif open_options := self._open_options():
            self._deal(day, slot, open_options[0], -self.held[open_options[0]])
        else:
            self._deal(day, slot, self._strike(day, slot, 0.8, expiry=day.date), -2)

    def _end(self, day: Day) -> None:
        if day.date == _DEMO_FLAT:
            for contract in self._open_options():
                self._deal(day, self._last_minute(day), contract, -self.held[contract])
        super()._end(day)

    def _last_minute(self, day: Day) -> Slot:
        at = self.market.sessions[day.date].closes_at.astimezone(NEW_YORK) - timedelta(minutes=1)
        return Slot(self.market.minutes(day.date) - 1, f"{at:%H:%M:%S}")


_DEMO_FIRST, _DEMO_FLAT, _DEMO_LAST = date(2025, 7, 1), date(2025, 7, 25), date(2025, 7, 28)
_DEMO_NAV = Decimal(199_100)
_DEMO_KINDS = frozenset({"conversion", "deposit", "fee", "interest", "withdrawal"})
_JULY = """
    1 617.65   2 620.45   3 625.34   7 620.68   8 620.34   9 624.06  10 625.82  11 623.62  14 624.81  15 622.14
   16 624.22  17 628.04  18 627.58  21 628.77  22 628.86  23 634.21  24 634.42  25 637.10  28 636.94
"""
"""SPY's closes of July 2025, each after its day."""

_CENT = Decimal("0.01")


def _cents(price: float) -> Decimal:
    return _places(price, 2)


def _places(number: float, places: int) -> Decimal:
    return Decimal(round(number * 10**places)).scaleb(-places)


def _enough_for(trades_per_day: int) -> Decimal:
    """Dollars that carry so many trades a day without a day's return beyond ten per cent."""
    return Decimal(12_000 * max(5, trades_per_day))


def _calendar_days(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]

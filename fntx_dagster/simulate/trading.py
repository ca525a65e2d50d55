"""Accounts that trade by themselves, in one market: what they do in a session, and the events of every month.

Everything follows from a seed: the same arguments give the same books, to the byte. The market causes some events
(expirations, assignments, exercises, covers); each of the others (deposits, cancels, dividends and the like) has a day
in every month. The market is in `market`, orders are in `orders`, the books in `account`, and
what the broker delivers of them in `delivery`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.simulate import companies
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.bookings import DividendAccrual, SimulatedFill
from fntx_dagster.simulate.contracts import AGG, SAP, SPY, SimulatedContract
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.market import CENT, Market
from fntx_dagster.simulate.orders import Orders, OrderTime

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
"""What happens beside options. A `cancel` is taken back the same day, a `late_cancel` the next session. A `correction`
is known some days later, within the month. A `third_currency` is a holding in euros."""
EVERY_KIND = KINDS | companies.KINDS
"""`KINDS`, and what happens to companies, bonds and other accounts."""


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
    market = Market(f"{seed}", Period(first, last), base)
    capital = Decimal(start_nav) if start_nav else _enough_for(trades_per_day) * market.rate("USD", market.days[0])
    return [Trader(market, number, f"{seed}/{number}", trades_per_day, capital, kinds).run() for number in numbers]


class Trader(Orders):
    """One account: its orders, and the events of every month."""

    def __init__(
        self,
        market: Market,
        number: str,
        seed: str,
        trades_per_day: int,
        capital: Decimal,
        kinds: Collection[str],
    ) -> None:
        super().__init__(market, seed, kinds)
        self.trades_per_day = trades_per_day
        self.capital = capital
        self.currencies = ("USD", "EUR") if "third_currency" in kinds else ("USD",)
        self.shares = (SPY, AGG, SAP) if "third_currency" in kinds else (SPY, AGG)
        self.account = self._opened(number)
        self.agenda = self._agenda()
        self.companies = companies.Companies(seed, kinds, self._months())
        self.to_take_back: SimulatedFill | None = None
        self.dividends_due: list[DividendAccrual] = []

    def run(self) -> Account:
        """Trade on every session of the market; the account with its last day closed."""
        for date_ in self.market.days:
            marks = {share: str(self.market.close(share, date_)) for share in self.shares}
            marks |= self.companies.morning(date_)
            day = self.account.day(date_.isoformat(), marks, **self.market.rates(date_, self.currencies))
            self._accrue(day)
            if session := self.market.sessions.get(date_):
                self.session(day, session)
        self.account.days[-1].close()
        return self.account

    def session(self, day: SimulatedDay, session: Session) -> None:
        """Do what a session brings: covers, orders, corporate actions, events that are due, ends of options."""
        self.waiting += self.agenda.get(day.date, ())
        slots = self._slots(day, session, self.trades_per_day)
        if self.to_cover and slots:
            self._cover(day, slots.pop(0))
        for slot in slots:
            self._act(day, slot)
        self.companies.act(day)
        self._pay_dividends(day)
        for kind in [kind for kind in self.waiting if kind in _EVENTS]:
            if _EVENTS[kind](self, day, session):
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
        """The kinds of events by day; several kinds may share a day."""
        agenda: dict[date, list[str]] = defaultdict(list)
        for days in self._months():
            for kind in sorted(self.kinds & _ON_THE_SAME_DAY.keys()):
                agenda[days[min(_ON_THE_SAME_DAY[kind], len(days) - 1)]].append(kind)
            for kind in ("exercise", *sorted((self.kinds & KINDS) - _ON_THE_SAME_DAY.keys() - _WITHOUT_A_DAY)):
                agenda[self.random.choice(days[:-1] or days)].append(kind)
            for day in _before_third_friday(days) if "dividend" in self.kinds else ():
                agenda[day].append("quarterly_dividend")
        return agenda

    def _months(self) -> list[list[date]]:
        return [list(month) for _, month in groupby(self.market.sessions, key=lambda day: (day.year, day.month))]

    # -- events of a month; each returns whether it is done, or waits for the next session

    def _accrue(self, day: SimulatedDay) -> None:
        if "interest" in self.kinds:
            for currency, balance in sorted(day.opening.cash.items()):
                if balance and currency in day.rates:
                    day.accrues_night(currency, str(balance), _DEBIT_RATE if balance < 0 else _CREDIT_RATE)

    def _interest(self, day: SimulatedDay, session: Session) -> bool:
        """Last month's interest, paid in dollars."""
        accrued = day.opening.interest
        if accrued:
            day.moves("interest", str((accrued / self.market.rate("USD", day.date)).quantize(CENT)), "USD")
            day.accrues(reversal=str(-accrued))
        return True

    def _fee_paid(self, day: SimulatedDay, session: Session) -> bool:
        day.moves("fee", "-10", "USD")
        return True

    def _deposit(self, day: SimulatedDay, session: Session) -> bool:
        timed = self.random.random() < 0.5
        day.moves("deposit", self._share_of_capital(), at="11:15" if timed else None)
        return True

    def _withdrawal(self, day: SimulatedDay, session: Session) -> bool:
        day.moves("deposit", f"-{self._share_of_capital()}")
        return True

    def _share_of_capital(self) -> str:
        return str((self.capital * self.random.randrange(5, 20) / 1000).quantize(Decimal(1)))

    def _dividend(self, day: SimulatedDay, session: Session) -> bool:
        """The day before the ex-date of the month's dividend on bonds: it accrues."""
        self._accrue_dividend(day, AGG, day.opening.positions.get(AGG, Decimal(0)), "0.3127")
        return True

    def _quarterly_dividend(self, day: SimulatedDay, session: Session) -> bool:
        """The same of the shares that the options are on, each quarter: some are held until it is paid."""
        if len(self._sessions_after(day)) >= _PAID_AFTER:
            self._deal(day, OrderTime(330, "15:00:00"), SPY, _FOR_A_DIVIDEND)
            self._accrue_dividend(day, SPY, Decimal(_FOR_A_DIVIDEND), "1.7612")
        return True

    def _accrue_dividend(self, day: SimulatedDay, contract: SimulatedContract, shares: Decimal, rate: str) -> None:
        after = self._sessions_after(day)
        if shares > 0 and len(after) >= _PAID_AFTER:
            ex_date, pay_date = after[0], after[_PAID_AFTER - 1]
            self.dividends_due.append(day.accrues_dividend(contract, shares, rate, ex_date, pay_date, tax="0.30"))

    def _pay_dividends(self, day: SimulatedDay) -> None:
        for accrual in [due for due in self.dividends_due if due.pay_date <= day.date]:
            day.pays_dividend(accrual)
            self.dividends_due.remove(accrual)
            if accrual.contract is SPY:
                self._deal(day, OrderTime(30, "10:00:00"), SPY, -_FOR_A_DIVIDEND)

    def _sessions_after(self, day: SimulatedDay) -> list[date]:
        return [each for each in self.market.sessions if each > day.date]

    def _conversion(self, day: SimulatedDay, session: Session) -> bool:
        if self.market.base != "USD":
            price = self.market.rate("USD", day.date) + Decimal(self.random.randint(-5, 5)).scaleb(-4)
            day.convert("USD", self.random.choice((-1, 1)) * self.random.randint(5, 20) * 100, str(price), at="11:00")
        return True

    def _late_cancel(self, day: SimulatedDay, session: Session) -> bool:
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
            self.to_take_back = self._deal(day, OrderTime(90, "11:00:00"), AGG, 10)
        return False

    def _correction(self, day: SimulatedDay, session: Session) -> bool:
        """An order of today had another price, which the broker knows one to three days later."""
        later = [known for known in self.market.days if known > day.date and known.month == day.date.month][:3]
        orders = [fill for fill in day.fills if fill.kind == "ExchTrade"]
        cancelled = {fill.cancels.number for fill in day.fills if fill.cancels}
        late = self.to_take_back.number if self.to_take_back else None
        orders = [fill for fill in orders if fill.number not in cancelled and fill.number != late]
        if orders and later:
            fill = self.random.choice(orders)
            price = fill.price + Decimal(self.random.randint(1, 4)).scaleb(-2)
            self.account.corrects(fill, str(price), self.random.choice(later))
        return True

    def _after_hours(self, day: SimulatedDay, session: Session) -> bool:
        """A purchase ten minutes after the close: official today, reported tomorrow."""
        at = session.closes_at.astimezone(NEW_YORK) + timedelta(minutes=10)
        self._deal(day, OrderTime(-1, f"{at:%H:%M:%S}"), AGG, 5)
        return True

    def _third_currency(self, day: SimulatedDay, session: Session) -> bool:
        self._deal(day, OrderTime(60, "10:30:00"), SAP, -5 if self.held[SAP] > 10 else 10)
        return True


_ON_THE_SAME_DAY = {"fee": 0, "dividend": 5, "interest": 2}
"""Kind → the session of a month, from 0; the other kinds have a random day."""
_WITHOUT_A_DAY = {"stock"}
_PAID_AFTER = 4
"""Sessions between the day on which a dividend accrues and its payment."""
_FOR_A_DIVIDEND = 40
_CREDIT_RATE, _DEBIT_RATE = "1", "6.83"
"""Percent a year."""

_EVENTS: Mapping[str, Callable[[Trader, SimulatedDay, Session], bool]] = {
    "after_hours": Trader._after_hours,
    "conversion": Trader._conversion,
    "correction": Trader._correction,
    "deposit": Trader._deposit,
    "dividend": Trader._dividend,
    "quarterly_dividend": Trader._quarterly_dividend,
    "fee": Trader._fee_paid,
    "interest": Trader._interest,
    "late_cancel": Trader._late_cancel,
    "third_currency": Trader._third_currency,
    "withdrawal": Trader._withdrawal,
}


def _enough_for(trades_per_day: int) -> Decimal:
    """Dollars that carry so many trades a day without a day's return beyond ten per cent."""
    return Decimal(12_000 * max(5, trades_per_day))


def _before_third_friday(days: Iterable[date]) -> list[date]:
    """The session before the third Friday of a month that ends a quarter; none in another month."""
    known = [day for day in days if day.month % 3 == 0]
    friday = next((day for day in known if day.weekday() == 4 and 15 <= day.day <= 21), None)
    return [max(day for day in known if day < friday)] if friday and any(day < friday for day in known) else []

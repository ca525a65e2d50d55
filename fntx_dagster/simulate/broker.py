"""The broker's books: accounts that trade, and the Flex statements it would deliver for them.

Its NAV is what the account is worth: cash, positions at their marks and accruals, at the day's rates. Change in NAV is
computed beside it, by the broker's own arithmetic: each row against the closing price, carried positions from mark to
mark, balances in other currencies from rate to rate. Both must agree when a day closes, so that what
is expected of a story stands on nothing of ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import cached_property, reduce
from itertools import chain, count
from pathlib import Path
from zoneinfo import ZoneInfo

from fntx_dagster.simulate.contracts import AGG as AGG
from fntx_dagster.simulate.contracts import SAP as SAP
from fntx_dagster.simulate.contracts import SHARES, Contract
from fntx_dagster.simulate.contracts import SPY as SPY
from fntx_dagster.simulate.contracts import TENCENT as TENCENT
from fntx_dagster.simulate.contracts import option as option
from fntx_dagster.simulate.documents import document, plain, row, section, statement, write
from fntx_dagster.simulate.rows import rows_of

NEW_YORK = ZoneInfo("America/New_York")
ZERO = Decimal(0)


@dataclass(frozen=True)
class Execution:
    """A Trade row. `releases`: a booking of the night before, valued at the mark that the option had then."""

    contract: Contract
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal
    number: int
    rate: Decimal | None = None
    kind: str = "ExchTrade"
    releases: bool = False
    label: str = ""
    cancels: Execution | None = None
    order_type: str = "LMT"
    open_close: str = ""
    taxes: Decimal = ZERO

    @property
    def proceeds(self) -> Decimal:
        return -self.quantity * self.price * self.contract.multiplier


@dataclass(frozen=True)
class Conversion:
    """Units of `currency` bought (sold, when negative) at a price in the base currency."""

    currency: str
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal
    number: int


@dataclass(frozen=True)
class Leg:
    """A CorporateAction row: units that come (or, negative, go), and the cash that comes with them."""

    contract: Contract
    quantity: Decimal
    proceeds: Decimal
    kind: str
    told: str
    action: int
    at: datetime
    number: int


@dataclass(frozen=True)
class Transfer:
    """A Transfer row: units of a contract at a price, or, without a contract, cash; negative when it goes."""

    contract: Contract | None
    quantity: Decimal
    price: Decimal
    cash: Decimal
    currency: str
    way: str
    at: datetime
    number: int

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price * self.contract.multiplier if self.contract else self.cash


@dataclass(frozen=True)
class Cash:
    """A CashTransaction; `component` is the attribute of ChangeInNAV that holds it."""

    component: str
    kind: str
    currency: str
    amount: Decimal
    at: datetime | None
    number: int
    rate: Decimal | None
    told: str = ""


COMPONENTS = (
    "mtm",
    "commissions",
    "transactionTax",
    "depositsWithdrawals",
    "internalCashTransfers",
    "assetTransfers",
    "interest",
    "changeInInterestAccruals",
    "dividends",
    "withholdingTax",
    "changeInDividendAccruals",
    "brokerFees",
    "otherFees",
    "otherIncome",
    "corporateActionProceeds",
)
_KINDS = {
    "deposit": ("depositsWithdrawals", "Deposits/Withdrawals"),
    "interest": ("interest", "Broker Interest Paid"),
    "dividend": ("dividends", "Dividends"),
    "tax": ("withholdingTax", "Withholding Tax"),
    "fee": ("brokerFees", "Other Fees"),
    "interest_received": ("interest", "Broker Interest Received"),
    "coupon": ("interest", "Bond Interest Received"),
    "accrued_bought": ("interest", "Bond Interest Paid"),
    "in_lieu": ("dividends", "Payment In Lieu Of Dividends"),
    "market_data": ("otherFees", "Other Fees"),
    "adjustment": ("otherFees", "Commission Adjustments"),
    "income": ("otherIncome", "Other Income"),
}


SECTIONS = (
    "Trades",
    "OptionEAE",
    "CorporateActions",
    "Transfers",
    "CashTransactions",
    "InterestAccruals",
    "EquitySummaryInBase",
    "OpenPositions",
    "CashReport",
    "ChangeInNAV",
)
"""What a statement holds unless the user leaves it out, in this order."""
EVERY_SECTION = (*SECTIONS, "ConversionRates")


@dataclass(frozen=True)
class Correction:
    """An execution's true price, delivered in the row's place (same transactionID) from the day's statement on."""

    number: int
    price: Decimal
    known_from: date


class Balance:
    """What an account holds at a moment, and what it is worth in base currency."""

    def __init__(self, base: str, cash: Mapping[str, str], rates: Mapping[str, str], marks: Mapping[Contract, str]):
        self.base = base
        self.cash = defaultdict(Decimal, {currency: Decimal(amount) for currency, amount in cash.items()})
        self.positions: dict[Contract, Decimal] = defaultdict(Decimal)
        self.rates = {currency: Decimal(rate) for currency, rate in rates.items()} | {base: Decimal(1)}
        self.marks = {contract: Decimal(mark) for contract, mark in marks.items()}
        self.interest = ZERO
        self.dividends = ZERO

    def copy(self) -> Balance:
        copied = Balance(self.base, {}, {}, {})
        copied.cash |= self.cash
        copied.positions |= {contract: held for contract, held in self.positions.items() if held}
        copied.rates, copied.marks = dict(self.rates), dict(self.marks)
        copied.interest, copied.dividends = self.interest, self.dividends
        return copied

    def forget(self, day: date) -> None:
        """Drops the prices of options that ended before a day."""
        ended = [c for c in self.marks if c.expiry and c.expiry < day and not self.positions.get(c)]
        for contract in ended:
            del self.marks[contract]

    def in_currency(self, currency: str) -> Decimal:
        """Cash and positions of a currency, in that currency."""
        held = (c for c in self.positions if c.currency == currency and self.positions[c])
        return self.cash[currency] + sum((self.positions[c] * c.multiplier * self.marks[c] for c in held), ZERO)

    def worth(self, *categories: str) -> Decimal:
        """Positions of the categories in base currency."""
        held = (c for c in self.positions if c.category in categories and self.positions[c])
        return sum((self.positions[c] * c.multiplier * self.marks[c] * self.rates[c.currency] for c in held), ZERO)

    @property
    def cash_in_base(self) -> Decimal:
        return sum((amount * self.rates[currency] for currency, amount in self.cash.items()), ZERO)

    @property
    def equity(self) -> dict[str, Decimal]:
        """What it is worth by kind, as the equity summary names them."""
        kinds = {
            "cash": self.cash_in_base,
            "stock": self.worth("STK"),
            "options": self.worth("OPT"),
            "bonds": self.worth("BOND"),
            "interestAccruals": self.interest,
            "dividendAccruals": self.dividends,
        }
        return kinds | {"total": sum(kinds.values(), ZERO)}

    @property
    def nav(self) -> Decimal:
        return self.equity["total"]


class Account:
    """One account from its first balance on. Each `day` closes the one before; statements close the last."""

    def __init__(
        self,
        number: str,
        base: str = "HKD",
        cash: Mapping[str, str] | None = None,
        rates: Mapping[str, str] | None = None,
        marks: Mapping[Contract, str] | None = None,
    ) -> None:
        self.number = number
        self.base = base
        default = {"USD": "10000"} if base == "USD" else {base: "60000", "USD": "10000"}
        self.balance = Balance(base, cash or default, rates or ({} if base == "USD" else {"USD": "7.85"}), marks or {})
        self.days: list[Day] = []
        self.numbers = count(1)
        self.booked: list[Execution] = []
        self.corrections: list[Correction] = []
        self._corrected: tuple[tuple[Correction, ...], Account] | None = None
        self.omitted: frozenset[str] = frozenset()
        self.blanked: frozenset[str] = frozenset()
        self.by_day = True

    def day(self, day: str, marks: Mapping[Contract, str] | None = None, **rates: str) -> Day:
        """A calendar day with a statement; marks are its closing prices, rates its closing rates."""
        if self.days:
            self.days[-1].close()
        self.days.append(Day(self, date.fromisoformat(day), marks or {}, rates))
        return self.days[-1]

    def delivers(self, *, without: Collection[str] = (), blank: Collection[str] = (), by_day: bool = True) -> None:
        """The user's choice of sections and fields (`Tag.field` for those of one kind of row), and whether the query
        breaks out by day."""
        self.omitted, self.blanked, self.by_day = frozenset(without), frozenset(blank), by_day

    def corrects(self, done: Execution, price: str, known_from: date) -> None:
        """An execution turns out to have had another price; statements of the evenings before do not know it."""
        self.corrections.append(Correction(done.number, Decimal(price), known_from))

    def as_of(self, day: date) -> Account:
        """The books with the corrections that were known on the evening of `day`; every day must have happened."""
        known = tuple(one for one in self.corrections if one.known_from <= day)
        if not known:
            return self
        kept = self._corrected  # asked by several threads, perhaps for several evenings
        if kept is None or kept[0] != known:
            kept = self._corrected = known, self._rebooked({one.number: one.price for one in known})
        return kept[1]

    def _rebooked(self, prices: Mapping[int, Decimal]) -> Account:
        """The same account, and from its first day on what happens when executions have these prices."""
        other = copy(self)
        other.balance = self.days[0].opening.copy()
        other.days, other.booked, other.corrections, other._corrected = [], [], [], None
        for day in self.days:
            again = Day(other, day.date, day.marks, {c: str(rate) for c, rate in day.rates.items()})
            again._book(*(_at_price(done, prices) for done in day.executions))
            again.conversions, again.cash, again.leaked = day.conversions, day.cash, day.leaked
            again.accrued_interest, again.accrued_dividends = day.accrued_interest, day.accrued_dividends
            again.reversed_interest, again.misbooked = day.reversed_interest, day.misbooked
            again.legs, again.transfers = day.legs, day.transfers
            other.days.append(again)
            again.close()
        return other

    def __getitem__(self, day: str) -> Day:
        return next(found for found in self.days if found.date == date.fromisoformat(day))

    def statements(self, generated: str = "20260105;050000 EST") -> list[str]:
        self.days[-1].close()
        periods = [[day] for day in self.days] if self.by_day else [self.days]
        return [self.statement(days, generated) for days in periods]

    def statement(self, days: Sequence[Day], generated: str, sections: Collection[str] = SECTIONS) -> str:
        """One statement over consecutive closed days, with those of the sections that the account delivers."""
        return statement(
            *(self._section(name, days) for name in EVERY_SECTION if name in sections and name not in self.omitted),
            account=self.number,
            first=plain(days[0].date),
            last=plain(days[-1].date),
            generated=generated,
        )

    def _section(self, name: str, days: Sequence[Day]) -> str:
        if name == "ChangeInNAV":
            return self._row(*self._change_in_nav(days))
        if name == "InterestAccruals":
            return section(name, self._row(*self._accruals(days)))
        if name == "CashReport":
            return section(name, *(self._row(*told) for told in self._cash_report(days)))
        before = ((days[0], told) for told in rows_of(days[0], "DayBefore") if name == "EquitySummaryInBase")
        own = ((day, told) for day in days for told in rows_of(day, name))
        return section(name, *(self._row(*told) for _, told in chain(before, own)))

    def _row(self, tag: str, told: Mapping[str, str]) -> str:
        kept = {key: value for key, value in told.items() if not self.blanked & {key, f"{tag}.{key}"}}
        return row(tag, accountId=self.number, **kept)

    def _cash_report(self, days: Sequence[Day]) -> Iterator[tuple[str, dict[str, str]]]:
        """One row per currency that the account has held, and the broker's sum of them all."""
        period = {"fromDate": plain(days[0].date), "toDate": plain(days[-1].date)}
        starts, ends = days[0].opening, days[-1].closing
        for currency in ends.cash:
            told = {"startingCash": str(starts.cash.get(currency, ZERO)), "endingCash": str(ends.cash[currency])}
            yield "CashReportCurrency", {"currency": currency} | period | told
        told = {"startingCash": str(starts.cash_in_base), "endingCash": str(ends.cash_in_base)}
        yield "CashReportCurrency", {"currency": "BASE_SUMMARY"} | period | told

    def _accruals(self, days: Sequence[Day]) -> tuple[str, dict[str, str]]:
        return "InterestAccrualsCurrency", {
            "currency": "BASE_SUMMARY",
            "fromDate": plain(days[0].date),
            "toDate": plain(days[-1].date),
            "startingAccrualBalance": str(days[0].opening.interest),
            "interestAccrued": str(sum((day.accrued_interest - day.reversed_interest for day in days), ZERO)),
            "accrualReversal": str(sum((day.reversed_interest for day in days), ZERO)),
            "fxTranslation": "0",
            "endingAccrualBalance": str(days[-1].equity["interestAccruals"]),
        }

    def _change_in_nav(self, days: Sequence[Day]) -> tuple[str, dict[str, str]]:
        return "ChangeInNAV", {
            "currency": self.base,
            "fromDate": plain(days[0].date),
            "toDate": plain(days[-1].date),
            "startingValue": str(days[0].opening.nav),
            "endingValue": str(days[-1].nav),
        } | {name: str(sum((day.components[name] for day in days), ZERO)) for name in COMPONENTS}


class Day:
    """One statement day. Rows are what it reports; `nav`, `components` and `fx` exist once it is closed."""

    def __init__(self, account: Account, day: date, marks: Mapping[Contract, str], rates: Mapping[str, str]) -> None:
        self.account = account
        self.date = day
        self.before = account.days[-1].date if account.days else _weekday_before(day)
        self.opening = account.balance.copy()
        account.balance.marks |= {contract: Decimal(mark) for contract, mark in marks.items()}
        account.balance.rates |= {currency: Decimal(rate) for currency, rate in rates.items()}
        self.rates = dict(account.balance.rates)
        self.marks = dict(account.balance.marks)
        self.executions: list[Execution] = []
        self._traded: dict[Contract, Decimal] = defaultdict(Decimal)
        self._book(*account.booked)
        account.booked = []
        self.conversions: list[Conversion] = []
        self.cash: list[Cash] = []
        self.legs: list[Leg] = []
        self.transfers: list[Transfer] = []
        self.accrued_interest = ZERO
        self.reversed_interest = ZERO
        self.accrued_dividends = ZERO
        self.leaked = self.misbooked = ZERO
        self.closed = False

    # -- what happens

    def closes_at(self, marks: Mapping[Contract, str]) -> None:
        """Closing prices that are known only after the day has begun."""
        prices = {contract: Decimal(mark) for contract, mark in marks.items()}
        self.account.balance.marks |= prices
        self.marks |= prices

    def trade(
        self,
        contract: Contract,
        quantity: int | str,
        price: str,
        at: str = "10:30",
        commission: str = "-1",
        rate: str | None = None,
        taxes: str = "0",
        **more: str,
    ) -> Execution:
        """An execution at a New York time of this day (or, with a date before it, of another)."""
        when = self._moment(at)
        done = Execution(
            contract,
            Decimal(quantity),
            Decimal(price),
            when,
            Decimal(commission),
            next(self.account.numbers),
            Decimal(rate) if rate else None,
            taxes=Decimal(taxes),
            **more,
        )
        self._book(done)
        return done

    def cancel(self, done: Execution) -> Execution:
        """Takes an execution back, in this day's statement, at its own time."""
        taken_back = replace(
            done,
            quantity=-done.quantity,
            commission=-done.commission,
            taxes=-done.taxes,
            kind="TradeCancel",
            cancels=done,
            number=next(self.account.numbers),
        )
        self._book(taken_back)
        return taken_back

    def convert(self, currency: str, quantity: int, price: str, at: str = "10:30", commission: str = "-15.6") -> None:
        done = Conversion(
            currency,
            Decimal(quantity),
            Decimal(price),
            self._moment(at),
            Decimal(commission),
            next(self.account.numbers),
        )
        self.conversions.append(done)

    def ends(self, contract: Contract, label: str, quantity: int | None = None, *, same_day: bool = False) -> None:
        """The option ends at 16:20: `Expiration`, or `Assignment` / `Exercise` with the stock at the strike.

        Booked in the next statement, or, as a monthly expiry can be, in this one.
        """
        held = self.held(contract) if quantity is None else Decimal(quantity)
        at = self._moment("16:20")
        numbers, booked = self.account.numbers, {"at": at, "commission": ZERO, "kind": "BookTrade"}
        legs = [Execution(contract, -held, ZERO, number=next(numbers), releases=not same_day, label=label, **booked)]
        if label != "Expiration":
            shares = held * contract.multiplier * (1 if contract.put_call == "C" else -1)
            side = "Buy" if shares > 0 else "Sell"
            stock = SHARES[contract.underlying]
            legs.append(Execution(stock, shares, contract.strike, number=next(numbers), label=side, **booked))
        if same_day:
            self._book(*legs)
        else:
            self.account.booked.extend(legs)

    # -- corporate actions, on the evening before

    def splits(self, contract: Contract, new: int, old: int, into: Contract | None = None) -> None:
        """`new` for `old` in place, or into a contract of another number; a fraction of the latter goes for cash."""
        held = self.held(contract)
        kind, told = ("FS" if new > old else "RS"), f"SPLIT {new} FOR {old}"
        if into is None:
            self._acts(kind, told, (contract, held * new / old - held, ZERO))
            return
        whole = (held * new / old).quantize(Decimal("0.0001"))
        fraction = whole - whole.to_integral_value(rounding=ROUND_DOWN)
        legs = [(contract, -held, ZERO), (into, whole, ZERO)]
        if fraction:
            legs.append((into, -fraction, (fraction * self.marks[into]).quantize(Decimal("0.01"))))
        self._acts(kind, told, *legs)

    def merges(
        self, contract: Contract, into: Contract | None = None, new: int = 1, old: int = 1, cash: str = "0"
    ) -> None:
        """`new` of another for `old`, and (or only) cash for each."""
        held = self.held(contract)
        paid = held * Decimal(cash)
        if into is None:
            self._acts("TC", f"MERGED(Acquisition) FOR {contract.currency} {cash} PER SHARE", (contract, -held, paid))
        else:
            words = f"MERGED(Acquisition) WITH {into.symbol} {new} FOR {old}"
            self._acts("TC", words, (contract, -held, paid), (into, held * new / old, ZERO))

    def spins_off(self, contract: Contract, child: Contract, new: int = 1, old: int = 1) -> None:
        self._acts("SO", f"SPINOFF {new} FOR {old}", (child, self.held(contract) * new / old, ZERO), of=contract)

    def issues(self, kind: str, contract: Contract, quantity: int | str, paid: str = "0") -> None:
        """Units that an action of a code gives, for nothing or for cash."""
        self._acts(kind, "ISSUE", (contract, Decimal(quantity), -Decimal(paid)))

    def renames(self, contract: Contract, into: Contract) -> None:
        held = self.held(contract)
        self._acts("IC", "CUSIP/ISIN CHANGE TO (US0000000000)", (contract, -held, ZERO), (into, held, ZERO))

    def delists(self, contract: Contract) -> None:
        """Worthless, and gone."""
        self._acts("DW", "DELISTED - WORTHLESS", (contract, -self.held(contract), ZERO))

    def matures(self, contract: Contract) -> None:
        held = self.held(contract)
        self._acts("BM", "(BOND MATURITY)", (contract, -held, held))

    def _acts(
        self, kind: str, words: str, *legs: tuple[Contract, Decimal, Decimal], of: Contract | None = None
    ) -> None:
        """One action of the evening before; its rows do not say which contract gives and which receives."""
        action, first = next(self.account.numbers), of or legs[0][0]
        at = datetime.combine(self.before, time(20, 25), tzinfo=NEW_YORK)
        for contract, quantity, proceeds in legs:
            told = f"{first.symbol}(US{first.conid}) {words} ({contract.symbol}, {contract.symbol} INC)"
            self.legs.append(Leg(contract, quantity, proceeds, kind, told, action, at, next(self.account.numbers)))
            self._traded[contract] += quantity

    # -- transfers

    def transfers_position(self, contract: Contract, quantity: int | str, price: str, way: str = "FOP") -> None:
        """A position comes in, or goes out when negative, at a price."""
        self._transfer(contract, Decimal(quantity), Decimal(price), ZERO, contract.currency, way)
        self._traded[contract] += Decimal(quantity)

    def transfers_cash(self, amount: str, currency: str | None = None, way: str = "INTERNAL") -> None:
        self._transfer(None, ZERO, ZERO, Decimal(amount), currency or self.account.base, way)

    def _transfer(
        self, contract: Contract | None, quantity: Decimal, price: Decimal, cash: Decimal, currency: str, way: str
    ) -> None:
        number = next(self.account.numbers)
        self.transfers.append(Transfer(contract, quantity, price, cash, currency, way, self._moment("00:00"), number))

    # -- cash

    def moves(
        self,
        kind: str,
        amount: str,
        currency: str | None = None,
        at: str | None = None,
        rate: str | None = None,
        told: str = "",
    ) -> None:
        """A cash movement: deposit (negative: withdrawal), interest, dividend, tax, fee and their kin."""
        component, word = _KINDS[kind]
        when = self._moment(at) if at else None
        self.cash.append(
            Cash(
                component,
                word,
                currency or self.account.base,
                Decimal(amount),
                when,
                next(self.account.numbers),
                Decimal(rate) if rate else None,
                told,
            )
        )

    def accrues(self, interest: str = "0", dividends: str = "0", *, reversal: str = "0") -> None:
        """Changes of the accruals, in base currency; `reversal` takes back interest that has been paid."""
        self.accrued_interest += Decimal(interest) + Decimal(reversal)
        self.reversed_interest += Decimal(reversal)
        self.accrued_dividends += Decimal(dividends)

    def leaks(self, amount: str) -> None:
        """Base currency that goes without a component of Change in NAV, like the flat fee of a withdrawal."""
        self.leaked += Decimal(amount)

    def misbooks(self, amount: str) -> None:
        """Base currency that goes as mark-to-market, though no row and no price says so: the books are wrong."""
        self.misbooked += Decimal(amount)

    def held(self, contract: Contract) -> Decimal:
        """Units held after what has happened so far."""
        return self.opening.positions.get(contract, ZERO) + self._traded.get(contract, ZERO)

    def _book(self, *done: Execution) -> None:
        self.executions += done
        for one in done:
            self._traded[one.contract] += one.quantity

    # -- the broker's arithmetic

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        after = self.account.balance
        for done in self.executions:
            after.positions[done.contract] += done.quantity
            after.cash[done.contract.currency] += done.proceeds + done.commission + done.taxes
        for done in self.conversions:
            after.cash[done.currency] += done.quantity
            after.cash[after.base] += done.commission - done.quantity * done.price
        for moved in self.cash:
            after.cash[moved.currency] += moved.amount
        for leg in self.legs:
            after.positions[leg.contract] += leg.quantity
            after.cash[leg.contract.currency] += leg.proceeds
        for transfer in self.transfers:
            if transfer.contract:
                after.positions[transfer.contract] += transfer.quantity
            after.cash[transfer.currency] += transfer.cash
        after.cash[after.base] += self.leaked + self.misbooked
        after.interest += self.accrued_interest
        after.dividends += self.accrued_dividends
        after.forget(self.date)
        self.equity = after.equity
        self.nav = self.equity["total"]
        self.closing = after.copy()
        self.open = {contract: held for contract, held in after.positions.items() if held}
        self.fx = self._fx()
        self.components = self._components()
        assert self.opening.nav + sum(self.components.values()) + self.leaked == self.nav, (
            f"the broker of {self.account.number} contradicts itself on {self.date}"
        )

    def mtm(self, done: Execution) -> Decimal:
        """A row against the closing price, in its currency."""
        return self.close_price(done) * done.quantity * done.contract.multiplier + done.proceeds

    def close_price(self, done: Execution) -> Decimal:
        return self.opening.marks[done.contract] if done.releases else self.marks.get(done.contract, ZERO)

    def marked(self, contract: Contract) -> Decimal:
        """A carried position from mark to mark, in its currency."""
        held = self.opening.positions.get(contract, ZERO) + self._released.get(contract, ZERO)
        return held * contract.multiplier * (self.marks[contract] - self.opening.marks[contract]) if held else ZERO

    @cached_property
    def _released(self) -> dict[Contract, Decimal]:
        released: dict[Contract, Decimal] = defaultdict(Decimal)
        for done in self.executions:
            if done.releases:
                released[done.contract] += done.quantity
        return released

    def _fx(self) -> Decimal:
        """Translation of balances in other currencies, and of rows at another rate than the day's."""
        balances = sum(
            (
                self.opening.in_currency(currency) * (rate - self.opening.rates[currency])
                for currency, rate in self.rates.items()
                if currency in self.opening.rates
            ),
            ZERO,
        )
        rows = sum(((d.commission + d.taxes) * (self.rate_of(d) - self.row_rate(d)) for d in self.executions), ZERO)
        moved = sum((m.amount * (self.rates[m.currency] - (m.rate or self.rates[m.currency])) for m in self.cash), ZERO)
        converted = sum((d.quantity * (self.rates[d.currency] - d.price) for d in self.conversions), ZERO)
        return balances + rows + moved + converted

    def _components(self) -> dict[str, Decimal]:
        found = dict.fromkeys(COMPONENTS, ZERO)
        market = sum((self.mtm(d) * self.rate_of(d) for d in self.executions), ZERO)
        market += sum((self.marked(c) * self.rates[c.currency] for c in self.opening.positions), ZERO)
        market += sum((self._came(leg.contract, leg.quantity) for leg in self.legs), ZERO)
        for transfer in self.transfers:
            into = "assetTransfers" if transfer.contract else "internalCashTransfers"
            found[into] += transfer.value * self.rates[transfer.currency]
            if transfer.contract:
                market += self._came(transfer.contract, transfer.quantity)
                market -= transfer.value * self.rates[transfer.currency]
        found["corporateActionProceeds"] = sum(
            (leg.proceeds * self.rates[leg.contract.currency] for leg in self.legs), ZERO
        )
        found["mtm"] = market + self.fx + self.misbooked
        found["transactionTax"] = sum((d.taxes * self.row_rate(d) for d in self.executions), ZERO)
        found["commissions"] = sum((d.commission * self.row_rate(d) for d in self.executions), ZERO)
        found["commissions"] += sum((d.commission for d in self.conversions), ZERO)
        for moved in self.cash:
            found[moved.component] += moved.amount * (moved.rate or self.rates[moved.currency])
        found["changeInInterestAccruals"] = self.accrued_interest
        found["changeInDividendAccruals"] = self.accrued_dividends
        return found

    def _came(self, contract: Contract, quantity: Decimal) -> Decimal:
        """What units are worth at the close, in base currency."""
        return quantity * contract.multiplier * self.marks[contract] * self.rates[contract.currency]

    def rate_of(self, done: Execution) -> Decimal:
        return self.rates[done.contract.currency]

    def row_rate(self, done: Execution) -> Decimal:
        return done.rate or self.rate_of(done)

    def _moment(self, at: str) -> datetime:
        if "T" in at:
            return datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
        return datetime.combine(self.date, time.fromisoformat(at), tzinfo=NEW_YORK)


def deliver(folder: Path, name: str, *accounts: Account, generated: str = "20260105;050000 EST") -> Path:
    """One file with the statements of the accounts."""
    statements = [told for account in accounts for told in account.statements(generated)]
    return write(folder / f"{name}.xml", document(*statements))


def _at_price(done: Execution, prices: Mapping[int, Decimal]) -> Execution:
    """An execution at its true price; what cancels it goes with it."""
    if done.number in prices:
        return replace(done, price=prices[done.number])
    if done.cancels and done.cancels.number in prices:
        return replace(done, price=prices[done.cancels.number], cancels=_at_price(done.cancels, prices))
    return done


def _weekday_before(day: date) -> date:
    return reduce(lambda found, _: found - timedelta(days=1), range(3 if day.weekday() == 0 else 1), day)


class Accounts:
    """Accounts by the name of the function that tells what happens in them; all in one file, as a broker may."""

    def __init__(self, first: int = 2_000_001) -> None:
        self._first = first
        self._known: dict[str, Account] = {}

    def account(self, **opening) -> Callable[[Callable[[Account], None]], Account]:
        """Decorates a function that fills an account; the name then stands for the account."""

        def fill(happens: Callable[[Account], None]) -> Account:
            account = Account(f"U{self._first + len(self._known)}", **opening)
            happens(account)
            self._known[happens.__name__] = account
            return account

        return fill

    @property
    def names(self) -> list[str]:
        return list(self._known)

    def __getitem__(self, name: str) -> Account:
        return self._known[name]

    def __iter__(self) -> Iterator[Account]:
        return iter(self._known.values())

"""What happens to an account on a day, as the broker books it: trades, ends of options, corporate actions, transfers
and cash.

What the day is worth when it closes is in `day`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.simulate.balance import Books
from fntx_dagster.simulate.bookings import (
    CASH_KINDS,
    ZERO,
    ActionLeg,
    CashMovement,
    Conversion,
    DividendAccrual,
    NightInterest,
    SimulatedFill,
    Transfer,
)
from fntx_dagster.simulate.contracts import SHARES, SimulatedContract


class Daybook:
    """Everything that a day's statement reports, in the order in which it happened."""

    def __init__(
        self, books: Books, day: date, marks: Mapping[SimulatedContract, str], rates: Mapping[str, str]
    ) -> None:
        self.books = books
        self.date = day
        self.before = books.last_day or _weekday_before(day)
        books.last_day = day
        self.opening = books.balance.copy()
        books.balance.marks |= {contract: Decimal(mark) for contract, mark in marks.items()}
        books.balance.rates |= {currency: Decimal(rate) for currency, rate in rates.items()}
        self.rates = dict(books.balance.rates)
        self.marks = dict(books.balance.marks)
        self.fills: list[SimulatedFill] = []
        self._traded: dict[SimulatedContract, Decimal] = defaultdict(Decimal)
        self.book(*books.booked)
        books.booked = []
        self.conversions: list[Conversion] = []
        self.cash: list[CashMovement] = []
        self.legs: list[ActionLeg] = []
        self.transfers: list[Transfer] = []
        self.accrued_interest = ZERO
        self.reversed_interest = ZERO
        self.translated_accruals = ZERO
        self.accrued_dividends = ZERO
        self.nights: list[NightInterest] = []
        self.dividends: list[DividendAccrual] = []
        self.leaked = self.misbooked = ZERO
        self.closed = False

    # -- what happens

    def closes_at(self, marks: Mapping[SimulatedContract, str]) -> None:
        """Closing prices that are known only after the day has begun."""
        prices = {contract: Decimal(mark) for contract, mark in marks.items()}
        self.books.balance.marks |= prices
        self.marks |= prices

    def trade(
        self,
        contract: SimulatedContract,
        quantity: int | str,
        price: str,
        at: str = "10:30",
        commission: str = "-1",
        rate: str | None = None,
        taxes: str = "0",
        kind: str = "ExchTrade",
        order_type: str = "LMT",
        open_close: str = "",
    ) -> SimulatedFill:
        """A fill at a New York time of this day (or, with a date before it, of another)."""
        when = self._moment(at)
        fill = SimulatedFill(
            contract,
            Decimal(quantity),
            Decimal(price),
            when,
            Decimal(commission),
            next(self.books.numbers),
            Decimal(rate) if rate else None,
            taxes=Decimal(taxes),
            kind=kind,
            order_type=order_type,
            open_close=open_close,
        )
        self.book(fill)
        return fill

    def cancel(self, fill: SimulatedFill) -> SimulatedFill:
        """Take a fill back, in this day's statement, at its own time."""
        taken_back = replace(
            fill,
            quantity=-fill.quantity,
            commission=-fill.commission,
            taxes=-fill.taxes,
            kind="TradeCancel",
            cancels=fill,
            number=next(self.books.numbers),
        )
        self.book(taken_back)
        return taken_back

    def convert(self, currency: str, quantity: int, price: str, at: str = "10:30", commission: str = "-15.6") -> None:
        """Buy units of a currency, or sell when negative, at a price in base currency."""
        number, moment = next(self.books.numbers), self._moment(at)
        self.conversions.append(
            Conversion(currency, Decimal(quantity), Decimal(price), moment, Decimal(commission), number)
        )

    def ends(
        self, contract: SimulatedContract, label: str, quantity: int | None = None, *, same_day: bool = False
    ) -> None:
        """The option ends at 16:20: `Expiration`, or `Assignment` / `Exercise` with the stock at the strike.

        The next statement books it; with `same_day` this one does, as happens at a monthly expiry.
        """
        held = self.held(contract) if quantity is None else Decimal(quantity)
        at = self._moment("16:20")

        def booking(contract: SimulatedContract, quantity: Decimal, price: Decimal, label: str) -> SimulatedFill:
            number = next(self.books.numbers)
            return SimulatedFill(contract, quantity, price, at, ZERO, number, kind="BookTrade", label=label)

        bookings = [replace(booking(contract, -held, ZERO, label), releases=not same_day)]
        if label != "Expiration":
            shares = held * contract.multiplier * (1 if contract.put_call == "C" else -1)
            side = "Buy" if shares > 0 else "Sell"
            bookings.append(booking(SHARES[contract.underlying], shares, contract.terms.strike, side))
        if same_day:
            self.book(*bookings)
        else:
            self.books.booked.extend(bookings)

    # -- corporate actions, on the evening before

    def splits(self, contract: SimulatedContract, new: int, old: int, into: SimulatedContract | None = None) -> None:
        """Split: `new` units for `old`, of the same contract or of another; the broker pays cash for a fraction of the
        other."""
        held = self.held(contract)
        kind, words = ("FS" if new > old else "RS"), f"SPLIT {new} FOR {old}"
        if into is None:
            self._acts(kind, words, (contract, held * new / old - held, ZERO))
            return
        whole = (held * new / old).quantize(Decimal("0.0001"))
        fraction = whole - whole.to_integral_value(rounding=ROUND_DOWN)
        legs = [(contract, -held, ZERO), (into, whole, ZERO)]
        if fraction:
            legs.append((into, -fraction, (fraction * self.marks[into]).quantize(Decimal("0.01"))))
        self._acts(kind, words, *legs)

    def merges(
        self,
        contract: SimulatedContract,
        into: SimulatedContract | None = None,
        new: int = 1,
        old: int = 1,
        cash: str = "0",
    ) -> None:
        """Merger: `new` units of another contract for `old`, cash for each unit, or both."""
        held = self.held(contract)
        paid = held * Decimal(cash)
        if into is None:
            self._acts("TC", f"MERGED(Acquisition) FOR {contract.currency} {cash} PER SHARE", (contract, -held, paid))
        else:
            words = f"MERGED(Acquisition) WITH {into.symbol} {new} FOR {old}"
            self._acts("TC", words, (contract, -held, paid), (into, held * new / old, ZERO))

    def spins_off(self, contract: SimulatedContract, child: SimulatedContract, new: int = 1, old: int = 1) -> None:
        """Spin-off: `new` units of `child` for `old` of the contract, which stays."""
        self._acts("SO", f"SPINOFF {new} FOR {old}", (child, self.held(contract) * new / old, ZERO), of=contract)

    def issues(self, kind: str, contract: SimulatedContract, quantity: int | str, paid: str = "0") -> None:
        """Units that an action of this code gives, for nothing or for cash in the contract's currency."""
        self._acts(kind, "ISSUE", (contract, Decimal(quantity), -Decimal(paid)))

    def renames(self, contract: SimulatedContract, into: SimulatedContract) -> None:
        """The contract gets another symbol and number."""
        held = self.held(contract)
        self._acts("IC", "CUSIP/ISIN CHANGE TO (US0000000000)", (contract, -held, ZERO), (into, held, ZERO))

    def delists(self, contract: SimulatedContract) -> None:
        """The contract becomes worthless and leaves the account."""
        self._acts("DW", "DELISTED - WORTHLESS", (contract, -self.held(contract), ZERO))

    def matures(self, contract: SimulatedContract) -> None:
        """A bond pays its face value and leaves the account."""
        held = self.held(contract)
        self._acts("BM", "(BOND MATURITY)", (contract, -held, held))

    def _acts(
        self,
        kind: str,
        words: str,
        *legs: tuple[SimulatedContract, Decimal, Decimal],
        of: SimulatedContract | None = None,
    ) -> None:
        """Book an action of the evening before; its rows do not say which contract gives and which receives."""
        action, first = next(self.books.numbers), of or legs[0][0]
        at = datetime.combine(self.before, time(20, 25), tzinfo=NEW_YORK)
        for contract, quantity, proceeds in legs:
            description = f"{first.symbol}(US{first.conid}) {words} ({contract.symbol}, {contract.symbol} INC)"
            self.legs.append(
                ActionLeg(contract, quantity, proceeds, kind, description, action, at, next(self.books.numbers))
            )
            self._traded[contract] += quantity

    # -- transfers

    def transfers_position(
        self, contract: SimulatedContract, quantity: int | str, price: str, way: str = "FOP"
    ) -> None:
        """Transfer a position in, or out when negative, at a price per unit."""
        self._transfer(contract, Decimal(quantity), Decimal(price), ZERO, contract.currency, way)
        self._traded[contract] += Decimal(quantity)

    def transfers_cash(self, amount: str, currency: str | None = None, way: str = "INTERNAL") -> None:
        """Transfer cash in, or out when negative; in base currency unless another is given."""
        self._transfer(None, ZERO, ZERO, Decimal(amount), currency or self.books.base, way)

    def _transfer(
        self,
        contract: SimulatedContract | None,
        quantity: Decimal,
        price: Decimal,
        cash: Decimal,
        currency: str,
        way: str,
    ) -> None:
        number = next(self.books.numbers)
        self.transfers.append(Transfer(contract, quantity, price, cash, currency, way, self._moment("00:00"), number))

    # -- cash

    def moves(
        self,
        kind: str,
        amount: str,
        currency: str | None = None,
        at: str | None = None,
        rate: str | None = None,
        description: str = "",
    ) -> None:
        """Book a cash movement of one of `CASH_KINDS`; a negative deposit is a withdrawal."""
        component, word = CASH_KINDS[kind]
        when = self._moment(at) if at else None
        self.cash.append(
            CashMovement(
                component,
                word,
                currency or self.books.base,
                Decimal(amount),
                when,
                next(self.books.numbers),
                Decimal(rate) if rate else None,
                description,
            )
        )

    def accrues(self, interest: str = "0", dividends: str = "0", *, reversal: str = "0") -> None:
        """Change the accruals, in base currency; `reversal` takes back interest that was paid."""
        self.accrued_interest += Decimal(interest) + Decimal(reversal)
        self.reversed_interest += Decimal(reversal)
        self.accrued_dividends += Decimal(dividends)

    def accrues_night(self, currency: str, principal: str, rate: str) -> None:
        """Accrue a night's interest on a balance, at a rate in percent a year; it costs where the balance is a debt."""
        night = NightInterest(currency, Decimal(principal), Decimal(rate))
        self.nights.append(night)
        self.accrued_interest += night.interest * self.rates[currency]

    def accrues_dividend(
        self, contract: SimulatedContract, quantity: Decimal, rate: str, ex_date: date, pay_date: date, tax: str = "0"
    ) -> DividendAccrual:
        """Accrue a dividend per share on a number of shares; `tax` is the part that is withheld."""
        fx_rate = self.rates[contract.currency]
        accrual = DividendAccrual(contract, quantity, Decimal(rate), Decimal(tax), fx_rate, ex_date, pay_date)
        self._changes_accrual(accrual)
        return accrual

    def pays_dividend(self, accrual: DividendAccrual) -> None:
        """Pay a dividend that has accrued: the cash comes, less the tax, and the accrual goes."""
        currency = accrual.contract.currency
        self.moves("dividend", str(accrual.gross), currency)
        if accrual.tax:
            self.moves("tax", str(-accrual.tax), currency)
        self._changes_accrual(replace(accrual, is_paid=True))

    def _changes_accrual(self, accrual: DividendAccrual) -> None:
        self.dividends.append(accrual)
        self.accrued_dividends += accrual.change

    def translates_accruals(self, amount: str) -> None:
        """Accrued interest in other currencies is worth so much more in base currency; no component of Change in NAV
        holds it."""
        self.translated_accruals += Decimal(amount)

    def leaks(self, amount: str) -> None:
        """Take an amount in base currency without a component of Change in NAV, like the flat fee of a withdrawal."""
        self.leaked += Decimal(amount)

    def misbooks(self, amount: str) -> None:
        """Take an amount in base currency as mark-to-market without a row or a price behind it: the books are wrong."""
        self.misbooked += Decimal(amount)

    def held(self, contract: SimulatedContract) -> Decimal:
        """Units held after what has happened so far."""
        return self.opening.positions.get(contract, ZERO) + self._traded.get(contract, ZERO)

    def book(self, *fills: SimulatedFill) -> None:
        """Add fills with the numbers and times that they have."""
        self.fills += fills
        for fill in fills:
            self._traded[fill.contract] += fill.quantity

    def _moment(self, at: str) -> datetime:
        if "T" in at:
            return datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
        return datetime.combine(self.date, time.fromisoformat(at), tzinfo=NEW_YORK)


def _weekday_before(day: date) -> date:
    return day - timedelta(days=3 if day.weekday() == 0 else 1)

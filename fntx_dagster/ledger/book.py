"""A book: the balances, positions, funds and figures that its entries and the quotes make, one after the other.

One code for all who need them: an order's transaction loads a book, changes it and stores what changed; a replay of all
entries from the first gives the same book. Money is in the currency that it is in; what is summed over currencies is in
the reporting currency: realised P&L and fees at the rate of their fill, deposits at the rate of their moment, balances
and positions at the rate of now.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger import units
from fntx_dagster.ledger.exact import exact, stored
from fntx_dagster.ledger.market import ONE, Prices, Symbol, is_valid
from fntx_dagster.ledger.positions import ZERO, Filled, Key, OpenLot, Position, Trip, fill, joined, release
from fntx_dagster.ledger.units import Fund
from fntx_dagster.model.orders import OrderFill, Quote

USER = ""
"""In place of a bot's id: the user's own figures, which are those of the whole book."""


class Figures(NamedTuple):
    """What the fills of a bot, or of the whole book, add up to, in the reporting currency.

    `realized` is gross. `income`: dividends, interest, taxes and fees that an account's statements book apart from
    fills, negative of what was paid. `gains` and `losses` (negative) are the net results of the round trips that `wins`
    and `losing` count; `best` and `worst` the sums over all that ended of what they were at most and at least.
    `unknown`: amounts without a rate at their moment; a sum that lacks one is not known. `streak`: losing round trips
    since the last win or reset of the breaker.
    """

    fills: int = 0
    volume: Fraction = ZERO
    realized: Fraction = ZERO
    fees: Fraction = ZERO
    income: Fraction = ZERO
    wins: int = 0
    losing: int = 0
    even: int = 0
    gains: Fraction = ZERO
    losses: Fraction = ZERO
    best: Fraction = ZERO
    worst: Fraction = ZERO
    unknown: int = 0
    streak: int = 0

    @property
    def ended(self) -> int:
        """Round trips that ended."""
        return self.wins + self.losing + self.even


class EntryRates(NamedTuple):
    """What one of the symbol's quote currency, and one of the fee's currency, is worth in the reporting currency at the
    moment of an entry, which states both; None: no quote says so."""

    price: Fraction | None
    fee: Fraction | None


class HeldElsewhere(NamedTuple):
    """Positions of one quote currency that a book counts without holding them one by one, at the marks of now, in that
    currency: what they are worth, net and gross (None: one has no mark), and what they were opened for."""

    currency: str
    net: Fraction | None
    gross: Fraction | None
    cost: Fraction


class Booking(NamedTuple):
    """What a broker books of a position without an execution, as an assignment or a transfer. `quantity` negative of
    what goes; `price`, `proceeds` (what comes in cash, or by what the capital shrinks in kind) and `fee` in the
    symbol's currency."""

    quantity: Fraction
    price: Fraction
    proceeds: Fraction
    fee: Fraction
    in_kind: bool
    at: datetime


class Carry(NamedTuple):
    """The oldest lots of a position, `quantity` of them (signed as they are), go on as `given` at `price` in the
    position `to`; `cash` came with it."""

    quantity: Fraction
    to: Key
    given: Fraction
    price: Fraction
    cash: Fraction
    at: datetime


class Valuation(NamedTuple):
    """A book, or a bot's positions, at the prices of now, in the reporting currency; None: a price or rate is missing.
    `gross` and `net`: the exposure."""

    equity: Fraction | None
    unrealized: Fraction | None
    gross: Fraction | None
    net: Fraction | None


class Booked(NamedTuple):
    """What a fill, a booking or a carry did to the book: its gross P&L in the quote currency, and the parts of a fill,
    in order: the fill itself, and the disposal of a fee that was taken in the base currency."""

    key: Key
    realized: Fraction
    parts: list[Filled]


@dataclass(slots=True)
class Book:
    """The state of one book; see the module. An order needs few of its positions: `elsewhere` is what the others are
    worth, by bot and, as `USER`, in all. While it counts, none of those is filled, and no quote of theirs moves."""

    currency: str
    balances: dict[str, Fraction] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    fees: dict[str, Fraction] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    positions: dict[Key, Position] = field(default_factory=dict)
    lots: dict[Key, deque[OpenLot]] = field(default_factory=lambda: defaultdict(deque))
    figures: dict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    funds: dict[str, Fund] = field(default_factory=dict)
    quotes: dict[Symbol, Quote] = field(default_factory=dict)
    errors: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """Bot → when its approved orders were refused by the exchange or never answered, since its last reset."""
    elsewhere: dict[str, list[HeldElsewhere]] = field(default_factory=dict)
    _market: Prices | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def market(self) -> Prices:
        if self._market is None or self._market.quotes is not self.quotes:
            self._market = Prices(self.currency, self.quotes)
        return self._market

    # what happens to a book

    def quote(self, exchange: str, symbol: str, quote: Quote) -> bool:
        """Take a quote: whether it is valid and not older than the one that is known. It counts from `observe` on."""
        known = self.quotes.get((exchange, symbol))
        if not is_valid(quote) or (known is not None and quote.at < known.at):
            return False
        self.quotes[exchange, symbol] = quote
        return True

    def rates(self, currency: str, fee_currency: str) -> EntryRates:
        """What an entry of now that moves these currencies states: the rates of this moment, as they are stored."""
        return EntryRates(self._stored_rate(currency), self._stored_rate(fee_currency))

    def flow(self, amount: Fraction, currency: str, rate: Fraction, bot_id: str | None, day: date) -> None:
        """A deposit, or a withdrawal (negative); one with a bot is that bot's capital too."""
        self.balances[currency] += amount
        for name in (USER, bot_id) if bot_id else (USER,):
            self._flow(name, stored(amount * rate), day)

    def allocate(self, amount: Fraction, rate: Fraction, bot_id: str, day: date) -> None:
        """Money of the book becomes a bot's capital; the book's equity does not move."""
        self._flow(bot_id, stored(amount * rate), day)

    def fill(self, key: Key, entry_no: int, execution: OrderFill, rates: EntryRates) -> Booked:
        """A fill: cash, position, lots, fees, figures. What it is worth is seen by `observe`.

        A fee in the base currency is a disposal of that quantity at the price of the fill, and an expense of what that
        brings; a fee in a third currency is paid from its balance.
        """
        base, _, currency = key.symbol.partition("/")
        quantity, price, fee = exact(execution.signed), exact(execution.price), exact(execution.fee)
        rate = rates.price
        if execution.fee_currency in (base, currency) or not fee:
            expense: Fraction | None = stored(fee * price) if execution.fee_currency == base else fee
            worth = None if rate is None else expense * rate
        else:
            worth = None if rates.fee is None else fee * rates.fee
            expense = None if worth is None or not rate else stored(worth / rate)
        parts = [self._fill(key, entry_no, quantity, price, expense, execution.at)]
        self.balances[currency] -= quantity * price
        if fee and execution.fee_currency == base:
            parts.append(self._fill(key, entry_no, -fee, price, ZERO, execution.at))
        elif fee:
            self.balances[execution.fee_currency] -= fee
        if fee:
            self.fees[execution.fee_currency] += fee
        realized = sum((part.realized for part in parts), ZERO)
        ended = [trip for part in parts for trip in part.ended]
        for name in (USER, key.bot_id):
            self.figures[name] = counted(self.figures[name], abs(quantity) * price, realized, worth, ended, rate)
        return Booked(key, realized, parts)

    def booking(self, key: Key, entry_no: int, booking: Booking, rate: Fraction | None, day: date) -> Booked:
        """What a broker books without an execution: lots open and close as by a fill, at the booking's price; its
        proceeds are cash, or capital that came or went in kind."""
        currency = key.symbol.partition("/")[2]
        part = self._fill(key, entry_no, booking.quantity, booking.price, booking.fee, booking.at)
        self.balances[currency] -= booking.fee
        if booking.fee:
            self.fees[currency] += booking.fee
        if not booking.in_kind:
            self.balances[currency] += booking.proceeds
        elif rate is not None:
            self._flow(USER, stored(-booking.proceeds * rate), day)
        worth = None if rate is None else booking.fee * rate
        self._count(key.bot_id, part.realized, worth, part.ended, rate)
        return Booked(key, part.realized, [part])

    def carry(self, key: Key, entry_no: int, carry: Carry, rate: Fraction | None) -> Booked:
        """The oldest lots of a position go on as one lot of the same or another, at the cost that the carry states; the
        cash that came with it, and what the two costs differ by, is realised. The round trip goes on."""
        position, lots = self.positions.get(key, Position()), self.lots[key]
        taken, cost = release(position, lots, carry.quantity)
        self._shorten(lots, taken)
        rest = Position(position.quantity - carry.quantity, position.cost - cost, position.trip)
        moved = rest.trip if not rest.quantity else None
        self.positions[key] = rest if rest.quantity else Position()
        given = carry.given * carry.price
        realized = carry.cash + given - cost
        known = self.positions.get(carry.to, Position())
        trip = joined(known.trip, moved) or Trip(carry.at)
        trip = trip._replace(realized=trip.realized + realized)
        self.positions[carry.to] = Position(known.quantity + carry.given, known.cost + given, trip)
        self.lots[carry.to].append(OpenLot(entry_no, carry.given, carry.price))
        self.balances[key.symbol.partition("/")[2]] += carry.cash
        self._count(key.bot_id, realized, ZERO, [], rate)
        return Booked(key, realized, [])

    def convert(self, amounts: Mapping[str, Fraction], fee: Fraction, fee_currency: str, rate: Fraction | None) -> None:
        """Cash of one currency becomes cash of another; `fee` in a currency that has this `rate`."""
        for currency, amount in amounts.items():
            self.balances[currency] += amount
        if fee:
            self.balances[fee_currency] -= fee
            self.fees[fee_currency] += fee
            self._count(None, ZERO, None if rate is None else fee * rate, [], exact(1))

    def income(self, amount: Fraction, currency: str, rate: Fraction | None) -> None:
        """Dividends, interest, taxes, fees: cash that came (negative: went) without a fill, at the rate of its day."""
        self.balances[currency] += amount
        figures = self.figures[USER]
        if rate is None:
            self.figures[USER] = figures._replace(unknown=figures.unknown + 1)
        else:
            self.figures[USER] = figures._replace(income=figures.income + stored(amount * rate))

    def observe(self, day: date) -> None:
        """Value the book at the quotes of now: after every quote, flow and fill. Where a price or rate is missing, the
        funds keep their last valuation."""
        for key, position in self.positions.items():
            if position.trip and (mark := self.market.mark(key.exchange, key.symbol)) is not None:
                self.positions[key] = position.valued(mark)
        values = self._values({*self.funds})
        for name in list(self.funds):
            fund = units.on(self.funds[name], day)
            equity = values[name].equity
            self.funds[name] = fund if equity is None else units.valued(fund, equity)

    def reset(self, bot_id: str) -> None:
        """A reset of the breaker of a bot, or of the user: its highest price and its day begin now, its streak at 0."""
        if bot_id in self.funds:
            self.funds[bot_id] = units.rebased(self.funds[bot_id])
        self.figures[bot_id] = self.figures[bot_id]._replace(streak=0)
        self.errors[bot_id].clear()

    # what a book says

    def value(self, bot_id: str = USER) -> Valuation:
        """At the prices of now: the whole book, or a bot: its capital + realised − fees + unrealised."""
        return self._values({bot_id})[bot_id]

    def _values(self, names: Set[str]) -> dict[str, Valuation]:
        """The valuations of the whole book (`USER`) and of bots, in one pass over the positions."""
        held: dict[str, list[HeldElsewhere]] = {name: [*self.elsewhere.get(name, ())] for name in names}
        for key, position in self.positions.items():
            if position.quantity and (USER in names or key.bot_id in names):
                mark = self.market.mark(key.exchange, key.symbol)
                net = None if mark is None else position.quantity * mark
                gross = None if net is None else abs(net)
                holding = HeldElsewhere(key.symbol.partition("/")[2], net, gross, position.cost)
                for name in (USER, key.bot_id):
                    if name in names:
                        held[name].append(holding)
        return {name: self._valued(name, holdings) for name, holdings in held.items()}

    def _valued(self, name: str, holdings: Iterable[HeldElsewhere]) -> Valuation:
        unrealized = gross = net = ZERO
        for holding in holdings:
            rate = self.market.rate(holding.currency)
            if holding.net is None or holding.gross is None or rate is None:
                return Valuation(None, None, None, None)
            parts = (holding.net, holding.gross, holding.net - holding.cost)
            worth, size, gain = parts if rate is ONE else (part * rate for part in parts)
            net, gross, unrealized = net + worth, gross + size, unrealized + gain
        return Valuation(self._equity(name, unrealized, net), unrealized, gross, net)

    def _equity(self, bot_id: str, unrealized: Fraction, net: Fraction) -> Fraction | None:
        if bot_id != USER:
            figures = self.figures[bot_id]
            known = None if figures.unknown else figures.realized - figures.fees
            return None if known is None else self.funds.get(bot_id, Fund()).capital + known + unrealized
        equity = net
        for currency, amount in self.balances.items():
            if amount:
                worth = self._worth(amount, currency)
                if worth is None:
                    return None
                equity += worth
        return equity

    def _flow(self, name: str, worth: Fraction, day: date) -> None:
        self.funds[name] = units.flowed(units.on(self.funds.get(name, Fund()), day), worth)

    def _stored_rate(self, currency: str) -> Fraction | None:
        return None if (rate := self.market.rate(currency)) is None else stored(rate)

    def _worth(self, amount: Fraction, currency: str) -> Fraction | None:
        rate = self.market.rate(currency)
        return amount if rate is ONE else None if rate is None else amount * rate

    def _fill(
        self, key: Key, entry_no: int, quantity: Fraction, price: Fraction, fee: Fraction | None, at: datetime
    ) -> Filled:
        lots = self.lots[key]
        done = fill(self.positions.get(key, Position()), lots, entry_no, quantity, price, fee, at)
        self._shorten(lots, done.taken)
        if done.opened and lots and lots[-1].entry_no == entry_no:  # the disposal of a fee goes on selling short
            lots[-1] = lots[-1]._replace(quantity=lots[-1].quantity + done.opened.quantity)
        elif done.opened:
            lots.append(done.opened)
        self.positions[key] = done.position
        return done

    def _shorten(self, lots: deque[OpenLot], taken: Sequence[tuple[OpenLot, Fraction]]) -> None:
        for lot, part in taken:
            lots.popleft()
            if part != lot.quantity:
                lots.appendleft(lot._replace(quantity=lot.quantity - part))

    def _count(
        self,
        bot_id: str | None,
        realized: Fraction,
        fee: Fraction | None,
        ended: Sequence[Trip],
        rate: Fraction | None,
    ) -> None:
        """Count what was no fill in the figures of the user and the bot."""
        for name in (USER, bot_id) if bot_id else (USER,):
            self.figures[name] = counted(self.figures[name], ZERO, realized, fee, ended, rate, fills=0)


def counted(
    figures: Figures,
    volume: Fraction,
    realized: Fraction,
    fee: Fraction | None,
    ended: Sequence[Trip],
    rate: Fraction | None,
    fills: int = 1,
) -> Figures:
    """The figures with one more fill, or with `fills=0` what is booked without one: `volume` and `realized` and the
    trips that ended in the quote currency, which has this `rate` now; `fee` in the reporting currency. What has no rate
    is counted as unknown."""
    if rate is None:
        return figures._replace(fills=figures.fills + fills, unknown=figures.unknown + 1)
    figures = figures._replace(
        fills=figures.fills + fills,
        volume=figures.volume + stored(volume * rate),
        realized=figures.realized + stored(realized * rate),
        fees=figures.fees + stored(fee or ZERO),
        unknown=figures.unknown + (fee is None),
    )
    for trip in ended:
        figures = _ended(figures, trip, rate)
    return figures


def _ended(figures: Figures, trip: Trip, rate: Fraction) -> Figures:
    """The figures with one more round trip; one whose fees have no known worth is neither won nor lost."""
    best, worst = figures.best + stored(trip.best * rate), figures.worst + stored(trip.worst * rate)
    figures = figures._replace(best=best, worst=worst)
    if trip.net is None:
        return figures._replace(unknown=figures.unknown + 1)
    net = stored(trip.net * rate)
    if net > 0:
        return figures._replace(wins=figures.wins + 1, gains=figures.gains + net, streak=0)
    if net < 0:
        streak = figures.streak + 1
        return figures._replace(losing=figures.losing + 1, losses=figures.losses + net, streak=streak)
    return figures._replace(even=figures.even + 1)

"""A turn on a book: one transaction under its lock, in which quotes, money and fills come in and entries go out.

The book in memory and the rows that will be stored change together, here and nowhere else: a use case says what
happens (`quote`, `fill`, `fund`, `trip`), and this module books it, values the book afterwards and judges the breaker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.ledger import breaker, kinds, matching
from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.costs import fees_of
from fntx_dagster.ledger.entries import Head, chained, moment
from fntx_dagster.ledger.exact import decimal, exact
from fntx_dagster.ledger.gates import reducible
from fntx_dagster.ledger.positions import Key, Position
from fntx_dagster.ledger.postings import LedgerLeg, of_fill
from fntx_dagster.model.orders import RESTING, OrderFill, Quote
from fntx_dagster.services.auditing import order_books
from fntx_dagster.services.orders.desks import Desk
from fntx_dagster.services.orders.ids import new_id
from fntx_dagster.services.orders.lots import TurnLots
from fntx_dagster.services.orders.waiting import alone
from fntx_dagster.store.ledger import books, changes, live
from fntx_dagster.store.ledger.books import About, Stored
from fntx_dagster.store.ledger.changes import BookChanges, BookRows, Kept, text

OrderRow = dict[str, Any]
"""A row of `ledger.orders`; amounts as texts or Decimals."""

CANCELLED = {
    "breaker_tripped": "the breaker tripped and cancelled what rested",
    "cancelled_by_user": "cancelled by its user",
}
"""Why an order is cancelled: the code and the words."""


@contextmanager
def turn(desk: Desk, user_id: str, is_paper: bool, about: About) -> Iterator[Turn]:
    """A turn on the user's book; what it changed is stored at its end, and nothing of it where it fails.

    Raises Transient where the book's lock or the database is not to be had in time.
    """
    with alone(desk.db.url, user_id, is_paper), desk.db.connect() as connection:
        yield (taken := begun(desk, connection, user_id, is_paper, about))
        taken.store()


def begun(desk: Desk, connection: Any, user_id: str, is_paper: bool, about: About) -> Turn:
    """A turn of whoever is `alone` on the book, and stores it. Raises Transient where the lock is not to be had."""
    book_id = books.lock(connection, user_id, is_paper, desk.currency)
    taken = Turn(desk, connection, books.read(connection, book_id, about, in_turn=True), about)
    if taken.stored.only is None:  # else its funds are of today, and it was valued when it last changed
        taken.observe()
    return taken


class Unread(Exception):
    """A turn without a connection needs what it would have to read."""


class Turn:
    """See the module. `now` is the time of the request, which in a paper book may be simulated. Without a connection,
    what has to read raises Unread. `after`: the turn that left the book so, when nothing of both is stored yet: what
    both change is stored as one."""

    def __init__(
        self, desk: Desk, connection: Any | None, stored: Stored, about: About, after: Turn | None = None
    ) -> None:
        self.desk = desk
        self.stored = stored
        self.now = about.now
        self.day = desk.day(about.now)
        self.book: Book = stored.book
        self.head: Head = stored.head
        self.first_day = stored.first_day
        self.tripped = {name: kind for name, (kind, _) in stored.tripped.items()}
        self.resting: list[OrderRow] = list(stored.resting)
        self.approved = self.touched = False
        self._events: list[NewAuditEvent] = []
        self._reading, self.is_on_a_kept_book = connection, connection is None
        self._rows: dict[str, OrderRow] = {order["order_id"]: order for order in stored.resting}
        self._recorded_at = desk.clock()
        self.key = Key(about.bot_id or "", about.exchange or "", about.symbol or "")
        self.lots = TurnLots(stored, self.key)
        if after is not None:
            self.touched, self.changes, self._day = after.touched, after.changes, after._day
            self._before, self._positions = after._before, after._positions
            return
        self.changes = BookChanges(stored.book_id)
        self._day = changes.Row(trades=0, fees=exact(0), volume=exact(0), realized=exact(0), flows=exact(0))
        self._before, self._positions = Kept.of(self.book), dict(self.book.positions)

    @property
    def _connection(self) -> Any:
        if self._reading is None:
            raise Unread
        return self._reading

    @property
    def when(self) -> kinds.Moments:
        """The moments of an entry of now."""
        return kinds.Moments(self.now, self._recorded_at)

    # what comes in

    def quote(self, exchange: str, symbol: str, quote: Quote) -> None:
        """A new price: the book is valued, and in a paper book the resting orders that it reaches fill. One that is
        invalid, or older than the one that is known, changes nothing."""
        self._expect(exchange, symbol)
        if not self.book.quote(exchange, symbol, quote):
            return
        self.touched = True
        self.stored.taken[exchange, symbol] = (Decimal(0), Decimal(0))
        self.changes.quote(exchange, symbol, quote, (Decimal(0), Decimal(0)), (self.head.entry_no, self.now))
        self.observe()
        for order in list(self.resting) if self.stored.is_paper else []:
            if (order["exchange"], order["symbol"]) == (exchange, symbol) and matching.reaches(
                quote, order["side"], Decimal(order["price"])
            ):
                rest = decimal(exact(order["amount"]) - exact(order["filled"]))
                self.paper_fill(order, rest, Decimal(order["price"]), taker=False)

    def paper_fill(self, order: OrderRow, quantity: Decimal, price: Decimal, *, taker: bool) -> None:
        """A fill of the paper market: the exchange's fees in the quote currency."""
        fees = fees_of(self.desk.rules.fees, order["exchange"], self.day)
        assert fees is not None  # the gates let no order of an exchange without fees through
        fee = matching.fee(quantity, price, fees, taker=taker)
        currency = order["symbol"].partition("/")[2]
        liquidity = "taker" if taker else "maker"
        execution = OrderFill(
            f"paper-{new_id().replace('-', '')}", order["side"], quantity, price, fee, currency, liquidity, self.now
        )
        if taker:
            self._take(order, quantity)
        self.fill(order, execution)

    def fill(self, order: OrderRow, execution: OrderFill) -> None:
        """A fill of an order, booked: entry, postings, lots, figures, the order's progress; then the breaker. An
        exchange tells of a fill later than it was; it counts to the day on which it is booked."""
        execution = execution._replace(at=min(execution.at, self.now))
        key = Key(order["bot_id"], order["exchange"], order["symbol"])
        self._expect(key.exchange, key.symbol)
        if wanted := self.lots.wanted(key, execution):
            self.lots.read(self._connection, key, wanted)
        rates = self.book.rates(key.symbol.partition("/")[2], execution.fee_currency)
        before = self.book.figures[USER]
        booked = self.book.fill(key, self.head.entry_no + 1, execution, rates)
        after = self.book.figures[USER]
        own = (new_id(), order["order_id"], key, execution, rates, booked.realized)
        entry = kinds.fill(*own, self.stored.is_paper, self._recorded_at)
        legs = of_fill(key, execution)
        self._record(entry if self.stored.is_paper else entry | {"booked_at": moment(self.now)}, legs)
        for part in booked.parts:
            self.changes.filled(key, part)
        self._day["trades"] += 1
        for name in ("fees", "volume", "realized"):
            self._day[name] += getattr(after, name) - getattr(before, name)
        filled = exact(order["filled"]) + exact(execution.quantity)
        order["filled"] = text(filled)
        order["paid"] = text(exact(order["paid"]) + exact(execution.quantity) * exact(execution.price))
        done = filled >= exact(order["amount"])
        self.move(order, "filled" if done else "partially_filled")
        self.observe()
        self.judge(USER, order["bot_id"])

    def fund(
        self, kind: str, amount: Decimal, currency: str, rate: Fraction, bot_id: str | None, why: str | None
    ) -> Mapping[str, Any]:
        """A deposit, a withdrawal or an allocation: the entry."""
        if bot_id:
            self.changes.bots.add(bot_id)
        entry = self._record(
            kinds.funding(kind, new_id(), amount, currency, rate, bot_id, why, self.stored.is_paper, self.when)
        )
        before = self.book.funds[USER].capital if USER in self.book.funds else exact(0)
        kinds.apply(self.book, entry, self.day)
        self._day["flows"] += self.book.funds[USER].capital - before if USER in self.book.funds else 0
        self.observe()
        return entry

    def refuse(self, order: OrderRow) -> None:
        """The entry of an order that a gate refused."""
        own = {name: order[name] for name in ("order_id", "bot_id", "exchange", "symbol", "gate_failed", "reason_code")}
        self.event(kinds.REJECTED, **own)

    def error(self, order: OrderRow, reason: str) -> None:
        """The entry of an approved order that the exchange refused, or that never got an answer; then the breaker."""
        entry = self.event(
            kinds.ERROR,
            order_id=order["order_id"],
            bot_id=order["bot_id"],
            reason=reason,
        )
        kinds.apply(self.book, entry, self.day)
        self.changes.errors.append(
            {"bot_id": order["bot_id"], "at": self.now.isoformat(), "entry_no": entry["entry_no"]}
        )
        self.judge(order["bot_id"])

    def alarm(self, kind: str, about: str, words: str, **own: object) -> None:
        """What a person has to look at: an entry and an alarm, once for each thing that it is about."""
        told = any((known["kind"], known["about"]) == (kind, about) for known in self.changes.alarms)
        if told or live.is_told(self._connection, self.stored.book_id, kind, about):
            return
        entry = self.event(kind, words=words, **own)
        row = {"kind": kind, "about": about, "entry_no": entry["entry_no"], "words": words}
        self.changes.alarms.append(row | {"raised_at": self.now.isoformat()})

    def follow(self, exchange: str, symbol: str) -> None:
        """Read the fills of a live book in this market from now on."""
        live.follow(self._connection, self.stored.book_id, exchange, symbol, self.now)

    # what was there before

    def order(self, order_id: str) -> OrderRow:
        """The row of an order of the book."""
        found = self._rows.get(order_id) or live.order(self._connection, self.stored.book_id, order_id)
        assert found is not None  # whoever asks read its id from the database, where orders stay
        return self._kept(found)

    def order_of_key(self, key: str) -> OrderRow | None:
        """The row of the order that a key belongs to."""
        return live.order_of_key(self._connection, self.stored.book_id, key)

    def known_fills(self, exchange: str, symbol: str, trade_ids: Collection[str]) -> dict[str, live.KnownFill]:
        """Trade id → the fill of it that is booked."""
        return live.known_fills(self._connection, self.stored.book_id, exchange, symbol, trade_ids)

    # what comes of it

    def observe(self) -> None:
        """Value the book at the prices of now."""
        self.book.observe(self.day)

    def judge(self, *names: str) -> None:
        """Trip the user (`USER`) or a bot where a trigger is found and the breaker is not tripped yet."""
        for name in names:
            if name not in self.tripped and (
                found := breaker.judge(self.book, name, self.desk.rules.breaker, self.now)
            ):
                self.trip(name, found)

    def trip(self, name: str, trigger: breaker.Trigger) -> None:
        """The breaker of the user (`USER`) or a bot trips: an entry with its figures; what rests and would not reduce
        is cancelled."""
        entry = self.event(
            kinds.TRIP,
            **_whose(name),
            trigger_type=trigger.type,
            trigger_reason=trigger.words,
            metrics=trigger.metrics,
        )
        self.tripped[name] = trigger.type
        book_id, is_paper = self.stored.book_id, self.stored.is_paper
        self._events.append(order_books.tripped(book_id, is_paper, entry, trigger.type))
        self.changes.trips.append(
            {
                "trip_no": entry["entry_no"],
                "bot_id": name,
                "trigger_type": trigger.type,
                "trigger_reason": trigger.words,
                "tripped_at": self.now.isoformat(),
                "metrics": trigger.metrics,
            }
        )
        self._cancel_what_rests(name)

    def reset(self, name: str, by: str, reason: str) -> None:
        """The breaker of the user (`USER`) or a bot is reset by a person, and begins anew."""
        entry = self.event(
            kinds.RESET,
            **_whose(name),
            reset_by=by,
            reason=reason,
        )
        kinds.apply(self.book, entry, self.day)
        _, trip_no = self.stored.tripped[name]
        self._events.append(order_books.was_reset(self.stored.book_id, self.stored.is_paper, entry, trip_no))
        row = {"trip_no": trip_no, "bot_id": name, "reset_at": self.now.isoformat(), "reset_by": by}
        self.changes.resets.append(row | {"reset_reason": reason})
        del self.tripped[name]

    def move(self, order: OrderRow, state: str, reason_code: str | None = None, words: str | None = None) -> None:
        """An order's new state; moves of orders are no entries."""
        order["state"] = state
        if reason_code:
            order |= {"reason_code": reason_code, "rejection_reason": words}
        self.change(order)
        if state in RESTING:
            if order not in self.resting:
                self.resting.append(order)
        elif order in self.resting:
            self.resting.remove(order)

    def change(self, order: OrderRow, **fields: object) -> None:
        """Fields of an order beside its state."""
        order |= fields
        order["changed_at"] = self.now.isoformat()
        self.touched = True
        self.changes.orders[order["order_id"]] = self._rows[order["order_id"]] = order

    def cancel(self, order: OrderRow, code: str) -> None:
        """Cancel what rests of an order, for a reason of `CANCELLED`. A live one is marked: it is cancelled at its
        exchange, outside of the turn, as soon as it rests there."""
        if self.stored.is_paper:
            self.move(order, "cancelled", code, CANCELLED[code])
        elif not order.get("cancel_code"):
            self.change(order, cancel_code=code)

    def approve(self, bot_id: str) -> None:
        """An order is approved: it counts against the limits of its day, whatever becomes of it."""
        self.approved = True
        self.changes.approve(bot_id, self.day)

    def store(self) -> str | None:
        """Write all that the turn changed, and what the book holds now, under the book's lock: the book's version then;
        None where nothing was written. The audit log is written last: whoever holds its lock waits for nobody."""
        version = changes.write(self._connection, self.rows()) if self.touched else None
        if self._events and self.desk.note:
            self.desk.note(self._connection, self._events)
        return version

    def rows(self, version: str | None = None) -> BookRows:
        """All that the turn, and those that it came after, changed, and what the book holds now. `version`: of the book
        as the first of them found it, where they hold no lock."""
        for key, position in self.book.positions.items():
            if position != self._positions.get(key):
                self.changes.position(key, position)
        before = self._before
        if self.changes.entries or self.changes.quote_history:
            row = {name: value if name == "trades" else text(value) for name, value in self._day.items()}
            last = self.book.funds[USER].last if USER in self.book.funds else None
            row |= {"equity": text(last and last.equity), "units": text(last and last.units)}
            self.changes.days[self.day] = row | {"day": self.day.isoformat()}
        else:  # nothing that a replay would see
            before = Kept.of(self.book)
        return changes.rows_of(self.changes, self.book, before, self.head, self.first_day, version)

    def _expect(self, exchange: str, symbol: str) -> None:
        if self.stored.only not in (None, (exchange, symbol)):
            raise ValueError(f"the book was read for {self.stored.only}, and {symbol} at {exchange} moves")

    def _position(self, key: Key) -> Position:
        if self.stored.only in (None, (key.exchange, key.symbol)):
            return self.book.positions.get(key, Position())
        return Position(books.read_quantity(self._connection, self.stored.book_id, key))

    def event(self, kind: str, **own: object) -> dict[str, Any]:
        """An entry of now that moves no money."""
        return self._record(kinds.event(kind, self.when, self.stored.is_paper, **own))

    def _record(self, body: dict[str, Any], legs: Sequence[LedgerLeg] | None = None) -> dict[str, Any]:
        [entry] = chained(self.head, [body])
        self.head = Head(entry["entry_no"], entry["hash"])
        self.first_day = min(self.first_day or self.day, self.day)
        self.changes.entry(entry, kinds.postings(entry) if legs is None else legs)
        self.touched = True
        return entry

    def _take(self, order: OrderRow, quantity: Decimal) -> None:
        symbol = (order["exchange"], order["symbol"])
        bid, ask = self.stored.taken[symbol]
        more = exact(quantity)
        taken = (bid, decimal(exact(ask) + more)) if order["side"] == "buy" else (decimal(exact(bid) + more), ask)
        self.stored.taken[symbol] = taken
        self.changes.quote(*symbol, self.book.quotes[symbol], taken, None)

    def _cancel_what_rests(self, name: str) -> None:
        for order in books.resting(self._connection, self.stored.book_id, name or None):
            if order["order_id"] not in self.changes.orders:
                self._cancel(self._kept(order))
        for order in list(self.changes.orders.values()):
            if name in (USER, order["bot_id"]):
                self._cancel(order)

    def _kept(self, order: OrderRow) -> OrderRow:
        """One row for one order, whoever reads it."""
        return self._rows.setdefault(order["order_id"], order)

    def _cancel(self, order: OrderRow) -> None:
        if order["state"] in (*RESTING, "submitting", "unknown"):
            position = self._position(Key(order["bot_id"], order["exchange"], order["symbol"]))
            rest = exact(order["amount"]) - exact(order["filled"])
            if not order["reduce_only"] and rest > reducible(position, order["side"], Decimal(0)):
                self.cancel(order, "breaker_tripped")


def _whose(name: str) -> dict[str, str | None]:
    """Whose breaker an entry is about: the user's (`USER`) or a bot's."""
    return {"entity_type": "bot" if name else "user", "bot_id": name or None}

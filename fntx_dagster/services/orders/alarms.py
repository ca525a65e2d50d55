"""What a person has to know of the ledger's books: trips, orders of unknown outcome, prices that do not arrive.

The watcher and Dagster's sensors look with the same functions, so that an event is one alert whoever sees it first, and
whoever is started anew. Books are named by their numbers, and no user is: `fntx ledger status` says whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.market import Symbol
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import deliver, record, undelivered_ids
from fntx_dagster.services.orders.guarding import MANUAL
from fntx_dagster.services.orders.health import ABANDONED
from fntx_dagster.services.orders.prices import ASKED_FOR, task_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import Verified, verify
from fntx_dagster.services.signals.settling import unsettled
from fntx_dagster.settings import Settings
from fntx_dagster.store import alerts
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import live, prices, watch
from fntx_dagster.store.ledger.prices import FeedPrice, WantedPrice

TRIPS, UNKNOWN, MET, STALE, HELD, VERIFIED = (
    f"ledger/{name}" for name in ("trips", "unknown_orders", "alarms", "stale_prices", "held_prices", "verify")
)
"""The sources of these alerts."""
_REPORTED_FOR = timedelta(days=3)
"""A trip that was reset before anybody looked is reported if it is not older."""
_OPEN_FOR = timedelta(days=1)
"""For how long what an order met stays open."""
_AGAIN = timedelta(minutes=15)
"""After so long a destination that did not take its alerts is tried again."""


def observed(desk: Desk, now: datetime) -> list[Observed]:
    """All of it, from one snapshot."""
    with desk.db.snapshot() as db:
        return [
            tripped(db, now),
            unknown_orders(db, now),
            met(db, now),
            stale_prices(desk, db, now),
            held_prices(db),
            unsettled(desk, db, now),
        ]


def tripped(db: Readable, now: datetime) -> Observed:
    """Each trip is an alert, open until the breaker is reset; one that was reset before anybody looked is one, too."""
    findings = {}
    found = {_trip_name(trip): trip for trip in watch.trips(db, now - _REPORTED_FOR)}
    known = alerts.raised_subjects(db, TRIPS, list(found))
    for subject, trip in found.items():
        if trip.reset_at is None or subject not in known:
            book = name_of_book(trip.book_id, trip.is_paper)
            whose = f"bot {trip.bot_id}" if trip.bot_id else "the user"
            why = "by hand" if trip.trigger_type == MANUAL else trip.trigger_reason  # the reason names who did it
            findings[subject] = Finding(subject, f"{book}: the breaker of {whose} tripped: {why}")
    return Observed("trip", TRIPS, list(findings.values()))


def unknown_orders(db: Readable, now: datetime) -> Observed:
    """The orders of which nobody knows whether the exchange has them."""
    findings = [
        Finding(
            order.order_id,
            f"book {order.book_id}, bot {order.bot_id}: nobody knows since {_clock(order.changed_at)} whether "
            f"{order.exchange} has the order {order.order_id} ({order.symbol}); it is asked for, and not sent again",
        )
        for order in watch.unknown_orders(db, now - ABANDONED)
    ]
    return Observed("unknown_order", UNKNOWN, findings)


def met(db: Readable, now: datetime) -> Observed:
    """What live orders met that a person has to look at: a fill of nobody's, one that changed or came late, an order
    that never arrived. Each is an alert, open for a day."""
    found = {f"{alarm.kind} book {alarm.book_id} {alarm.about}": alarm for alarm in live.alarms(db)}
    known = alerts.raised_subjects(db, MET, list(found))
    findings = [
        Finding(subject, f"{name_of_book(alarm.book_id, False)}: {alarm.words}")
        for subject, alarm in found.items()
        if subject not in known or now - alarm.raised_at < _OPEN_FOR
    ]
    return Observed("order", MET, findings)


def stale_prices(desk: Desk, db: Readable, now: datetime) -> Observed:
    """The symbols that live books hold, and the rates of their currencies, whose newest price is too old to value the
    books: entries are refused."""
    wants = prices.wanted(db, now - ASKED_FOR)
    newest = prices.newest(db, {want.name for want in wants if want.is_held or want.is_rate})
    findings = [*_old_symbols(desk, db, now, wants, newest), *_old_rates(desk, now, wants, newest)]
    return Observed("prices", STALE, findings)


def _old_symbols(
    desk: Desk, db: Readable, now: datetime, wants: Iterable[WantedPrice], newest: Mapping[Symbol, FeedPrice]
) -> Iterator[Finding]:
    problems = {beat.task: beat.problem for beat in watch.heartbeats(db)}
    for exchange, symbol in sorted({want.name for want in wants if want.is_held}):
        price = newest.get((exchange, symbol))
        if price is None or now - price.quote.at > desk.rules.oldest_mark:
            age = f"is of {_clock(price.quote.at)}" if price else "never came"
            why = f" ({problem})" if (problem := problems.get(task_of(exchange))) else ""
            text = f"the price of {symbol} at {exchange} {age}{why}: orders of books that hold it are refused"
            yield Finding(_market_name((exchange, symbol)), text)


def _old_rates(
    desk: Desk, now: datetime, wants: Iterable[WantedPrice], newest: Mapping[Symbol, FeedPrice]
) -> Iterator[Finding]:
    """A rate is the newest price of either way to say it, at any exchange that its book uses."""
    said: dict[tuple[int, str], list[FeedPrice]] = {}
    for want in wants:
        if want.is_rate:
            pair = "/".join(sorted(want.symbol.split("/")))
            said.setdefault((want.book_id, pair), []).extend(filter(None, [newest.get(want.name)]))
    for (book_id, pair), known in sorted(said.items()):
        at = max((price.quote.at for price in known), default=None)
        if at is None or now - at > desk.rules.oldest_mark:
            age = "never came" if at is None else f"is of {_clock(at)}"
            text = f"book {book_id} (live): the rate of {' and '.join(pair.split('/'))} {age}: its orders are refused"
            yield Finding(f"book {book_id} rate {pair}", text)


def held_prices(db: Readable) -> Observed:
    """The prices that are held back, because they jumped."""
    findings = [
        Finding(
            f"{_market_name(symbol)} {price.held.since.isoformat()}",
            f"the price of {price.symbol} at {price.exchange} jumped from bid {price.quote.bid}, ask {price.quote.ask} "
            f"to bid {price.held.bid}, ask {price.held.ask}: it is used once it has lasted",
        )
        for symbol, price in prices.newest(db).items()
        if price.held
    ]
    return Observed("prices", HELD, findings)


def verify_and_record(
    desk: Desk, user_id: str | None = None, on_progress: Callable[[str], None] = lambda _words: None
) -> list[Verified]:
    """Verify the books of a user, or all; one that does not hold becomes an alert, which the next verification ends."""
    verified = verify(desk, user_id, on_progress)
    record_verified(desk, verified)
    return verified


def record_verified(desk: Desk, verified: Sequence[Verified]) -> None:
    """Raise an alert for each of these books that does not hold, and end those of the others."""
    findings = [
        Finding(book_name(book), f"{book_name(book)} does not hold: {'; '.join(book.faults[:3])}")
        for book in verified
        if not book.holds
    ]
    looked = [book_name(book) for book in verified]
    record(desk.db, [Observed("ledger", VERIFIED, findings, looked=looked)])


def book_name(book: Verified) -> str:
    """A book that was verified, without its user."""
    return name_of_book(book.book_id, book.is_paper)


def name_of_book(book_id: int, is_paper: bool) -> str:
    """What texts call a book: `fntx ledger status` says whose it is."""
    return f"book {book_id} ({'paper' if is_paper else 'live'})"


class Alarms:
    """The watcher's part: looks, raises what is new, and sends it to the destinations of the settings."""

    def __init__(self, settings: Settings, desk: Desk) -> None:
        self._settings, self._desk = settings, desk
        self._tried: tuple[list[int], datetime] | None = None

    def look(self) -> None:
        """Raise and deliver. Raises Transient where a destination does not take its alerts."""
        now = self._desk.clock()
        record(self._desk.db, observed(self._desk, now))
        due = undelivered_ids(self._settings, self._desk.db)
        if not due or (self._tried and self._tried[0] == due and now - self._tried[1] < _AGAIN):
            return
        self._tried = (due, now)
        problems = [
            f"{done.destination}: {done.problem}" for done in deliver(self._settings, self._desk.db) if done.problem
        ]
        if problems:
            raise Transient("; ".join(problems))


def _trip_name(trip: watch.TripRow) -> str:
    return f"book {trip.book_id} trip {trip.trip_no}"


def _market_name(symbol: Symbol) -> str:
    return " ".join(symbol)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"

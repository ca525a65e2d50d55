"""The price feed: polls the exchanges for the symbols that live books and the stops of signals need, and gives each
new price to those books.

Prices are public: one connection per exchange, without keys. A price that is used is kept as the newest of its symbol,
which orders are judged by; then the books that need it are valued by it and their breakers judged. A feed that stops
lets prices grow old, and the gates refuse what they cannot judge.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from fntx_dagster.errors import FntxError, Permanent, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.feed import HeldPrice, weigh
from fntx_dagster.ledger.market import Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.store.ledger import prices
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.prices import FeedPrice, WantedPrice

SOURCE = "rest"
ASKED_FOR = timedelta(days=1)
"""How long an order keeps its symbol in the feed."""
MOST_SYMBOLS = 30
"""Symbols of one exchange that are polled: those that are held come first, then the newest that were asked for."""
_REFRESHED = timedelta(seconds=20)
"""A price that stays the same is given to the books again after so long, before it counts as old there."""
_PAUSE = timedelta(minutes=10)
"""How long an exchange or a symbol that cannot be had is left alone."""
_MOST_FAILS = 2
"""After so many symbols without an answer a round of an exchange ends: the others would wait as long for none."""
_REST = 2
"""An exchange is left alone for so many times as long as its last round took: a slow one has orders to answer, too."""
_PROBLEMS_SHOWN = 3

_log = logging.getLogger(__name__)

Note = Callable[[str, str | None], None]
"""Takes a task and what went wrong (None: nothing)."""


class PriceSource(Protocol):
    """What the feed asks of an exchange (model/exchanges.py)."""

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask now. Raises Transient where the exchange is away, Permanent where it has no such symbol."""
        ...


class Feed:
    """The feed of one process. `market`: an exchange without an account, by its name; `note` hears of each round of
    each exchange; `others`: the symbols that somebody else than a live book needs prices of."""

    def __init__(
        self,
        desk: Desk,
        market: Callable[[str], PriceSource],
        note: Note,
        others: Callable[[], Iterable[Symbol]] = tuple,
    ) -> None:
        self._desk, self._market, self._note, self._others = desk, market, note, others
        self._exchanges: dict[str, PriceSource] = {}
        self._paused: dict[Symbol, tuple[datetime, str]] = {}
        self._given: dict[tuple[int, Symbol], Quote] = {}
        self._failed: dict[str, frozenset[str]] = {}
        self._rests_until: dict[str, float] = {}
        self._busy: dict[str, threading.Thread] = {}

    def poll(self, patience: float) -> None:
        """One round: every exchange in a thread of its own. One that does not answer within `patience` seconds keeps
        no other waiting, and is left out of the next rounds until it has answered. Raises Transient where the database
        is away."""
        needed: dict[str, list[WantedPrice]] = {}
        for want in prices.wanted(self._desk.db, self._desk.clock() - ASKED_FOR):
            needed.setdefault(want.exchange, []).append(want)
        others: dict[str, list[str]] = {}
        for exchange, symbol in self._others():
            others.setdefault(exchange, []).append(symbol)
        started = []
        for exchange in dict.fromkeys((*needed, *others)):
            if self._is_due(exchange):
                wanted = (exchange, needed.get(exchange, ()), others.get(exchange, ()))
                thread = threading.Thread(target=self._round, args=wanted, daemon=True)
                self._busy[exchange] = thread
                thread.start()
                started.append(thread)
        for thread in started:
            thread.join(patience)

    def _is_due(self, exchange: str) -> bool:
        busy = self._busy.get(exchange)
        return not (busy and busy.is_alive()) and time.monotonic() >= self._rests_until.get(exchange, 0)

    def _round(self, exchange: str, wants: Sequence[WantedPrice], others: Sequence[str]) -> None:
        began = time.monotonic()
        try:
            problems = self.poll_exchange(exchange, wants, others)
        except FntxError as error:
            problems = [str(error)]
        except Exception as error:  # of one exchange: the others go on
            _log.exception("the prices of %s", exchange)
            problems = [type(error).__name__]
        ended = time.monotonic()
        self._rests_until[exchange] = ended + _REST * (ended - began)
        self._note(task_of(exchange), "; ".join(problems[:_PROBLEMS_SHOWN]) or None)

    def poll_exchange(self, exchange: str, wants: Sequence[WantedPrice], others: Sequence[str] = ()) -> list[str]:
        """Ask an exchange for the prices that are wanted of it, keep them, give them to the books: what went wrong, in
        words. Raises what opening the exchange raises, and Transient where the database is away."""
        held = [want.symbol for want in wants if want.is_held]
        symbols = list(dict.fromkeys((*held, *others, *(want.symbol for want in wants))))[:MOST_SYMBOLS]
        known = prices.newest(self._desk.db, [(exchange, symbol) for symbol in symbols])
        problems: list[str] = []
        new: dict[Symbol, Quote] = {}
        failed = self._failed.get(exchange, frozenset())
        missed = {*held, *others}
        fails: list[str] = []
        for symbol in sorted(symbols, key=failed.__contains__):  # what had no answer the last time comes last
            if why := self._paused_for(exchange, symbol):
                problems += [why] if symbol in missed else []
                continue
            try:
                quote = self._opened(exchange).quote(symbol)
            except Permanent as error:
                why = cleaned(without_accounts(f"{symbol}: {error}"))
                self._paused[exchange, symbol] = (self._desk.clock() + _PAUSE, why)
                problems += [why] if symbol in missed else []
                continue
            except FntxError as error:
                problems.append(cleaned(without_accounts(f"{symbol}: {error}")))
                fails.append(symbol)
                if len(fails) == _MOST_FAILS:
                    break
                continue
            if why := take(self._desk, exchange, symbol, quote, known.get((exchange, symbol))):
                problems.append(f"{symbol}: {why}")
            else:
                new[exchange, symbol] = quote
        self._failed[exchange] = frozenset(fails)
        return problems + self._give(new, wants)

    def _opened(self, exchange: str) -> PriceSource:
        if exchange not in self._exchanges:
            self._exchanges[exchange] = self._market(exchange)
        return self._exchanges[exchange]

    def _paused_for(self, exchange: str, symbol: str) -> str | None:
        until, why = self._paused.get((exchange, symbol), (None, None))
        if until is not None and self._desk.clock() < until:
            return why
        self._paused.pop((exchange, symbol), None)
        return None

    def _give(self, new: Mapping[Symbol, Quote], wants: Iterable[WantedPrice]) -> list[str]:
        """Each book that wants them gets the prices that are news to it, in one turn; a book that cannot be had gets
        them in the next round, and is said."""
        problems = []
        news: dict[tuple[int, str], dict[Symbol, Quote]] = {}
        for want in wants:
            quote = new.get(want.name)
            if quote is not None and _is_news(quote, self._given.get((want.book_id, want.name))):
                news.setdefault((want.book_id, want.user_id), {})[want.name] = quote
        for (book_id, user_id), quotes in news.items():
            try:
                give(self._desk, user_id, quotes)
            except FntxError as error:
                problems.append(f"book {book_id}: {error}")
            else:
                self._given |= {(book_id, symbol): quote for symbol, quote in quotes.items()}
        return problems


def take(desk: Desk, exchange: str, symbol: str, quote: Quote, last: FeedPrice | None) -> str | None:
    """Keep a price that an exchange said just now as the newest of its symbol, where it can be used; else why not.
    `last`: the newest that is known."""
    now = desk.clock()
    held = last.held if last else None
    verdict = weigh(last.quote if last else None, held, quote, now, desk.rules.feed)
    if isinstance(verdict, str):
        return verdict
    if isinstance(verdict, HeldPrice):
        if verdict != held:
            prices.hold(desk.db, exchange, symbol, verdict)
        return f"held back: it jumped to bid {quote.bid}, ask {quote.ask}"
    kept = prices.keep(desk.db, SOURCE, exchange, symbol, quote, now)
    return None if kept else "it is older than the one before"


def give(desk: Desk, user_id: str, quotes: Mapping[Symbol, Quote]) -> None:
    """New prices for a user's live book: it is valued by them, and its breakers are judged. Raises what `turn`
    raises."""
    with turn(desk, user_id, False, About(desk.clock())) as at:
        for (exchange, symbol), quote in quotes.items():
            at.quote(exchange, symbol, quote)
        holders = {key.bot_id for key, position in at.book.positions.items() if position.quantity}
        at.judge(USER, *sorted((holders | at.book.funds.keys()) - {USER}))


def task_of(exchange: str) -> str:
    """What the heartbeat of an exchange's prices is called."""
    return f"prices of {exchange}"


def _is_news(quote: Quote, given: Quote | None) -> bool:
    return given is None or (quote.bid, quote.ask) != (given.bid, given.ask) or quote.at - given.at >= _REFRESHED

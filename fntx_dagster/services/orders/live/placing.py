"""Place a live order: the first transaction, the exchange, the second transaction.

The first commits the order as `submitting` with the id that the exchange will know it by, so that whatever happens
afterwards it is asked for by that id, and never sent again. The exchange is called in a thread of its own, once; who
submitted waits for it for a while, and gets the state that was reached.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as StillRunningError
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.ledger.rounding import fitted, limit
from fntx_dagster.model.exchanges import Exchange, MarketRules, OrderRefusedError, OutcomeUnknownError, SentOrder
from fntx_dagster.model.orders import OrderRequest, Quote
from fntx_dagster.services.orders.judging import about_order, judged
from fntx_dagster.services.orders.live.cancelling import cancel_marked
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.live.reports import Report, ask, note, with_fills, words_of
from fntx_dagster.services.orders.live.settling import answered, fail, settle, turn_of
from fntx_dagster.services.orders.prices import take
from fntx_dagster.services.orders.replies import Reply, order_reply, replay, reused, store_answer
from fntx_dagster.services.orders.requests import Declined, FieldFault, Submission
from fntx_dagster.services.orders.turn import Desk, OrderRow, turn
from fntx_dagster.store.ledger import books, prices
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.changes import text
from fntx_dagster.store.ledger.live import LiveOrder

_log = logging.getLogger(__name__)
_MOST_CALLS = 32
_POLL_SECONDS = 0.2
_calls = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="exchange")


class _Refused(NamedTuple):
    """Why an order is certainly not at the exchange: the code, the words."""

    code: str
    words: str


def place(desk: Desk, user_id: str, asked: Submission, now: datetime) -> Reply:
    """Take a live order through the gates to its exchange; the answer comes when the outcome is known, after
    `Reach.wait` at the latest.

    Raises Declined: 422 where the user has no account at the exchange or the exchange does not have the symbol, 422 for
    a key of another request, 409 for a key whose order is being placed. Raises Transient where the exchange, which is
    asked for its rules first, the database or the book's lock is not to be had; nothing was sent then.
    """
    until = time.monotonic() + (desk.live.wait.total_seconds() if desk.live else 0)
    key, order = asked.key, asked.order
    assert key is not None  # a live order without one is declined as a request
    if before := _before(desk, user_id, key, asked.fingerprint):
        return before
    exchange, rules, reach = _market(desk, user_id, order)
    quote = _quote(desk, exchange, order)
    now = max(now, desk.clock())  # connecting may take seconds, and the price is no older than that
    send_until = time.monotonic() + reach.lease.total_seconds() / 2
    reserved = _reserve(desk, reach, user_id, asked, now, rules, quote)
    if isinstance(reserved, Reply):
        return reserved
    placing = _calls.submit(_place, desk, reach, exchange, *reserved, send_until, until)
    try:
        return placing.result(max(until - time.monotonic(), 0))
    except StillRunningError:
        live, _ = reserved
        with turn_of(desk, live) as at:
            return answered(at, at.order(live.order_id))


def cancel_in_time(desk: Desk, user_id: str) -> None:
    """Cancel a user's marked orders at their exchanges, and wait for it as long as for an order; it goes on after
    that."""
    if desk.live is not None:
        cancelling = _calls.submit(cancel_marked, desk, user_id)
        wait([cancelling], desk.live.wait.total_seconds())


def _reserve(
    desk: Desk,
    reach: Reach,
    user_id: str,
    asked: Submission,
    now: datetime,
    rules: MarketRules,
    quote: Quote | None,
) -> Reply | tuple[LiveOrder, SentOrder]:
    """The first transaction: the order as it is to be sent, or the answer where a gate refuses it."""
    key, order = asked.key, asked.order
    assert key is not None
    with turn(desk, user_id, False, about_order(desk, order, key, now)) as at:
        if at.stored.answer:
            return replay(at.stored.answer, asked.fingerprint)
        if running := at.order_of_key(key):
            raise _in_progress(running, asked.fingerprint)
        if quote is not None:
            at.quote(order.exchange, order.symbol, quote)
        quote = quote or at.book.quotes.get((order.exchange, order.symbol))
        order, refusal = fitted(order, rules, quote)
        row = judged(at, order, key, quote, refusal)
        if row["state"] == "rejected":
            reserved = store_answer(at, key, asked.fingerprint, order_reply(row, now))
        else:
            assert quote is not None  # no gate lets an order without a quote through
            price, time_in_force = limit(order, quote, rules, reach.band_bps)
            row |= {
                "fingerprint": f"\\x{asked.fingerprint.hex()}",
                "sent_price": text(price),
                "time_in_force": time_in_force,
                "exchange_order_id": None,
                "held_until": (now + reach.lease).isoformat(),
            }
            at.follow(order.exchange, order.symbol)
            at.move(row, "submitting")
            whose = (row["order_id"], user_id, order.exchange, order.symbol, order.side)
            live = LiveOrder(*whose, order.amount, price, "submitting", Decimal(0), None, key, order.bot_id, now)
            sent = SentOrder(live.client_id, order.symbol, order.side, order.amount, price, time_in_force)
            reserved = (live, sent)
    if at.changes.trips:
        _calls.submit(cancel_marked, desk, user_id)
    return reserved


def _before(desk: Desk, user_id: str, key: str, fingerprint: bytes) -> Reply | None:
    """The answer that a key has already: the exchange is not asked again. Raises Declined where it is not given yet, or
    belongs to another request."""
    book_id = books.book_of(desk.db, user_id, False)
    if book_id is None:
        return None
    with desk.db.connect() as connection:
        stored = books.read(connection, book_id, About(desk.clock(), idempotency_key=key)).answer
    return replay(stored, fingerprint) if stored else None


def _in_progress(order: OrderRow, fingerprint: bytes) -> Declined:
    if order["fingerprint"] != f"\\x{fingerprint.hex()}":
        return reused()
    words = "the order of this key is being placed: ask for it again in a moment"
    return Declined([FieldFault("idempotency_key", "in_progress", words)], "request_in_progress", 409)


def _market(desk: Desk, user_id: str, order: OrderRequest) -> tuple[Exchange, MarketRules, Reach]:
    if desk.live is None:
        words = (
            "no exchange is connected for live orders: FNTX_EXCHANGE_KEYS connects one; is_paper: true asks for paper"
        )
        raise Declined([FieldFault("is_paper", "not_connected", words)])
    try:
        exchange = desk.live.account(user_id, order.exchange)
    except Permanent as error:
        raise Declined([FieldFault("exchange", "not_connected", words_of(error))]) from error
    try:
        return exchange, exchange.rules(order.symbol), desk.live
    except Permanent as error:
        raise Declined([FieldFault("symbol", "not_traded", words_of(error))]) from error


def _quote(desk: Desk, exchange: Exchange, order: OrderRequest) -> Quote | None:
    """The feed's newest price; where the feed does not follow the symbol, or its price is too old, the exchange is
    asked, and what it says is weighed as the feed's prices are. An old price is better than none: the gates say how old
    it is."""
    symbol = (order.exchange, order.symbol)
    known = prices.newest(desk.db, [symbol]).get(symbol)
    if known and desk.clock() - known.quote.at <= desk.rules.oldest_quote:
        return known.quote
    try:
        quote = exchange.quote(order.symbol)
    except FntxError as error:
        note(order.exchange, error)
        return known and known.quote
    if why := take(desk, *symbol, quote, known):
        _log.warning("the price of %s at %s: %s", order.symbol, order.exchange, why)
        return known and known.quote
    return quote


def _place(
    desk: Desk, reach: Reach, exchange: Exchange, order: LiveOrder, sent: SentOrder, send_until: float, until: float
) -> Reply:
    """Send the order and book what comes of it: the answer to its key."""
    outcome = _send(exchange, sent, send_until)
    if not isinstance(outcome, _Refused):
        outcome = _followed(exchange, order, sent, reach, outcome, until)
    with turn_of(desk, order) as at:
        row = at.order(order.order_id)
        if isinstance(outcome, Report):
            settle(at, row, outcome)
        elif outcome is None and row["state"] == "submitting":
            at.move(row, "unknown")
        elif outcome is not None and row["state"] in ("submitting", "unknown"):
            fail(at, row, *outcome)
        reply = answered(at, row)
        tripped = bool(at.changes.trips)
        marked = row["cancel_code"]
    if tripped or marked:
        cancel_marked(desk, order.user_id)
    return reply


def _send(exchange: Exchange, sent: SentOrder, send_until: float) -> Report | _Refused | None:
    """What came of sending; None: nobody knows."""
    if time.monotonic() > send_until:
        return _Refused("not_sent", "this server had too much to do, and did not send the order in time")
    try:
        return Report(exchange.send(sent))
    except OrderRefusedError as refusal:
        return _Refused("exchange_refused", words_of(refusal))
    except OutcomeUnknownError as error:
        _log.warning("%s: the answer to an order is lost, and it is asked for: %s", exchange.name, words_of(error))
    except Exception:  # whatever it was, the order may have left
        _log.exception("%s: sending an order failed", exchange.name)
    return None


def _followed(
    exchange: Exchange, order: LiveOrder, sent: SentOrder, reach: Reach, report: Report | None, until: float
) -> Report | None:
    """The order with its fills: one that takes at once is asked for until it has ended, as long as somebody waits; one
    that nobody knows of is asked for once."""
    try:
        report = ask(exchange, order, reach) if report is None else with_fills(exchange, order, report.found, reach)
        while report and sent.time_in_force == "IOC" and not report.is_whole:
            if time.monotonic() + _POLL_SECONDS >= until:
                break
            time.sleep(_POLL_SECONDS)
            report = ask(exchange, order, reach) or report
    except (FntxError, OutcomeUnknownError) as error:
        note(exchange.name, error)
    except Exception:  # what is known is booked, and the poll asks again
        _log.exception("%s: asking for an order failed", exchange.name)
    return report

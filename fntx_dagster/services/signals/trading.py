"""How a strategy trades in its own paper book: its capital, its block orders through the gates, what they take.

A strategy is a user of the ledger, `strategy:CODE`, with two bots: `long` holds what BUY_ENTRY bought, `short` what
SELL_ENTRY sold, so that a reversal closes nobody's position by netting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import matching
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.costs import ExchangeFees, fees_of
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.ledger.kinds import DEPOSIT
from fntx_dagster.model.orders import OrderRequest, Quote, Side
from fntx_dagster.model.signals import SignalInstrument, SignalStrategy
from fntx_dagster.services.orders.judging import about_order, judged
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn, begun
from fntx_dagster.services.orders.waiting import alone
from fntx_dagster.services.signals.requests import PaperMarket
from fntx_dagster.signals.amounts import ONE, exact, written
from fntx_dagster.signals.entry import Ladder, ladder, takes
from fntx_dagster.signals.sharing import Got
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import prices

PREFIX = "strategy:"
CAPITAL = 1_000_000
_TIMES = 10
"""A paper strategy without a capital of its own has ten times what an entry is worth, and a million at least."""
_FREE = Decimal(0)


class BlockOrder(NamedTuple):
    """What a block order got: its row (None where there was nothing to order), its fills in all, and why it got less
    than it wanted."""

    row: OrderRow | None
    got: Got
    reason: str | None


class SeenMarket(NamedTuple):
    """A market as the orders of one signal see it, read once: its best prices (None: none is known), and both sides."""

    quote: Quote | None
    bids: Ladder
    asks: Ladder

    def side(self, side: Side) -> Ladder:
        """The side that an order takes from."""
        return self.asks if side == "buy" else self.bids


def user_of(code: str) -> str:
    """Whose books a strategy's are."""
    return f"{PREFIX}{code}"


def side_of(signal_type: str, *, leaves: bool) -> Side:
    """Which side an order of a signal takes: BUY_ENTRY buys on the way in and sells on the way out."""
    return "buy" if (signal_type == "BUY_ENTRY") != leaves else "sell"


def bot_of(signal_type: str) -> str:
    return "long" if signal_type == "BUY_ENTRY" else "short"


def desk_for(desk: Desk, instrument: SignalInstrument) -> Desk:
    """The desk as a signal's order sees it: an exchange that the fee table does not know takes nothing in paper, and an
    order gets what its market gives."""
    rules: Rules = desk.rules
    if not any(fees.exchange == instrument.exchange for fees in rules.fees):
        rules = replace(rules, fees=(*rules.fees, ExchangeFees(instrument.exchange, _FREE, _FREE)))
    return Desk(desk.db, rules, desk.currency, desk.zone, desk.clock, desk.live, desk.note)


@contextmanager
def strategy_turn(
    desk: Desk, strategy: SignalStrategy, order: OrderRequest, key: str, now: datetime, *, is_paper: bool = True
) -> Iterator[tuple[Turn, Any]]:
    """A turn on the strategy's book for an order, and its transaction's connection; stored at its end."""
    user_id = user_of(strategy.code)
    own = Desk(desk.db, desk.rules, strategy.currency, desk.zone, desk.clock, desk.live, desk.note)
    with alone(desk.db.url, user_id, is_paper), desk.db.connect() as connection:
        at = begun(own, connection, user_id, is_paper, about_order(own, order, key, now))
        yield at, connection
        at.store()


def market_of(
    db: Readable, given: PaperMarket | None, instrument: SignalInstrument, currency: str, now: datetime
) -> SeenMarket:
    """The market of a signal: the request's, else the newest price of the feed. In the quote, a side that was not given
    is at the other's price."""
    if given is None:
        symbol = (instrument.exchange, instrument.market(currency))
        known = prices.newest(db, [symbol]).get(symbol)
        quote = known.quote if known else None
        bids, asks = ([], []) if quote is None else ([(quote.bid, None)], [(quote.ask, None)])
    else:
        bids, asks = given.bids, given.asks
        bid, ask = max((price for price, _ in bids), default=None), min((price for price, _ in asks), default=None)
        best = ask if bid is None else bid
        assert best is not None  # a quote has one side at least
        quote = Quote(best if bid is None else bid, best if ask is None else ask, None, None, given.at or now)
    return SeenMarket(quote, ladder(bids, buys=False), ladder(asks, buys=True))


def funded(at: Turn, strategy: SignalStrategy, worth: int) -> None:
    """Give the strategy's paper book the notional capital that an entry of this worth (in 10^-18) needs."""
    fund = at.book.funds.get(USER)
    if strategy.capital is not None:
        amount = Fraction(0) if fund and fund.funded else Fraction(strategy.capital)
    else:
        needed = max(Fraction(CAPITAL), Fraction(_TIMES * worth, ONE))
        amount = needed - (fund.last.equity if fund else 0)
    if amount > 0:
        words = "notional capital of the strategy"
        at.fund(DEPOSIT, decimal(amount, 2), strategy.currency, Fraction(1), None, words)


def traded(at: Turn, order: OrderRequest, key: str, quote: Quote | None, side: Ladder, lot: int) -> BlockOrder:
    """Take a block order through the gates and along its side of the market; what it does not get is cancelled."""
    if quote is not None:
        at.quote(order.exchange, order.symbol, quote)
    row = judged(at, order, key, quote or at.book.quotes.get((order.exchange, order.symbol)))
    if row["state"] != "approved":
        return BlockOrder(row, Got(0, 0), row["reason_code"])
    found = takes(side, exact(order.amount), lot)
    fees = fees_of(at.desk.rules.fees, order.exchange, at.day)
    assert fees is not None  # the gates let no order of an exchange without fees through
    fee = Fraction(0)
    for part in found:
        quantity, price = Decimal(written(part.quantity)), Decimal(written(part.price))
        fee += Fraction(matching.fee(quantity, price, fees, taker=True))
        at.paper_fill(row, quantity, price, taker=True)
    got = Got(
        sum(part.quantity for part in found) // lot, sum(part.quantity * part.price for part in found) // ONE, fee
    )
    if not got.lots:
        at.move(row, "failed", "no_liquidity", "the market gives no whole lot at any price")
    elif row["state"] != "filled":
        at.move(row, "cancelled")
    return BlockOrder(row, got, None if row["state"] == "filled" else "no_liquidity")

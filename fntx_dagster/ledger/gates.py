"""The four gates that every order passes, in this order; the first that fails decides: idempotency, fee coverage, trade
limiter, circuit breaker.

The first is the caller's: whoever comes here has a key that no order of the book had before. Every refusal has a code
for programs and says its numbers. docs/ledger.md states every boundary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger import breaker
from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.costs import DEFAULT_FEES, ExchangeFees, OrderCosts, expected, fees_of
from fntx_dagster.ledger.exact import exact, written
from fntx_dagster.ledger.feed import USUAL, FeedRules
from fntx_dagster.ledger.market import fault
from fntx_dagster.ledger.positions import Key, Position
from fntx_dagster.model.orders import OrderRequest, Quote

IDEMPOTENCY, FEE_COVERAGE, TRADE_LIMITER, CIRCUIT_BREAKER = GATES = (
    "idempotency",
    "fee_coverage",
    "trade_limiter",
    "circuit_breaker",
)
VALIDATION = "validation"
"""In place of a gate: a reduce-only order that would not reduce."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of the gates; settings change them."""

    fees: Sequence[ExchangeFees] = DEFAULT_FEES
    min_edge_bps: Decimal = Decimal(10)
    slippage_bps: Decimal = Decimal(10)
    safety_bps: Decimal = Decimal(5)
    oldest_quote: timedelta = timedelta(seconds=5)
    oldest_mark: timedelta = timedelta(seconds=60)
    bot_daily: int = 50
    user_daily: int = 500
    burst: int = 10
    burst_window: timedelta = timedelta(seconds=10)
    breaker: breaker.Limits = breaker.DEFAULTS
    feed: FeedRules = USUAL


class Usage(NamedTuple):
    """Approved orders of the day, by the bot and by the user, and the user's at the exchange in the burst window."""

    bot_today: int = 0
    user_today: int = 0
    burst: int = 0


class GateRefusal(NamedTuple):
    """Which gate refuses, the code, the words; `trips`: whose breaker trips by it (`USER` or the bot), and why."""

    gate: str
    code: str
    words: str
    trips: tuple[str, breaker.Trigger] | None = None


class GateVerdict(NamedTuple):
    """What the gates say: those passed, the refusal, and the order's costs where they can be computed."""

    passed: tuple[str, ...]
    refusal: GateRefusal | None
    costs: OrderCosts | None

    @property
    def approved(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that an order is judged by, read under the lock of its book. `tripped`: `USER` or a bot → the type of the
    trigger; `reducing`: what open reduce-only orders of the position will take; `day`: the trading day of `now`."""

    book: Book
    quote: Quote | None
    usage: Usage
    tripped: Mapping[str, str]
    reducing: Decimal
    now: datetime
    day: date
    live: bool = False


def judge(order: OrderRequest, situation: Situation, rules: Rules) -> GateVerdict:
    """Take an order through the gates."""
    costs = _costs(order, situation, rules)
    if order.reduce_only and (refusal := _would_not_reduce(order, situation)):
        return GateVerdict((), refusal, costs)
    passed = [IDEMPOTENCY]
    for gate, check in (
        (FEE_COVERAGE, _fee_coverage(order, situation, rules, costs)),
        (TRADE_LIMITER, _trade_limiter(order, situation, rules)),
        (CIRCUIT_BREAKER, _circuit_breaker(order, situation, rules)),
    ):
        for refusal in check:
            return GateVerdict(tuple(passed), refusal, costs)
        passed.append(gate)
    return GateVerdict(tuple(passed), None, costs)


def reducible(position: Position, side: str, reducing: Decimal) -> Fraction:
    """How much an order of this side could take off a position, less what open reduce-only orders take: at least 0."""
    opposite = -position.quantity if side == "buy" else position.quantity
    return max(opposite - exact(reducing), exact(0))


def _costs(order: OrderRequest, situation: Situation, rules: Rules) -> OrderCosts | None:
    fees = fees_of(rules.fees, order.exchange, situation.day)
    quote = situation.quote
    if fees is None or quote is None or not 0 < quote.bid <= quote.ask:
        return None
    return expected(order, quote, fees, rules.slippage_bps, rules.safety_bps)


def _would_not_reduce(order: OrderRequest, situation: Situation) -> GateRefusal | None:
    position = situation.book.positions.get(Key(order.bot_id, order.exchange, order.symbol), Position())
    free = reducible(position, order.side, situation.reducing)
    if exact(order.amount) <= free:
        return None
    words = (
        f"a reduce-only {order.side} of {written(order.amount)} {order.base} would not reduce: the bot holds "
        f"{written(position.quantity)}, and open reduce-only orders take {written(situation.reducing)} of it"
    )
    return GateRefusal(VALIDATION, "would_not_reduce", words)


def _fee_coverage(
    order: OrderRequest, situation: Situation, rules: Rules, costs: OrderCosts | None
) -> Iterator[GateRefusal]:
    if fees_of(rules.fees, order.exchange, situation.day) is None:
        known = ", ".join(sorted({fees.exchange for fees in rules.fees}))
        words = f"no fees of the exchange {order.exchange} are known; known are {known}"
        yield GateRefusal(FEE_COVERAGE, "exchange_unknown", words)
    if found := fault(situation.quote, situation.now, rules.oldest_quote):
        code, words = found
        if not order.reduce_only and order.expected_edge_bps is None:
            words += "; expected_edge_bps is missing too: say what the order is expected to earn"
        yield GateRefusal(FEE_COVERAGE, code, words)
    if order.reduce_only or costs is None:
        return
    if order.expected_edge_bps is None:
        words = (
            f"expected_edge_bps is missing: the order costs {written(costs.total, 6)} bps and has to earn "
            f"{written(rules.min_edge_bps)} bps more; say what it is expected to earn"
        )
        yield GateRefusal(FEE_COVERAGE, "edge_missing", words)
    elif exact(order.expected_edge_bps) - costs.total < exact(rules.min_edge_bps):
        words = (
            f"an edge of {written(order.expected_edge_bps)} bps less costs of {written(costs.total, 6)} bps (fees "
            f"{written(costs.fee)}, spread {written(costs.spread, 6)}, slippage {written(costs.slippage)}, safety "
            f"{written(costs.safety)}) is below {written(rules.min_edge_bps)} bps"
        )
        yield GateRefusal(FEE_COVERAGE, "edge_below_cost", words)


def _trade_limiter(order: OrderRequest, situation: Situation, rules: Rules) -> Iterator[GateRefusal]:
    used = situation.usage
    if not order.reduce_only:
        if used.bot_today >= rules.bot_daily:
            words = f"the bot has {used.bot_today} approved orders today, {rules.bot_daily} at most"
            yield GateRefusal(TRADE_LIMITER, "bot_daily_limit", words)
        if used.user_today >= rules.user_daily:
            words = f"the user has {used.user_today} approved orders today, {rules.user_daily} at most"
            yield GateRefusal(TRADE_LIMITER, "user_daily_limit", words)
    if used.burst >= rules.burst:
        window = f"{rules.burst_window.total_seconds():g} s"
        words = f"{used.burst} approved orders at {order.exchange} within {window}, {rules.burst} at most"
        yield GateRefusal(TRADE_LIMITER, "burst_limit", words)


def _circuit_breaker(order: OrderRequest, situation: Situation, rules: Rules) -> Iterator[GateRefusal]:
    if order.reduce_only:
        return
    book, now = situation.book, situation.now
    for name, code, whose in (
        (order.bot_id, "bot_breaker_tripped", f"the breaker of the bot {order.bot_id}"),
        (USER, "user_breaker_tripped", "the user's breaker"),
    ):
        if why := situation.tripped.get(name):
            yield GateRefusal(
                CIRCUIT_BREAKER, code, f"{whose} is tripped ({why}): only reduce-only orders pass until it is reset"
            )
    if USER not in book.funds or not book.funds[USER].funded:
        yield GateRefusal(CIRCUIT_BREAKER, "no_capital", "the book has no capital: record a deposit first")
    if why := _unknown(order, situation, rules):
        yield GateRefusal(CIRCUIT_BREAKER, "equity_unknown", why)
    for name in (USER, order.bot_id):
        if trigger := breaker.judge(book, name, rules.breaker, now):
            yield GateRefusal(CIRCUIT_BREAKER, trigger.type, trigger.words, (name, trigger))


def _unknown(order: OrderRequest, situation: Situation, rules: Rules) -> str | None:
    """Why the equity cannot be known, if it cannot: a price or rate that is missing, or in a live book is too old."""
    book = situation.book
    if book.value().equity is None:
        return f"the equity is unknown: a price or a rate to {book.currency} is missing"
    if situation.live:
        held = {(key.exchange, key.symbol) for key, position in book.positions.items() if position.quantity}
        age = f"{rules.oldest_mark.total_seconds():g} s"
        if old := book.market.stale(held, situation.now, rules.oldest_mark):
            exchange, symbol = old[0]
            return f"the equity is unknown: the price of {symbol} at {exchange} is older than {age}"
        currencies = {name for name, amount in book.balances.items() if amount}
        currencies |= {symbol.partition("/")[2] for _, symbol in held}
        if rates := book.market.old_rates(currencies, situation.now, rules.oldest_mark):
            return f"the equity is unknown: the rate of {rates[0]} to {book.currency} is older than {age}"
    return None

"""The four gates: each boundary, each code, and the order in which they decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from fntx_dagster.ledger import breaker
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.costs import DEFAULT_FEES, ExchangeFees, fees_of
from fntx_dagster.ledger.gates import GATES, GateVerdict, Rules, Situation, Usage, judge
from fntx_dagster.model.orders import OrderRequest, Quote

from .examples import NOW, TODAY, Key, Trading, quote

RULES = Rules()
TEN_BPS = quote("99.95", "100.05")
ORDER = OrderRequest("bot", "binance", "BTC/USDT", "buy", Decimal("0.01"), expected_edge_bps=Decimal(100))


def situation(trading: Trading | None = None, market: Quote | None = TEN_BPS, **more: object) -> Situation:
    """A book with a deposit and a quote, unless said otherwise."""
    trading = trading or Trading("1000")
    if market is not None:
        trading.book.quote("binance", "BTC/USDT", market)
        trading.book.observe(trading.day)
    return replace(Situation(trading.book, market, Usage(), {}, Decimal(0), NOW, TODAY), **more)


def refused(verdict: GateVerdict) -> tuple[str, str] | None:
    return None if verdict.refusal is None else (verdict.refusal.gate, verdict.refusal.code)


def test_an_order_that_earns_its_costs_passes_all_four() -> None:
    verdict = judge(ORDER, situation(), RULES)
    assert verdict.approved
    assert verdict.passed == GATES
    assert verdict.costs is not None
    assert verdict.costs.total == 45


@pytest.mark.parametrize(("edge", "passes"), [("55", True), ("54.999999", False), ("0", False), ("-5", False)])
def test_at_binance_with_a_spread_of_ten_an_edge_of_55_passes_and_nothing_less(edge: str, passes: bool) -> None:
    verdict = judge(ORDER._replace(expected_edge_bps=Decimal(edge)), situation(), RULES)
    assert refused(verdict) == (None if passes else ("fee_coverage", "edge_below_cost"))


def test_a_limit_that_waits_pays_the_makers_fee_in_and_the_takers_out_and_no_slippage() -> None:
    waits = ORDER._replace(order_type="limit", price=Decimal("99.95"))
    verdict = judge(waits, situation(), RULES)
    assert verdict.costs is not None
    assert (verdict.costs.fee, verdict.costs.slippage, verdict.costs.total) == (Fraction("17.5"), 0, Fraction("32.5"))
    takes = judge(waits._replace(price=Decimal("100.05")), situation(), RULES)
    assert takes.costs is not None
    assert takes.costs.total == 45


def test_an_order_without_an_edge_is_refused_with_the_field_that_is_missing() -> None:
    verdict = judge(ORDER._replace(expected_edge_bps=None), situation(), RULES)
    assert refused(verdict) == ("fee_coverage", "edge_missing")
    assert verdict.refusal is not None
    assert verdict.refusal.words.startswith("expected_edge_bps is missing: the order costs 45 bps")
    assert verdict.passed == ("idempotency",)


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (None, "quote_missing"),
        (quote("101", "100"), "quote_crossed"),
        (quote("0", "100"), "quote_crossed"),
        (quote("100", at=NOW - timedelta(seconds=5)), None),
        (quote("100", at=NOW - timedelta(seconds=5, microseconds=1)), "quote_stale"),
        (quote("100", at=NOW + timedelta(seconds=5, microseconds=1)), "quote_stale"),
    ],
)
@pytest.mark.parametrize("reduce_only", [False, True])
def test_a_quote_that_cannot_be_judged_by_is_refused_to_exits_too(
    market: Quote | None, code: str | None, reduce_only: bool
) -> None:
    trading = Trading("1000")
    trading.trade("1", "100")
    order = ORDER._replace(side="sell", reduce_only=reduce_only)
    assert refused(judge(order, situation(trading, market), RULES)) == (code and ("fee_coverage", code))


def test_an_exchange_without_fees_is_refused_and_named() -> None:
    verdict = judge(ORDER._replace(exchange="ovex"), situation(), RULES)
    assert refused(verdict) == ("fee_coverage", "exchange_unknown")


def test_fees_are_those_of_the_day() -> None:
    table = (*DEFAULT_FEES, ExchangeFees("luno", Decimal(40), Decimal(60), date(2026, 3, 1)))
    taker = [
        fees.taker_bps for day in (28, 1) if (fees := fees_of(table, "luno", date(2026, 3 if day == 1 else 2, day)))
    ]
    assert taker == [25, 60]
    assert fees_of(table, "ovex", TODAY) is None


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        (Usage(49, 499, 9), None),
        (Usage(50, 499, 9), "bot_daily_limit"),
        (Usage(49, 500, 9), "user_daily_limit"),
        (Usage(49, 499, 10), "burst_limit"),
    ],
)
def test_the_limiter_counts_to_its_limits_and_no_further(usage: Usage, code: str | None) -> None:
    assert refused(judge(ORDER, situation(usage=usage), RULES)) == (code and ("trade_limiter", code))


def test_an_exit_is_exempt_from_the_edge_and_the_daily_limits_but_not_from_the_burst() -> None:
    trading = Trading("1000")
    trading.trade("1", "100")
    order = ORDER._replace(side="sell", reduce_only=True, expected_edge_bps=None, amount=Decimal(1))
    tripped = {USER: "drawdown", "bot": "error_storm"}
    assert judge(order, situation(trading, usage=Usage(50, 500, 9), tripped=tripped), RULES).approved
    assert refused(judge(order, situation(trading, usage=Usage(0, 0, 10)), RULES)) == ("trade_limiter", "burst_limit")


@pytest.mark.parametrize(
    ("held", "side", "amount", "reducing", "passes"),
    [
        ("1", "sell", "1", "0", True),
        ("1", "sell", "1.000001", "0", False),
        ("1", "sell", "1", "0.1", False),
        ("1", "sell", "0.9", "0.1", True),
        ("1", "buy", "0.1", "0", False),
        ("-1", "buy", "1", "0", True),
        (None, "sell", "1", "0", False),
    ],
)
def test_a_reduce_only_order_takes_no_more_than_the_position_less_what_others_take(
    held: str | None, side: str, amount: str, reducing: str, passes: bool
) -> None:
    trading = Trading("1000")
    if held:
        trading.trade(held, "100")
    order = ORDER._replace(side=side, amount=Decimal(amount), reduce_only=True)
    verdict = judge(order, situation(trading, reducing=Decimal(reducing)), RULES)
    assert refused(verdict) == (None if passes else ("validation", "would_not_reduce"))


def test_a_tripped_bot_comes_before_a_tripped_user_and_both_before_the_capital() -> None:
    nothing = Trading()
    assert refused(judge(ORDER, situation(nothing), RULES)) == ("circuit_breaker", "no_capital")
    user = situation(nothing, tripped={USER: "drawdown"})
    assert refused(judge(ORDER, user, RULES)) == ("circuit_breaker", "user_breaker_tripped")
    both = situation(nothing, tripped={USER: "drawdown", "bot": "error_storm"})
    assert refused(judge(ORDER, both, RULES)) == ("circuit_breaker", "bot_breaker_tripped")
    other = situation(tripped={"another": "error_storm"})
    assert judge(ORDER, other, RULES).approved


def test_the_gates_decide_in_their_order() -> None:
    worst = situation(Trading(), None, usage=Usage(50, 500, 10), tripped={USER: "drawdown"})
    order = ORDER._replace(expected_edge_bps=None)
    assert refused(judge(order, worst, RULES)) == ("fee_coverage", "quote_missing")
    assert refused(judge(ORDER, replace(worst, quote=TEN_BPS), RULES)) == ("trade_limiter", "bot_daily_limit")


def fallen(price: str, *more: str, bot: str | None = None) -> Trading:
    """Five of what cost 100, out of a deposit of 1000; the day's result is yesterday's."""
    trading = Trading(*more)
    trading.deposit("1000", bot=bot)
    trading.price("100")
    trading.trade("5", "100")
    trading.price(price)
    trading.tomorrow()
    trading.price(price)
    return trading


@pytest.mark.parametrize(("price", "code"), [("60", None), ("59.99", "drawdown")])
def test_exactly_a_fifth_below_the_highest_passes_and_a_cent_more_trips(price: str, code: str | None) -> None:
    trading = fallen(price)
    verdict = judge(ORDER, situation(trading, quote(price), day=trading.day), RULES)
    assert refused(verdict) == (code and ("circuit_breaker", code))
    if verdict.refusal:
        assert verdict.refusal.trips is not None
        name, trigger = verdict.refusal.trips
        assert (name, trigger.metrics["equity"], trigger.metrics["drawdown"]) == (USER, "799.95", "0.20005")


@pytest.mark.parametrize(("price", "code"), [("80", None), ("79.99", "daily_loss")])
def test_exactly_a_tenth_lost_today_passes_and_a_cent_more_trips(price: str, code: str | None) -> None:
    trading = fallen("100")
    assert refused(judge(ORDER, situation(trading, quote(price)), RULES)) == (code and ("circuit_breaker", code))


def test_equity_at_zero_trips_when_nothing_else_did() -> None:
    rules = replace(RULES, breaker=breaker.Limits(drawdown=Decimal(2), daily_loss=Decimal(2)))
    trading = Trading("100")
    trading.price("100")
    trading.trade("5", "100")
    assert judge(ORDER, situation(trading, quote("80.01")), rules).approved
    assert refused(judge(ORDER, situation(trading, quote("80")), rules)) == ("circuit_breaker", "equity_exhausted")


def test_five_losing_round_trips_trip_the_bot_and_a_reset_counts_from_now() -> None:
    trading = Trading("1000")
    trading.price("100")
    for number in range(5):
        assert judge(ORDER, situation(trading, quote("100")), RULES).approved, number
        trading.trade("0.01", "100")
        trading.trade("-0.01", "99")
    assert refused(judge(ORDER, situation(trading, quote("100")), RULES)) == ("circuit_breaker", "consecutive_losses")
    other = ORDER._replace(bot_id="other")
    assert judge(other, situation(trading, quote("100")), RULES).approved
    trading.book.reset("bot")
    assert judge(ORDER, situation(trading, quote("100")), RULES).approved


@pytest.mark.parametrize(("seconds", "code"), [(3600, None), (3599, "error_storm")])
def test_ten_errors_within_the_last_hour_trip_the_bot(seconds: int, code: str | None) -> None:
    trading = Trading("1000")
    trading.book.errors["bot"] = [NOW - timedelta(seconds=seconds), *[NOW] * 9]
    assert refused(judge(ORDER, situation(trading), RULES)) == (code and ("circuit_breaker", code))


def test_a_bots_own_capital_trips_the_bot_alone() -> None:
    trading = fallen("59.99", "100000", bot="bot")
    found = situation(trading, quote("59.99"), day=trading.day)
    assert refused(judge(ORDER, found, RULES)) == ("circuit_breaker", "drawdown")
    assert judge(ORDER._replace(bot_id="other"), found, RULES).approved


def test_what_cannot_be_computed_closes_the_gate_and_never_opens_it() -> None:
    trading = Trading("1000")
    trading.trade("1", "100", fee="0.1", fee_currency="BNB")
    order = ORDER._replace(side="sell")
    assert refused(judge(order, situation(trading), RULES)) == ("circuit_breaker", "equity_unknown")
    assert judge(order._replace(reduce_only=True), situation(trading), RULES).approved


@pytest.mark.parametrize(("age", "code"), [(60, None), (61, "equity_unknown")])
def test_in_a_live_book_a_price_older_than_a_minute_closes_the_gate_for_entries(age: int, code: str | None) -> None:
    trading = Trading("1000")
    eth = Key("bot", "kraken", "ETH/USDT")
    trading.price("100", key=eth, at=NOW - timedelta(seconds=age))
    trading.trade("1", "100", key=eth)
    found = situation(trading, live=True)
    assert refused(judge(ORDER, found, RULES)) == (code and ("circuit_breaker", code))
    assert judge(ORDER, replace(found, live=False), RULES).approved, "a paper quote stands until the next"


@pytest.mark.parametrize(("age", "code"), [(60, None), (61, "equity_unknown")])
@pytest.mark.parametrize(("symbol", "price"), [("BNB/USDT", "600"), ("USDT/BNB", "0.002")])
def test_in_a_live_book_a_rate_older_than_a_minute_closes_the_gate_for_entries(
    age: int, code: str | None, symbol: str, price: str
) -> None:
    trading = Trading("1000")
    trading.price(price, key=Key("bot", "kraken", symbol), at=NOW - timedelta(seconds=age))
    trading.trade("0.01", "100", fee="0.001", fee_currency="BNB")
    found = situation(trading, live=True)
    assert refused(judge(ORDER, found, RULES)) == (code and ("circuit_breaker", code))
    assert judge(ORDER._replace(side="sell", reduce_only=True), found, RULES).approved
    assert judge(ORDER, replace(found, live=False), RULES).approved, "a paper quote stands until the next"

"""A book: equity by two ways, funds, round trips, valuations."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.positions import Key

from .examples import BTC, TODAY, Trading

ETH = Key("other", "kraken", "ETH/USDT")


def parts(trading: Trading) -> Fraction:
    """Starting capital + realised + unrealised − fees: the second way to the equity."""
    figures, value = trading.book.figures[USER], trading.book.value()
    assert value.unrealized is not None
    return trading.book.funds[USER].capital + figures.realized + value.unrealized - figures.fees


def test_a_losing_trade_is_a_drawdown_and_a_deposit_is_none() -> None:
    trading = Trading("1000")
    trading.price("100")
    trading.trade("5", "100")
    assert trading.book.funds[USER].drawdown == 0, "a purchase is no loss"
    trading.price("80")
    assert trading.book.funds[USER].drawdown == Fraction(1, 10)
    trading.deposit("900")
    fund = trading.book.funds[USER]
    assert (fund.drawdown, fund.fallen, fund.last.equity) == (Fraction(1, 10), Fraction(1, 10), 1800)
    trading.price("180")
    assert trading.book.funds[USER].drawdown == 0
    assert trading.book.funds[USER].fallen == Fraction(1, 10)


def test_the_days_result_begins_with_the_last_valuation_before_the_day_and_leaves_flows_out() -> None:
    trading = Trading("1000")
    trading.price("100")
    trading.trade("1", "100")
    trading.price("110")
    trading.tomorrow()
    trading.price("105")
    fund = trading.book.funds[USER]
    assert (fund.day_start, fund.daily_pnl, fund.daily_loss) == (1010, -5, Fraction(5, 1010))
    trading.deposit("990")
    trading.deposit("-100")
    fund = trading.book.funds[USER]
    assert (fund.daily_pnl, fund.day_base, fund.daily_loss) == (-5, 2000, Fraction(5, 2000))


def test_a_clock_that_was_set_back_begins_no_new_day() -> None:
    trading = Trading("1000")
    trading.price("100")
    trading.trade("1", "100")
    trading.tomorrow()
    trading.price("90")
    trading.day = TODAY
    trading.price("80")
    assert trading.book.funds[USER].daily_pnl == -20


def test_a_reset_rebases_what_the_breaker_judges_and_nothing_that_is_reported() -> None:
    trading = Trading("1000")
    trading.price("100")
    trading.trade("5", "100")
    trading.price("50")
    trading.book.reset(USER)
    fund = trading.book.funds[USER]
    assert (fund.guarded_drawdown, fund.daily_loss, fund.day_base) == (0, 0, 750)
    assert (fund.drawdown, fund.daily_pnl) == (Fraction(1, 4), -250)
    trading.deposit("250")
    trading.price("30")
    fund = trading.book.funds[USER]
    assert (fund.daily_loss, fund.guarded_drawdown) == (Fraction(1, 10), Fraction(100, 1000))


def test_a_bot_with_capital_of_its_own_has_a_fund_and_others_have_none() -> None:
    trading = Trading("1000")
    trading.deposit("500", bot="bot")
    trading.price("100")
    trading.trade("2", "100", fee="1")
    trading.trade("-1", "90")
    book = trading.book
    assert book.value("bot").equity == 500 - 10 - 1 + 0
    assert book.value().equity == 1500 - 10 - 1
    assert {*book.funds} == {USER, "bot"}


def test_all_money_may_leave_and_come_back() -> None:
    trading = Trading("1000", "-1000")
    fund = trading.book.funds[USER]
    assert (fund.funded, fund.drawdown, fund.capital, fund.last.equity) == (True, 0, 0, 0)
    trading.deposit("500")
    assert trading.book.funds[USER].drawdown == 0


def test_round_trips_are_counted_after_fees_and_break_evens_end_no_streak() -> None:
    trading = Trading("1000")
    trading.price("100")
    for price, fee in (("99", "0"), ("100", "0"), ("100", "0.1"), ("101", "0.5"), ("99", "0"), ("100", "0")):
        trading.trade("1", "100", fee=fee)
        trading.trade("-1", price)
    figures = trading.book.figures["bot"]
    assert (figures.wins, figures.losing, figures.even, figures.streak) == (1, 3, 2, 1)
    assert (figures.gains, figures.losses) == (Fraction("0.5"), Fraction("-2.1"))


def test_best_and_worst_are_of_the_moments_at_which_the_book_was_valued() -> None:
    trading = Trading("1000")
    for price in ("100", "130", "70"):
        trading.price(price)
        if price == "100":
            trading.trade("1", "100")
    trading.trade("-1", "90")
    figures = trading.book.figures[USER]
    assert (figures.best, figures.worst, figures.ended) == (30, -30, 1)


def test_a_currency_without_a_rate_makes_the_equity_unknown_and_never_zero() -> None:
    trading = Trading("1000")
    trading.price("100")
    trading.trade("1", "100", fee="0.5", fee_currency="BNB")
    assert trading.book.value().equity is None
    assert trading.book.figures[USER].unknown == 1
    trading.price("10", key=Key("", "binance", "BNB/USDT"))
    assert trading.book.value().equity == 1000 - 5


def test_a_rate_is_the_mid_of_the_pair_or_one_divided_by_that_of_its_inverse() -> None:
    trading = Trading("1000", currency="USDT")
    trading.price("3", "5", key=Key("", "luno", "USDT/ZAR"))
    trading.deposit("400", currency="ZAR")
    assert trading.book.value().equity == 1100
    trading.price("2", key=Key("", "luno", "USDT/ZAR"))
    assert trading.book.value().equity == 1200


def test_an_older_or_crossed_quote_changes_nothing() -> None:
    from .examples import NOW, quote, timedelta

    trading = Trading("1000")
    trading.price("100")
    assert not trading.book.quote("binance", "BTC/USDT", quote("90", at=NOW - timedelta(seconds=1)))
    assert not trading.book.quote("binance", "BTC/USDT", quote("101", "100"))
    assert not trading.book.quote("binance", "BTC/USDT", quote("0"))
    assert trading.book.market.mark("binance", "BTC/USDT") == 100


AMOUNTS = st.decimals("0.001", "3", places=3, allow_nan=False).map(str)
MONEY = st.decimals("1", "500", places=2, allow_nan=False).map(str)
FEES = st.decimals("-0.2", "0.5", places=3, allow_nan=False).map(str)  # below zero: a rebate
BASE_FEES = st.sampled_from(["0.0005", "-0.0005"])
STEPS = st.one_of(
    st.tuples(st.just("price"), MONEY, st.sampled_from([BTC, ETH])),
    st.tuples(st.just("trade"), AMOUNTS, MONEY, FEES, st.sampled_from(["", "-"]), st.sampled_from([BTC, ETH])),
    st.tuples(st.just("base fee"), AMOUNTS, MONEY, BASE_FEES, st.sampled_from(["", "-"]), st.just(BTC)),
    st.tuples(st.just("deposit"), MONEY),
    st.tuples(st.just("day")),
)


@given(st.lists(STEPS, max_size=40))
@pytest.mark.filterwarnings("error")
def test_equity_by_balances_is_always_equity_by_lots(steps: list[tuple[object, ...]]) -> None:
    trading = Trading("1000")
    for key in (BTC, ETH):
        trading.price("100", key=key)
    for kind, *rest in steps:
        if kind == "price":
            price, key = rest
            trading.price(price, key=key)  # pyright: ignore[reportArgumentType]
        elif kind == "deposit":
            trading.deposit(*rest)  # pyright: ignore[reportArgumentType]
        elif kind == "day":
            trading.tomorrow()
        else:
            amount, price, fee, sign, key = rest
            paid_in = "BTC" if kind == "base fee" else None
            trading.trade(f"{sign}{amount}", price, fee, paid_in, key)  # pyright: ignore[reportArgumentType]
        assert trading.book.value().equity == parts(trading)
        assert trading.book.funds[USER].last.equity == trading.book.value().equity
    for key, position in trading.book.positions.items():
        assert position.quantity == sum((lot.quantity for lot in trading.book.lots[key]), Fraction(0))
    assert trading.book.figures[USER].realized == sum(trading.book.figures[bot].realized for bot in ("bot", "other")), (
        "the bots' sums are the user's"
    )

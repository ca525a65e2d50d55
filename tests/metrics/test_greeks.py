"""Greeks against QuantLib used another way: real dates, its analytic engine, its finite differences."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
import QuantLib as ql
from hypothesis import assume, given
from hypothesis import strategies as st

from fntx_dagster.metrics.greeks import (
    BELOW_INTRINSIC,
    EXPIRED,
    LOW_VEGA,
    NO_PRICE,
    OK,
    Option,
    greeks,
    underlying_by_parity,
    value,
    values,
    years_between,
)

TODAY = ql.Date(17, 7, 2025)
FIFTEEN_MINUTES = 15 / (365 * 24 * 60)
SPY = Option("P", 626.0, True, 627.58, 0.043, 0.012, FIFTEEN_MINUTES)


def oracle(option: Option, volatility: float, days: int, steps: int | None = None) -> ql.VanillaOption:
    """The same option from a real date to another; American ones by finite differences in so many steps of time."""
    ql.Settings.instance().evaluationDate = TODAY
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(option.underlying)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, option.dividend_yield, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, option.rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, count)),
    )
    kind = ql.Option.Call if option.put_call == "C" else ql.Option.Put
    ends = TODAY + days
    exercise = ql.AmericanExercise(TODAY, ends) if option.is_american else ql.EuropeanExercise(ends)
    priced = ql.VanillaOption(ql.PlainVanillaPayoff(kind, option.strike), exercise)
    engine = ql.FdBlackScholesVanillaEngine(process, steps, 1600, 10) if steps else ql.AnalyticEuropeanEngine(process)
    priced.setPricingEngine(engine)
    return priced


def american(option: Option, volatility: float, days: int) -> tuple[float, float, float]:
    """Value, delta, gamma by finite differences, whose error halves with their steps and so is taken out."""
    coarse, fine = (oracle(option, volatility, days, steps) for steps in (600, 1200))
    return tuple(2 * getattr(fine, name)() - getattr(coarse, name)() for name in ("NPV", "delta", "gamma"))


contracts = st.builds(
    Option,
    put_call=st.sampled_from("PC"),
    strike=st.floats(80, 125),
    is_american=st.booleans(),
    underlying=st.just(100.0),
    rate=st.sampled_from([0.0, 0.02, 0.043, 0.1]),
    dividend_yield=st.sampled_from([0.0, 0.012, 0.05]),
    years=st.sampled_from([FIFTEEN_MINUTES, 1 / 365, 5 / 365, 0.1, 0.5, 2.0]),
    dividends=st.just(()),
)
volatilities = st.floats(0.05, 1.5)


@pytest.mark.parametrize("put_call", "PC")
@pytest.mark.parametrize("strike", [90.0, 99.5, 104.0])
@pytest.mark.parametrize(("days", "volatility"), [(1, 0.4), (30, 0.2), (365, 0.15)])
@pytest.mark.parametrize(("rate", "dividends"), [(0.043, 0.012), (-0.005, 0.0)])
def test_a_european_option_agrees_with_quantlib_to_eight_decimals(put_call, strike, days, volatility, rate, dividends):
    option = Option(put_call, strike, False, 100.0, rate, dividends, days / 365)
    theirs = oracle(option, volatility, days)
    computed = greeks(option, theirs.NPV(), option.years)
    if theirs.NPV() - option.least < 0.005:
        assert (computed.status, computed.delta) == (LOW_VEGA, None)
        return
    wanted = (volatility, theirs.delta(), theirs.gamma(), theirs.theta() / 365, theirs.vega() / 100)
    assert computed[1:] == pytest.approx(wanted, abs=1e-8)


def test_an_american_call_without_dividends_is_a_european_one():
    option = Option("C", 102.0, True, 100.0, 0.043, 0.0, 0.25)
    mark = value(option, 0.2)
    assert mark == value(option._replace(is_american=False), 0.2)
    assert greeks(option, mark, 0.25) == greeks(option._replace(is_american=False), mark, 0.25)


@pytest.mark.parametrize(
    ("option", "volatility", "days"),
    [
        (Option("P", 100.0, True, 100.0, 0.043, 0.012, 30 / 365), 0.2, 30),
        (Option("P", 104.0, True, 100.0, 0.043, 0.012, 60 / 365), 0.25, 60),
        (Option("P", 95.0, True, 100.0, 0.08, 0.0, 120 / 365), 0.3, 120),
        (Option("C", 97.0, True, 100.0, 0.01, 0.06, 90 / 365), 0.2, 90),
        (Option("C", 103.0, True, 100.0, 0.043, 0.03, 45 / 365), 0.15, 45),
        (Option("P", 100.5, True, 100.0, 0.05, 0.0, 5 / 365), 0.12, 5),
    ],
)
def test_an_american_option_agrees_with_finite_differences_to_four_decimals(option, volatility, days):
    worth, delta, gamma = american(option, volatility, days)
    computed = greeks(option, value(option, volatility), option.years)
    assert value(option, volatility) == pytest.approx(worth, abs=1e-4)
    assert computed.implied_volatility == pytest.approx(volatility, abs=1e-7)
    assert (computed.delta, computed.gamma) == pytest.approx((delta, gamma), abs=1e-4)
    more, less = (american(option, volatility + shift, days)[0] for shift in (0.005, -0.005))
    assert computed.vega == pytest.approx(more - less, abs=1e-4)
    # a calendar day's change is that of the day before and of the day after, halved
    before, after = (american(option, volatility, days + shift)[0] for shift in (1, -1))
    assert computed.theta == pytest.approx((after - before) / 2, abs=5e-4)


def test_an_american_put_is_worth_more_than_a_european_one():
    option = Option("P", 105.0, True, 100.0, 0.08, 0.0, 1.0)
    assert value(option, 0.2) > value(option._replace(is_american=False), 0.2) + 0.1


@given(contracts, volatilities)
def test_the_volatility_that_a_price_was_made_with_is_implied_by_it(option, volatility):
    mark = value(option, volatility)
    computed = greeks(option, mark, option.years)
    if computed.implied_volatility is None:
        assert mark - option.least < 0.005 or mark >= option.most
    else:
        off = abs(computed.implied_volatility - volatility) * 100 * computed.vega
        assert off < 2e-7 * option.strike or abs(computed.implied_volatility - volatility) < 1e-9


@given(contracts, volatilities)
def test_signs_and_bounds_hold(option, volatility):
    computed = greeks(option, value(option, volatility), option.years)
    assume(computed.delta is not None)
    assert 0 <= computed.delta * option.sign <= 1 + 1e-6
    assert computed.vega >= -1e-9
    assert computed.gamma >= -1e-4


@given(contracts, volatilities)
def test_put_call_parity_holds_and_gives_the_underlying_back(option, volatility):
    put, call = (option._replace(put_call=kind, is_american=False) for kind in "PC")
    marks = value(call, volatility), value(put, volatility)
    computed = underlying_by_parity(*marks, option.strike, option.rate, option.dividend_yield, option.years)
    assert computed == pytest.approx(option.underlying, abs=1e-9)
    deltas = [greeks(each, mark, each.years).delta for each, mark in zip((call, put), marks, strict=True)]
    assume(None not in deltas)
    assert deltas[0] - deltas[1] == pytest.approx(math.exp(-option.dividend_yield * option.years), abs=1e-6)


@given(contracts, volatilities)
def test_repricing_at_many_prices_is_pricing_at_each(option, volatility):
    prices = [option.underlying * (1 + step / 100) for step in range(-4, 5)]
    one_by_one = [value(option._replace(underlying=price), volatility) for price in prices]
    assert values(option, volatility, prices) == pytest.approx(one_by_one, abs=5e-5 * option.underlying)


def test_an_option_of_the_day_with_time_left_has_greeks_that_are_not_zero():
    computed = greeks(SPY, 0.06, SPY.years)
    assert computed.status == OK
    assert -0.5 < computed.delta < -0.01
    assert computed.gamma > 0.01
    assert computed.theta < -1
    assert computed.vega > 0.001


def test_a_penny_of_the_day_far_from_the_money_has_a_low_vega():
    computed = greeks(SPY._replace(strike=600.0), 0.01, SPY.years)
    assert computed.status == LOW_VEGA
    assert computed.delta < 0


def test_the_mark_of_an_option_over_many_units_has_finer_steps():
    """One on a euro future: 125,000 to the contract, quoted in 0.00005."""
    euro = Option("C", 1.09, True, 1.085, 0.043, 0.043, 30 / 365)
    computed = greeks(euro, 0.0045, euro.years, 125_000)
    assert computed.status == OK
    assert value(euro, computed.implied_volatility) == pytest.approx(0.0045, abs=1e-9)
    assert greeks(euro, 0.0045, euro.years).status == LOW_VEGA  # over 100 units, it would be half a cent
    assert greeks(euro._replace(strike=1.06), 0.022, euro.years, 125_000).status == BELOW_INTRINSIC


def test_the_mark_of_an_option_over_few_units_is_known_to_half_a_cent():
    assert greeks(SPY, 0.06, SPY.years, 10) == greeks(SPY, 0.06, SPY.years) == greeks(SPY, 0.06, SPY.years, 100)


@pytest.mark.parametrize(
    ("option", "mark", "years", "status"),
    [
        (SPY, 0.0, SPY.years, LOW_VEGA),
        (SPY._replace(strike=630.0), 2.42, SPY.years, LOW_VEGA),
        (SPY._replace(strike=630.0), 2.40, SPY.years, BELOW_INTRINSIC),
        (SPY, 0.06, 0.0, EXPIRED),
        (SPY, 0.06, -0.1, EXPIRED),
        (None, None, 0.0, EXPIRED),
        (SPY, None, SPY.years, NO_PRICE),
        (None, 0.06, SPY.years, NO_PRICE),
        (SPY, 626.0, SPY.years, NO_PRICE),
        (SPY, -0.01, SPY.years, NO_PRICE),
    ],
)
def test_what_no_volatility_explains_has_a_status_and_no_greeks(option, mark, years, status):
    computed = greeks(option, mark, years)
    assert computed == (status, None, None, None, None, None)


def test_other_peoples_date_of_evaluation_changes_nothing():
    option = Option("P", 104.0, True, 100.0, 0.043, 0.012, 0.2)
    before = value(option, 0.2)
    ql.Settings.instance().evaluationDate = ql.Date(1, 1, 2150)
    try:
        assert value(option, 0.2) == before
    finally:
        ql.Settings.instance().evaluationDate = TODAY


def test_a_year_has_365_days_and_fifteen_minutes_are_a_part_of_it():
    close = datetime(2025, 7, 17, 20, tzinfo=UTC)
    assert years_between(close, close.replace(minute=15)) == FIFTEEN_MINUTES
    assert years_between(close, close.replace(year=2026)) == 1

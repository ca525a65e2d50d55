"""Options whose underlying pays known dividends against a tree of many steps; calls worth exercising before one."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.metrics.early_assignment import early_assignments
from fntx_dagster.metrics.greeks import LOW_VEGA, OK, Option, greeks, tick, value, values, years_between
from fntx_dagster.metrics.parity import implied_prices
from fntx_dagster.metrics.stress import stress
from fntx_dagster.metrics.terms import Assumptions, Dividend
from fntx_dagster.metrics.valuation import price_options
from tests.metrics.positions import CLOSE, END, NEXT_CLOSE, ends, option

Q = 1 / 365
NEAR, LATER = (10 * Q, 1.5), (47 * Q, 1.2)
CASES = [
    (Option("C", 90.0, True, 100.0, 0.043, 0.0, 30 * Q, (NEAR,)), 0.2),
    (Option("C", 98.0, True, 100.0, 0.043, 0.0, 60 * Q, (NEAR, LATER)), 0.25),
    (Option("C", 103.0, True, 100.0, 0.01, 0.0, 20 * Q, (NEAR,)), 0.15),
    (Option("P", 105.0, True, 100.0, 0.043, 0.0, 45 * Q, (NEAR,)), 0.2),
    (Option("P", 95.0, True, 100.0, 0.06, 0.0, 90 * Q, (NEAR, LATER)), 0.3),
    (Option("C", 600.0, True, 627.0, 0.043, 0.0, 9 * Q, ((0.75 * Q, 1.83),)), 0.15),
    (Option("C", 626.0, True, 627.0, 0.043, 0.0, 3 * Q, ((0.75 * Q, 1.83),)), 0.12),
    (Option("P", 628.0, True, 627.0, 0.043, 0.0, 3 * Q, ((0.75 * Q, 1.83),)), 0.15),
    (Option("C", 97.0, True, 100.0, 0.02, 0.01, 120 * Q, (NEAR,)), 0.2),
]


def tree(option: Option, volatility: float, steps: int) -> float:
    """A binomial tree on the price less the dividends' present value, of a number of steps that puts each ex-date on
    one; its error is what it makes of the European option beside Black's formula, and taken out."""
    time = option.years / steps
    ex = [round(at / time) for at, _ in option.dividends]
    assert [at / time for at, _ in option.dividends] == pytest.approx(ex)
    up = math.exp(volatility * math.sqrt(time))
    chance = (math.exp((option.rate - option.dividend_yield) * time) - 1 / up) / (up - 1 / up)

    def owed(step: int, moved: int) -> float:
        return sum(
            amount * math.exp(-option.rate * (at - step) * time)
            for at, (_, amount) in zip(ex, option.dividends, strict=True)
            if at + moved > step
        )

    spot = option.underlying - owed(0, 0)
    held = european = np.maximum(option.sign * (spot * up ** (steps - 2.0 * np.arange(steps + 1)) - option.strike), 0)
    for step in range(steps - 1, -1, -1):
        price = spot * up ** (step - 2.0 * np.arange(step + 1))
        held, european = (
            math.exp(-option.rate * time) * (chance * each[:-1] + (1 - chance) * each[1:]) for each in (held, european)
        )
        for moved in (0, 1):  # after an ex-date's moment, and before it
            held = np.maximum(held, option.sign * (price + owed(step, moved) - option.strike))
    exact = QuantLib.blackFormula(
        QuantLib.Option.Call if option.put_call == "C" else QuantLib.Option.Put,
        option.strike,
        spot * math.exp((option.rate - option.dividend_yield) * option.years),
        volatility * math.sqrt(option.years),
        math.exp(-option.rate * option.years),
    )
    return float(held[0] - european[0]) + exact


def steps_of(option: Option) -> int:
    return 2700 if round(option.years / Q) in (45, 90) else 3000


@pytest.mark.parametrize(("option", "volatility"), CASES)
def test_an_american_option_before_an_ex_date_is_worth_what_a_tree_of_many_steps_gives(option, volatility):
    assert value(option, volatility) == pytest.approx(tree(option, volatility, steps_of(option)), abs=1e-3)


@pytest.mark.parametrize(("option", "volatility"), CASES)
def test_a_revaluation_of_many_prices_is_near_that_tree(option, volatility):
    exact = tree(option, volatility, steps_of(option))
    assert values(option, volatility, [option.underlying]) == [pytest.approx(exact, abs=1.5e-3)]


@pytest.mark.parametrize(("option", "volatility"), CASES)
def test_its_greeks_are_the_slopes_of_that_tree_and_its_volatility_comes_back(option, volatility):
    mark = value(option, volatility)
    computed = greeks(option, mark, option.years)
    if computed.status == LOW_VEGA and computed.delta is None:
        assert mark - option.least < 0.005
        return
    assert computed.implied_volatility == pytest.approx(volatility, abs=2e-3)
    step = 0.01 * option.underlying
    above, below = (
        tree(option._replace(underlying=option.underlying + way), volatility, steps_of(option)) for way in (step, -step)
    )
    assert computed.delta == pytest.approx((above - below) / (2 * step), abs=0.02)
    more, less = (tree(option, volatility + way, steps_of(option)) for way in (0.01, -0.01))
    assert computed.vega == pytest.approx((more - less) / 2, abs=0.02 * max(1.0, option.underlying / 100))


@given(
    put_call=st.sampled_from("PC"),
    strike=st.floats(85, 115),
    amount=st.floats(0.05, 3),
    until=st.floats(0.05, 0.95),
    days=st.integers(2, 120),
    volatility=st.floats(0.08, 0.8),
)
@settings(max_examples=40, deadline=None)
def test_an_american_option_is_worth_at_least_its_exercise_and_the_european_one(
    put_call, strike, amount, until, days, volatility
):
    priced = Option(put_call, strike, True, 100.0, 0.04, 0.0, days * Q, ((until * days * Q, amount),))
    worth = value(priced, volatility)
    assert worth >= value(priced._replace(is_american=False), volatility)
    assert worth >= priced.least - 2e-3
    assert worth <= priced.most


def test_a_dividend_too_small_to_exercise_for_leaves_a_call_european():
    small = Option("C", 95.0, True, 100.0, 0.05, 0.0, 90 * Q, ((10 * Q, 0.2),))
    assert value(small, 0.2) == value(small._replace(is_american=False), 0.2)


def test_a_dividend_that_is_over_moves_nothing_of_the_revaluation_a_day_later():
    known = Option("P", 100.0, True, 100.0, 0.04, 0.0, 20 * Q, ((5 * Q, 1.0),))
    later = known._replace(years=19 * Q, dividends=((4 * Q, 1.0),))
    assert values(later, 0.2, [98.0, 100.0, 102.0]) == pytest.approx(
        [value(later._replace(underlying=price), 0.2) for price in (98.0, 100.0, 102.0)], abs=5e-3
    )


@pytest.mark.parametrize(("mark", "status"), [(0.01, LOW_VEGA), (0.009, LOW_VEGA), (0.02, OK)])
def test_a_mark_on_the_tick_floor_says_little_of_the_volatility(mark, status):
    far = Option("P", 80.0, True, 100.0, 0.04, 0.0, 60 * Q)
    computed = greeks(far, mark, far.years)
    assert computed.status == status
    assert computed.delta is not None
    assert tick(100) == 0.01


# -- from the positions of a close

EX = date(2025, 7, 21)
DIVIDEND = Dividend(EX, datetime(2025, 7, 21, 13, 30, tzinfo=UTC), Decimal("1.83"))
KNOWN = Assumptions({"USD": Decimal("0.043")}, {"SPY": Decimal("0.012")}, ("SPX",), {"SPY": (DIVIDEND,)})
PRICE = {"underlying_price": Decimal("627"), "underlying_source": "statement"}
DEEP = option("C", "600", "27.20", quantity=Decimal(-2), **PRICE)
NEAR_THE_MONEY = option("C", "625", "6.10", quantity=Decimal(-1), **PRICE)
LONG = option("C", "601", "26.20", quantity=Decimal(1), **PRICE)


def test_a_known_dividend_takes_the_place_of_the_yield_until_it_goes_ex():
    put = option("P", "627", "6.00", **PRICE)
    with_it, without = (
        price_options([put], ends(put), NEXT_CLOSE, assumptions)[put.contract_id]
        for assumptions in (KNOWN, KNOWN._replace(dividends={}))
    )
    assert with_it.later is not None
    assert without.later is not None
    assert [amount for _, amount in with_it.later.dividends] == [1.83]
    assert with_it.later.dividend_yield == pytest.approx(0.012 * (END - DIVIDEND.ex_at) / (END - NEXT_CLOSE))
    gone = price_options([put], ends(put), DIVIDEND.ex_at, KNOWN)[put.contract_id].later
    assert gone is not None
    assert (gone.dividends, gone.dividend_yield) == ((), pytest.approx(0.012))
    assert (without.later.dividends, without.later.dividend_yield) == ((), 0.012)
    with_dividend, with_yield = with_it.greeks.implied_volatility, without.greeks.implied_volatility
    assert with_dividend is not None
    assert with_yield is not None
    assert with_dividend < with_yield


def test_a_put_and_a_call_imply_the_price_that_they_were_priced_at_before_a_known_dividend():
    put, call = (option(right, "627", None, **PRICE) for right in "PC")
    assumptions = KNOWN._replace(european_underlyings=("SPY",), dividend_yields={"SPY": Decimal("0.2")})
    until = years_between(CLOSE, DIVIDEND.ex_at)
    carried = 0.2 * (END - DIVIDEND.ex_at) / (END - CLOSE)  # the yield begins as the dividend goes ex
    at_mark = Option("P", 627.0, False, 627.0, 0.043, carried, years_between(CLOSE, END), ((until, 1.83),))
    marks = {right: Decimal(value(at_mark._replace(put_call=right), 0.15)) for right in "PC"}
    unpriced = [
        each._replace(mark=marks[right], underlying_price=None, underlying_source=None)
        for each, right in ((put, "P"), (call, "C"))
    ]
    [price] = implied_prices(unpriced, ends(put, call), assumptions).values()
    assert price == Decimal("627.0000")


@pytest.mark.parametrize("spot", ["-0.03", "0.02"])
@pytest.mark.parametrize("points", ["0", "0.05"])
def test_stress_reprices_with_the_known_dividends_as_a_tree_of_many_steps_does(spot, points):
    calls = option("C", "615", "13.60", quantity=Decimal(-2), **PRICE)
    held = [calls, option("P", "640", "15.90", quantity=Decimal(-1), **PRICE)]
    priced = price_options(held, ends(*held), NEXT_CLOSE, KNOWN)
    table = stress(held, priced, [Decimal(spot)], [Decimal(points)])
    expected = 0.0
    for position in held:
        each = priced[position.contract_id]
        assert each.now is not None
        volatility = each.greeks.implied_volatility
        assert volatility is not None
        now = Option(
            *(position.put_call, float(position.strike), True, 627.0, 0.043),
            each.now.dividend_yield,
            years_between(CLOSE, END),
            ((years_between(CLOSE, DIVIDEND.ex_at), 1.83),),
        )
        moved = now._replace(underlying=627 * (1 + float(spot)))
        change = tree(moved, volatility + float(points), 2595) - tree(now, volatility, 2595)
        expected += float(position.quantity) * 100 * change
    [[change]] = table.changes
    assert float(change) == pytest.approx(expected, abs=0.3)  # 300 units, each to 1e-3
    plain = price_options(held, ends(*held), NEXT_CLOSE, KNOWN._replace(dividends={}))
    [[without]] = stress(held, plain, [Decimal(spot)], [Decimal(points)]).changes
    assert change != without


def test_a_dividend_after_the_end_or_before_the_mark_is_none():
    for moment in (END + timedelta(hours=1), CLOSE):
        known = KNOWN._replace(dividends={"SPY": (DIVIDEND._replace(ex_at=moment),)})
        priced = price_options([DEEP], ends(DEEP), NEXT_CLOSE, known)[DEEP.contract_id]
        plain = price_options([DEEP], ends(DEEP), NEXT_CLOSE, KNOWN._replace(dividends={}))[DEEP.contract_id]
        assert priced == plain


def test_a_deep_short_call_is_flagged_with_the_cash_that_its_assignment_takes():
    calls = [DEEP, NEAR_THE_MONEY, LONG]
    rows = [each.row for each in price_options(calls, ends(*calls), NEXT_CLOSE, KNOWN).values()]
    [flagged] = early_assignments(rows, KNOWN.dividends, {})
    assert flagged.contract_id == DEEP.contract_id  # 20 cents of time value for a dividend of 1.83
    assert (flagged.ex_date, flagged.dividend, flagged.time_value) == (EX, Decimal("1.83"), Decimal("0.20"))
    assert (flagged.shares, flagged.proceeds) == (200, 120_000)
    assert (flagged.uncovered, flagged.cash, flagged.dividend_owed) == (200, 5_400, 366)
    [covered] = early_assignments(rows, KNOWN.dividends, {("SPY", "USD"): Decimal(150)})
    assert (covered.uncovered, covered.cash, covered.dividend_owed) == (50, 1_350, Decimal("91.50"))
    assert early_assignments(rows, {}, {}) == []

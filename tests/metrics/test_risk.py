"""The sums of a portfolio's Greeks, and its value at risk."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from fntx_dagster.metrics.greeks import EXPIRED, Greeks, Option, greeks, value
from fntx_dagster.metrics.risk import FEWEST_SCENARIOS, MOST_SCENARIOS, RiskPosition, exposure, value_at_risk

NAV, RATE = 200_000.0, 7.8
SHARES = RiskPosition("SPY", 10.0, 620.0, RATE)
YEARS, DAY = 30 / 365, 1 / 365


def option(put_call: str = "P", strike: float = 610.0, units: float = -100.0, years: float = YEARS) -> RiskPosition:
    contract = Option(put_call, strike, True, 620.0, 0.043, 0.012, years)
    mark = value(contract, 0.2)
    computed = greeks(contract, mark, years)
    return RiskPosition("SPY", units, 620.0, RATE, computed, mark, contract._replace(years=years - DAY))


def moves(count: int, *names: str) -> list[dict[str, float]]:
    random = Random(3)
    return [{name: random.gauss(0, 0.012) for name in names or ("SPY",)} for _ in range(count)]


PUT, CALL = option(), option("C", 630.0)


def test_the_sums_are_what_their_definitions_say():
    computed = exposure([SHARES, PUT, CALL], NAV, RATE)
    dollars = 10 * 620 - 100 * 620 * (PUT.greeks.delta + CALL.greeks.delta)
    assert computed.delta == pytest.approx(dollars * RATE / NAV, abs=5e-7)
    assert computed.gamma == pytest.approx(-100 * 620 * (PUT.greeks.gamma + CALL.greeks.gamma) * RATE / NAV, abs=5e-7)
    assert computed.theta == pytest.approx(-100 * (PUT.greeks.theta + CALL.greeks.theta), abs=5e-5)
    assert computed.vega == pytest.approx(-100 * (PUT.greeks.vega + CALL.greeks.vega), abs=5e-5)
    assert (computed.options, computed.without) == (2, 0)


def test_the_gamma_is_the_change_of_the_options_deltas_by_a_dollar():
    def deltas(price: float) -> float:
        contract = Option("P", 610.0, True, price, 0.043, 0.012, YEARS)
        return greeks(contract, value(contract, 0.2), YEARS).delta

    changed = -100 * 620 * (deltas(620.5) - deltas(619.5)) * RATE / NAV
    assert exposure([PUT], NAV, RATE).gamma == pytest.approx(changed, rel=1e-3)


def test_another_currency_is_given_in_dollars():
    euros = PUT._replace(rate=9.0)
    computed = exposure([euros], NAV, RATE)
    assert computed.theta == pytest.approx(-100 * PUT.greeks.theta * 9 / RATE, abs=5e-5)
    assert exposure([euros], NAV, None)[1:4] == (None, None, None)
    assert exposure([euros], NAV, None).delta is not None


@pytest.mark.parametrize("lacking", ["no_price", "below_intrinsic"])
def test_one_option_without_greeks_leaves_the_sums_undefined_and_is_counted(lacking):
    computed = exposure([SHARES, PUT, CALL._replace(greeks=Greeks(lacking))], NAV, RATE)
    assert computed == (None, None, None, None, 2, 1)


@pytest.mark.parametrize(
    ("put_call", "strike", "delta"), [("C", 610.0, 1), ("C", 630.0, 0), ("P", 630.0, -1), ("P", 610.0, 0)]
)
def test_an_option_whose_mark_holds_no_time_value_moves_as_the_shares_do_or_not_at_all(put_call, strike, delta):
    spent = option(put_call, strike, years=DAY / 2)._replace(greeks=Greeks("low_vega"))
    computed = exposure([SHARES, spent], NAV, RATE)
    assert computed == (round((10 - 100 * delta) * 620 * RATE / NAV, 6), 0, 0, 0, 1, 0)
    shares = RiskPosition("SPY", -100.0 * delta, 620.0, RATE)
    past = moves(FEWEST_SCENARIOS)
    assert value_at_risk([SHARES, spent], NAV, past).historical == value_at_risk([SHARES, shares], NAV, past).historical


def test_who_holds_nothing_is_exposed_to_nothing():
    assert exposure([], NAV, None) == (0, 0, 0, 0, 0, 0)
    assert value_at_risk([], NAV, []) == (0, 0, None)


def test_a_share_alone_has_a_delta_and_no_more():
    assert exposure([SHARES], NAV, None) == (round(10 * 620 * RATE / NAV, 6), 0, 0, 0, 0, 0)
    assert exposure([SHARES._replace(price=None)], NAV, RATE).delta is None


@pytest.mark.parametrize(("strike", "delivers", "delta"), [(630.0, True, -1), (610.0, True, 0), (630.0, False, 0)])
def test_an_option_that_has_ended_is_the_shares_it_delivers(strike, delivers, delta):
    ended = option(strike=strike)._replace(greeks=Greeks("expired"), delivers=delivers)
    computed = exposure([ended], NAV, RATE)
    assert computed.delta == pytest.approx(-100 * 620 * delta * RATE / NAV, abs=5e-7)
    assert (computed.gamma, computed.without) == (0, 0)
    unknown = exposure([ended._replace(price=None, later=None)], NAV, RATE)
    assert (unknown.delta, unknown.without) == (None, 1)


def test_an_option_that_expired_worthless_needs_no_price_of_its_underlying():
    worthless = RiskPosition("XSP", -100.0, None, None, Greeks(EXPIRED), 0.0, None)
    computed, alone = exposure([SHARES, PUT, worthless], NAV, RATE), exposure([SHARES, PUT], NAV, RATE)
    assert computed == alone._replace(options=2)
    past = moves(60)  # none of XSP
    assert value_at_risk([SHARES, PUT, worthless], NAV, past) == value_at_risk([SHARES, PUT], NAV, past)
    assert value_at_risk([worthless], NAV, past) == value_at_risk([], NAV, past) == (0.0, 0.0, None)
    assert exposure([worthless], NAV, None)[:4] == exposure([], NAV, None)[:4]


@pytest.mark.parametrize("mark", [None, 0.4])
def test_an_option_that_ended_at_another_mark_leaves_the_sums_undefined_without_a_price(mark):
    ended = RiskPosition("XSP", -100.0, None, RATE, Greeks(EXPIRED), mark, None)
    assert (exposure([ended], NAV, RATE).delta, exposure([ended], NAV, RATE).without) == (None, 1)
    assert value_at_risk([ended], NAV, moves(60)).historical is None


def test_what_expired_out_of_the_money_needs_no_moves():
    ended = option(strike=610.0)._replace(underlying="XSP", greeks=Greeks(EXPIRED))
    assert value_at_risk([SHARES, ended], NAV, moves(60)) == value_at_risk([SHARES], NAV, moves(60))


@pytest.mark.parametrize("nav", [0.0, -5.0])
def test_nothing_is_measured_against_a_nav_that_is_not_positive(nav):
    assert exposure([PUT], nav, RATE).delta is None
    assert exposure([PUT], nav, RATE).theta is not None
    assert value_at_risk([PUT], nav, moves(30)).historical is None


def test_the_value_at_risk_of_a_share_is_the_quantile_of_its_returns():
    past = moves(100)
    wanted = np.quantile([move["SPY"] for move in past], 0.05) * 10 * 620 * RATE / NAV
    computed = value_at_risk([SHARES], NAV, past)
    assert computed.historical == computed.repricing == pytest.approx(wanted, abs=5e-7)
    assert computed.historical < 0
    assert computed.scenarios == 100


def test_by_greeks_is_taylors_formula_and_by_price_is_the_price_one_day_later():
    past = moves(60)
    computed = value_at_risk([SHARES, PUT], NAV, past)
    taylor, repriced = [], []
    for move in past:
        by = 620 * move["SPY"]
        taylor.append(RATE * (10 * by - 100 * (PUT.greeks.delta * by + PUT.greeks.gamma * by * by / 2)))
        later = value(PUT.later._replace(underlying=620 + by), 0.2)
        repriced.append(RATE * (10 * by - 100 * (later - PUT.mark)))
    assert computed.historical == pytest.approx(np.quantile(taylor, 0.05) / NAV, abs=1e-6)
    assert computed.repricing == pytest.approx(np.quantile(repriced, 0.05) / NAV, abs=1e-5)


def test_an_option_that_ends_by_then_is_worth_its_intrinsic_value_even_without_a_volatility():
    today = option(strike=618.0, years=DAY / 2)._replace(greeks=Greeks("low_vega"))
    past = moves(40)
    computed = value_at_risk([today], NAV, past)
    lost = [-100 * RATE * (max(618 - 620 * (1 + move["SPY"]), 0) - today.mark) for move in past]
    assert computed.repricing == pytest.approx(np.quantile(lost, 0.05) / NAV, abs=5e-7)
    assert computed.historical == 0
    surviving = PUT._replace(greeks=Greeks("low_vega"))
    assert value_at_risk([surviving], NAV, past).repricing is None


def test_too_few_scenarios_are_none():
    assert value_at_risk([SHARES], NAV, moves(FEWEST_SCENARIOS - 1)) == (None, None, FEWEST_SCENARIOS - 1)
    assert value_at_risk([SHARES], NAV, moves(FEWEST_SCENARIOS)).historical is not None


def test_a_scenario_moves_everything_at_once_and_the_old_ones_do_not_count():
    both = [SHARES, SHARES._replace(underlying="AGG")]
    past = moves(30) + moves(25, "SPY", "AGG")
    assert value_at_risk(both, NAV, past).scenarios == 25
    assert value_at_risk([SHARES], NAV, moves(MOST_SCENARIOS + 50)).scenarios == MOST_SCENARIOS


def test_what_has_no_moves_leaves_the_value_at_risk_undefined():
    assert value_at_risk([SHARES], NAV, moves(30), all_known=False) == (None, None, None)

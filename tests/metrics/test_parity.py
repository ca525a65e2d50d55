"""The price that a put and a call imply: from which pair, how it is rounded, and when there is none."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.metrics.parity import implied_prices, rounded_price
from tests.metrics.positions import ASSUMPTIONS, CLOSE, END, EXPIRY, ends, option

CALL, PUT = option("C", "625", "4.40"), option("P", "625", "2.90")
YEARS = (9 + 15 / 1440) / 365


def implied(call: str, put: str, strike: int, dividends: float = 0.012) -> float:
    carried = float(call) - float(put) + strike * math.exp(-0.043 * YEARS)
    return carried * math.exp(dividends * YEARS)


def test_a_put_and_a_call_of_one_strike_and_expiry_imply_the_price():
    prices = implied_prices([CALL, PUT], ends(CALL, PUT), ASSUMPTIONS)
    assert prices == {("SPY", "USD"): rounded_price(implied("4.40", "2.90", 625))}


def test_of_several_pairs_the_pair_nearest_to_the_money_implies_it():
    far = option("C", "600", "28.00"), option("P", "600", "0.20")
    pairs = [*far, CALL, PUT]
    assert implied_prices(pairs, ends(*pairs), ASSUMPTIONS) == implied_prices([CALL, PUT], ends(CALL, PUT), ASSUMPTIONS)


def test_of_equally_near_pairs_the_one_that_expires_first_implies_it():
    later = [each._replace(contract_id=f"{each.contract_id} later", expiry=date(2025, 8, 15)) for each in (CALL, PUT)]
    ended = ends(CALL, PUT) | {each.contract_id: END + timedelta(days=21) for each in later}
    prices = implied_prices([*later, CALL, PUT], ended, ASSUMPTIONS)
    assert prices == implied_prices([CALL, PUT], ended, ASSUMPTIONS)


@pytest.mark.parametrize(
    "pair",
    [
        [CALL],
        [CALL, PUT._replace(mark=None)],
        [CALL, PUT._replace(strike=Decimal(626))],
        [CALL, PUT._replace(expiry=EXPIRY + timedelta(days=7))],
        [CALL, PUT._replace(valued_at=CLOSE - timedelta(minutes=5))],
        [CALL, PUT._replace(currency="CAD")],
        [CALL._replace(mark=Decimal(0)), PUT._replace(mark=Decimal(0))],
        [each._replace(valued_at=END) for each in (CALL, PUT)],
        [each._replace(underlying_price=Decimal(626)) for each in (CALL, PUT)],
    ],
    ids=["alone", "unmarked", "strike", "expiry", "moment", "currency", "worth nothing", "ended", "known"],
)
def test_there_is_no_price_where_the_two_are_no_pair(pair):
    assert implied_prices(pair, ends(*pair), ASSUMPTIONS) == {}


def test_an_option_whose_end_is_not_known_makes_no_pair():
    assert implied_prices([CALL, PUT], ends(CALL), ASSUMPTIONS) == {}


def test_a_future_costs_nothing_to_hold():
    pair = [each._replace(asset_category="FOP") for each in (CALL, PUT)]
    [price] = implied_prices(pair, ends(*pair), ASSUMPTIONS).values()
    assert price == rounded_price(implied("4.40", "2.90", 625, dividends=0.043))


@pytest.mark.parametrize(
    ("price", "rounded"),
    [(626.123456, "626.1235"), (12.5, "12.5000"), (0.00680123456, "0.00680123"), (0.5, "0.500000")],
)
def test_a_price_has_four_decimals_and_at_least_six_digits(price, rounded):
    assert str(rounded_price(price)) == rounded

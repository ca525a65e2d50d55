"""Stress and assignment against formulas written here, and against figures by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.metrics.assignment import assignments
from fntx_dagster.metrics.greeks import years_between
from fntx_dagster.metrics.stress import stress
from fntx_dagster.metrics.terms import Assumptions
from fntx_dagster.metrics.valuation import price_options
from fntx_dagster.model.account_risk import ALL_SHORT, IN_THE_MONEY
from fntx_dagster.model.closing import ClosingPosition
from tests.metrics.positions import CLOSE, END, NEXT_CLOSE, ends, option, position

SPOT = Decimal("626.2")
RATE, YIELD = Decimal("0.043"), Decimal("0.012")
EUROPEAN = Assumptions({"USD": RATE}, {"SPY": YIELD}, ("SPY",))
AMERICAN = EUROPEAN._replace(european_underlyings=())
SHARES = position("756733", "SPY", "STK", quantity=Decimal(10), mark=SPOT)
MOVES = [Decimal(percent) / 100 for percent in (-10, -3, 0, 4)]
POINTS = [Decimal(points) / 100 for points in (-100, 0, 7)]


def short(put_call: str, strike: str, mark: str | None, contracts: int = -2, **changes) -> ClosingPosition:
    known = {"quantity": Decimal(contracts), "underlying_price": SPOT, "underlying_source": "statement"}
    return option(put_call, strike, mark, **(known | changes))


PUT, CALL = short("P", "630", "8.15"), short("C", "640", "1.80", -1)


def stressed(*positions: ClosingPosition, assumptions: Assumptions = EUROPEAN, spots=MOVES, points=POINTS):
    priced = price_options(positions, ends(*(each for each in positions if each.is_option)), NEXT_CLOSE, assumptions)
    return stress(positions, priced, spots, points)


def black_scholes(put_call: str, spot: float, strike: float, volatility: float, years: float) -> float:
    """Hull, “Options, Futures, and Other Derivatives”, the chapter on stock indices; written here a second time."""
    rate, dividends = float(RATE), float(YIELD)
    sign = 1 if put_call == "C" else -1
    forward = spot * math.exp((rate - dividends) * years)
    if volatility <= 0:
        return max(sign * (forward - strike), 0.0) * math.exp(-rate * years)
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2

    def normal(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    return sign * math.exp(-rate * years) * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))


def implied(put_call: str, strike: float, mark: float, years: float) -> float:
    low, high = 0.0, 5.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if black_scholes(put_call, float(SPOT), strike, middle, years) < mark else (low, middle)
        )
    return middle


def test_each_cell_is_the_difference_of_two_prices_by_black_and_scholes_and_of_the_shares() -> None:
    table = stressed(PUT, CALL, SHARES)
    years = years_between(CLOSE, END)
    for by, changes in zip(POINTS, table.changes, strict=True):
        for spot, change in zip(MOVES, changes, strict=True):
            moved = float(SPOT) * (1 + float(spot))
            expected = 10 * (moved - float(SPOT))
            for put_call, strike, mark, units in (("P", 630.0, 8.15, -200), ("C", 640.0, 1.80, -100)):
                volatility = implied(put_call, strike, mark, years)
                after = black_scholes(put_call, moved, strike, max(volatility + float(by), 0), years)
                expected += units * (after - mark)
            assert float(change) == pytest.approx(expected, abs=0.006)
    assert (table.without_volatility, table.unknown, table.unmoved) == (0, 0, 0)


@given(st.sampled_from(["P", "C"]), st.integers(-50, 50).filter(bool), st.decimals("0.5", "1.5", places=3))
def test_nothing_that_moves_changes_nothing_and_a_position_twice_as_large_changes_twice(
    put_call: str, contracts: int, rate: Decimal
) -> None:
    one = short(put_call, "626", "5.1", contracts, rate_to_base=rate)
    table, doubled = stressed(one), stressed(one._replace(quantity=one.quantity * 2))
    assert table.changes[1][2] == 0
    for changes, twice in zip(table.changes, doubled.changes, strict=True):
        for change, two in zip(changes, twice, strict=True):
            assert two == pytest.approx(2 * change, abs=Decimal("0.02"))


def test_an_american_put_loses_no_less_to_a_fall_than_its_intrinsic_value_says() -> None:
    table = stressed(PUT, assumptions=AMERICAN, points=[Decimal(0)])
    fallen = SPOT * Decimal("0.9")
    assert table.changes[0][0] <= -200 * (630 - fallen - Decimal("8.15")) + Decimal("0.01")


def test_an_option_whose_mark_implies_no_volatility_counts_without_time_value_in_every_row() -> None:
    spent = short("C", "640", "0.001", -1)
    table = stressed(spent)
    assert table.without_volatility == 1
    assert table.changes[0] == table.changes[1] == table.changes[2]
    years = years_between(CLOSE, END)
    assert float(table.changes[1][3]) == pytest.approx(
        -100 * black_scholes("C", 626.2 * 1.04, 640, 0, years), abs=0.006
    )


def test_an_option_that_has_ended_counts_as_the_shares_that_it_delivers() -> None:
    ended = short("P", "630", "3.80", -1)
    priced = price_options([ended], {ended.contract_id: CLOSE}, NEXT_CLOSE, AMERICAN)
    table = stress([ended], priced, [Decimal("-0.1")], [Decimal(0)])
    assert table.changes == [[Decimal("-6262.00")]]  # 100 shares bought, each 62.62 lower


@pytest.mark.parametrize("lacking", [{"underlying_price": None}, {"mark": None}, {"rate_to_base": None}])
def test_what_has_no_price_or_rate_leaves_every_cell_unknown(lacking: dict) -> None:
    table = stressed(PUT._replace(**lacking), SHARES)
    assert table.unknown == 1
    assert {change for changes in table.changes for change in changes} == {None}


def test_a_bond_does_not_move_and_is_counted() -> None:
    bond = position("1", "T 4 1/4", "BOND", quantity=Decimal(1000), mark=Decimal("0.99"))
    assert stressed(bond, SHARES).unmoved == 1
    assert stressed(bond, SHARES).changes == stressed(SHARES).changes


class TestAssignment:
    def taken(self, *positions: ClosingPosition, assumptions: Assumptions = AMERICAN):
        options = [each for each in positions if each.is_option]
        return assignments(positions, price_options(options, ends(*options), NEXT_CLOSE, assumptions), Decimal(90_000))

    def test_shares_and_cash_are_those_that_are_counted_by_hand(self) -> None:
        deep_call = short("C", "600", "27", -1)
        taken = self.taken(PUT, CALL, deep_call, SHARES)
        in_the_money, all_short = taken.rows
        assert (in_the_money.scope, in_the_money.contracts) == (IN_THE_MONEY, 3)
        assert (in_the_money.shares_bought, in_the_money.shares_delivered) == (200, 100)
        assert (in_the_money.cash_paid, in_the_money.cash_received) == (126_000, 60_000)  # 200 × 630, 100 × 600
        assert in_the_money.uncovered == 0
        assert (all_short.scope, all_short.contracts, all_short.cash_received) == (ALL_SHORT, 4, 124_000)
        assert taken.needed(IN_THE_MONEY) == taken.needed(ALL_SHORT) == 126_000

    def test_calls_beyond_the_shares_that_are_held_or_brought_are_not_covered(self) -> None:
        [row, _] = self.taken(short("C", "600", "27", -3), SHARES).rows
        assert row.uncovered == 290

    def test_a_long_option_is_not_assigned(self) -> None:
        assert self.taken(short("P", "630", "8", 2)).rows == []

    def test_what_settles_in_cash_pays_what_it_is_in_the_money(self) -> None:
        [row, _] = self.taken(PUT, assumptions=EUROPEAN).rows
        assert (row.shares_bought, row.cash_paid) == (0, Decimal("760.0"))  # 200 × (630 − 626.2)

    def test_an_option_whose_underlying_has_no_price_is_counted_and_in_the_scope_of_all_alone(self) -> None:
        taken = self.taken(short("P", "630", "8.15", underlying_price=None))
        assert [row.scope for row in taken.rows] == [ALL_SHORT]
        assert taken.unknown == 1

    def test_without_a_rate_the_sum_is_unknown(self) -> None:
        assert self.taken(PUT._replace(rate_to_base=None)).needed(IN_THE_MONEY) is None

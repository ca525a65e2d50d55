"""What people read of a period: figures against other ways to compute them, names, bounds rounded outward."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.periods.shown import bound_of, figures_of, items_of

RETURNS = st.lists(st.integers(-(10**11), 10**11), min_size=2, max_size=30)


def shown_of(returns):
    return {"twr": sum(returns), "squares": sum(each * each for each in returns)}


@given(RETURNS)
def test_return_volatility_and_sharpe_are_those_of_the_single_days(returns):
    figures = figures_of(shown_of(returns), len(returns))
    simple = [math.exp(each * 1e-12) for each in returns]
    assert figures["twr"] == pytest.approx(math.prod(simple) - 1, abs=1e-9)
    deviation = statistics.stdev([each * 1e-12 for each in returns])
    if deviation <= 1e-15:
        assert figures["volatility_log"] is figures["sharpe_log"] is None
        return
    assert figures["volatility_log"] == pytest.approx(deviation * math.sqrt(252))
    mean = statistics.fmean(each * 1e-12 for each in returns)
    assert figures["sharpe_log"] == pytest.approx(mean / deviation * math.sqrt(252), abs=1e-9)
    assert min(simple) - 1 >= figures["no_day_below"] - 1e-9


def test_one_day_has_no_volatility():
    assert figures_of(shown_of([5]), 1) == {
        "twr": pytest.approx(5e-12),
        "volatility_log": None,
        "sharpe_log": None,
        "no_day_below": None,
    }


def test_a_return_that_no_float_holds_is_left_out():
    assert figures_of({"twr": 2**119}, 1) == {"twr": None}


def test_amounts_are_exact_and_what_is_unexplained_is_the_rest():
    shown = {"net_pnl": 12_345_678_901, "external_flow": -1, "nav_change": 12_345_678_902, "costs": -5}
    assert figures_of(shown, 3) == {
        "net_pnl": Decimal("123.45678901"),
        "external_flow": Decimal("-0.00000001"),
        "costs": Decimal("-0.00000005"),
        "nav_change": Decimal("123.45678902"),
        "unexplained": Decimal("0.00000002"),
    }


@pytest.mark.parametrize(("wins", "losses", "rate"), [(3, 1, 0.75), (0, 2, 0.0), (0, 0, None)])
def test_the_win_rate_is_wins_of_wins_and_losses(wins, losses, rate):
    assert figures_of({"wins": wins, "losses": losses}, 3) == {"wins": wins, "losses": losses, "win_rate": rate}


@pytest.mark.parametrize(
    ("asked", "rounded"), [("-0.05", "-0.05"), ("-0.0501", "-0.051"), ("-0.99", "-0.99"), ("0", "0")]
)
@pytest.mark.parametrize("item", ["worst_day", "drawdown"])
def test_a_bound_is_rounded_outward_to_a_tenth_of_a_percent(item, asked, rounded):
    bound = bound_of(item, Decimal(asked))
    figure = figures_of({item: bound}, 21)[item]
    assert figure <= float(rounded)
    assert figure == pytest.approx(float(rounded), abs=1e-9)


@pytest.mark.parametrize("change", ["0.01", "-1", "-0.9999", "NaN", "Infinity", "-2"])
def test_what_is_no_loss_is_no_bound(change):
    with pytest.raises(Permanent, match="is no loss"):
        bound_of("worst_day", Decimal(change))


def test_only_two_items_have_a_bound():
    with pytest.raises(Permanent, match="has no bound"):
        bound_of("twr", Decimal("-0.1"))


def test_names_become_items_each_once_and_in_one_order():
    assert items_of(["sharpe", "net_pnl", "volatility", "win_rate", "flows"]) == (
        "net_pnl",
        "twr",
        "external_flow",
        "wins",
        "losses",
        "squares",
    )


@pytest.mark.parametrize(("names", "words"), [([], "nothing is to be shown"), (["sharp"], r"nearest: sharpe")])
def test_an_unknown_name_is_refused_with_the_nearest(names, words):
    with pytest.raises(Permanent, match=words):
        items_of(names)

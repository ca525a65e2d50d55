"""The account beside its benchmark: empyrical on the same returns, and the laws that hold for any."""

from __future__ import annotations

import math
import warnings
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import empyrical
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.benchmark import SHORTEST_YEAR, beside, compared, distribution, prices_of_csv
from fntx_dagster.model.against_market import Comparison, MarketDay
from fntx_dagster.model.daily_bars import Closes
from fntx_dagster.model.nav import NavDay

BEGIN = date(2024, 1, 1)
BEFORE = {BEGIN + timedelta(n): BEGIN + timedelta(n - 1) for n in range(1, 10)} | {BEGIN + timedelta(3): BEGIN}
"""The session before each; the first and the second day have none."""


def market_days(own: list[float | None], market: list[float | None]) -> list[MarketDay]:
    days = [BEGIN + timedelta(number) for number in range(len(own))]
    return [MarketDay(day, a, b, None) for day, a, b in zip(days, own, market, strict=True)]


def normal(seed: int, count: int) -> tuple[list[float], list[float]]:
    random = Random(seed)
    market = [random.gauss(0.0004, 0.011) for _ in range(count)]
    return [0.4 * each + random.gauss(0.0003, 0.006) for each in market], market


@pytest.mark.parametrize("count", [2, 3, 21, 249, 250, 252, 700])
@pytest.mark.parametrize("seed", range(4))
def test_empyrical_gives_the_same_figures(seed: int, count: int) -> None:
    own, market = normal(seed, count)
    found = compared("SPY", market_days(own, market))
    assert found is not None
    returns, factor = numpy.array(own), numpy.array(market)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "account_return": empyrical.cum_returns_final(returns),
            "benchmark_return": empyrical.cum_returns_final(factor),
            "beta": empyrical.beta(returns, factor),
            "correlation": numpy.corrcoef(returns, factor)[0, 1],
            "up_capture": empyrical.up_capture(returns, factor),
            "down_capture": empyrical.down_capture(returns, factor),
        }
        alpha = empyrical.alpha(returns, factor)
    for name, value in expected.items():
        own_figure = getattr(found, name)
        assert own_figure == (None if math.isnan(value) else pytest.approx(value, rel=1e-9)), name
    assert found.daily_alpha is not None
    assert (1 + found.daily_alpha) ** 252 - 1 == pytest.approx(alpha, rel=1e-9)
    assert found.alpha == (None if count < 250 else pytest.approx(alpha, rel=1e-9))


def test_a_benchmark_beside_itself_has_a_beta_of_one_and_captures_all() -> None:
    _, market = normal(9, 300)
    found = compared("SPY", market_days(list(market), list(market)))
    assert found is not None
    assert found[5:11] == pytest.approx((1, 0, 0, 1, 1, 1), abs=1e-12)


def test_a_capture_that_no_float_holds_is_none() -> None:
    found = compared("SPY", market_days([20.0, 0.01], [0.01, -0.01]))
    assert found is not None
    assert (found.up_capture, found.account_return) == (None, pytest.approx(20.21))


def test_what_is_undefined_is_none_and_counted() -> None:
    assert compared("SPY", market_days([None, 0.01], [0.02, None])) is None
    one = compared("SPY", market_days([0.01, 0.02, None], [0.0, None, 0.01]))
    assert one == Comparison("SPY", 1, 1, pytest.approx(0.01), 0, None, None, None, None, None, None)
    still = compared("SPY", market_days([0.01, 0.02], [0.005, 0.005]))
    assert still is not None
    assert (still.beta, still.correlation, still.down_capture) == (None, None, None)


def test_what_no_float_holds_is_none() -> None:
    """A close without its decimal point is a hundred times too high: over a year of such days that is 10 ** 504."""
    found = compared("SPY", market_days([0.01, 29.0], [99.0, 99.0]))
    assert found is not None
    assert (found.up_capture, found.benchmark_return) == (None, 9999)
    beyond = compared("SPY", market_days([30.0] * 300, [100.0] * 300))
    assert beyond is not None
    assert (beyond.account_return, beyond.benchmark_return, beyond.up_capture, beyond.alpha) == (None,) * 4


def test_a_move_is_between_consecutive_sessions_and_not_over_a_split() -> None:
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (3, 4, 5)]
    prices = {
        BEGIN: (Decimal(50), True),
        BEGIN + timedelta(3): (Decimal(55), True),
        BEGIN + timedelta(4): (Decimal("27.5"), False),
        BEGIN + timedelta(5): (Decimal(22), True),
    }
    first, split, last = beside(days, BEFORE, [Closes("file", prices)])
    assert (first.benchmark_return, first.benchmark_linked) == pytest.approx((0.1, 0.1))
    assert (split.benchmark_return, split.benchmark_linked) == (None, None)
    assert last.benchmark_return == pytest.approx(-0.2)
    assert last.benchmark_linked is None
    assert last.daily_return == pytest.approx(0.01)


def test_a_day_after_a_gap_is_compared_over_its_own_session_alone() -> None:
    """The account's statements lack the 5th: its return of the 6th is of one session, and so is the benchmark's."""
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (4, 6)]
    prices = {BEGIN + timedelta(n): (Decimal(price), True) for n, price in ((3, 100), (4, 110), (5, 99), (6, 198))}
    moves = [day.benchmark_return for day in beside(days, BEFORE, [Closes("file", prices)])]
    assert moves == pytest.approx([0.1, 1])


def test_a_return_is_of_two_closes_of_the_first_source_that_has_both() -> None:
    """The bars end on the 4th day; the statements, whose prices fell by a dividend meanwhile, go on from it."""
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (3, 4, 5, 6, 7)]
    bars = {BEGIN: 100, BEGIN + timedelta(3): 110, BEGIN + timedelta(4): 121}
    marks = {BEGIN: 200, BEGIN + timedelta(4): 231, BEGIN + timedelta(5): 462, BEGIN + timedelta(7): 231}
    sources = [
        Closes(name, {day: (Decimal(price), True) for day, price in prices.items()})
        for name, prices in (("gateway", bars), ("statements", marks))
    ]
    listed = beside(days, BEFORE, sources)
    assert [day.source for day in listed] == ["gateway", "gateway", "statements", None, None]
    assert [day.benchmark_return for day in listed] == [pytest.approx(0.1), pytest.approx(0.1), 1, None, None]
    linked = [day.benchmark_linked for day in listed]
    assert linked == [pytest.approx(0.1), pytest.approx(0.21), pytest.approx(1.42), None, pytest.approx(0.21)]
    found = compared("SPY", listed)
    assert found is not None
    assert (found.source, found.sessions, found.missing) == ("gateway, statements", 3, 2)


def test_sources_without_a_day_in_common_are_not_linked() -> None:
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (3, 4, 5, 6)]
    price = {day: (Decimal(100 + day.day), True) for day in BEFORE}
    bars = {BEGIN: (Decimal(100), True), BEGIN + timedelta(3): (Decimal(110), True)}
    marks = {BEGIN + timedelta(n): price[BEGIN + timedelta(n)] for n in (4, 5, 6)}
    listed = beside(days, BEFORE, [Closes("gateway", bars), Closes("statements", marks)])
    assert [day.source for day in listed] == ["gateway", None, "statements", "statements"]
    assert [day.benchmark_linked for day in listed] == [pytest.approx(0.1), None, None, None]


def test_adjusted_bars_lead_over_a_split_that_breaks_the_statements_closes() -> None:
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (3, 4, 5)]
    bars = {BEGIN + timedelta(n): (Decimal(50 + n), True) for n in (0, 3, 4)}
    marks = {BEGIN + timedelta(n): (Decimal(price), n != 4) for n, price in ((0, 100), (3, 106), (4, 54), (5, 81))}
    listed = beside(days, BEFORE, [Closes("gateway", bars), Closes("statements", marks)])
    assert [day.source for day in listed] == ["gateway", "gateway", "statements"]
    assert listed[2].benchmark_linked == pytest.approx(54 / 50 * 1.5 - 1)


@given(st.lists(st.floats(-0.9, 3), min_size=1, max_size=60))
def test_each_return_lies_in_one_bin_and_the_bins_meet(returns: list[float]) -> None:
    spread = distribution(returns)
    assert spread is not None
    assert sum(count for _, _, count in spread.bins) == len(returns)
    assert len(spread.bins) <= 27
    for (_, high, _), (low, _, _) in pairwise(spread.bins):
        assert low == pytest.approx(high)
    assert spread.bins[0][0] <= spread.worst + 1e-12
    assert spread.best <= spread.bins[-1][1] + 1e-12


class TestThePriceFile:
    def test_columns_are_found_by_name_and_others_are_left(self) -> None:
        text = "\ufeffClose,Volume,DATE\n628.04,1,2025-07-17\n\n627.58,2,2025-07-18\n"
        assert prices_of_csv(text, "spy.csv") == {
            date(2025, 7, 17): (Decimal("628.04"), True),
            date(2025, 7, 18): (Decimal("627.58"), True),
        }

    def test_lines_may_end_as_on_any_machine_and_empty_cells_are_no_line(self) -> None:
        for end in ("\n", "\r\n", "\r"):
            text = end.join(("date,close,", "2025-07-18,2,", ",,", "2025-07-17,1,", ""))
            assert [*prices_of_csv(text, "spy.csv")] == [date(2025, 7, 18), date(2025, 7, 17)]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "spy.csv needs one column date and one column close in its first line. Write `date,close`"),
            ("date,close,Close\n2025-07-17,1,2", "spy.csv needs one column date and one column close"),
            ("date,close\n2025-07-17,1e400", "spy.csv, line 2: close '1e400' is no price"),
            ("date,close\n2025-07-17,0.000", "spy.csv, line 2: close '0.000' is no price"),
            ("date,close\n2025-07-17,６28", "spy.csv, line 2: close '６28' is no price"),
            ("date,close\n0000-07-17,1", "spy.csv, line 2: date '0000-07-17' is no date"),
            (f"date,close\n2025-07-17,{'1' * 9999}", f"spy.csv, line 2: close '{'1' * 40}…' is no price"),
            (f"date,close\n2025-07-17,1\n2025-07-18,{'1' * 10**7}", "spy.csv, line 3 is no line of a CSV file"),
            ("date,close\n17/07/2025,1", "spy.csv, line 2: date '17/07/2025' is no date. Write it as 2025-07-17"),
            ("date,close\n2025-07-17,1\n2025-07-18,nan", "spy.csv, line 3: close 'nan' is no price"),
            ("date,close\n2025-07-17", "spy.csv, line 2: close '' is no price"),
            ("date,close\n2025-07-17,-1", "spy.csv, line 2: close '-1' is no price"),
            ("date,close\n2025-07-17,1\n2025-07-17,2", "spy.csv, line 3: 2025-07-17 is there twice"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, text: str, said: str) -> None:
        with pytest.raises(Permanent, match="^" + said.replace(".", r"\.")):
            prices_of_csv(text, "spy.csv")


def test_the_linked_return_begins_with_the_first_close_that_is_known() -> None:
    days = [NavDay(BEGIN + timedelta(n), Decimal(100), Decimal(101), Decimal(0), Decimal(0)) for n in (1, 2, 3)]
    prices = {BEGIN + timedelta(2): (Decimal(50), True), BEGIN + timedelta(3): (Decimal(51), True)}
    linked = [day.benchmark_linked for day in beside(days, BEFORE, [Closes("file", prices)])]
    assert linked == [None, 0, pytest.approx(0.02)]
    del prices[BEGIN + timedelta(2)]
    prices[BEGIN] = Decimal(50), True
    linked = [day.benchmark_linked for day in beside(days, BEFORE, [Closes("file", prices)])]
    assert linked == [None, None, pytest.approx(0.02)], "a missing close leaves a gap"


def test_every_calendar_year_has_an_alpha() -> None:
    years = [len(sessions(date(year, 1, 1), date(year, 12, 31))) for year in range(2010, 2027)]
    assert min(years) == SHORTEST_YEAR

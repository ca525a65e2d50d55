"""Slices: all of a quantity, at their times, by their weights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.slices import (
    LIMIT,
    MOST_DECIMALS,
    PASSIVE,
    TWAP,
    VWAP,
    SlicePlan,
    VolumeBucket,
    shared,
    sliced,
)

START = datetime(2026, 11, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(
    strategy: str = TWAP, quantity: object = 100, decimals: int = 6, hours: float = 4, slices: int = 4, *volumes: object
):
    """A plan of some hours from midnight; of the profile, one volume for each hour."""
    profile = [
        VolumeBucket(START + n * HOUR, START + (n + 1) * HOUR, Fraction(str(each))) for n, each in enumerate(volumes)
    ]
    return SlicePlan(strategy, Fraction(str(quantity)), decimals, START, START + hours * HOUR, slices, profile)


@st.composite
def plans(draw: st.DrawFn) -> SlicePlan:
    decimals = draw(st.integers(0, 15))
    volumes = draw(st.lists(st.fractions(0, 1000, max_denominator=50), min_size=1, max_size=30))
    start = START + timedelta(seconds=draw(st.integers(-5000, 5000)))
    buckets = [
        VolumeBucket(START + n * HOUR, START + n * HOUR + timedelta(seconds=draw(st.integers(1, 9000))), volume)
        for n, volume in enumerate(volumes)
    ]
    return SlicePlan(
        draw(st.sampled_from([TWAP, VWAP, LIMIT])),
        Fraction(draw(st.integers(1, 10**15)), 10**decimals),
        decimals,
        start,
        start + timedelta(seconds=draw(st.integers(1, 90_000))),
        draw(st.integers(1, 60)),
        buckets,
    )


@given(plans())
def test_the_slices_sum_to_the_quantity(plan: SlicePlan) -> None:
    busy = any(bucket.volume and bucket.start < plan.end and bucket.end > plan.start for bucket in plan.profile)
    if plan.strategy == VWAP and not busy:
        with pytest.raises(Permanent, match="no volume"):
            sliced(plan)
        return
    slices = sliced(plan)
    assert sum(Fraction(each.quantity) for each in slices) == plan.quantity
    assert [each.n for each in slices] == [*range(1, len(slices) + 1)]
    assert all(each.quantity > 0 and each.quantity.as_tuple().exponent == -plan.decimals for each in slices)
    times = [each.at for each in slices]
    assert times == sorted(times)
    assert plan.start <= times[0] <= times[-1] < plan.end


@given(plans())
def test_the_volume_of_an_interval_is_what_lies_inside_of_it(plan: SlicePlan) -> None:
    """Compared with a sum over every second, which is slower and simpler."""
    end = min(plan.end, plan.start + timedelta(seconds=60))
    short = plan._replace(strategy=VWAP, slices=3, end=end, quantity=Fraction(10**9), decimals=0)
    seconds = int((end - plan.start).total_seconds())
    weights = [Fraction(0)] * 6
    for sixth in range(6 * seconds):  # a sixth of a second is as fine as the bounds of six intervals
        at = Fraction(sixth, 6)
        for bucket in plan.profile:
            begins, ends = (Fraction((each - plan.start) // timedelta(seconds=1)) for each in bucket[:2])
            if begins <= at < ends:
                weights[sixth // seconds] += bucket.volume / (ends - begins) / 6
    if not any(weights):
        with pytest.raises(Permanent, match="no volume"):
            sliced(short)
        return
    assert [int(each.quantity) for each in sliced(short)] == [each for each in shared(10**9, weights) if each]


@given(st.integers(0, 10**9), st.lists(st.fractions(0, 100), min_size=1, max_size=20).filter(any))
def test_a_share_is_never_a_unit_away_from_its_exact_one(units: int, weights: list[Fraction]) -> None:
    shares = shared(units, weights)
    assert sum(shares) == units
    assert all(abs(share - units * weight / sum(weights)) < 1 for share, weight in zip(shares, weights, strict=True))


def test_what_is_left_goes_to_the_largest_remainders_and_of_equal_ones_to_the_earlier() -> None:
    assert shared(10, [Fraction(1)] * 4) == [3, 3, 2, 2]
    assert shared(10, [Fraction(15), Fraction(26), Fraction(59)]) == [1, 3, 6]  # 1.5, 2.6, 5.9


def test_the_times_of_slices_are_exact_and_cut_to_the_second() -> None:
    shown = [f"{each.at:%H:%M:%S}" for each in sliced(plan(slices=7, hours=1))]
    assert shown == ["00:00:00", "00:08:34", "00:17:08", "00:25:42", "00:34:17", "00:42:51", "00:51:25"]


def test_fewer_units_than_slices_go_to_the_earlier_slices() -> None:
    assert [(each.n, each.at - START, each.quantity) for each in sliced(plan(TWAP, 2, 0))] == [
        (1, 0 * HOUR, Decimal(1)),
        (2, HOUR, Decimal(1)),
    ]


def test_vwap_takes_twice_the_intervals_and_spreads_a_bucket_evenly() -> None:
    slices = sliced(plan(VWAP, 100, 0, 2, 2, 30, 10))
    assert [(each.at - START, each.quantity) for each in slices] == [
        (n * HOUR / 2, Decimal(each)) for n, each in enumerate((38, 38, 12, 12))
    ]


def test_an_interval_without_volume_gives_no_slice() -> None:
    slices = sliced(plan(VWAP, 100, 0, 4, 2, 1, 0, 0, 1))
    assert [(each.n, each.at - START) for each in slices] == [(1, 0 * HOUR), (2, 3 * HOUR)]


def test_a_limit_order_is_one_and_passive() -> None:
    (only,) = sliced(plan(LIMIT, "12.5"))
    assert (only.n, only.at, str(only.quantity), only.flags) == (1, START, "12.500000", PASSIVE)


@pytest.mark.parametrize(
    ("refused", "word"),
    [
        (plan(quantity=0), "quantity"),
        (plan(quantity=-1), "quantity"),
        (plan(quantity="0.5", decimals=0), "0 decimals"),
        (plan(quantity="0.0000001"), "6 decimals"),
        (plan(decimals=-1), "decimals"),
        (plan(decimals=MOST_DECIMALS + 1), "decimals"),
        (plan(hours=0), "end"),
        (plan(hours=-1), "end"),
        (plan(slices=0), "slices"),
        (plan(slices=1001), "slices"),
        (plan(LIMIT, slices=0), "slices"),
        (plan("iceberg"), "strategy"),
        (plan(VWAP, 1, 0, 4, 1), "no volume"),
        (plan(VWAP, 1, 0, 4, 1, 0, 0, 0, 0, 5), "no volume"),
        (plan(VWAP, 1, 0, 1, 1, 1, -1), "negative"),
        (plan(VWAP, 1, 0, 1, 1, 1)._replace(profile=[VolumeBucket(START, START, Fraction(1))]), "end after"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(refused: SlicePlan, word: str) -> None:
    with pytest.raises(Permanent, match=word):
        sliced(refused)


def test_a_quantity_that_is_written_with_more_zeros_is_not_finer() -> None:
    assert sliced(plan(quantity="1.000", decimals=2, slices=1))[0].quantity == 1


def test_a_thousand_slices_of_many_digits_are_exact() -> None:
    quantity = Fraction(10**40 + 7, 10**30)
    slices = sliced(plan(quantity="1", slices=1000)._replace(quantity=quantity, decimals=30))
    assert len(slices) == 1000
    assert sum(Fraction(each.quantity) for each in slices) == quantity

"""What a slice leaves rolls to the next, and never more than the quantity is traded, whoever sends what is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.execution.rolling import AskedSlice, SliceProgress, committed, next_batch

START = datetime(2026, 11, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def planned(*quantities: int) -> list[SliceProgress]:
    return [
        SliceProgress(n, START + (n - 1) * HOUR, START + n * HOUR, Fraction(each), Fraction(0), Fraction(0), False)
        for n, each in enumerate(quantities, 1)
    ]


def after(slices: list[SliceProgress], asked: list[AskedSlice]) -> list[SliceProgress]:
    by_n = dict(asked)
    return [each._replace(asked=by_n.get(each.n, each.asked)) for each in slices]


def test_what_a_slice_leaves_rolls_to_the_next() -> None:
    slices = planned(10, 10, 10)
    assert next_batch(slices, 1, START) == [AskedSlice(1, Fraction(10))]
    slices = after(slices, [AskedSlice(1, Fraction(10))])
    assert next_batch(slices, 1, START + HOUR) == []  # its offer may still trade
    slices[0] = slices[0]._replace(filled=Fraction(4), is_over=True)
    assert next_batch(slices, 1, START + HOUR) == [AskedSlice(2, Fraction(16))]


def test_of_a_batch_the_first_takes_what_is_left() -> None:
    slices = planned(10, 10, 10, 10)
    slices[0] = slices[0]._replace(asked=Fraction(10), filled=Fraction(1), is_over=True)
    assert next_batch(slices, 2, START + HOUR) == [AskedSlice(2, Fraction(19)), AskedSlice(3, Fraction(10))]


def test_a_slice_whose_time_went_by_rolls_as_well_and_the_last_expires() -> None:
    slices = planned(10, 10)
    assert next_batch(slices, 5, START + HOUR) == [AskedSlice(2, Fraction(20))]
    assert next_batch(slices, 5, START + 2 * HOUR) == []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.integers(1, 4), st.data())
def test_never_more_than_the_quantity_is_traded(quantities: list[int], size: int, data: st.DataObject) -> None:
    """Signers are late, the operator is away, strangers send signed bytes at any time of their slice."""
    slices, quantity, now = planned(*quantities), Fraction(sum(quantities)), START
    ends = slices[-1].ends_at
    while now <= ends:
        slices = after(slices, next_batch(slices, size, now))
        assert committed(slices) <= quantity
        for place, each in enumerate(slices):
            if each.asked and not each.is_over and each.at <= now < each.ends_at:
                traded = each.filled + Fraction(data.draw(st.integers(0, 4)), 4) * (each.asked - each.filled)
                slices[place] = each._replace(filled=traded)
        now += timedelta(minutes=data.draw(st.integers(1, 90)))
        if data.draw(st.booleans()):  # the program looks now
            slices = [each._replace(is_over=each.is_over or each.ends_at <= now) for each in slices]
    assert sum(each.filled for each in slices) <= quantity

"""Which slices are asked for next, and for how much: what a slice leaves rolls to the next that nobody has signed yet.

An offer that is signed has a fixed quantity, and whoever holds its bytes can send it. So what is traded and what signed
offers may still trade never come to more than the quantity: a batch is asked for when every offer that was asked for
before is over, and what these left is added to its first slice. The last slice expires, and what it leaves is not
traded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple


class SliceProgress(NamedTuple):
    """A slice, `planned` for `at` until `ends_at`. `asked`: what its offer may trade at most, 0 while there is none;
    `is_over`: no ledger can take its offer any more, and `filled` is all that it traded."""

    n: int
    at: datetime
    ends_at: datetime
    planned: Fraction
    asked: Fraction
    filled: Fraction
    is_over: bool


class AskedSlice(NamedTuple):
    """A slice of a batch, and what its offer may trade at most."""

    n: int
    quantity: Fraction


def next_batch(slices: Sequence[SliceProgress], size: int, now: datetime) -> list[AskedSlice]:
    """The slices to ask for now, at most `size` of them; none while an offer that was asked for may still trade."""
    if any(each.asked and not each.is_over for each in slices):
        return []
    gone = [each for each in slices if each.is_over or each.ends_at <= now]
    left = sum((each.planned - each.filled for each in gone), Fraction(0))
    coming = [each for each in slices if not each.is_over and each.ends_at > now][:size]
    return [AskedSlice(each.n, each.planned + (left if not place else 0)) for place, each in enumerate(coming)]


def committed(slices: Sequence[SliceProgress]) -> Fraction:
    """What was traded, and what offers may still trade: never more than the slices were planned for."""
    return sum((each.filled if each.is_over else max(each.asked, each.filled) for each in slices), Fraction(0))

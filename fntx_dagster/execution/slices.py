"""How a quantity is cut into slices over time: equally (TWAP), by a profile of volume (VWAP), or not at all (limit).

Every share is exact: units of the asset's last decimal are given out by the largest remainder, so that the slices sum
to the quantity, always. A slice of nothing is no slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.largest_remainder import pro_rata

TWAP, VWAP, LIMIT = STRATEGIES = ("twap", "vwap", "limit")
PASSIVE = 0x10000
"""The flag of an OfferCreate that does not consume offers which match it exactly (tfPassive)."""
MOST_SLICES = 1000
MOST_DECIMALS = 81
"""XRPL's smallest amount is 10^-81."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_SECOND = 1_000_000


class VolumeBucket(NamedTuple):
    """What was traded from `start` until `end`, evenly over that time."""

    start: datetime
    end: datetime
    volume: Fraction


class SlicePlan(NamedTuple):
    """What is to be cut: a quantity with at most `decimals` places, from `start` until `end`, into that many slices.
    VWAP takes twice as many intervals, and the profile."""

    strategy: str
    quantity: Fraction
    decimals: int
    start: datetime
    end: datetime
    slices: int
    profile: Sequence[VolumeBucket] = ()


class Slice(NamedTuple):
    """One order of a strategy: `n` from 1, `at` on a whole second, UTC. `flags` are those of its OfferCreate."""

    n: int
    at: datetime
    quantity: Decimal
    flags: int = 0


def sliced(plan: SlicePlan) -> list[Slice]:
    """The slices of a plan, by time. Raises Permanent for a plan that cannot be carried out."""
    units = _units(plan)
    if plan.strategy == LIMIT:
        return [Slice(1, _second(_ticks(plan.start)), _quantity(units, plan.decimals), PASSIVE)]
    count = plan.slices if plan.strategy == TWAP else 2 * plan.slices
    weights = [Fraction(1)] * count if plan.strategy == TWAP else _volumes(plan, count)
    start, length = _ticks(plan.start), _ticks(plan.end) - _ticks(plan.start)
    shares = [
        (_second(start + place * length // count), share) for place, share in enumerate(shared(units, weights)) if share
    ]
    return [Slice(n, at, _quantity(share, plan.decimals)) for n, (at, share) in enumerate(shares, 1)]


def shared(units: int, weights: Sequence[Fraction]) -> list[int]:
    """`units` shared by weight, by largest remainder, the earlier of equal ones first. The weights are not negative,
    and not all 0."""
    finest = math.lcm(*(weight.denominator for weight in weights))
    parts = [(weight * finest).numerator for weight in weights]
    return pro_rata(units, parts, [f"{place:04d}" for place in range(len(parts))])


def _units(plan: SlicePlan) -> int:
    """The quantity in units of its last decimal, of a plan that holds what it must."""
    if plan.strategy not in STRATEGIES:
        raise Permanent(f"{plan.strategy!r} is no strategy", f"It is one of {', '.join(STRATEGIES)}")
    if not 0 <= plan.decimals <= MOST_DECIMALS:
        raise Permanent(f"decimals is {plan.decimals}", f"It is a whole number from 0 to {MOST_DECIMALS}")
    if plan.quantity <= 0:
        raise Permanent("quantity is not above 0", "Say how much is to be traded")
    units = plan.quantity * 10**plan.decimals
    if units.denominator != 1:
        raise Permanent(
            f"quantity has more than {plan.decimals} decimals", "Round it to what the asset can be divided into"
        )
    if plan.end <= plan.start:
        raise Permanent("end is not after start", "Name a later end")
    if not 1 <= plan.slices <= MOST_SLICES:
        raise Permanent(f"slices is {plan.slices}", f"It is a whole number from 1 to {MOST_SLICES}")
    for bucket in plan.profile:
        if bucket.volume < 0:
            raise Permanent("a volume of the profile is negative", "A profile holds what was traded")
        if bucket.end <= bucket.start:
            raise Permanent("a bucket of the profile does not end after it starts", "Name a later end")
    return units.numerator


def _volumes(plan: SlicePlan, count: int) -> list[Fraction]:
    """The volume of the profile inside each of `count` equal intervals.

    Times are counted in parts of a microsecond, `count` to one, in which every interval begins on a whole number.
    """
    start, length = _ticks(plan.start) * count, _ticks(plan.end) - _ticks(plan.start)
    volumes = [Fraction(0)] * count
    for bucket in plan.profile:
        first, last = _ticks(bucket.start) * count, _ticks(bucket.end) * count
        begins = max(first, start)
        while begins < min(last, start + count * length):
            place = (begins - start) // length
            ends = min(last, start + (place + 1) * length)
            volumes[place] += bucket.volume * (ends - begins) / (last - first)
            begins = ends
    if not any(volumes):
        raise Permanent("the profile has no volume between start and end", "Trade by twap, or give another profile")
    return volumes


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


def _second(ticks: int) -> datetime:
    return _EPOCH + timedelta(seconds=ticks // _SECOND)


def _quantity(units: int, decimals: int) -> Decimal:
    """A number of units as an amount with all its decimals, however long it is: no context rounds it."""
    return Decimal((0, tuple(map(int, str(units))), -decimals))

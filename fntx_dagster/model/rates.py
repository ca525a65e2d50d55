"""The rate between two currencies from pairs that a user has written in the settings, and rates that are not the
broker's of the day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

LAST_KNOWN = "last_known"
CONFIGURED = "configured"


class StandInRate(NamedTuple):
    """A rate that a session uses because no statement gives one of the day: `source` is the last known rate, of
    `rate_day`, or the configured one. Base currency per unit of `currency`."""

    currency: str
    rate: Decimal
    source: str
    rate_day: date | None


def rate_between(
    currency: str, into: str, pairs: Mapping[str, Decimal], places: Decimal | None = None
) -> Decimal | None:
    """What multiplies an amount in `currency` into `into`; None where `pairs` has no pair of the two.

    A pair such as `USD/HKD` serves both ways. `places` (such as `Decimal("1E-12")`) rounds the inverse of a pair, which
    is seldom exact; a rate as written is never rounded.
    """
    if currency == into:
        return Decimal(1)
    if rate := pairs.get(f"{currency}/{into}"):
        return rate
    if inverse := pairs.get(f"{into}/{currency}"):
        return 1 / inverse if places is None else (1 / inverse).quantize(places)
    return None

"""The rate between two currencies from pairs that a user has written in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal


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

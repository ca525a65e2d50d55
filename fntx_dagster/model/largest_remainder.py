"""How a whole number of minor units is shared among several, so that the shares sum to it exactly."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def shared_units(total: int, above: int, below: int, parts: Sequence[int], ids: Sequence[str]) -> list[int]:
    """How `total` minor units are shared: each one's exact amount is parts × above ÷ below units, and is rounded down;
    what is missing goes, a unit each, to the largest remainders, ties to the lower id by its UTF-8 bytes.

    `below` is above zero. Raises ValueError where the exact amounts and the total are further apart than that mends.
    """
    amounts = [part * above // below for part in parts]
    missing = total - sum(amounts)
    if not 0 <= missing <= len(parts):
        raise ValueError(f"{total} minor units are no rounded sum of the parts")
    if missing:
        order = [
            (-(part * above % below), name.encode(), place)
            for place, (part, name) in enumerate(zip(parts, ids, strict=True))
            if part
        ]
        for *_, place in heapq.nsmallest(missing, order):
            amounts[place] += 1
    return amounts


def pro_rata(total: int, parts: Sequence[int], ids: Sequence[str]) -> list[int]:
    """How `total` minor units are shared in the proportion of the parts, of which at least one is above zero where
    there is something to share."""
    return shared_units(total, total, sum(parts), parts, ids) if total else [0] * len(parts)

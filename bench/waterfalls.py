"""How long the waterfall of a bond with 10,000 holders takes, reading and writing the documents included:
`python bench/waterfalls.py`."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import Any

from measuring import Measurement, shown, timed

from fntx_dagster.services.bonds.calculators import waterfall

HOLDERS = 10_000
_RANKS = ("senior", "mezzanine", "subordinated", "equity")


def measure() -> list[Measurement]:
    """The figure, and the limit of one second."""
    case = {"deal": _deal()}
    ours = median(timed(lambda: waterfall(case)) for _ in range(5))
    return [Measurement(f"waterfall of {HOLDERS:,} holders", f"{ours:.3f} s", "–", "–", "1 s at most")]


def _deal() -> dict[str, Any]:
    draw = Random(20)
    holders = {
        rank: [{"id": f"{rank}-{number}", "units": str(draw.randint(1, 10**6))} for number in range(HOLDERS // 4)]
        for rank in _RANKS
    }
    tranches = [
        {
            "id": rank,
            "class": rank,
            "outstanding": "1000000000.00",
            "rate": "0.0525",
            "day_count": "AA",
            "principal_due": "10000000.00",
            "holders": holders[rank],
        }
        for rank in _RANKS[:3]
    ]
    return {
        "currency": "USD",
        "decimals": 2,
        "period": {"start": "2026-01-01", "end": "2026-04-01"},
        "available": "100000000.00",
        "fees": [{"id": "trustee", "due": "5000.00"}],
        "tranches": tranches,
        "equity": {"holders": holders["equity"]},
    }


if __name__ == "__main__":
    shown(measure())

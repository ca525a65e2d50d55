"""Deals that hypothesis draws: documents that are read, of every state, class and day count."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.bonds.deals import amounts
from fntx_dagster.bonds.waterfall import CLASSES, STATES

DECIMALS = 2
UNITS = st.integers(0, 5_000_000)
written = amounts(DECIMALS)
MONEY = UNITS.map(written)


def holders(least: int = 1) -> st.SearchStrategy[list[dict[str, str]]]:
    """Holders with ids that differ, some of them with no units, but not all."""
    return st.lists(
        st.tuples(st.text("aéz\U0001f600", min_size=1, max_size=3), st.integers(0, 9)),
        min_size=least,
        max_size=5,
        unique_by=lambda holder: holder[0],
    ).map(lambda drawn: [{"id": name, "units": str(units + (place == 0))} for place, (name, units) in enumerate(drawn)])


@st.composite
def tranche(draw: st.DrawFn, place: int) -> dict[str, Any]:
    """A tranche that owes no more principal than is outstanding."""
    outstanding = draw(UNITS)
    arrears = draw(st.integers(0, outstanding))
    return {
        "id": f"T{place}",
        "class": draw(st.sampled_from(CLASSES)),
        "outstanding": written(outstanding),
        "rate": draw(st.sampled_from(["0", "0.05", "0.0333", "0.12345678", "1.5"])),
        "day_count": draw(st.sampled_from([*DAY_COUNTS])),
        "principal_due": written(draw(st.integers(0, outstanding - arrears))),
        "interest_arrears": draw(MONEY),
        "principal_arrears": written(arrears),
        "holders": draw(holders()),
    }


@st.composite
def deals(draw: st.DrawFn) -> dict[str, Any]:
    """A deal as a document."""
    start = date(2023, 1, 1) + timedelta(draw(st.integers(0, 1500)))
    fees = [{"id": f"F{place}", "due": draw(MONEY), "arrears": draw(MONEY)} for place in range(draw(st.integers(0, 3)))]
    return {
        "currency": "USD",
        "decimals": DECIMALS,
        "period": {"start": str(start), "end": str(start + timedelta(draw(st.integers(1, 400))))},
        "available": written(draw(st.integers(0, 20_000_000))),
        "state": draw(st.sampled_from(STATES)),
        "fees": fees,
        "tranches": [draw(tranche(place)) for place in range(draw(st.integers(0, 5)))],
        "equity": {"holders": draw(st.one_of(st.just([]), holders()))},
    }

"""A year's realised gains in sum, for people: by account, form, term and currency, beside the broker's figures.

What belongs here: rows of display strings, and what has to be said below them. What is unknown is a dash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from fntx_dagster.report import money

TOTAL_HEADERS = (
    *("Account", "Form", "Term", "Currency"),
    *("Lots", "Proceeds", "Cost", "Disallowed", "Gain", "By The Broker", "Difference"),
)
_KEYS = ("account_id", "form", "term", "currency")


def total_rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """`rows`: those of `services.tax.tax_rows`. Gains are with wash sales; the broker's figures, of the closing fills
    that have one, are without, and so is the difference from ours."""

    def key(row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(row[name] for name in _KEYS)

    for names, members in groupby(sorted(rows, key=key), key=key):
        own = list(members)
        fills = {row["close_fill_id"]: row for row in own if row["broker_gain"] is not None}
        broker = sum((row["broker_gain"] for row in fills.values()), Decimal(0))
        ours = sum((row["fill_gain"] for row in fills.values()), Decimal(0))
        yield (
            *names,
            f"{len(own):,}",
            *(money.display(_sum(own, name)) for name in ("proceeds", "cost_basis", "disallowed_loss")),
            money.display(_sum(own, "gain"), signed=True),
            money.display(broker, signed=True) if fills else "–",
            money.display_small(broker - ours, signed=True) if fills else "–",
        )


def tax_notes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the totals do not hold or decide."""
    if not rows:
        yield "Nothing was sold, closed or expired in that year."
    if unknown := sum(row["gain"] is None for row in rows):
        yield f"{unknown} lots have no known cost: no statement says it, and they are in no gain."
    if washed := sum(bool(row["disallowed_loss"]) for row in rows):
        yield f"{washed} losses are flagged as wash sales; docs/tax.md says by which rule, and what that leaves open."


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> Decimal:
    return sum((row[name] for row in rows if row["gain"] is not None and row[name] is not None), Decimal(0))

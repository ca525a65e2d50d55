"""What a block did to the NAV: the conversion of its total into base currency, and the NAV it leaves.

What belongs here: the lines that end every block of the story. A printed multiplication or sum is true: where the
rounded figures would not give the printed result, the exact figures are given beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.day import Block, Event
from fntx_dagster.report import money
from fntx_dagster.report.narrative import Line
from fntx_dagster.report.wording import MOST_NAMED

# Rates that the broker did not deliver with the row are said to be so.
_RATE_NOTES = {
    "statement": " (rate implied by the statement)",
    "last_known": " (last known rate: the statement has none of the day)",
    "configured": " (configured rate: the statement has none)",
    "realtime": " (configured real-time rate)",
}


Addends = tuple[Decimal, ...]


class Converted(NamedTuple):
    """Amounts in `currency`, as the block's lines list them, and their sum in base currency at `rates`, which are
    distinct and ascending."""

    currency: str
    rates: tuple[Decimal, ...]
    addends: Addends
    base_total: Decimal
    sources: frozenset[str]

    @property
    def total(self) -> Decimal:
        """The sum in `currency`."""
        return sum(self.addends, Decimal(0))


def impact_lines(
    block: Block, base_currency: str, addends_of: Callable[[Event], Addends], label: str, depth: int
) -> tuple[Line, ...]:
    """The block's total and its NAV impact in base currency, with the rate; a line per currency and rate if several.

    `addends_of` gives an event's amounts in its currency, as many for each event as the block's other lines list.
    """
    parts = _converted(block.events, addends_of)
    result = f"{money.display(block.nav_impact, signed=True)} {base_currency}"
    total = Line(label, result=result, depth=depth, total=True, amount=block.nav_impact, currency=base_currency)
    if len(parts) > 1:
        totals = tuple(part.base_total for part in parts)
        adds_up = money.adds_up(totals, block.nav_impact)
        summed = replace(
            total,
            text=money.summed(totals, signed=True) if adds_up else "",
            note="" if adds_up else f" (exactly {money.exactly(block.nav_impact, signed=True)})",
        )
        return (*(_part_line(part, base_currency, depth) for part in parts), summed)
    if not parts:
        return (total,)
    if parts[0].currency == base_currency:
        exact = f" (exactly {money.exactly(block.nav_impact, signed=True)})"
        return (replace(total, note="" if money.adds_up(parts[0].addends, block.nav_impact) else exact),)
    return (replace(total, text=_product(parts[0]), note=_rate_note(parts[0])),)


def nav_lines(impact: Decimal, nav_after: Decimal | None, base_currency: str) -> tuple[Line, ...]:
    """`NAV becomes: before + impact = after`, or `NAV remains: after` when nothing moved, in base currency. Empty where
    the NAV after the block is not known: on a provisional day without an opening NAV."""
    if nav_after is None:
        return ()
    result = f"{money.display(nav_after)} {base_currency}"
    if not impact:
        return (Line("NAV remains", result=result, amount=nav_after, currency=base_currency),)
    terms = (nav_after - impact, impact)
    exact = f" (rounded; exactly {money.summed(terms, exact=True)} = {money.exactly(nav_after)})"
    return (
        Line(
            "NAV becomes",
            text=money.summed(terms),
            result=result,
            note="" if money.adds_up(terms, nav_after) else exact,
            amount=nav_after,
            currency=base_currency,
        ),
    )


def _converted(events: Iterable[Event], addends_of: Callable[[Event], Addends]) -> list[Converted]:
    moving = [event for event in events if any(addends_of(event)) or event.nav_impact]
    by_rate = _grouped(moving, addends_of, lambda event: (event.currency, event.fx_rate))
    return by_rate if len(by_rate) <= MOST_NAMED else _grouped(moving, addends_of, lambda event: (event.currency,))


def _grouped(
    events: Iterable[Event], addends_of: Callable[[Event], Addends], key: Callable[[Event], tuple[object, ...]]
) -> list[Converted]:
    groups: dict[tuple[object, ...], list[Event]] = {}
    for event in events:
        groups.setdefault(key(event), []).append(event)
    return [
        Converted(
            currency=group[0].currency,
            rates=tuple(sorted({event.fx_rate for event in group})),
            addends=tuple(sum(column, Decimal(0)) for column in zip(*map(addends_of, group), strict=True)),
            base_total=sum((event.nav_impact for event in group), Decimal(0)),
            sources=frozenset(event.fx_source for event in group),
        )
        for group in groups.values()
    ]


def _part_line(part: Converted, base_currency: str, depth: int) -> Line:
    return Line(
        f"In {part.currency}",
        text="" if part.currency == base_currency else _product(part),
        result=f"{money.display(part.base_total, signed=True)} {base_currency}",
        note=_rate_note(part),
        depth=depth,
        amount=part.base_total,
        currency=base_currency,
    )


def _product(part: Converted) -> str:
    """`-146.00 USD × 7.8455`, always such that it gives the base total: where rounding spoils the product, or the
    sum that the lines before it make, the exact total is given as well."""
    total = f"{money.display(part.total)} {part.currency}"
    rate, *others = part.rates
    if others:
        return f"{total}, at {len(part.rates):,} rates from {money.rate(rate)} to {money.rate(others[-1])}"
    if money.cents(part.total * rate) != money.cents(part.base_total):
        return f"{total}, at {money.rate(rate)}"
    multiplies_out = money.cents(money.cents(part.total) * rate) == money.cents(part.base_total)
    if multiplies_out and money.adds_up(part.addends, part.total):
        return f"{total} × {money.rate(rate)}"
    return f"{total} (exactly {money.exactly(part.total)}) × {money.rate(rate)}"


def _rate_note(part: Converted) -> str:
    return "".join(note for source, note in _RATE_NOTES.items() if source in part.sources)

"""What brokers and exchanges charge beside the market's own moves: fees by kind, and the margin interest of a night.

What belongs here: the sums of charges over days and the sentences about them. Amounts are negative when they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.day import Day, Event
from fntx_dagster.report import money
from fntx_dagster.report.narrative import Line

_ZERO = Decimal(0)
_OF_TRADES = {"OPT": "options", "FOP": "options", "STK": "shares", "CASH": "currency conversions", "CRYPTO": "coins"}
_NAMES = {"fee": "Fees", "tax": "Taxes"}


class Charge(NamedTuple):
    """The charges of one kind in one currency: `amount` in `currency`, `quantity` of what was traded (0 of other fees),
    the lowest and the highest rate that they were charged at, and `in_base`, the same in base currency."""

    kind: str
    currency: str
    amount: Decimal
    quantity: Decimal
    lowest_rate: Decimal
    highest_rate: Decimal
    in_base: Decimal


def charges(days: Iterable[Day]) -> tuple[Charge, ...]:
    """The commissions of the days' trades by what was traded, and their fees and taxes by the broker's names."""
    sums: dict[tuple[str, str], Charge] = {}
    for event in (event for day in days for block in day.blocks for event in block.events):
        for kind, amount, quantity in _charged(event):
            key = (kind, event.currency)
            own = Charge(*key, amount, quantity, event.fx_rate, event.fx_rate, amount * event.fx_rate)
            before = sums.get(key)
            sums[key] = own if before is None else _added(before, own)
    return tuple(sorted(sums.values(), key=lambda charge: charge.in_base))


def charge_lines(charged: Iterable[Charge], base_currency: str, by: str = "the broker") -> list[Line]:
    """`by`: who charged. `Commissions on options: -7.56 USD for 9, 0.84 each, at 7.8472 = -59.33 HKD`."""
    lines = [
        Line(
            charge.kind,
            _sentence(charge, base_currency),
            f"{money.display(charge.in_base, signed=True)} {base_currency}",
            depth=1,
            amount=charge.in_base,
            currency=base_currency,
        )
        for charge in charged
    ]
    return [Line("Fees by Kind", f"What {by} charged, at the rate of each charge:"), *lines] if lines else []


def interest_lines(day: Day) -> list[Line]:
    """The margin interest that the broker charged for the day, by tier, and whether an assignment is part of it."""
    bought = {
        event.currency
        for block in day.blocks
        for event in block.events
        if event.event_type == "delivery" and event.opening_quantity and (event.quantity or _ZERO) > 0
    }
    of = " The shares that the assignment brought are in that balance."
    return [
        Line(
            "Margin Interest",
            f"The broker charges {money.display(-tier.interest)} {tier.currency} for the night: "
            f"{money.plain(tier.rate)} % a year on a balance of {money.display(tier.principal)} {tier.currency}."
            f"{of if tier.currency in bought else ''}",
            amount=tier.interest,
            currency=tier.currency,
        )
        for tier in day.interest_tiers
        if tier.interest < 0
    ]


def _charged(event: Event) -> Iterator[tuple[str, Decimal, Decimal]]:
    if event.commission and event.contract is not None:
        what = _OF_TRADES.get(event.contract.asset_category, "other contracts")
        yield f"Commissions on {what}", event.commission, abs(event.quantity or _ZERO)
    if event.event_type in _NAMES and event.amount:
        yield event.broker_type or _NAMES[event.event_type], event.amount, _ZERO


def _added(before: Charge, own: Charge) -> Charge:
    return before._replace(
        amount=before.amount + own.amount,
        quantity=before.quantity + own.quantity,
        lowest_rate=min(before.lowest_rate, own.lowest_rate),
        highest_rate=max(before.highest_rate, own.highest_rate),
        in_base=before.in_base + own.in_base,
    )


def _sentence(charge: Charge, base_currency: str) -> str:
    parts = [f"{money.display(charge.amount)} {charge.currency}"] * (charge.currency != base_currency)
    if charge.quantity and charge.kind.endswith("options"):
        each = money.display(abs(charge.amount) / charge.quantity)
        parts.append(f"{each} each of {money.quantity(charge.quantity)}")
    if charge.currency != base_currency:
        rates = dict.fromkeys((charge.lowest_rate, charge.highest_rate))
        parts.append(f"at {' to '.join(map(money.rate, rates))}")
    return ", ".join(parts)

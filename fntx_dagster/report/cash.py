"""Blocks of cash: deposits and withdrawals, interest, dividends, taxes and fees.

What belongs here: movements of money that no trade made. Where the broker gives no time, the text says
that the time is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, Block, Event
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.impact import impact_lines, nav_lines
from fntx_dagster.report.narrative import Line, Paragraph

_TITLES = {
    "deposit": ("Deposit", "Deposits"),
    "withdrawal": ("Withdrawal", "Withdrawals"),
    "interest": ("Interest", "Interest"),
    "dividend": ("Dividend", "Dividends"),
    "tax": ("Tax", "Taxes"),
    "fee": ("Fee", "Fees"),
    "withdrawal_fee": ("Withdrawal Fee", "Withdrawal Fees"),
}
_MIXED = ("Cash Movement", "Cash Movements")
# What is said of money that comes in, and of money that goes out.
_SENTENCES = {
    "deposit": ("You deposit {}", "A deposit of {} is reversed"),
    "withdrawal": ("A withdrawal of {} is reversed", "You withdraw {}"),
    "interest": ("The broker pays interest of {}", "The broker charges interest of {}"),
    "dividend": ("You receive a dividend of {}", "You pay a dividend of {}"),
    "tax": ("Tax of {} is refunded", "Tax of {} is withheld"),
    "withdrawal_fee": ("The broker refunds a withdrawal fee of {}", "The broker charges a withdrawal fee of {}"),
    "fee": ("The broker refunds a fee of {}", "The broker charges a fee of {}"),
}
_OTHER = ("The broker credits {}", "The broker debits {}")


def narrate_cash(block: Block, day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """A block of kind cash."""
    types = {_type(event, day) for event in block.events}
    singular, plural = _TITLES.get(types.pop(), _MIXED) if len(types) == 1 else _MIXED
    undated = day.trading_day if block.phase in ("intraday", "at_close") else None
    return Paragraph(
        kind=block.kind,
        phase=block.phase,
        title=singular if len(block.events) == 1 else plural,
        when=clock.both_zones(block.starts_at, block.ends_at, observer, market=day.zone, undated=undated),
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        nav_after=block.nav_after,
        lines=(
            *_event_lines(block.events, day, block.starts_at.astimezone(day.zone).date()),
            *_impact(block, day.base_currency),
            *nav_lines(block.nav_impact, block.nav_after, day.base_currency),
        ),
        source=block,
    )


def _type(event: Event, day: AnyDay) -> str:
    """The event's type; `withdrawal_fee` for a fee on a withdrawal's day that the broker's components leave out."""
    is_charged_beside = day.broker_residual and money.cents(event.nav_impact) == money.cents(day.broker_residual)
    return "withdrawal_fee" if event.event_type == "fee" and day.withdrawals and is_charged_beside else event.event_type


def _event_lines(events: Sequence[Event], day: AnyDay, today: date) -> list[Line]:
    named = events if len(events) <= wording.MOST_NAMED else events[: wording.MOST_NAMED - 1]
    lines = [
        Line(
            "Event",
            _sentence(event, day, today),
            note=_description(event, day),
            amount=event.amount,
            currency=event.currency,
        )
        for event in named
    ]
    if len(named) < len(events):
        lines.append(Line("Events", f"{len(events) - len(named):,} more cash movements."))
    return lines


def _sentence(event: Event, day: AnyDay, today: date) -> str:
    amount = event.amount if event.amount is not None else event.nav_impact
    comes_in, goes_out = _SENTENCES.get(_type(event, day), _OTHER)
    said = (goes_out if amount < 0 else comes_in).format(f"{money.display(abs(amount))} {event.currency}")
    about = f" on {wording.contract_name(event.contract, today)}" if event.contract is not None else ""
    return f"{said}{about}{' (time assumed)' if event.time_assumed else ''}."


def _description(event: Event, day: AnyDay) -> str:
    words = " ".join(event.description.split())
    return f" {wording.keeper(day)} writes: “{words}”." if words else ""


def _impact(block: Block, base_currency: str) -> tuple[Line, ...]:
    """The conversion; nothing where the amount is in base currency and the NAV line says it already."""
    plain = len(block.events) == 1 and block.events[0].currency == base_currency
    if plain or not block.nav_impact:
        return ()
    return impact_lines(block, base_currency, lambda event: (event.amount or Decimal(0),), "NAV Impact", depth=0)

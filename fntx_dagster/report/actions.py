"""What others do to the positions: corporate actions, and transfers from and to other accounts.

What belongs here: blocks of kind `corporate_action`, which exchange what is held and move no NAV, and of kind
`transfer`, which move it by the value that comes or goes, though nothing is gained or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, Block, Event
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.impact import impact_lines, nav_lines
from fntx_dagster.report.narrative import Line, Paragraph

_TITLES = {
    "split": ("Split", "Splits"),
    "merger": ("Merger", "Mergers"),
    "spin_off": ("Spin-Off", "Spin-Offs"),
    "symbol_change": ("Change of Symbol", "Changes of Symbols"),
}
_ANY = ("Corporate Action", "Corporate Actions")
_EXCHANGED = "This exchange has no immediate P&L impact."
_SHORT = ", sold short,"
_COUNTED = "; it moves nothing here and counts where open positions are marked to the closing prices."


def narrate_actions(block: Block, day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """A block of corporate actions."""
    today = block.starts_at.astimezone(day.zone).date()
    sentences = _sentences(block.events, today)
    types = {event.event_type for event in block.events}
    singular, plural = _TITLES.get(types.pop(), _ANY) if len(types) == 1 else _ANY
    return Paragraph(
        kind=block.kind,
        phase=block.phase,
        title=singular if len(sentences) == 1 else plural,
        when=clock.both_zones(block.starts_at, block.ends_at, observer, market=day.zone),
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        nav_after=block.nav_after,
        lines=(
            *_listed(sentences, "corporate actions"),
            Line("NAV Impact", _EXCHANGED),
            *_realised(block.events),
            *nav_lines(block.nav_impact, block.nav_after, day.base_currency),
        ),
        source=block,
    )


def narrate_transfers(block: Block, day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """A block of transfers, of cash and of positions."""
    today = block.starts_at.astimezone(day.zone).date()
    undated = day.trading_day if block.phase in ("intraday", "at_close") else None
    sentences = [_transfer(event, today) for event in block.events]
    return Paragraph(
        kind=block.kind,
        phase=block.phase,
        title="Transfer" if len(block.events) == 1 else "Transfers",
        when=clock.both_zones(block.starts_at, block.ends_at, observer, market=day.zone, undated=undated),
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        nav_after=block.nav_after,
        lines=(
            *_listed(sentences, "transfers"),
            *impact_lines(block, day.base_currency, lambda event: (event.amount or Decimal(0),), "NAV Impact", depth=0),
            *nav_lines(block.nav_impact, block.nav_after, day.base_currency),
        ),
        source=block,
    )


def _listed(sentences: Sequence[str], more: str) -> list[Line]:
    named = sentences if len(sentences) <= wording.MOST_NAMED else sentences[: wording.MOST_NAMED - 1]
    lines = [Line("Event", sentence) for sentence in named]
    if len(named) < len(sentences):
        lines.append(Line("Events", f"{len(sentences) - len(named):,} more {more}."))
    return lines


def _sentences(events: Sequence[Event], today: date) -> list[str]:
    """A sentence for each exchange, whose legs are linked, and for each leg without another."""
    by_id = {event.event_id: event for event in events}
    sentences: list[str] = []
    for event in events:
        other = by_id.get(event.linked_event_id or "")
        if other is event:
            sentences.append(_in_place(event, today))
        elif event.closing_quantity:
            sentences.append(_taken(event, other, today))
        elif other is None or not other.closing_quantity:
            sentences.append(_alone(event, today))
    return sentences


def _in_place(event: Event, today: date) -> str:
    if not event.closing_quantity:
        return _alone(event, today)
    more = event.opening_quantity > event.closing_quantity
    short = _SHORT if ((event.quantity or 0) > 0) != more else ""
    before = f"{_held(event, event.closing_quantity, today)}{short}"
    return f"Your {before} become{_s(event.closing_quantity)} {money.quantity(event.opening_quantity)}."


def _taken(event: Event, given: Event | None, today: date) -> str:
    size = event.closing_quantity
    what = f"{_held(event, size, today)}{_SHORT if (event.quantity or 0) > 0 else ''}"
    each = f"{money.priced(event.price, event.currency)} each" if event.price else ""
    if given is not None:
        with_cash = f", with cash of {each}" if each else ""
        return f"Your {what} become{_s(size)} {_held(given, given.opening_quantity, today)}{with_cash}."
    verb = "is" if size == 1 else "are"
    return f"Your {what} {verb} taken for cash at {each}." if each else f"Your {what} {verb} gone without value."


def _alone(event: Event, today: date) -> str:
    size = abs(event.quantity or Decimal(0))
    if not size:
        return f"{_named(event, today)}: cash of a corporate action that changes nothing of what is held{_COUNTED}"
    if not event.opening_quantity and not event.closing_quantity:
        return f"{_held(event, size, today)}: no statement says how the position that this changes was opened."
    receive = "receive" if (event.quantity or 0) > 0 else "owe"
    return f"You {receive} {_held(event, size, today)}, at no cost of its own."


def _transfer(event: Event, today: date) -> str:
    amount = event.amount or Decimal(0)
    value = f"{money.display(abs(amount))} {event.currency}"
    way = "in from" if event.event_type == "transfer_in" else "out to"
    assumed = " (time assumed)" if event.time_assumed else ""
    if event.contract is None or not event.quantity:
        return f"{value} is transferred {way} another account{assumed}."
    short = event.quantity * (1 if event.event_type == "transfer_in" else -1) < 0
    what = f"{'Short: ' if short else ''}{_held(event, abs(event.quantity), today)}"
    verb = "is" if abs(event.quantity) == 1 else "are"
    return f"{what} {verb} transferred {way} another account, worth {value}{assumed}."


def _held(event: Event, size: Decimal, today: date) -> str:
    return wording.counted(event.contract, size, today) if event.contract is not None else money.quantity(size)


def _named(event: Event, today: date) -> str:
    return wording.contract_name(event.contract, today) if event.contract is not None else "Of no contract"


def _s(size: Decimal) -> str:
    return "s" if size == 1 else ""


def _realised(events: Iterable[Event]) -> list[Line]:
    """What cash that was paid realised against the cost, by currency; a remainder below the cent is none."""
    by_currency: dict[str, Decimal] = {}
    for event in events:
        by_currency[event.currency] = by_currency.get(event.currency, Decimal(0)) + event.gross_realised
    return [
        Line(
            f"Realised {'Gain' if gross > 0 else 'Loss'}",
            f"{money.display(gross)} {currency}{_COUNTED}",
            amount=gross,
            currency=currency,
        )
        for currency, gross in by_currency.items()
        if money.cents(gross)
    ]

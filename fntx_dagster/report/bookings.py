"""What the clearing house does to options after the close: expirations, assignments and exercises.

What belongs here: blocks that no trade made. They move no NAV (a position is exchanged, or ends as it was marked),
unless the broker charges a commission for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import AnyDay, Block, Event
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.impact import impact_lines, nav_lines
from fntx_dagster.report.narrative import Line, Paragraph
from fntx_dagster.report.wording import Holding

_EXCHANGED = "This asset exchange has no immediate P&L impact."
_UNKNOWN = "unknown for {} of the shares: no statement says what they cost."
_COUNTED = "on the shares; it moves nothing here and counts where open positions are marked to the closing prices."


def narrate_booking(block: Block, day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """A block of kind expiration, assignment or exercise."""
    today = block.starts_at.astimezone(day.zone).date()
    sentence = _expiration(block, today) if block.kind == "expiration" else _exchange(block, today)
    many = sum(event.event_type == block.kind for event in block.events) > 1
    return Paragraph(
        kind=block.kind,
        phase=block.phase,
        title=f"{block.kind.capitalize()}{'s' if many else ''}",
        when=clock.both_zones(block.starts_at, block.ends_at, observer, market=day.zone),
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        nav_after=block.nav_after,
        lines=(
            Line("Event", sentence),
            *_impact(block, day.base_currency),
            *_realised(block.events),
            *nav_lines(block.nav_impact, block.nav_after, day.base_currency),
        ),
        source=block,
    )


def _impact(block: Block, base_currency: str) -> tuple[Line, ...]:
    if block.nav_impact:
        return impact_lines(block, base_currency, lambda event: (event.commission,), "Commissions", depth=0)
    return () if block.kind == "expiration" else (Line("NAV Impact", _EXCHANGED),)


def _realised(events: Iterable[Event]) -> list[Line]:
    """What shares that went or came realised against the price at which they had come or gone, by currency."""
    events = list(events)
    by_currency: dict[str, Decimal] = {}
    for event in events:
        if event.event_type == "delivery":
            by_currency[event.currency] = by_currency.get(event.currency, Decimal(0)) + event.gross_realised
    unknown = sum((event.unknown_quantity for event in events if event.event_type == "delivery"), Decimal(0))
    unstated = [Line("Realised P&L", _UNKNOWN.format(money.quantity(unknown)))] if unknown else []
    return unstated + [
        Line(
            f"Realised {'Gain' if gross > 0 else 'Loss'}",
            f"{money.display(gross)} {currency} {_COUNTED}",
            amount=gross,
            currency=currency,
        )
        for currency, gross in by_currency.items()
        if gross
    ]


def _expiration(block: Block, today: date) -> str:
    ended = _ended(block.events)
    worthless = [holding for holding, event in ended if not event.price]
    settled = [(holding, event) for holding, event in ended if event.price]
    sentences = [f"{_yours(worthless, today)} {_verb(worthless, 'expires', 'expire')} worthless."] if worthless else []
    sentences += [
        f"{_yours([holding], today)} {_verb([holding], 'expires and is', 'expire and are')} settled in cash at "
        f"{money.priced(event.price or Decimal(0), event.currency)}."
        for holding, event in settled
    ]
    return " ".join(sentences)


def _exchange(block: Block, today: date) -> str:
    ended = _ended(block.events)
    holdings = [holding for holding, _ in ended]
    participle = "assigned" if block.kind == "assignment" else "exercised"
    sentences = [f"{_yours(holdings, today)} {_verb(holdings, 'is', 'are')} {participle}."] if holdings else []
    what = "option liability" if block.kind == "assignment" else "option"
    return " ".join([*sentences, *_deliveries(block.events, what)])


def _ended(events: Iterable[Event]) -> list[tuple[Holding, Event]]:
    """The option holdings that the events end, one per contract, with the (last) event that ends them."""
    quantities: dict[Contract, Decimal] = {}
    by_contract: dict[Contract, Event] = {}
    for event in events:
        if event.contract is not None and event.quantity and event.event_type != "delivery":
            quantities[event.contract] = quantities.get(event.contract, Decimal(0)) - event.quantity
            by_contract[event.contract] = event
    holdings = wording.ladder(Holding(contract, quantity) for contract, quantity in quantities.items())
    return [(holding, by_contract[holding.contract]) for holding in holdings]


def _deliveries(events: Iterable[Event], what: str) -> list[str]:
    delivered: dict[tuple[Contract, Decimal, str, bool], Decimal] = {}
    for event in events:
        if event.event_type != "delivery" or event.contract is None:
            continue
        for opens, size in ((False, event.closing_quantity), (True, event.opening_quantity)):
            if size:
                key = (event.contract, event.price or Decimal(0), event.currency, opens)
                delivered[key] = delivered.get(key, Decimal(0)) + size.copy_sign(event.quantity or size)
    return [
        _delivery(contract, quantity, money.priced(price, currency), opens, what)
        for (contract, price, currency, opens), quantity in delivered.items()
    ]


def _delivery(contract: Contract, quantity: Decimal, price: str, opens: bool, what: str) -> str:
    if opens:
        position = (
            f"a {money.quantity(quantity)} share {'short' if quantity < 0 else 'long'} position in {contract.symbol}"
        )
        return f"Your {what} is replaced with {position} at a cost basis of {price}/share."
    shares = f"{money.quantity(abs(quantity))} share{'' if abs(quantity) == 1 else 's'}"
    done = "You deliver" if quantity < 0 else "You receive"
    closed = "your long" if quantity < 0 else "your short"
    return f"{done} {shares} of {contract.symbol} at {price}/share, which closes {closed} position in it."


def _yours(holdings: Sequence[Holding], today: date) -> str:
    return f"Your {wording.capped([wording.owned(holding, today) for holding in holdings], 'options')}"


def _verb(holdings: Sequence[Holding], singular: str, plural: str) -> str:
    return singular if len(holdings) == 1 and abs(holdings[0].quantity) == 1 else plural

"""One account's trading day, narrated from start to end.

What belongs here: the order of the paragraphs, and which function writes each. The day runs from the previous session's
close to its own; its story starts with the previous official NAV, takes what happened overnight and before the open,
states both NAVs at the open, takes the session, and reconciles at the close. A day that
still runs ends with the moment at which the gateway was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import AnyDay, Block, ProvisionalDay
from fntx_dagster.report import clock
from fntx_dagster.report.actions import narrate_actions, narrate_transfers
from fntx_dagster.report.bookings import narrate_booking
from fntx_dagster.report.cash import narrate_cash
from fntx_dagster.report.market import (
    early_close,
    narrate_close,
    narrate_no_events,
    narrate_open,
    narrate_previous_close,
)
from fntx_dagster.report.narrative import Paragraph, Story, StorySection
from fntx_dagster.report.now import narrate_now, provisional
from fntx_dagster.report.trades import narrate_trades
from fntx_dagster.report.wording import Holding

_BEFORE_OPEN = ("overnight", "pre_market")
# Events that change how much of a contract is held. A pair of currencies, which a conversion trades, nobody holds.
_MOVES_POSITION = (
    *("trade", "expiration", "assignment", "exercise", "delivery"),
    *("split", "merger", "spin_off", "symbol_change", "corporate_action", "transfer_in", "transfer_out"),
)
_NARRATORS = {"cash": narrate_cash, "corporate_action": narrate_actions, "transfer": narrate_transfers}


def narrate(day: AnyDay, observer: ZoneInfo = clock.HONG_KONG) -> Story:
    """The story of `day`: the overnight period, where something happened in it, and the trading day.

    Times are given in the observer's zone and in the market's, amounts in the currency of the trade and in the
    account's base currency.
    """
    left_open = _left_open(day)
    paragraphs = [
        _narrate_block(block, day, holdings, _received(day.blocks[:index], block), observer)
        for index, (block, holdings) in enumerate(zip(day.blocks, left_open, strict=True))
    ]
    overnight = [block for block in paragraphs if block.phase == "overnight"]
    before_open = [block for block in paragraphs if block.phase in _BEFORE_OPEN]
    session = [block for block in paragraphs if block.phase not in _BEFORE_OPEN]
    opening = narrate_previous_close(day, observer)
    kind = "Day in UTC" if day.never_closes else "US Trading Day"
    heading = f"{kind}: {clock.weekday_date(day.trading_day)}{early_close(day)}{provisional(day, observer)}"
    opened = [
        *(() if day.never_closes else [narrate_open(day, before_open, observer)]),
        *(session if day.blocks else [narrate_no_events(day, observer)]),
    ]
    trading_day = [
        *(block for block in before_open if block.phase != "overnight"),
        *(opened if day.as_of is None or day.as_of >= day.opens_at else ()),
        narrate_now(day, observer) if isinstance(day, ProvisionalDay) else narrate_close(day, observer),
    ]
    if not overnight:
        return Story(day, heading, (StorySection(heading, (opening, *trading_day)),), observer)
    night = StorySection(_overnight_heading(day), (opening, *overnight))
    return Story(day, heading, (night, StorySection(heading, tuple(trading_day))), observer)


def _narrate_block(
    block: Block, day: AnyDay, left_open: Sequence[Holding], received: str | None, observer: ZoneInfo
) -> Paragraph:
    if block.kind == "trades":
        return narrate_trades(block, day, left_open, received, observer)
    return _NARRATORS.get(block.kind, narrate_booking)(block, day, observer)


def _overnight_heading(day: AnyDay) -> str:
    closed = clock.month_day(day.previous_close.astimezone(day.zone))
    return f"Overnight Period ({closed} Close to {clock.month_day(day.trading_day)} Open)"


def _left_open(day: AnyDay) -> list[list[Holding]]:
    """For each block, what is still held right after it of the contracts that it touched.

    The day knows its holdings at the close: walking back from there, the block's own movements come off next.
    """
    quantities: dict[str, Decimal] = {}
    for position in day.open_at_close:
        _add(quantities, position.contract, position.quantity)
    after: list[list[Holding]] = []
    for block in reversed(day.blocks):
        moves = [event for event in block.events if event.event_type in _MOVES_POSITION]
        touched = {event.contract.contract_id: event.contract for event in moves if event.contract is not None}
        held = [Holding(contract, quantities.get(name, Decimal(0))) for name, contract in touched.items()]
        after.append([holding for holding in held if holding.quantity])
        for event in moves:
            _add(quantities, event.contract, -(event.quantity or Decimal(0)))
    return after[::-1]


def _add(quantities: dict[str, Decimal], contract: Contract | None, quantity: Decimal) -> None:
    if contract is not None:
        quantities[contract.contract_id] = quantities.get(contract.contract_id, Decimal(0)) + quantity


def _received(earlier: Sequence[Block], block: Block) -> str | None:
    """`assignment` or `exercise`, if that brought, earlier in the day, all that this block closes."""
    closed = {event.contract.contract_id for event in block.events if event.contract and event.closing_quantity}
    for source in reversed(earlier):
        if source.kind in ("assignment", "exercise"):
            delivered = {
                event.contract.contract_id for event in source.events if event.contract and event.opening_quantity
            }
            if closed and closed <= delivered:
                return source.kind
    return None

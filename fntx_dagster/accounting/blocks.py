"""The blocks of a day's story: which fills go together, and what each moves.

The rules are those of dbt, which computes every official day (`int_story_events`, `chronological_events`):

- Fills are in order of execution: by time, then by the broker's number of the fill, then by its id (`Fill.order`).
- A block goes on while the phase stays and the gap to the fill before is at most 5 minutes.
- A block closes if a trade of it closes something. Its trades count realised P&L. A block that only opens counts the
  premium of its options instead: what they brought or cost.
- What a trade closes of the same day's openings takes back the premium that they counted: in base currency the amount
  that was counted, at the rate of the opening.

`tests/dbt/test_one_story.py` gives both the same generated fills and compares the days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.fills import TRADE, Fill
from fntx_dagster.accounting.lots import SHORT, Lot
from fntx_dagster.model.contract import Contract, is_option
from fntx_dagster.model.day import Block, Event

_ZERO = Decimal(0)
_BLOCK_GAP = timedelta(minutes=5)


class FillEffect(NamedTuple):
    """What a fill did: absolute quantities, gross P&L in its currency, whose figure that is, and the lots of today
    that it closed."""

    opening: Decimal
    closing: Decimal
    gross: Decimal
    by_broker: bool
    closed_today: tuple[Lot, ...]


def story_blocks(
    day: str, fills: Sequence[tuple[Fill, FillEffect]], contracts: Mapping[str, Contract], opening: Decimal | None
) -> tuple[Block, ...]:
    """The blocks of the fills of one day, in order of execution, each with what it did.

    `day` is what the block ids begin with: `account:session`. `contracts` by contract id; `opening` is the NAV in base
    currency at the previous close, or None, and then the NAV after each event is None.
    """
    blocks: list[Block] = []
    with_premium: set[str] = set()  # fills of blocks that counted premium
    nav = opening
    for number, group in enumerate(_grouped(fills), start=1):
        closes = any(fill.event_type == TRADE and effect.closing for fill, effect in group)
        events = []
        for fill, effect in group:
            event = _event(fill, effect, contracts[fill.contract_id], closes, with_premium)
            nav = None if nav is None else nav + event.nav_impact
            events.append(replace(event, nav_after=nav))
        if not closes:
            with_premium |= {fill.fill_id for fill, _ in group}
        blocks.append(_block(f"{day}:{number:04}", group[0][0].phase, closes, tuple(events)))
    return tuple(blocks)


def event_id(fill: Fill) -> str:
    """The id of the event that narrates a fill."""
    return f"fill:{fill.fill_id}"


def _grouped(fills: Sequence[tuple[Fill, FillEffect]]) -> list[list[tuple[Fill, FillEffect]]]:
    """A block goes on while the phase stays and the gap to the fill before is at most 5 minutes."""
    groups: list[list[tuple[Fill, FillEffect]]] = []
    for fill, effect in fills:
        last = groups[-1][-1][0] if groups else None
        if last and last.phase == fill.phase and fill.executed_at - last.executed_at <= _BLOCK_GAP:
            groups[-1].append((fill, effect))
        else:
            groups.append([(fill, effect)])
    return groups


def _event(fill: Fill, effect: FillEffect, contract: Contract, closes: bool, with_premium: set[str]) -> Event:
    """What a fill moves. `with_premium`: the fills of earlier blocks whose premium is counted."""
    traded_option = fill.event_type == TRADE and is_option(contract)
    premium = fill.proceeds if traded_option and not closes else _ZERO
    reversed_lots = [lot for lot in effect.closed_today if traded_option and lot.open_fill_id in with_premium]
    reversal_in_base = -_sum(_premium(lot) * (lot.open_fx_rate or 0) for lot in reversed_lots)
    return Event(
        event_id=event_id(fill),
        event_type=fill.event_type,
        at=fill.executed_at,
        time_assumed=False,
        contract=contract,
        quantity=fill.quantity,
        price=fill.price,
        currency=fill.currency,
        fx_rate=fill.fx_rate_to_base,
        fx_source=fill.fx_source,
        opening_quantity=effect.opening,
        closing_quantity=effect.closing,
        premium=premium,
        premium_reversal=-_sum(_premium(lot) for lot in reversed_lots),
        gross_realised=effect.gross,
        commission=fill.commission,
        amount=None,
        nav_impact=(premium + effect.gross + fill.commission) * fill.fx_rate_to_base + reversal_in_base,
        nav_after=None,
        description=contract.description,
    )


def _premium(lot: Lot) -> Decimal:
    """What opening the lot brought, negative what it cost."""
    sign = 1 if lot.direction == SHORT else -1
    return sign * lot.quantity * (lot.open_price or 0) * lot.multiplier


def _block(block_id: str, phase: str, closes: bool, events: tuple[Event, ...]) -> Block:
    currencies = {event.currency for event in events}
    rates = {event.fx_rate for event in events}
    single = len(currencies) == 1
    return Block(
        block_id=block_id,
        kind="trades",
        phase=phase,
        starts_at=events[0].at,
        ends_at=events[-1].at,
        closes=closes,
        currency=currencies.pop() if single else None,
        fx_rate=rates.pop() if len(rates) == 1 else None,
        gross_pnl=_sum(event.gross_realised for event in events) if single else None,
        premium=_sum(event.premium for event in events) if single else None,
        premium_reversal=_sum(event.premium_reversal for event in events) if single else None,
        commissions=_sum(event.commission for event in events) if single else None,
        nav_impact=_sum(event.nav_impact for event in events),
        nav_after=events[-1].nav_after,
        events=events,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, _ZERO)

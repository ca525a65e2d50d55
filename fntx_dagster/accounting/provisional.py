"""Today as IB Gateway sees it, made into a provisional day before any statement covers it.

What belongs here: the arithmetic that makes a `ProvisionalDay` of a `Snapshot`. How the gateway is asked lies in
`adapters/gateway/`. Amounts are exact Decimals; times are aware and in UTC; nothing reads a clock: the gateway's own
time decides what today is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting import fx, lots
from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.accounting.fills import FX_CONVERSION, TRADE, Fill
from fntx_dagster.accounting.matching import match
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.contract import Contract, is_option, ladder_key
from fntx_dagster.model.day import Block, Event, OpenPosition, ProvisionalDay
from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot

REALTIME = "realtime"
"""The source of a rate that is configured for the current day."""

_ZERO = Decimal(0)
_CLOSURE = timedelta(days=14)  # longer than any of the exchange's
_BLOCK_GAP = timedelta(minutes=5)  # as in history: dbt's int_story_events
_CARRIED = "carried"  # the fill that opened what was held when the day began; no fill has this id


class ExecutionId(NamedTuple):
    """An execution id in its parts: a correction has the original's `root` and a higher `version`."""

    root: str
    version: int


def execution_id(text: str) -> ExecutionId:
    """`0000e0d5.6576fd38.01.02` is version 2 of `0000e0d5.6576fd38.01`; of a correction the highest version counts."""
    root, dot, version = text.rpartition(".")
    return ExecutionId(root, int(version)) if dot and version.isdecimal() else ExecutionId(text, 0)


def session_at(moment: datetime) -> Session:
    """The session that is `today` at an aware moment: the latest on or before its New York date.

    From the close on it stays the same until midnight in New York before the next session, where that session's
    pre-market begins (`Session.phase`): Friday 17:00, Saturday and Sunday still show Friday, a holiday the session
    before it.
    """
    day = moment.astimezone(NEW_YORK).date()
    return sessions(day - _CLOSURE, day)[-1]


def today(
    snapshot: Snapshot, *, base_currency: str, opening_nav_official: Decimal | None, rates: Mapping[str, Decimal]
) -> ProvisionalDay:
    """The day of `session_at(snapshot.as_of)` as the gateway sees it, by the rules of the story.

    `opening_nav_official`: the official NAV at that session's previous close in base currency, None while no statement
    has told it; the NAV now is then told and nothing that stands on an opening. `rates`: the real-time rates, pairs
    such as `USD/HKD`, which serve both ways.

    Fills belong to the session between its previous close and its close, blocks are grouped as in history. What a fill
    closes is matched first in, first out: against an opening of today its gross P&L is exact; against what was held
    before, whose price no gateway tells, it is the broker's figure with the fill's commission taken out, and the event
    is named in `realised_by_broker`. The gateway delivers executions since its own midnight: an earlier one, like a
    deposit or an assignment, shows in the NAV alone and so in not_yet_attributed.

    Raises Permanent when a rate is missing, naming pair and setting; Transient when a fill closes a position and the
    broker's P&L of it has not arrived.
    """
    session = session_at(snapshot.as_of)
    converter = _Converter(base_currency, rates)
    fills = _fills(snapshot, session, converter)
    told = [fill for fill in fills if fill.executed_at <= session.closes_at]
    books = _books(snapshot, fills, session)
    effects = _effects(told, books)
    blocks = _blocks(snapshot, session, told, effects, opening_nav_official)
    rate = converter.to_base(snapshot.currency).rate
    nav = snapshot.nav * rate
    before_open = [block for block in blocks if block.phase in ("overnight", "pre_market")]
    calculated = _after(opening_nav_official, blocks)
    difference = None if calculated is None else nav - calculated
    events = [event for block in blocks for event in block.events]
    return ProvisionalDay(
        account_id=snapshot.account_id,
        trading_day=session.day,
        previous_close=session.previous_close,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        early_close=session.early_close,
        base_currency=base_currency,
        opening_nav_official=opening_nav_official,
        opening_nav_calculated=_after(opening_nav_official, before_open),
        closing_nav_official=nav,
        closing_nav_calculated=calculated,
        gross_pnl=_sum((one.premium + one.premium_reversal + one.gross_realised) * one.fx_rate for one in events),
        commissions=_sum(event.commission * event.fx_rate for event in events),
        difference=difference,
        difference_parts={} if difference is None else {"not_yet_attributed": difference},
        blocks=blocks,
        open_at_close=_open_positions(snapshot, books, session),
        as_of=snapshot.as_of,
        gateway_nav=snapshot.nav,
        gateway_currency=snapshot.currency,
        rate=rate,
        realised_by_broker=frozenset(
            _event_id(fill) for fill, effect in zip(told, effects, strict=True) if effect.by_broker
        ),
        later_trades=len(fills) - len(told),
    )


class _Converter:
    """The real-time rates of one account."""

    def __init__(self, base_currency: str, rates: Mapping[str, Decimal]) -> None:
        self.rates = fx.Rates(base_currency, configured=rates)

    def to_base(self, currency: str) -> fx.Rate:
        found = self.rates.of_session(currency, (), ())
        if found is None:
            pair = f"{currency}/{self.rates.base_currency}"
            raise Permanent(f"no real-time rate for {pair}", f'Add it to FNTX_REALTIME_RATES: {{"{pair}": "<rate>"}}')
        return found if found.source == fx.BASE else fx.Rate(found.rate, REALTIME)

    def between(self, amount: Decimal, currency: str, into: str) -> Decimal:
        if currency == into:
            return amount
        return (amount * self.to_base(currency).rate / self.to_base(into).rate).quantize(fx.PLACES)


def _fills(snapshot: Snapshot, session: Session, converter: _Converter) -> list[Fill]:
    """The latest version of each execution since the previous close, in order of execution."""
    latest: dict[str, Execution] = {}
    for one in sorted(snapshot.executions, key=lambda one: execution_id(one.execution_id).version):
        latest[execution_id(one.execution_id).root] = one
    since = (one for one in latest.values() if one.at > session.previous_close)
    return [_fill(one, session, converter) for one in sorted(since, key=lambda one: (one.at, one.execution_id))]


def _fill(one: Execution, session: Session, converter: _Converter) -> Fill:
    contract = one.contract
    rate = converter.to_base(one.currency)
    realised = one.realised
    if realised is not None:
        realised = converter.between(realised, one.commission_currency, one.currency)
    return Fill(
        fill_id=one.execution_id,
        contract_id=contract.contract_id,
        executed_at=one.at,
        session=session.day,
        quantity=one.quantity,
        price=one.price,
        multiplier=contract.multiplier,
        commission=converter.between(one.commission, one.commission_currency, one.currency),
        fx_rate_to_base=rate.rate,
        event_type=FX_CONVERSION if contract.asset_category == "CASH" else TRADE,
        symbol=contract.symbol,
        description=contract.description,
        asset_category=contract.asset_category,
        underlying_symbol=contract.underlying_symbol,
        strike=contract.strike,
        expiry=contract.expiry,
        put_call=contract.put_call,
        currency=one.currency,
        phase=session.phase(one.at),
        fx_source=rate.source,
        broker_realised=realised,
    )


def _books(snapshot: Snapshot, fills: Sequence[Fill], session: Session) -> dict[str, lots.Matching]:
    """The lots of each contract that is held or was traded, through the last fill that the day tells."""
    held = {position.contract.contract_id: position for position in snapshot.positions}
    traded: dict[str, list[Fill]] = {contract_id: [] for contract_id in held}
    for fill in fills:
        traded.setdefault(fill.contract_id, []).append(fill)
    books = {}
    for contract_id, own in traded.items():
        position = held.get(contract_id)
        carried = _carried(position.quantity if position else _ZERO, own)
        multiplier = position.contract.multiplier if position else own[0].multiplier
        told = (fill for fill in own if fill.executed_at <= session.closes_at)
        books[contract_id] = match(told, [_carried_lot(carried, multiplier, session)] if carried else ())
    return books


def _carried(held: Decimal, traded: Sequence[Fill]) -> Decimal:
    """What was held before the first of the fills: what is held now, without them.

    An option that expired or was assigned after the close is held no more, and its opening sale would look like the
    closing of a purchase: where the broker says that the first fill closed nothing, nothing opposite was held.
    """
    if any(fill.event_type == FX_CONVERSION for fill in traded):
        return _ZERO  # a pair of currencies nobody holds
    carried = held - _sum(fill.quantity for fill in traded)
    if traded and traded[0].broker_realised is None and carried * traded[0].quantity < 0:
        return _ZERO
    return carried


def _carried_lot(quantity: Decimal, multiplier: Decimal, session: Session) -> lots.Lot:
    """A lot of an earlier day; its price is not known, and nothing is calculated with it."""
    return lots.Lot(
        direction=lots.LONG if quantity > 0 else lots.SHORT,
        quantity=abs(quantity),
        multiplier=multiplier,
        open_fill_id=_CARRIED,
        opened_at=session.previous_close,
        opened_session=session.day,
        open_price=_ZERO,
        open_fee=_ZERO,
        open_fx_rate=_ZERO,
        how_opened=TRADE,
        origin_fill_id=None,
        round_trip_id=_CARRIED,
    )


class _Effect(NamedTuple):
    """What a fill did: absolute quantities, gross P&L in its currency, whose figure that is, and the lots of today
    that it closed."""

    opening: Decimal
    closing: Decimal
    gross: Decimal
    by_broker: bool
    closed_today: tuple[lots.Lot, ...]


def _effects(told: Sequence[Fill], books: Mapping[str, lots.Matching]) -> list[_Effect]:
    closed_by: dict[str | None, list[lots.Lot]] = defaultdict(list)
    for book in books.values():
        for lot in book.closed:
            closed_by[lot.close_fill_id].append(lot)
    return [_effect(fill, books[fill.contract_id].effects[fill.fill_id], closed_by[fill.fill_id]) for fill in told]


def _effect(fill: Fill, effect: lots.Effect, closed: Sequence[lots.Lot]) -> _Effect:
    own = tuple(lot for lot in closed if lot.open_fill_id != _CARRIED)
    if len(own) == len(closed):
        return _Effect(effect.opening_quantity, effect.closing_quantity, effect.gross_realised, False, own)
    if fill.broker_realised is None:
        raise Transient(
            f"the gateway has not told the realised P&L of a fill that closes {fill.symbol}", "Ask it again in a minute"
        )
    # net of both legs' commissions: the closing leg's is told on its own, today's openings' were told with them
    gross = fill.broker_realised - fill.commission - _sum(lot.open_fee for lot in own)
    return _Effect(effect.opening_quantity, effect.closing_quantity, gross, True, own)


def _blocks(
    snapshot: Snapshot, session: Session, told: Sequence[Fill], effects: Sequence[_Effect], opening: Decimal | None
) -> tuple[Block, ...]:
    contracts = {one.contract.contract_id: one.contract for one in snapshot.executions}
    blocks: list[Block] = []
    premium_told: set[str] = set()  # fills whose opening told premium
    nav = opening
    for number, group in enumerate(_grouped(list(zip(told, effects, strict=True))), start=1):
        closes = any(effect.closing for _, effect in group)
        events = []
        for fill, effect in group:
            event = _event(fill, effect, contracts[fill.contract_id], closes, premium_told)
            nav = None if nav is None else nav + event.nav_impact
            events.append(replace(event, nav_after=nav))
        if not closes:
            premium_told |= {fill.fill_id for fill, _ in group}
        block_id = f"{snapshot.account_id}:{session.day}:{number:04}"
        blocks.append(_block(block_id, group[0][0].phase, closes, tuple(events)))
    return tuple(blocks)


def _grouped(told: Sequence[tuple[Fill, _Effect]]) -> list[list[tuple[Fill, _Effect]]]:
    """A block goes on while the phase stays and the gap to the fill before is at most 5 minutes."""
    groups: list[list[tuple[Fill, _Effect]]] = []
    for one in told:
        last = groups[-1][-1][0] if groups else None
        goes_on = last and last.phase == one[0].phase and one[0].executed_at - last.executed_at <= _BLOCK_GAP
        if goes_on:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _event(fill: Fill, effect: _Effect, contract: Contract, closes: bool, premium_told: set[str]) -> Event:
    """What a fill moves, by the rules of dbt's chronological_events."""
    premium = fill.proceeds if is_option(contract) and not closes else _ZERO
    reversal = -_sum(_premium(lot) for lot in effect.closed_today if lot.open_fill_id in premium_told)
    reversal = reversal if is_option(contract) else _ZERO
    return Event(
        event_id=_event_id(fill),
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
        premium_reversal=reversal,
        gross_realised=effect.gross,
        commission=fill.commission,
        amount=None,
        nav_impact=(premium + reversal + effect.gross + fill.commission) * fill.fx_rate_to_base,
        nav_after=None,
        description=contract.description,
    )


def _event_id(fill: Fill) -> str:
    return f"fill:{fill.fill_id}"


def _premium(lot: lots.Lot) -> Decimal:
    """What opening the lot brought, negative what it cost."""
    sign = 1 if lot.direction == lots.SHORT else -1
    return sign * lot.quantity * lot.open_price * lot.multiplier


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


def _open_positions(
    snapshot: Snapshot, books: Mapping[str, lots.Matching], session: Session
) -> tuple[OpenPosition, ...]:
    """What the day holds after the last fill that it tells, with the gateway's marks where the gateway agrees."""
    held = {position.contract.contract_id: position for position in snapshot.positions}
    contracts = {one.contract.contract_id: one.contract for one in snapshot.executions}
    contracts |= {contract_id: position.contract for contract_id, position in held.items()}
    positions = [
        _open_position(contracts[contract_id], book.open, held.get(contract_id))
        for contract_id, book in books.items()
        if book.open
    ]
    return tuple(sorted(positions, key=lambda position: ladder_key(position.contract)))


def _open_position(contract: Contract, open_lots: Sequence[lots.Lot], held: MarkedPosition | None) -> OpenPosition:
    quantity = _sum(lot.quantity if lot.direction == lots.LONG else -lot.quantity for lot in open_lots)
    oldest = open_lots[0]
    carried = oldest.open_fill_id == _CARRIED
    now = held if held is not None and held.quantity == quantity else None
    return OpenPosition(
        contract=contract,
        quantity=quantity,
        opened_at=None if carried else oldest.opened_at,
        open_price=(held.average_cost if held else None) if carried else oldest.open_price,
        ends=None,
        ended_at=None,
        mark=now.mark if now else None,
        market_value=now.market_value if now else None,
        currency=now.currency if now else None,
    )


def _after(nav: Decimal | None, blocks: Sequence[Block]) -> Decimal | None:
    return None if nav is None else nav + _sum(block.nav_impact for block in blocks)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, _ZERO)

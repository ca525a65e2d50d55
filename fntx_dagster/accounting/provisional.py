"""Today as IB Gateway sees it, made into a provisional day before any statement covers it.

What belongs here: the arithmetic that makes a `ProvisionalDay` of a `Snapshot`. How the gateway is asked lies in
`adapters/gateway/`. Amounts are exact Decimals; times are aware and in UTC; nothing reads a clock: the gateway's own
time decides what today is. Its blocks follow the rules in `blocks.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from fntx_dagster.accounting import fx, lots
from fntx_dagster.accounting.blocks import FillEffect, event_id, story_blocks
from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.accounting.fills import FX_CONVERSION, TRADE, Fill
from fntx_dagster.accounting.matching import match
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.contract import Contract, ladder_key
from fntx_dagster.model.day import Block, OpenPosition, ProvisionalDay
from fntx_dagster.model.session import Session
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot, execution_id

REALTIME = "realtime"
"""The source of a rate that is configured for the current day."""

_ZERO = Decimal(0)
_CARRIED = "carried"  # the fill that opened what was held when the day began; no fill has this id


def today(
    snapshot: Snapshot, *, base_currency: str, opening_nav_official: Decimal | None, rates: Mapping[str, Decimal]
) -> ProvisionalDay:
    """The day of `session_at(snapshot.as_of)` as the gateway sees it, by the rules of the story.

    `opening_nav_official`: the official NAV at that session's previous close in base currency; None while no statement
    reports it, and then every amount that depends on it is None, too. `rates`: the real-time rates, pairs such as
    `USD/HKD`, which serve both ways.

    Fills belong to the session between its previous close and its close, blocks are grouped as in history. What a fill
    closes is matched first in, first out: against an opening of today its gross P&L is exact; against what was held
    before, whose price the gateway does not report, it is the broker's figure with the fill's commission taken out, and
    the event is named in `realised_by_broker`. The gateway delivers executions since its own midnight: an earlier one,
    like a deposit or an assignment, shows in the NAV alone and so in not_yet_attributed.

    Raises Permanent when a rate is missing, naming pair and setting; Transient when a fill closes a position and the
    broker's P&L of it has not arrived.
    """
    session = session_at(snapshot.as_of)
    converter = _Converter(base_currency, rates)
    fills = _fills(snapshot, session, converter)
    days_fills = [fill for fill in fills if fill.executed_at <= session.closes_at]
    books = _books(snapshot, fills, session)
    outcomes = list(zip(days_fills, _effects(days_fills, books), strict=True))
    contracts = {execution.contract.contract_id: execution.contract for execution in snapshot.executions}
    blocks = story_blocks(f"{snapshot.account_id}:{session.day}", outcomes, contracts, opening_nav_official)
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
        gross_pnl=_sum(
            (event.premium + event.premium_reversal + event.gross_realised) * event.fx_rate for event in events
        ),
        commissions=_sum(event.commission * event.fx_rate for event in events),
        difference=difference,
        difference_parts={} if difference is None else {"not_yet_attributed": difference},
        blocks=blocks,
        open_at_close=_open_positions(snapshot, books, session),
        as_of=snapshot.as_of,
        gateway_nav=snapshot.nav,
        gateway_currency=snapshot.currency,
        rate=rate,
        realised_by_broker=frozenset(event_id(fill) for fill, effect in outcomes if effect.by_broker),
        later_trades=len(fills) - len(days_fills),
    )


class _Converter:
    """The real-time rates of one account."""

    def __init__(self, base_currency: str, rates: Mapping[str, Decimal]) -> None:
        self.rates = fx.Rates(base_currency, configured=rates)

    def to_base(self, currency: str) -> fx.Rate:
        rate = self.rates.of_session(currency, (), ())
        if rate is None:
            pair = f"{currency}/{self.rates.base_currency}"
            raise Permanent(f"no real-time rate for {pair}", f'Add it to FNTX_REALTIME_RATES: {{"{pair}": "<rate>"}}')
        return rate if rate.source == fx.BASE else fx.Rate(rate.rate, REALTIME)

    def between(self, amount: Decimal, currency: str, into: str) -> Decimal:
        if currency == into:
            return amount
        return (amount * self.to_base(currency).rate / self.to_base(into).rate).quantize(fx.PLACES)


def _fills(snapshot: Snapshot, session: Session, converter: _Converter) -> list[Fill]:
    """The latest version of each execution since the previous close, in order of execution."""
    latest: dict[str, Execution] = {}
    for execution in sorted(snapshot.executions, key=lambda execution: execution_id(execution.execution_id).version):
        latest[execution_id(execution.execution_id).root] = execution
    since = (execution for execution in latest.values() if execution.at > session.previous_close)
    return sorted((_fill(execution, session, converter) for execution in since), key=lambda fill: fill.order)


def _fill(execution: Execution, session: Session, converter: _Converter) -> Fill:
    contract = execution.contract
    rate = converter.to_base(execution.currency)
    realised = execution.realised
    if realised is not None:
        realised = converter.between(realised, execution.commission_currency, execution.currency)
    return Fill(
        fill_id=execution.execution_id,
        contract_id=contract.contract_id,
        executed_at=execution.at,
        session=session.day,
        quantity=execution.quantity,
        price=execution.price,
        multiplier=contract.multiplier,
        commission=converter.between(execution.commission, execution.commission_currency, execution.currency),
        fx_rate_to_base=rate.rate,
        event_type=FX_CONVERSION if contract.asset_category == "CASH" else TRADE,
        symbol=contract.symbol,
        description=contract.description,
        asset_category=contract.asset_category,
        underlying_symbol=contract.underlying_symbol,
        strike=contract.strike,
        expiry=contract.expiry,
        put_call=contract.put_call,
        currency=execution.currency,
        phase=session.phase(execution.at),
        fx_source=rate.source,
        broker_realised=realised,
    )


def _books(snapshot: Snapshot, fills: Sequence[Fill], session: Session) -> dict[str, lots.Matching]:
    """The lots of each contract that is held or was traded, through the last fill of the day."""
    held = {position.contract.contract_id: position for position in snapshot.positions}
    traded: dict[str, list[Fill]] = {contract_id: [] for contract_id in held}
    for fill in fills:
        traded.setdefault(fill.contract_id, []).append(fill)
    books = {}
    for contract_id, own in traded.items():
        position = held.get(contract_id)
        carried = _carried(position.quantity if position else _ZERO, own)
        multiplier = position.contract.multiplier if position else own[0].multiplier
        days_fills = (fill for fill in own if fill.executed_at <= session.closes_at)
        books[contract_id] = match(days_fills, [_carried_lot(carried, multiplier, session)] if carried else ())
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


def _effects(fills: Sequence[Fill], books: Mapping[str, lots.Matching]) -> list[FillEffect]:
    closed_by: dict[str | None, list[lots.Lot]] = defaultdict(list)
    for book in books.values():
        for lot in book.closed:
            closed_by[lot.close_fill_id].append(lot)
    return [_effect(fill, books[fill.contract_id].effects[fill.fill_id], closed_by[fill.fill_id]) for fill in fills]


def _effect(fill: Fill, effect: lots.Effect, closed: Sequence[lots.Lot]) -> FillEffect:
    own = tuple(lot for lot in closed if lot.open_fill_id != _CARRIED)
    if len(own) == len(closed):
        return FillEffect(effect.opening_quantity, effect.closing_quantity, effect.gross_realised, False, own)
    if fill.broker_realised is None:
        raise Transient(
            f"the gateway has not reported the realised P&L of a fill that closes {fill.symbol}",
            "Ask it again in a minute",
        )
    # The broker's figure is net of the fees of both legs, and the story counts fees with the fills that cost them. What
    # was carried has no fee here: its day counted it. A fill that also opens pays a part of its fee for the opening.
    gross = fill.broker_realised - _sum(lot.fees for lot in closed)
    return FillEffect(effect.opening_quantity, effect.closing_quantity, gross, True, own)


def _open_positions(
    snapshot: Snapshot, books: Mapping[str, lots.Matching], session: Session
) -> tuple[OpenPosition, ...]:
    """What the day holds after its last fill, with the gateway's marks where the gateway agrees."""
    held = {position.contract.contract_id: position for position in snapshot.positions}
    contracts = {execution.contract.contract_id: execution.contract for execution in snapshot.executions}
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

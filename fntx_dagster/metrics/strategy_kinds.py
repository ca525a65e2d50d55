"""What a group of lots is called, and what it made: from lots to the figures of a strategy.

Pure. The kinds are those of docs/strategies.md; which lots are a group is decided in `strategies.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fntx_dagster.model.contract import is_option, is_stock, ladder_key, underlying_of
from fntx_dagster.model.strategies import (
    CASH_SECURED_PUT,
    COMBINATION,
    COVERED_CALL,
    IRON_CONDOR,
    OTHER,
    ROLL_CHAIN,
    SHARES,
    SINGLE,
    STRADDLE,
    STRANGLE,
    VERTICAL,
    WHEEL,
    Leg,
    Strategy,
    StrategyLots,
)

_DAY = 24 * 3600
_ZERO = Decimal(0)


def strategy_of(group: StrategyLots, nav: Decimal | None, interest: Decimal) -> Strategy:
    """The strategy with its figures. `nav` is the account's NAV before the session of the first opening, None where it
    is not known; `interest` what was charged for the shares in it. Both are in base currency."""
    first, legs = group.lots[0], legs_of(group)
    gross = sum((lot.gross_in_base for lot in group.lots), _ZERO)
    fees = sum((lot.fees_in_base for lot in group.lots), _ZERO)
    premium = -sum(
        (lot.cost_in_base for lot in group.lots if is_option(lot.contract) and lot.how_opened == "trade"), _ZERO
    )
    moments = [lot.closed_at for lot in group.lots if lot.closed_at]
    closed_at = max(moments) if group.ended else None
    last = max(
        (lot for lot in group.lots if lot.closed_at), key=lambda lot: lot.closed_at or first.opened_at, default=None
    )
    net = gross + fees + interest
    return Strategy(
        strategy_id=first.round_trip_id,
        kind=group.named or kind_of(group, nav),
        is_named=group.named is not None,
        underlying=underlying_of(first.contract),
        currency=first.currency,
        legs=legs,
        trips=tuple(dict.fromkeys(lot.round_trip_id for lot in group.lots)),
        opened_at=first.opened_at,
        closed_at=closed_at,
        trading_day=group.ended,
        gross_pnl=gross,
        fees=fees,
        interest=interest,
        net_pnl=net,
        premium=premium,
        captured=float(net / premium * 100) if premium > 0 and group.ended else None,
        days=None if closed_at is None or first.opened_before else (closed_at - first.opened_at).total_seconds() / _DAY,
        is_known=not any(lot.closed_at and lot.gross_pnl is None for lot in group.lots)
        and (last is None or last.how_ended != "transferred"),
    )


def legs_of(group: StrategyLots) -> tuple[Leg, ...]:
    """The options of a strategy: all that was opened of each, bought and sold apart, by expiry and strike."""
    opened: dict[tuple[str, int], Leg] = {}
    for lot in group.lots:
        if is_option(lot.contract):
            key = lot.contract.contract_id, lot.sign
            before = opened.get(key, Leg(lot.contract, _ZERO))
            opened[key] = Leg(before.contract, before.quantity + lot.sign * lot.quantity)
    return tuple(sorted(opened.values(), key=lambda leg: (ladder_key(leg.contract), leg.quantity)))


def kind_of(group: StrategyLots, nav: Decimal | None) -> str:
    """The kind by the rule; `nav` as in `strategy_of`."""
    legs = legs_of(group)
    if not legs:
        return SHARES if all(is_stock(lot.contract) for lot in group.lots) else OTHER
    shares = [lot for lot in group.lots if not is_option(lot.contract)]
    if group.covering and any(lot.how_opened in ("assignment", "exercise") for lot in shares):
        return WHEEL
    has_bought = any(lot.how_opened == "trade" and lot.sign > 0 for lot in shares)
    sells_calls_alone = all(leg.quantity < 0 and leg.contract.put_call == "C" for leg in legs)
    if sells_calls_alone and (group.covered or has_bought):
        return COVERED_CALL
    if group.rolled:
        return ROLL_CHAIN
    return _by_legs(legs, nav, group)


def _by_legs(legs: Sequence[Leg], nav: Decimal | None, group: StrategyLots) -> str:
    if len(legs) == 1:
        return CASH_SECURED_PUT if _is_secured(legs[0], nav, group) else SINGLE
    if len({leg.contract.expiry for leg in legs}) > 1 or any(leg.contract.strike is None for leg in legs):
        return COMBINATION
    if len(legs) == 2:
        return _pair(*legs)
    return IRON_CONDOR if _is_condor(legs) else COMBINATION


def _is_secured(leg: Leg, nav: Decimal | None, group: StrategyLots) -> bool:
    """Whether the NAV pays for the shares that a sold put may bring."""
    strike, rate = leg.contract.strike, group.lots[0].open_rate
    if leg.contract.put_call != "P" or leg.quantity > 0 or nav is None or strike is None or rate is None:
        return False
    return strike * -leg.quantity * leg.contract.multiplier * rate <= nav


def _pair(one: Leg, other: Leg) -> str:
    same_side = (one.quantity > 0) == (other.quantity > 0)
    if one.contract.put_call != other.contract.put_call:
        if not same_side:
            return COMBINATION
        return STRADDLE if one.contract.strike == other.contract.strike else STRANGLE
    return VERTICAL if not same_side and one.quantity == -other.quantity else COMBINATION


def _is_condor(legs: Sequence[Leg]) -> bool:
    """A put spread below a call spread, of one size and one side; the inner strikes may be one."""
    puts, calls = (
        sorted((leg for leg in legs if leg.contract.put_call == right), key=lambda leg: leg.contract.strike or _ZERO)
        for right in ("P", "C")
    )
    if (len(puts), len(calls)) != (2, 2) or len({abs(leg.quantity) for leg in legs}) > 1:
        return False
    inside = (puts[1].contract.strike or _ZERO) <= (calls[0].contract.strike or _ZERO)
    outer, inner = {puts[0].quantity, calls[1].quantity}, {puts[1].quantity, calls[0].quantity}
    return inside and len(outer) == len(inner) == 1 and outer != inner

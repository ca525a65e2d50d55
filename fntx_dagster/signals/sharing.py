"""The shares of an execution: what each participant gets of the entry's fills and of each exit's, in lots and money.

Everybody has the average price of a step, exactly: money is shared by lots to 18 decimal places, and the last place so
that the parts make the whole. P&L and fees are in minor units of the currency (cents): of a step they are computed
once, from money, rounded half to even, and shared so that the users' are the whole. What a user has is final: a later
step changes nothing of those who take no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.model.largest_remainder import shared_units
from fntx_dagster.signals.amounts import ONE, half_even, written
from fntx_dagster.signals.shares import shared_lots

ACTIVE, CLOSED, FAILED, UNFILLED = "ACTIVE", "CLOSED", "FAILED", "UNFILLED"
BPS = 10_000


@dataclass(slots=True)
class Share:
    """One participant. `wish`, `lots` and `closed` in lots; money, P&L and fees in 10^-18 of the currency; `fee_bps` in
    10^-18 of a basis point. `place`: his place in the request. Who failed has a wish of 0 and a reason."""

    user_id: str
    place: int
    requested: int
    wish: int
    fee_bps: int = 0
    fee_fixed: int = 0
    max_notional: int | None = None
    lots: int = 0
    closed: int = 0
    money_in: int = 0
    money_out: int = 0
    pnl: int = 0
    entry_fee: int = 0
    exit_fee: int = 0
    status: str = ACTIVE
    reason: str | None = None


class ShareTexts(NamedTuple):
    """A share as it is stored and proved: quantities in units, money in the currency, plain digits."""

    user_id: str
    place: str
    requested_qty: str
    fee_bps: str
    fee_fixed: str
    max_notional: str | None
    qty: str
    closed_qty: str
    money_in: str
    money_out: str
    pnl: str
    entry_fee: str
    exit_fee: str
    status: str
    reason: str | None


def texts(share: Share, lot: int) -> ShareTexts:
    """A share in words. `lot`: its size in 10^-18."""
    most, closed, out = share.max_notional, share.closed, share.money_out
    words = (
        share.user_id,
        str(share.place),
        written(share.requested),
        written(share.fee_bps),
        written(share.fee_fixed),
        None if most is None else written(most),
        written(share.lots * lot),
        written(closed * lot) if closed else "0",
        written(share.money_in),
        written(out) if out else "0",
        written(share.pnl),
        written(share.entry_fee),
        written(share.exit_fee),
        share.status,
        share.reason,
    )
    return _as_texts(ShareTexts, words)


_as_texts = tuple.__new__
"""A row from its values, without the check of their number: that takes as long as all its texts."""


class Got(NamedTuple):
    """What a step's fills came to: lots, the money paid for them in 10^-18, and the exchange's fee in the currency."""

    lots: int
    money: int
    fee: Fraction = Fraction(0)


class StepTotals(NamedTuple):
    """What a step added to the execution: P&L and fees, in 10^-18 of the currency."""

    pnl: int
    fees: int


def enter(shares: Sequence[Share], got: Got, cent: int) -> StepTotals:
    """Share what the entry got. `cent`: the currency's minor unit. The shares that failed get nothing."""
    taking = [share for share in shares if share.status == ACTIVE]
    ids = [share.user_id for share in taking]
    more = shared_lots(got.lots, [share.wish for share in taking], [share.lots for share in taking], ids)
    money = shared_units(got.money, got.money, max(got.lots, 1), more, ids)
    venue = _venue_fees(got, cent, more, ids)
    before = sum(share.entry_fee for share in taking)
    for share, lots, paid, fee in zip(taking, more, money, venue, strict=True):
        if lots:
            had, owed = share.money_in, fee
            if not share.lots:
                owed += share.fee_fixed
            if bps := share.fee_bps:
                owed += _by_bps(had + paid, bps, cent) - (_by_bps(had, bps, cent) if had else 0)
            share.lots += lots
            share.money_in = had + paid
            share.entry_fee += owed
    return StepTotals(0, sum(share.entry_fee for share in taking) - before)


def leave(
    leaving: Sequence[Share], got: Got, entered: Got, cent: int, *, short: bool, free: bool = False
) -> StepTotals:
    """Share what an exit got among those who leave. `entered`: all that the entry got (of one who leaves with an order
    of his own: what he entered with); `short`: of a SELL_ENTRY; `free`: a settlement at expiry costs no fees."""
    ids = [share.user_id for share in leaving]
    more = shared_lots(got.lots, [share.lots for share in leaving], [share.closed for share in leaving], ids)
    if not got.lots:
        return StepTotals(0, 0)
    gain = got.money * entered.lots - entered.money * got.lots  # of the whole step, × the entry's lots
    gain = -gain if short else gain
    total = half_even(gain, entered.lots * cent)
    profits = shared_units(total, gain, entered.lots * cent * got.lots, more, ids)
    money = shared_units(got.money, got.money, got.lots, more, ids)
    venue = _venue_fees(got, cent, more, ids)
    before = sum(share.exit_fee for share in leaving)
    for share, lots, profit, paid, fee in zip(leaving, more, profits, money, venue, strict=True):
        if not lots:
            continue
        had, owed = share.money_out, fee
        if not share.closed:
            owed += share.fee_fixed
        if bps := share.fee_bps:
            owed += _by_bps(had + paid, bps, cent) - (_by_bps(had, bps, cent) if had else 0)
        share.closed += lots
        share.money_out = had + paid
        share.pnl += profit * cent
        if not free:
            share.exit_fee += owed
        if share.closed == share.lots:
            share.status = CLOSED
    return StepTotals(total * cent, sum(share.exit_fee for share in leaving) - before)


def charge(shares: Sequence[Share], fee: Fraction, cent: int) -> int:
    """Share the exchange's fee of an entry that has ended by lots: what it comes to in minor units, in 10^-18."""
    taking = [share for share in shares if share.lots]
    lots = [share.lots for share in taking]
    shared = _venue_fees(Got(sum(lots), 0, fee), cent, lots, [share.user_id for share in taking])
    for share, amount in zip(taking, shared, strict=True):
        share.entry_fee += amount
    return sum(shared)


def finish_entry(shares: Sequence[Share], reason: str) -> None:
    """The entry's order has ended: who got nothing is unfilled, for this reason."""
    for share in shares:
        if share.status == ACTIVE and not share.lots:
            share.status, share.reason = UNFILLED, reason


def percent(pnl: int, money_in: int, closed: int, lots: int) -> int | None:
    """P&L ÷ (entry price × closed quantity) × 100 in 10^-4 of a percent, half to even; None where nothing is closed, or
    the entry cost nothing."""
    if not closed or not money_in:
        return None
    above, below = pnl * lots * 100 * BPS, money_in * closed
    return half_even(above, below) if below > 0 else half_even(-above, -below)


def _venue_fees(got: Got, cent: int, lots: Sequence[int], ids: Sequence[str]) -> list[int]:
    """The exchange's own fee in minor units, shared by lots."""
    if not got.fee or not got.lots:
        return [0] * len(ids)
    above, below = got.fee.numerator * ONE, got.fee.denominator * cent
    shared = shared_units(half_even(above, below), above, below * got.lots, lots, ids)
    return [fee * cent for fee in shared]


def _by_bps(money: int, fee_bps: int, cent: int) -> int:
    below = _BPS_OF_ONE * cent
    whole, rest = divmod(money * fee_bps, below)
    rest *= 2
    return (whole + 1 if rest > below or (rest == below and whole % 2) else whole) * cent  # as `half_even`


_BPS_OF_ONE = BPS * ONE

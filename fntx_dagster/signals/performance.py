"""A strategy's figures from its trades: a signal is one trade, whatever its participants. Definitions: docs/metrics.md.

Amounts are exact, in the currency of the trades; a figure without a value is None. Trades come in any order: what
depends on it (streaks, drawdown) follows the moments at which they ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from fntx_dagster.ledger.book import Figures
from fntx_dagster.ledger.market import BPS

ZERO = Fraction(0)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class SignalStep(NamedTuple):
    """An exit of an execution: its quantity, and the P&L that it realised, before fees."""

    at: datetime
    quantity: Fraction
    pnl: Fraction


class Slippage(NamedTuple):
    """What fills cost more than at the signal's quotes (negative: less), and what they came to at those quotes."""

    cost: Fraction = ZERO
    reference: Fraction = ZERO

    @property
    def bps(self) -> Fraction | None:
        return self.cost / self.reference * BPS if self.reference else None


class SignalTrade(NamedTuple):
    """One signal from its entry to the end of all that it held: `weekday` of the entry; `minutes` from the first fill
    to the last; P&L before fees; `best` and `worst`: the most and the least that it was worth at a known price on its
    way, None where none was."""

    trade_id: int
    symbol: str
    weekday: str
    ended: datetime
    minutes: int
    pnl: Fraction
    fees: Fraction
    slippage: Slippage = Slippage()
    best: Fraction | None = None
    worst: Fraction | None = None

    @property
    def net(self) -> Fraction:
        return self.pnl - self.fees


class SignalRecord(NamedTuple):
    """What trades come to. `figures`: wins, losses and their sums, after fees; `average` and `middle`: mean and median
    P&L before fees; `expectancy`, `best`, `worst`: after fees; `holding`: mean minutes; streaks: trades in a row, the
    current one below 0 for losses; drawdowns: of the cumulated net P&L below its highest, at least 0; `mfe` and `mae`:
    means over the `priced` trades."""

    figures: Figures
    average: Fraction | None
    middle: Fraction | None
    expectancy: Fraction | None
    best: Fraction | None
    worst: Fraction | None
    holding: Fraction | None
    longest_winning: int
    longest_losing: int
    current_streak: int
    drawdown_now: Fraction
    drawdown_max: Fraction
    priced: int
    mfe: Fraction | None
    mae: Fraction | None
    slippage: Slippage


def excursion(
    money: Fraction, quantity: Fraction, exits: Sequence[SignalStep], marks: Iterable[tuple[datetime, Fraction]]
) -> tuple[Fraction, Fraction] | None:
    """The most (at least 0) and the least (at most 0) that an execution was worth, before fees: what was realised until
    then, and what was open at the mark. None without a mark.

    `money` is what the entry was worth, negative with `quantity` for a SELL_ENTRY; `exits` and `marks` in order. A mark
    of the moment of an exit is one before it.
    """
    found: list[Fraction] = []
    place, realised, left = 0, ZERO, Fraction(1)
    for at, price in marks:
        while place < len(exits) and exits[place].at < at:
            realised += exits[place].pnl
            left -= exits[place].quantity / abs(quantity)
            place += 1
        found.append(realised + (price * quantity - money) * left)
    if not found:
        return None
    end = sum((step.pnl for step in exits), ZERO)
    return max(ZERO, end, *found), min(ZERO, end, *found)


def record(trades: Iterable[SignalTrade]) -> SignalRecord:
    """The figures of trades."""
    known = sorted(trades, key=lambda trade: (trade.ended, trade.trade_id))
    nets = [trade.net for trade in known]
    priced = [trade for trade in known if trade.best is not None and trade.worst is not None]
    winning, losing, current = _streaks(nets)
    fallen, deepest = _drawdowns(nets)
    return SignalRecord(
        figures(known),
        average=_mean([trade.pnl for trade in known]),
        middle=median([trade.pnl for trade in known]) if known else None,
        expectancy=_mean(nets),
        best=max(nets, default=None),
        worst=min(nets, default=None),
        holding=_mean([Fraction(trade.minutes) for trade in known]),
        longest_winning=winning,
        longest_losing=losing,
        current_streak=current,
        drawdown_now=fallen,
        drawdown_max=deepest,
        priced=len(priced),
        mfe=_mean([trade.best or ZERO for trade in priced]),
        mae=_mean([trade.worst or ZERO for trade in priced]),
        slippage=Slippage(
            sum((trade.slippage.cost for trade in known), ZERO),
            sum((trade.slippage.reference for trade in known), ZERO),
        ),
    )


def figures(trades: Iterable[SignalTrade]) -> Figures:
    """Wins, losses and break-evens after fees, and the sums of each, as a book counts its round trips."""
    known = list(trades)
    won, lost = [trade.net for trade in known if trade.net > 0], [trade.net for trade in known if trade.net < 0]
    return Figures(
        realized=sum((trade.pnl for trade in known), ZERO),
        fees=sum((trade.fees for trade in known), ZERO),
        wins=len(won),
        losing=len(lost),
        even=len(known) - len(won) - len(lost),
        gains=sum(won, ZERO),
        losses=sum(lost, ZERO),
    )


def grouped(trades: Iterable[SignalTrade], name_of: Callable[[SignalTrade], str]) -> dict[str, Figures]:
    """Name → the figures of the trades that have it, in the order of names; weekdays in that of the week."""
    members: dict[str, list[SignalTrade]] = {}
    for trade in trades:
        members.setdefault(name_of(trade), []).append(trade)
    order = {name: place for place, name in enumerate(WEEKDAYS)}
    return {name: figures(members[name]) for name in sorted(members, key=lambda name: (order.get(name, 7), name))}


def _mean(amounts: Sequence[Fraction]) -> Fraction | None:
    return sum(amounts, ZERO) / len(amounts) if amounts else None


def _streaks(nets: Sequence[Fraction]) -> tuple[int, int, int]:
    """The longest row of wins, that of losses, and the current one, below 0 for losses; break-evens end none."""
    longest = {True: 0, False: 0}
    current = 0
    for net in nets:
        if net:
            won = net > 0
            step = 1 if won else -1
            current = current + step if current * step > 0 else step
            longest[won] = max(longest[won], abs(current))
    return longest[True], longest[False], current


def _drawdowns(nets: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """How far the sum so far is below its highest, which is at least 0: at the end, and at most."""
    total = high = deepest = ZERO
    for net in nets:
        total += net
        high = max(high, total)
        deepest = max(deepest, high - total)
    return high - total, deepest

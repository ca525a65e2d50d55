"""Equity per unit, as a fund counts it: money that comes in buys units at the price before it, and so moves no return.

A fund here is a book's, or a bot's with capital of its own. Its drawdown and its day are judged on the price of a unit
and on the day's equity; a reset of the breaker begins both anew, and the portfolio's figures do not see it.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import decimal, exact, stored

ZERO = exact(0)
_UNIT_PLACES = 30


class Price(NamedTuple):
    """A price of a unit, kept as equity and units, so that it is exact."""

    equity: Fraction
    units: Fraction

    @property
    def each(self) -> Fraction:
        return self.equity / self.units if self.units else ZERO


NO_PRICE = Price(ZERO, ZERO)


class Fund(NamedTuple):
    """A fund after its last valuation. Money in the reporting currency.

    `capital`: deposits less withdrawals. `last`: the last valuation. `high`: the highest price so far, `guarded` the
    same since the last reset of the breaker; `fallen`: the largest drawdown so far. `day` is the trading day of the
    last valuation or flow, `day_start` the equity at the last valuation before it; of the day's flows, `deposits` and
    `withdrawals`. `base` and the flows since then are what the breaker judges the day on, after a reset of that day.
    """

    capital: Fraction = ZERO
    last: Price = NO_PRICE
    high: Price = NO_PRICE
    guarded: Price = NO_PRICE
    fallen: Fraction = ZERO
    day: date | None = None
    day_start: Fraction = ZERO
    deposits: Fraction = ZERO
    withdrawals: Fraction = ZERO
    base: Fraction = ZERO
    base_deposits: Fraction = ZERO
    base_withdrawals: Fraction = ZERO

    @property
    def funded(self) -> bool:
        """Whether money has ever come in."""
        return bool(self.high.units)

    @property
    def drawdown(self) -> Fraction:
        """1 − price ÷ the highest price so far; 0 before the first money."""
        return _drawdown(self.last, self.high)

    @property
    def guarded_drawdown(self) -> Fraction:
        """The drawdown that the breaker judges: since its last reset."""
        return _drawdown(self.last, self.guarded)

    @property
    def daily_pnl(self) -> Fraction:
        """Equity − the equity before the day − deposits + withdrawals; what is unrealised is in it."""
        return self.last.equity - self.day_start - self.deposits + self.withdrawals

    @property
    def day_base(self) -> Fraction:
        """What a loss of the day is a fraction of: the equity before it, or at the reset, and what came in since."""
        return self.base + self.base_deposits

    @property
    def daily_loss(self) -> Fraction:
        """The day's loss ÷ its base, as the breaker judges it; negative of a gain, 0 without a base."""
        pnl = self.last.equity - self.base - self.base_deposits + self.base_withdrawals
        return -pnl / self.day_base if self.day_base > 0 else ZERO


def on(fund: Fund, day: date) -> Fund:
    """The fund on a trading day: a later day than its own begins with the equity of its last valuation. An earlier day
    (a clock that was set back) begins nothing."""
    if fund.day is not None and day <= fund.day:
        return fund
    equity = fund.last.equity
    return fund._replace(
        day=day,
        day_start=equity,
        deposits=ZERO,
        withdrawals=ZERO,
        base=equity,
        base_deposits=ZERO,
        base_withdrawals=ZERO,
    )


def valued(fund: Fund, equity: Fraction) -> Fund:
    """The fund at a new equity. Without units, before the first money and after all of it left, there is no price."""
    if not fund.last.units:
        return fund._replace(last=Price(stored(equity), ZERO))
    last = Price(stored(equity), fund.last.units)
    high = last if _is_above(last, fund.high) else fund.high
    guarded = last if _is_above(last, fund.guarded) else fund.guarded
    fallen = fund.fallen if high is last else max(fund.fallen, stored(_drawdown(last, high)))
    return fund._replace(last=last, high=high, guarded=guarded, fallen=fallen)


def flowed(fund: Fund, amount: Fraction) -> Fund:
    """The fund after a deposit, or a withdrawal (negative), at the price of its last valuation.

    The first deposit buys one unit for one unit of money; so does one into a fund whose equity is not above zero.
    """
    equity, units = fund.last
    if units and equity > 0:
        bought = exact(decimal(amount * units / equity, _UNIT_PLACES))
        last = Price(equity + amount, units + bought)
        high, guarded = fund.high, fund.guarded
    else:
        last = high = guarded = Price(equity + amount, equity + amount if equity + amount > 0 else amount)
    coming, going = max(amount, ZERO), max(-amount, ZERO)
    return fund._replace(
        capital=fund.capital + amount,
        last=last,
        high=high,
        guarded=guarded,
        deposits=fund.deposits + coming,
        withdrawals=fund.withdrawals + going,
        base_deposits=fund.base_deposits + coming,
        base_withdrawals=fund.base_withdrawals + going,
    )


def rebased(fund: Fund) -> Fund:
    """The fund after a reset of the breaker: the highest price is the one of now, the day's base the equity of now."""
    return fund._replace(guarded=fund.last, base=fund.last.equity, base_deposits=ZERO, base_withdrawals=ZERO)


def _is_above(price: Price, other: Price) -> bool:
    """Whether a price of a unit is above another; without a division, as each order compares several times."""
    if price.units > 0 and other.units > 0:
        return price.equity * other.units > other.equity * price.units
    return price.each > other.each


def _drawdown(last: Price, high: Price) -> Fraction:
    if not last.units or not high.units or last == high:
        return ZERO
    if last.units == high.units and high.equity > 0 and high.units > 0:
        return (high.equity - last.equity) / high.equity
    return 1 - last.each / high.each if high.each > 0 else ZERO

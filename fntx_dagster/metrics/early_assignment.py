"""Short calls that their holders gain by exercising before the underlying goes ex-dividend.

Pure. Exercising early gives up what a call is worth beyond its intrinsic value and gains the dividend: where the
dividend is more, the holder exercises by the close before the ex-date (Merton, 1973).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.metrics.terms import Dividend
from fntx_dagster.model.closing import OptionRow

_ZERO = Decimal(0)


class EarlyAssignment(NamedTuple):
    """A short call that is likely to be assigned before `ex_date`. `time_value` and `dividend` are per unit, in
    `currency`; `shares` are to be delivered for `proceeds`, and `uncovered` of them are not held: to buy these at the
    underlying's close takes `cash` beyond their part of the proceeds. Who stays short of them over the ex-date owes
    `dividend_owed`."""

    contract_id: str
    ex_date: date
    dividend: Decimal
    time_value: Decimal
    currency: str
    shares: Decimal
    proceeds: Decimal
    uncovered: Decimal
    cash: Decimal
    dividend_owed: Decimal


def early_assignments(
    options: Iterable[OptionRow], dividends: Mapping[str, Sequence[Dividend]], held: Mapping[tuple[str, str], Decimal]
) -> list[EarlyAssignment]:
    """The short calls among the rows of one account and session that are so deep in the money. `dividends` are known by
    the underlying's symbol; `held` are the shares of each underlying and currency, which cover the lowest strikes
    first."""
    free, flagged = dict(held), []
    for row in sorted(options, key=lambda row: (row.strike or _ZERO, row.contract_id)):
        dividend = _next(row, dividends.get(row.underlying_symbol or "", ()))
        if dividend is None or row.mark is None or row.underlying_price is None or row.strike is None:
            continue
        intrinsic = row.underlying_price - row.strike
        if row.put_call != "C" or row.exercise != "american" or row.quantity >= 0 or intrinsic <= 0:
            continue
        time_value = max(row.mark - intrinsic, _ZERO)
        if time_value >= dividend.amount:
            continue
        shares, key = -row.quantity * row.multiplier, (row.underlying_symbol or "", row.currency)
        covered = min(shares, max(free.get(key, _ZERO), _ZERO))
        free[key] = free.get(key, _ZERO) - covered
        flagged.append(
            EarlyAssignment(
                row.contract_id,
                dividend.ex_date,
                dividend.amount,
                time_value,
                row.currency,
                shares,
                shares * row.strike,
                shares - covered,
                (shares - covered) * intrinsic,
                (shares - covered) * dividend.amount,
            )
        )
    return flagged


def _next(row: OptionRow, dividends: Sequence[Dividend]) -> Dividend | None:
    """The next dividend within the option's life."""
    ahead = [
        dividend for dividend in dividends if row.ends_at is not None and row.valued_at < dividend.ex_at < row.ends_at
    ]
    return min(ahead, key=lambda dividend: dividend.ex_at, default=None)

"""Dividends that statements accrue: what an underlying pays, and since which day a statement has said so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.store.database import Readable


class AccruedDividend(NamedTuple):
    """A dividend of `amount` per share, in the share's currency, that a statement of `known_on` accrues ahead of its
    `ex_date`."""

    account_id: str
    symbol: str
    known_on: date
    ex_date: date
    amount: Decimal


def accrued_dividends(db: Readable, last: date) -> list[AccruedDividend]:
    """The dividends that statements up to a day accrue ahead of their ex-date, in the order in which they said so. The
    same rows are in the digest of `closing_days`, so that a day is computed again when they change."""
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, symbol, row_date, ex_date, gross_rate from raw_flex.dividend_accruals
            where withdrawn_at is null and symbol is not null and gross_rate > 0 and ex_date > row_date
                and row_date <= %s
            order by row_date, ex_date, gross_rate""",
            (last,),
        )
        return [AccruedDividend._make(row) for row in rows]

"""What an account held: closing marks, and the shares that came or went."""

from __future__ import annotations

from datetime import date

from fntx_dagster.model.holdings import Mark, StockPosition
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading


def closing_marks(db: Readable, account: str, day: date) -> dict[str, Mark]:
    """Contract → the broker's closing price of a session, where its statements give it."""
    with reading(db) as connection:
        rows = connection.execute(
            """select contract_id, mark_price, currency from alm_reporting.closing_positions
            where account_id = %s and trading_day = %s and mark_price is not null""",
            (account, day),
        )
        return {contract: Mark(price, currency) for contract, price, currency in rows}


def stock_positions(db: Readable, account: str, period: Period) -> list[StockPosition]:
    """Shares that came or went in the range, equal lots in one row, oldest first."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(
            """select symbol, direction, sum(quantity), entry_date, entry_price, origin, origin_option, exit_date,
                exit_price, how_ended, currency, sum(gross_pnl), entry_before
            from alm_reporting.stock_positions
            where account_id = %(account)s
                and (entry_date between %(first)s and %(last)s or exit_date between %(first)s and %(last)s)
            group by symbol, direction, entry_date, entry_price, origin, origin_option, exit_date, exit_price,
                how_ended, currency, entry_before
            order by entry_date, min(entry_timestamp), symbol, exit_date, exit_price""",
            {"account": account, "first": first, "last": last},
        )
        return [StockPosition._make(row) for row in rows]

"""What Open Positions list where nothing else is known: the positions of the last day of a range that has some.

Here belongs the sentence about days without a NAV; what an account held before its first trades is in
`store/accounting/held.py`.
"""

from __future__ import annotations

from collections.abc import Collection

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable


def positions_in_words(db: Readable, period: Period, accounts: Collection[str] | None = None) -> str | None:
    """What the accounts (None: all) hold at the last close of a range that Open Positions list, such as `Open Positions
    of 2025-06-30 hold 2 positions: 100 SPY, -1 SPY 250718C00640000`; None where they list nothing."""
    keys = {"first": period.first, "last": period.last, "accounts": None if accounts is None else [*accounts]}
    with db.connect() as connection:
        rows = connection.execute(_POSITIONS, keys).fetchall()
    if not rows:
        return None
    listed = [f"{quantity.normalize():f} {' '.join(symbol.split())}" for _, symbol, quantity in rows]
    more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    count = "1 position" if len(rows) == 1 else f"{len(rows)} positions"
    return f"Open Positions of {rows[0][0]} hold {count}: {', '.join(listed[:_LISTED])}{more}"


_LISTED = 20

# a query may deliver the lots beside their sum, or alone
_POSITIONS = """
    with listed as (
        select account_id, row_date, coalesce(symbol, conid, '?') as symbol, position, strike,
            level_of_detail ilike 'summary' as is_sum
        from raw_flex.open_positions
        where withdrawn_at is null and position <> 0 and row_date between %(first)s and %(last)s
            and (%(accounts)s::text[] is null or account_id = any (%(accounts)s))
    )
    select row_date, symbol, coalesce(sum(position) filter (where is_sum), sum(position))
    from listed
    where row_date = (select max(row_date) from listed)
    group by row_date, account_id, symbol, strike
    order by strike nulls first, symbol
"""

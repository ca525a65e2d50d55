"""Whether what was folded is what the old tables hold: quantity and P&L by day and strategy, and every row that did not
fold, from the temporary tables of `judging`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.store.queries import own_sql

SET_ASIDE = "set_aside"


class UnfoldedRow(NamedTuple):
    """A row of an old table that is not in the ledger, or differs from it there: why, and what it is about."""

    table: str
    id: int
    reason: str
    about: str


class Sums(NamedTuple):
    """A measure over old rows: all of them, those in the ledger (as the ledger states it), and those that are
    listed."""

    measure: str
    old: Decimal
    ledger: Decimal
    listed: Decimal


class SumDifference(NamedTuple):
    """A day (None: it is not known) and strategy (None: not known) whose old sum is not what the ledger and the list
    add up to."""

    day: str | None
    strategy_code: str | None
    measure: str
    old: Decimal
    ledger: Decimal
    listed: Decimal


def reasons(connection: psycopg.Connection) -> dict[str, int]:
    """Reason → how many rows did not fold for it."""
    return dict(connection.execute("select reason, count(*) from unfolded group by reason order by 1").fetchall())


def unfolded(connection: psycopg.Connection, limit: int) -> list[UnfoldedRow]:
    """What did not fold, by table, reason and id: so many rows at most."""
    with connection.cursor(row_factory=args_row(UnfoldedRow)) as cursor:
        return cursor.execute(
            "select of, id, reason, about from unfolded order by of, reason, id limit %s", (limit,)
        ).fetchall()


def unfolded_csv(connection: psycopg.Connection) -> Iterator[bytes]:
    """All that did not fold, as CSV, a block at a time."""
    query = "select of as table, id, reason, about from unfolded order by of, reason, id"
    with connection.cursor().copy(own_sql(f"copy ({query}) to stdout (format csv, header)")) as rows:
        yield from map(bytes, rows)


def sums(connection: psycopg.Connection, zone: str) -> list[Sums]:
    """The measures over all days and strategies."""
    query = f"select measure, sum(old), sum(ledger), sum(listed) from ({_COMPARED}) as compared group by 1 order by 1"
    with connection.cursor(row_factory=args_row(Sums)) as cursor:
        return cursor.execute(own_sql(query), {"zone": zone}).fetchall()


def differences(connection: psycopg.Connection, zone: str) -> list[SumDifference]:
    """The days and strategies that do not agree."""
    query = f"""select day::text, strategy_code, measure, sum(old), sum(ledger), sum(listed)
        from ({_COMPARED}) as compared group by day, strategy_code, measure
        having sum(old) <> sum(ledger) + sum(listed) order by 1, 2, 3"""
    with connection.cursor(row_factory=args_row(SumDifference)) as cursor:
        return cursor.execute(own_sql(query), {"zone": zone}).fetchall()


# Quantities and P&L count to the day of the exit, as the trades have it; what was entered to the strategy alone, since
# an execution has one moment of entry and its old positions have one each. NaN and the infinities are nothing to sum.
_COMPARED = """
with folded as (
    select share.migrated_from as id, share.qty, share.money_in, share.closed_qty, share.pnl,
        share.entry_fee + share.exit_fee as fees, (share.closed_at at time zone %(zone)s)::date as day,
        execution.strategy_code
    from ledger.user_signal_allocations as share join ledger.signal_executions as execution using (signal_execution_id)
    where share.migrated_from is not null
), positions as (
    select read_positions.strategy_code, coalesce(numbers.qty, 0) as qty,
        coalesce(numbers.qty * numbers.price, 0) as money, folded.id is not null as is_folded
    from read_positions left join folded using (id)
    cross join lateral (select case when abs(read_positions.qty) < 'Infinity' then read_positions.qty end as qty,
        case when abs(read_positions.entry_price) < 'Infinity' then read_positions.entry_price end as price) as numbers
), trades as (
    select (trade.exit_time at time zone %(zone)s)::date as day, position.strategy_code,
        case when abs(trade.qty) < 'Infinity' then trade.qty else 0 end as qty,
        case when abs(trade.pnl) < 'Infinity' then trade.pnl else 0 end as pnl,
        case when abs(trade.pnl - trade.net_pnl) < 'Infinity' then trade.pnl - trade.net_pnl else 0 end as fees,
        folded.id is not null and not exists (select from unfolded where of = 'trades' and unfolded.id = trade.id)
            as is_folded
    from old_trades as trade
    left join read_positions as position on position.id = trade.position_id
    left join folded on folded.id = trade.position_id
)
select null::date as day, strategy_code, 'entered_qty' as measure, qty as old, 0 as ledger,
    case when is_folded then 0 else qty end as listed from positions
union all
select null, strategy_code, 'entered_qty', 0, qty, 0 from folded
union all
select null, strategy_code, 'entered_money', money, 0, case when is_folded then 0 else money end from positions
union all
select null, strategy_code, 'entered_money', 0, money_in, 0 from folded
union all
select day, strategy_code, 'closed_qty', qty, 0, case when is_folded then 0 else qty end from trades
union all
select day, strategy_code, 'closed_qty', 0, closed_qty, 0 from folded
union all
select day, strategy_code, 'pnl', pnl, 0, case when is_folded then 0 else pnl end from trades
union all
select day, strategy_code, 'pnl', 0, pnl, 0 from folded
union all
select day, strategy_code, 'fees', fees, 0, case when is_folded then 0 else fees end from trades
union all
select day, strategy_code, 'fees', 0, fees, 0 from folded
"""

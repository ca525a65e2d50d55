"""Old rows that were judged, grouped and folded into executions, allocations and trades: set by set, in its caller's
connection and transactions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.store.queries import one_row, one_value, own_sql
from fntx_dagster.store.signals.judging import FoldRules

BATCH_ROWS = 5_000
WAIT_SECONDS = 5


class Groups(NamedTuple):
    """How many groups there are to fold, in how many batches; and how many executions had been folded before."""

    groups: int
    batches: int
    before: int


def alone(connection: psycopg.Connection) -> bool:
    """Whether no other migration runs in this database, as long as the connection lives. The server needs a moment to
    see that one was killed, so this waits for it."""
    connection.execute("select set_config('lock_timeout', %s, false)", (f"{WAIT_SECONDS}s",))
    try:
        connection.execute("select pg_advisory_lock(hashtextextended('fntx migrates signals', 0))")
    except psycopg.errors.LockNotAvailable:
        return False
    connection.execute("reset lock_timeout")
    return True


def group(connection: psycopg.Connection, rules: FoldRules, batch_rows: int = BATCH_ROWS) -> Groups:
    """Number the groups that can be folded, in batches of about so many positions, and store the strategies and
    instruments that they need."""
    given = rules.parameters() | {"rows": batch_rows}
    for statement in (_GROUPS, _STRATEGIES, _INSTRUMENTS, "analyze old_groups"):
        connection.execute(own_sql(statement), given)
    groups, last, before = one_row(
        connection.execute(
            """select (select count(*) from old_groups), (select coalesce(max(batch), -1) from old_groups),
                (select count(*) from ledger.signal_executions where migrated_from is not null)"""
        )
    )
    return Groups(groups, last + 1, before)


def fold(connection: psycopg.Connection, rules: FoldRules, batch: int, now: datetime) -> int:
    """Fold the groups of a batch, each into its execution, allocations and trade; how many."""
    given = rules.parameters() | {"batch": batch, "now": now}
    folded = one_value(connection.execute(own_sql(_FOLD), given))
    whole = one_value(connection.execute("select count(*) from old_groups where batch = %s", (batch,)))
    if folded != whole:
        raise RuntimeError(f"batch {batch}: {folded} of {whole} groups were folded")
    return folded


def analyze(connection: psycopg.Connection) -> None:
    """Let the planner know how much was folded."""
    connection.execute("analyze ledger.signal_executions, ledger.user_signal_allocations, ledger.trades")


# what all rows of a group say alike is the instrument's; of what they say differently, nothing is known
_GROUPS = """
create temporary table old_groups as
with folding as (
    select judged.* from judged
    where not is_folded and reason is null
        and not exists (select from unfolded where unfolded.of = 'positions' and unfolded.id = judged.id)
), grouped as (
    select strategy_code, unique_id, symbol, side,
        jsonb_build_array(strategy_code, unique_id, symbol, side)::text as migrated_from,
        coalesce(min(token), symbol) as token, coalesce(min(strike_price_token), symbol) as strike_price_token,
        coalesce(min(exchange), %(exchange)s) as exchange,
        case when min(underlying) = max(underlying) then min(underlying) end as underlying,
        case when min(strike_price) = max(strike_price) then min(strike_price) end as strike,
        case when min(option_type) = max(option_type) then min(option_type) end as option_type,
        case when min(expiry) = max(expiry) then min(expiry) end as expiry,
        case when min(lot_size) = max(lot_size) and min(lot_size) > 0 then min(lot_size) else 1 end as lot_size,
        count(*) as participants, sum(qty) as qty, sum(qty * entry_price) as money_in,
        sum(qty * exit_price) as money_out, sum(gain) as pnl, sum(fees) as fees, min(entry_time) as entry_time,
        max(exit_time) as exit_time, (array_agg(exit_reason order by exit_time desc, id))[1] as exit_reason
    from folding group by strategy_code, unique_id, symbol, side
)
select *, (sum(participants) over (order by entry_time, migrated_from) - participants)::bigint / %(rows)s as batch
from grouped
"""

_STRATEGIES = """
insert into ledger.strategies (strategy_code, currency, expected_edge_bps)
select distinct strategy_code, %(currency)s, 10000 from old_groups on conflict do nothing
"""

_INSTRUMENTS = """
insert into ledger.instruments
    (token, symbol, exchange, underlying, strike, option_type, expiry, lot_size, valid_from)
select token, symbol, exchange, underlying, strike, option_type, expiry, lot_size, seen
from (
    select strike_price_token as token, symbol, exchange, underlying, strike, option_type, expiry, lot_size,
        min(entry_time) as seen
    from old_groups group by 1, 2, 3, 4, 5, 6, 7, 8
) as wanted
where not exists (
    select from ledger.instruments as known
    where known.token = wanted.token and (known.symbol, known.exchange, known.underlying, known.strike,
            known.option_type, known.expiry, known.lot_size)
        is not distinct from (wanted.symbol, wanted.exchange, wanted.underlying, wanted.strike, wanted.option_type,
            wanted.expiry, wanted.lot_size))
"""

# P&L in percent: half to even at the fourth place, in whole numbers, because a division rounds half away from zero
_FOLD = """
with folding as materialized (
    select old_groups.*, (
            select min(instrument_id) from ledger.instruments as known
            where known.token = strike_price_token
                and (known.symbol, known.exchange, known.underlying, known.strike, known.option_type, known.expiry,
                    known.lot_size)
                is not distinct from (old_groups.symbol, old_groups.exchange, old_groups.underlying,
                    old_groups.strike, old_groups.option_type, old_groups.expiry, old_groups.lot_size)
        ) as instrument_id
    from old_groups where batch = %(batch)s
), executed as (
    insert into ledger.signal_executions (strategy_code, unique_id, is_paper, accounts, signal_type, token,
        strike_price_token, instrument_id, market, currency, status, requested_qty, total_qty, entry_money, entry_time,
        reference_price, exit_qty, exit_money, exit_time, exit_reason, total_pnl, fees_total, participants, entry_steps,
        entry_ended, salt, created_at, changed_at, migrated_from)
    select strategy_code, unique_id, %(is_paper)s, 'separate', side || '_ENTRY', token, strike_price_token,
        instrument_id, case when symbol like '%%/%%' then symbol else symbol || '/' || %(currency)s end, %(currency)s,
        'CLOSED', qty, qty, money_in, entry_time, trim_scale(round(money_in / qty, 18)), qty, money_out, exit_time,
        exit_reason, pnl, fees, participants, 1, true,
        decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), %(now)s, %(now)s,
        migrated_from
    from folding
    returning signal_execution_id, migrated_from
), shared as (
    insert into ledger.user_signal_allocations (signal_execution_id, user_id, place, requested_qty, qty, closed_qty,
        money_in, money_out, pnl, fee_bps, fee_fixed, exit_fee, status, closed_at, migrated_from)
    select executed.signal_execution_id, judged.user_id,
        row_number() over (partition by executed.signal_execution_id order by judged.id) - 1,
        judged.qty, judged.qty, judged.qty, judged.qty * judged.entry_price, judged.qty * judged.exit_price,
        judged.gain, 0, 0, judged.fees, 'CLOSED', judged.exit_time, judged.id
    from executed
    join folding using (migrated_from)
    join judged using (strategy_code, unique_id, symbol, side)
    where judged.reason is null and not judged.is_folded
), traded as (
    insert into ledger.trades (signal_execution_id, strategy_code, symbol, underlying, strike_price, option_type,
        signal_type, currency, entry_price, entry_time, exit_price, exit_time, total_qty, total_pnl, pnl_percent,
        fees_total, net_pnl, holding_time, exit_reason)
    select signal_execution_id, strategy_code, symbol, underlying, strike, option_type, side || '_ENTRY', %(currency)s,
        trim_scale(round(money_in / qty, 18)), entry_time, trim_scale(round(money_out / qty, 18)), exit_time, qty, pnl,
        trim_scale((whole + case when 2 * abs(rest) > money_in or (2 * abs(rest) = money_in and whole %% 2 <> 0)
            then sign(rest) else 0 end) / 10000),
        fees, pnl - fees, floor(extract(epoch from exit_time - entry_time) / 60), exit_reason
    from executed
    join folding using (migrated_from)
    cross join lateral (select div(pnl * 1000000, money_in) as whole) as divided
    cross join lateral (select pnl * 1000000 - whole * money_in as rest) as remainder
)
select count(*) from executed
"""

"""Old rows of one user each, judged, grouped and folded into executions, allocations and trades: set by set, in the
database. It works on the temporary tables of `old_tables`, in its caller's connection and transactions.

A group folds whole or not at all: an execution that is closed takes nobody in later. What does not fold is listed in
`unfolded` with a reason, and nothing about it is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.store.queries import one_row, one_value, own_sql

BATCH_ROWS = 5_000
ENTRY_ID, EXIT_ID = "{user_id}_{unique_id}_{time}", "{user_id}_EXIT_{unique_id}_{time}"
_USER = "\x01"
WAIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class FoldRules:
    """What the old rows do not say: their currency, exchange, zone of a trading day, whether they were paper, how the
    id of an order is written, what is set aside (table → ids), and which reasons are accepted."""

    currency: str
    zone: str = "UTC"
    exchange: str = "NFO"
    is_paper: bool = True
    entry_id: str = ENTRY_ID
    exit_id: str = EXIT_ID
    set_aside: Mapping[str, Collection[int]] = field(default_factory=dict)
    accepted: Collection[str] = ()

    def parameters(self) -> dict[str, Any]:
        """The parameters of this module's queries."""
        return {
            "currency": self.currency,
            "zone": self.zone,
            "exchange": self.exchange,
            "is_paper": self.is_paper,
            "entry_id": id_pattern(self.entry_id),
            "exit_id": id_pattern(self.exit_id),
            "accepted": [*self.accepted],
            **{f"aside_{name}": [*self.set_aside.get(name, ())] for name in ("positions", "orders", "trades")},
        }


class Groups(NamedTuple):
    """How many groups there are to fold, in how many batches; and how many executions had been folded before."""

    groups: int
    batches: int
    before: int


def id_pattern(template: str) -> str:
    """The regular expression of an order's id that is written so. The whole text has to fit it: `unique_1` is not read
    from the id of `unique_12`. Raises ValueError where it does not hold {unique_id} once."""
    parts = re.split(r"(\{\w+\})", template)
    known = {"{user_id}": _USER, "{unique_id}": "(.+)", "{time}": r"[0-9]+(?:\.[0-9]+)?", "{any}": ".*"}
    if parts.count("{unique_id}") != 1 or any(part.startswith("{") and part not in known for part in parts):
        raise ValueError(f"{template!r} does not hold {{unique_id}} once, or more than {', '.join(known)}")
    return f"^{''.join(known.get(part) or re.escape(part) for part in parts)}$"


def judge(connection: psycopg.Connection, rules: FoldRules, batch_rows: int = BATCH_ROWS) -> Groups:
    """Read each position's signal, list what cannot be folded, and number the groups that can."""
    given = rules.parameters() | {"rows": batch_rows}
    for statement in (_READ_ORDERS, _READ_POSITIONS, _JUDGED, _UNFOLDED, _GROUPS, _STRATEGIES, _INSTRUMENTS):
        connection.execute(own_sql(statement), given)
    connection.execute("analyze judged, unfolded, old_groups")
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


def analyze(connection: psycopg.Connection) -> None:
    """Let the planner know how much was folded."""
    connection.execute("analyze ledger.signal_executions, ledger.user_signal_allocations, ledger.trades")


# each order's unique id, as its text says; whether it left the position
_READ_ORDERS = r"""
create temporary table read_orders as
select orders.id, orders.position_id, orders.side, orders.exchange, left_id,
    case when left_id is null then
        (regexp_match(orders.order_id, replace(%(entry_id)s, E'\x01', escaped)))[1] end as entered_id
from old_orders as orders
join old_positions as position on position.id = orders.position_id
cross join lateral (select regexp_replace(position.user_id, '[^a-zA-Z0-9]', '\\\&', 'g') as escaped) as user_text
cross join lateral (
    select (regexp_match(orders.order_id, replace(%(exit_id)s, E'\x01', escaped)))[1] as left_id) as leaving
"""

_READ_POSITIONS = r"""
create temporary table read_positions as
with of_orders as (
    select position_id, count(distinct entered_id) as ids, min(entered_id) as unique_id,
        min(side) filter (where entered_id is not null) as side, min(exchange) as exchange,
        array_agg(distinct left_id) filter (where left_id is not null) as left_ids
    from read_orders group by position_id
), named as (
    select position.*, of_orders.left_ids, of_orders.exchange as order_exchange,
        upper(coalesce(position.side, of_orders.side)) as stated_side,
        case when position.order_id is null then coalesce(of_orders.ids, 0) else 1 end as ids,
        case when position.order_id is null then of_orders.unique_id else (regexp_match(position.order_id,
            replace(%(entry_id)s, E'\x01', regexp_replace(position.user_id, '[^a-zA-Z0-9]', '\\\&', 'g'))))[1]
        end as unique_id
    from old_positions as position left join of_orders on of_orders.position_id = position.id
), messages as (
    select unique_id, count(distinct strategy_code) as strategies, min(strategy_code) as strategy_code
    from old_signal_logs where signal_type like '%%ENTRY' group by unique_id
), first_message as (
    select distinct on (strategy_code, unique_id) strategy_code, unique_id, token, strike_price_token
    from old_signal_logs where signal_type like '%%ENTRY' order by strategy_code, unique_id, id
)
select named.id, named.user_id, named.unique_id, named.ids, named.left_ids, named.symbol, named.status as stated_status,
    upper(named.status) as status, named.qty, named.entry_price, named.entry_time, named.pnl,
    coalesce(named.strategy_code, messages.strategy_code) as strategy_code,
    case when named.strategy_code is null then coalesce(messages.strategies, 0) else 1 end as strategies,
    exists (select from old_signal_logs) and messages.unique_id is null as is_unknown,
    case when stated_side in ('BUY', 'LONG', 'BUY_ENTRY') then 'BUY'
        when stated_side in ('SELL', 'SHORT', 'SELL_ENTRY') then 'SELL' end as side,
    coalesce(first_message.token, named.token) as token,
    coalesce(first_message.strike_price_token, named.strike_price_token) as strike_price_token,
    coalesce(named.exchange, order_exchange) as exchange, named.underlying, named.strike_price,
    case when upper(named.option_type) in ('CE', 'PE') then upper(named.option_type) end as option_type,
    (named.expiry_date at time zone %(zone)s)::date as expiry, named.lot_size
from named
left join messages on messages.unique_id = named.unique_id
left join first_message on first_message.unique_id = named.unique_id
    and first_message.strategy_code = coalesce(named.strategy_code, messages.strategy_code)
"""

# what is wrong with a position, if anything; one that is in the ledger is compared with it
_JUDGED = """
create temporary table judged as
with trade as (
    select position_id, count(*) as trades, min(id) as trade_id, min(user_id) as user_id, min(symbol) as symbol,
        min(qty) as qty, min(entry_price) as entry_price, min(exit_price) as exit_price, min(exit_time) as exit_time,
        min(pnl) as pnl, min(pnl) - coalesce(min(net_pnl), min(pnl)) as fees, upper(min(exit_reason)) as exit_reason
    from old_trades where id <> all(%(aside_trades)s) group by position_id
), known as (
    select share.migrated_from as id, share.signal_execution_id, execution.strategy_code, execution.unique_id,
        share.user_id, share.qty, share.money_in, share.money_out, share.pnl, share.entry_fee + share.exit_fee as fees,
        share.closed_at
    from ledger.user_signal_allocations as share join ledger.signal_executions as execution using (signal_execution_id)
    where share.migrated_from is not null
), beside as (
    select position.id,
        count(*) over (partition by strategy_code, unique_id, symbol, side, user_id) as of_user,
        min(symbol || '/' || side) over signal <> max(symbol || '/' || side) over signal as is_several
    from read_positions as position where position.id <> all(%(aside_positions)s)
    window signal as (partition by strategy_code, unique_id)
)
select position.*, trade.exit_price, trade.exit_time, trade.pnl as gain, trade.fees,
    case when trade.exit_reason in ('STOPLOSS', 'TARGET', 'MANUAL', 'SQUARE_OFF', 'EXPIRY') then trade.exit_reason
        else 'SIGNAL' end as exit_reason,
    known.id is not null as is_folded,
    case when known.id is not null then
        case when (known.strategy_code, known.unique_id, known.user_id, known.qty, known.money_in, known.money_out,
                known.pnl, known.fees, known.closed_at)
            is distinct from (position.strategy_code, position.unique_id, position.user_id, position.qty,
                position.qty * position.entry_price, position.qty * trade.exit_price, trade.pnl, trade.fees,
                trade.exit_time)
            then 'changed_since' end
    when position.id = any(%(aside_positions)s) then 'set_aside'
    when position.ids > 1 then 'several_ids'
    when position.unique_id is null then 'no_unique_id'
    when position.is_unknown then 'unknown_signal'
    when position.strategies > 1 then 'several_strategies'
    when position.strategy_code is null then 'no_strategy'
    when position.strategy_code !~ '^[!-~]{1,64}$' or position.unique_id !~ '^[^[:cntrl:]]{1,255}$'
        or position.user_id !~ '^[^[:cntrl:] ]{1,64}$' or coalesce(position.symbol, '') = '' then 'bad_name'
    when position.side is null then 'no_side'
    when not coalesce(position.qty > 0 and position.qty < 'Infinity' and scale(trim_scale(position.qty)) <= 9, false)
        then 'no_quantity'
    when not coalesce(position.entry_price > 0 and position.entry_price < 'Infinity'
        and scale(trim_scale(position.entry_price)) <= 9, false) then 'no_entry_price'
    when position.entry_time is null then 'no_entry_time'
    when beside.of_user > 1 then 'user_twice'
    when beside.is_several then 'several_instruments'
    when coalesce(position.status, '') not in ('OPEN', 'CLOSED') then 'unknown_status'
    when position.status = 'OPEN' then case when trade.trades is null then 'open' else 'open_with_trade' end
    when trade.trades is null then 'no_trade'
    when trade.trades > 1 then 'several_trades'
    when coalesce(trade.user_id, position.user_id) <> position.user_id
        or coalesce(trade.symbol, position.symbol) <> position.symbol or trade.qty is distinct from position.qty
        or coalesce(trade.entry_price, position.entry_price) <> position.entry_price then 'trade_differs'
    when not coalesce(trade.exit_price >= 0 and trade.exit_price < 'Infinity'
        and scale(trim_scale(trade.exit_price)) <= 9, false) then 'no_exit_price'
    when trade.exit_time is null then 'no_exit_time'
    when trade.exit_time < position.entry_time then 'exit_before_entry'
    when not coalesce(abs(trade.pnl) < 'Infinity' and abs(trade.fees) < 'Infinity', false) then 'no_pnl'
    when position.pnl <> trade.pnl then 'pnl_differs'
    when position.left_ids <> array[position.unique_id] and 'closed_by_another' <> all(%(accepted)s)
        then 'closed_by_another'
    end as reason
from read_positions as position
left join trade on trade.position_id = position.id
left join known on known.id = position.id
left join beside on beside.id = position.id
"""

# every row that does not fold; a group with one of them waits, unless that one is set aside
_UNFOLDED = """
create temporary table unfolded as
with known as (
    select strategy_code, unique_id from ledger.signal_executions
), groups as (
    select strategy_code, unique_id, symbol, side, bool_or(is_folded) as is_folded,
        min(id) filter (where reason is not null and reason <> 'set_aside' and not is_folded) as waits_for
    from judged where unique_id is not null and strategy_code is not null
    group by strategy_code, unique_id, symbol, side
)
select 'positions' as of, judged.id, coalesce(judged.reason, case
        when groups.is_folded then 'folded_without'
        when known.unique_id is not null then 'signal_in_ledger'
        else 'group_waits' end) as reason,
    case when judged.reason is null and groups.waits_for is not null and not groups.is_folded
            then 'position ' || groups.waits_for
        else concat_ws(' ', judged.strategy_code, judged.unique_id, judged.symbol, judged.side) end as about
from judged
left join groups using (strategy_code, unique_id, symbol, side)
left join known on (known.strategy_code, known.unique_id) = (judged.strategy_code, judged.unique_id)
where judged.reason is not null
    or (not judged.is_folded and (groups.waits_for is not null or groups.is_folded or known.unique_id is not null))
union all
select 'trades', trade.id, case when trade.id = any(%(aside_trades)s) then 'set_aside' else 'orphan_trade' end,
    'position ' || coalesce(trade.position_id::text, 'not named')
from old_trades as trade left join old_positions as position on position.id = trade.position_id
where position.id is null or trade.id = any(%(aside_trades)s)
union all
select 'orders', orders.id, case when orders.id = any(%(aside_orders)s) then 'set_aside' else 'orphan_order' end,
    'position ' || coalesce(orders.position_id::text, 'not named')
from old_orders as orders left join old_positions as position on position.id = orders.position_id
where position.id is null or orders.id = any(%(aside_orders)s)
union all
select 'positions', share.migrated_from, 'gone', concat_ws(' ', execution.strategy_code, execution.unique_id)
from ledger.user_signal_allocations as share join ledger.signal_executions as execution using (signal_execution_id)
where share.migrated_from is not null
    and not exists (select from old_positions where old_positions.id = share.migrated_from)
"""

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
select token, symbol, exchange, underlying, strike, option_type, expiry, lot_size,
    seen + (row_number() over (partition by token, seen order by symbol) - 1) * interval '1 microsecond'
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

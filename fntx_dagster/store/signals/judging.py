"""Old rows of one user each, judged: the signal that each position belongs to, and what cannot be folded, with why.
It works on the temporary tables of `old_tables`, set by set, in its caller's connection and transaction.

Nothing is guessed. A group, which is all positions of a strategy, unique id, symbol and side, folds whole or not at
all: an execution that is closed takes nobody in later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from fntx_dagster.store.queries import own_sql

ENTRY_ID, EXIT_ID = "{user_id}_{unique_id}_{time}", "{user_id}_EXIT_{unique_id}_{time}"
_USER = "\x01"


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


def id_pattern(template: str) -> str:
    """The regular expression of an order's id that is written so. The whole text has to fit it: `unique_1` is not read
    from the id of `unique_12`. Raises ValueError where it does not hold {unique_id} once."""
    parts = re.split(r"(\{\w+\})", template)
    known = {"{user_id}": _USER, "{unique_id}": "(.+)", "{time}": r"[0-9]+(?:\.[0-9]+)?", "{any}": ".*"}
    if parts.count("{unique_id}") != 1 or any(part.startswith("{") and part not in known for part in parts):
        raise ValueError(f"{template!r} does not hold {{unique_id}} once, or more than {', '.join(known)}")
    return f"^{''.join(known.get(part) or re.escape(part) for part in parts)}$"


def judge(connection: psycopg.Connection, rules: FoldRules) -> None:
    """Make the temporary tables `judged`, which has each position with its signal and what is wrong with it, and
    `unfolded`, which lists every row that does not fold."""
    given = rules.parameters()
    for statement, made in (
        (_READ_ORDERS, "read_orders"),
        (_READ_POSITIONS, "read_positions"),
        (_JUDGED, "judged"),
        (_UNFOLDED, "unfolded"),
    ):
        connection.execute(own_sql(statement), given)
        connection.execute(own_sql(f"analyze {made}"))


# Each order's unique id, as its text says; that of an exit in `left_id`. The server keeps few regular expressions
# compiled, and here each user has his own: the orders of one come together.
_READ_ORDERS = r"""
create temporary table read_orders as
with of_users as materialized (
    select orders.id, orders.position_id, orders.side, orders.exchange, orders.order_id,
        regexp_replace(position.user_id, '[^a-zA-Z0-9]', '\\\&', 'g') as escaped
    from old_orders as orders join old_positions as position on position.id = orders.position_id
    order by position.user_id
), leaving as materialized (
    select *, (regexp_match(order_id, replace(%(exit_id)s, E'\x01', escaped)))[1] as left_id from of_users
)
select id, position_id, side, exchange, left_id, case when left_id is null then
    (regexp_match(order_id, replace(%(entry_id)s, E'\x01', escaped)))[1] end as entered_id
from leaving
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
    when strategy.currency <> %(currency)s or (position.symbol like '%%/%%'
        and split_part(position.symbol, '/', 2) <> %(currency)s) then 'other_currency'
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
left join ledger.strategies as strategy on strategy.strategy_code = position.strategy_code
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

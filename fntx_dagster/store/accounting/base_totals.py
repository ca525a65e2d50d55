"""The totals in base currency that an account's statements hold, with the rows that they sum.

Here belongs which section says what in base currency; what the totals imply is in `accounting/base_totals.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from fntx_dagster.accounting.base_totals import (
    BaseTotal,
    Performance,
    Summary,
    Traded,
    performance_totals,
    summed,
    trade_totals,
)
from fntx_dagster.accounting.section_rows import asset_category
from fntx_dagster.accounting.trade_rows import proceeds
from fntx_dagster.store.accounting.trades import trades_reported_on


def base_totals(connection: psycopg.Connection, keys: Mapping[str, Any]) -> Iterator[BaseTotal]:
    """The totals of some days, those that are trusted most first: commissions and proceeds of the trades, cash and its
    movements, positions, transfers, what the performance summaries say of the day's trades, and last the commissions of
    the Change in NAV, which may hold more than the trades'.

    `keys`: the `account`, its `base` currency, the `days`, the account's `first_day`, and the `session` before it,
    whose cash is that at the start of the first day's Cash Report.
    """
    account, base = keys["account"], keys["base"]
    trades = [
        Traded(
            row.reported_on,
            asset_category(row),
            row.currency or base,
            row.quantity or Decimal(0),
            proceeds(row),
            row.ib_commission or Decimal(0),
            row.ib_commission_currency or row.currency or base,
            row.conid or row.symbol or "",
            None if row.transaction_type == "BookTrade" else row.mtm_pnl,
            row.fifo_pnl_realized,
        )
        for row in trades_reported_on(connection, account, keys["days"])
    ]
    yield from trade_totals([Summary._make(row) for row in connection.execute(_SUMMARIES, keys)], trades)
    for query in (_CASH, _MOVEMENTS, _POSITIONS, _TRANSFERRED):
        yield from _totals(connection.execute(query, keys).fetchall())
    yield from performance_totals(map(Performance._make, connection.execute(_PERFORMANCE, keys)), trades)
    charged: dict[date, list[tuple[str, Decimal]]] = defaultdict(list)
    for trade in trades:
        charged[trade.report_date].append((trade.commission_currency, trade.commission))
    for day, total in connection.execute(_COMMISSIONS, keys):
        yield from summed(day, "commissions of ChangeInNAV", total, charged[day])


def _totals(rows: Sequence[tuple[date, str, str | None, Decimal]]) -> Iterator[BaseTotal]:
    """Totals from rows of (day, name, currency, amount); the row without a currency is the total."""
    groups: dict[tuple[date, str], list[tuple[str | None, Decimal]]] = defaultdict(list)
    for day, name, currency, amount in rows:
        groups[day, name].append((currency, amount))
    for (day, name), group in groups.items():
        total = next((amount for currency, amount in group if currency is None), None)
        yield from summed(day, name, total, [(currency, amount) for currency, amount in group if currency])


_SUMMARIES = """
    select coalesce(report_date, row_date), asset_category, quantity, proceeds, ib_commission from raw_flex.trades
    where account_id = %(account)s and row_kind = 'AssetSummary' and withdrawn_at is null
      and coalesce(report_date, row_date) = any (%(days)s)
"""

_CASH = """
    with equity as (
        select distinct on (coalesce(report_date, row_date)) coalesce(report_date, row_date) as day, cash
        from raw_flex.equity_summary
        where account_id = %(account)s and withdrawn_at is null and currency is distinct from 'BASE_SUMMARY'
          and coalesce(report_date, row_date) = any (%(days)s)
        order by 1, row_date = coalesce(report_date, row_date) desc, row_date
    ),
    balances as (
        select side.day, currency, side.amount
        from raw_flex.cash_report
        cross join lateral (
            values
                (coalesce(to_date, row_date), ending_cash),
                (case when coalesce(from_date, row_date) = %(first_day)s then %(session)s::date end, starting_cash)
        ) as side (day, amount)
        where account_id = %(account)s and withdrawn_at is null and side.amount is not null
          and side.day = any (%(days)s) and (currency = 'BASE_SUMMARY' or currency ~ '^[A-Z0-9.]{1,20}$')
    )
    select day, 'cash of CashReport', nullif(currency, 'BASE_SUMMARY'), amount from balances
    union all
    select day, 'cash of EquitySummaryInBase', currency, amount from balances where currency <> 'BASE_SUMMARY'
    union all
    select day, 'cash of EquitySummaryInBase', null, cash from equity where cash is not null
"""

# the rows of one type of movement, and their sum in base currency
_MOVEMENTS = """
    select row_date, coalesce(type, 'all') || ' of CashTransactions', nullif(currency, 'BASE_SUMMARY'), sum(amount)
    from raw_flex.cash_transactions
    where account_id = %(account)s and withdrawn_at is null and amount is not null and row_date = any (%(days)s)
      and (currency = 'BASE_SUMMARY' or currency ~ '^[A-Z0-9.]{1,20}$'
          and coalesce(attributes ->> 'levelOfDetail', '') not ilike 'summary')
    group by 1, 2, 3
"""

_POSITIONS = """
    with equity as (
        select distinct on (coalesce(report_date, row_date))
            coalesce(report_date, row_date) as day, stock, options, bonds, funds
        from raw_flex.equity_summary
        where account_id = %(account)s and withdrawn_at is null and currency is distinct from 'BASE_SUMMARY'
          and coalesce(report_date, row_date) = any (%(days)s)
        order by 1, row_date = coalesce(report_date, row_date) desc, row_date
    ),
    positions as (
        select row_date as day, currency,
            coalesce(max(asset_category), case when max(strike) is null then 'STK' else 'OPT' end) as category,
            coalesce(sum(worth) filter (where level_of_detail ilike 'summary'), sum(worth)) as worth
        from raw_flex.open_positions
        cross join lateral (
            select coalesce(
                position_value,
                position * mark_price * case
                    when asset_category in ('BOND', 'BILL') then coalesce(multiplier, 1) / 100
                    when asset_category in ('FUT', 'FOP') then multiplier
                    else coalesce(multiplier, case when strike is null then 1 else 100 end)
                end
            ) as worth
        ) as valued
        where account_id = %(account)s and withdrawn_at is null and row_date = any (%(days)s)
        group by row_date, currency, coalesce(conid, symbol)
    )
    select day, kind || ' of EquitySummaryInBase', null, total
    from equity
    cross join lateral (
        values ('stock', stock), ('options', options), ('bonds', bonds), ('funds', funds)
    ) as kinds (kind, total)
    where total is not null
    union all
    select day, kind || ' of EquitySummaryInBase', currency, worth
    from positions
    cross join lateral (
        select case category
            when 'STK' then 'stock' when 'OPT' then 'options' when 'BOND' then 'bonds' when 'BILL' then 'bonds'
            when 'FUND' then 'funds'
        end as kind
    ) as named
    where worth is not null and kind is not null
"""

_TRANSFERRED = """
    select coalesce(report_date, row_date), 'transfer ' || transfers.row_key, side.currency, side.amount
    from raw_flex.transfers
    cross join lateral (
        values (null, position_amount_in_base), (transfers.currency, position_amount)
    ) as side (currency, amount)
    where account_id = %(account)s and withdrawn_at is null and transfers.currency <> %(base)s
      and position_amount_in_base is not null and position_amount is not null
      and coalesce(report_date, row_date) = any (%(days)s)
"""

_PERFORMANCE = """
    select row_date, 'commissions of MTMPerformanceSummaryInBase', coalesce(conid, symbol), commissions
    from raw_flex.mtm_performance
    where account_id = %(account)s and withdrawn_at is null and commissions is not null and row_date = any (%(days)s)
    union all
    select row_date, 'mark-to-market of MTMPerformanceSummaryInBase', coalesce(conid, symbol), transaction_mtm
    from raw_flex.mtm_performance
    where account_id = %(account)s and withdrawn_at is null and transaction_mtm is not null
      and row_date = any (%(days)s)
    union all
    select row_date, 'realised P&L of FIFOPerformanceSummaryInBase', coalesce(conid, symbol),
        total_realized_pnl - coalesce(total_realized_fx_pnl, 0)
    from raw_flex.fifo_performance
    where account_id = %(account)s and withdrawn_at is null and total_realized_pnl is not null
      and row_date = any (%(days)s)
"""

_COMMISSIONS = """
    select coalesce(to_date, row_date), coalesce(commissions, 0) + coalesce(forex_commissions, 0)
    from raw_flex.change_in_nav
    where account_id = %(account)s and withdrawn_at is null and commissions is not null
      and coalesce(to_date, row_date) = any (%(days)s) and coalesce(from_date, row_date) = coalesce(to_date, row_date)
"""

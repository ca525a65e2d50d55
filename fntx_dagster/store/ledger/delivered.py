"""What the statements of a broker's account say, as the record wing has it: for the projection into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_value


class DeliveredFill(NamedTuple):
    """A row of `fills`, in order of execution; costs negative. `exec_id`: the broker's `ibExecID`, where delivered."""

    fill_id: str
    contract_id: str
    symbol: str | None
    asset_category: str
    multiplier: Decimal
    currency: str
    executed_at: datetime
    session: date
    report_session: date
    event_type: str
    linked_fill_id: str | None
    quantity: Decimal
    price: Decimal
    proceeds: Decimal
    commission: Decimal
    rate: Decimal
    exec_id: str | None


class DeliveredLot(NamedTuple):
    """A row of `position_lots`; quantity absolute, the closing side None while the lot is open."""

    lot_id: str
    contract_id: str
    symbol: str | None
    multiplier: Decimal
    currency: str
    direction: str
    quantity: Decimal
    open_fill_id: str
    close_fill_id: str | None
    opened_at: datetime
    opened_session: date
    closed_session: date | None
    open_price: Decimal | None
    close_price: Decimal | None
    gross_pnl: Decimal | None
    open_rate: Decimal | None
    how_opened: str
    origin_fill_id: str | None

    @property
    def sign(self) -> int:
        return 1 if self.direction == "long" else -1


class DeliveredCash(NamedTuple):
    """A movement of cash without a fill; negative of what went."""

    event_id: str
    event_type: str
    at: datetime
    session: date
    currency: str
    amount: Decimal
    rate: Decimal | None
    description: str | None


class CashBalance(NamedTuple):
    """The cash of a currency by a Cash Report, at the start of its period and at its end."""

    first: date
    last: date
    currency: str
    start: Decimal | None
    end: Decimal | None


class DeliveredAccount(NamedTuple):
    """All that is projected of an account, and its base currency; `beginning`: the close before its first session."""

    base_currency: str
    beginning: datetime
    fills: Sequence[DeliveredFill]
    lots: Sequence[DeliveredLot]
    cash: Sequence[DeliveredCash]
    balances: Sequence[CashBalance]
    first_rates: dict[str, Decimal]


def accounts(db: Readable) -> list[str]:
    """The accounts of a broker that have fills, in order."""
    with db.connect() as connection:
        return [account for (account,) in connection.execute(_ACCOUNTS)]


def base_currency(db: Readable, account: str) -> str:
    """The base currency of an account's fills."""
    with db.connect() as connection:
        return one_value(
            connection.execute("select min(base_currency) from alm_reporting.fills where account_id = %s", (account,))
        )


def delivered(db: Readable, account: str) -> DeliveredAccount:
    """What the statements of an account say, from one snapshot."""
    with db.connect() as connection:
        has_story = one_value(
            connection.execute("select to_regclass('alm_reporting.chronological_events') is not null")
        )
        parameters = {"account": account}
        fills = [DeliveredFill._make(row) for row in connection.execute(_FILLS, parameters)]
        lots = [DeliveredLot._make(row) for row in connection.execute(_LOTS, parameters)]
        cash = [DeliveredCash._make(row) for row in connection.execute(_CASH, parameters)] if has_story else []
        balances = [CashBalance._make(row) for row in connection.execute(_BALANCES, parameters)]
        base, beginning = connection.execute(_BASE, parameters).fetchone() or ("", None)
        rates = dict(connection.execute(_RATES, parameters).fetchall())
    first = min([fill.executed_at for fill in fills], default=None)
    return DeliveredAccount(base, beginning or first or datetime.min, fills, lots, cash, balances, rates)


_ACCOUNTS = "select distinct account_id from alm_reporting.fills order by 1"
_FILLS = """
    with executions as (
        select distinct on (transaction_id) transaction_id, nullif(attributes ->> 'ibExecID', '') as exec_id
        from raw_flex.trades
        where account_id = %(account)s and withdrawn_at is null and row_kind = 'Trade' and transaction_id <> ''
        order by transaction_id, row_key
    )
    select fill_id, contract_id, symbol, asset_category, multiplier, currency, executed_at, session, report_session,
        event_type, linked_fill_id, quantity, price, proceeds, commission, fx_rate_to_base, exec_id
    from alm_reporting.fills left join executions on executions.transaction_id = fills.source_transaction_id
    where account_id = %(account)s
    order by executed_at,
        case when source_transaction_id ~ '^[0-9]+$' then source_transaction_id::numeric else 0 end, fill_id
"""
_LOTS = """
    select lot_id, contract_id, symbol, multiplier, currency, direction, quantity, open_fill_id, close_fill_id,
        opened_at, opened_session, closed_session, open_price, close_price, gross_pnl, open_fx_rate, how_opened,
        origin_fill_id
    from alm_reporting.position_lots where account_id = %(account)s
    order by opened_at, closed_at nulls last, lot_id
"""
_CASH = """
    select event_id, event_type, event_timestamp, trading_day, currency, amount, fx_rate_to_base, description
    from alm_reporting.chronological_events
    where account_id = %(account)s and fill_id is null and amount <> 0
    order by event_timestamp, event_number
"""
_BALANCES = """
    select coalesce(from_date, row_date), coalesce(to_date, row_date), currency, starting_cash, ending_cash
    from raw_flex.cash_report
    -- what is booked on a holiday counts to the session after it
    inner join alm_reporting.trading_sessions as sessions on sessions.session = coalesce(to_date, row_date)
    where account_id = %(account)s and withdrawn_at is null and currency ~ '^[A-Z]{3}$'
    order by 2, 1, 3
"""
_BASE = """
    select base_currency, previous_close
    from (
        select min(base_currency) as base_currency, min(session) as session
        from alm_reporting.fills where account_id = %(account)s
    ) as of_fills
    left join lateral (
        select previous_close from alm_reporting.trading_sessions as sessions
        where sessions.session >= least(of_fills.session, (
            select min(coalesce(from_date, row_date)) from raw_flex.cash_report
            where account_id = %(account)s and withdrawn_at is null
        ))
        order by sessions.session limit 1
    ) as first_session on true
"""
_RATES = """
    select distinct on (currency) currency, rate from alm_reporting.day_rates where account_id = %(account)s
    order by currency, session
"""

"""The statement that stores what turns changed in books: one part for each table, all books in one go."""

from __future__ import annotations

from functools import cache
from typing import LiteralString

from fntx_dagster.store.queries import own_sql

_ASKED = """
    with asked as materialized (
        select (book ->> 'book_id')::bigint as book_id, (book ->> 'version')::xid as version, book as rows
        from jsonb_array_elements($1::jsonb) as books (book)
        where (book ->> 'book_id')::bigint between 1 and 9000000000000000000
    ),"""
"""The ranges that every row is in let the planner expect few rows: it expects 100 of each function, and for 100 × 100
it would read whole tables where an index leads to the row."""
_LOCKED = """
    locked as materialized (
        select books.book_id, asked.rows from asked join ledger.books using (book_id) where books.xmin = asked.version
        for no key update of books skip locked
    ),"""
_GIVEN = """
    given as (
        update ledger.books set head_no = (rows -> 'head' ->> 'no')::bigint, head_hash = rows -> 'head' ->> 'hash',
            first_day = (rows -> 'head' ->> 'first_day')::date
        from {books} where {condition} returning books.book_id, rows
    )"""
"""A book's version is `xmin` of its row: the transaction that changed it last. PostgreSQL gives every change another
one, whoever makes it. Every part reads `given`, which has no row of a book that has another version."""
_ONE = _GIVEN.format(
    books="asked",
    condition="books.book_id = asked.book_id and (asked.version is null or books.xmin = asked.version)",
)
_SEVERAL = _LOCKED + _GIVEN.format(books="locked", condition="books.book_id = locked.book_id")
_PARTS = {
    "entries": """
    entries as (
        insert into ledger.entries (book_id, entry_no, body, prev_hash, hash)
        select given.book_id, no, body, prev_hash, hash
        from given, jsonb_to_recordset(rows -> 'entries') as r (no bigint, body jsonb, prev_hash text, hash text)
    )""",
    "postings": """
    postings as (
        insert into ledger.postings (book_id, entry_no, leg, account, currency, amount)
        select given.book_id, no, leg, account, currency, amount
        from given, jsonb_to_recordset(rows -> 'postings')
            as r (no bigint, leg smallint, account text, currency text, amount numeric)
    )""",
    "orders": """
    orders as (
        insert into ledger.orders as known (order_id, book_id, bot_id, exchange, symbol, side, amount, order_type,
            price, expected_edge_bps, reduce_only, idempotency_key, state, gates_passed, gate_failed, reason_code,
            rejection_reason, summary, filled, paid, created_at, approved_at, changed_at, fingerprint, sent_price,
            time_in_force, exchange_order_id, held_until, absent_since, cancel_code)
        select order_id, given.book_id, bot_id, exchange, symbol, side, amount, order_type, price, expected_edge_bps,
            reduce_only, idempotency_key, state, gates_passed, gate_failed, reason_code, rejection_reason, summary,
            filled, paid, created_at, approved_at, changed_at, fingerprint, sent_price, time_in_force,
            exchange_order_id, held_until, absent_since, cancel_code
        from given, jsonb_populate_recordset(null::ledger.orders, rows -> 'orders')
        on conflict (order_id) do update set state = excluded.state, reason_code = excluded.reason_code,
            rejection_reason = excluded.rejection_reason, filled = excluded.filled, paid = excluded.paid,
            changed_at = excluded.changed_at, exchange_order_id = excluded.exchange_order_id,
            absent_since = excluded.absent_since, cancel_code = excluded.cancel_code
    )""",
    "fills": """
    fills as (
        insert into ledger.fills (fill_id, book_id, entry_no, order_id, bot_id, exchange, symbol, side, qty, price, fee,
            fee_currency, liquidity, executed_at, realized_pnl, exchange_trade_id)
        select fill_id, given.book_id, no, order_id, bot_id, exchange, symbol, side, qty, price, fee, fee_currency,
            liquidity, "timestamp", realized_pnl, exchange_trade_id
        from given, jsonb_to_recordset(rows -> 'fills') as r (no bigint, fill_id uuid, order_id uuid, bot_id text,
            exchange text, symbol text, side text, qty numeric, price numeric, fee numeric, fee_currency text,
            liquidity text, "timestamp" timestamptz, realized_pnl numeric, exchange_trade_id text)
    )""",
    "taken_lots": """
    taken as (
        select given.book_id, r.* from given, jsonb_to_recordset(rows -> 'taken_lots')
            as r (bot_id text, exchange text, symbol text, no bigint, quantity numeric)
        where no between 1 and 9000000000000000000
    ),
    ended_lots as (
        delete from ledger.lots using taken
        where (lots.book_id, lots.bot_id, lots.exchange, lots.symbol, lots.entry_no)
            = (taken.book_id, taken.bot_id, taken.exchange, taken.symbol, taken.no) and taken.quantity = 0
    ),
    smaller_lots as (
        update ledger.lots set quantity = taken.quantity from taken
        where (lots.book_id, lots.bot_id, lots.exchange, lots.symbol, lots.entry_no)
            = (taken.book_id, taken.bot_id, taken.exchange, taken.symbol, taken.no) and taken.quantity <> 0
    )""",
    "opened_lots": """
    opened_lots as (
        insert into ledger.lots (book_id, bot_id, exchange, symbol, entry_no, quantity, price)
        select given.book_id, bot_id, exchange, symbol, no, quantity, price
        from given, jsonb_to_recordset(rows -> 'opened_lots')
            as r (bot_id text, exchange text, symbol text, no bigint, quantity numeric, price numeric)
    )""",
    "positions": """
    positions as (
        insert into ledger.positions as known
        select given.book_id, bot_id, exchange, symbol, quantity, cost, opened_at, realized, fees, best, worst
        from given, jsonb_populate_recordset(null::ledger.positions, rows -> 'positions')
        on conflict (book_id, bot_id, exchange, symbol) do update set quantity = excluded.quantity,
            cost = excluded.cost, opened_at = excluded.opened_at, realized = excluded.realized, fees = excluded.fees,
            best = excluded.best, worst = excluded.worst
    )""",
    "balances": """
    balances as (
        insert into ledger.balances as known
        select given.book_id, currency, amount, fees
        from given, jsonb_populate_recordset(null::ledger.balances, rows -> 'balances')
        on conflict (book_id, currency) do update set amount = excluded.amount, fees = excluded.fees
            where (known.amount, known.fees) is distinct from (excluded.amount, excluded.fees)
    )""",
    "figures": """
    figures as (
        insert into ledger.figures as known
        select given.book_id, bot_id, fills, volume, realized, fees, wins, losing, even, gains, losses, best, worst,
            unknown, streak, income
        from given, jsonb_populate_recordset(null::ledger.figures, rows -> 'figures')
        on conflict (book_id, bot_id) do update set fills = excluded.fills, volume = excluded.volume,
            realized = excluded.realized, fees = excluded.fees, wins = excluded.wins, losing = excluded.losing,
            even = excluded.even, gains = excluded.gains, losses = excluded.losses, best = excluded.best,
            worst = excluded.worst, unknown = excluded.unknown, streak = excluded.streak, income = excluded.income
            where known is distinct from excluded
    )""",
    "funds": """
    funds as (
        insert into ledger.funds as known
        select given.book_id, bot_id, capital, last_equity, last_units, high_equity, high_units, guarded_equity,
            guarded_units, fallen, day, day_start, deposits, withdrawals, base, base_deposits, base_withdrawals
        from given, jsonb_populate_recordset(null::ledger.funds, rows -> 'funds')
        on conflict (book_id, bot_id) do update set capital = excluded.capital, last_equity = excluded.last_equity,
            last_units = excluded.last_units, high_equity = excluded.high_equity, high_units = excluded.high_units,
            guarded_equity = excluded.guarded_equity, guarded_units = excluded.guarded_units, fallen = excluded.fallen,
            day = excluded.day, day_start = excluded.day_start, deposits = excluded.deposits,
            withdrawals = excluded.withdrawals, base = excluded.base, base_deposits = excluded.base_deposits,
            base_withdrawals = excluded.base_withdrawals
            where known is distinct from excluded
    )""",
    "days": """
    days as (
        insert into ledger.days as known
        select given.book_id, day, trades, fees, volume, realized, flows, equity, units
        from given, jsonb_populate_recordset(null::ledger.days, rows -> 'days')
        on conflict (book_id, day) do update set trades = known.trades + excluded.trades,
            fees = known.fees + excluded.fees, volume = known.volume + excluded.volume,
            realized = known.realized + excluded.realized, flows = known.flows + excluded.flows,
            equity = coalesce(excluded.equity, known.equity), units = coalesce(excluded.units, known.units)
    )""",
    "quotes": """
    quotes as (
        insert into ledger.quotes
        select given.book_id, exchange, symbol, bid, ask, bid_size, ask_size, at, taken_bid, taken_ask
        from given, jsonb_populate_recordset(null::ledger.quotes, rows -> 'quotes')
        on conflict (book_id, exchange, symbol) do update set bid = excluded.bid, ask = excluded.ask,
            bid_size = excluded.bid_size, ask_size = excluded.ask_size, at = excluded.at,
            taken_bid = excluded.taken_bid, taken_ask = excluded.taken_ask
    )""",
    "quote_history": """
    quote_history as (
        insert into ledger.quote_history (book_id, after_entry, exchange, symbol, bid, ask, bid_size, ask_size, at,
            observed_at)
        select given.book_id, after_entry, exchange, symbol, bid, ask, bid_size, ask_size, at, observed_at
        from given, jsonb_populate_recordset(null::ledger.quote_history, rows -> 'quote_history')
    )""",
    "errors": """
    errors as (
        insert into ledger.errors select given.book_id, bot_id, at, entry_no
        from given, jsonb_populate_recordset(null::ledger.errors, rows -> 'errors')
    )""",
    "trips": """
    trips as (
        insert into ledger.trips
        select given.book_id, trip_no, bot_id, trigger_type, trigger_reason, tripped_at, metrics, null, null, null
        from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'trips')
    ),
    tripped as (
        insert into ledger.breakers select given.book_id, bot_id, trip_no, trigger_type
        from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'trips')
    )""",
    "resets": """
    resets as (
        select given.book_id, r.bot_id, r.trip_no, r.reset_at, r.reset_by, r.reset_reason
        from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'resets') as r
    ),
    reset_trips as (
        update ledger.trips set reset_at = resets.reset_at, reset_by = resets.reset_by,
            reset_reason = resets.reset_reason
        from resets where trips.book_id = resets.book_id and trips.trip_no = resets.trip_no
    ),
    reset_breakers as (
        delete from ledger.breakers using resets
        where breakers.book_id = resets.book_id and breakers.bot_id = resets.bot_id
    ),
    reset_errors as (
        delete from ledger.errors using resets where errors.book_id = resets.book_id and errors.bot_id = resets.bot_id
    )""",
    "approvals": """
    approvals as (
        insert into ledger.approvals as known select given.book_id, bot_id, day, used
        from given, jsonb_populate_recordset(null::ledger.approvals, rows -> 'approvals')
        on conflict (book_id, bot_id, day) do update set used = known.used + excluded.used
    )""",
    "alarms": """
    alarms as (
        insert into ledger.alarms select given.book_id, kind, about, entry_no, words, raised_at
        from given, jsonb_populate_recordset(null::ledger.alarms, rows -> 'alarms')
    )""",
    "bots": """
    bots as (
        insert into ledger.bots (book_id, bot_id)
        select given.book_id, bot_id from given, jsonb_to_recordset(rows -> 'bots') as r (bot_id text)
        on conflict do nothing
    )""",
    "answers": """
    answers as (
        insert into ledger.answers (book_id, idempotency_key, fingerprint, status, body)
        select given.book_id, idempotency_key, decode(fingerprint, 'hex'), status, decode(body, 'base64')
        from given, jsonb_to_recordset(rows -> 'answers')
            as r (idempotency_key text, fingerprint text, status smallint, body text)
    )""",
}
"""Table → what stores its rows: one or more parts of the statement."""
_RARE = ("errors", "trips", "resets", "alarms")
_USUAL = frozenset(_PARTS) - frozenset(_RARE)
_KEPT = _USUAL - {"bots"}
_VARIANTS = (_KEPT - {"opened_lots"}, _KEPT - {"taken_lots"}, _KEPT, _USUAL, frozenset(_PARTS))
"""The tables that turns write together: an order on a book that is kept opens lots or takes of them."""
_END = """
    select pg_current_xact_id()::xid::text || ' ' || string_agg(book_id::text, ' ') from given"""


@cache
def statement(tables: frozenset[str], *, several: bool) -> LiteralString:
    """The statement that stores rows of these tables; of few variants, as each is prepared on every connection, the one
    with the fewest others, as each part costs, also without rows. Its parameter is a JSON array of books; its value is
    their version from then on, and those that were stored.

    A book without a version is one that the transaction has locked; one with another version is not stored. Of
    `several` one whose row somebody else has locked is not stored either, so that no book waits for another one.
    """
    variant = next(variant for variant in _VARIANTS if tables <= variant)
    head = _ASKED + (_SEVERAL if several else _ONE)
    return own_sql(",".join([head, *(part for table, part in _PARTS.items() if table in variant)]) + _END)

"""What a transaction changes in a book, written in one statement at its end.

`Changes` collects rows as they will be stored; amounts are texts, so that none passes through a float. Several changes
of one row (a position that two fills of an order move) are one row: the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, LiteralString, NamedTuple

import psycopg

from fntx_dagster.ledger.book import Book, Figures
from fntx_dagster.ledger.entries import Entry, Head
from fntx_dagster.ledger.exact import plain
from fntx_dagster.ledger.positions import Filled, Key, Position
from fntx_dagster.ledger.postings import LedgerLeg
from fntx_dagster.ledger.units import Fund
from fntx_dagster.model.orders import Quote
from fntx_dagster.store import prepared
from fntx_dagster.store.ledger.books import FUND_AMOUNTS
from fntx_dagster.store.queries import own_sql

Row = dict[str, Any]


@dataclass(slots=True)
class BookChanges:
    """The rows of each table that a transaction on one book writes."""

    book_id: int
    entries: list[Row] = field(default_factory=list)
    postings: list[Row] = field(default_factory=list)
    fills: list[Row] = field(default_factory=list)
    orders: dict[str, Row] = field(default_factory=dict)
    opened_lots: dict[tuple[Key, int], Row] = field(default_factory=dict)
    taken_lots: dict[tuple[Key, int], Row] = field(default_factory=dict)
    positions: dict[Key, Row] = field(default_factory=dict)
    days: dict[date, Row] = field(default_factory=dict)
    quotes: dict[tuple[str, str], Row] = field(default_factory=dict)
    quote_history: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    trips: list[Row] = field(default_factory=list)
    resets: list[Row] = field(default_factory=list)
    approvals: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    bots: set[str] = field(default_factory=set)

    def entry(self, entry: Entry, legs: Iterable[LedgerLeg]) -> None:
        """An entry of the chain, and its legs."""
        body = {name: value for name, value in entry.items() if name not in ("entry_no", "prev_hash", "hash")}
        number = entry["entry_no"]
        self.entries.append({"no": number, "body": body, "prev_hash": entry["prev_hash"], "hash": entry["hash"]})
        for leg, posting in enumerate(legs):
            row = {"no": number, "leg": leg, "account": posting.account, "currency": posting.currency}
            self.postings.append(row | {"amount": text(posting.amount)})
        if entry["type"] == "fill":
            self.fills.append({"no": number, **body})

    def filled(self, key: Key, part: Filled) -> None:
        """What a fill took of lots, and the lot that it opened."""
        for lot, quantity in part.taken:
            row = {**key._asdict(), "no": lot.entry_no, "quantity": text(lot.quantity - quantity)}
            if (key, lot.entry_no) in self.opened_lots:
                row |= {"price": self.opened_lots[key, lot.entry_no]["price"]}
                self.opened_lots[key, lot.entry_no] = row
            else:
                self.taken_lots[key, lot.entry_no] = row
        if part.opened:
            name = (key, part.opened.entry_no)
            before = Fraction(self.opened_lots[name]["quantity"]) if name in self.opened_lots else 0
            row = {"no": part.opened.entry_no, "quantity": text(before + part.opened.quantity)}
            self.opened_lots[name] = {**key._asdict(), **row, "price": text(part.opened.price)}

    def position(self, key: Key, position: Position) -> None:
        """A position as it is now."""
        trip = position.trip
        self.positions[key] = {
            **key._asdict(),
            "quantity": text(position.quantity),
            "cost": text(position.cost),
            "opened_at": None if trip is None else trip.opened_at.isoformat(),
            "realized": text(trip.realized if trip else Fraction(0)),
            "fees": text(trip.fees if trip else Fraction(0)),
            "best": text(trip.best if trip else Fraction(0)),
            "worst": text(trip.worst if trip else Fraction(0)),
        }

    def quote(
        self,
        exchange: str,
        symbol: str,
        quote: Quote,
        taken: tuple[Decimal, Decimal],
        seen: tuple[int, datetime] | None,
    ) -> None:
        """The newest quote, what was taken of its sizes, and, if it is new, after which entry and when it came."""
        row = {
            "exchange": exchange,
            "symbol": symbol,
            "bid": text(quote.bid),
            "ask": text(quote.ask),
            "bid_size": text(quote.bid_size),
            "ask_size": text(quote.ask_size),
            "at": quote.at.isoformat(),
        }
        self.quotes[exchange, symbol] = row | {"taken_bid": text(taken[0]), "taken_ask": text(taken[1])}
        if seen is not None:
            self.quote_history.append(row | {"after_entry": seen[0], "observed_at": seen[1].isoformat()})


def text(number: Fraction | Decimal | int | None) -> str | None:
    """A number as it is stored: exact to 36 places."""
    return None if number is None else plain(number)


class Kept(NamedTuple):
    """What a book held when it was read: its balances, fees, figures and funds; what is the same is not written."""

    balances: Mapping[str, Fraction]
    fees: Mapping[str, Fraction]
    figures: Mapping[str, Figures]
    funds: Mapping[str, Fund]

    @classmethod
    def of(cls, book: Book) -> Kept:
        return cls({**book.balances}, {**book.fees}, {**book.figures}, {**book.funds})


def write(
    connection: psycopg.Connection, changes: BookChanges, book: Book, before: Kept, head: Head, first_day: date | None
) -> None:
    """Store all of it, and what of the book is not as it was before, in one statement of the transaction that holds the
    book's lock."""
    money = (("amount", book.balances), ("fees", book.fees))  # a fee in a base currency leaves no balance of it
    rows: dict[str, Sequence[Any]] = {
        "entries": changes.entries,
        "postings": changes.postings,
        "fills": changes.fills,
        "orders": [*changes.orders.values()],
        "opened_lots": [row for row in changes.opened_lots.values() if Fraction(row["quantity"])],
        "taken_lots": [*changes.taken_lots.values()],
        "positions": [*changes.positions.values()],
        "days": [*changes.days.values()],
        "quotes": [*changes.quotes.values()],
        "quote_history": changes.quote_history,
        "errors": changes.errors,
        "trips": changes.trips,
        "resets": changes.resets,
        "approvals": changes.approvals,
        "answers": changes.answers,
        "alarms": changes.alarms,
        "bots": [{"bot_id": bot_id} for bot_id in sorted(changes.bots)],
        "balances": [
            {"currency": name} | {column: text(known.get(name, Fraction(0))) for column, known in money}
            for name in {**book.balances, **book.fees}
            if (book.balances.get(name), book.fees.get(name)) != (before.balances.get(name), before.fees.get(name))
        ],
        "figures": [
            {"bot_id": bot_id}
            | {
                name: value if isinstance(value := getattr(figures, name), int) else text(value)
                for name in figures.__dataclass_fields__
            }
            for bot_id, figures in book.figures.items()
            if figures != before.figures.get(bot_id)
        ],
        "funds": [_fund(bot_id, fund) for bot_id, fund in book.funds.items() if fund != before.funds.get(bot_id)],
    }
    given = {name: part for name, part in rows.items() if part}
    stated = {"no": head.entry_no, "hash": head.hash, "first_day": first_day and first_day.isoformat()}
    text_of_rows = json.dumps({"head": stated, **given}, default=str)
    prepared.run(connection, _statement(tuple(given)), f"{changes.book_id}", text_of_rows)


def _fund(bot_id: str, fund: Fund) -> Row:
    row: Row = {"bot_id": bot_id, "day": fund.day and fund.day.isoformat()}
    for name in ("last", "high", "guarded"):
        price = getattr(fund, name)
        row |= {f"{name}_equity": text(price.equity), f"{name}_units": text(price.units)}
    for name in FUND_AMOUNTS:
        row[name] = text(getattr(fund, name))
    return row


_HEAD = """
    with given as materialized (select $2::jsonb as rows)"""
_PARTS = {
    "entries": """
    entries as (
        insert into ledger.entries (book_id, entry_no, body, prev_hash, hash)
        select $1::bigint, no, body, prev_hash, hash
        from given, jsonb_to_recordset(rows -> 'entries') as r (no bigint, body jsonb, prev_hash text, hash text)
    )""",
    "postings": """
    postings as (
        insert into ledger.postings (book_id, entry_no, leg, account, currency, amount)
        select $1::bigint, no, leg, account, currency, amount
        from given, jsonb_to_recordset(rows -> 'postings')
            as r (no bigint, leg smallint, account text, currency text, amount numeric)
    )""",
    "orders": """
    orders as (
        insert into ledger.orders as known (order_id, book_id, bot_id, exchange, symbol, side, amount, order_type,
            price, expected_edge_bps, reduce_only, idempotency_key, state, gates_passed, gate_failed, reason_code,
            rejection_reason, summary, filled, paid, created_at, approved_at, changed_at, fingerprint, sent_price,
            time_in_force, exchange_order_id, held_until, absent_since, cancel_code)
        select order_id, $1::bigint, bot_id, exchange, symbol, side, amount, order_type, price, expected_edge_bps,
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
        select fill_id, $1::bigint, no, order_id, bot_id, exchange, symbol, side, qty, price, fee, fee_currency,
            liquidity, "timestamp", realized_pnl, exchange_trade_id
        from given, jsonb_to_recordset(rows -> 'fills') as r (no bigint, fill_id uuid, order_id uuid, bot_id text,
            exchange text, symbol text, side text, qty numeric, price numeric, fee numeric, fee_currency text,
            liquidity text, "timestamp" timestamptz, realized_pnl numeric, exchange_trade_id text)
    )""",
    "taken_lots": """
    taken as (
        select r.* from given, jsonb_to_recordset(rows -> 'taken_lots')
            as r (bot_id text, exchange text, symbol text, no bigint, quantity numeric)
    ),
    ended_lots as (
        delete from ledger.lots using taken
        where lots.book_id = $1::bigint and (lots.bot_id, lots.exchange, lots.symbol, lots.entry_no)
            = (taken.bot_id, taken.exchange, taken.symbol, taken.no) and taken.quantity = 0
    ),
    smaller_lots as (
        update ledger.lots set quantity = taken.quantity from taken
        where lots.book_id = $1::bigint and (lots.bot_id, lots.exchange, lots.symbol, lots.entry_no)
            = (taken.bot_id, taken.exchange, taken.symbol, taken.no) and taken.quantity <> 0
    )""",
    "opened_lots": """
    opened_lots as (
        insert into ledger.lots (book_id, bot_id, exchange, symbol, entry_no, quantity, price)
        select $1::bigint, bot_id, exchange, symbol, no, quantity, price
        from given, jsonb_to_recordset(rows -> 'opened_lots')
            as r (bot_id text, exchange text, symbol text, no bigint, quantity numeric, price numeric)
    )""",
    "positions": """
    positions as (
        insert into ledger.positions as known
        select $1::bigint, bot_id, exchange, symbol, quantity, cost, opened_at, realized, fees, best, worst
        from given, jsonb_populate_recordset(null::ledger.positions, rows -> 'positions')
        on conflict (book_id, bot_id, exchange, symbol) do update set quantity = excluded.quantity,
            cost = excluded.cost, opened_at = excluded.opened_at, realized = excluded.realized, fees = excluded.fees,
            best = excluded.best, worst = excluded.worst
    )""",
    "balances": """
    balances as (
        insert into ledger.balances as known
        select $1::bigint, currency, amount, fees
        from given, jsonb_populate_recordset(null::ledger.balances, rows -> 'balances')
        on conflict (book_id, currency) do update set amount = excluded.amount, fees = excluded.fees
            where (known.amount, known.fees) is distinct from (excluded.amount, excluded.fees)
    )""",
    "figures": """
    figures as (
        insert into ledger.figures as known
        select $1::bigint, bot_id, fills, volume, realized, fees, wins, losing, even, gains, losses, best, worst,
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
        select $1::bigint, bot_id, capital, last_equity, last_units, high_equity, high_units, guarded_equity,
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
        select $1::bigint, day, trades, fees, volume, realized, flows, equity, units
        from given, jsonb_populate_recordset(null::ledger.days, rows -> 'days')
        on conflict (book_id, day) do update set trades = known.trades + excluded.trades,
            fees = known.fees + excluded.fees, volume = known.volume + excluded.volume,
            realized = known.realized + excluded.realized, flows = known.flows + excluded.flows,
            equity = coalesce(excluded.equity, known.equity), units = coalesce(excluded.units, known.units)
    )""",
    "quotes": """
    quotes as (
        insert into ledger.quotes
        select $1::bigint, exchange, symbol, bid, ask, bid_size, ask_size, at, taken_bid, taken_ask
        from given, jsonb_populate_recordset(null::ledger.quotes, rows -> 'quotes')
        on conflict (book_id, exchange, symbol) do update set bid = excluded.bid, ask = excluded.ask,
            bid_size = excluded.bid_size, ask_size = excluded.ask_size, at = excluded.at,
            taken_bid = excluded.taken_bid, taken_ask = excluded.taken_ask
    )""",
    "quote_history": """
    quote_history as (
        insert into ledger.quote_history (book_id, after_entry, exchange, symbol, bid, ask, bid_size, ask_size, at,
            observed_at)
        select $1::bigint, after_entry, exchange, symbol, bid, ask, bid_size, ask_size, at, observed_at
        from given, jsonb_populate_recordset(null::ledger.quote_history, rows -> 'quote_history')
    )""",
    "errors": """
    errors as (
        insert into ledger.errors select $1::bigint, bot_id, at, entry_no
        from given, jsonb_populate_recordset(null::ledger.errors, rows -> 'errors')
    )""",
    "trips": """
    trips as (
        insert into ledger.trips
        select $1::bigint, trip_no, bot_id, trigger_type, trigger_reason, tripped_at, metrics, null, null, null
        from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'trips')
    ),
    tripped as (
        insert into ledger.breakers select $1::bigint, bot_id, trip_no, trigger_type
        from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'trips')
    )""",
    "resets": """
    resets as (
        select r.* from given, jsonb_populate_recordset(null::ledger.trips, rows -> 'resets') as r
    ),
    reset_trips as (
        update ledger.trips set reset_at = resets.reset_at, reset_by = resets.reset_by,
            reset_reason = resets.reset_reason
        from resets where trips.book_id = $1::bigint and trips.trip_no = resets.trip_no
    ),
    reset_breakers as (
        delete from ledger.breakers using resets
        where breakers.book_id = $1::bigint and breakers.bot_id = resets.bot_id
    ),
    reset_errors as (
        delete from ledger.errors using resets where errors.book_id = $1::bigint and errors.bot_id = resets.bot_id
    )""",
    "approvals": """
    approvals as (
        insert into ledger.approvals as known select $1::bigint, bot_id, day, used
        from given, jsonb_populate_recordset(null::ledger.approvals, rows -> 'approvals')
        on conflict (book_id, bot_id, day) do update set used = known.used + excluded.used
    )""",
    "alarms": """
    alarms as (
        insert into ledger.alarms select $1::bigint, kind, about, entry_no, words, raised_at
        from given, jsonb_populate_recordset(null::ledger.alarms, rows -> 'alarms')
    )""",
    "bots": """
    bots as (
        insert into ledger.bots (book_id, bot_id)
        select $1::bigint, bot_id from given, jsonb_to_recordset(rows -> 'bots') as r (bot_id text)
        on conflict do nothing
    )""",
    "answers": """
    answers as (
        insert into ledger.answers (book_id, idempotency_key, fingerprint, status, body)
        select $1::bigint, idempotency_key, decode(fingerprint, 'hex'), status, decode(body, 'base64')
        from given, jsonb_to_recordset(rows -> 'answers')
            as r (idempotency_key text, fingerprint text, status smallint, body text)
    )""",
}
"""Table of `write` → what stores its rows: one or more parts of the statement."""
_END = """
    update ledger.books set head_no = (rows -> 'head' ->> 'no')::bigint, head_hash = rows -> 'head' ->> 'hash',
        first_day = (rows -> 'head' ->> 'first_day')::date
    from given where book_id = $1::bigint"""


@cache
def _statement(tables: tuple[str, ...]) -> LiteralString:
    """The statement that stores rows of these tables, in this order. An order's turn has few of them, and each part of
    a statement costs, also without rows."""
    return own_sql(",".join([_HEAD, *(_PARTS[table] for table in tables)]) + _END)

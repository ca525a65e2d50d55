"""The database of a service that kept a position, orders and a trade for each user and signal, as it is after some
months: with the faults that such a service leaves behind. For tests and benchmarks of the migration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

ZONE = "Asia/Kolkata"
TABLES = """
create type positionstatus as enum ('OPEN', 'CLOSED');
create type ordertype as enum ('BUY', 'SELL');
create table signal_logs (id bigint primary key, token varchar(50) not null, signal_type varchar(50) not null,
    unique_id varchar(100) not null, strike_price_token varchar(50) not null, strategy_code varchar(100) not null,
    signal_category varchar(20) not null, "timestamp" timestamptz not null);
create table positions (id integer primary key, user_id integer not null, strategy_id integer,
    symbol varchar(100) not null, underlying varchar(50) not null, strike_price integer not null,
    option_type varchar(2) not null, expiry_date timestamptz not null, qty integer not null,
    avg_entry_price numeric(10, 2), avg_exit_price numeric(10, 2) default 0, realized_pnl numeric(12, 2) default 0,
    status positionstatus not null, entry_time timestamptz not null, exit_time timestamptz);
create table orders (id integer primary key, user_id integer not null, position_id integer, order_id varchar(100),
    symbol varchar(100) not null, order_type ordertype not null, qty integer not null,
    avg_executed_price numeric(10, 2), status varchar(20) not null, exchange varchar(10), placed_at timestamptz);
create table trades (id integer primary key, user_id integer not null, position_id integer,
    symbol varchar(100) not null, underlying varchar(50) not null, entry_qty integer not null,
    entry_price numeric(10, 2) not null, entry_time timestamptz not null, exit_qty integer not null,
    exit_price numeric(10, 2) not null, exit_time timestamptz not null, gross_pnl numeric(12, 2) not null,
    net_pnl numeric(12, 2) not null, exit_reason varchar(50), holding_time integer);
"""
"""The tables, as DDL of PostgreSQL; `OldService.rows` has their rows."""

FAULTS = ("closed_by_another", "user_twice", "no_entry_price", "no_trade", "open", "orphan_trade", "orphan_order")
"""What goes wrong, each in another signal, as the migration calls it."""
_CONSTANT = Decimal("100.00")
_CENT = Decimal("0.01")
_Instrument = tuple[str, str, int, str, datetime]
"""Symbol, underlying, strike, option type, expiry."""


class OldService(NamedTuple):
    """Table → its rows, in the order of its columns; (table, id) → why the row does not fold. A row whose signal waits
    for another is `group_waits`. `folding`: how many signals have no fault."""

    rows: dict[str, list[tuple[Any, ...]]]
    faults: dict[tuple[str, int], str]
    folding: int


class _Writer:
    """What the service writes, message by message."""

    def __init__(self, seed: int, users: int) -> None:
        self.random = Random(seed)
        self.users = range(1, users + 1)
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            "signal_logs": [],
            "positions": [],
            "orders": [],
            "trades": [],
        }
        self.faults: dict[tuple[str, int], str] = {}

    def add(self, table: str, *fields: Any) -> int:
        number = len(self.rows[table]) + 1
        self.rows[table].append((number, *fields))
        return number


def old_service(seed: int, signals: int, users: int, faults: Sequence[str] = FAULTS, every: int = 9) -> OldService:
    """So many signals of three strategies, one of which sells, to so many users, who each have prices of their own.

    The first signal, and every tenth, is of the time when the price was the constant 100.00, and makes nothing. Every
    `every` signals, one has a fault, each kind in turn.
    """
    writer = _Writer(seed, users)
    faulty: Counter[str] = Counter()
    at = datetime(2025, 1, 6, 9, 30, tzinfo=ZoneInfo(ZONE))
    for number in range(1, signals + 1):
        fault = None
        if faults and number > 1 and number % every == 0:
            fault = faults[(number // every - 1) % len(faults)]
            faulty[fault] += 1
        _signal(writer, number, at, fault)
        at += timedelta(minutes=7 if number % 40 else 24 * 60)
    spoilt = sum(times for fault, times in faulty.items() if not fault.startswith("orphan"))
    return OldService(writer.rows, writer.faults, signals - spoilt)


def _signal(writer: _Writer, number: int, at: datetime, fault: str | None) -> None:
    random = writer.random
    unique_id, strategy = f"unique_{number}", f"STRATEGY_{number % 3:03}"
    side = "SELL" if number % 3 == 2 else "BUY"
    strike = 23_000 + 50 * random.randrange(20)
    instrument = (f"NIFTY25JAN{strike}CE", "NIFTY", strike, "CE", at + timedelta(days=7))
    held = timedelta(minutes=random.randrange(1, 400), seconds=random.randrange(60))
    flat = number == 1 or number % 10 == 0
    entry = _CONSTANT if flat else _price(random, 8_000, 15_000)
    exit_price = _CONSTANT if flat else _price(random, 7_000, 17_000)
    log = ("23", unique_id, f"{strike}", strategy)
    for _ in range(2 if fault == "user_twice" else 1):
        _message(writer, log, f"{side}_ENTRY", at)
        for user in writer.users:
            slip = Decimal(0) if flat else _CENT * random.randrange(-20, 21)
            entered = at + timedelta(milliseconds=40 * (len(writer.users) - user))  # one after the other
            position = _Held(user, 75 * random.randrange(1, 5), entry + slip, entered, at + held)
            _follow(writer, unique_id, side, instrument, position, exit_price - slip, fault)
    _message(writer, log, f"{side}_EXIT", at + held)
    _orphans(writer, instrument, fault, at)


class _Held(NamedTuple):
    user: int
    qty: int
    price: Decimal
    entered: datetime
    left: datetime


def _follow(
    writer: _Writer,
    unique_id: str,
    side: str,
    instrument: _Instrument,
    held: _Held,
    exit_price: Decimal,
    fault: str | None,
) -> None:
    """A user's position, orders and trade of a signal, with its fault."""
    symbol, underlying = instrument[:2]
    is_first = held.user == 1
    is_open = fault == "open" and held.user % 2 == 1
    gain = (exit_price - held.price) * held.qty * (1 if side == "BUY" else -1)
    price = None if fault == "no_entry_price" and is_first else held.price
    ended = (Decimal(0), Decimal(0), "OPEN") if is_open else (exit_price, gain, "CLOSED")
    stated = (held.qty, price, *ended, held.entered, None if is_open else held.left)
    position = writer.add("positions", held.user, None, *instrument, *stated)
    text = f"{held.user}_{unique_id}_{held.entered.timestamp():.6f}"
    _order(writer, position, text, symbol, side, held, held.price, held.entered)
    if not is_open:
        closing = f"{unique_id[:-1]}" if fault == "closed_by_another" else unique_id
        text = f"{held.user}_EXIT_{closing}_{held.left.timestamp():.6f}"
        other = "SELL" if side == "BUY" else "BUY"
        _order(writer, position, text, symbol, other, held, exit_price, held.left)
        if not (fault == "no_trade" and is_first):
            _trade(writer, position, symbol, underlying, held, exit_price, gain)
    alone = is_open or is_first if fault in ("no_entry_price", "no_trade", "open") else True
    if fault and not fault.startswith("orphan"):
        writer.faults["positions", position] = fault if alone else "group_waits"


def _orphans(writer: _Writer, instrument: _Instrument, fault: str | None, at: datetime) -> None:
    """A trade or an order whose position somebody deleted."""
    lost = _Held(1, 75, _CONSTANT, at, at + timedelta(minutes=5))
    if fault == "orphan_trade":
        trade = _trade(writer, -len(writer.faults) - 1, instrument[0], instrument[1], lost, _CONSTANT + 1, Decimal(75))
        writer.faults["trades", trade] = fault
    elif fault == "orphan_order":
        text = f"1_lost_{at.timestamp()}"
        order = _order(writer, -len(writer.faults) - 1, text, instrument[0], "BUY", lost, None, at)
        writer.faults["orders", order] = fault


def _order(
    writer: _Writer,
    position: int,
    text: str,
    symbol: str,
    side: str,
    held: _Held,
    price: Decimal | None,
    at: datetime,
) -> int:
    return writer.add("orders", held.user, position, text, symbol, side, held.qty, price, "EXECUTED", "NFO", at)


def _trade(
    writer: _Writer, position: int, symbol: str, underlying: str, held: _Held, exit_price: Decimal, gain: Decimal
) -> int:
    entered = (held.qty, held.price, held.entered)
    minutes = int((held.left - held.entered).total_seconds() // 60)
    ends = (held.qty, exit_price, held.left, gain, gain, "SIGNAL", minutes)
    return writer.add("trades", held.user, position, symbol, underlying, *entered, *ends)


def _message(writer: _Writer, log: tuple[str, str, str, str], signal_type: str, at: datetime) -> None:
    token, unique_id, strike_token, strategy = log
    category = signal_type.partition("_")[2]
    writer.add("signal_logs", token, signal_type, unique_id, strike_token, strategy, category, at)


def _price(random: Random, lowest: int, highest: int) -> Decimal:
    return _CENT * random.randrange(lowest, highest)

"""The log of signals, executions, allocations, exits and trades; what writes takes part in its caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import args_row, dict_row

from fntx_dagster.signals.amounts import read
from fntx_dagster.signals.sharing import Share, ShareTexts
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns, one_value, own_sql, text_array

_LONGEST_BODY = 1024 * 1024


class Arrival(NamedTuple):
    """A message as it came: the direction, whose token sent it, when, its body and what it names, where that is known;
    `fingerprint`: of the request, or of the bytes of one that was not understood."""

    direction: str
    source: str
    at: datetime
    fingerprint: bytes
    body: bytes
    strategy_code: str | None = None
    unique_id: str | None = None
    signal_type: str | None = None


class SignalExecution(NamedTuple):
    """One signal's execution. Quantities in units of the instrument; money in `currency`: `entry_money` and
    `exit_money` are what all fills came to, so that prices are averages of them."""

    signal_execution_id: int
    strategy_code: str
    unique_id: str
    signal_log_id: int | None
    is_paper: bool
    accounts: str
    signal_type: str
    token: str
    strike_price_token: str
    instrument_id: int
    market: str
    currency: str
    status: str
    reason: str | None
    requested_qty: Decimal
    total_qty: Decimal
    entry_money: Decimal
    entry_time: datetime | None
    reference_price: Decimal | None
    exit_qty: Decimal
    exit_money: Decimal
    exit_time: datetime | None
    exit_reason: str | None
    total_pnl: Decimal
    fees_total: Decimal
    stop_loss: Decimal | None
    target: Decimal | None
    description: str | None
    participants: int
    entry_order_id: Any
    entry_steps: int
    entry_ended: bool
    salt: bytes
    rule_entry: int | None
    shares_entry: int | None
    created_at: datetime
    changed_at: datetime
    migrated_from: str | None

    @property
    def is_short(self) -> bool:
        return self.signal_type == "SELL_ENTRY"


class ExitRow(NamedTuple):
    """What an exit came to, and what it was answered with."""

    signal_execution_id: int
    signal_log_id: int | None
    fingerprint: bytes
    order_id: str | None
    reason: str
    reference_price: str | None
    qty: str
    money: str
    pnl: str
    fees: str
    shares_entry: int | None
    at: datetime
    status: int
    answer: bytes


class OrderOutcome(NamedTuple):
    """What an order of a signal came to so far; `fee` in the currency of the signal."""

    order_id: str
    state: str
    reason: str | None
    words: str | None
    filled: Decimal
    paid: Decimal
    fee: Decimal

    @property
    def has_ended(self) -> bool:
        return self.state in ("rejected", "filled", "cancelled", "expired", "failed")


class SignalIsKnown(Exception):
    """There is an execution of this strategy and unique id."""


_SHARES = f"""select {", ".join(f"{name}::text" for name in ShareTexts._fields)}
        from ledger.user_signal_allocations as share"""
_GIVEN = tuple(name for name in SignalExecution._fields if name != "signal_execution_id")


def log(
    connection: psycopg.Connection,
    arrived: Arrival,
    outcome: str,
    *,
    code: str | None = None,
    duplicate_of: int | None = None,
) -> int:
    """Keep a message and what became of it: its number. The body of a duplicate is that of what it repeats."""
    body = arrived.body[:_LONGEST_BODY].decode("utf-8", "replace").replace("\0", "\ufffd")
    given = arrived._asdict() | {
        "body": None if outcome == "duplicate" else body,
        "outcome": outcome,
        "code": code,
        "duplicate_of": duplicate_of,
    }
    names = columns(given)
    values = own_sql(", ".join(f"%({name})s" for name in given))
    return one_value(
        connection.execute(f"insert into ledger.signal_log ({names}) values ({values}) returning signal_log_id", given)
    )


def log_refused(db: Database, arrived: Arrival, code: str) -> None:
    """Keep a message that was refused, in a transaction of its own."""
    with db.connect() as connection:
        log(connection, arrived, "refused", code=code)


def first_log(connection: psycopg.Connection, direction: str, fingerprint: bytes, code: str, unique_id: str) -> int:
    """The number of the message that was processed first for a signal with this fingerprint."""
    return one_value(
        connection.execute(
            """select min(signal_log_id) from ledger.signal_log
            where strategy_code = %s and unique_id = %s and direction = %s and outcome = 'processed'
                and fingerprint = %s""",
            (code, unique_id, direction, fingerprint),
        )
    )


def fingerprint(connection: psycopg.Connection, signal_log_id: int | None) -> bytes:
    """The fingerprint of a logged message."""
    return one_value(
        connection.execute("select fingerprint from ledger.signal_log where signal_log_id = %s", (signal_log_id,))
    )


def execution(connection: psycopg.Connection, code: str, unique_id: str) -> SignalExecution | None:
    """The execution of a signal; None where there is none."""
    with connection.cursor(row_factory=args_row(SignalExecution)) as cursor:
        return cursor.execute(
            f"select {columns(SignalExecution._fields)} from ledger.signal_executions"
            " where strategy_code = %s and unique_id = %s",
            (code, unique_id),
        ).fetchone()


def execution_of_id(db: Readable, signal_execution_id: int) -> SignalExecution | None:
    """The execution with a number; None where there is none."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(SignalExecution)) as cursor:
        return cursor.execute(
            f"select {columns(SignalExecution._fields)} from ledger.signal_executions where signal_execution_id = %s",
            (signal_execution_id,),
        ).fetchone()


def add_execution(connection: psycopg.Connection, given: Mapping[str, Any]) -> int:
    """Store an execution: its number. `given`: fields of `SignalExecution` but for the number. Raises SignalIsKnown
    where one of its strategy and unique id is there: it was migrated, since it has no answer under its key."""
    names = [name for name in _GIVEN if name in given]
    values = own_sql(", ".join(f"%({name})s" for name in names))
    query = f"insert into ledger.signal_executions ({columns(names)}) values ({values}) returning signal_execution_id"
    try:
        return one_value(connection.execute(query, given))
    except psycopg.errors.UniqueViolation as error:
        raise SignalIsKnown from error


def change_execution(connection: psycopg.Connection, signal_execution_id: int, changed: Mapping[str, Any]) -> None:
    """Move an execution forward."""
    sets = own_sql(", ".join(f"{name} = %({name})s" for name in _GIVEN if name in changed))
    connection.execute(
        f"update ledger.signal_executions set {sets} where signal_execution_id = %(signal_execution_id)s",
        {**changed, "signal_execution_id": signal_execution_id},
    )


def add_shares(connection: psycopg.Connection, signal_execution_id: int, shares: Iterable[ShareTexts]) -> None:
    """Store the allocations of an execution, by COPY, after it."""
    names = columns(("signal_execution_id", *ShareTexts._fields))
    lines = "".join([_line(signal_execution_id, *share) for share in shares])
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy ledger.user_signal_allocations ({names}) from stdin") as copy,
    ):
        copy.write(lines)


def move_shares(
    connection: psycopg.Connection, signal_execution_id: int, shares: Sequence[ShareTexts], at: datetime
) -> None:
    """Move allocations forward to what these shares are after an exit, in one statement."""
    names = ("closed_qty", "money_out", "pnl", "exit_fee")
    sets = own_sql(", ".join(f"{name} = moved.{name}" for name in (*names, "status")))
    arrays = own_sql(", ".join(f"%({name})s::numeric[]" for name in names))
    connection.execute(
        f"""update ledger.user_signal_allocations as share
        set {sets}, closed_at = case when moved.status = 'CLOSED' then %(at)s end
        from unnest(%(users)s::text[], {arrays}, %(status)s::text[]) as moved (user_id, {columns(names)}, status)
        where signal_execution_id = %(number)s and share.user_id = moved.user_id collate "C" """,
        _arrays(shares, names) | {"at": at, "number": signal_execution_id},
    )


def fill_shares(
    connection: psycopg.Connection,
    signal_execution_id: int,
    shares: Sequence[ShareTexts],
    orders: Mapping[str, str],
) -> None:
    """Move allocations forward to what the entry's orders got so far. `orders`: participant → his own order."""
    names = ("qty", "money_in", "entry_fee")
    sets = own_sql(", ".join(f"{name} = moved.{name}" for name in names))
    arrays = own_sql(", ".join(f"%({name})s::numeric[]" for name in names))
    connection.execute(
        f"""update ledger.user_signal_allocations as share
        set {sets}, status = moved.status, reason = nullif(moved.reason, ''), order_id = nullif(moved.own, '')::uuid
        from unnest(%(users)s::text[], {arrays}, %(status)s::text[], %(reason)s::text[], %(own)s::text[])
            as moved (user_id, {columns(names)}, status, reason, own)
        where signal_execution_id = %(number)s and share.user_id = moved.user_id collate "C" """,
        _arrays(shares, names)
        | {"reason": text_array(share.reason or "" for share in shares)}
        | {"own": text_array(orders.get(share.user_id, "") for share in shares), "number": signal_execution_id},
    )


def shares(
    db_connection: psycopg.Connection, signal_execution_id: int, lot: int, *, after: int = -1, limit: int | None = None
) -> list[Share]:
    """The allocations of an execution in the entry's order, those behind a place, so many at most."""
    query = f"""{_SHARES}
        where signal_execution_id = %s and place > %s order by share.place limit %s"""
    rows = db_connection.execute(own_sql(query), (signal_execution_id, after, limit)).fetchall()
    return [_share(row, lot) for row in rows]


def shares_of(
    db_connection: psycopg.Connection, signal_execution_id: int, users: Sequence[str], lot: int
) -> list[Share]:
    """The allocations of some participants in the entry's order."""
    query = f"""{_SHARES}
        where signal_execution_id = %s and user_id = any(%s) order by share.place"""
    return [_share(row, lot) for row in db_connection.execute(own_sql(query), (signal_execution_id, list(users)))]


def add_exit(connection: psycopg.Connection, given: ExitRow) -> None:
    """Keep an exit."""
    values = own_sql(", ".join("%s" for _ in given))
    connection.execute(f"insert into ledger.signal_exits ({columns(ExitRow._fields)}) values ({values})", given)


def exits(connection: psycopg.Connection, signal_execution_id: int) -> list[ExitRow]:
    """The exits of an execution, oldest first."""
    with connection.cursor(row_factory=args_row(ExitRow)) as cursor:
        return cursor.execute(
            f"""select {columns(ExitRow._fields)} from ledger.signal_exits where signal_execution_id = %s
            order by signal_exit_id""",
            (signal_execution_id,),
        ).fetchall()


def add_trade(connection: psycopg.Connection, given: Mapping[str, Any]) -> int:
    """Store the trade of an execution that is closed: its number."""
    values = own_sql(", ".join(f"%({name})s" for name in given))
    return one_value(
        connection.execute(f"insert into ledger.trades ({columns(given)}) values ({values}) returning trade_id", given)
    )


def trade_of(connection: psycopg.Connection, signal_execution_id: int) -> Mapping[str, Any] | None:
    """The trade of an execution; None where it is not closed."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from ledger.trades where signal_execution_id = %s", (signal_execution_id,)
        ).fetchone()


def outcomes(
    connection: psycopg.Connection, placed: Sequence[tuple[str, str]], currency: str, *, is_paper: bool
) -> dict[tuple[str, str], OrderOutcome]:
    """User and key → what his order of this key came to so far; nothing of one that is not there."""
    rows = connection.execute(
        """select user_id, idempotency_key, order_id::text, state, reason_code, rejection_reason, filled, paid,
            coalesce((select sum(fee) from ledger.fills
                where fills.order_id = orders.order_id and fee_currency = %s), 0)
        from ledger.orders join ledger.books using (book_id)
        where is_paper = %s and (user_id, idempotency_key) in (
            select * from unnest(%s::text[], %s::text[]))""",
        (currency, is_paper, text_array(user for user, _ in placed), text_array(key for _, key in placed)),
    ).fetchall()
    return {(row[0], row[1]): OrderOutcome(*row[2:]) for row in rows}


def open_executions(db: Readable, code: str | None) -> Iterator[SignalExecution]:
    """The executions that something is open of, of a strategy or of all, oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(SignalExecution)) as cursor:
        yield from cursor.execute(
            f"""select {columns(SignalExecution._fields)} from ledger.signal_executions
            where status in ('PENDING', 'OPEN', 'CLOSING') and strategy_code = coalesce(%s, strategy_code)
            order by signal_execution_id""",
            (code,),
        ).fetchall()


def _line(
    number: int,
    user_id: str,
    place: str,
    requested: str,
    fee_bps: str,
    fee_fixed: str,
    most: str | None,
    *moving: str | None,
) -> str:
    """An allocation as COPY reads it: none of its texts but the user's holds what has to be escaped."""
    if "\\" in user_id:
        user_id = user_id.replace("\\", "\\\\")
    *sure, reason = moving
    most, reason = "\\N" if most is None else most, "\\N" if reason is None else reason
    rest = "\t".join(map(str, sure))
    return f"{number}\t{user_id}\t{place}\t{requested}\t{fee_bps}\t{fee_fixed}\t{most}\t{rest}\t{reason}\n"


def _arrays(shares: Sequence[ShareTexts], numbers: Iterable[str]) -> dict[str, Any]:
    """Users, states and these numbers of shares as array literals: parameters of a statement."""
    texts = dict(zip(ShareTexts._fields, zip(*shares, strict=True), strict=True)) if shares else {}
    given: dict[str, Any] = {name: f"{{{','.join(texts.get(name, ()))}}}" for name in numbers}
    return given | {"users": text_array(texts.get("user_id", ())), "status": text_array(texts.get("status", ()))}


def _share(row: Sequence[Any], lot: int) -> Share:
    (user_id, place, wished, fee_bps, fee_fixed, most, qty, closed) = row[:8]
    (money_in, money_out, pnl, entry_fee, exit_fee, status, reason) = row[8:]
    requested = read(wished)
    return Share(
        user_id,
        int(place),
        requested,
        0 if status == "FAILED" else requested // lot,
        read(fee_bps or "0"),
        read(fee_fixed or "0"),
        None if most is None else read(most),
        read(qty or "0") // lot,
        read(closed or "0") // lot,
        read(money_in or "0"),
        read(money_out or "0"),
        read(pnl or "0"),
        read(entry_fee or "0"),
        read(exit_fee or "0"),
        status,
        reason,
    )

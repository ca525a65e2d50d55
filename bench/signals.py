"""What a signal costs with ten thousand participants: `python bench/signals.py`.

Beside it in the same run: a bare INSERT … SELECT of as many rows of three columns, one COPY of them, one COPY of the
very rows that the entry stores into a table with the same columns, checks and indexes, and a row for each participant,
as a platform without executions writes them: all in one transaction, or each with a commit of its own (a part of them,
scaled). The collector of garbage is spared as in the server.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from itertools import count
from statistics import median

import psycopg
from measuring import Measurement, clocked, home, shown, timed

from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.serving.collector import spare_the_collector
from fntx_dagster.store.opening import open_database

MANY, FEW, TURNS, SINGLE = 10_000, 1_000, 7, 300
_TABLE = """
create table if not exists public.bare (number int, name text, quantity numeric);
create table if not exists public.single (signal int, user_id text, quantity numeric, price numeric,
    primary key (signal, user_id));
create index if not exists single_of_a_user on public.single (user_id);
create table if not exists public.copied (like ledger.user_signal_allocations including all);
"""
_numbers = count(1)


def measure() -> list[Measurement]:
    with home() as settings:
        desk = desk_of(settings, open_database(settings))
        with psycopg.connect(desk.db.url, autocommit=True) as connection:
            connection.execute(_TABLE)
            spare_the_collector()
            found: dict[str, list[float]] = {}
            for turn in range(TURNS + 1):
                for name, seconds in _turn(desk, connection).items():
                    if turn:
                        found.setdefault(name, []).append(seconds)
    return _table({name: median(seconds) for name, seconds in found.items()}, found)


def _turn(desk: Desk, connection: psycopg.Connection) -> dict[str, float]:
    now = desk.clock()
    taken = {"bare": timed(lambda: _bare(connection)), "copy": timed(lambda: _copy(connection))}
    taken["single"] = timed(lambda: _single(connection)) * MANY / SINGLE
    with connection.transaction():
        taken["rows"] = timed(lambda: _single(connection)) * MANY / SINGLE
    for users in (FEW, MANY):
        number = next(_numbers)
        bodies = (("entry", _entry(number, users)), ("part", _exit(number, users * 2)), ("exit", _exit(number)))
        for name, body in bodies:
            carry_out, at = (enter_signal, now) if name == "entry" else (leave_signal, now + timedelta(minutes=1))
            reply, taken[f"{name} {users}"] = clocked(partial(carry_out, desk, "bench", body, at))
            if not reply.body.startswith(b'{"success":true'):
                raise RuntimeError(f"a signal was not carried out: {reply.body[:500]!r}")
            if name == "entry" and users == MANY:
                taken["same"] = _copy_of_the_same(connection)
    return taken


def _entry(number: int, users: int) -> bytes:
    wishes = [{"user_id": f"user{place}", "qty": place % 9 + 1, "fee_bps": 5} for place in range(users)]
    body = _signal(number) | {
        "signal": "BUY_ENTRY",
        "strike_data": {"symbol": "NIFTY26DEC23500CE", "exchange": "NFO"},
        "allocations": wishes,
        "quote": {"asks": [["100", str(users * 2)], ["100.05", str(users)]]},
    }
    return json.dumps(body).encode()


def _exit(number: int, size: int | None = None) -> bytes:
    quote = {"bid": "110"} if size is None else {"bid": "109", "bid_size": str(size)}
    return json.dumps(_signal(number) | {"signal": "BUY_EXIT", "quote": quote}).encode()


def _signal(number: int) -> dict[str, object]:
    return {"token": "23", "strike_price_token": "45678", "strategy_code": f"S{number}", "unique_id": "one"}


def _bare(connection: psycopg.Connection) -> None:
    connection.execute(
        "insert into public.bare select number, 'user' || number, number from generate_series(1, %s) as number", (MANY,)
    )


def _copy(connection: psycopg.Connection) -> None:
    with connection.cursor() as cursor, cursor.copy("copy public.bare from stdin") as copy:
        for place in range(MANY):
            copy.write_row((place, f"user{place}", place))


def _copy_of_the_same(connection: psycopg.Connection) -> float:
    """Seconds of one COPY of the rows of the newest entry."""
    newest = "select max(signal_execution_id) from ledger.signal_executions"
    with connection.cursor() as cursor:
        with cursor.copy(
            f"copy (select * from ledger.user_signal_allocations where signal_execution_id = ({newest})) to stdout"
        ) as copy:
            rows = b"".join(copy)

        def copied() -> None:
            with cursor.copy("copy public.copied from stdin") as copy:
                copy.write(rows)

        return timed(copied)


def _single(connection: psycopg.Connection) -> None:
    number = next(_numbers)
    for place in range(SINGLE):
        connection.execute("insert into public.single values (%s, %s, 1, 100)", (number, f"user{place}"))


def _table(middle: dict[str, float], found: dict[str, list[float]]) -> list[Measurement]:
    def ratio(ours: str, peer: str) -> float:
        return median(first / second for first, second in zip(found[ours], found[peer], strict=True))

    def shown_ms(name: str) -> str:
        return f"{middle[name] * 1000:,.0f} ms"

    rows, entry = [], f"entry, {MANY:,} users"
    for what in ("entry", "part", "exit"):
        ours = f"{what} {MANY}"
        words = {"entry": "entry", "part": "exit of a part", "exit": "exit of the rest"}[what]
        peer = f"a bare INSERT … SELECT {shown_ms('bare')}"
        rows.append(
            Measurement(f"{words}, {MANY:,} users", shown_ms(ours), peer, f"{ratio(ours, 'bare'):.1f}", "10 at most")
        )
    ours = f"entry {MANY}"
    for peer, words, aim in (
        ("single", "a commit for each user", "100 or more"),
        ("rows", "an INSERT for each user", ""),
    ):
        faster = f"{ratio(peer, ours):.0f}"
        rows.append(Measurement(entry, shown_ms(ours), f"{words} {middle[peer]:,.1f} s", faster, aim))
    for peer, words, aim in (
        (f"entry {FEW}", f"{FEW:,} users", "12 at most"),
        ("same", "COPY of the same rows", ""),
        ("copy", "COPY of three columns", ""),
    ):
        slower = f"{ratio(ours, peer):.1f}"
        rows.append(Measurement(entry, shown_ms(ours), f"{words} {shown_ms(peer)}", slower, aim))
    return rows


if __name__ == "__main__":
    shown(measure())

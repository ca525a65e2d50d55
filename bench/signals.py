"""What a signal costs with ten thousand participants: `python bench/signals.py`.

Beside it in the same run: a bare INSERT … SELECT of as many rows of three columns, one COPY of the same rows, and a row
for each participant with a commit of its own, as a platform without executions writes them (a part of them, scaled).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from statistics import median

import psycopg
from measuring import Measurement, home, shown, timed

from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.store.opening import open_database

MANY, FEW, TURNS, SINGLE = 10_000, 1_000, 7, 300
_TABLE = """
create table if not exists public.bare (number int, name text, quantity numeric);
create table if not exists public.single (signal int, user_id text, quantity numeric, price numeric,
    primary key (signal, user_id));
create index if not exists single_of_a_user on public.single (user_id);
"""
_numbers = count(1)


def measure() -> list[Measurement]:
    with home() as settings:
        desk = desk_of(settings, open_database(settings))
        with psycopg.connect(desk.db.url, autocommit=True) as connection:
            connection.execute(_TABLE)
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
    for users in (FEW, MANY):
        number = next(_numbers)
        steps = (("entry", partial(_entered, users=users)), ("part", partial(_left, size=users * 2)), ("exit", _left))
        for name, step in steps:
            taken[f"{name} {users}"] = timed(partial(step, desk, number, now))
    return taken


def _entered(desk: Desk, number: int, now: datetime, *, users: int) -> None:
    wishes = [{"user_id": f"user{place}", "qty": place % 9 + 1, "fee_bps": 5} for place in range(users)]
    body = _signal(number) | {
        "signal": "BUY_ENTRY",
        "strike_data": {"symbol": "NIFTY26DEC23500CE", "exchange": "NFO"},
        "allocations": wishes,
        "quote": {"asks": [["100", str(users * 2)], ["100.05", str(users)]]},
    }
    _checked(enter_signal(desk, "bench", json.dumps(body).encode(), now).body)


def _left(desk: Desk, number: int, now: datetime, *, size: int | None = None) -> None:
    quote = {"bid": "110"} if size is None else {"bid": "109", "bid_size": str(size)}
    body = _signal(number) | {"signal": "BUY_EXIT", "quote": quote}
    _checked(leave_signal(desk, "bench", json.dumps(body).encode(), now + timedelta(minutes=1)).body)


def _checked(body: bytes) -> None:
    if not body.startswith(b'{"success":true'):
        raise RuntimeError(f"a signal was not carried out: {body[:500]!r}")


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


def _single(connection: psycopg.Connection) -> None:
    number = next(_numbers)
    for place in range(SINGLE):
        connection.execute("insert into public.single values (%s, %s, 1, 100)", (number, f"user{place}"))


def _table(middle: dict[str, float], found: dict[str, list[float]]) -> list[Measurement]:
    def ratio(ours: str, peer: str) -> float:
        return median(first / second for first, second in zip(found[ours], found[peer], strict=True))

    def shown_ms(name: str) -> str:
        return f"{middle[name] * 1000:,.0f} ms"

    rows = []
    for what in ("entry", "part", "exit"):
        ours = f"{what} {MANY}"
        words = {"entry": "entry", "part": "exit of a part", "exit": "exit of the rest"}[what]
        peer = f"a bare INSERT … SELECT {shown_ms('bare')}"
        rows.append(
            Measurement(f"{words}, {MANY:,} users", shown_ms(ours), peer, f"{ratio(ours, 'bare'):.1f}", "10 at most")
        )
    peer = f"a commit for each user {middle['single']:,.1f} s"
    faster = ratio("single", f"entry {MANY}")
    rows.append(Measurement(f"entry, {MANY:,} users", shown_ms(f"entry {MANY}"), peer, f"{faster:.0f}", "100 or more"))
    peer = f"{FEW:,} users {shown_ms(f'entry {FEW}')}"
    grown = ratio(f"entry {MANY}", f"entry {FEW}")
    rows.append(Measurement(f"entry, {MANY:,} users", shown_ms(f"entry {MANY}"), peer, f"{grown:.1f}", "12 at most"))
    copied = ratio(f"entry {MANY}", "copy")
    peer = f"COPY of three columns {shown_ms('copy')}"
    rows.append(Measurement(f"entry, {MANY:,} users", shown_ms(f"entry {MANY}"), peer, f"{copied:.1f}", ""))
    return rows


if __name__ == "__main__":
    shown(measure())

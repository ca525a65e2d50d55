"""What an order costs, beside endpoints that do less and the database alone: `python bench/orders.py`.

Rates are measured in turns of a second or two, ours and its peer's one after the other, so that both meet the same
machine; a ratio is the median of those turns. The bots are in this process, the server in another. Every order brings a
quote, passes all gates and is filled, every second one against what the one before bought.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import psycopg
from bare_rows import stored_alone
from bots import INSERT, LEAN, NOTHING, ROW, SUBMIT, TABLE, Bot, funded, load, sent, server, workers
from imports import imported
from large_books import busy, long
from measuring import Measurement, home, shown, timed

from fntx_dagster.ledger.breaker import Limits
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings
from fntx_dagster.store.opening import open_database

BOOKS, TURNS, SECONDS = 8, 7, 1.0
BOTS, SYMBOLS, ORDERS = 200, 300, 50
FEW, MANY, READINGS = 1_000, 1_000_000, 15
UNLIMITED = Rules(bot_daily=10**9, user_daily=10**9, burst=10**9, breaker=Limits(losing_trips=10**9))


def measure(many: int = MANY) -> list[Measurement]:
    with home() as settings:
        desk = Desk(open_database(settings), UNLIMITED)
        with desk.db.connect() as connection:
            connection.execute(TABLE)
        bots = [funded(desk, f"user{number}") for number in range(BOOKS)]
        return [
            *_through_http(settings, desk, bots),
            *_without_http(settings, desk, bots),
            _many_bots(desk),
            *_long_history(desk, many),
            *imported(desk, settings.home / "fills.csv", many),
        ]


def _through_http(settings: Settings, desk: Desk, bots: list[Bot]) -> list[Measurement]:
    alone = funded(desk, "alone")
    with (
        server(settings) as address,
        psycopg.connect(desk.db.url) as connection,
        psycopg.connect(desk.db.url, autocommit=True) as storing,
    ):
        rates: dict[str, Callable[[], float]] = {
            path: lambda path=path: load(address, path, bots, SECONDS).rate for path in (SUBMIT, INSERT, NOTHING, LEAN)
        }
        rates |= {
            "hot": lambda: load(address, SUBMIT, bots[:1] * BOOKS, SECONDS).rate,
            "rows": lambda: stored_alone(desk, storing, alone, SECONDS),
            "commits": lambda: _commits(connection),
        }
        found = _in_turns(rates)
        latency = load(address, SUBMIT, bots * 2, 5 * SECONDS)
        middle, slow = latency.within(0.5), latency.within(0.99)
    return [
        _beside("orders through HTTP", found, SUBMIT, "an endpoint that inserts a row", INSERT, "0.8 or more"),
        _beside("orders through HTTP", found, SUBMIT, "an endpoint that answers", NOTHING, "0.5 or more"),
        _beside("orders through HTTP", found, SUBMIT, "one that answers and uses no dependencies", LEAN, ""),
        _beside("orders of one book through HTTP", found, "hot", "commits of their very rows", "rows", "0.75 or more"),
        _beside("orders of one book through HTTP", found, "hot", "commits of a row", "commits", "0.75 or more"),
        Measurement(
            "an order, 16 connections, 99 of 100",
            f"{slow * 1000:.0f} ms",
            f"the median {middle * 1000:.0f} ms",
            f"{slow / middle:.1f}",
            "10 at most",
        ),
    ]


def _without_http(settings: Settings, desk: Desk, bots: list[Bot]) -> list[Measurement]:
    with workers(settings, [bot.user for bot in bots], 2) as work:
        found = _in_turns({what: lambda what=what: work(what, SECONDS) for what in ("submit", "insert")})
    alone = funded(desk, "alone")
    with (
        workers(settings, [bots[0].user] * BOOKS, 1) as work,
        psycopg.connect(desk.db.url) as connection,
        psycopg.connect(desk.db.url, autocommit=True) as storing,
    ):
        rates = {
            "hot": lambda: work("submit", SECONDS),
            "rows": lambda: stored_alone(desk, storing, alone, SECONDS),
            "commits": lambda: _commits(connection),
        }
        hot = _in_turns(rates)
    what = f"orders of one book without HTTP, {BOOKS} threads"
    return [
        _beside("orders without HTTP, 8 connections", found, "submit", "bare inserts", "insert", "0.3 or more"),
        _beside(what, hot, "hot", "commits of their very rows", "rows", "0.75 or more"),
        _beside(what, hot, "hot", "commits of a row", "commits", "0.75 or more"),
    ]


def _many_bots(desk: Desk) -> Measurement:
    pair = {"one": busy(desk, "small", 1, 1), "many": busy(desk, "big", BOTS, SYMBOLS)}

    def rate(bot: Bot) -> float:
        return ORDERS / timed(lambda: [sent(desk, bot, number) for number in range(ORDERS)])

    found = _in_turns({name: lambda bot=bot: rate(bot) for name, bot in pair.items()})
    what = f"an order's time in a book of {BOTS} bots, {SYMBOLS} symbols"
    many, one = (median(1000 / each for each in found[name]) for name in ("many", "one"))
    ratio = median(first / second for first, second in zip(found["one"], found["many"], strict=True))
    return Measurement(what, f"{many:.1f} ms", f"of one bot, one symbol {one:.1f} ms", f"{ratio:.2f}", "1.25 at most")


def _long_history(desk: Desk, many: int) -> list[Measurement]:
    few = long(desk, "short", FEW)
    long(desk, "long", many)

    def seconds(user: str) -> float:
        return timed(lambda: summary(desk, user, True, desk.clock()))

    found = _in_turns({user: lambda user=user: 1 / seconds(user) for user in (few.user, "long")}, READINGS)
    after, before = (median(1000 / each for each in found[user]) for user in ("long", few.user))
    return [
        Measurement(
            f"portfolio summary at {many:,} fills",
            f"{after:.1f} ms",
            f"at {FEW:,} fills {before:.1f} ms",
            f"{after / before:.2f}",
            "1.2 at most",
        ),
    ]


def _in_turns(rates: dict[str, Callable[[], float]], turns: int = TURNS) -> dict[str, list[float]]:
    """Name → its rates, one of each turn; a first turn is not counted."""
    found: dict[str, list[float]] = {name: [] for name in rates}
    for turn in range(turns + 1):
        for name, rate in rates.items():
            measured = rate()
            if turn:
                found[name].append(measured)
    return found


def _beside(what: str, found: dict[str, list[float]], ours: str, peer: str, theirs: str, aim: str) -> Measurement:
    ratio = median(first / second for first, second in zip(found[ours], found[theirs], strict=True))
    rate, other = median(found[ours]), median(found[theirs])
    return Measurement(what, f"{rate:,.0f} a second", f"{peer} {other:,.0f}", f"{ratio:.2f}", aim)


def _commits(connection: psycopg.Connection) -> float:
    """Rows that one connection inserts in a second, each in a transaction of its own."""
    started, number = time.perf_counter(), 0
    while (lasted := time.perf_counter() - started) < SECONDS:
        connection.execute(ROW, ("{}",))
        connection.commit()
        number += 1
    return number / lasted


if __name__ == "__main__":
    shown(measure())

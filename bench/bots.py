"""Bots that send orders over kept-alive connections, and the processes that take them.

The server is the API as `fntx api serve` runs it, with three endpoints beside its own: one reads the same request and
inserts one row, one reads it and answers, both as FastAPI's manual writes an endpoint; the third reads it as the API
reads an order, without FastAPI's dependencies, and answers. They share the application, its authentication and its
connections. A worker is a process whose threads submit orders, or insert one row each, without HTTP.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import IO, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from fntx_dagster.api.app import Body, Key, TheDesk, Trader, make_app
from fntx_dagster.api.dependencies import trader_request
from fntx_dagster.api.serving import served
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.serving.collector import spare_the_collector
from fntx_dagster.settings import Settings, child_environment, load_settings
from fntx_dagster.store.opening import open_database

SUBMIT, INSERT, NOTHING, LEAN = "/api/orders/submit", "/bench/insert", "/bench/nothing", "/bench/lean"
WITHOUT_LIMITS = {
    "FNTX_BOT_DAILY_LIMIT": "1000000000",
    "FNTX_USER_DAILY_LIMIT": "1000000000",
    "FNTX_BURST_LIMIT": "1000000000",
    "FNTX_LOSING_TRIPS": "1000000000",
}
"""A benchmark sends more orders in a second than a user may in a day; the gates count them all the same."""
TABLE = "create table if not exists public.bench (id bigint generated always as identity primary key, body jsonb)"
ROW = "insert into public.bench (body) values (%s)"
_LARGEST_ANSWER = 64 * 1024

_peers = APIRouter()
_numbers = count()


@_peers.post(INSERT)
def insert(desk: TheDesk, caller: Trader, body: Body, idempotency_key: Key = None) -> Response:
    """Read an order, and insert one row."""
    asked = requests.submission(body, idempotency_key)
    with desk.db.connect() as connection:
        connection.execute(ROW, (body.decode(),))
    return _answered(asked, caller.user_id)


@_peers.post(NOTHING)
def nothing(caller: Trader, body: Body, idempotency_key: Key = None) -> Response:
    """Read an order, and answer."""
    return _answered(requests.submission(body, idempotency_key), caller.user_id)


@_peers.post(LEAN)
async def lean(request: Request) -> Response:
    """Read an order as its own endpoint does, and answer."""
    _, caller, _, body, key = await trader_request(request)
    return _answered(requests.submission(body, key), caller.user_id)


def _answered(asked: requests.Submission, user_id: str) -> Response:
    answer = {"success": True, "user": user_id, "bot_id": asked.order.bot_id, "key": asked.key}
    return Response(json.dumps(answer, separators=(",", ":")), media_type="application/json")


class Bot(NamedTuple):
    """Who sends: its user and the user's token, its name, and the symbol that it trades."""

    user: str
    token: str = ""
    bot_id: str = "bot"
    symbol: str = "BTC/USDT"


class Load(NamedTuple):
    """What a load came to: requests a second, and the seconds that each took, ascending."""

    rate: float
    seconds: list[float]

    def within(self, part: float) -> float:
        """The seconds that this part of the requests took at most."""
        return self.seconds[min(int(len(self.seconds) * part), len(self.seconds) - 1)]


@contextmanager
def server(settings: Settings) -> Iterator[str]:
    """The API and its two peers in a process of its own: its host and port."""
    with _process(settings, "serve") as serving:
        yield _line(serving.stdout).removeprefix("http://")


@contextmanager
def workers(settings: Settings, users: Sequence[str], number: int) -> Iterator[Callable[[str, float], float]]:
    """Processes with as many threads as there are users, each with a book of its own: a function that lets all of them
    `submit` or `insert` for some seconds, and returns how often they did in a second."""
    with ExitStack() as opened:
        processes = [opened.enter_context(_process(settings, "work", *users[place::number])) for place in range(number)]

        def work(what: str, seconds: float) -> float:
            for process in processes:
                _tell(process.stdin, f"{what} {seconds}")
            return sum(float(_line(process.stdout)) for process in processes)

        yield work


def funded(desk: Desk, user: str) -> Bot:
    """A user with capital, and a bot of his."""
    body = json.dumps({"amount": "1000000000"}).encode()
    fund(desk, user, requests.funding(body, None), desk.clock())
    return Bot(user, make_token(desk.db, user, "trader"))


def sent(desk: Desk, bot: Bot, number: int) -> None:
    """Submit an order without HTTP. Raises RuntimeError where it is refused."""
    asked = requests.submission(order(bot, number), f"{os.getpid()}-{next(_numbers)}")
    reply = submit(desk, bot.user, asked, desk.clock())
    if not reply.body.startswith(b'{"success":true'):
        raise RuntimeError(f"an order was not taken: {reply.body[:500]!r}")


def order(bot: Bot, number: int) -> bytes:
    """An order as a bot sends it: every second one sells what the one before bought."""
    at, side = datetime.now(UTC).isoformat(), "sell" if number % 2 else "buy"
    return (
        f'{{"bot_id":"{bot.bot_id}","exchange":"binance","symbol":"{bot.symbol}","side":"{side}","amount":"0.01",'
        f'"expected_edge_bps":"80","quote":{{"bid":"99.9","ask":"100","ts":"{at}"}}}}'
    ).encode()


def load(address: str, path: str, bots: Sequence[Bot], seconds: float) -> Load:
    """Let every bot send one order after the other, each over a connection of its own, for some seconds."""

    def connected(bot: Bot, begin: threading.Barrier) -> Iterator[None]:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin.wait()
            for number in count():
                connection.sendall(_request(path, bot, order(bot, number)))
                _read(connection)
                yield

    return at_once(connected, bots, seconds)


def at_once(send: Callable[[Bot, threading.Barrier], Iterator[None]], bots: Sequence[Bot], seconds: float) -> Load:
    """Take steps of `send` for each bot in a thread of its own, for some seconds; it waits at the barrier once."""
    begin = threading.Barrier(len(bots) + 1)
    taken: list[list[float]] = [[] for _ in bots]
    faults: list[BaseException] = []

    def run(bot: Bot, times: list[float]) -> None:
        steps = send(bot, begin)
        try:
            started = 0.0
            while not started or time.perf_counter() < end[0]:
                next(steps)
                now = time.perf_counter()
                if started:  # the first step waited for the others
                    times.append(now - started)
                started = now
        except BaseException as fault:
            faults.append(fault)
            begin.abort()
        finally:
            steps.close()  # pyright: ignore[reportAttributeAccessIssue]  # it is a generator

    end = [float("inf")]
    threads = [threading.Thread(target=run, args=each) for each in zip(bots, taken, strict=True)]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    end[0] = started + seconds
    for thread in threads:
        thread.join()
    lasted = time.perf_counter() - started
    if faults:
        raise faults[0]
    times = sorted(each for part in taken for each in part)
    return Load(len(times) / lasted, times)


def _request(path: str, bot: Bot, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bot.token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {time.time_ns()}-{next(_numbers)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _read(connection: socket.socket) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += _received(connection)
    if not head.startswith(b"HTTP/1.1 200") or not body.startswith(b'{"success":true'):
        raise RuntimeError(f"an order was not taken: {head.splitlines()[0]!r} {body[:500]!r}")


def _received(connection: socket.socket) -> bytes:
    received = connection.recv(_LARGEST_ANSWER)
    if not received:
        raise ConnectionError("the server closed the connection")
    return received


@contextmanager
def _process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """This file as a process, which ends when its input does."""
    environment = child_environment({"FNTX_HOME": str(settings.home)} | WITHOUT_LIMITS)
    command = [sys.executable, __file__, *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            if started.stdin:
                started.stdin.close()


def _tell(pipe: IO[str] | None, line: str) -> None:
    assert pipe
    pipe.write(f"{line}\n")
    pipe.flush()


def _line(pipe: IO[str] | None) -> str:
    assert pipe
    if not (line := pipe.readline()):
        raise RuntimeError("a process of the benchmark ended")
    return line.strip()


def _serve(desk: Desk) -> None:
    app = make_app(desk)
    app.include_router(_peers)
    with served(app) as url:
        _tell(sys.stdout, url)
        sys.stdin.readline()


def _work(desk: Desk, users: list[str]) -> None:
    def submitted(bot: Bot, begin: threading.Barrier) -> Iterator[None]:
        begin.wait()
        for number in count():
            sent(desk, bot, number)
            yield

    def inserted(bot: Bot, begin: threading.Barrier) -> Iterator[None]:
        begin.wait()
        for number in count():
            with desk.db.connect() as connection:
                connection.execute(ROW, (order(bot, number).decode(),))
            yield

    for line in sys.stdin:
        what, seconds = line.split()
        step = submitted if what == "submit" else inserted
        _tell(sys.stdout, f"{at_once(step, [Bot(user) for user in users], float(seconds)).rate}")


if __name__ == "__main__":
    settings = load_settings()
    the_desk = desk_of(settings, open_database(settings))
    spare_the_collector()
    _serve(the_desk) if sys.argv[1] == "serve" else _work(the_desk, sys.argv[2:])

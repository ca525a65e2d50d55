"""How long a fill takes from IB Gateway to a hundred browsers: `python bench/streaming.py`.

The simulated gateway is in this process and pushes fills; `fntx live` follows it and writes the stream; a server hands
it to a hundred WebSocket clients in a third process, and each keeps when it had which fill first, with or without its
number. The follower is the gateway's Master client, as docs/live.md advises; once more it is not, and has to ask for
each fill. In turns with that a statement in PostgreSQL notifies the same server with a message as long as a fill's,
which it does nothing but send to a hundred sockets: by Starlette's `send_text`, which is the limit that the aim is
about, and once more as frames that our server puts there itself, which shows what is left to gain. Clocks are the
machine's own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Any, NamedTuple

import psutil
import psycopg
from measuring import Measurement, home, shown
from psycopg import sql
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from fntx_dagster.api.serving import served
from fntx_dagster.model.live import FILL, LiveEvent
from fntx_dagster.model.snapshot import plain
from fntx_dagster.services.live.stream import Stream, message
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.serving.collector import spare_the_collector
from fntx_dagster.serving.sockets import PUT, frame_of
from fntx_dagster.settings import Settings, child_environment, load_settings
from fntx_dagster.simulate.gateway import SimulatedGateway, serve
from fntx_dagster.simulate.gateway_accounts import ACCOUNT, PUT_635, QUARTER_PAST_TEN, GatewayFill, july_28
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.web.live import live_endpoint

CLIENTS, TURNS, SECONDS, RATE = 100, 5, 10, 20
LIMITS = {"library": "NOTIFY → send_text to {} sockets", "frames": "NOTIFY → our frames to {} sockets"}
_SETTLE_SECONDS, _TURNS_ASKED = 2, 2


class Delays(NamedTuple):
    """Seconds from push to receipt, of every client and message; `arrived`: the part of them that came."""

    seconds: list[float]
    arrived: float

    def within(self, part: float) -> float:
        return quantiles(self.seconds, n=1000)[round(part * 1000) - 1]


def measure(turns: int = TURNS, seconds: float = SECONDS) -> list[Measurement]:
    asked = [
        row
        for row in _measured(min(turns, _TURNS_ASKED), seconds, is_master=False)
        if row.what.startswith("gateway to")
    ]
    return [
        *_measured(turns, seconds, is_master=True),
        *(row._replace(what=f"{row.what}, which are asked for", aim="") for row in asked),
    ]


def _measured(turns: int, seconds: float, *, is_master: bool) -> list[Measurement]:
    with home() as settings, ExitStack() as stack:
        master = settings.gateway.live_client_id if is_master else None
        gateway = stack.enter_context(serve(july_28(), now=QUARTER_PAST_TEN, runs=True, master=master))
        db = open_database(settings)
        _number(db)
        gateways = {"FNTX_GATEWAYS": json.dumps({ACCOUNT: f"127.0.0.1:{gateway.port}"})}
        with _process(settings, "write", gateways) as writer, _process(settings, "serve") as server:
            address = _line(server.stdout)
            _until(lambda: gateway.connected and _is_followed(db))
            found: dict[str, list[Delays]] = {path: [] for path in ("live", *LIMITS)}
            used: dict[str, list[float]] = {"follows": [], "serves": []}
            for _ in range(turns):
                with psycopg.connect(db.url, autocommit=True) as connection:
                    pushes: dict[str, Callable[[str], object]] = {
                        "live": lambda name: _fill(gateway, name),
                        **{path: partial(_notify, connection, path) for path in LIMITS},
                    }
                    for path, push in pushes.items():
                        before = _cpu(writer), _cpu(server)
                        found[path].append(_delays(address, path, push, seconds))
                        if path == "live":
                            used["follows"].append(_cpu(writer) - before[0])
                            used["serves"].append(_cpu(server) - before[1])
        db.close()
    fills = round(seconds * RATE)
    return [*_rows(found), *(_cpu_row(name, times, fills) for name, times in used.items())]


def _cpu(process: subprocess.Popen[str]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def _cpu_row(name: str, times: list[float], fills: int) -> Measurement:
    """What a fill takes of a processor, with its commission, position, NAV and P&L, and the clients' connecting."""
    return Measurement(
        f"CPU of the process that {name}, each fill", f"{median(times) / fills * 1000:.1f} ms", "", "", ""
    )


def _rows(found: dict[str, list[Delays]]) -> list[Measurement]:
    rows = []
    for part, name, aim in ((0.5, "half of the fills", ""), (0.99, "99 of 100 fills", "60 ms, 2 times, at most")):
        for path, limit in LIMITS.items():
            ours, bare = ([delays.within(part) for delays in found[each]] for each in ("live", path))
            rows.append(
                Measurement(
                    f"gateway to {CLIENTS} browsers, {RATE} a second, {name}",
                    f"{median(ours) * 1000:.0f} ms",
                    f"{limit.format(CLIENTS)} {median(bare) * 1000:.0f} ms",
                    f"{median(first / second for first, second in zip(ours, bare, strict=True)):.1f}",
                    aim if path == "library" else "",
                )
            )
    lost = 1 - min(delays.arrived for delays in found["live"])
    return [*rows, Measurement("fills that did not come, or came twice", f"{lost:.0%}", "", "", "0 %")]


def _delays(address: str, path: str, push: Callable[[str], object], seconds: float) -> Delays:
    """Push for so long, and compare with what the clients received."""
    with _process(None, "listen", {}, address, path) as clients:
        assert _line(clients.stdout) == "ready"
        sent, start = {}, time.monotonic()
        for number in range(round(seconds * RATE)):
            time.sleep(max(start + number / RATE - time.monotonic(), 0))
            name = f"{path}{start:.0f}.{number:06d}.01.01"
            sent[name] = time.monotonic()
            push(name)
        time.sleep(_SETTLE_SECONDS)
        assert clients.stdin
        clients.stdin.close()
        received: dict[str, tuple[list[float], int]] = json.loads(_line(clients.stdout))
    late = [at - sent[name] for name, (times, _) in received.items() if name in sent for at in times]
    right = sum(len(times) == counted == CLIENTS for times, counted in map(received.get, sent, repeat(([], 0))))
    return Delays(late, right / len(sent))


def _fill(gateway: SimulatedGateway, name: str) -> None:
    done = GatewayFill(name, gateway.now, PUT_635, Decimal(-1), Decimal("0.1"), Decimal("0.86"))
    gateway.fill(ACCOUNT, done)


def _notify(connection: psycopg.Connection, path: str, name: str) -> None:
    connection.execute("select pg_notify(%s, %s)", (path, _said(name)))


def _said(name: str) -> str:
    """What a browser is told of a fill, as long as ours."""
    now, contract = datetime.now(UTC), asdict(PUT_635)
    body = {"execution_id": name, "contract": contract, "quantity": "-1", "price": "0.1", "currency": "USD"}
    event = LiveEvent(1, ACCOUNT, now.date(), FILL, None, now, now, False, True, plain(body))
    return f"[{message(event, {ACCOUNT: 1})}]"


def _number(db: Database) -> None:
    with db.connect() as connection:
        connection.execute(
            """with file as (
                insert into raw_flex.files (sha256, file_name, bytes, delivered) values ('x', 'x', 1, '{}')
                returning file_id
            ) insert into raw_flex.statements (file_id, account_id, from_date, to_date, when_generated, ordinal)
            select file_id, %s, '2025-07-01', '2025-07-25', now(), 0 from file""",
            (ACCOUNT,),
        )


def _is_followed(db: Database) -> bool:
    with db.connect() as connection:
        return connection.execute("select from live.states where kind = 'nav'").fetchone() is not None


def _until(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("the gateway is not followed")
        time.sleep(0.05)


@contextmanager
def _process(
    settings: Settings | None, work: str, more: dict[str, str] | None = None, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """This script at work in a process of its own, until the block ends."""
    own = {"FNTX_HOME": str(settings.home)} if settings else {}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), work, *arguments],
        env=child_environment(own | (more or {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.stdin and not process.stdin.closed:
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _line(stream: IO[str] | None) -> str:
    if stream is None or not (line := stream.readline()):
        raise RuntimeError("a process of the benchmark has ended")
    return line.strip()


# -- the processes ------------------------------------------------------------------------------------------------


def _write() -> None:
    from fntx_dagster.services.live.running import writing

    settings = load_settings()
    spare_the_collector()
    with writing(settings, open_database(settings)):
        sys.stdin.read()


def _serve() -> None:
    settings = load_settings()
    db = open_database(settings)
    routes = [
        WebSocketRoute("/live", live_endpoint(Stream(db))),
        WebSocketRoute("/library", _bare(db.url, "library", lambda websocket: websocket.send_text)),
        WebSocketRoute("/frames", _bare(db.url, "frames", _frames_to)),
    ]
    spare_the_collector()
    with served(_AsOwner(Starlette(routes=routes))) as url:
        sys.stdout.write(f"{url.removeprefix('http://')}\n")
        sys.stdout.flush()
        sys.stdin.read()


class _AsOwner:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["visitor"] = Visitor("owner", OWNER)
        await self._app(scope, receive, send)


def _frames_to(websocket: WebSocket) -> Callable[[str], Any]:
    put = websocket.scope["extensions"][PUT]

    async def send(text: str) -> None:
        put(frame_of(text))

    return send


def _bare(url: str, channel: str, sending: Callable[[WebSocket], Callable[[str], Any]]) -> Callable[[WebSocket], Any]:
    """What the database notifies on the channel goes straight to every socket."""
    sockets: set[Callable[[str], Any]] = set()

    async def tell(text: str) -> None:
        for send in [*sockets]:
            await send(text)

    def listen(loop: asyncio.AbstractEventLoop) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            for notify in connection.notifies():
                asyncio.run_coroutine_threadsafe(tell(notify.payload), loop)

    async def bare(websocket: WebSocket) -> None:
        if not sockets and not any(thread.name == channel for thread in threading.enumerate()):
            threading.Thread(target=listen, args=(asyncio.get_running_loop(),), name=channel, daemon=True).start()
        await websocket.accept()
        await websocket.send_text('{"hello": 1}')
        send = sending(websocket)
        sockets.add(send)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
        sockets.discard(send)

    return bare


class _Browser(asyncio.Protocol):
    """A client that reads frames, and keeps when which fill came; no library, whose time would be measured too."""

    def __init__(self, address: str, path: str, frames: list[tuple[int, float, bytes]]) -> None:
        self._ask = (
            f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._frames, self._left, self._is_open = frames, b"", False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._left += data
        if not self._is_open:
            if b"\r\n\r\n" not in self._left:
                return
            self._left, self._is_open = self._left.partition(b"\r\n\r\n")[2], True
        while len(self._left) >= 4:
            size, start = self._left[1] & 127, 2
            if size == 126:
                size, start = int.from_bytes(self._left[2:4], "big"), 4
            if len(self._left) < start + size:
                return
            self._take(self._left[start : start + size], now)
            self._left = self._left[start + size :]

    def _take(self, frame: bytes, now: float) -> None:
        if b'"hello"' in frame and not self.ready.done():
            self.ready.set_result(None)
        elif b'"fill"' in frame:
            self._frames.append((id(self), now, frame))  # read when nobody waits any more


def _read(frames: list[tuple[int, float, bytes]]) -> dict[str, Any]:
    """When each client had which fill first, and how often which fill came with its number."""
    soonest, counted = dict[str, dict[int, float]](), Counter[str]()
    for browser, at, frame in frames:
        said = json.loads(frame)
        for event in said["soon"] if isinstance(said, dict) else said:
            if event["kind"] == "fill":
                name = event["body"]["execution_id"]
                soonest.setdefault(name, {}).setdefault(browser, at)
                counted[name] += "id" in event
    return {name: [[*times.values()], counted[name]] for name, times in soonest.items()}


async def _listen(address: str, path: str) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = address.partition(":")
    frames: list[tuple[int, float, bytes]] = []
    for _ in range(CLIENTS):
        _, browser = await loop.create_connection(lambda: _Browser(address, path, frames), host, int(port))
        await browser.ready
    gc.disable()  # it keeps all that came, and looking through that would stop every client for a quarter of a second
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.write(f"{json.dumps(_read(frames))}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write"]:
            _write()
        case ["serve"]:
            _serve()
        case ["listen", where, path]:
            asyncio.run(_listen(where, path))
        case _:
            shown(measure())

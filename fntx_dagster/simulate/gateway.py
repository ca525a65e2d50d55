"""IB Gateway on loopback: its wire protocol, for accounts whose state and faults the caller scripts.

What belongs here: enough of the protocol, at server version 176, for ib_insync to connect and to read accounts with it,
and every way in which a gateway can fail to answer. A message is a 4-byte big-endian length and fields, each ending in
a zero byte. What the accounts hold is in `gateway_accounts`, what is said of orders in `gateway_orders`. Nothing
changes by itself: the clock shows the caller's `now`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from fntx_dagster.simulate.gateway_accounts import GatewayAccount, GatewayFill
from fntx_dagster.simulate.gateway_orders import (
    ORDER_REQUESTS,
    UNSET,
    GatewayExecution,
    OrderDesk,
    commission,
    execution,
    order_messages,
    wire_time,
)

HOST = "127.0.0.1"
VERSION = 176
_EASTERN = ZoneInfo("US/Eastern")
# What a client sends, by message id.
START_API, POSITIONS = 71, 61
ACCOUNT_UPDATES, ACCOUNT_UPDATES_MULTI, ACCOUNT_SUMMARY, EXECUTIONS, CURRENT_TIME = 6, 76, 62, 7, 49


@dataclass(frozen=True)
class Faults:
    """What goes wrong.

    `hangs`: it accepts a connection and sends nothing; `drops_at_once`: it closes the connection at once; `silent`:
    requests without any answer; `unended`: requests whose data come without their end, both by message id;
    `vanishes_at`: the request at which it drops the connection; `loses_answer_at`: the one that it carries out and then
    drops the connection; `delay`: seconds before each answer; `no_commissions`, `late_commissions` (in seconds): those
    of the fills; `lost_in_portfolio`: contracts without a market value; `everyones_fills`: it ignores the filter by
    account; `messages`: codes and texts that it sends when a client starts; `garbage`: bytes before its greeting.
    """

    hangs: bool = False
    drops_at_once: bool = False
    silent: frozenset[int] = frozenset()
    unended: frozenset[int] = frozenset()
    vanishes_at: int | None = None
    loses_answer_at: int | None = None
    delay: float = 0
    no_commissions: bool = False
    late_commissions: float = 0
    lost_in_portfolio: frozenset[int] = frozenset()
    everyones_fills: bool = False
    messages: tuple[tuple[int, str], ...] = ()
    garbage: bytes = b""


@dataclass
class SimulatedGateway:
    """A running gateway: where it listens, the fields of every message that it got, the number of connections, and the
    client ids in use; it refuses a second connection with the same id.

    `accounts` and `now` may change while it runs: the next answer uses them.
    """

    accounts: tuple[GatewayAccount, ...]
    now: datetime
    faults: Faults
    desk: OrderDesk
    port: int = 0
    asked: list[list[str]] = field(default_factory=list)
    connected: int = 0
    clients: set[str] = field(default_factory=set)
    host: str = HOST

    @property
    def kinds(self) -> list[int]:
        """The ids of the messages that came, in order."""
        return [int(fields[0]) for fields in self.asked]


@contextmanager
def serve(
    *accounts: GatewayAccount,
    now: datetime,
    faults: Faults | None = None,
    port: int = 0,
    desk: OrderDesk | None = None,
) -> Iterator[SimulatedGateway]:
    """A gateway on loopback that serves the accounts at the fixed time `now`, until the block is left.

    `port` 0 takes any free port. At the end it drops its connections and its thread has ended.
    """
    gateway = SimulatedGateway(accounts, now, faults or Faults(), desk or OrderDesk())
    loop = asyncio.new_event_loop()
    listening = threading.Event()
    server = _Server(gateway)
    thread = threading.Thread(target=server.run, args=(loop, port, listening), name="simulated gateway", daemon=True)
    thread.start()
    try:
        listening.wait()
        if server.failure is not None:
            raise server.failure
        yield gateway
    finally:
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(server.stop)
        thread.join()


def unused_port() -> int:
    """A port of loopback on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class _Server:
    """The listening side, with its own thread and event loop."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway = gateway
        self.failure: OSError | None = None
        self.stopping: asyncio.Event | None = None

    def run(self, loop: asyncio.AbstractEventLoop, port: int, listening: threading.Event) -> None:
        try:
            loop.run_until_complete(self._serve(port, listening))
        except OSError as error:
            self.failure = error
        finally:
            loop.close()
            listening.set()

    def stop(self) -> None:
        if self.stopping is not None:
            self.stopping.set()

    async def _serve(self, port: int, listening: threading.Event) -> None:
        self.stopping = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(_Connection(self.gateway, reader, writer).run())
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connect, HOST, port)
        self.gateway.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self.stopping.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


class _Connection:
    """One connection."""

    def __init__(self, gateway: SimulatedGateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gateway = gateway
        self.faults = gateway.faults
        self.desk = gateway.desk
        self.reader = reader
        self.writer = writer
        self.muted = False
        self.client: str | None = None
        self.answers: dict[int, Callable[[list[str]], None]] = {
            START_API: self._start,
            POSITIONS: self._positions,
            **dict.fromkeys(ORDER_REQUESTS, self._about_orders),
            ACCOUNT_UPDATES: self._account_updates,
            ACCOUNT_UPDATES_MULTI: self._account_updates_multi,
            ACCOUNT_SUMMARY: self._account_summary,
            EXECUTIONS: self._executions,
            CURRENT_TIME: lambda asked: self._send(49, 1, int(self.gateway.now.timestamp())),
        }

    async def run(self) -> None:
        self.gateway.connected += 1
        try:
            await self._converse()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            self.gateway.connected -= 1
            if self.client is not None:
                self.gateway.clients.discard(self.client)
            self.writer.close()
            with suppress(ConnectionError):
                await self.writer.wait_closed()

    async def _converse(self) -> None:
        if self.faults.drops_at_once:
            return
        await self.reader.readexactly(len(b"API\0"))
        await self._message()
        if self.faults.hangs:
            await self.reader.read()
            return
        self.writer.write(self.faults.garbage)
        self._send(VERSION, wire_time(self.gateway.now))
        while True:
            asked = (await self._message()).split("\0")[:-1]
            self.gateway.asked.append(asked)
            kind = int(asked[0])
            if kind == START_API:
                self._send_messages()
                if asked[2] in self.gateway.clients:
                    self._send(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
                    return
                self.client = asked[2]
                self.gateway.clients.add(self.client)
            if kind == self.faults.vanishes_at:
                return
            await asyncio.sleep(self.faults.delay)
            self.muted = kind == self.faults.loses_answer_at
            if kind not in self.faults.silent and kind in self.answers:
                self.answers[kind](asked)
                await self.writer.drain()
            if self.muted:
                return

    def _send_messages(self) -> None:
        for code, text in self.faults.messages:
            self._send(4, 2, -1, code, text, "")

    async def _message(self) -> str:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return (await self.reader.readexactly(length)).decode()

    def _send(self, *fields: object) -> None:
        if self.muted:
            return
        body = b"".join(str(value).encode() + b"\0" for value in fields)
        self.writer.write(struct.pack(">I", len(body)) + body)

    def _end(self, kind: int, *fields: object) -> None:
        if kind not in self.faults.unended:
            self._send(*fields)

    def _start(self, asked: list[str]) -> None:
        self._send(15, 1, ",".join(account.account_id for account in self.gateway.accounts))
        self._send(9, 1, self.desk.next_number(int(self.client or 0)))

    def _positions(self, asked: list[str]) -> None:
        for account in self.gateway.accounts:
            for position in account.positions:
                contract = position.contract.fields("")
                self._send(61, 3, account.account_id, *contract, position.quantity, position.average_cost)
        self._end(POSITIONS, 62, 1)

    def _account_updates(self, asked: list[str]) -> None:
        _, _, subscribes, account_id = asked
        if subscribes != "1":
            return
        for account in self._named(account_id):
            for key, value, currency in account.values:
                self._send(6, 2, key, value, currency, account.account_id)
            for position in account.positions:
                if position.contract.con_id not in self.faults.lost_in_portfolio:
                    marked = (position.quantity, position.mark, position.value, position.average_cost, 0, 0)
                    self._send(7, 8, *position.contract.fields(""), *marked, account.account_id)
            self._send(8, 1, f"{self.gateway.now.astimezone(_EASTERN):%H:%M}")
            self._end(ACCOUNT_UPDATES, 54, 1, account.account_id)

    def _account_updates_multi(self, asked: list[str]) -> None:
        request, account_id = asked[2], asked[3]
        for account in self._named(account_id):
            for key, value, currency in account.values:
                self._send(73, 1, request, account.account_id, "", key, value, currency)
        self._end(ACCOUNT_UPDATES_MULTI, 74, 1, request)

    def _account_summary(self, asked: list[str]) -> None:
        request = asked[2]
        for account in self.gateway.accounts:
            for key, value, currency in account.values:
                self._send(63, 1, request, account.account_id, key, value, currency)
        self._end(ACCOUNT_SUMMARY, 64, 1, request)

    def _executions(self, asked: list[str]) -> None:
        request, wanted = asked[2], asked[4]
        everyones = self.faults.everyones_fills or not wanted
        owners = self.gateway.accounts if everyones else self._named(wanted)
        done = [(account, fill) for account in owners for fill in account.fills]
        for number, (account, fill) in enumerate(done, start=1):
            self._execution(request, number, account, fill)
        ordered = [one for one in self.desk.executions if everyones or one.order.account == wanted]
        for one in ordered:
            self._send(*execution(request, one, wire_time(one.at)))
        if self.faults.late_commissions:
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.late_commissions, partial(self._commissions, done, ordered))
        elif not self.faults.no_commissions:
            self._commissions(done, ordered)
        self._end(EXECUTIONS, 55, 1, request)

    def _execution(self, request: str, order: int, account: GatewayAccount, fill: GatewayFill) -> None:
        size = abs(fill.quantity)
        done = (
            *(fill.execution_id, wire_time(fill.at), account.account_id, "CBOE"),
            *("BOT" if fill.quantity > 0 else "SLD", size, fill.price, order, 0, 0, size, fill.price),
            *("", "", "", "", 2),
        )
        self._send(11, request, 0, *fill.contract.fields("CBOE"), *done)

    def _commissions(self, fills: list[tuple[GatewayAccount, GatewayFill]], ordered: list[GatewayExecution]) -> None:
        for _, fill in fills:
            realised = UNSET if fill.realised is None else fill.realised
            self._send(59, 1, fill.execution_id, fill.commission, fill.contract.currency, realised, UNSET, "")
        for one in ordered:
            self._send(*commission(one))

    def _about_orders(self, asked: list[str]) -> None:
        for message in order_messages(self.desk, asked, int(self.client or 0), self.gateway.now):
            self._send(*message)

    def _named(self, account_id: str) -> list[GatewayAccount]:
        return [account for account in self.gateway.accounts if account.account_id == account_id]

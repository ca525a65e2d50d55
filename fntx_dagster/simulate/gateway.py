"""IB Gateway on loopback: its wire protocol, for accounts whose state and faults the caller scripts.

What belongs here: enough of the protocol, at server version 176, for ib_insync to connect, to read accounts with it and
to follow them, and every way in which a gateway can fail to answer. A message is a 4-byte big-endian length and fields,
each ending in a zero byte. What the accounts hold is in `gateway_accounts`, what is said of orders in `gateway_orders`,
of daily bars in `gateway_bars`, what is said unasked in `gateway_pushes`. Nothing changes by itself but a clock that
runs: the caller says what happens.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from fntx_dagster.simulate.gateway_accounts import GatewayAccount, GatewayFill
from fntx_dagster.simulate.gateway_connection import (
    ACCOUNT_SUMMARY,
    ACCOUNT_UPDATES,
    ACCOUNT_UPDATES_MULTI,
    CURRENT_TIME,
    EXECUTIONS,
    HOST,
    POSITIONS,
    START_API,
    Connection,
    Faults,
    GatewayState,
)
from fntx_dagster.simulate.gateway_orders import Message, OrderDesk
from fntx_dagster.simulate.gateway_pushes import (
    UNASKED,
    WORDS,
    commission_message,
    fill_message,
    messages_of_a_change,
)

__all__ = [
    "ACCOUNT_SUMMARY",
    "ACCOUNT_UPDATES",
    "ACCOUNT_UPDATES_MULTI",
    "CURRENT_TIME",
    "EXECUTIONS",
    "HOST",
    "POSITIONS",
    "START_API",
    "Faults",
    "SimulatedGateway",
    "serve",
    "unused_port",
]


@dataclass
class SimulatedGateway(GatewayState):
    """A running gateway: where it listens, the fields of every message that it got, the number of connections, and the
    client ids in use; it refuses a second connection with the same id.

    What `fill`, `mark`, `say`, `cut` and `restart` do, which any thread may call, the connections hear at once.
    """

    loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)
    server: _Server | None = field(default=None, repr=False)

    def fill(self, account_id: str, fill: GatewayFill, commission_after: float | None = 0) -> None:
        """An account trades, whoever sent the order; its commission is known after so many seconds, None: never."""
        self._soon(self._fill, account_id, fill, commission_after)

    def mark(self, account_id: str, con_id: int, mark: Decimal) -> None:
        """The market price of a position moves."""
        self._soon(self._change, account_id, lambda account: account.with_mark(con_id, mark))

    def say(self, code: int) -> None:
        """A message beside all answers: the connection to the broker is lost (1100) or back (1101, 1102)."""
        self._soon(self._tell, (4, 2, UNASKED, code, WORDS[code], ""))

    def cut(self) -> None:
        """Every connection ends."""
        self._soon(lambda: self.server and self.server.cut())

    def restart(self, seconds: float = 0) -> None:
        """It ends, and listens again at the same port after so many seconds."""
        self._soon(lambda: self.server and self.server.restart(seconds))

    def _soon(self, do: Callable[..., object], *arguments: object) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(do, *arguments)

    def _fill(self, account_id: str, fill: GatewayFill, commission_after: float | None) -> None:
        self.without_commission.add(fill.execution_id)
        self._tell(fill_message(UNASKED, len(self.asked), account_id, fill), only=self.master)
        self._change(account_id, lambda account: account.with_fill(fill))
        if commission_after:
            asyncio.get_running_loop().call_later(commission_after, self._commission, fill)
        elif commission_after is not None:
            self._commission(fill)

    def _commission(self, fill: GatewayFill) -> None:
        self.without_commission.discard(fill.execution_id)
        self._tell(commission_message(fill), only=self.master)

    def _change(self, account_id: str, change: Callable[[GatewayAccount], GatewayAccount]) -> None:
        before = next(account for account in self.accounts if account.account_id == account_id)
        after = change(before)
        self.accounts = tuple(after if account is before else account for account in self.accounts)
        opened, lost = self.started_at(before), self.faults.lost_in_portfolio
        for talk in self.talks:
            for message in messages_of_a_change(talk.subscribed, before, after, self.now, opened, lost):
                talk.send(*message)

    def _tell(self, message: Message, *, only: str | None = "") -> None:
        """Tell all of them, or the one with a client id."""
        for talk in self.talks:
            if only == "" or (only is not None and talk.client == only):
                talk.send(*message)


@contextmanager
def serve(
    *accounts: GatewayAccount,
    now: datetime,
    faults: Faults | None = None,
    port: int = 0,
    desk: OrderDesk | None = None,
    runs: bool = False,
    master: int | None = None,
    closes: Mapping[str, Mapping[date, Decimal]] | None = None,
) -> Iterator[SimulatedGateway]:
    """A gateway on loopback that serves the accounts from the time `now` on, until the block is left. `closes`: of its
    market, by symbol and day, for daily bars.

    `port` 0 takes any free port. At the end it drops its connections and its thread has ended.
    """
    gateway = SimulatedGateway(
        accounts, faults or Faults(), desk or OrderDesk(), runs, None if master is None else str(master)
    )
    gateway.now = now
    gateway.bars.closes.update(closes or {})
    loop = gateway.loop = asyncio.new_event_loop()
    listening = threading.Event()
    server = gateway.server = _Server(gateway)
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
        self.connections: set[asyncio.Task[None]] = set()
        self.listener: asyncio.Server | None = None
        self.restarting: asyncio.Task[None] | None = None

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

    def cut(self) -> None:
        for task in list(self.connections):
            task.cancel()

    def restart(self, seconds: float) -> None:
        self.restarting = asyncio.ensure_future(self._restart(seconds))

    async def _restart(self, seconds: float) -> None:
        await self._close()
        await asyncio.sleep(seconds)
        await self._listen(self.gateway.port)

    async def _serve(self, port: int, listening: threading.Event) -> None:
        self.stopping = asyncio.Event()
        await self._listen(port)
        listening.set()
        await self.stopping.wait()
        if self.restarting is not None:
            self.restarting.cancel()
        await self._close()

    async def _listen(self, port: int) -> None:
        def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(Connection(self.gateway, reader, writer).run())
            self.connections.add(task)
            task.add_done_callback(self.connections.discard)

        self.listener = await asyncio.start_server(connect, HOST, port)
        self.gateway.port = self.listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self.listener is not None:
            self.listener.close()
            connections = list(self.connections)
            self.cut()
            await asyncio.gather(*connections, return_exceptions=True)
            await self.listener.wait_closed()
            self.listener = None

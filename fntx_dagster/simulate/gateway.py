"""IB Gateway on loopback: its wire protocol, for an account whose state and whose faults are scripted.

What belongs here: enough of the protocol, at server version 176, for ib_insync to connect and to read accounts with it,
and every way in which a gateway can fail to answer. A message is a 4-byte big-endian length and fields, each ending in
a zero byte. Nothing moves by itself: the clock stands where the state says.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

HOST = "127.0.0.1"
VERSION = 176
UNSET = "1.7976931348623157E308"
"""How the broker writes a number that it has not."""

_EASTERN = ZoneInfo("US/Eastern")
# What a client sends, by message id.
START_API, POSITIONS, OPEN_ORDERS, COMPLETED_ORDERS = 71, 61, 5, 99
ACCOUNT_UPDATES, ACCOUNT_UPDATES_MULTI, ACCOUNT_SUMMARY, EXECUTIONS, CURRENT_TIME = 6, 76, 62, 7, 49


@dataclass(frozen=True)
class Contract:
    """What is traded, in the wire's words: `right` is C or P for an option, `expiry` YYYYMMDD."""

    con_id: int
    symbol: str
    sec_type: str = "STK"
    currency: str = "USD"
    expiry: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    local_symbol: str = ""
    trading_class: str = ""

    def fields(self, exchange: str) -> tuple[object, ...]:
        named = (self.con_id, self.symbol, self.sec_type, self.expiry, self.strike, self.right, self.multiplier)
        return (*named, exchange, self.currency, self.local_symbol or self.symbol, self.trading_class or self.symbol)


def option(con_id: int, symbol: str, expiry: date, strike: str, right: str, currency: str = "USD") -> Contract:
    """An option over 100 shares: `SPY   250728P00635000`."""
    local = f"{symbol:<6}{expiry:%y%m%d}{right}{int(Decimal(strike) * 1000):08d}"
    return Contract(con_id, symbol, "OPT", currency, f"{expiry:%Y%m%d}", Decimal(strike), right, "100", local, symbol)


@dataclass(frozen=True)
class Position:
    """A holding: signed quantity, mark per unit, average cost per contract."""

    contract: Contract
    quantity: Decimal
    mark: Decimal
    average_cost: Decimal = Decimal(0)

    @property
    def value(self) -> Decimal:
        return self.quantity * self.mark * Decimal(self.contract.multiplier or 1)


@dataclass(frozen=True)
class Fill:
    """An execution: signed quantity, `commission` positive when it costs, `realised` None where it closes nothing."""

    execution_id: str
    at: datetime
    contract: Contract
    quantity: Decimal
    price: Decimal
    commission: Decimal
    realised: Decimal | None = None


@dataclass(frozen=True)
class Account:
    """One account's state. `values` are (key, value, currency) as the gateway delivers them; `account` builds them."""

    account_id: str
    values: tuple[tuple[str, str, str], ...]
    positions: tuple[Position, ...] = ()
    fills: tuple[Fill, ...] = ()


def account(
    account_id: str,
    *,
    cash: str,
    currency: str = "USD",
    positions: tuple[Position, ...] = (),
    fills: tuple[Fill, ...] = (),
    accrued: str = "0",
    initial_margin: str = "0",
    maintenance_margin: str = "0",
    rates: dict[str, str] | None = None,
) -> Account:
    """An account whose values add up: the NAV is cash, accruals and positions at their marks; `rates` are those of
    other currencies into `currency`."""
    worth = {"STK": Decimal(0), "OPT": Decimal(0)}
    for position in positions:
        rate = Decimal((rates or {}).get(position.contract.currency, "1"))
        worth[position.contract.sec_type] += position.value * rate
    nav = Decimal(cash) + Decimal(accrued) + sum(worth.values())
    excess = nav - Decimal(maintenance_margin)
    total = {
        "NetLiquidation": str(nav),
        "TotalCashValue": cash,
        "GrossPositionValue": str(sum(map(abs, worth.values()))),
        "FullInitMarginReq": initial_margin,
        "FullMaintMarginReq": maintenance_margin,
        "FullExcessLiquidity": str(excess),
    }
    ledger = {
        "CashBalance": cash,
        "TotalCashBalance": cash,
        "AccruedCash": accrued,
        "StockMarketValue": str(worth["STK"]),
        "OptionMarketValue": str(worth["OPT"]),
        "NetLiquidationByCurrency": str(nav),
        "ExchangeRate": "1.00",
    }
    values = [("AccountCode", account_id, ""), ("AccountReady", "true", ""), ("AccountType", "INDIVIDUAL", "")]
    values += [("Cushion", f"{excess / nav:.6f}" if nav else "0", "")]
    values += [(key, value, currency) for key, value in total.items()]
    values += [(key, value, unit) for key, value in ledger.items() for unit in ("BASE", currency)]
    values += [("ExchangeRate", rate, other) for other, rate in (rates or {}).items()]
    return Account(account_id, tuple(values), positions, fills)


@dataclass(frozen=True)
class Faults:
    """What goes wrong. `silent`: requests that are never answered; `unended`: those whose data come and whose end does
    not, both by message id; `vanishes_at`: the request at which the gateway drops the connection; `delay`: seconds
    before each answer; `lost_in_portfolio`: contracts that have no market value; `everyones_fills`: the filter by
    account is not heeded; `messages`: codes and texts that it sends when a client starts; `garbage` stands before the
    greeting."""

    hangs: bool = False
    drops_at_once: bool = False
    silent: frozenset[int] = frozenset()
    unended: frozenset[int] = frozenset()
    vanishes_at: int | None = None
    delay: float = 0
    no_commissions: bool = False
    late_commissions: float = 0
    lost_in_portfolio: frozenset[int] = frozenset()
    everyones_fills: bool = False
    messages: tuple[tuple[int, str], ...] = ()
    garbage: bytes = b""


@dataclass
class Gateway:
    """A running gateway: where it listens, what it was asked (the fields of each message), how many are connected, and
    the client ids in use, of which a second connection is refused.

    `accounts` and `now` may be changed while it runs: the next question sees them.
    """

    accounts: tuple[Account, ...]
    now: datetime
    faults: Faults
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
def serve(*accounts: Account, now: datetime, faults: Faults | None = None, port: int = 0) -> Iterator[Gateway]:
    """A gateway on loopback that serves the accounts at the fixed time `now`, until the block is left.

    `port` 0 takes any that is free. Nothing of it is left behind: connections are dropped, the thread ends.
    """
    gateway = Gateway(accounts, now, faults or Faults())
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
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(server.stop)
        thread.join()


def unused_port() -> int:
    """A port of loopback on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class _Server:
    """The listening side, in a thread and a loop of its own."""

    def __init__(self, gateway: Gateway) -> None:
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
        talks: set[asyncio.Task[None]] = set()

        def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(_Talk(self.gateway, reader, writer).run())
            talks.add(task)
            task.add_done_callback(talks.discard)

        server = await asyncio.start_server(talk, HOST, port)
        self.gateway.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self.stopping.wait()
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


class _Talk:
    """One connection."""

    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gateway = gateway
        self.faults = gateway.faults
        self.reader = reader
        self.writer = writer
        self.client: str | None = None
        self.answers: dict[int, Callable[[list[str]], None]] = {
            START_API: self._start,
            POSITIONS: self._positions,
            OPEN_ORDERS: lambda asked: self._send(53, 1),
            COMPLETED_ORDERS: lambda asked: self._send(102),
            ACCOUNT_UPDATES: self._account_updates,
            ACCOUNT_UPDATES_MULTI: self._account_updates_multi,
            ACCOUNT_SUMMARY: self._account_summary,
            EXECUTIONS: self._executions,
            CURRENT_TIME: lambda asked: self._send(49, 1, int(self.gateway.now.timestamp())),
        }

    async def run(self) -> None:
        self.gateway.connected += 1
        try:
            await self._talk()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            self.gateway.connected -= 1
            if self.client is not None:
                self.gateway.clients.discard(self.client)
            self.writer.close()
            with suppress(ConnectionError):
                await self.writer.wait_closed()

    async def _talk(self) -> None:
        if self.faults.drops_at_once:
            return
        await self.reader.readexactly(len(b"API\0"))
        await self._message()
        if self.faults.hangs:
            await self.reader.read()
            return
        self.writer.write(self.faults.garbage)
        self._send(VERSION, f"{self.gateway.now.astimezone(_EASTERN):%Y%m%d %H:%M:%S} US/Eastern")
        while True:
            asked = (await self._message()).split("\0")[:-1]
            self.gateway.asked.append(asked)
            kind = int(asked[0])
            if kind == START_API:
                self._say_all()
                if asked[2] in self.gateway.clients:
                    self._send(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
                    return
                self.client = asked[2]
                self.gateway.clients.add(self.client)
            if kind == self.faults.vanishes_at:
                return
            await asyncio.sleep(self.faults.delay)
            if kind not in self.faults.silent and kind in self.answers:
                self.answers[kind](asked)
                await self.writer.drain()

    def _say_all(self) -> None:
        for code, text in self.faults.messages:
            self._send(4, 2, -1, code, text, "")

    async def _message(self) -> str:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return (await self.reader.readexactly(length)).decode()

    def _send(self, *fields: object) -> None:
        body = b"".join(str(one).encode() + b"\0" for one in fields)
        self.writer.write(struct.pack(">I", len(body)) + body)

    def _end(self, kind: int, *fields: object) -> None:
        if kind not in self.faults.unended:
            self._send(*fields)

    def _start(self, asked: list[str]) -> None:
        self._send(15, 1, ",".join(one.account_id for one in self.gateway.accounts))
        self._send(9, 1, 1)

    def _positions(self, asked: list[str]) -> None:
        for one in self.gateway.accounts:
            for held in one.positions:
                contract = held.contract.fields("")
                self._send(61, 3, one.account_id, *contract, held.quantity, held.average_cost)
        self._end(POSITIONS, 62, 1)

    def _account_updates(self, asked: list[str]) -> None:
        _, _, subscribes, account_id = asked
        if subscribes != "1":
            return
        for one in self._named(account_id):
            for key, value, currency in one.values:
                self._send(6, 2, key, value, currency, one.account_id)
            for held in one.positions:
                if held.contract.con_id not in self.faults.lost_in_portfolio:
                    marked = (held.quantity, held.mark, held.value, held.average_cost, 0, 0)
                    self._send(7, 8, *held.contract.fields(""), *marked, one.account_id)
            self._send(8, 1, f"{self.gateway.now.astimezone(_EASTERN):%H:%M}")
            self._end(ACCOUNT_UPDATES, 54, 1, one.account_id)

    def _account_updates_multi(self, asked: list[str]) -> None:
        request, account_id = asked[2], asked[3]
        for one in self._named(account_id):
            for key, value, currency in one.values:
                self._send(73, 1, request, one.account_id, "", key, value, currency)
        self._end(ACCOUNT_UPDATES_MULTI, 74, 1, request)

    def _account_summary(self, asked: list[str]) -> None:
        request = asked[2]
        for one in self.gateway.accounts:
            for key, value, currency in one.values:
                self._send(63, 1, request, one.account_id, key, value, currency)
        self._end(ACCOUNT_SUMMARY, 64, 1, request)

    def _executions(self, asked: list[str]) -> None:
        request, wanted = asked[2], asked[4]
        everyones = self.faults.everyones_fills or not wanted
        owners = self.gateway.accounts if everyones else self._named(wanted)
        done = [(one, fill) for one in owners for fill in one.fills]
        for number, (one, fill) in enumerate(done, start=1):
            self._execution(request, number, one, fill)
        if self.faults.late_commissions:
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.late_commissions, partial(self._commissions, [fill for _, fill in done]))
        elif not self.faults.no_commissions:
            self._commissions([fill for _, fill in done])
        self._end(EXECUTIONS, 55, 1, request)

    def _execution(self, request: str, order: int, one: Account, fill: Fill) -> None:
        size = abs(fill.quantity)
        done = (
            *(fill.execution_id, f"{fill.at.astimezone(_EASTERN):%Y%m%d %H:%M:%S} US/Eastern", one.account_id, "CBOE"),
            *("BOT" if fill.quantity > 0 else "SLD", size, fill.price, order, 0, 0, size, fill.price),
            *("", "", "", "", 2),
        )
        self._send(11, request, 0, *fill.contract.fields("CBOE"), *done)

    def _commissions(self, fills: list[Fill]) -> None:
        for fill in fills:
            realised = UNSET if fill.realised is None else fill.realised
            self._send(59, 1, fill.execution_id, fill.commission, fill.contract.currency, realised, UNSET, "")

    def _named(self, account_id: str) -> list[Account]:
        return [one for one in self.gateway.accounts if one.account_id == account_id]


ACCOUNT = "U1000001"
JULY_28 = date(2025, 7, 28)
PUT_635 = option(800000635, "SPY", JULY_28, "635", "P")
CALL_638 = option(800000638, "SPY", JULY_28, "638", "C")
QUARTER_PAST_TEN = datetime(2025, 7, 28, 14, 15, tzinfo=UTC)


def july_28(account_id: str = ACCOUNT) -> Account:
    """The example of seed 001, 8.3: 3 SPY 635 puts sold at 0.12 and 3 SPY 638 calls at 0.09 on 28 July 2025, both
    expiring that day, in an account worth 25,520.41 USD."""
    sold, three = Decimal("-3"), Decimal("2.59932")
    return account(
        account_id,
        cash="25568.41",
        positions=(
            Position(PUT_635, sold, Decimal("0.09"), Decimal("11.13356")),
            Position(CALL_638, sold, Decimal("0.07"), Decimal("8.13356")),
        ),
        fills=(
            Fill("0000e0d5.688722f1.01.01", _at(14, 2, 11), PUT_635, sold, Decimal("0.12"), three),
            Fill("0000e0d5.688722f2.01.01", _at(14, 2, 38), CALL_638, sold, Decimal("0.09"), three),
        ),
        initial_margin="6350",
        maintenance_margin="6350",
    )


def _at(hour: int, minute: int, second: int) -> datetime:
    return datetime(2025, 7, 28, hour, minute, second, tzinfo=UTC)

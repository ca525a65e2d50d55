"""One connection to the simulated IB Gateway: what it answers, from the state that all connections share."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from fntx_dagster.simulate.gateway_accounts import GatewayAccount, GatewayFill
from fntx_dagster.simulate.gateway_bars import HISTORICAL_BARS, BarDesk, bar_messages
from fntx_dagster.simulate.gateway_orders import (
    ORDER_REQUESTS,
    GatewayExecution,
    OrderDesk,
    commission,
    execution,
    order_messages,
    wire_time,
)
from fntx_dagster.simulate.gateway_pushes import (
    CANCEL_PNL,
    CANCEL_POSITIONS,
    PNL,
    Subscriptions,
    commission_message,
    fill_message,
    pnl_message,
    portfolio_message,
    position_message,
    time_message,
    value_message,
)

HOST = "127.0.0.1"
VERSION = 176
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
class GatewayState:
    """What every connection answers from: the accounts, the clock, the faults, and what was asked so far. `accounts`
    and `now` may change: the next answer uses them. `master`: the Master client id of its settings, which hears of
    every fill. `runs`: whether the clock goes on from `now` by itself."""

    accounts: tuple[GatewayAccount, ...]
    faults: Faults
    desk: OrderDesk
    runs: bool = False
    master: str | None = None
    port: int = 0
    asked: list[list[str]] = field(default_factory=list)
    connected: int = 0
    clients: set[str] = field(default_factory=set)
    host: str = HOST
    talks: set[Connection] = field(default_factory=set, repr=False)
    start_of_day: dict[str, Decimal] = field(default_factory=dict)
    bars: BarDesk = field(default_factory=BarDesk)
    without_commission: set[str] = field(default_factory=set)
    _set: tuple[datetime, float] = field(default=(datetime.min, 0.0), repr=False)

    @property
    def now(self) -> datetime:
        """What its clock shows."""
        at, since = self._set
        return at + timedelta(seconds=time.monotonic() - since) if self.runs else at

    @now.setter
    def now(self, at: datetime) -> None:
        self._set = (at, time.monotonic())

    @property
    def kinds(self) -> list[int]:
        """The ids of the messages that came, in order."""
        return [int(fields[0]) for fields in self.asked]

    def started_at(self, account: GatewayAccount) -> Decimal:
        """The NAV that the account's daily P&L is counted from: the first that was asked for."""
        return self.start_of_day.setdefault(account.account_id, account.nav)


class Connection:
    """One connection."""

    def __init__(self, gateway: GatewayState, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gateway = gateway
        self.faults = gateway.faults
        self.desk = gateway.desk
        self.reader = reader
        self.writer = writer
        self.muted = False
        self.client: str | None = None
        self.subscribed = Subscriptions()
        self.answers: dict[int, Callable[[list[str]], object]] = {
            START_API: self._start,
            POSITIONS: self._positions,
            **dict.fromkeys(ORDER_REQUESTS, self._about_orders),
            ACCOUNT_UPDATES: self._account_updates,
            ACCOUNT_UPDATES_MULTI: self._account_updates_multi,
            ACCOUNT_SUMMARY: self._account_summary,
            EXECUTIONS: self._executions,
            PNL: self._pnl,
            CANCEL_PNL: lambda asked: self.subscribed.pnl.pop(asked[1], None),
            CANCEL_POSITIONS: self._no_positions,
            HISTORICAL_BARS: self._bars,
            CURRENT_TIME: lambda asked: self.send(49, 1, int(self.gateway.now.timestamp())),
        }

    async def run(self) -> None:
        self.gateway.connected += 1
        self.gateway.talks.add(self)
        try:
            await self._converse()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            self.gateway.connected -= 1
            self.gateway.talks.discard(self)
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
        self.send(VERSION, wire_time(self.gateway.now))
        while True:
            asked = (await self._message()).split("\0")[:-1]
            self.gateway.asked.append(asked)
            kind = int(asked[0])
            if kind == START_API:
                self._send_messages()
                if asked[2] in self.gateway.clients:
                    self.send(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
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
            self.send(4, 2, -1, code, text, "")

    async def _message(self) -> str:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return (await self.reader.readexactly(length)).decode()

    def send(self, *fields: object) -> None:
        if self.muted:
            return
        body = b"".join(str(value).encode() + b"\0" for value in fields)
        self.writer.write(struct.pack(">I", len(body)) + body)

    def _end(self, kind: int, *fields: object) -> None:
        if kind not in self.faults.unended:
            self.send(*fields)

    def _start(self, asked: list[str]) -> None:
        self.send(15, 1, ",".join(account.account_id for account in self.gateway.accounts))
        self.send(9, 1, self.desk.next_number(int(self.client or 0)))

    def _positions(self, asked: list[str]) -> None:
        self.subscribed.positions = True
        for account in self.gateway.accounts:
            for position in account.positions:
                self.send(*position_message(account.account_id, position))
        self._end(POSITIONS, 62, 1)

    def _no_positions(self, asked: list[str]) -> None:
        self.subscribed.positions = False

    def _account_updates(self, asked: list[str]) -> None:
        _, _, subscribes, account_id = asked
        if subscribes != "1":
            self.subscribed.account = None
            return
        self.subscribed.account = account_id  # one account a connection: the newest
        for account in self._named(account_id):
            for value in account.values:
                self.send(*value_message(account_id, value))
            for position in account.positions:
                if position.contract.con_id not in self.faults.lost_in_portfolio:
                    self.send(*portfolio_message(account_id, position))
            self.send(*time_message(self.gateway.now))
            self._end(ACCOUNT_UPDATES, 54, 1, account.account_id)

    def _pnl(self, asked: list[str]) -> None:
        _, request, account_id, _ = asked
        self.subscribed.pnl[request] = account_id
        for account in self._named(account_id):
            self.send(*pnl_message(request, account, self.gateway.started_at(account)))

    def _account_updates_multi(self, asked: list[str]) -> None:
        request, account_id = asked[2], asked[3]
        for account in self._named(account_id):
            for key, value, currency in account.values:
                self.send(73, 1, request, account.account_id, "", key, value, currency)
        self._end(ACCOUNT_UPDATES_MULTI, 74, 1, request)

    def _account_summary(self, asked: list[str]) -> None:
        request = asked[2]
        for account in self.gateway.accounts:
            for key, value, currency in account.values:
                self.send(63, 1, request, account.account_id, key, value, currency)
        self._end(ACCOUNT_SUMMARY, 64, 1, request)

    def _executions(self, asked: list[str]) -> None:
        request, wanted, since = asked[2], asked[4], _since(asked[5])
        everyones = self.faults.everyones_fills or not wanted
        owners = self.gateway.accounts if everyones else self._named(wanted)
        done = [(account, fill) for account in owners for fill in account.fills if fill.at >= since]
        for number, (account, fill) in enumerate(done, start=1):
            self.send(*fill_message(request, number, account.account_id, fill))
        ordered = [
            one for one in self.desk.executions if (everyones or one.order.account == wanted) and one.at >= since
        ]
        for one in ordered:
            self.send(*execution(request, one, wire_time(one.at)))
        if self.faults.late_commissions:
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.late_commissions, partial(self._commissions, done, ordered))
        elif not self.faults.no_commissions:
            self._commissions(done, ordered)
        self._end(EXECUTIONS, 55, 1, request)

    def _commissions(self, fills: list[tuple[GatewayAccount, GatewayFill]], ordered: list[GatewayExecution]) -> None:
        for _, fill in fills:
            if fill.execution_id not in self.gateway.without_commission:
                self.send(*commission_message(fill))
        for one in ordered:
            self.send(*commission(one))

    def _about_orders(self, asked: list[str]) -> None:
        for message in order_messages(self.desk, asked, int(self.client or 0), self.gateway.now):
            self.send(*message)

    def _bars(self, asked: list[str]) -> None:
        for message in bar_messages(self.gateway.bars, asked, self.gateway.now):
            self.send(*message)

    def _named(self, account_id: str) -> list[GatewayAccount]:
        return [account for account in self.gateway.accounts if account.account_id == account_id]


def _since(stated: str) -> datetime:
    """The moment of a filter of executions, which is in UTC; without one, every moment is later."""
    if not stated:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.strptime(stated, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)

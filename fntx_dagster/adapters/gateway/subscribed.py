"""A connection that follows an account, while it lasts: its subscriptions, its questions, and what arrives.

The gateway says by itself when a position changes, what the account is worth, and its P&L; who traded and at what price
it says only to the client that sent the order, and to its Master client. So each position that moves is held against
the fills that are known: what they do not explain is asked for, the executions of the newest second first, then those
of some seconds, then all of the day; every minute all are asked for in any case.

A fill is passed on when it is read. What else arrives together is passed on together: the messages of a packet are read
in one turn of the loop, and what they changed is looked at in the next.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ib_insync
from ib_insync.util import UNSET_DOUBLE

from fntx_dagster.adapters.gateway.connection import (
    commission_of,
    fill_of,
    is_held,
    position_of,
    snapshot_of,
    values_of,
)
from fntx_dagster.adapters.gateway.conversation import COMBINATION, LOST, RESTORED, Conversation, shortest
from fntx_dagster.adapters.gateway.states import State, Unavailable
from fntx_dagster.adapters.gateway.telling import Patience, Teller
from fntx_dagster.model.live import Following, HeardCommission, HeardFill, HeardPnl
from fntx_dagster.model.snapshot import Snapshot, execution_id

_PORT_CHANGED = 1300
_OVERLAPS = (timedelta(0), timedelta(seconds=3), None)
"""How far before the newest known execution one question after the other begins, while a position is not explained:
their times have whole seconds, and those of several exchanges do not come in order. None: all of the day."""
_UNASKED_SECONDS = 0.1
"""How long a fill that comes unasked, as fills did before, may come after its position."""
_LONGEST_COMMISSION_WAIT = 60.0
_RARE = 100
"""Of all time, snapshots may take one part in so many."""
_STILL_SECONDS = 0.02
"""A snapshot waits until nothing has been heard for so long, because a fill would wait for it; for one more pause at
most."""
_MESSAGES_KEPT = 20


class Subscribed:
    """What is known of one connection."""

    def __init__(self, teller: Teller, conversation: Conversation, patience: Patience) -> None:
        self._teller, self._conversation, self._patience = teller, conversation, patience
        self._account, self._ib = teller.account, conversation.ib
        self._loop = asyncio.get_running_loop()
        self._woken, self._asking = asyncio.Event(), asyncio.Event()
        # what has arrived and was not passed on
        self._arrived: set[str] = set()
        self._items: dict[int, ib_insync.PortfolioItem] = {}
        self._values_changed = self._pnl_changed = self._snapshot_due = False
        # what was passed on
        self._fills: set[str] = set()
        self._commissions: dict[str, HeardCommission] = {}
        self._newest: datetime | None = None
        # what is to be asked: by how much positions moved that no known fill explains
        self._held: dict[int, Decimal] = {}
        self._realised: dict[int, float] = {}
        self._unexplained: dict[int, Decimal] = {}
        self._is_due = self._are_told = False
        self._heard_at = self._all_asked_at = self._snapshot_at = self._loop.time()
        self._snapshot_pause = patience.snapshot
        self._commission_wait = patience.commission
        self._commission_at = 0.0

    async def begin(self) -> None:
        """Subscribe, ask for everything, and pass it on. Raises Unavailable."""
        self._teller.tell(state=Following.CONNECTING)
        self._hear()
        ib = self._ib
        ib.reqPnL(self._account)
        answers = await self._conversation.answers(
            {
                "its time": ib.reqCurrentTimeAsync(),
                "the positions": ib.reqPositionsAsync(),
                "the account values": ib.reqAccountUpdatesAsync(self._account),
                "the executions": ib.reqExecutionsAsync(ib_insync.ExecutionFilter(acctCode=self._account)),
            }
        )
        self._teller.set_clock(answers[0])
        self._require_connection()
        self._teller.tell(state=Following.FOLLOWING)
        self._pass_on(is_whole=True)
        self._unexplained = {}

    async def listen(self) -> None:
        """Pass on what arrives until the connection ends. Raises Unavailable then."""
        asking = asyncio.ensure_future(self._ask_again())
        asking.add_done_callback(lambda _: self._woken.set())
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._until_due())
                self._woken.clear()
                if asking.done():
                    asking.result()
                self._require_connection()
                self._pass_on()
                if self._loop.time() - self._heard_at >= self._patience.quiet:
                    await self._ask_the_time()
        finally:
            asking.cancel()

    # -- what arrives: noted in the middle of a packet ----------------------------------------------------------------

    def _hear(self) -> None:
        ib = self._ib
        self._conversation.wrapper.on_execution = self._on_execution
        ib.positionEvent += self._on_position
        ib.updatePortfolioEvent += self._on_item
        ib.accountValueEvent += self._on_value
        ib.pnlEvent += self._on_pnl
        ib.errorEvent += self._on_message
        self._conversation.client.conn.disconnected += self._wake

    def _on_execution(self, execution_id: str, is_unasked: bool) -> None:
        self._arrived.add(execution_id)
        self._are_told = self._are_told or is_unasked
        self._wake()

    def _on_position(self, position: ib_insync.Position) -> None:
        if position.account == self._account:
            contract, quantity = position.contract.conId, Decimal(shortest(position.position))
            self._moved(contract, quantity - self._held.get(contract, Decimal(0)))
            self._held[contract] = quantity
            if self._unexplained:
                self._ask_soon()

    def _on_item(self, item: ib_insync.PortfolioItem) -> None:
        if item.account == self._account:
            contract = item.contract.conId
            self._items[contract] = item
            self._snapshot_due = True
            # bought and sold before a position was told: its P&L alone says so
            if self._realised.get(contract, item.realizedPNL) != item.realizedPNL and not self._are_told:
                self._ask_soon()
            self._realised[contract] = item.realizedPNL
            self._wake()

    def _moved(self, contract: int, quantity: Decimal) -> None:
        """A position moved, or, the other way round, a fill explains that."""
        if left := self._unexplained.pop(contract, Decimal(0)) + quantity:
            self._unexplained[contract] = left

    def _on_value(self, value: ib_insync.AccountValue) -> None:
        if value.account == self._account:
            self._values_changed = self._snapshot_due = True
            self._wake()

    def _on_pnl(self, pnl: object) -> None:
        self._pnl_changed = True
        self._wake()

    def _on_message(self, request: int, code: int, text: str, contract: object) -> None:
        if code in LOST:
            self._teller.tell(state=Following.CUT_OFF, reason=f"{code} {text}")
        self._wake()

    def _ask_soon(self) -> None:
        self._is_due = True
        self._asking.set()
        self._wake()

    def _wake(self, *_: object) -> None:
        self._heard_at = self._loop.time()
        self._woken.set()

    # -- what is asked ------------------------------------------------------------------------------------------------

    def _until_due(self) -> float:
        due = self._heard_at + self._patience.quiet
        if self._snapshot_due and not self._late_commissions():
            due = min(due, self._until_snapshot())
        return max(due - self._loop.time(), 0.001)

    def _until_snapshot(self) -> float:
        due = self._snapshot_at + self._snapshot_pause
        return max(due, min(self._heard_at + _STILL_SECONDS, due + self._snapshot_pause))

    def _require_connection(self) -> None:
        conversation = self._conversation
        if conversation.closed.done() or conversation.unreadable:
            raise conversation.unavailable(State.DOWN, "has closed the connection")
        codes = [message.code for message in conversation.messages]
        del conversation.messages[:-_MESSAGES_KEPT]
        if _PORT_CHANGED in codes:
            raise conversation.unavailable(State.DOWN, "listens at another port now")
        states = [code for code in codes if code in (*LOST, *RESTORED)]
        if states and states[-1] in RESTORED:
            # its subscriptions may be lost, whatever it says: everything is asked for anew
            raise conversation.unavailable(State.DOWN, "has its connection to the broker back")

    async def _ask_the_time(self) -> None:
        conversation = self._conversation
        conversation.deadline = self._loop.time() + self._patience.answer
        [now] = await conversation.answers({"anything": self._ib.reqCurrentTimeAsync()})
        self._teller.set_clock(now)
        self._heard_at = self._loop.time()

    async def _ask_again(self) -> None:
        """Ask for executions whenever something says that there may be others."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asking.wait(), self._until_all_due())
            if not self._asking.is_set():
                await self._ask_all()
                continue
            self._asking.clear()
            if not self._is_due:
                continue
            self._is_due = False
            if self._are_told and self._unexplained:
                await asyncio.sleep(_UNASKED_SECONDS)
                if not self._unexplained:
                    continue
            await self._ask_what_is_unexplained()

    async def _ask_what_is_unexplained(self) -> None:
        for overlap in _OVERLAPS:
            if overlap is None or self._newest is None:
                await self._ask_all()
                return
            await self._ask_executions(self._newest - overlap)
            if not self._unexplained:
                return

    async def _ask_all(self) -> None:
        """Ask for the executions of the day. What they do not explain, an option that expired or a transfer, no later
        answer does."""
        moved = dict(self._unexplained)
        await self._ask_executions(None)
        for contract, quantity in moved.items():
            if self._unexplained.get(contract) == quantity:
                del self._unexplained[contract]
        self._all_asked_at = self._loop.time()
        self._commission_at = self._all_asked_at + self._commission_wait
        self._commission_wait = min(self._commission_wait * 2, _LONGEST_COMMISSION_WAIT)

    def _until_all_due(self) -> float:
        due = self._all_asked_at + self._patience.whole
        if self._late_commissions():
            due = min(due, self._commission_at)
        return max(due - self._loop.time(), 0.001)

    async def _ask_executions(self, since: datetime | None) -> None:
        stated = "" if since is None else f"{since:%Y%m%d-%H:%M:%S}"
        wanted = ib_insync.ExecutionFilter(acctCode=self._account, time=stated)
        self._conversation.extend()
        await self._conversation.answers({"the executions": self._ib.reqExecutionsAsync(wanted)})
        self._pass_on()

    # -- what is passed on --------------------------------------------------------------------------------------------

    def _pass_on(self, *, is_whole: bool = False) -> None:
        """Tell what has changed since it was told last."""
        fills, commissions = self._traded()
        what: dict[str, Any] = {"fills": fills, "commissions": commissions}
        if is_whole:
            self._items = {item.contract.conId: item for item in self._ib.portfolio(self._account)}
        what["positions"] = tuple(
            position_of(self._conversation, item) for item in self._items.values() if is_held(item.contract)
        )
        self._items = {}
        if self._values_changed:
            self._values_changed = False
            with suppress(Unavailable):  # a part has arrived, and the rest comes
                what["values"] = values_of(self._conversation, self._account)
        if self._pnl_changed:
            self._pnl_changed = False
            what["pnl"] = self._pnl()
        if snapshot := self._snapshot(at_once=is_whole):
            what["snapshot"] = snapshot
        if is_whole or any(what.values()):
            self._teller.tell(whole=is_whole, **what)

    def _traded(self) -> tuple[tuple[HeardFill, ...], tuple[HeardCommission, ...]]:
        """Fills and commissions that were not passed on, in the order of their times."""
        arrived = [fill for name in self._arrived if (fill := self._conversation.wrapper.fills.get(name)) is not None]
        self._arrived = set()
        fills, commissions = [], []
        for fill in sorted(arrived, key=lambda fill: (fill.time, fill.execution.execId)):
            name = fill.execution.execId
            if fill.execution.acctNumber != self._account or fill.contract.secType == COMBINATION:
                continue
            if name not in self._fills:
                self._fills.add(name)
                self._snapshot_due = True
                self._newest = max(self._newest or fill.execution.time, fill.execution.time)
                self._commission_wait = self._patience.commission
                self._commission_at = self._loop.time() + self._commission_wait
                fills.append(done := fill_of(self._conversation, fill))
                if execution_id(name).version <= 1:  # a correction moves no position
                    self._moved(fill.contract.conId, -done.quantity)
            if fill.commissionReport.execId:
                charged = commission_of(self._conversation, fill)
                if self._commissions.get(name) != charged:
                    self._commissions[name] = charged
                    self._snapshot_due = True
                    commissions.append(charged)
        if fills and self._late_commissions():
            self._asking.set()  # its next question is due earlier now
        return tuple(fills), tuple(commissions)

    def _late_commissions(self) -> bool:
        return len(self._commissions) < len(self._fills)

    def _pnl(self) -> HeardPnl | None:
        for pnl in self._ib.pnl(self._account):
            return HeardPnl(_known(pnl.dailyPnL), _known(pnl.unrealizedPnL), _known(pnl.realizedPnL))
        return None

    def _snapshot(self, *, at_once: bool) -> Snapshot | None:
        """The whole account, at most once in a while, where every commission is known. After a day of many fills it
        takes long to make, and is made less often."""
        began = self._loop.time()
        is_time = at_once or began >= self._until_snapshot()
        if not self._snapshot_due or not is_time or self._late_commissions():
            return None
        self._snapshot_due, self._snapshot_at = False, began
        try:
            return snapshot_of(self._conversation, self._account, self._teller.now())
        except Unavailable:  # its parts arrive one after the other
            return None
        finally:
            self._snapshot_pause = max(self._patience.snapshot, _RARE * (self._loop.time() - began))


def _known(number: float) -> Decimal | None:
    """A figure of the P&L; None where the gateway has none."""
    amount = Decimal(shortest(number))
    return None if not amount.is_finite() or number == UNSET_DOUBLE else amount

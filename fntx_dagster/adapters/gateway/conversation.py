"""A conversation with IB Gateway through ib_insync: connecting, waiting for answers, and what went wrong.

`IB.connect` logs a request that timed out and continues as if nothing were missing; here each request is sent and
awaited by name, and a missing answer is an error. ib_insync reads amounts as floats; the shortest text of a float is
the decimal that was sent, up to fifteen digits. What is asked for is in `connection` (an account at this moment, read
only) and in `ordering` (orders): the modules that import ib_insync.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import ib_insync
from ib_insync.client import Client
from ib_insync.util import UNSET_DOUBLE
from ib_insync.wrapper import RequestError, Wrapper

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.states import CLIENT_ID_IN_USE, OtherAccount, State, Unavailable
from fntx_dagster.errors import masked, without_accounts
from fntx_dagster.model.snapshot import execution_id

# They print accounts, positions and fills, at INFO and ERROR.
_TALKATIVE = ("ib_insync.client", "ib_insync.wrapper", "ib_insync.ib", "ib_insync.Decoder", "eventkit.event")
for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(lambda record: False)

LOST = (1100, 2110)  # the gateway has lost its connection to the broker, and its data are old
RESTORED = (1101, 1102)
COMBINATION = "BAG"
_LATER = "Ask again in a minute; if it stays so, restart IB Gateway"
_PAUSE = 0.01
"""Seconds between two looks at what has arrived."""


class GatewayMessage(NamedTuple):
    """What the gateway says beside its answers: the request or order that it concerns (-1: none), code and words."""

    request: int
    code: int
    words: str

    @property
    def text(self) -> str:
        return f"{self.code} {self.words}"


class _Wrapper(Wrapper):
    """ib_insync's wrapper, which also keeps which fills closed nothing, as the broker says, and says what arrives:
    ib_insync drops fills and commissions of orders that it does not know."""

    on_execution: Callable[[str, bool], None] | None = None
    """Called with the id of an execution, when it or its commission arrives, and whether it was told unasked: an
    execution that was known already, and is in an answer again, is not."""

    def reset(self) -> None:
        super().reset()
        self.closed_nothing: set[str] = set()

    def execDetails(self, reqId: int, contract: ib_insync.Contract, execution: ib_insync.Execution) -> None:
        if reqId in self._results and (known := self.fills.get(execution.execId)) is not None:
            self._results[reqId].append(known)
            return
        super().execDetails(reqId, contract, execution)
        if self.on_execution is not None:
            self.on_execution(execution.execId, reqId not in self._results)

    def commissionReport(self, commissionReport: ib_insync.CommissionReport) -> None:
        if commissionReport.realizedPNL == UNSET_DOUBLE:
            self.closed_nothing.add(commissionReport.execId)
        else:
            self.closed_nothing.discard(commissionReport.execId)
        super().commissionReport(commissionReport)
        if self.on_execution is not None:
            self.on_execution(commissionReport.execId, False)


class Conversation:
    """One connection: its requests, its deadline, and the gateway's messages beside the answers."""

    def __init__(self, gateway: Gateway) -> None:
        loop = asyncio.get_running_loop()
        self.gateway = gateway
        self.deadline = loop.time() + gateway.timeout
        self.messages: list[GatewayMessage] = []
        self.unreadable = 0
        self.closed: asyncio.Future[None] = loop.create_future()
        self.ib = ib_insync.IB()
        self.ib.RaiseRequestErrors = True
        self.wrapper = self.ib.wrapper = _Wrapper(self.ib)
        self.client = self.ib.client = Client(self.wrapper)
        # the decoder reports a message that it cannot read to its logger, by `exception` alone
        self.client.decoder.logger = self  # pyright: ignore[reportAttributeAccessIssue]  # not a whole Logger
        self.client.conn.hasData.error_event += self._on_unreadable  # pyright: ignore[reportOperatorIssue]  # never None
        self.client.conn.disconnected += self._on_closed
        self.ib.errorEvent += self._on_message

    def extend(self) -> None:
        """Let the next answers take as long as the first might have taken."""
        self.deadline = asyncio.get_running_loop().time() + self.gateway.timeout

    def left(self) -> float:
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def unavailable(self, state: State, what: str, way_out: str = _LATER) -> Unavailable:
        last = f"; it says: {without_accounts(self.messages[-1].text)}" if self.messages else ""
        return Unavailable(state, f"IB Gateway at {self.gateway.address} {what}{last}", way_out)

    async def connect(self) -> None:
        """Connect, agree on the version of the protocol, and learn which accounts the gateway serves."""
        gateway = self.gateway
        self.wrapper.clientId = gateway.client_id  # what ib_insync keeps orders by
        greeting = asyncio.ensure_future(
            self.client.connectAsync(gateway.host, gateway.port, gateway.client_id, timeout=0)
        )
        await asyncio.wait({greeting, self.closed}, timeout=self.left(), return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            raise self._refused()
        if not greeting.done():
            raise self.unavailable(
                State.SLOW, f"does not greet within {gateway.timeout:g} s", "See whether it waits for a login"
            )
        try:
            greeting.result()
        except OSError:
            raise self.unavailable(
                State.DOWN, "cannot be reached", "Start it, and compare its API port with FNTX_GATEWAYS"
            ) from None

    async def answers(self, requests: Mapping[str, Awaitable[Any]]) -> list[Any]:
        """Wait for the answers to requests, which the error of a missing one calls by name. A request that the gateway
        refuses raises Unavailable, whose `refusal` is the code."""
        pending = {name: asyncio.ensure_future(request) for name, request in requests.items()}
        everything = asyncio.gather(*pending.values())
        await asyncio.wait({everything, self.closed}, timeout=self.left(), return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            raise self.broken()
        missing = [name for name, request in pending.items() if not request.done()]
        if missing and not everything.done():
            raise self.unavailable(
                State.INCOMPLETE, f"did not deliver {' and '.join(missing)} within {self.gateway.timeout:g} s"
            )
        try:
            return everything.result()
        except RequestError as error:
            refused = self.unavailable(State.INCOMPLETE, f"refused a request with code {error.code}")
            refused.refusal = error.code
            raise refused from None

    async def until(self, arrived: Callable[[], bool], seconds: float) -> bool:
        """Wait until something has arrived, for so long at most; False where the time or the connection ends first."""
        end = min(asyncio.get_running_loop().time() + seconds, self.deadline)
        while not arrived():
            if self.closed.done() or asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(_PAUSE)
        return True

    async def commissions(self, wanted: Callable[[], Iterable[ib_insync.Fill]]) -> None:
        """Wait for the commission of each fill; they come after the fills, at times seconds later."""

        def missing() -> list[ib_insync.Fill]:
            return [fill for fill in wanted() if not fill.commissionReport.execId]

        if not await self.until(lambda: not missing(), self.left()) and (late := missing()):
            noun = "fill" if len(late) == 1 else "fills"
            raise self.unavailable(State.INCOMPLETE, f"did not deliver the commissions of {len(late)} {noun}")

    def fills(self, account: str) -> list[ib_insync.Fill]:
        """The newest version of each fill of the account. A combination's own fill repeats its legs and is left out."""
        latest: dict[str, ib_insync.Fill] = {}
        for fill in sorted(self.ib.fills(), key=lambda fill: execution_id(fill.execution.execId).version):
            if fill.execution.acctNumber == account and fill.contract.secType != COMBINATION:
                latest[execution_id(fill.execution.execId).root] = fill
        return list(latest.values())

    def require_whole(self) -> None:
        """Raises Unavailable where messages were lost, or the gateway has no connection to the broker."""
        if self.closed.done() or self.unreadable:
            raise self.broken()
        states = [message.code for message in self.messages if message.code in (*LOST, *RESTORED)]
        if states and states[-1] in LOST:
            raise self.unavailable(State.INCOMPLETE, "has lost its connection to the broker")

    async def close(self) -> None:
        transport = self.client.conn.transport
        self.client.disconnect()
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)  # the socket closes in the loop's next round

    def exception(self, *_: object) -> None:
        """The decoder, whose logger this is, has dropped a message."""
        self.unreadable += 1

    def broken(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(State.INCOMPLETE, "sent a message that cannot be read")
        return self.unavailable(State.INCOMPLETE, "closed the connection before everything had arrived")

    def _refused(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(
                State.DOWN, "does not use the protocol of IB Gateway", "Compare the port with FNTX_GATEWAYS"
            )
        if any(message.code == CLIENT_ID_IN_USE for message in self.messages):
            taken = self.unavailable(
                State.DOWN, f"already serves client id {self.gateway.client_id}", f"Set another {self.gateway.setting}"
            )
            taken.refusal = CLIENT_ID_IN_USE
            return taken
        return self.unavailable(
            State.DOWN, "closes the connection", "Allow this host in its API settings, and see whether it is logged in"
        )

    def _on_unreadable(self, *_: object) -> None:
        self.unreadable += 1
        self._on_closed()

    def _on_closed(self, *_: object) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def _on_message(self, request: int, code: int, text: str, contract: object) -> None:
        self.messages.append(GatewayMessage(request, code, text))


@asynccontextmanager
async def connected(gateway: Gateway) -> AsyncIterator[Conversation]:
    """A connection while the block lasts."""
    # a broken message raises in the loop and ends the connection, which `closed` shows; nothing is to be printed
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    conversation = Conversation(gateway)
    try:
        await conversation.connect()
        yield conversation
    finally:
        await conversation.close()


def require_account(gateway: Gateway, served: Iterable[str], account: str) -> None:
    """Raises OtherAccount where a gateway does not serve the account."""
    if account not in served:
        others = ", ".join(masked(other) for other in served) or "none"
        raise OtherAccount(
            f"IB Gateway at {gateway.address} serves {others}, not {masked(account)}",
            "Log it in with that account, or correct FNTX_GATEWAYS",
        )


def exact(conversation: Conversation, number: float) -> Decimal:
    """The decimal that was sent. Raises Unavailable where there is none."""
    amount = Decimal(shortest(number))
    if not amount.is_finite() or number == UNSET_DOUBLE:
        raise conversation.unavailable(State.INCOMPLETE, "delivered a position or a fill without its figures")
    return amount


def shortest(number: float) -> str:
    """The shortest decimal text that is this float."""
    return repr(float(number)).removesuffix(".0")

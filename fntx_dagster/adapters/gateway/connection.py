"""The conversation with IB Gateway through ib_insync, and the snapshot that comes of it.

The only module that imports ib_insync. `IB.connect` logs a request that timed out and continues as if nothing were
missing; here each request is sent and awaited by name, and a missing answer is an error. The requests are those of a
read-only connection: time, positions, account values, executions. ib_insync reads amounts as floats; the shortest text
of a float is the decimal that was sent, up to fifteen digits. Account values remain the texts that were sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import ib_insync
from ib_insync.client import Client
from ib_insync.util import UNSET_DOUBLE
from ib_insync.wrapper import RequestError, Wrapper

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.states import OtherAccount, State, Unavailable
from fntx_dagster.errors import masked, without_accounts
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot, execution_id

# They print accounts, positions and fills, at INFO and ERROR.
_TALKATIVE = ("ib_insync.client", "ib_insync.wrapper", "ib_insync.ib", "ib_insync.Decoder", "eventkit.event")
for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(lambda record: False)

# The ledger's parts of the NAV; TotalCashBalance holds the result of futures.
_CASH = "TotalCashBalance"
_PARTS = (
    *(_CASH, "AccruedCash", "StockMarketValue", "OptionMarketValue", "FutureOptionValue", "NetDividend"),
    *("FundValue", "CorporateBondValue", "TBondValue", "TBillValue", "WarrantValue", "IssuerOptionValue"),
    *("PhysicalCertificateValue", "Cryptocurrency"),
)
_TOLERANCE = Decimal("0.005")
"""How far the NAV and its parts may differ, as a ratio of the NAV: the gateway updates them at different moments."""

_LOST = (1100, 2110)  # the gateway has lost its connection to the broker, and its data are old
_RESTORED = (1101, 1102)
_CLIENT_ID_IN_USE = 326
_PAIR, _COMBINATION = "CASH", "BAG"
_LATER = "Ask again in a minute; if it stays so, restart IB Gateway"


async def read(gateway: Gateway, account: str) -> Snapshot:
    """The snapshot that `client.snapshot` returns, in the running loop."""
    async with _connected(gateway) as conversation:
        _require_account(gateway, conversation.ib.managedAccounts(), account)
        as_of = await conversation.request(account)
        await conversation.commissions(account)
        conversation.require_whole()
        return _snapshot(gateway, conversation, account, as_of)


class _Wrapper(Wrapper):
    """ib_insync's wrapper, which also keeps which fills closed nothing, as the broker says."""

    def reset(self) -> None:
        super().reset()
        self.closed_nothing: set[str] = set()

    def commissionReport(self, commissionReport: ib_insync.CommissionReport) -> None:
        if commissionReport.realizedPNL == UNSET_DOUBLE:
            self.closed_nothing.add(commissionReport.execId)
        else:
            self.closed_nothing.discard(commissionReport.execId)
        super().commissionReport(commissionReport)


class _Conversation:
    """One connection: its requests, its deadline, and the gateway's messages beside the answers."""

    def __init__(self, gateway: Gateway) -> None:
        loop = asyncio.get_running_loop()
        self.gateway = gateway
        self.deadline = loop.time() + gateway.timeout
        self.messages: list[tuple[int, str]] = []
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

    def left(self) -> float:
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def unavailable(self, state: State, what: str, way_out: str = _LATER) -> Unavailable:
        last = f"; it says: {without_accounts(self.messages[-1][1])}" if self.messages else ""
        return Unavailable(state, f"IB Gateway at {self.gateway.address} {what}{last}", way_out)

    async def connect(self) -> None:
        """Connect, agree on the version of the protocol, and learn which accounts the gateway serves."""
        gateway = self.gateway
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

    async def request(self, account: str) -> datetime:
        """Send every request at once; `ib` keeps the answers. Returns the gateway's time."""
        now = asyncio.ensure_future(self.ib.reqCurrentTimeAsync())
        requests: dict[str, asyncio.Future[Any]] = {
            "its time": now,
            "the positions": asyncio.ensure_future(self.ib.reqPositionsAsync()),
            "the account values": asyncio.ensure_future(self.ib.reqAccountUpdatesAsync(account)),
            "the executions": asyncio.ensure_future(
                self.ib.reqExecutionsAsync(ib_insync.ExecutionFilter(acctCode=account))
            ),
        }
        everything = asyncio.gather(*requests.values())
        await asyncio.wait({everything, self.closed}, timeout=self.left(), return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            raise self._broken()
        missing = [name for name, request in requests.items() if not request.done()]
        if missing and not everything.done():
            raise self.unavailable(
                State.INCOMPLETE, f"did not deliver {' and '.join(missing)} within {self.gateway.timeout:g} s"
            )
        try:
            everything.result()
        except RequestError as error:
            raise self.unavailable(State.INCOMPLETE, f"refused a request with code {error.code}") from None
        return now.result()

    async def commissions(self, account: str) -> None:
        """Wait for the commission of each fill; they come after the fills, at times seconds later."""
        while missing := [fill for fill in self.fills(account) if not fill.commissionReport.execId]:
            if self.closed.done() or not self.left():
                noun = "fill" if len(missing) == 1 else "fills"
                raise self.unavailable(State.INCOMPLETE, f"did not deliver the commissions of {len(missing)} {noun}")
            await asyncio.sleep(min(0.05, self.left()))

    def fills(self, account: str) -> list[ib_insync.Fill]:
        """The newest version of each fill of the account. A combination's own fill repeats its legs and is left out."""
        latest: dict[str, ib_insync.Fill] = {}
        for fill in sorted(self.ib.fills(), key=lambda fill: execution_id(fill.execution.execId).version):
            if fill.execution.acctNumber == account and fill.contract.secType != _COMBINATION:
                latest[execution_id(fill.execution.execId).root] = fill
        return list(latest.values())

    def require_whole(self) -> None:
        """Raises Unavailable where messages were lost, or the gateway has no connection to the broker."""
        if self.closed.done() or self.unreadable:
            raise self._broken()
        states = [code for code, _ in self.messages if code in (*_LOST, *_RESTORED)]
        if states and states[-1] in _LOST:
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

    def _broken(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(State.INCOMPLETE, "sent a message that cannot be read")
        return self.unavailable(State.INCOMPLETE, "closed the connection before everything had arrived")

    def _refused(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(
                State.DOWN, "does not use the protocol of IB Gateway", "Compare the port with FNTX_GATEWAYS"
            )
        if any(code == _CLIENT_ID_IN_USE for code, _ in self.messages):
            return self.unavailable(
                State.DOWN, f"already serves client id {self.gateway.client_id}", "Set another FNTX_GATEWAY_CLIENT_ID"
            )
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
        self.messages.append((code, f"{code} {text}"))


@asynccontextmanager
async def _connected(gateway: Gateway) -> AsyncIterator[_Conversation]:
    # a broken message raises in the loop and ends the connection, which `closed` shows; nothing is to be printed
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    conversation = _Conversation(gateway)
    try:
        await conversation.connect()
        yield conversation
    finally:
        await conversation.close()


def _require_account(gateway: Gateway, served: Iterable[str], account: str) -> None:
    if account not in served:
        others = ", ".join(masked(other) for other in served) or "none"
        raise OtherAccount(
            f"IB Gateway at {gateway.address} serves {others}, not {masked(account)}",
            "Log it in with that account, or correct FNTX_GATEWAYS",
        )


def _snapshot(gateway: Gateway, conversation: _Conversation, account: str, as_of: datetime) -> Snapshot:
    ib = conversation.ib
    values = _Values(conversation, {(value.tag, value.currency): value.value for value in ib.accountValues(account)})
    nav, currency = values.nav()
    values.require_sum(nav, currency)
    return Snapshot(
        account_id=account,
        as_of=as_of,
        currency=currency,
        nav=nav,
        cash=values.required("TotalCashValue", currency),
        initial_margin=values.amount("FullInitMarginReq", currency),
        maintenance_margin=values.amount("FullMaintMarginReq", currency),
        excess_liquidity=values.amount("FullExcessLiquidity", currency),
        cushion=values.amount("Cushion", ""),
        positions=_positions(conversation, account),
        executions=tuple(
            _execution(conversation, fill)
            for fill in sorted(conversation.fills(account), key=lambda fill: (fill.time, fill.execution.execId))
        ),
        buying_power=values.amount("BuyingPower", currency),
    )


class _Values:
    """The account values as delivered, by tag and currency."""

    def __init__(self, conversation: _Conversation, delivered: Mapping[tuple[str, str], str]) -> None:
        self.conversation = conversation
        self.delivered = delivered
        if delivered.get(("AccountReady", ""), "true") != "true":
            raise conversation.unavailable(State.INCOMPLETE, "says that the account is not ready")

    def nav(self) -> tuple[Decimal, str]:
        """NetLiquidation and its currency."""
        currencies = [currency for tag, currency in self.delivered if tag == "NetLiquidation"]
        if len(currencies) != 1 or currencies[0] in ("", "BASE"):
            raise self.conversation.unavailable(State.INCOMPLETE, "did not deliver NetLiquidation in one currency")
        return self.required("NetLiquidation", currencies[0]), currencies[0]

    def amount(self, tag: str, currency: str) -> Decimal | None:
        """The amount; None where it was not delivered, or not as a number."""
        text = self.delivered.get((tag, currency))
        try:
            amount = None if text is None else Decimal(text)
        except InvalidOperation:
            return None
        return None if amount is None or not amount.is_finite() or float(amount) == UNSET_DOUBLE else amount

    def required(self, tag: str, currency: str) -> Decimal:
        amount = self.amount(tag, currency)
        if amount is None:
            raise self.conversation.unavailable(State.INCOMPLETE, f"did not deliver {tag}")
        return amount

    def require_sum(self, nav: Decimal, currency: str) -> None:
        """Raises Unavailable where the parts of the NAV, in the account's base currency, do not add up to it."""
        ledger = "BASE" if (_CASH, "BASE") in self.delivered else currency
        self.required(_CASH, ledger)
        parts = sum((self.amount(tag, ledger) or Decimal(0) for tag in _PARTS), Decimal(0))
        if abs(nav - parts) > max(abs(nav) * _TOLERANCE, Decimal(1)):
            raise self.conversation.unavailable(
                State.DISAGREES, f"delivered a NAV that its parts do not make: they are {abs(nav - parts):,.2f} apart"
            )


def _positions(conversation: _Conversation, account: str) -> tuple[MarkedPosition, ...]:
    """The positions with their market values, which only the portfolio has; both lists must agree."""
    held = {
        item.contract.conId: item.position for item in conversation.ib.positions(account) if _is_held(item.contract)
    }
    marked = [item for item in conversation.ib.portfolio(account) if _is_held(item.contract)]
    if held != {item.contract.conId: item.position for item in marked}:
        raise conversation.unavailable(State.INCOMPLETE, "did not deliver the market value of every position")
    return tuple(
        MarkedPosition(
            contract=_contract(item.contract),
            quantity=_exact(conversation, item.position),
            currency=item.contract.currency,
            mark=_exact(conversation, item.marketPrice),
            market_value=_exact(conversation, item.marketValue),
            average_cost=_exact(conversation, item.averageCost) / _multiplier(item.contract),
        )
        for item in marked
    )


def _is_held(contract: ib_insync.Contract) -> bool:
    """Whether a listed position counts: the gateway lists pairs of currencies for display, and their money is cash."""
    return contract.secType != _PAIR


def _execution(conversation: _Conversation, fill: ib_insync.Fill) -> Execution:
    execution, report = fill.execution, fill.commissionReport
    size = _exact(conversation, execution.shares)
    closed_nothing = execution.execId in conversation.wrapper.closed_nothing
    return Execution(
        execution_id=execution.execId,
        at=execution.time,
        contract=_contract(fill.contract),
        currency=fill.contract.currency,
        quantity=-size if execution.side == "SLD" else size,
        price=_exact(conversation, execution.price),
        commission=-_exact(conversation, report.commission),
        commission_currency=report.currency or fill.contract.currency,
        realised=None if closed_nothing else _exact(conversation, report.realizedPNL),
    )


def _contract(wire: ib_insync.Contract) -> Contract:
    """The contract with the names that the broker's statements have for it."""
    option = wire.right[:1] in ("C", "P")
    strike = Decimal(_shortest(wire.strike)) if option else None
    expiry = _day(wire.lastTradeDateOrContractMonth)
    name = wire.localSymbol or wire.symbol
    described = f"{wire.symbol} {expiry:%d%b%y} {strike} {wire.right[:1]}".upper() if option and expiry else name
    return Contract(
        contract_id=str(wire.conId),
        symbol=name,
        description=described,
        asset_category=wire.secType,
        underlying_symbol=wire.symbol or None,
        multiplier=_multiplier(wire),
        strike=strike,
        expiry=expiry,
        put_call=wire.right[:1] if option else None,
    )


def _day(text: str) -> date | None:
    return datetime.strptime(text[:8], "%Y%m%d").date() if text[:8].isdecimal() and len(text) >= 8 else None


def _multiplier(wire: ib_insync.Contract) -> Decimal:
    return Decimal(wire.multiplier or 1)


def _exact(conversation: _Conversation, number: float) -> Decimal:
    """The decimal that was sent. Raises Unavailable where there is none."""
    amount = Decimal(_shortest(number))
    if not amount.is_finite() or number == UNSET_DOUBLE:
        raise conversation.unavailable(State.INCOMPLETE, "delivered a position or a fill without its figures")
    return amount


def _shortest(number: float) -> str:
    return repr(float(number)).removesuffix(".0")

"""The conversation with IB Gateway, through ib_insync, and what of it makes a snapshot.

The one module that imports ib_insync. `IB.connect` logs a request that timed out and goes on as if nothing were
missing; here each request is made and awaited by name, and what did not arrive is an error. The requests are those of
a read-only connection: time, positions, account values, executions. ib_insync reads amounts as floats; the shortest
text of a float is the decimal that stood on the wire, up to fifteen digits. Account values stay the texts they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import ib_insync
from ib_insync.client import Client
from ib_insync.util import UNSET_DOUBLE
from ib_insync.wrapper import RequestError, Wrapper

from fntx_dagster.accounting.provisional import execution_id
from fntx_dagster.adapters.gateway.client import Gateway
from fntx_dagster.adapters.gateway.states import OtherAccount, State, Unavailable
from fntx_dagster.errors import masked, without_accounts
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot

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
"""Of the NAV: what its parts may be apart, because the gateway does not renew all of them at one moment."""

_LOST = (1100, 2110)  # the gateway's own connection to the broker is gone: what it shows is old
_FOUND = (1101, 1102)
_CLIENT_ID_IN_USE = 326
_PAIR, _COMBINATION = "CASH", "BAG"
_LATER = "Ask again in a minute; if it stays so, restart IB Gateway"


async def read(gateway: Gateway, account: str) -> Snapshot:
    """`client.snapshot`, within a loop."""
    async with _connected(gateway) as conversation:
        _require_account(gateway, conversation.ib.managedAccounts(), account)
        as_of = await conversation.ask(account)
        await conversation.commissions(account)
        conversation.require_whole()
        return _snapshot(gateway, conversation, account, as_of)


class _Wrapper(Wrapper):
    """ib_insync's, which also remembers what it forgets: which fills the broker says closed nothing."""

    def reset(self) -> None:
        super().reset()
        self.closed_nothing: set[str] = set()

    def commissionReport(self, commissionReport: Any) -> None:
        if commissionReport.realizedPNL == UNSET_DOUBLE:
            self.closed_nothing.add(commissionReport.execId)
        else:
            self.closed_nothing.discard(commissionReport.execId)
        super().commissionReport(commissionReport)


class _Conversation:
    """One connection: its requests, its deadline, and what the gateway said beside the answers."""

    def __init__(self, gateway: Gateway) -> None:
        loop = asyncio.get_running_loop()
        self.gateway = gateway
        self.deadline = loop.time() + gateway.timeout
        self.said: list[tuple[int, str]] = []
        self.unreadable = 0
        self.closed: asyncio.Future[None] = loop.create_future()
        self.ib = ib_insync.IB()
        self.ib.RaiseRequestErrors = True
        self.wrapper = self.ib.wrapper = _Wrapper(self.ib)
        self.client = self.ib.client = Client(self.wrapper)
        self.client.decoder.logger = self  # where it tells of messages that it could not read
        self.client.conn.hasData.error_event += self._on_unreadable
        self.client.conn.disconnected += self._on_closed
        self.ib.errorEvent += self._on_said

    def left(self) -> float:
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def unavailable(self, state: State, what: str, way_out: str = _LATER) -> Unavailable:
        said = f"; it says: {without_accounts(self.said[-1][1])}" if self.said else ""
        return Unavailable(state, f"IB Gateway at {self.gateway.address} {what}{said}", way_out)

    async def connect(self) -> None:
        """TCP, versions, and the accounts that the gateway serves."""
        gateway = self.gateway
        greeting = asyncio.ensure_future(
            self.client.connectAsync(gateway.host, gateway.port, gateway.client_id, timeout=None)
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

    async def ask(self, account: str) -> datetime:
        """Every request at once; what they bring is kept by `ib`. Returns the gateway's time."""
        now = self.ib.reqCurrentTimeAsync()
        requests = {
            "its time": now,
            "the positions": self.ib.reqPositionsAsync(),
            "the account values": self.ib.reqAccountUpdatesAsync(account),
            "the executions": self.ib.reqExecutionsAsync(ib_insync.ExecutionFilter(acctCode=account)),
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
        except RequestError as refused:
            raise self.unavailable(State.INCOMPLETE, f"refused a request with code {refused.code}") from None
        return now.result()

    async def commissions(self, account: str) -> None:
        """Wait for the commission of each fill; they come after the fills, at times seconds later."""
        while missing := [fill for fill in self.fills(account) if not fill.commissionReport.execId]:
            if self.closed.done() or not self.left():
                noun = "fill" if len(missing) == 1 else "fills"
                raise self.unavailable(State.INCOMPLETE, f"did not deliver the commissions of {len(missing)} {noun}")
            await asyncio.sleep(min(0.05, self.left()))

    def fills(self, account: str) -> list[ib_insync.Fill]:
        """The account's fills, of each the highest version. A combination's own fill repeats those of its legs."""
        latest: dict[str, ib_insync.Fill] = {}
        for fill in sorted(self.ib.fills(), key=lambda fill: execution_id(fill.execution.execId).version):
            if fill.execution.acctNumber == account and fill.contract.secType != _COMBINATION:
                latest[execution_id(fill.execution.execId).root] = fill
        return list(latest.values())

    def require_whole(self) -> None:
        """Incomplete where messages were lost on the way here, or the gateway itself is cut off from the broker."""
        if self.closed.done() or self.unreadable:
            raise self._broken()
        states = [code for code, _ in self.said if code in (*_LOST, *_FOUND)]
        if states and states[-1] in _LOST:
            raise self.unavailable(State.INCOMPLETE, "has lost its connection to the broker")

    async def close(self) -> None:
        transport = self.client.conn.transport
        self.client.disconnect()
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)  # the socket closes in the loop's next round

    def exception(self, *_: object) -> None:
        """As a decoder's logger: a message was dropped."""
        self.unreadable += 1

    def _broken(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(State.INCOMPLETE, "sent a message that cannot be read")
        return self.unavailable(State.INCOMPLETE, "closed the connection before everything had arrived")

    def _refused(self) -> Unavailable:
        if self.unreadable:
            return self.unavailable(State.DOWN, "does not speak its protocol", "Compare the port with FNTX_GATEWAYS")
        if any(code == _CLIENT_ID_IN_USE for code, _ in self.said):
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

    def _on_said(self, request: int, code: int, text: str, contract: object) -> None:
        self.said.append((code, f"{code} {text}"))


@asynccontextmanager
async def _connected(gateway: Gateway) -> AsyncIterator[_Conversation]:
    # whatever a broken message raises within the loop ends the connection, which is noticed; nothing is printed
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    conversation = _Conversation(gateway)
    try:
        await conversation.connect()
        yield conversation
    finally:
        await conversation.close()


def _require_account(gateway: Gateway, served: Iterable[str], account: str) -> None:
    if account not in served:
        others = ", ".join(masked(one) for one in served) or "none"
        raise OtherAccount(
            f"IB Gateway at {gateway.address} serves {others}, not {masked(account)}",
            "Log it in with that account, or correct FNTX_GATEWAYS",
        )


def _snapshot(gateway: Gateway, conversation: _Conversation, account: str, as_of: datetime) -> Snapshot:
    ib = conversation.ib
    values = _Values(conversation, {(one.tag, one.currency): one.value for one in ib.accountValues(account)})
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
    )


class _Values:
    """The account values as delivered: (tag, currency) → text."""

    def __init__(self, conversation: _Conversation, delivered: Mapping[tuple[str, str], str]) -> None:
        self.conversation = conversation
        self.delivered = delivered
        if delivered.get(("AccountReady", ""), "true") != "true":
            raise conversation.unavailable(State.INCOMPLETE, "says that the account is not ready")

    def nav(self) -> tuple[Decimal, str]:
        """NetLiquidation and the currency that it carries."""
        currencies = [currency for tag, currency in self.delivered if tag == "NetLiquidation"]
        if len(currencies) != 1 or currencies[0] in ("", "BASE"):
            raise self.conversation.unavailable(State.INCOMPLETE, "did not deliver NetLiquidation in one currency")
        return self.required("NetLiquidation", currencies[0]), currencies[0]

    def amount(self, tag: str, currency: str) -> Decimal | None:
        """None where it was not delivered, or as a number that is none."""
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
        """The parts of the NAV, in the account's base currency, make the NAV."""
        ledger = "BASE" if (_CASH, "BASE") in self.delivered else currency
        self.required(_CASH, ledger)
        parts = sum((self.amount(tag, ledger) or Decimal(0) for tag in _PARTS), Decimal(0))
        if abs(nav - parts) > max(abs(nav) * _TOLERANCE, Decimal(1)):
            raise self.conversation.unavailable(
                State.DISAGREES, f"tells a NAV that its parts do not make: they are {abs(nav - parts):,.2f} apart"
            )


def _positions(conversation: _Conversation, account: str) -> tuple[MarkedPosition, ...]:
    """What is held, with market values, which only the portfolio has; both must hold the same."""
    held = {one.contract.conId: one.position for one in conversation.ib.positions(account) if _is_held(one.contract)}
    marked = [one for one in conversation.ib.portfolio(account) if _is_held(one.contract)]
    if held != {one.contract.conId: one.position for one in marked}:
        raise conversation.unavailable(State.INCOMPLETE, "did not deliver the market value of every position")
    return tuple(
        MarkedPosition(
            contract=_contract(one.contract),
            quantity=_exact(conversation, one.position),
            currency=one.contract.currency,
            mark=_exact(conversation, one.marketPrice),
            market_value=_exact(conversation, one.marketValue),
            average_cost=_exact(conversation, one.averageCost) / _multiplier(one.contract),
        )
        for one in marked
    )


def _is_held(contract: ib_insync.Contract) -> bool:
    """A pair of currencies is listed too, for display; its money is in the cash."""
    return contract.secType != _PAIR


def _execution(conversation: _Conversation, fill: ib_insync.Fill) -> Execution:
    done, report = fill.execution, fill.commissionReport
    size = _exact(conversation, done.shares)
    closed_nothing = done.execId in conversation.wrapper.closed_nothing
    return Execution(
        execution_id=done.execId,
        at=done.time,
        contract=_contract(fill.contract),
        currency=fill.contract.currency,
        quantity=-size if done.side == "SLD" else size,
        price=_exact(conversation, done.price),
        commission=-_exact(conversation, report.commission),
        commission_currency=report.currency or fill.contract.currency,
        realised=None if closed_nothing else _exact(conversation, report.realizedPNL),
    )


def _contract(wire: ib_insync.Contract) -> Contract:
    """Named as the broker's statements name it, so that both tell of one contract in the same words."""
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


def _day(text: str) -> Any:
    return datetime.strptime(text[:8], "%Y%m%d").date() if text[:8].isdecimal() and len(text) >= 8 else None


def _multiplier(wire: ib_insync.Contract) -> Decimal:
    return Decimal(wire.multiplier or 1)


def _exact(conversation: _Conversation, number: float) -> Decimal:
    """The decimal that stood on the wire."""
    amount = Decimal(_shortest(number))
    if not amount.is_finite() or number == UNSET_DOUBLE:
        raise conversation.unavailable(State.INCOMPLETE, "delivered a position or a fill without its figures")
    return amount


def _shortest(number: float) -> str:
    return repr(float(number)).removesuffix(".0")

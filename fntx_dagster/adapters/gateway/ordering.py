"""Orders at IB Gateway: placing, finding, cancelling, fills, rules and quotes, in the running loop.

An order is a limit order whose `orderRef` is its client id; the broker does not check that for uniqueness, so nothing
is sent twice. The broker's `permId` is the order's id. Amounts are in shares, also those of an option (`symbols`). The
gateway shows completed orders and executions of its current day alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Container, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import ib_insync
from ib_insync.util import UNSET_DOUBLE

from fntx_dagster.adapters.gateway.conversation import Conversation, GatewayMessage, exact, shortest
from fntx_dagster.adapters.gateway.states import State, Unavailable
from fntx_dagster.adapters.gateway.symbols import instrument
from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.model.exchanges import (
    ExchangeState,
    FoundFill,
    FoundOrder,
    MarketRules,
    OrderRefusedError,
    OutcomeUnknownError,
    SentOrder,
)
from fntx_dagster.model.orders import OrderFill, Quote
from fntx_dagster.model.snapshot import execution_id

_NEW_YORK = ZoneInfo("America/New_York")
_ZERO = Decimal(0)

_STATES: dict[str, ExchangeState] = {
    "PreSubmitted": "open",
    "Submitted": "open",
    "PendingCancel": "open",
    "PendingSubmit": "open",
    "ApiPending": "open",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "ApiCancelled": "cancelled",
    "Inactive": "rejected",
}
_TAKEN_IN = ("PreSubmitted", "Submitted", "Filled", "Cancelled", "ApiCancelled", "Inactive")
_ENDED = ("Filled", "Cancelled", "ApiCancelled", "Inactive")

_REFUSALS = frozenset(
    {
        103,  # duplicate order id
        *(105, 106, 107, 109, 110, 111, 113, 116, 118, 131, 132, 133, 134, 140, 144, 145, 147),  # the order's fields
        *(200, 201, 203),  # no such contract; rejected; the account may not trade it
        *(320, 321, 322),  # the request cannot be read, is not valid (a read-only gateway), or cannot be processed
        *(382, 383, 387, 388, 391, 392, 423, 428, 435, 436, 439, 461, 462),  # sizes, order types, accounts, limits
        *(10243, 10268, 10269, 10270),  # fractional sizes; attributes that are not supported
    }
)
"""Codes that say of an order that it was not placed. After any other it is asked for."""

_NOTES = frozenset({202, 399, 404, 434, 492, 10167, *range(2100, 2200)})
"""Codes of messages after which an order stands as its status says: a cancellation, a note, a warning."""

_NO_SUCH_CONTRACT = 200
_NOT_SUBSCRIBED = (354, 10089, 10090, 10091, 10168, 10186, 10197)
_NOTHING_TO_CANCEL = (135, 161, 10147, 10148)
_LIVE, _ADDED = 1, 1
_IOC_SECONDS = 3.0
_QUOTE_SECONDS = 3.0
"""How long a market without a bid or an ask is waited for: others wait for the connection."""
_SUBSCRIBE = "Subscribe the account to its market data at IBKR; delayed prices guard no order"


class GatewayMarket(NamedTuple):
    """A stock or option at the broker. `multiplier`: shares of one contract, 1 of a stock."""

    contract: ib_insync.Contract
    multiplier: Decimal
    rules: MarketRules


class Ordering:
    """One connection's requests about the orders of an account. `markets`: those that are known, by symbol."""

    def __init__(self, conversation: Conversation, account: str, markets: dict[str, GatewayMarket]) -> None:
        self.conversation = conversation
        self.ib = conversation.ib
        self.account = account
        self.markets = markets

    async def now(self) -> datetime:
        """The gateway's time, to the second, in UTC."""
        [now] = await self.conversation.answers({"its time": self.ib.reqCurrentTimeAsync()})
        return now.astimezone(UTC)

    async def market(self, symbol: str) -> GatewayMarket:
        """The contract that a symbol names, and its rules. Raises Permanent where there is not exactly one."""
        if symbol not in self.markets:
            self.markets[symbol] = await self._asked_for(symbol)
        return self.markets[symbol]

    async def place(self, order: SentOrder) -> FoundOrder:
        """Place an order, once, and wait until the broker has taken it in; of an IOC order, what became of it. Raises
        OrderRefusedError or OutcomeUnknownError, and before the order is sent Transient or Permanent."""
        at = await self.market(order.symbol)
        wire = _order(at, order, self.account)
        self.conversation.require_whole()
        try:
            trade = self.ib.placeOrder(at.contract, wire)
            return await self._placed(order, at, trade)
        except (Unavailable, ConnectionError) as error:
            raise OutcomeUnknownError(str(error)) from None

    async def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        """The order of a client id. Raises Permanent where it may be older than what the gateway shows."""
        at = await self.market(symbol)
        now, resting, ended, _ = await self.conversation.answers(
            {
                "its time": self.ib.reqCurrentTimeAsync(),
                "the open orders": self.ib.reqAllOpenOrdersAsync(),
                "the completed orders": self.ib.reqCompletedOrdersAsync(False),
                "the executions": self._executions(),
            }
        )
        self.conversation.require_whole()  # cut off from the broker, the gateway shows what it knew before
        own = [fill for fill in self.conversation.fills(self.account) if fill.execution.orderRef == client_id]
        traded = sum((self._shares(fill.execution.shares, at) for fill in own), _ZERO)
        for trade in (*resting, *ended):
            if trade.order.orderRef == client_id and trade.order.account == self.account:
                filled = max(trade.orderStatus.filled, _filled_quantity(trade.order))
                return _found(client_id, trade, max(traded, self._shares(filled, at)))
        if own:
            return FoundOrder(client_id, str(own[0].execution.permId), "partially_filled", traded)
        if since.astimezone(_NEW_YORK).date() < now.astimezone(_NEW_YORK).date():
            raise Permanent(
                f"IB Gateway shows the orders of today, and not what became of one of {since:%Y-%m-%d}",
                "Look it up in TWS or the account's statement",
            )
        return None

    async def cancel(self, order: FoundOrder) -> None:
        """Cancel what rests of an order. Raises Permanent where another client placed it, or the gateway refuses."""
        [resting] = await self.conversation.answers({"the open orders": self.ib.reqAllOpenOrdersAsync()})
        self.conversation.require_whole()
        own = [trade for trade in resting if trade.order.account == self.account]
        trade = next((trade for trade in own if _is(trade.order, order)), None)
        if trade is None:
            return
        gateway = self.conversation.gateway
        if trade.order.clientId != gateway.client_id:
            raise Permanent(
                f"client id {trade.order.clientId} placed the order at IB Gateway, and it alone can cancel it",
                f"Set {gateway.setting} to it, or cancel the order in TWS",
            )
        self.ib.cancelOrder(trade.order)
        number = trade.order.orderId

        def gone() -> bool:
            return trade.orderStatus.status in _ENDED or bool(self._said(number, _NOTHING_TO_CANCEL))

        done = await self.conversation.until(gone, self.conversation.left())
        refusals = [said for said in self._said(number) if said.code not in (*_NOTES, *_NOTHING_TO_CANCEL)]
        if refusals:
            raise Permanent(f"IB Gateway does not cancel the order: {without_accounts(refusals[0].text)}")
        if not done:
            raise self.conversation.unavailable(State.INCOMPLETE, "did not confirm that the order is cancelled")

    async def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        """The executions of a contract since a moment, each with its commission; of a corrected one the correction,
        under the id of the first version."""
        at = await self.market(symbol)
        await self.conversation.answers({"the executions": self._executions()})

        def wanted() -> list[ib_insync.Fill]:
            fills = self.conversation.fills(self.account)
            own = [fill for fill in fills if fill.contract.conId == at.contract.conId and fill.execution.time >= since]
            return sorted(own, key=lambda fill: (fill.execution.time, fill.execution.execId))

        await self.conversation.commissions(wanted)
        self.conversation.require_whole()
        return [self._fill(fill, at) for fill in wanted()]

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now, at the gateway's time; the subscription ends with the connection. Raises Permanent
        where the account has no live prices of it."""
        at = await self.market(symbol)
        now = await self.now()
        ticker = self.ib.reqMktData(at.contract)

        def refused() -> bool:
            return any(message.code in _NOT_SUBSCRIBED for message in self.conversation.messages)

        def arrived() -> bool:
            return refused() or (min(ticker.bid, ticker.ask) > 0 and min(ticker.bidSize, ticker.askSize) >= 0)

        complete = await self.conversation.until(arrived, _QUOTE_SECONDS)
        if refused() or (complete and ticker.marketDataType != _LIVE):
            raise Permanent(f"IB Gateway has no live prices of {symbol}", _SUBSCRIBE)
        if not complete:
            raise self.conversation.unavailable(
                State.INCOMPLETE, f"delivered no bid and ask of {symbol}", "See whether its market is open"
            )
        bid, ask = exact(self.conversation, ticker.bid), exact(self.conversation, ticker.ask)
        return Quote(bid, ask, self._shares(ticker.bidSize, at), self._shares(ticker.askSize, at), now)

    async def _asked_for(self, symbol: str) -> GatewayMarket:
        named = instrument(symbol)
        wanted = ib_insync.Contract(
            secType="OPT" if named.local_symbol else "STK",
            symbol="" if named.local_symbol else named.root,
            localSymbol=named.local_symbol,
            exchange="SMART",
            currency=named.currency,
        )
        try:
            [found] = await self.conversation.answers({"the contract": self.ib.reqContractDetailsAsync(wanted)})
        except Unavailable as error:
            if error.refusal != _NO_SUCH_CONTRACT:
                raise
            found = []
        if len(found) != 1:
            knows = f"knows {len(found)} contracts called" if found else "does not know"
            raise Permanent(f"IBKR {knows} {symbol}", "Compare the symbol with the contract at IBKR")
        [details] = found
        if details.priceMagnifier != 1:
            raise Permanent(f"IBKR quotes {symbol} in a part of {named.currency}", "Trade it where it has its price")
        multiplier = Decimal(details.contract.multiplier or 1)
        step = multiplier * max(_number(details.sizeIncrement), Decimal(1))
        least = max(multiplier * _number(details.minSize), step)
        rules = MarketRules(symbol, step, exact(self.conversation, details.minTick), least)
        return GatewayMarket(details.contract, multiplier, rules)

    async def _placed(self, order: SentOrder, at: GatewayMarket, trade: ib_insync.Trade) -> FoundOrder:
        """What the broker says of an order that is on its way."""
        number = trade.order.orderId

        def taken_in() -> bool:
            numbered = trade.order.permId or trade.orderStatus.permId
            return bool(numbered) and trade.orderStatus.status in _TAKEN_IN

        await self.conversation.until(lambda: taken_in() or bool(self._errors(number)), self.conversation.left())
        if errors := self._errors(number):
            words = without_accounts(errors[0].text)
            raise OrderRefusedError(words) if errors[0].code in _REFUSALS else OutcomeUnknownError(words)
        if not taken_in():
            raise self.conversation.unavailable(State.INCOMPLETE, "did not say what became of the order")
        if order.time_in_force == "IOC":
            await self.conversation.until(lambda: trade.orderStatus.status in _ENDED, _IOC_SECONDS)
        trade.order.permId = trade.order.permId or trade.orderStatus.permId
        return _found(order.client_id, trade, self._shares(trade.orderStatus.filled, at))

    def _executions(self) -> Awaitable[list[ib_insync.Fill]]:
        return self.ib.reqExecutionsAsync(ib_insync.ExecutionFilter(acctCode=self.account))

    def _said(self, number: int, codes: Container[int] | None = None) -> list[GatewayMessage]:
        """The messages about an order, or those of them with these codes."""
        about = [message for message in self.conversation.messages if message.request == number]
        return [message for message in about if codes is None or message.code in codes]

    def _errors(self, number: int) -> list[GatewayMessage]:
        """The messages after which an order's status is ib_insync's guess."""
        return [message for message in self._said(number) if message.code not in _NOTES]

    def _shares(self, contracts: float, at: GatewayMarket) -> Decimal:
        """Contracts as the ledger counts them."""
        return exact(self.conversation, contracts) * at.multiplier

    def _fill(self, fill: ib_insync.Fill, at: GatewayMarket) -> FoundFill:
        execution, report = fill.execution, fill.commissionReport
        done = OrderFill(
            trade_id=_first(execution.execId),
            side="sell" if execution.side == "SLD" else "buy",
            quantity=self._shares(execution.shares, at),
            price=exact(self.conversation, execution.price),
            fee=exact(self.conversation, report.commission),
            fee_currency=report.currency or fill.contract.currency,
            liquidity="maker" if execution.lastLiquidity == _ADDED else "taker",
            at=execution.time,
        )
        return FoundFill(execution.orderRef, str(execution.permId), at.rules.symbol, done)


def _order(at: GatewayMarket, order: SentOrder, account: str) -> ib_insync.Order:
    """The order in the broker's words. Raises Permanent where it would go out as another amount or price."""
    contracts = order.amount / at.multiplier
    if order.amount % at.rules.amount_step or order.price % at.rules.price_step:
        steps = f"amounts in steps of {at.rules.amount_step:f} and prices of {at.rules.price_step:f}"
        raise Permanent(f"IBKR takes {order.symbol} at {steps}")
    if any(Decimal(shortest(float(number))) != number for number in (contracts, order.price)):
        raise Permanent("the amount or the price has more than 15 digits")
    return ib_insync.Order(
        action=order.side.upper(),
        totalQuantity=float(contracts),
        orderType="LMT",
        lmtPrice=float(order.price),
        tif=order.time_in_force,
        orderRef=order.client_id,
        account=account,
    )


def _found(client_id: str, trade: ib_insync.Trade, filled: Decimal) -> FoundOrder:
    state = _STATES.get(trade.orderStatus.status, "open")
    if filled and state in ("open", "rejected"):
        state = "partially_filled" if state == "open" else "cancelled"
    return FoundOrder(client_id, str(trade.order.permId), state, filled)


def _is(order: ib_insync.Order, wanted: FoundOrder) -> bool:
    if wanted.exchange_id:
        return str(order.permId) == wanted.exchange_id
    return bool(wanted.client_id) and order.orderRef == wanted.client_id


def _first(execution: str) -> str:
    """The id of an execution's first version, which corrections replace and the broker's statements know."""
    root, version = execution_id(execution)
    return f"{root}.01" if version else root


def _filled_quantity(order: ib_insync.Order) -> float:
    """What a completed order got; of other orders it is not known, and ib_insync then has its largest float."""
    return order.filledQuantity if order.filledQuantity < UNSET_DOUBLE else 0.0


def _number(value: float) -> Decimal:
    """A number of the contract's details; 0 where the gateway does not state it."""
    return Decimal(shortest(value)) if 0 < value < UNSET_DOUBLE else _ZERO

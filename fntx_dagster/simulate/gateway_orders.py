"""What the simulated IB Gateway does with orders: it takes them in, matches them, and reports them.

Orders match the caller's quotes as `ledger.matching` says, in contracts. Here are the values and the fields of their
messages in the wire's order; the connection that carries them is in `gateway`. The broker checks an order's number and
price, and never its reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.ledger.matching import at_once, reaches
from fntx_dagster.model.orders import OrderRequest, Quote, Side
from fntx_dagster.simulate.gateway_accounts import GatewayContract

UNSET = "1.7976931348623157E308"
"""How the broker writes a number that it does not have."""
PLACE_ORDER, CANCEL_ORDER, OPEN_ORDERS, ALL_OPEN_ORDERS, COMPLETED_ORDERS = 3, 4, 5, 16, 99
CONTRACT_DATA, MARKET_DATA = 9, 1
ORDER_REQUESTS = (
    *(PLACE_ORDER, CANCEL_ORDER, OPEN_ORDERS, ALL_OPEN_ORDERS, COMPLETED_ORDERS),
    *(CONTRACT_DATA, MARKET_DATA),
)
"""The requests that `order_messages` answers, by message id."""
Message = tuple[object, ...]
_EASTERN = ZoneInfo("US/Eastern")
_FIRST_ORDER = 1
_EMPTY = ("",) * 40
"""Fields that an order of this kind does not have."""


class GatewayListing(NamedTuple):
    """A contract that can be traded, its least move in price, and its quote now (None: none)."""

    contract: GatewayContract
    min_tick: Decimal
    quote: Quote | None = None
    price_magnifier: int = 1


class BrokerRefusal(Exception):
    """The broker does not do what is asked, with its code and words."""

    def __init__(self, code: int, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(words)


@dataclass(frozen=True)
class GatewayExecution:
    """A fill of an order: contracts, price, and 1 where it added liquidity, 2 where it took it."""

    execution_id: str
    order: GatewayOrder
    quantity: Decimal
    price: Decimal
    commission: Decimal
    liquidity: int
    at: datetime


@dataclass(eq=False)
class GatewayOrder:
    """An order as a client placed it; quantity in contracts."""

    number: int
    client: int
    perm_id: int
    account: str
    listing: GatewayListing
    action: str
    quantity: Decimal
    limit: Decimal
    tif: str
    reference: str
    state: str = "Submitted"
    executions: list[GatewayExecution] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((done.quantity for done in self.executions), Decimal(0))

    @property
    def rests(self) -> bool:
        return self.state == "Submitted"


class OrderDesk:
    """The broker's desk behind a gateway. `commission`: of one contract, in its currency; `refusal`: the code and words
    that every order gets instead; `market_data`: 1 live prices, 3 delayed ones, 0 none for this account."""

    def __init__(self, listings: Sequence[GatewayListing] = (), commission: Decimal = Decimal("0.65")) -> None:
        self.listings = {listing.contract.con_id: listing for listing in listings}
        self.commission = commission
        self.refusal: tuple[int, str] | None = None
        self.market_data = 1
        self.orders: list[GatewayOrder] = []
        self.executions: list[GatewayExecution] = []

    def next_number(self, client: int) -> int:
        """The number that a client's next order may have."""
        return max((order.number for order in self.orders if order.client == client), default=_FIRST_ORDER - 1) + 1

    def named(self, asked: Sequence[str]) -> list[GatewayListing]:
        """The listings that the contract of a reqContractData message describes; what it leaves out fits every one."""
        symbol, sec_type, currency, local_symbol = asked[4], asked[5], asked[12], asked[13]
        return [
            listing
            for listing in self.listings.values()
            if (listing.contract.sec_type, listing.contract.currency) == (sec_type, currency)
            and symbol in ("", listing.contract.symbol)
            and local_symbol in ("", listing.contract.local_symbol)
        ]

    def place(self, asked: Sequence[str], client: int, now: datetime) -> GatewayOrder:
        """Take in the order of a placeOrder message. Raises BrokerRefusal."""
        if self.refusal is not None:
            raise BrokerRefusal(*self.refusal)
        number = int(asked[1])
        if any((order.client, order.number) == (client, number) for order in self.orders):
            raise BrokerRefusal(103, "Duplicate order id")
        listing = self.listings.get(int(asked[2]))
        if listing is None:
            raise BrokerRefusal(200, "No security definition has been found for the request")
        action, quantity, limit = asked[16], Decimal(asked[17]), Decimal(asked[19])
        if limit % listing.min_tick:
            raise BrokerRefusal(110, "The price does not conform to the minimum price variation for this contract.")
        if quantity % 1:
            raise BrokerRefusal(10243, "Fractional-sized order cannot be placed via API.")
        order = GatewayOrder(
            number, client, 1_900_000_000 + len(self.orders), asked[23], listing, action, quantity, limit, asked[21],
            asked[26],
        )  # fmt: skip
        self.orders.append(order)
        if listing.quote is not None:
            match = at_once(OrderRequest("", "", "", _side(action), quantity, "limit", limit), listing.quote)
            if match.quantity:
                self._fill(order, match.quantity, match.price, 2, now)
        if order.rests and order.tif == "IOC":
            order.state = "Cancelled"
        return order

    def cancel(self, number: int, client: int) -> GatewayOrder:
        """Cancel a client's order. Raises BrokerRefusal."""
        order = next((one for one in self.orders if (one.client, one.number) == (client, number)), None)
        if order is None:
            raise BrokerRefusal(10147, f"OrderId {number} that needs to be cancelled is not found.")
        if not order.rests:
            words = f"OrderId {number} that needs to be cancelled can not be cancelled, state: {order.state}."
            raise BrokerRefusal(10148, words)
        order.state = "Cancelled"
        return order

    def show(self, con_id: int, quote: Quote, now: datetime) -> None:
        """The next quote of a contract: it fills what rests and is reached, whole, at its own limit."""
        self.listings[con_id] = self.listings[con_id]._replace(quote=quote)
        for order in self.orders:
            waits = order.rests and order.listing.contract.con_id == con_id
            if waits and reaches(quote, _side(order.action), order.limit):
                self._fill(order, order.quantity - order.filled, order.limit, 1, now)

    def _fill(self, order: GatewayOrder, quantity: Decimal, price: Decimal, liquidity: int, now: datetime) -> None:
        execution_id = f"0000e0d5.{len(self.executions) + 1:08x}.01.01"
        done = GatewayExecution(execution_id, order, quantity, price, self.commission * quantity, liquidity, now)
        order.executions.append(done)
        self.executions.append(done)
        if order.filled == order.quantity:
            order.state = "Filled"


def order_messages(desk: OrderDesk, asked: Sequence[str], client: int, now: datetime) -> Iterator[Message]:
    """What the gateway sends to a client that asked this."""
    kind = int(asked[0])
    try:
        if kind == PLACE_ORDER:
            yield from _placed(desk.place(asked, client, now))
        elif kind == CANCEL_ORDER:
            yield from _ended(desk.cancel(int(asked[2]), client))
        elif kind == CONTRACT_DATA:
            yield from _contract_data(desk, asked)
        elif kind == MARKET_DATA:
            yield from _market_data(desk, asked)
    except BrokerRefusal as refusal:
        yield 4, 2, asked[1] if kind == PLACE_ORDER else asked[2], refusal.code, refusal.words, ""
    if kind in (OPEN_ORDERS, ALL_OPEN_ORDERS):
        for order in desk.orders:
            if order.rests and (kind == ALL_OPEN_ORDERS or client == order.client):
                yield open_order(order)
                yield order_status(order)
        yield 53, 1
    elif kind == COMPLETED_ORDERS:
        yield from (completed_order(order) for order in desk.orders if not order.rests)
        yield (102,)


def _placed(order: GatewayOrder) -> Iterator[Message]:
    yield open_order(order)
    for done in order.executions:
        yield execution(-1, done, wire_time(done.at))
    yield from _ended(order)
    yield from map(commission, order.executions)


def _ended(order: GatewayOrder) -> Iterator[Message]:
    yield order_status(order)
    if order.state == "Cancelled":
        yield 4, 2, order.number, 202, "Order Canceled - reason:", ""


def _contract_data(desk: OrderDesk, asked: Sequence[str]) -> Iterator[Message]:
    found = desk.named(asked)
    if not found:
        raise BrokerRefusal(200, "No security definition has been found for the request")
    yield from (contract_details(asked[2], listing) for listing in found)
    yield 52, 1, asked[2]


def _market_data(desk: OrderDesk, asked: Sequence[str]) -> Iterator[Message]:
    if not desk.market_data:
        raise BrokerRefusal(354, "Requested market data is not subscribed.")
    quote = desk.listings[int(asked[3])].quote
    if quote is not None:
        yield 58, 1, asked[2], desk.market_data
        yield 1, 6, asked[2], 1, quote.bid, 0 if quote.bid_size is None else quote.bid_size, 0
        yield 1, 6, asked[2], 2, quote.ask, 0 if quote.ask_size is None else quote.ask_size, 0


def contract_details(request: str, listing: GatewayListing) -> Message:
    """The message contractData of a listing."""
    contract, option = listing.contract, listing.contract.sec_type == "OPT"
    return (
        *(10, request, contract.symbol, contract.sec_type, contract.expiry, contract.strike, contract.right),
        *("SMART", contract.currency, contract.local_symbol or contract.symbol, contract.symbol),
        *(contract.trading_class or contract.symbol, contract.con_id, listing.min_tick, contract.multiplier),
        *("LMT,MKT", "SMART,CBOE", listing.price_magnifier, 0, contract.symbol, "" if option else "NASDAQ"),
        *(contract.expiry[:6], "", "", "", "US/Eastern", "", "", "", 0, 0),
        *(0, contract.symbol if option else "", "STK" if option else "", "26", contract.expiry, "COMMON"),
        *(1, 1, 1),
    )


def order_status(order: GatewayOrder) -> Message:
    """The message orderStatus."""
    paid = sum((done.quantity * done.price for done in order.executions), Decimal(0))
    average = paid / order.filled if order.filled else 0
    last = order.executions[-1].price if order.executions else 0
    left = order.quantity - order.filled
    return 3, order.number, order.state, order.filled, left, average, order.perm_id, 0, last, order.client, "", 0


def open_order(order: GatewayOrder) -> Message:
    """The message openOrder: the order's own fields; those of other kinds of orders are empty."""
    return (
        *(5, order.number, *order.listing.contract.fields("SMART"), *_asked(order), order.client, order.perm_id),
        *_EMPTY[:38],  # outsideRth … deltaNeutralAuxPrice
        *_EMPTY[:7],  # continuousUpdate … comboLegsDescrip
        *(0, 0, 0),  # legs, their prices, routing
        *_EMPTY[:8],  # the scale, the hedge, optOutSmartRouting … notHeld
        *(0, ""),  # no delta neutral contract, no algorithm
        *("", 0, order.state, *_EMPTY[:16]),  # solicited, whatIf, the state, margins, commissions
        *(0, *_EMPTY[:16]),  # no conditions; adjustedOrderType … usePriceMgmtAlgo
        *_EMPTY[:8],  # duration … midOffsetAtHalf
    )


def completed_order(order: GatewayOrder) -> Message:
    """The message completedOrder, as `open_order`."""
    return (
        *(101, *order.listing.contract.fields("SMART"), *_asked(order), order.perm_id),
        *_EMPTY[:31],  # outsideRth … deltaNeutralAuxPrice
        *_EMPTY[:5],  # continuousUpdate … comboLegsDescrip
        *(0, 0, 0),  # legs, their prices, routing
        *_EMPTY[:7],  # the scale, the hedge, clearingAccount … notHeld
        *(0, ""),  # no delta neutral contract, no algorithm
        *("", order.state, "", ""),  # solicited, the state, randomizeSize, randomizePrice
        *(0, *_EMPTY[:6], order.filled, *_EMPTY[:6]),  # no conditions; trailStopPrice … parentPermId
        *("20250728 10:15:00 US/Eastern", order.state),
        *_EMPTY[:5],  # minTradeQty … midOffsetAtHalf
    )


def commission(done: GatewayExecution) -> Message:
    """The message commissionReport; what a fill realised is left out."""
    return 59, 1, done.execution_id, done.commission, done.order.listing.contract.currency, UNSET, UNSET, ""


def wire_time(at: datetime) -> str:
    """A moment as the gateway writes it."""
    return f"{at.astimezone(_EASTERN):%Y%m%d %H:%M:%S} US/Eastern"


def execution(request: int | str, done: GatewayExecution, at: str) -> Message:
    """The message execDetails."""
    order = done.order
    side = "BOT" if order.action == "BUY" else "SLD"
    return (
        *(11, request, order.number, *order.listing.contract.fields("SMART"), done.execution_id, at, order.account),
        *("CBOE", side, done.quantity, done.price, order.perm_id, order.client, 0, done.quantity, done.price),
        *(order.reference, "", "", "", done.liquidity),
    )


def _asked(order: GatewayOrder) -> Message:
    return order.action, order.quantity, "LMT", order.limit, 0, order.tif, "", order.account, "", 0, order.reference


def _side(action: str) -> Side:
    return "buy" if action == "BUY" else "sell"

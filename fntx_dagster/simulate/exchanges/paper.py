"""The paper exchange behind every dialect: markets, quotes, accounts, orders and their fills.

Orders match as `ledger.matching` says; the rules that an exchange checks before it takes an order are checked here, and
a refusal has a kind that each dialect words as its exchange does. Quotes and the clock come from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Literal, NamedTuple

from fntx_dagster.ledger.costs import DEFAULT_FEES, ExchangeFees
from fntx_dagster.ledger.matching import at_once, fee, reaches
from fntx_dagster.model.exchanges import ExchangeState, MarketRules
from fntx_dagster.model.orders import RESTING, Liquidity, OrderRequest, Quote, Side

RefusalKind = Literal[
    "symbol", "amount", "least_amount", "price", "least_cost", "balance", "duplicate", "order", "liquidity"
]
ClientIds = Literal["until_filled", "among_open", "for_ever"]
"""How long a client id stays taken: until its order is filled, while its order is open, for ever."""
_ZERO = Decimal(0)


Deliver = Callable[[list[Any]], list[Any]]
"""How a page of fills is delivered: as it is, or as a `Shuffler` of the server does."""


class PaperRefusal(Exception):
    """The exchange does not do what is asked; `kind` says why."""

    def __init__(self, kind: RefusalKind) -> None:
        self.kind: RefusalKind = kind
        super().__init__(kind)


@dataclass(frozen=True)
class PaperTrade:
    """One fill. `fee` is in the quote currency."""

    trade_id: int
    order: PaperOrder
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: Liquidity
    at: datetime


@dataclass(eq=False)
class PaperOrder:
    """An order of an account. `price`: its limit, None for a market order."""

    order_id: int
    account: str
    client_id: str
    symbol: str
    side: Side
    amount: Decimal
    price: Decimal | None
    time_in_force: str
    created_at: datetime
    changed_at: datetime
    state: ExchangeState = "open"
    fills: list[PaperTrade] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((trade.quantity for trade in self.fills), _ZERO)

    @property
    def paid(self) -> Decimal:
        """Amount × price of what was filled, in the quote currency."""
        return sum((trade.quantity * trade.price for trade in self.fills), _ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((trade.fee for trade in self.fills), _ZERO)

    @property
    def rests(self) -> bool:
        return self.state in RESTING


class NewOrder(NamedTuple):
    """An order as a dialect read it from a request. An empty client id is none."""

    account: str
    client_id: str
    symbol: str
    side: Side
    amount: Decimal
    price: Decimal | None
    time_in_force: str = "GTC"


def wall_clock() -> datetime:
    return datetime.now(UTC)


class PaperExchange:
    """One exchange. `keys`: API key → secret, each key an account of its own; `balances`: account → currency → amount,
    an account without an entry is not held to what it has. Threads may call it at the same time."""

    def __init__(
        self,
        name: str,
        markets: Iterable[MarketRules],
        keys: Mapping[str, str],
        *,
        client_ids: ClientIds = "until_filled",
        balances: Mapping[str, Mapping[str, Decimal]] | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.name = name
        self.markets = {market.symbol: market for market in markets}
        self.keys = keys
        self.fees = next((fees for fees in DEFAULT_FEES if fees.exchange == name), ExchangeFees(name, _ZERO, _ZERO))
        self.clock = clock
        self.orders: list[PaperOrder] = []
        self.trades: list[PaperTrade] = []
        self.quotes: dict[str, Quote] = {}
        self.balances = {account: dict(held) for account, held in (balances or {}).items()}
        self.deliver: Deliver = list
        self._client_ids = client_ids
        self._taken: dict[tuple[str, Side], Decimal] = {}
        self._order_ids, self._trade_ids = count(1001), count(501)
        self.lock = threading.RLock()

    def show(self, symbol: str, quote: Quote) -> None:
        """The market's next quote: it fills what waits and is reached, whole, at its own price; what others took of
        the quote before is back."""
        with self.lock:
            self.quotes[symbol] = quote
            self._taken = {key: size for key, size in self._taken.items() if key[0] != symbol}
            for order in [one for one in self.orders if one.symbol == symbol and one.rests]:
                if order.price is not None and reaches(quote, order.side, order.price):
                    self._fill(order, order.amount - order.filled, order.price, "maker")
                    order.state = "filled"

    def place(self, new: NewOrder) -> PaperOrder:
        """Take an order, and what the quote gives it at once. Raises PaperRefusal."""
        with self.lock:
            self._check(new)
            now = self.clock()
            order = PaperOrder(next(self._order_ids), *new, created_at=now, changed_at=now)
            quote = self.quotes.get(new.symbol)
            if quote is None:
                if new.price is None:
                    raise PaperRefusal("liquidity")
            else:
                self._take(order, quote)
            self.orders.append(order)
            if order.rests and (new.price is None or new.time_in_force == "IOC"):
                order.state = "expired"
            return order

    def cancel(self, order: PaperOrder) -> None:
        """Take what rests of an order out of the book. Raises PaperRefusal where nothing rests."""
        with self.lock:
            if not order.rests:
                raise PaperRefusal("order")
            order.state, order.changed_at = "cancelled", self.clock()

    def of(self, account: str, symbol: str | None = None) -> Iterator[PaperOrder]:
        """The orders of an account, oldest first."""
        with self.lock:
            found = [one for one in self.orders if one.account == account and symbol in (None, one.symbol)]
        return iter(found)

    def find(self, account: str, order_id: str = "", client_id: str = "") -> PaperOrder | None:
        """An order by its own id or, the newest, by the client's."""
        for order in reversed([*self.of(account)]):
            if f"{order.order_id}" == order_id or (client_id and order.client_id == client_id):
                return order
        return None

    def trades_of(self, account: str, symbol: str | None = None) -> list[PaperTrade]:
        """The fills of an account, oldest first."""
        with self.lock:
            return [one for one in self.trades if one.order.account == account and symbol in (None, one.order.symbol)]

    def _check(self, new: NewOrder) -> None:
        rules = self.markets.get(new.symbol)
        if rules is None:
            raise PaperRefusal("symbol")
        if new.amount <= 0 or new.amount % rules.amount_step:
            raise PaperRefusal("amount")
        if new.amount < rules.least_amount:
            raise PaperRefusal("least_amount")
        if new.price is not None:
            if new.price <= 0 or new.price % rules.price_step:
                raise PaperRefusal("price")
            if new.price * new.amount < rules.least_cost:
                raise PaperRefusal("least_cost")
        if new.client_id and any(
            self._keeps(order) for order in self.of(new.account) if order.client_id == new.client_id
        ):
            raise PaperRefusal("duplicate")
        self._check_balance(new)

    def _keeps(self, order: PaperOrder) -> bool:
        """Whether an order's client id is still taken."""
        if self._client_ids == "among_open":
            return order.rests
        return self._client_ids == "for_ever" or order.state != "filled"

    def _check_balance(self, new: NewOrder) -> None:
        held = self.balances.get(new.account)
        if held is None:
            return
        base, _, quoted = new.symbol.partition("/")
        free = {base: held.get(base, _ZERO), quoted: held.get(quoted, _ZERO)}
        for order in self.of(new.account):
            if order.rests and order.price is not None:
                left = order.amount - order.filled
                currency = order.symbol.partition("/")[2 if order.side == "buy" else 0]
                free[currency] = free.get(currency, _ZERO) - (left * order.price if order.side == "buy" else left)
        price = new.price
        if price is None:
            quote = self.quotes.get(new.symbol)
            price = quote.ask if quote else _ZERO
        if free[quoted] < new.amount * price if new.side == "buy" else free[base] < new.amount:
            raise PaperRefusal("balance")

    def _take(self, order: PaperOrder, quote: Quote) -> None:
        key = (order.symbol, order.side)
        kind = "market" if order.price is None else "limit"
        asked = OrderRequest("", self.name, order.symbol, order.side, order.amount, kind, order.price)
        match = at_once(asked, quote, self._taken.get(key, _ZERO))
        if match.quantity:
            self._taken[key] = self._taken.get(key, _ZERO) + match.quantity
            self._fill(order, match.quantity, match.price, "taker")
            order.state = "filled" if order.filled == order.amount else "partially_filled"

    def _fill(self, order: PaperOrder, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> None:
        now = self.clock()
        cost = fee(quantity, price, self.fees, taker=liquidity == "taker")
        trade = PaperTrade(next(self._trade_ids), order, quantity, price, cost, liquidity, now)
        order.fills.append(trade)
        order.changed_at = now
        self.trades.append(trade)
        if (held := self.balances.get(order.account)) is not None:
            base, _, quoted = order.symbol.partition("/")
            sign = 1 if order.side == "buy" else -1
            held[base] = held.get(base, _ZERO) + sign * quantity
            held[quoted] = held.get(quoted, _ZERO) - sign * quantity * price - cost

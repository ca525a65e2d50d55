"""An account at an exchange through ccxt: what all such exchanges have in common.

What differs lies in a subclass per exchange. Numbers stay the texts that the exchange sent (`number = str`), prices of
a quote are read past ccxt's order books, which are floats, and an order is sent only if ccxt would send exactly what
was asked. One request at a time: a signature's number or time must not be overtaken. A request that waits for its turn
by the exchange's pace lets others go before it, which cost nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote_plus, urlsplit

import ccxt

from fntx_dagster.adapters.exchanges.budget import RequestBudget
from fntx_dagster.adapters.exchanges.ccxt_faults import LastAnswer, fault, outcome
from fntx_dagster.errors import FntxError, Permanent
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
from fntx_dagster.settings.exchanges import ExchangeKeys

_MARKETS_KEPT = 3600.0
"""Seconds after which the rules of markets are read anew."""
_Answer = TypeVar("_Answer")


class CcxtExchange(ABC):
    """An `Exchange` over ccxt. Every request takes the account's lock."""

    name: str
    options: ClassVar[Mapping[str, Any]] = {}
    """ccxt's options of this exchange."""
    market_parameters: ClassVar[Mapping[str, Any]] = {}
    """Parameters of the request that lists markets."""
    asks_currencies: ClassVar[bool] = False
    """Whether the names of markets cannot be read without the list of currencies."""
    known_errors: ClassVar[Mapping[str, type[ccxt.BaseError]]] = {}
    """Errors that ccxt does not know: part of the text → what it means."""
    client_id_parameter: ClassVar[str] = "clientOrderId"
    burst: ClassVar[float] = 20
    """What requests in a row may cost, in ccxt's counting, before they are slowed down."""
    order_parameters: ClassVar[Mapping[str, Any]] = {}
    """What is sent with each order beside its client id and its time in force."""
    states: ClassVar[Mapping[str, ExchangeState]] = {
        "open": "open",
        "canceling": "open",
        "closed": "filled",
        "canceled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",
    }
    """ccxt's state of an order → what it is here; `filled` only if its amount was."""

    def __init__(self, keys: ExchangeKeys | None, url: str | None, timeout: float) -> None:
        credentials = _plain(keys)
        self._client: Any = getattr(ccxt, self.name)(
            {
                **credentials,
                "timeout": int(timeout * 1000),
                "enableRateLimit": not _is_here(url),  # a server of this machine asks for no pace
                "options": {"adjustForTimeDifference": True, **self.options},
            }
        )
        self._client.number = str
        self._client.has["fetchCurrencies"] = self.asks_currencies
        self._client.exceptions["broad"] = {**self._client.exceptions.get("broad", {}), **self.known_errors}
        self._client.on_rest_response = self._noted
        self._client.logger = logging.Logger(self.name, logging.CRITICAL)  # at DEBUG it logs headers, with keys in them
        if url is not None:
            self._client.urls["api"] = _moved(self._client.urls["api"], url)
        self._secrets = _secrets(credentials)
        self._lock = threading.Condition()
        self._budget = RequestBudget(self._client.rateLimit / 1000, self.burst)
        self._client.throttle = self._paced
        self._last = LastAnswer()
        self._markets_read = float("-inf")

    def rules(self, symbol: str) -> MarketRules:
        """The rules of a market, kept for an hour. Raises Permanent for a symbol that the exchange does not have."""
        market = self._market(symbol)
        precision, limits = market["precision"], market["limits"]
        if not precision["amount"] or not precision["price"]:
            raise Permanent(f"{self.name} states no steps of {symbol}", "Trade another symbol")
        return MarketRules(
            symbol,
            Decimal(precision["amount"]),
            Decimal(self.price_step(market)),
            Decimal(limits["amount"]["min"] or 0),
            Decimal(limits["cost"]["min"] or 0),
        )

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask with their sizes; a side that nobody offers has price and size 0."""
        market = self._market(symbol)
        return self._ask(lambda client: self.best(client, market))

    def send(self, order: SentOrder) -> FoundOrder:
        """Place an order, once; see `Exchange.send`."""
        try:
            rules = self.rules(order.symbol)
        except FntxError as error:
            raise OrderRefusedError(f"not sent: {error}") from None
        amount, price = f"{order.amount:f}", f"{order.price:f}"
        parameters = {self.client_id_parameter: order.client_id, **self.time_in_force(order), **self.order_parameters}
        with self._lock:
            self._check(order, rules)
            self._last = LastAnswer()
            try:
                answer = self._client.create_order(order.symbol, "limit", order.side, amount, price, parameters)
            except Exception as error:
                raise outcome(error, self._last, self._secrets) from None
            return self._placed(order, answer)

    def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        """The order of a client id; see `Exchange.find`."""
        self._market(symbol)
        found = self._ask(
            lambda client: [self._found(order, client_id) for order in self.search(client, client_id, symbol, since)]
        )
        return next(iter(found), None)

    def cancel(self, order: FoundOrder, symbol: str) -> None:
        """Cancel what rests of an order; one whose id at the exchange is not known is looked for first."""
        found = order if order.exchange_id else self.find(order.client_id, symbol, moment(0))

        def ask(client: Any) -> None:
            if found is not None:
                with suppress(ccxt.InvalidOrder, ccxt.OperationRejected):  # it rests no more
                    client.cancel_order(found.exchange_id, symbol)

        self._market(symbol)
        self._ask(ask)

    def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        """The account's fills of a symbol since a moment, oldest first, each once."""
        market = self._market(symbol)
        delivered = self._ask(lambda client: [self.fill(trade, market) for trade in self.trades(client, market, since)])
        fills = {each.fill.trade_id: each for each in delivered}
        first = moment(in_milliseconds(since))  # exchanges count in milliseconds
        return sorted(
            (each for each in fills.values() if each.fill.at >= first),
            key=lambda each: (each.fill.at, len(each.fill.trade_id), each.fill.trade_id),
        )

    def fee_bps(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The account's own maker and taker fee in basis points."""
        market = self._market(symbol)
        maker, taker = self._ask(lambda client: [Decimal(rate) * 10_000 for rate in self.fee_rates(client, market)])
        return maker, taker

    def clock_ahead(self) -> timedelta | None:
        """How far the exchange's clock is ahead of this machine's; None where it gives no time."""
        if not self._client.has["fetchTime"]:
            return None
        milliseconds = self._ask(lambda client: client.fetch_time())
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) - datetime.now(UTC)

    def addresses(self) -> Sequence[str]:
        """The addresses that requests go to."""
        return [*_flat(self._client.urls["api"])]

    # What differs per exchange.

    @abstractmethod
    def best(self, client: Any, market: Mapping[str, Any]) -> Quote:
        """Best bid and ask, from the exchange's own answer."""

    @abstractmethod
    def search(self, client: Any, client_id: str, symbol: str, since: datetime) -> Iterable[Mapping[str, Any]]:
        """The orders of a client id, as ccxt has them."""

    @abstractmethod
    def trades(self, client: Any, market: Mapping[str, Any], since: datetime) -> Iterator[Mapping[str, Any]]:
        """All fills of a market since a moment, as ccxt has them, page by page, in any order."""

    def fee_rates(self, client: Any, market: Mapping[str, Any]) -> tuple[str, str]:
        """The account's maker and taker fee as parts of 1."""
        fee = client.fetch_trading_fee(market["symbol"])
        return fee["maker"], fee["taker"]

    def price_step(self, market: Mapping[str, Any]) -> str:
        """The step of a market's prices."""
        return market["precision"]["price"]

    def time_in_force(self, order: SentOrder) -> Mapping[str, str]:
        """The parameters that say how long an order waits."""
        return {"timeInForce": order.time_in_force}

    def fill(self, trade: Mapping[str, Any], market: Mapping[str, Any]) -> FoundFill:
        """A fill out of ccxt's trade; where it does not say maker or taker, the dearer."""
        fee = trade["fee"] or {}
        return FoundFill(
            "",
            trade["order"] or "",
            market["symbol"],
            OrderFill(
                trade["id"],
                trade["side"],
                Decimal(trade["amount"]),
                Decimal(trade["price"]),
                Decimal(fee.get("cost") or 0),
                fee.get("currency") or market["quote"],
                trade["takerOrMaker"] or "taker",
                moment(trade["timestamp"]),
            ),
        )

    # What all have in common.

    def _ask(self, ask: Callable[[Any], _Answer]) -> _Answer:
        """The answer to a request that places nothing. Raises Transient and Permanent."""
        with self._lock:
            try:
                try:
                    return ask(self._client)
                except ccxt.InvalidNonce:  # this machine's clock was set, or the exchange's
                    self._client.load_time_difference()
                    return ask(self._client)
            except Exception as error:
                raise fault(self.name, error, self._secrets) from None

    def _read_markets(self) -> None:
        with self._lock:
            if time.monotonic() - self._markets_read > _MARKETS_KEPT:
                self._ask(lambda client: client.load_markets(True, dict(self.market_parameters)))
                self._markets_read = time.monotonic()

    def _market(self, symbol: str) -> Mapping[str, Any]:
        self._read_markets()
        market = self._client.markets.get(symbol)
        if market is None:
            raise Permanent(f"{self.name} has no market {symbol}", "Write symbols as BASE/QUOTE, such as BTC/USDT")
        return market

    def _check(self, order: SentOrder, rules: MarketRules) -> None:
        """Raise OrderRefusedError for what the exchange would refuse, and for what ccxt would round."""
        if order.amount % rules.amount_step or order.price % rules.price_step:
            raise OrderRefusedError(
                f"not sent: {order.amount:f} at {order.price:f} does not lie on the steps of {order.symbol}, "
                f"{rules.amount_step:f} and {rules.price_step:f}"
            )
        if order.amount < rules.least_amount or order.amount * order.price < rules.least_cost:
            raise OrderRefusedError(
                f"not sent: {order.amount:f} at {order.price:f} is less than {self.name} takes of {order.symbol}: "
                f"{rules.least_amount:f}, and {rules.least_cost:f} in {order.symbol.partition('/')[2]}"
            )
        try:
            amount = Decimal(self._client.amount_to_precision(order.symbol, f"{order.amount:f}"))
            price = Decimal(self._client.price_to_precision(order.symbol, f"{order.price:f}"))
        except Exception as error:
            raise OrderRefusedError(f"not sent: {fault(self.name, error, self._secrets)}") from None
        if (amount, price) != (order.amount, order.price):
            raise OrderRefusedError(f"not sent: ccxt would send {amount:f} at {price:f}")

    def _placed(self, order: SentOrder, answer: Any) -> FoundOrder:
        """The order that was placed. Some exchanges answer its id alone; then it is asked for."""
        exchange_id = answer.get("id") if isinstance(answer, dict) else None
        if not exchange_id:
            raise OutcomeUnknownError(f"the answer of {self.name} names no order")
        try:
            if answer.get("status") is None:
                answer = self._ask(lambda client: client.fetch_order(exchange_id, order.symbol))
            return self._found(answer, order.client_id)
        except Exception:  # it is placed; how far it is filled is found later
            return FoundOrder(order.client_id, exchange_id, "open", Decimal(0))

    def _found(self, order: Mapping[str, Any], client_id: str) -> FoundOrder:
        filled, amount = Decimal(order["filled"] or 0), Decimal(order["amount"] or 0)
        state = self.states.get(order["status"])
        if state is None:
            raise fault(self.name, ValueError(f"the state {order['status']} of an order"), self._secrets)
        if amount and filled >= amount:
            state = "filled"
        elif state == "filled":
            state = "cancelled"  # some call it closed, whatever closed it
        elif state == "open" and filled:
            state = "partially_filled"
        return FoundOrder(client_id, order["id"], state, filled)

    def _paced(self, cost: float | None = None) -> None:
        """ccxt calls this before each request, and signs it afterwards."""
        waiting = self._budget.wait_for(1 if cost is None else cost, time.monotonic())
        until = time.monotonic() + waiting
        while (left := until - time.monotonic()) > 0:
            self._lock.wait(left)
        self._last = LastAnswer()

    def _noted(self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *request: Any) -> str:
        """ccxt calls this with each answer."""
        self._last = LastAnswer(code, body)
        return body.strip()


def moment(milliseconds: int | str) -> datetime:
    """The moment of milliseconds since 1970."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(milliseconds))


def in_milliseconds(at: datetime) -> int:
    """A moment as milliseconds since 1970, rounded down."""
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def best_of(bids: Sequence[Any], asks: Sequence[Any], price: Any, size: Any, at: datetime) -> Quote:
    """The quote of an order book's first levels, whose price and size lie under these keys."""
    bid, ask = (
        (Decimal(levels[0][price]), Decimal(levels[0][size])) if levels else (Decimal(0), Decimal(0))
        for levels in (bids, asks)
    )
    return Quote(bid[0], ask[0], bid[1], ask[1], at)


def _plain(keys: ExchangeKeys | None) -> dict[str, str]:
    if keys is None:
        return {}
    plain = {"apiKey": keys.key.get_secret_value(), "secret": keys.secret.get_secret_value()}
    if keys.password is not None:
        plain["password"] = keys.password.get_secret_value()
    return plain


def _secrets(credentials: Mapping[str, str]) -> tuple[str, ...]:
    """What no text may hold: the keys, and the forms in which they are sent."""
    if not credentials:
        return ()
    basic = b64encode(f"{credentials['apiKey']}:{credentials['secret']}".encode()).decode()
    return (basic, *credentials.values(), *map(quote_plus, credentials.values()))


def _is_here(url: str | None) -> bool:
    host = urlsplit(url or "").hostname
    try:
        return host == "localhost" or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _flat(urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for each in urls.values():
            yield from _flat(each)
    elif isinstance(urls, str):
        yield urls


def _moved(urls: Any, url: str) -> Any:
    """ccxt's addresses with scheme, host and port replaced by another's, and its path put before theirs."""
    if isinstance(urls, dict):
        return {name: _moved(each, url) for name, each in urls.items()}
    if not isinstance(urls, str):
        return urls
    return url.rstrip("/") + urlsplit(urls).path

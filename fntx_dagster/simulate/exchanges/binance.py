"""Binance's REST over the paper exchange: its paths, parameters, checks, error codes and answers.

After https://developers.binance.com/docs/binance-spot-api-docs (spot, version 3).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.model.orders import Quote
from fntx_dagster.simulate.exchanges.paper import (
    NewOrder,
    PaperExchange,
    PaperOrder,
    PaperRefusal,
    PaperTrade,
    RefusalKind,
)
from fntx_dagster.simulate.exchanges.server import HttpAnswer, HttpRequest
from fntx_dagster.simulate.exchanges.written import amount_text, milliseconds, size_text

_FILTER = "Filter failure: "
_REFUSALS: Mapping[RefusalKind, tuple[int, str]] = {
    "symbol": (-1121, "Invalid symbol."),
    "amount": (-1013, f"{_FILTER}LOT_SIZE"),
    "least_amount": (-1013, f"{_FILTER}LOT_SIZE"),
    "price": (-1013, f"{_FILTER}PRICE_FILTER"),
    "least_cost": (-1013, f"{_FILTER}NOTIONAL"),
    "balance": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "order": (-2011, "Unknown order sent."),
    "liquidity": (-2010, "Market is closed."),
}
_STATES = {
    "open": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}


class BinanceFault(Exception):
    """An error of Binance's: HTTP status, code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.answer = HttpAnswer(status, {"code": code, "msg": message})
        super().__init__(message)


class _Call(NamedTuple):
    """A request that passed the checks: whose, and its parameters."""

    account: str
    given: Mapping[str, str]


class BinanceDialect:
    """Binance."""

    def __init__(self, exchange: PaperExchange) -> None:
        self.exchange = exchange
        self._public: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "time": lambda _: {"serverTime": milliseconds(exchange.clock())},
            "ping": lambda _: {},
            "exchangeInfo": self._exchange_info,
            "ticker/bookTicker": self._book_ticker,
            "ticker/24hr": self._day_ticker,
            "depth": self._depth,
        }
        self._private: dict[tuple[str, str], Callable[[_Call], Any]] = {
            ("POST", "order"): self._place,
            ("GET", "order"): self._ask,
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._my_trades,
            ("GET", "account"): self._account,
            ("GET", "account/commission"): self._commission,
        }

    def places(self, request: HttpRequest) -> bool:
        return (request.method, request.path) == ("POST", "/api/v3/order")

    def answer(self, request: HttpRequest) -> HttpAnswer:
        name = request.path.removeprefix("/api/v3/")
        try:
            if request.method == "GET" and name in self._public:
                return HttpAnswer(200, self._public[name](request.fields))
            if (handler := self._private.get((request.method, name))) is not None:
                return HttpAnswer(200, handler(_Call(self._account_of(request), request.fields)))
        except BinanceFault as fault:
            return fault.answer
        except PaperRefusal as refusal:
            return BinanceFault(400, *_REFUSALS[refusal.kind]).answer
        return HttpAnswer(404, {})

    def _account_of(self, request: HttpRequest) -> str:
        key = request.headers.get("x-mbx-apikey")
        if not key:
            raise BinanceFault(401, -2014, "API-key format invalid.")
        if (secret := self.exchange.keys.get(key)) is None:
            raise BinanceFault(401, -2015, "Invalid API-key, IP, or permissions for action.")
        signed, found, signature = (request.query + request.body).rpartition("&signature=")
        if not found:
            raise _missing("signature")
        expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, expected):
            raise BinanceFault(400, -1022, "Signature for this request is not valid.")
        given = request.fields
        sent, now = int(given.get("timestamp", "0")), milliseconds(self.exchange.clock())
        if sent > now + 1000:
            raise BinanceFault(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - sent > int(given.get("recvWindow", "5000")):
            raise BinanceFault(400, -1021, "Timestamp for this request is outside of the recvWindow.")
        return key

    def _symbol(self, given: Mapping[str, str]) -> str:
        for symbol in self.exchange.markets:
            if symbol.replace("/", "") == given.get("symbol"):
                return symbol
        raise BinanceFault(400, *_REFUSALS["symbol"])

    def _place(self, call: _Call) -> Any:
        given = call.given
        needed = ("price", "timeInForce") if given.get("type") == "LIMIT" else ()
        for name in ("symbol", "side", "type", "quantity", *needed):
            if not given.get(name):
                raise _missing(name)
        price = Decimal(given["price"]) if given["type"] == "LIMIT" else None
        side = "buy" if given["side"] == "BUY" else "sell"
        client_id = given.get("newClientOrderId", "")
        if len(client_id) > 36:
            raise BinanceFault(400, -1100, "Illegal characters found in parameter 'newClientOrderId'.")
        order = self.exchange.place(
            NewOrder(
                call.account, client_id, self._symbol(given), side, Decimal(given["quantity"]), price,
                given.get("timeInForce", "GTC"),
            )
        )  # fmt: skip
        fills = [
            {
                "price": amount_text(trade.price),
                "qty": amount_text(trade.quantity),
                "commission": amount_text(trade.fee),
                "commissionAsset": order.symbol.partition("/")[2],
                "tradeId": trade.trade_id,
            }
            for trade in order.fills
        ]
        return self._order(order) | {"transactTime": milliseconds(order.changed_at), "fills": fills}

    def _found(self, call: _Call, code: int, message: str) -> PaperOrder:
        symbol = self._symbol(call.given)
        order = self.exchange.find(call.account, call.given.get("orderId", ""), call.given.get("origClientOrderId", ""))
        if order is None or order.symbol != symbol:
            raise BinanceFault(400, code, message)
        return order

    def _ask(self, call: _Call) -> Any:
        return self._order(self._found(call, -2013, "Order does not exist."))

    def _cancel(self, call: _Call) -> Any:
        order = self._found(call, *_REFUSALS["order"])
        self.exchange.cancel(order)
        return self._order(order) | {"origClientOrderId": order.client_id, "clientOrderId": f"cancel{order.order_id}"}

    def _open_orders(self, call: _Call) -> Any:
        symbol = self._symbol(call.given) if "symbol" in call.given else None
        return [self._order(order) for order in self.exchange.of(call.account, symbol) if order.rests]

    def _all_orders(self, call: _Call) -> Any:
        since, first = int(call.given.get("startTime", "0")), int(call.given.get("orderId", "0"))
        found = [
            self._order(order)
            for order in self.exchange.of(call.account, self._symbol(call.given))
            if order.order_id >= first and milliseconds(order.created_at) >= since
        ]
        return found[: int(call.given.get("limit", "500"))]

    def _my_trades(self, call: _Call) -> Any:
        since, first = int(call.given.get("startTime", "0")), int(call.given.get("fromId", "0"))
        limit = int(call.given.get("limit", "500"))
        rows = [
            trade
            for trade in self.exchange.trades_of(call.account, self._symbol(call.given))
            if trade.trade_id >= first
            and milliseconds(trade.at) >= since
            and call.given.get("orderId", f"{trade.order.order_id}") == f"{trade.order.order_id}"
        ]
        return [self._trade(trade) for trade in self.exchange.deliver(rows[:limit])]

    def _account(self, call: _Call) -> Any:
        held = self.exchange.balances.get(call.account, {})
        balances = [{"asset": asset, "free": f"{amount:f}", "locked": "0"} for asset, amount in sorted(held.items())]
        return {"canTrade": True, "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"]}

    def _commission(self, call: _Call) -> Any:
        fees = self.exchange.fees
        rates = {
            "maker": f"{fees.maker_bps / 10000:.8f}",
            "taker": f"{fees.taker_bps / 10000:.8f}",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        }
        none = dict.fromkeys(rates, "0.00000000")
        discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75"}
        return {
            "symbol": self._symbol(call.given).replace("/", ""),
            "standardCommission": rates,
            "specialCommission": none,
            "taxCommission": none,
            "discount": discount,
        }

    def _exchange_info(self, _: Mapping[str, str]) -> Any:
        symbols = []
        for rules in self.exchange.markets.values():
            base, quoted = rules.symbol.split("/")
            amount, price = f"{rules.amount_step:f}", f"{rules.price_step:f}"
            filters = [
                {"filterType": "PRICE_FILTER", "minPrice": price, "maxPrice": "1000000.00000000", "tickSize": price},
                {"filterType": "LOT_SIZE", "minQty": f"{max(rules.least_amount, rules.amount_step):f}",
                 "maxQty": "9000.00000000", "stepSize": amount},
                {"filterType": "NOTIONAL", "minNotional": f"{rules.least_cost:f}", "applyMinToMarket": True,
                 "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            ]  # fmt: skip
            symbols.append(
                {"symbol": base + quoted, "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8,
                 "quoteAsset": quoted, "quotePrecision": 8, "quoteAssetPrecision": 8,
                 "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "isSpotTradingAllowed": True,
                 "isMarginTradingAllowed": False, "filters": filters, "permissions": [],
                 "permissionSets": [["SPOT"]]}
            )  # fmt: skip
        return {
            "timezone": "UTC",
            "serverTime": milliseconds(self.exchange.clock()),
            "rateLimits": [],
            "symbols": symbols,
        }

    def _quotes(self, given: Mapping[str, str]) -> list[tuple[str, Quote]]:
        wanted = [self._symbol(given)] if "symbol" in given else [*self.exchange.markets]
        return [(symbol, self.exchange.quotes[symbol]) for symbol in wanted if symbol in self.exchange.quotes]

    def _book_ticker(self, given: Mapping[str, str]) -> Any:
        rows = [
            {
                "symbol": symbol.replace("/", ""),
                "bidPrice": f"{quote.bid:f}",
                "bidQty": size_text(quote.bid_size),
                "askPrice": f"{quote.ask:f}",
                "askQty": size_text(quote.ask_size),
            }
            for symbol, quote in self._quotes(given)
        ]
        return rows[0] if "symbol" in given and rows else rows

    def _day_ticker(self, given: Mapping[str, str]) -> Any:
        rows = []
        for symbol, quote in self._quotes(given):
            trades = [trade for trade in self.exchange.trades if trade.order.symbol == symbol]
            last = trades[-1].price if trades else (quote.bid + quote.ask) / 2
            book = self._book_ticker({"symbol": symbol.replace("/", "")})
            volume = sum((trade.quantity for trade in trades), Decimal(0))
            rows.append(book | {"lastPrice": f"{last:f}", "volume": f"{volume:f}", "closeTime": milliseconds(quote.at)})
        return rows[0] if "symbol" in given and rows else rows

    def _depth(self, given: Mapping[str, str]) -> Any:
        sides: dict[str, Any] = {"lastUpdateId": len(self.exchange.trades) + 1, "bids": [], "asks": []}
        for _, quote in self._quotes({"symbol": given.get("symbol", "")}):
            sides["bids"], sides["asks"] = (
                [[f"{quote.bid:f}", size_text(quote.bid_size)]],
                [[f"{quote.ask:f}", size_text(quote.ask_size)]],
            )
        return sides

    def _order(self, order: PaperOrder) -> dict[str, Any]:
        return {
            "symbol": order.symbol.replace("/", ""),
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": amount_text(order.price or Decimal(0)),
            "origQty": amount_text(order.amount),
            "executedQty": amount_text(order.filled),
            "cummulativeQuoteQty": amount_text(order.paid),
            "status": _STATES[order.state],
            "timeInForce": order.time_in_force,
            "type": "MARKET" if order.price is None else "LIMIT",
            "side": order.side.upper(),
            "time": milliseconds(order.created_at),
            "updateTime": milliseconds(order.changed_at),
            "isWorking": True,
            "selfTradePreventionMode": "NONE",
        }

    def _trade(self, trade: PaperTrade) -> dict[str, Any]:
        return {
            "symbol": trade.order.symbol.replace("/", ""),
            "id": trade.trade_id,
            "orderId": trade.order.order_id,
            "orderListId": -1,
            "price": amount_text(trade.price),
            "qty": amount_text(trade.quantity),
            "quoteQty": amount_text(trade.quantity * trade.price),
            "commission": amount_text(trade.fee),
            "commissionAsset": trade.order.symbol.partition("/")[2],
            "time": milliseconds(trade.at),
            "isBuyer": trade.order.side == "buy",
            "isMaker": trade.liquidity == "maker",
            "isBestMatch": True,
        }


def _missing(name: str) -> BinanceFault:
    return BinanceFault(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")

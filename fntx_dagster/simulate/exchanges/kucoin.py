"""KuCoin's REST over the paper exchange: spot, the account with high-frequency endpoints, which new accounts have.

After https://www.kucoin.com/docs-new (spot trading and market data, version 1 and 2).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from fntx_dagster.simulate.exchanges.paper import (
    NewOrder,
    PaperExchange,
    PaperOrder,
    PaperRefusal,
    PaperTrade,
    RefusalKind,
)
from fntx_dagster.simulate.exchanges.server import HttpAnswer, HttpRequest
from fntx_dagster.simulate.exchanges.written import milliseconds, size_text

_REFUSALS: Mapping[RefusalKind, tuple[str, str]] = {
    "symbol": ("900001", "symbol not exists"),
    "amount": ("400100", "Order size increment invalid."),
    "least_amount": ("400100", "Order size below the minimum requirement."),
    "price": ("400100", "Order price increment invalid."),
    "least_cost": ("400100", "The order funds should more than the minimum."),
    "balance": ("200004", "Balance insufficient!"),
    "duplicate": ("126044", "clientOid duplicate"),
    "order": ("400100", "order_not_exist_or_not_allow_to_cancel"),
    "liquidity": ("300000", "no opponent price"),
}


class KuCoinFault(Exception):
    """An error of KuCoin's: code and message, which come with status 200, of a wrong key with 401."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        self.answer = HttpAnswer(status, {"code": code, "msg": message})
        super().__init__(message)


class KuCoinDialect:
    """KuCoin. `passphrases`: API key → passphrase."""

    def __init__(self, exchange: PaperExchange, passphrases: Mapping[str, str]) -> None:
        self.exchange = exchange
        self._passphrases = passphrases

    def places(self, request: HttpRequest) -> bool:
        return (request.method, request.path) == ("POST", "/api/v1/hf/orders")

    def answer(self, request: HttpRequest) -> HttpAnswer:
        try:
            return HttpAnswer(200, {"code": "200000", "data": self._data(request)})
        except KuCoinFault as fault:
            return fault.answer
        except PaperRefusal as refusal:
            return KuCoinFault(*_REFUSALS[refusal.kind]).answer

    def _data(self, request: HttpRequest) -> Any:
        given = request.fields
        match request.method, request.path.removeprefix("/api/").split("/"):
            case "GET", ["v1", "timestamp"]:
                return milliseconds(self.exchange.clock())
            case "GET", ["v2", "symbols"]:
                return self._symbols()
            case "GET", ["v1", "market", "orderbook", "level2_20"]:
                return self._book(given)
        account = self._account_of(request)
        match request.method, request.path.removeprefix("/api/").split("/"):
            case "GET", ["v1", "hf", "accounts", "opened"]:
                return True
            case "GET", ["ua", "v1", "account", "mode"]:
                return {"selfAccountMode": "CLASSIC"}
            case "POST", ["v1", "hf", "orders"]:
                return self._place(account, json.loads(request.body))
            case "GET", ["v1", "hf", "orders", "client-order", client_id]:
                return self._order(self._found(account, client_id=unquote(client_id)))
            case "GET", ["v1", "hf", "orders", order_id]:
                return self._order(self._found(account, order_id=order_id))
            case "DELETE", ["v1", "hf", "orders", order_id]:
                self.exchange.cancel(self._found(account, order_id=order_id, kind="order"))
                return {"orderId": order_id}
            case "GET", ["v1", "hf", "fills"]:
                return self._fills(account, given)
            case "GET", ["v1", "trade-fees"]:
                return [self._fees(symbol) for symbol in given["symbols"].split(",")]
        raise KuCoinFault("404000", "URL Not Found", 404)

    def _account_of(self, request: HttpRequest) -> str:
        headers = request.headers
        key = headers.get("kc-api-key", "")
        if (secret := self.exchange.keys.get(key)) is None:
            raise KuCoinFault("400003", "KC-API-KEY not exists", 401)
        sent, now = int(headers.get("kc-api-timestamp", "0")), milliseconds(self.exchange.clock())
        if abs(now - sent) > 5000:
            raise KuCoinFault("400002", "KC-API-TIMESTAMP Invalid", 400)
        if headers.get("kc-api-passphrase") != _signed(secret, self._passphrases[key]):
            raise KuCoinFault("400004", "Invalid KC-API-PASSPHRASE", 401)
        path = request.path + (f"?{request.query}" if request.query else "")
        if headers.get("kc-api-sign") != _signed(secret, f"{sent}{request.method}{path}{request.body}"):
            raise KuCoinFault("400005", "Invalid KC-API-SIGN", 401)
        return key

    def _symbol(self, given: Mapping[str, str]) -> str:
        symbol = given.get("symbol", "").replace("-", "/")
        if symbol not in self.exchange.markets:
            raise PaperRefusal("symbol")
        return symbol

    def _place(self, account: str, given: Mapping[str, Any]) -> Any:
        limit = given["type"] == "limit"
        price = Decimal(given["price"]) if limit else None
        amount, force = Decimal(given["size"]), given.get("timeInForce", "GTC")
        order = self.exchange.place(
            NewOrder(account, given["clientOid"], self._symbol(given), given["side"], amount, price, force)
        )
        return {"orderId": f"{order.order_id}", "clientOid": order.client_id}

    def _found(self, account: str, *, order_id: str = "", client_id: str = "", kind: str = "") -> PaperOrder:
        order = self.exchange.find(account, order_id, client_id)
        if order is None:
            raise PaperRefusal("order") if kind else KuCoinFault("400100", "order not exist.")
        return order

    def _fills(self, account: str, given: Mapping[str, str]) -> Any:
        """Newest first, those before `lastId`, of seven days at most."""
        begin, end = int(given.get("startAt", "0")), int(given.get("endAt", "9" * 13))
        if end - begin > 7 * 86_400_000:
            raise KuCoinFault("400100", "The time range can not be greater than 7 days")
        before = int(given.get("lastId", "9" * 18))
        rows = [
            self._trade(trade)
            for trade in reversed(self.exchange.trades_of(account, self._symbol(given)))
            if begin <= milliseconds(trade.at) <= end and trade.trade_id < before
        ][: int(given.get("limit", "20"))]
        return {"items": self.exchange.deliver(rows), "lastId": rows[-1]["id"] if rows else 0}

    def _fees(self, symbol: str) -> Any:
        fees = self.exchange.fees
        return {
            "symbol": symbol,
            "takerFeeRate": f"{fees.taker_bps / 10000:f}",
            "makerFeeRate": f"{fees.maker_bps / 10000:f}",
        }

    def _symbols(self) -> Any:
        return [
            {
                "symbol": rules.symbol.replace("/", "-"),
                "name": rules.symbol.replace("/", "-"),
                "baseCurrency": rules.symbol.split("/")[0],
                "quoteCurrency": rules.symbol.split("/")[1],
                "feeCurrency": rules.symbol.split("/")[1],
                "market": rules.symbol.split("/")[1],
                "baseMinSize": f"{rules.least_amount:f}",
                "quoteMinSize": f"{rules.least_cost:f}",
                "baseMaxSize": "10000000000",
                "quoteMaxSize": "99999999",
                "baseIncrement": f"{rules.amount_step:f}",
                "quoteIncrement": f"{rules.price_step:f}",
                "priceIncrement": f"{rules.price_step:f}",
                "minFunds": f"{rules.least_cost:f}",
                "enableTrading": True,
                "isMarginEnabled": False,
            }
            for rules in self.exchange.markets.values()
        ]

    def _book(self, given: Mapping[str, str]) -> Any:
        quote = self.exchange.quotes.get(self._symbol(given))
        levels = ([], []) if quote is None else (
            [[f"{quote.bid:f}", size_text(quote.bid_size)]],
            [[f"{quote.ask:f}", size_text(quote.ask_size)]],
        )  # fmt: skip
        return {"time": milliseconds(self.exchange.clock()), "sequence": "1", "bids": levels[0], "asks": levels[1]}

    def _order(self, order: PaperOrder) -> Any:
        return {
            "id": f"{order.order_id}",
            "clientOid": order.client_id,
            "symbol": order.symbol.replace("/", "-"),
            "opType": "DEAL",
            "type": "market" if order.price is None else "limit",
            "side": order.side,
            "price": f"{order.price or 0:f}",
            "size": f"{order.amount:f}",
            "funds": "0",
            "dealSize": f"{order.filled:f}",
            "dealFunds": f"{order.paid:f}",
            "remainSize": f"{order.amount - order.filled:f}",
            "cancelledSize": f"{0 if order.rests else order.amount - order.filled:f}",
            "fee": f"{order.fees:f}",
            "feeCurrency": order.symbol.split("/")[1],
            "timeInForce": order.time_in_force,
            "postOnly": False,
            "active": order.rests,
            "inOrderBook": order.rests,
            "cancelExist": order.state in ("cancelled", "expired"),
            "tradeType": "TRADE",
            "createdAt": milliseconds(order.created_at),
            "lastUpdatedAt": milliseconds(order.changed_at),
        }

    def _trade(self, trade: PaperTrade) -> Any:
        return {
            "id": trade.trade_id,
            "tradeId": trade.trade_id + 7_000_000_000,
            "orderId": f"{trade.order.order_id}",
            "symbol": trade.order.symbol.replace("/", "-"),
            "side": trade.order.side,
            "liquidity": trade.liquidity,
            "type": "limit",
            "forceTaker": False,
            "price": f"{trade.price:f}",
            "size": f"{trade.quantity:f}",
            "funds": f"{trade.quantity * trade.price:f}",
            "fee": f"{trade.fee:f}",
            "feeRate": "0",
            "feeCurrency": trade.order.symbol.split("/")[1],
            "tradeType": "TRADE",
            "createdAt": milliseconds(trade.at),
        }


def _signed(secret: str, text: str) -> str:
    return b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()

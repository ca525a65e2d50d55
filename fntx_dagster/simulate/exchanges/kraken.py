"""Kraken's REST over the paper exchange. Errors come with status 200; a client id is unique among open orders only.

After https://docs.kraken.com/api (spot REST, version 0).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fntx_dagster.simulate.exchanges.paper import (
    NewOrder,
    PaperExchange,
    PaperOrder,
    PaperRefusal,
    PaperTrade,
    RefusalKind,
)
from fntx_dagster.simulate.exchanges.server import HttpAnswer, HttpRequest
from fntx_dagster.simulate.exchanges.written import decimals_of, milliseconds, size_text

_REFUSALS: Mapping[RefusalKind, str] = {
    "symbol": "EQuery:Unknown asset pair",
    "amount": "EGeneral:Invalid arguments:volume",
    "least_amount": "EOrder:Order minimum not met",
    "price": "EGeneral:Invalid arguments:price",
    "least_cost": "EOrder:Cost minimum not met",
    "balance": "EOrder:Insufficient funds",
    "duplicate": "EGeneral:Invalid arguments:cl_ord_id",
    "order": "EOrder:Unknown order",
    "liquidity": "EOrder:No liquidity",
}
_STATES = {"open": "open", "partially_filled": "open", "filled": "closed", "rejected": "expired"}
_PAGE = 50
_ASSETS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}


class KrakenFault(Exception):
    """An error of Kraken's."""


class KrakenDialect:
    """Kraken."""

    def __init__(self, exchange: PaperExchange) -> None:
        self.exchange = exchange
        self._nonces: dict[str, int] = {}

    def places(self, request: HttpRequest) -> bool:
        return request.path == "/0/private/AddOrder"

    def answer(self, request: HttpRequest) -> HttpAnswer:
        try:
            return HttpAnswer(200, {"error": [], "result": self._result(request)})
        except KrakenFault as fault:
            return HttpAnswer(200, {"error": [f"{fault}"]})
        except PaperRefusal as refusal:
            return HttpAnswer(200, {"error": [_REFUSALS[refusal.kind]]})

    def _result(self, request: HttpRequest) -> Any:
        given = request.fields
        match request.path.removeprefix("/0/").split("/"):
            case ["public", "Time"]:
                return {"unixtime": milliseconds(self.exchange.clock()) // 1000}
            case ["public", "Assets"]:
                return self._assets()
            case ["public", "AssetPairs"]:
                return {_pair(symbol): self._asset_pair(symbol) for symbol in self.exchange.markets}
            case ["public", "Depth"]:
                return {given["pair"]: self._depth(self._symbol(given))}
            case ["private", name]:
                account = self._account_of(request)
                return self._private(name, account, given)
        raise KrakenFault("EGeneral:Unknown method")

    def _private(self, name: str, account: str, given: Mapping[str, str]) -> Any:
        match name:
            case "AddOrder":
                return self._place(account, given)
            case "QueryOrders":
                orders = [self._found(account, order_id) for order_id in given["txid"].split(",")]
                return {_txid(order): self._order(order) for order in orders}
            case "OpenOrders":
                return {"open": self._orders(account, given, resting=True)}
            case "ClosedOrders":
                closed = self._orders(account, given, resting=False)
                return {"closed": closed, "count": len(closed)}
            case "CancelOrder":
                self.exchange.cancel(self._found(account, given["txid"]))
                return {"count": 1}
            case "TradesHistory":
                return self._trades(account, given)
            case "TradeVolume":
                return self._fees(self._symbol(given))
        raise KrakenFault("EGeneral:Unknown method")

    def _account_of(self, request: HttpRequest) -> str:
        key = request.headers.get("api-key", "")
        if (secret := self.exchange.keys.get(key)) is None:
            raise KrakenFault("EAPI:Invalid key")
        nonce = request.fields.get("nonce", "0")
        digest = hashlib.sha256(f"{nonce}{request.body}".encode()).digest()
        signed = hmac.new(b64decode(secret), request.path.encode() + digest, hashlib.sha512).digest()
        if request.headers.get("api-sign") != b64encode(signed).decode():
            raise KrakenFault("EAPI:Invalid signature")
        if int(nonce) <= self._nonces.get(key, 0):
            raise KrakenFault("EAPI:Invalid nonce")
        self._nonces[key] = int(nonce)
        return key

    def _symbol(self, given: Mapping[str, str]) -> str:
        for symbol in self.exchange.markets:
            if given.get("pair") == _pair(symbol):
                return symbol
        raise PaperRefusal("symbol")

    def _place(self, account: str, given: Mapping[str, str]) -> Any:
        price = Decimal(given["price"]) if given["ordertype"] == "limit" else None
        order = self.exchange.place(
            NewOrder(
                account,
                given.get("cl_ord_id", ""),
                self._symbol(given),
                "buy" if given["type"] == "buy" else "sell",
                Decimal(given["volume"]),
                price,
                given.get("timeinforce", "GTC").upper(),
            )
        )
        return {"descr": {"order": _described(order)}, "txid": [_txid(order)]}

    def _found(self, account: str, txid: str) -> PaperOrder:
        number = txid.split("-")[1].lstrip("0") if txid.count("-") == 2 else ""
        order = self.exchange.find(account, number)
        if order is None:
            raise PaperRefusal("order")
        return order

    def _orders(self, account: str, given: Mapping[str, str], *, resting: bool) -> Any:
        return {
            _txid(order): self._order(order)
            for order in reversed([*self.exchange.of(account)])
            if order.rests is resting and given.get("cl_ord_id", order.client_id) == order.client_id
        }

    def _trades(self, account: str, given: Mapping[str, str]) -> Any:
        """Newest first, after the second `start`."""
        start, place = float(given.get("start", "0")), int(given.get("ofs", "0"))
        found = [trade for trade in reversed(self.exchange.trades_of(account)) if trade.at.timestamp() > start]
        page = self.exchange.deliver(found[place : place + _PAGE])
        return {"trades": {f"TPAPER-{one.trade_id:05}-TRADES": self._trade(one) for one in page}, "count": len(found)}

    def _fees(self, symbol: str) -> Any:
        maker, taker = (
            {"fee": f"{bps / 100:.4f}", "minfee": "0.1000", "maxfee": "0.4000"}
            for bps in (self.exchange.fees.maker_bps, self.exchange.fees.taker_bps)
        )
        return {
            "currency": "ZUSD",
            "volume": "0.0000",
            "fees": {_pair(symbol): taker},
            "fees_maker": {_pair(symbol): maker},
        }

    def _assets(self) -> Any:
        names = {name for symbol in self.exchange.markets for name in symbol.split("/")}
        return {
            _ASSETS.get(name, name): {
                "aclass": "currency",
                "altname": "XBT" if name == "BTC" else name,
                "decimals": 16,
                "display_decimals": 8,
                "status": "enabled",
            }
            for name in sorted(names)
        }

    def _asset_pair(self, symbol: str) -> Any:
        rules, (base, quoted) = self.exchange.markets[symbol], symbol.split("/")
        return {
            "altname": _pair(symbol),
            "wsname": f"{'XBT' if base == 'BTC' else base}/{quoted}",
            "aclass_base": "currency",
            "base": _ASSETS.get(base, base),
            "aclass_quote": "currency",
            "quote": _ASSETS.get(quoted, quoted),
            "pair_decimals": decimals_of(rules.price_step),
            "cost_decimals": 8,
            "lot_decimals": decimals_of(rules.amount_step),
            "lot_multiplier": 1,
            "fees": [[0, 0.26]],
            "fees_maker": [[0, 0.16]],
            "fee_volume_currency": "ZUSD",
            "ordermin": f"{rules.least_amount:f}",
            "costmin": f"{rules.least_cost:f}",
            "tick_size": f"{rules.price_step:f}",
            "status": "online",
        }

    def _depth(self, symbol: str) -> Any:
        quote = self.exchange.quotes.get(symbol)
        if quote is None:
            return {"asks": [], "bids": []}
        at = milliseconds(quote.at) // 1000
        return {
            "asks": [[f"{quote.ask:f}", size_text(quote.ask_size), at]],
            "bids": [[f"{quote.bid:f}", size_text(quote.bid_size), at]],
        }

    def _order(self, order: PaperOrder) -> Any:
        closed = {} if order.rests else {"closetm": order.changed_at.timestamp(), "reason": None}
        return {
            "refid": None,
            "userref": 0,
            "cl_ord_id": order.client_id,
            "status": _STATES.get(order.state, "canceled"),
            "opentm": order.created_at.timestamp(),
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": _pair(order.symbol),
                "type": order.side,
                "ordertype": "market" if order.price is None else "limit",
                "price": f"{order.price or 0:f}",
                "price2": "0",
                "leverage": "none",
                "order": _described(order),
                "close": "",
            },
            "vol": f"{order.amount:f}",
            "vol_exec": f"{order.filled:f}",
            "cost": f"{order.paid:f}",
            "fee": f"{order.fees:f}",
            "price": f"{order.paid / order.filled if order.filled else 0:f}",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "fciq",
        } | closed

    def _trade(self, trade: PaperTrade) -> Any:
        return {
            "ordertxid": _txid(trade.order),
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": _pair(trade.order.symbol),
            "time": trade.at.timestamp(),
            "type": trade.order.side,
            "ordertype": "limit",
            "price": f"{trade.price:f}",
            "cost": f"{trade.quantity * trade.price:f}",
            "fee": f"{trade.fee:f}",
            "vol": f"{trade.quantity:f}",
            "margin": "0.00000",
            "misc": "",
            "trade_id": trade.trade_id,
            "maker": trade.liquidity == "maker",
        }


def _pair(symbol: str) -> str:
    return symbol.replace("BTC", "XBT").replace("/", "")


def _txid(order: PaperOrder) -> str:
    return f"OPAPER-{order.order_id:05}-ORDERS"


def _described(order: PaperOrder) -> str:
    kind = "market" if order.price is None else f"limit {order.price:f}"
    return f"{order.side} {order.amount:f} {_pair(order.symbol)} @ {kind}"

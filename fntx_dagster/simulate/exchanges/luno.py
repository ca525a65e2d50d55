"""Luno's REST over the paper exchange. A market order to buy states what to pay, not what to get.

After https://www.luno.com/en/developers/api (version 1; one order by its client id, version 3).
"""

from __future__ import annotations

from base64 import b64encode
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

_REFUSALS: Mapping[RefusalKind, tuple[int, str]] = {
    "symbol": (400, "ErrInvalidMarketPair"),
    "amount": (400, "ErrVolumeDenominationNotAllowed"),
    "least_amount": (400, "ErrVolumeTooLow"),
    "price": (400, "ErrPriceDenominationNotAllowed"),
    "least_cost": (400, "ErrVolumeTooLow"),
    "balance": (400, "ErrInsufficientFunds"),
    "duplicate": (409, "ErrDuplicateClientOrderID"),
    "order": (400, "ErrCannotStopUnknownOrNonPendingOrder"),
    "liquidity": (400, "ErrNotEnoughLiquidity"),
}


class LunoFault(Exception):
    """An error of Luno's: status and code."""

    def __init__(self, status: int, code: str) -> None:
        self.answer = HttpAnswer(status, {"error": code.removeprefix("Err"), "error_code": code})
        super().__init__(code)


class LunoDialect:
    """Luno."""

    def __init__(self, exchange: PaperExchange) -> None:
        self.exchange = exchange

    def places(self, request: HttpRequest) -> bool:
        return request.path in ("/api/1/postorder", "/api/1/marketorder")

    def answer(self, request: HttpRequest) -> HttpAnswer:
        try:
            return HttpAnswer(200, self._told(request))
        except LunoFault as fault:
            return fault.answer
        except PaperRefusal as refusal:
            return LunoFault(*_REFUSALS[refusal.kind]).answer

    def _told(self, request: HttpRequest) -> Any:
        given = request.fields
        match request.method, request.path.removeprefix("/api/").split("/"):
            case "GET", ["exchange", "1", "markets"]:
                return {"markets": [self._market(symbol) for symbol in self.exchange.markets]}
            case "GET", ["1", "orderbook_top"]:
                return self._book(self._symbol(given))
        account = self._account_of(request)
        match request.method, request.path.removeprefix("/api/").split("/"):
            case "POST", ["1", "postorder"]:
                return self._post_limit(account, given)
            case "POST", ["1", "marketorder"]:
                return self._post_market(account, given)
            case "POST", ["1", "stoporder"]:
                order = self.exchange.find(account, _number(given["order_id"]))
                if order is None:
                    raise PaperRefusal("order")
                self.exchange.cancel(order)
                return {"success": True}
            case "GET", ["1", "orders", order_id]:
                return self._order(self._found(account, order_id=_number(order_id)))
            case "GET", ["exchange", "3", "order"]:
                return self._order_v3(
                    self._found(
                        account, order_id=_number(given.get("id", "")), client_id=given.get("client_order_id", "")
                    )
                )
            case "GET", ["1", "listorders"]:
                return {"orders": self._orders(account, given)}
            case "GET", ["1", "listtrades"]:
                return {"trades": self._trades(account, given)}
            case "GET", ["1", "fee_info"]:
                maker, taker = self.exchange.fees.maker_bps / 10000, self.exchange.fees.taker_bps / 10000
                return {"maker_fee": f"{maker:.8f}", "taker_fee": f"{taker:.8f}", "thirty_day_volume": "0.00000000"}
        raise LunoFault(404, "ErrNotFound")

    def _account_of(self, request: HttpRequest) -> str:
        for key, secret in self.exchange.keys.items():
            basic = b64encode(f"{key}:{secret}".encode()).decode()
            if request.headers.get("authorization") == f"Basic {basic}":
                return key
        raise LunoFault(401, "ErrUnauthorised")

    def _symbol(self, given: Mapping[str, str]) -> str:
        for symbol in self.exchange.markets:
            if given.get("pair") == _pair(symbol):
                return symbol
        raise PaperRefusal("symbol")

    def _post_limit(self, account: str, given: Mapping[str, str]) -> Any:
        side = "buy" if given["type"] == "BID" else "sell"
        order = self.exchange.place(
            NewOrder(
                account,
                given.get("client_order_id", ""),
                self._symbol(given),
                side,
                Decimal(given["volume"]),
                Decimal(given["price"]),
                given.get("time_in_force", "GTC"),
            )
        )
        return {"order_id": _order_id(order)}

    def _post_market(self, account: str, given: Mapping[str, str]) -> Any:
        symbol = self._symbol(given)
        side = "buy" if given["type"] == "BUY" else "sell"
        if side == "buy":
            quote, step = self.exchange.quotes[symbol], self.exchange.markets[symbol].amount_step
            amount = Decimal(given["counter_volume"]) / quote.ask // step * step
        else:
            amount = Decimal(given["base_volume"])
        order = self.exchange.place(NewOrder(account, given.get("client_order_id", ""), symbol, side, amount, None))
        return {"order_id": _order_id(order)}

    def _found(self, account: str, *, order_id: str = "", client_id: str = "") -> PaperOrder:
        order = self.exchange.find(account, order_id, client_id)
        if order is None:
            raise LunoFault(404, "ErrOrderNotFound")
        return order

    def _orders(self, account: str, given: Mapping[str, str]) -> Any:
        symbol = self._symbol(given) if "pair" in given else None
        rows = [self._order(order) for order in reversed([*self.exchange.of(account, symbol)])]
        return [row for row in rows if given.get("state", row["state"]) == row["state"]][:100]

    def _trades(self, account: str, given: Mapping[str, str]) -> Any:
        since, after = int(given.get("since", "0")), int(given.get("after_seq", "0"))
        rows = [
            trade
            for trade in self.exchange.trades_of(account, self._symbol(given))
            if milliseconds(trade.at) >= since and trade.trade_id > after
        ][: int(given.get("limit", "100"))]
        return [self._trade(trade) for trade in self.exchange.deliver(rows)]

    def _market(self, symbol: str) -> Any:
        rules, (base, quoted) = self.exchange.markets[symbol], symbol.replace("BTC", "XBT").split("/")
        return {
            "market_id": _pair(symbol),
            "trading_status": "ACTIVE",
            "base_currency": base,
            "counter_currency": quoted,
            "min_volume": f"{rules.least_amount:f}",
            "max_volume": "10000.00",
            "volume_scale": decimals_of(rules.amount_step),
            "min_price": f"{rules.price_step:f}",
            "max_price": "10000000.00",
            "price_scale": decimals_of(rules.price_step),
            "fee_scale": 8,
        }

    def _book(self, symbol: str) -> Any:
        quote = self.exchange.quotes.get(symbol)
        bids, asks = ([], []) if quote is None else (
            [{"price": f"{quote.bid:f}", "volume": size_text(quote.bid_size)}],
            [{"price": f"{quote.ask:f}", "volume": size_text(quote.ask_size)}],
        )  # fmt: skip
        return {"timestamp": milliseconds(self.exchange.clock()), "bids": bids, "asks": asks}

    def _order(self, order: PaperOrder) -> Any:
        """Version 1, which does not state the client id."""
        kind = ("BID" if order.side == "buy" else "ASK") if order.price is not None else order.side.upper()
        return {
            "order_id": _order_id(order),
            "pair": _pair(order.symbol),
            "type": kind,
            "state": "PENDING" if order.rests else "COMPLETE",
            "time_in_force": order.time_in_force,
            "limit_price": f"{order.price or 0:f}",
            "limit_volume": f"{order.amount:f}",
            "base": f"{order.filled:f}",
            "counter": f"{order.paid:f}",
            "fee_base": "0.00",
            "fee_counter": f"{order.fees:f}",
            "creation_timestamp": milliseconds(order.created_at),
            "expiration_timestamp": 0,
            "completed_timestamp": 0 if order.rests else milliseconds(order.changed_at),
        }

    def _order_v3(self, order: PaperOrder) -> Any:
        first = self._order(order)
        state = first.pop("state")
        changed = {
            "client_order_id": order.client_id,
            "side": order.side.upper(),
            "status": state,
            "type": "MARKET" if order.price is None else "LIMIT",
        }
        return first | changed

    def _trade(self, trade: PaperTrade) -> Any:
        buys, takes = trade.order.side == "buy", trade.liquidity == "taker"
        return {
            "pair": _pair(trade.order.symbol),
            "sequence": trade.trade_id,
            "order_id": _order_id(trade.order),
            "client_order_id": trade.order.client_id,
            "type": "BID" if buys else "ASK",
            "timestamp": milliseconds(trade.at),
            "price": f"{trade.price:f}",
            "volume": f"{trade.quantity:f}",
            "base": f"{trade.quantity:f}",
            "counter": f"{trade.quantity * trade.price:f}",
            "fee_base": "0.00",
            "fee_counter": f"{trade.fee:f}",
            "is_buy": buys is takes,
        }


def _pair(symbol: str) -> str:
    return symbol.replace("BTC", "XBT").replace("/", "")


def _order_id(order: PaperOrder) -> str:
    return f"BXPAPER{order.order_id}"


def _number(order_id: str) -> str:
    return order_id.removeprefix("BXPAPER")

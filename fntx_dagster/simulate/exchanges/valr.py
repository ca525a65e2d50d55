"""VALR's REST API over the paper exchange: paths, fields, states and errors as VALR publishes them.

A path of open orders knows no other; the history knows those that have ended. With `late`, an order is taken in with
202 and shown, or found to be wrong, only after so many questions about it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from fntx_dagster.model.exchanges import MarketRules
from fntx_dagster.simulate.exchanges.paper import (
    NewOrder,
    PaperExchange,
    PaperOrder,
    PaperRefusal,
    PaperTrade,
    RefusalKind,
)
from fntx_dagster.simulate.exchanges.server import HttpAnswer, HttpRequest

_MOST_ROWS = 100
_STATES = {
    "open": "Placed",
    "partially_filled": "Partially Filled",
    "filled": "Filled",
    "cancelled": "Cancelled",
    "rejected": "Failed",
}
_REFUSALS: Mapping[RefusalKind, tuple[int, int, str]] = {
    "symbol": (400, -11, "Unsupported currency pair"),
    "amount": (400, -12007, "Invalid order size"),
    "least_amount": (400, -12007, "Minimum order size not met"),
    "least_cost": (400, -12007, "Minimum order size not met"),
    "price": (400, -12004, "Price must be a multiple of the tick size"),
    "balance": (201, -6, "Insufficient Balance"),
    "duplicate": (201, -21002, "Customer order id is not unique"),
    "order": (400, -21102, "Order not found"),
    "liquidity": (201, -21003, "Insufficient liquidity"),
}


class _Row(NamedTuple):
    """An order as VALR lists it, with what only it knows."""

    order: PaperOrder
    reason: str = ""


class ValrRefusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: int, message: str, **more: object) -> None:
        self.answer = HttpAnswer(status, {**more, "code": code, "message": message})
        super().__init__(message)


class ValrDialect:
    """VALR. `late`: after how many questions about an order it is there; `maker_reward_bps`: what a maker is paid;
    `shows_ended`: whether the path of open orders shows the others too, as VALR's own example of it does."""

    def __init__(self, exchange: PaperExchange, *, late: int = 0, maker_reward_bps: Decimal = Decimal(0)) -> None:
        self.exchange = exchange
        self.late = late
        self.maker_reward_bps = maker_reward_bps
        self.shows_ended = False
        self.failed: list[_Row] = []
        self._waiting: dict[str, tuple[NewOrder, int]] = {}
        self._paths: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("POST", "/v[12]/orders/limit", self._place),
            ("DELETE", "/v[12]/orders/order", self._cancel),
            ("GET", "/v1/orders/open", self._open),
            ("GET", "/v1/orders/history", self._history),
            ("GET", "/v1/orders/history/summary/customerorderid/([^/]+)", self._summary),
            ("GET", "/v1/orders/([A-Z0-9]+)/customerorderid/([^/]+)", self._status),
            ("GET", "/v1/account/tradehistory", self._trades),
            ("GET", "/v1/account/fees/trade", self._fees),
            ("GET", "/v1/marketdata/([A-Z0-9]+)/orderbook", self._book),
        )

    def places(self, request: HttpRequest) -> bool:
        return request.method == "POST" and request.path.endswith("/orders/limit")

    def answer(self, request: HttpRequest) -> HttpAnswer:
        try:
            if request.path == "/v1/public/pairs/SPOT":
                return HttpAnswer(200, [_pair(rules) for rules in self.exchange.markets.values()])
            if request.path == "/v1/public/time":
                now = self.exchange.clock()
                return HttpAnswer(200, {"epochTime": int(now.timestamp()), "time": _time(now)})
            if found := re.fullmatch(r"/v1/public/([A-Z0-9]+)/orderbook", request.path):
                return HttpAnswer(200, self._book("", {}, found[1]))
            account = self._account_of(request)
            for method, path, handler in self._paths:
                if method == request.method and (found := re.fullmatch(path, request.path)):
                    given = json.loads(request.body) if request.body else dict(parse_qsl(request.query))
                    done = handler(account, given, *found.groups())
                    return done if isinstance(done, HttpAnswer) else HttpAnswer(200, done)
        except ValrRefusal as refusal:
            return refusal.answer
        except PaperRefusal as refusal:
            return HttpAnswer(_REFUSALS[refusal.kind][0], _words(refusal.kind))
        return HttpAnswer(404, {"code": -1, "message": "Not found"})

    def _account_of(self, request: HttpRequest) -> str:
        key = request.headers.get("x-valr-api-key")
        if not key:
            raise ValrRefusal(403, -93, "API key or secret is missing")
        secret = self.exchange.keys.get(key, "")
        at = request.headers.get("x-valr-timestamp") or ""
        path = f"{request.path}?{request.query}" if request.query else request.path
        signed = f"{at}{request.method}{path}{request.body}".encode()
        expected = hmac.new(secret.encode(), signed, hashlib.sha512).hexdigest()
        if not secret or not hmac.compare_digest(expected, request.headers.get("x-valr-signature") or ""):
            raise ValrRefusal(401, -11252, "Request has an invalid signature")
        return key

    def _symbol(self, pair: object) -> str:
        for symbol in self.exchange.markets:
            if symbol.replace("/", "") == pair:
                return symbol
        raise ValrRefusal(*_REFUSALS["symbol"])

    def _place(self, account: str, given: Mapping[str, Any]) -> HttpAnswer:
        client_id = str(given.get("customerOrderId", ""))
        if not re.fullmatch(r"[A-Za-z0-9-]{0,50}", client_id):
            raise ValrRefusal(400, -21001, "Invalid customerOrderId")
        side = "buy" if given["side"] == "BUY" else "sell"
        new = NewOrder(
            account, client_id, self._symbol(given["pair"]), side, Decimal(given["quantity"]), Decimal(given["price"]),
            given.get("timeInForce", "GTC"),
        )  # fmt: skip
        if self.late:
            self._waiting[client_id] = (new, self.late)
            return HttpAnswer(202, {"id": _uuid(len(self._waiting))})
        try:
            return HttpAnswer(201, {"id": _uuid(self.exchange.place(new).order_id)})
        except PaperRefusal as refusal:
            status = _REFUSALS[refusal.kind][0]
            named = {"orderId": _uuid(0)} if status == 201 else {}
            raise ValrRefusal(*_REFUSALS[refusal.kind], **named) from None

    def _settle(self, client_id: str) -> None:
        """One more question about an order that was taken in."""
        if client_id not in self._waiting:
            return
        new, left = self._waiting[client_id]
        if left > 1:
            self._waiting[client_id] = (new, left - 1)
            return
        del self._waiting[client_id]
        try:
            self.exchange.place(new)
        except PaperRefusal as refusal:
            now = self.exchange.clock()
            order = PaperOrder(0, *new, created_at=now, changed_at=now, state="rejected")
            self.failed.append(_Row(order, str(_words(refusal.kind)["message"])))

    def _cancel(self, account: str, given: Mapping[str, Any]) -> HttpAnswer:
        symbol = self._symbol(given["pair"])
        named, client_id = given.get("orderId", ""), given.get("customerOrderId", "")
        order = self.exchange.find(account, str(UUID(named).int) if named else "", client_id)
        if order is None or order.symbol != symbol:
            raise ValrRefusal(*_REFUSALS["order"])
        self.exchange.cancel(order)
        return HttpAnswer(200, {"id": named or client_id})

    def _rows(self, account: str) -> list[_Row]:
        """The account's orders, newest first."""
        failed = [row for row in self.failed if row.order.account == account]
        return [*reversed([*map(_Row, self.exchange.of(account)), *failed])]

    def _open(self, account: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
        return [_listed(row.order) for row in self._rows(account) if row.order.rests]

    def _status(self, account: str, given: Mapping[str, str], pair: str, client_id: str) -> dict[str, Any]:
        symbol = self._symbol(pair)
        self._settle(client_id)
        for row in self._rows(account):
            shown = row.order.rests or self.shows_ended
            if shown and (row.order.client_id, row.order.symbol) == (client_id, symbol):
                return _stated(row)
        raise ValrRefusal(404, -21102, "Order not found")

    def _summary(self, account: str, given: Mapping[str, str], client_id: str) -> dict[str, Any]:
        for row in self._rows(account):
            if row.order.client_id == client_id and not row.order.rests:
                return self._summed(row)
        raise ValrRefusal(404, -21102, "Order not found")

    def _history(self, account: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
        since, skip = _moment(given.get("startTime")), int(given.get("skip", "0"))
        empty = given.get("showZeroVolumeCancels") == "true"
        found = [
            self._summed(row)
            for row in self._rows(account)
            if row.order.symbol.replace("/", "") == given.get("currencyPair", row.order.symbol.replace("/", ""))
            and row.order.changed_at >= since
            and (empty or row.order.filled or row.order.state not in ("cancelled", "expired"))
        ]
        return found[skip : skip + min(int(given.get("limit", _MOST_ROWS)), _MOST_ROWS)]

    def _trades(self, account: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
        since, before = _moment(given.get("startTime")), given.get("beforeId")
        own = [trade for trade in reversed(self.exchange.trades_of(account)) if trade.at >= since]
        if before:
            own = [trade for trade in own if trade.trade_id < UUID(before).int]
        return [self._trade(trade) for trade in own[: min(int(given.get("limit", _MOST_ROWS)), _MOST_ROWS)]]

    def _fees(self, account: str, given: Mapping[str, str]) -> list[dict[str, str]]:
        maker, taker = self.exchange.fees.maker_bps, self.exchange.fees.taker_bps
        rates = {"makerPercentage": f"{maker / 100:f}", "takerPercentage": f"{taker / 100:f}", "simplePercentage": "1"}
        return [{"currencyPair": symbol.replace("/", ""), **rates} for symbol in self.exchange.markets]

    def _book(self, account: str, given: Mapping[str, str], pair: str) -> dict[str, Any]:
        quote = self.exchange.quotes.get(self._symbol(pair))
        sides: dict[str, Any] = {"Asks": [], "Bids": []}
        if quote is not None:
            for name, side, price, size in (
                ("Asks", "sell", quote.ask, quote.ask_size),
                ("Bids", "buy", quote.bid, quote.bid_size),
            ):
                amount = "1000000" if size is None else f"{size:f}"
                level = {"side": side, "quantity": amount, "price": f"{price:f}", "currencyPair": pair, "orderCount": 1}
                sides[name].append(level)
        changed = quote.at if quote else self.exchange.clock()
        return {**sides, "LastChange": _time(changed), "SequenceNumber": len(self.exchange.trades)}

    def _summed(self, row: _Row) -> dict[str, Any]:
        order = row.order
        average = order.paid / order.filled if order.filled else Decimal(0)
        return _stated(row) | {
            "averagePrice": f"{average:f}",
            "total": f"{order.paid:f}",
            "totalExecutedQuantity": f"{order.filled:f}",
            "totalFee": f"{order.fees:f}",
            "feeCurrency": order.symbol.partition("/")[2],
        }

    def _trade(self, trade: PaperTrade) -> dict[str, Any]:
        """A fill; its fee is in what a taker receives, and in what a maker pays."""
        base, _, quoted = trade.order.symbol.partition("/")
        taker = trade.liquidity == "taker"
        in_base = (trade.order.side == "buy") == taker
        traded = trade.quantity * (Decimal(1) if in_base else trade.price)
        rate = self.exchange.fees.taker_bps if taker else self.exchange.fees.maker_bps
        fee = {"fee": f"{traded * rate / 10000:f}", "feeCurrency": base if in_base else quoted}
        if self.maker_reward_bps and not taker:
            reward = f"{traded * self.maker_reward_bps / 10000:f}"
            fee = {"makerReward": reward, "makerRewardCurrency": base if in_base else quoted}
        return {
            "price": f"{trade.price:f}",
            "quantity": f"{trade.quantity:f}",
            "currencyPair": base + quoted,
            "tradedAt": _time(trade.at),
            "side": trade.order.side,
            "sequenceId": trade.trade_id,
            "id": _uuid(trade.trade_id),
            "orderId": _uuid(trade.order.order_id),
            "customerOrderId": trade.order.client_id,
            **fee,
        }


def _words(kind: RefusalKind) -> dict[str, Any]:
    return {"code": _REFUSALS[kind][1], "message": _REFUSALS[kind][2]}


def _pair(rules: MarketRules) -> dict[str, Any]:
    base, _, quoted = rules.symbol.partition("/")
    exponent = rules.amount_step.normalize().as_tuple().exponent
    return {
        "symbol": base + quoted,
        "baseCurrency": base,
        "quoteCurrency": quoted,
        "shortName": rules.symbol,
        "active": True,
        "minBaseAmount": f"{rules.least_amount:f}",
        "maxBaseAmount": "1000",
        "minQuoteAmount": f"{rules.least_cost:f}",
        "maxQuoteAmount": "20000000",
        "tickSize": f"{rules.price_step:f}",
        "baseDecimalPlaces": str(-int(exponent)),
        "marginTradingAllowed": False,
        "currencyPairType": "SPOT",
    }


def _state(order: PaperOrder) -> str:
    if order.state == "expired":  # the rest of an IOC order
        return "Partially Filled" if order.filled else "Failed"
    return _STATES[order.state]


def _listed(order: PaperOrder) -> dict[str, Any]:
    return {
        "orderId": _uuid(order.order_id),
        "side": order.side,
        "remainingQuantity": f"{order.amount - order.filled:f}",
        "price": f"{order.price or 0:f}",
        "currencyPair": order.symbol.replace("/", ""),
        "createdAt": _time(order.created_at),
        "originalQuantity": f"{order.amount:f}",
        "filledPercentage": f"{order.filled / order.amount * 100:.2f}",
        "customerOrderId": order.client_id,
        "updatedAt": _time(order.changed_at),
        "status": _state(order),
        "type": "limit",
        "timeInForce": order.time_in_force,
        "allowMargin": False,
    }


def _stated(row: _Row) -> dict[str, Any]:
    order = row.order
    return {
        "orderId": _uuid(order.order_id),
        "orderStatusType": _state(order),
        "currencyPair": order.symbol.replace("/", ""),
        "originalPrice": f"{order.price or 0:f}",
        "remainingQuantity": f"{order.amount - order.filled:f}",
        "originalQuantity": f"{order.amount:f}",
        "orderSide": order.side,
        "orderType": "limit",
        "failedReason": row.reason or ("" if _state(order) != "Failed" else "Insufficient liquidity"),
        "orderUpdatedAt": _time(order.changed_at),
        "orderCreatedAt": _time(order.created_at),
        "customerOrderId": order.client_id,
        "timeInForce": order.time_in_force,
    }


def _uuid(number: int) -> str:
    return str(UUID(int=number))


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)

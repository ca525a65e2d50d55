"""VALR as an `Exchange`, over its REST API (https://api-docs.valr.com): ccxt has no VALR.

Every order is a limit order with the order's client id as `customerOrderId` (letters, digits and dashes, 50 at most).
VALR checks an id among open orders alone, so an order is never sent twice. An answer with an id does not say what
became of the order; its status is asked for. VALR would cut an amount with too many digits: such an order is not sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.exchanges.valr_api import Answer, UnsentError, ValrApi, amount, rows, text, unreadable
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.exchanges import (
    ExchangeState,
    FoundFill,
    FoundOrder,
    MarketRules,
    OrderRefusedError,
    OutcomeUnknownError,
    SentOrder,
)
from fntx_dagster.model.orders import Liquidity, OrderFill, Quote
from fntx_dagster.settings.exchanges import ExchangeKeys

_ZERO = Decimal(0)
_PAGE = 100
_PAIRS_KEPT = timedelta(hours=1)  # VALR answers 30 public requests a minute
_STATUS_PAUSE = 0.2
"""Seconds between two questions about a new order."""

_STATES: dict[str, ExchangeState] = {
    "Placed": "open",
    "Active": "open",
    "Order Modified": "open",
    "Partially Filled": "partially_filled",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "Partially Filled Due To Slippage": "cancelled",
    "Expired": "expired",
    "Failed": "rejected",
}
_RESTS = ("open", "partially_filled")
_TAKEN = re.compile(r"(?i)duplicat|unique|already").search


class Valr:
    """An account at VALR; without keys only rules and quotes can be asked for."""

    def __init__(self, name: str, keys: ExchangeKeys | None, url: str | None, timeout: float) -> None:
        self._name = name
        self._api = ValrApi(keys, url, timeout)
        self._timeout = timeout
        self._pairs: dict[str, dict[str, Any]] = {}
        self._pairs_at = datetime.min.replace(tzinfo=UTC)

    @property
    def name(self) -> str:
        return self._name

    def rules(self, symbol: str) -> MarketRules:
        pair = self._pair(symbol)
        places = int(amount(pair, "baseDecimalPlaces"))
        return MarketRules(
            symbol,
            amount_step=Decimal(1).scaleb(-places),
            price_step=amount(pair, "tickSize"),
            least_amount=amount(pair, "minBaseAmount"),
            least_cost=amount(pair, "minQuoteAmount"),
        )

    def quote(self, symbol: str) -> Quote:
        """As the port says. `at` is the moment before the request: VALR's `LastChange` is that of the book's last move,
        which may lie far back in a market that is quiet."""
        pair = text(self._pair(symbol), "symbol")
        at = datetime.now(UTC)
        where = "marketdata" if self._api.has_keys else "public"
        book = self._api.read(f"/v1/{where}/{pair}/orderbook")
        if not isinstance(book, dict):
            raise unreadable()
        bids, asks = rows(book.get("Bids")), rows(book.get("Asks"))
        if not bids or not asks:
            raise Transient(f"VALR has no bid or no ask for {symbol} now", "Ask again later")
        bid, ask = bids[0], asks[0]
        return Quote(amount(bid, "price"), amount(ask, "price"), amount(bid, "quantity"), amount(ask, "quantity"), at)

    def send(self, order: SentOrder) -> FoundOrder:
        try:
            pair = self._checked(order)
        except (Transient, Permanent) as error:
            raise OrderRefusedError(f"{error.message}: the order was not sent") from None
        try:
            answer = self._api.ask("POST", "/v2/orders/limit", _placed(order, pair))
        except (UnsentError, Permanent) as error:
            raise OrderRefusedError(f"{error.message}: the order was not sent") from None
        except Transient as error:
            raise OutcomeUnknownError(error.message) from None
        said = answer.content if isinstance(answer.content, dict) else {}
        if answer.refuses or (answer.ok and "code" in said):
            # an id that is taken already may be this order's: a proxy on the way may have sent it twice
            raise (OutcomeUnknownError if _TAKEN(answer.words) else OrderRefusedError)(answer.words)
        if not answer.ok or not isinstance(said.get("id"), str):
            raise OutcomeUnknownError(answer.words)
        return self._after(order, pair, answer)

    def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        pair = text(self._pair(symbol), "symbol")
        if (found := self._status(client_id, pair)) is not None:
            return found
        for row in rows(self._api.read("/v1/orders/open")):
            if row.get("customerOrderId") == client_id:
                return _order(row, client_id, "status", ended=False)
        for row in self._pages("/v1/orders/history", since, currencyPair=pair, showZeroVolumeCancels="true"):
            if row.get("customerOrderId") == client_id:
                return _order(row, client_id, "orderStatusType", ended=True)
        own = [row for row in self._trades(pair, since) if row.get("customerOrderId") == client_id]
        if not own:
            return None
        filled = sum((amount(row, "quantity") for row in own), _ZERO)
        return FoundOrder(client_id, text(own[0], "orderId"), "partially_filled", filled)

    def cancel(self, order: FoundOrder, symbol: str) -> None:
        pair = text(self._pair(symbol), "symbol")
        named = {"orderId": order.exchange_id} if order.exchange_id else {"customerOrderId": order.client_id}
        answer = self._api.ask("DELETE", "/v2/orders/order", {**named, "pair": pair})
        if answer.ok and not (isinstance(answer.content, dict) and "code" in answer.content):
            return
        now = self._status(order.client_id, pair) if order.client_id else None
        if now is None or now.state in _RESTS:
            raise self._api.failure(answer)

    def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        pair = self._pair(symbol)
        trades = self._trades(text(pair, "symbol"), since)
        return sorted((_fill(row, symbol, pair) for row in trades), key=lambda found: found.fill.at)

    def fee_bps(self, symbol: str) -> tuple[Decimal, Decimal]:
        pair = text(self._pair(symbol), "symbol")
        for row in rows(self._api.read("/v1/account/fees/trade")):
            if row.get("currencyPair") == pair and "makerPercentage" in row:
                return amount(row, "makerPercentage") * 100, amount(row, "takerPercentage") * 100
        raise Permanent(f"VALR states no fees of {symbol}", "Set them in FNTX_EXCHANGE_FEES")

    def clock_ahead(self) -> timedelta:
        """How far VALR's clock is ahead of this machine's."""
        before = datetime.now(UTC)
        stated = _moment(self._api.read("/v1/public/time"), "time")
        return stated - before - (datetime.now(UTC) - before) / 2

    def _pair(self, symbol: str) -> dict[str, Any]:
        """A market in VALR's terms, from a list that is kept for an hour."""
        now = datetime.now(UTC)
        if now - self._pairs_at > _PAIRS_KEPT:
            spot = rows(self._api.read("/v1/public/pairs/SPOT"))
            self._pairs = {f"{text(row, 'baseCurrency')}/{text(row, 'quoteCurrency')}": row for row in spot}
            self._pairs_at = now
        pair = self._pairs.get(symbol)
        if pair is None or pair.get("active") is not True:
            raise Permanent(f"VALR has no market {symbol}", "Look it up at VALR; symbols are BASE/QUOTE, as BTC/ZAR")
        return pair

    def _checked(self, order: SentOrder) -> str:
        """The pair of an order that VALR takes as it is. Raises Permanent for another."""
        rules = self.rules(order.symbol)
        if order.amount % rules.amount_step or order.price % rules.price_step:
            steps = f"amounts in steps of {rules.amount_step:f} and prices of {rules.price_step:f}"
            raise Permanent(f"VALR takes {order.symbol} at {steps}")
        return text(self._pair(order.symbol), "symbol")

    def _after(self, order: SentOrder, pair: str, answer: Answer) -> FoundOrder:
        """What became of an order that VALR gave an id."""
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            try:
                if (found := self._status(order.client_id, pair)) is not None:
                    return found
            except (Transient, Permanent):
                pass  # the order has its id; the status is asked for again
            time.sleep(_STATUS_PAUSE)
        if answer.status == 201:
            return FoundOrder(order.client_id, answer.content["id"], "open", _ZERO)
        raise OutcomeUnknownError(f"VALR took the order in (HTTP {answer.status}) and does not show it yet")

    def _status(self, client_id: str, pair: str) -> FoundOrder | None:
        """The order by its client id, while it is open and after; None where neither path has it."""
        for path, ended in (
            (f"/v1/orders/{pair}/customerorderid/{client_id}", False),
            (f"/v1/orders/history/summary/customerorderid/{client_id}", True),
        ):
            answer = self._api.ask("GET", path)
            if answer.ok and isinstance(answer.content, dict):
                return _order(answer.content, client_id, "orderStatusType", ended=ended)
            if answer.status not in (400, 404):  # VALR's ways to say that it does not have it
                raise self._api.failure(answer)
        return None

    def _trades(self, pair: str, since: datetime) -> list[dict[str, Any]]:
        own = self._pages("/v1/account/tradehistory", since, cursor="id")
        return [row for row in own if row.get("currencyPair") == pair and _moment(row, "tradedAt") >= since]

    def _pages(self, path: str, since: datetime, cursor: str = "", **query: object) -> list[dict[str, Any]]:
        """All rows since a moment, newest first; by the id of the last one where the path has such a `cursor`."""
        asked = {**query, "limit": _PAGE, "startTime": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"}
        found: list[dict[str, Any]] = []
        while True:
            page = rows(self._api.read(path, asked))
            found += page
            if len(page) < _PAGE:
                return found
            following = {"beforeId": text(page[-1], cursor)} if cursor else {"skip": len(found)}
            if following.items() <= asked.items():
                raise unreadable()
            asked |= following


def _placed(order: SentOrder, pair: str) -> dict[str, object]:
    """An order as VALR reads it."""
    return {
        "side": order.side.upper(),
        "quantity": f"{order.amount:f}",
        "price": f"{order.price:f}",
        "pair": pair,
        "postOnly": False,
        "customerOrderId": order.client_id,
        "timeInForce": order.time_in_force,
    }


def _order(row: Mapping[str, Any], client_id: str, status: str, *, ended: bool) -> FoundOrder:
    """What VALR says of an order. One that has ended, or is IOC, rests no more: its unfilled part is cancelled."""
    state = _STATES.get(text(row, status).title())
    if state is None:
        raise unreadable()
    filled = amount(row, "originalQuantity") - amount(row, "remainingQuantity")
    if "totalExecutedQuantity" in row:
        filled = amount(row, "totalExecutedQuantity")
    reason = str(row.get("failedReason") or "") or None
    at_once = row.get("timeInForce") == "IOC"
    if state == "partially_filled" and (ended or at_once):
        state = "cancelled"
    elif state == "rejected" and at_once and "liquidity" in (reason or "").lower():
        state, reason = "cancelled", None  # it found nothing to take
    elif state == "open" and filled:
        state = "partially_filled"
    return FoundOrder(client_id, text(row, "orderId"), state, filled, reason)


def _fill(row: Mapping[str, Any], symbol: str, pair: Mapping[str, Any]) -> FoundFill:
    base, quote = text(pair, "baseCurrency"), text(pair, "quoteCurrency")
    side = "buy" if text(row, "side").lower() == "buy" else "sell"
    reward = "makerReward" in row
    fee = -amount(row, "makerReward") if reward else amount(row, "fee") if "fee" in row else _ZERO
    currency = row.get("makerRewardCurrency" if reward else "feeCurrency") or quote
    # a taker pays in what is received, a maker in what is paid; only a maker's fee can be zero
    taken = base if side == "buy" else quote
    liquidity: Liquidity = "taker" if fee > 0 and currency == taken else "maker"
    fill = OrderFill(
        trade_id=text(row, "id"),
        side=side,
        quantity=amount(row, "quantity"),
        price=amount(row, "price"),
        fee=fee,
        fee_currency=currency,
        liquidity=liquidity,
        at=_moment(row, "tradedAt"),
    )
    return FoundFill(str(row.get("customerOrderId") or ""), text(row, "orderId"), symbol, fill)


def _moment(row: Mapping[str, Any], field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text(row, field))
    except ValueError:
        raise unreadable() from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

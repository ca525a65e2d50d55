"""The exchanges on loopback: what the published protocols say, beside what the adapters use of them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from fntx_dagster.model.exchanges import MarketRules
from fntx_dagster.model.orders import Quote
from fntx_dagster.simulate.exchanges.binance import BinanceDialect
from fntx_dagster.simulate.exchanges.kraken import KrakenDialect
from fntx_dagster.simulate.exchanges.kucoin import KuCoinDialect
from fntx_dagster.simulate.exchanges.luno import LunoDialect
from fntx_dagster.simulate.exchanges.paper import NewOrder, PaperExchange, PaperRefusal
from fntx_dagster.simulate.exchanges.server import HttpAnswer, HttpRequest

SYMBOL = "BTC/USDT"
RULES = MarketRules(SYMBOL, Decimal("0.00001"), Decimal("0.01"), Decimal("0.0001"), Decimal(5))
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAMP = int(NOW.timestamp() * 1000)


def exchange(name: str = "binance", size: str | None = "2") -> PaperExchange:
    """At 99.99 to 100."""
    paper = PaperExchange(name, [RULES], {"key": "secret"}, clock=lambda: NOW)
    each = None if size is None else Decimal(size)
    paper.show(SYMBOL, Quote(Decimal("99.99"), Decimal(100), each, each, NOW))
    return paper


def binance(dialect: BinanceDialect, method: str, name: str, secret: str = "secret", **given: Any) -> HttpAnswer:
    """A signed request; `timestamp` and `key` may be given."""
    headers = {"x-mbx-apikey": given.pop("key", "key")}
    query = urlencode({"timestamp": STAMP, **given})
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    return dialect.answer(HttpRequest(method, f"/api/v3/{name}", f"{query}&signature={signature}", "", headers))


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.3", "price": "99"}


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"key": ""}, 401, -2014),
        ({"key": "another"}, 401, -2015),
        ({"secret": "wrong"}, 400, -1022),
        ({"timestamp": STAMP - 6000}, 400, -1021),
        ({"timestamp": STAMP + 2000}, 400, -1021),
        ({"symbol": "DOGEUSDT"}, 400, -1121),
        ({"quantity": ""}, 400, -1102),
        ({"price": ""}, 400, -1102),
        ({"quantity": "0.000001"}, 400, -1013),
        ({"quantity": "0.00001", "price": "1000000"}, 400, -1013),
        ({"price": "99.001"}, 400, -1013),
        ({"quantity": "0.05"}, 400, -1013),
        ({"newClientOrderId": "x" * 37}, 400, -1100),
    ],
)
def test_binance_refuses_with_its_status_and_code(given: dict[str, Any], status: int, code: int) -> None:
    answer = binance(BinanceDialect(exchange()), "POST", "order", **(LIMIT | given))
    assert (answer.status, answer.document["code"]) == (status, code)


def test_binance_takes_a_client_id_again_once_its_order_is_filled() -> None:
    dialect = BinanceDialect(exchange())
    resting = LIMIT | {"newClientOrderId": "mine"}
    assert binance(dialect, "POST", "order", **resting).status == 200
    again = binance(dialect, "POST", "order", **resting)
    assert (again.status, again.document) == (400, {"code": -2010, "msg": "Duplicate order sent."})
    dialect.exchange.show(SYMBOL, Quote(Decimal(98), Decimal(99), None, None, NOW))
    assert binance(dialect, "POST", "order", **resting).status == 200


def test_binance_lists_orders_and_says_what_it_does_not_have() -> None:
    dialect = BinanceDialect(exchange())
    placed = binance(dialect, "POST", "order", **LIMIT).document
    binance(dialect, "POST", "order", **(LIMIT | {"price": "100"}))
    assert [one["orderId"] for one in binance(dialect, "GET", "openOrders").document] == [placed["orderId"]]
    every = binance(dialect, "GET", "allOrders", symbol="BTCUSDT").document
    assert [one["status"] for one in every] == ["NEW", "FILLED"]
    cancelled = binance(dialect, "DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"]).document
    assert cancelled["status"] == "CANCELED"
    for method, code in (("GET", -2013), ("DELETE", -2011)):
        assert binance(dialect, method, "order", symbol="BTCUSDT", orderId=1).document["code"] == code
    assert binance(dialect, "GET", "nothing").status == 404
    fills = binance(dialect, "GET", "myTrades", symbol="BTCUSDT", orderId=placed["orderId"]).document
    assert fills == []


def test_binance_takes_a_market_order_for_what_the_quote_gives() -> None:
    dialect = BinanceDialect(exchange(size="0.2"))
    market = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.3"}
    answer = binance(dialect, "POST", "order", **market).document
    assert (answer["status"], answer["executedQty"], answer["cummulativeQuoteQty"]) == (
        "EXPIRED",
        "0.20000000",
        "19.99800000",
    )
    [fill] = answer["fills"]
    assert (fill["price"], fill["qty"], fill["commissionAsset"]) == ("99.99000000", "0.20000000", "USDT")


def test_binance_shows_the_market_without_a_key() -> None:
    dialect = BinanceDialect(exchange())
    told = {
        name: dialect.answer(HttpRequest("GET", f"/api/v3/{name}", "symbol=BTCUSDT", "", {})).document
        for name in ("ping", "time", "depth", "ticker/24hr", "ticker/bookTicker")
    }
    assert told["ping"] == {}
    assert told["time"] == {"serverTime": STAMP}
    assert (told["depth"]["bids"], told["depth"]["asks"]) == ([["99.99", "2"]], [["100", "2"]])
    assert (told["ticker/24hr"]["bidPrice"], told["ticker/24hr"]["lastPrice"]) == ("99.99", "99.995")
    every = dialect.answer(HttpRequest("GET", "/api/v3/ticker/bookTicker", "", "", {})).document
    assert every == [told["ticker/bookTicker"]]


def test_a_balance_counts_what_waits_and_moves_with_each_fill() -> None:
    dialect = BinanceDialect(exchange())
    dialect.exchange.balances["key"] = {"USDT": Decimal(100)}
    assert binance(dialect, "POST", "order", **LIMIT).status == 200  # 29.7 wait
    for side, quantity in (("BUY", "0.8"), ("SELL", "0.1")):
        refused = binance(dialect, "POST", "order", **(LIMIT | {"side": side, "quantity": quantity}))
        assert refused.document["msg"] == "Account has insufficient balance for requested action."
    binance(dialect, "POST", "order", **(LIMIT | {"quantity": "0.5", "price": "100"}))
    balances = binance(dialect, "GET", "account").document["balances"]
    assert [(one["asset"], Decimal(one["free"])) for one in balances] == [
        ("BTC", Decimal("0.5")),
        ("USDT", Decimal("49.95")),
    ]


def test_without_a_quote_a_limit_waits_and_a_market_order_is_refused() -> None:
    paper = PaperExchange("binance", [RULES], {})
    assert paper.place(NewOrder("a", "", SYMBOL, "buy", Decimal(1), Decimal(99))).state == "open"
    with pytest.raises(PaperRefusal, match="liquidity"):
        paper.place(NewOrder("a", "", SYMBOL, "buy", Decimal(1), None))


def test_what_was_taken_of_a_quote_is_gone_until_the_next_one() -> None:
    paper = exchange(size="1")
    sizes = [paper.place(NewOrder("a", "", SYMBOL, "buy", Decimal("0.6"), Decimal(100))).filled for _ in range(3)]
    assert sizes == [Decimal("0.6"), Decimal("0.4"), 0]
    paper.show(SYMBOL, Quote(Decimal(99), Decimal(101), Decimal(1), Decimal(1), NOW))
    assert paper.place(NewOrder("a", "", SYMBOL, "buy", Decimal("0.6"), Decimal(101))).filled == Decimal("0.6")


def luno(dialect: LunoDialect, method: str, path: str, **given: Any) -> Any:
    headers = {"authorization": f"Basic {b64encode(b'key:secret').decode()}"}
    return dialect.answer(HttpRequest(method, f"/api/{path}", urlencode(given), "", headers)).document


def test_a_market_order_to_buy_at_luno_states_what_to_pay() -> None:
    """So 0.01 buys for 0.01 USDT, not 0.01 BTC: the trap that a limit avoids."""
    dialect = LunoDialect(exchange("luno"))
    small = luno(dialect, "POST", "1/marketorder", pair="XBTUSDT", type="BUY", counter_volume="0.01")
    sold = luno(dialect, "POST", "1/marketorder", pair="XBTUSDT", type="SELL", base_volume="0.3")
    found = [luno(dialect, "GET", f"1/orders/{one['order_id']}") for one in (small, sold)]
    assert [(one["type"], one["state"], one["base"]) for one in found] == [
        ("BUY", "COMPLETE", "0.00010"),
        ("SELL", "COMPLETE", "0.3"),
    ]
    assert "client_order_id" not in found[0]  # version 1 does not tell it
    assert len(luno(dialect, "GET", "1/listorders", pair="XBTUSDT", state="COMPLETE")["orders"]) == 2
    assert luno(dialect, "GET", "1/listorders", state="PENDING")["orders"] == []
    assert luno(dialect, "GET", "1/nothing")["error_code"] == "ErrNotFound"
    assert luno(dialect, "GET", "1/orderbook_top", pair="DOGEUSDT")["error_code"] == "ErrInvalidMarketPair"


@pytest.mark.parametrize(
    ("dialect", "path", "told"),
    [
        (KrakenDialect(exchange("kraken")), "/0/private/Nothing", {"error": ["EAPI:Invalid key"]}),
        (KrakenDialect(exchange("kraken")), "/0/public/Nothing", {"error": ["EGeneral:Unknown method"]}),
        (
            KuCoinDialect(exchange("kucoin"), {}),
            "/api/v1/hf/fills",
            {"code": "400003", "msg": "KC-API-KEY not exists"},
        ),
        (LunoDialect(exchange("luno")), "/api/1/fee_info", {"error": "Unauthorised", "error_code": "ErrUnauthorised"}),
    ],
    ids=["kraken's key", "kraken's path", "kucoin's key", "luno's key"],
)
def test_each_exchange_words_its_errors_in_its_own_way(dialect: Any, path: str, told: Any) -> None:
    assert dialect.answer(HttpRequest("GET", path, "", "", {})).document == told

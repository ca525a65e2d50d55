"""VALR's adapter against VALR's protocol on loopback: what is sent, what is found, and what is never said wrongly."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.exchanges import (
    ClockedExchange,
    Exchange,
    FoundOrder,
    MarketRules,
    OrderRefusedError,
    OutcomeUnknownError,
    SentOrder,
)
from fntx_dagster.model.orders import Quote
from fntx_dagster.settings.exchanges import ExchangeKeys
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import ExchangeServer, HttpAnswer, serve_exchange
from fntx_dagster.simulate.exchanges.valr import ValrDialect
from fntx_dagster.simulate.gateway import unused_port

SYMBOL, KEY, SECRET = "BTC/ZAR", "k" * 64, "s" * 64
KEYS = ExchangeKeys(key=SecretStr(KEY), secret=SecretStr(SECRET))
BTC = MarketRules(SYMBOL, Decimal("0.00000001"), Decimal(1), Decimal("0.00001"), Decimal(10))
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEAR_AGO = NOW - timedelta(days=365)
QUOTE = Quote(Decimal(1_000_000), Decimal(1_000_100), Decimal("0.5"), Decimal("0.25"), NOW)


class Valr:
    """A server that speaks VALR's protocol, and the adapter that asks it."""

    def __init__(self, server: ExchangeServer, timeout: float) -> None:
        self.server = server
        self.paper = server.exchange
        assert isinstance(server.dialect, ValrDialect)
        self.dialect = server.dialect
        self.adapter: Exchange = open_exchange("valr", KEYS, server.url, timeout)

    def send(self, amount: str = "0.01", price: str = "1000000", **more: object) -> FoundOrder:
        return self.adapter.send(order(amount, price, **more))

    @property
    def placed(self) -> list[dict[str, object]]:
        """The bodies of the orders that came."""
        return [json.loads(request.body) for request in self.server.requests if request.method == "POST"]


def order(amount: str = "0.01", price: str = "1000000", **more: object) -> SentOrder:
    return SentOrder(uuid4().hex, SYMBOL, "buy", Decimal(amount), Decimal(price))._replace(**more)


@pytest.fixture
def serve() -> Iterator[Callable[..., Valr]]:
    with ExitStack() as servers:

        def start(*, late: int = 0, timeout: float = 10, reward: str = "0", held: str | None = None) -> Valr:
            balances = None if held is None else {KEY: {"ZAR": Decimal(held)}}
            paper = PaperExchange(
                "valr", [BTC], {KEY: SECRET}, client_ids="among_open", balances=balances, clock=lambda: NOW
            )
            paper.show(SYMBOL, QUOTE)
            serving: AbstractContextManager[ExchangeServer] = serve_exchange(
                ValrDialect(paper, late=late, maker_reward_bps=Decimal(reward))
            )
            server = servers.enter_context(serving)
            servers.callback(lambda: _require_sound(server))
            return Valr(server, timeout)

        yield start


def _require_sound(server: ExchangeServer) -> None:
    assert server.problems == []


def test_an_order_is_created_as_a_limit_with_its_client_id_and_found_by_it(serve: Callable[..., Valr]) -> None:
    valr, sent = serve(), order("0.01", "999999")
    created = valr.adapter.send(sent)
    assert valr.placed == [
        {
            "side": "BUY",
            "quantity": "0.01",
            "price": "999999",
            "pair": "BTCZAR",
            "postOnly": False,
            "customerOrderId": sent.client_id,
            "timeInForce": "GTC",
        }
    ]
    assert (created.client_id, created.state, created.filled) == (sent.client_id, "open", 0)
    assert valr.adapter.find(sent.client_id, SYMBOL, YEAR_AGO) == created
    assert len(sent.client_id) == 32  # VALR takes 50 letters, digits and dashes


@pytest.mark.parametrize("shows_ended", [False, True])
def test_a_taker_is_ioc_and_its_rest_is_cancelled(serve: Callable[..., Valr], shows_ended: bool) -> None:
    valr = serve()
    valr.dialect.shows_ended = shows_ended
    taken = valr.send("0.3", "1000200", time_in_force="IOC")
    assert (taken.state, taken.filled) == ("cancelled", Decimal("0.25"))
    [fill] = valr.adapter.fills(SYMBOL, YEAR_AGO)
    assert (fill.fill.quantity, fill.fill.price, fill.fill.liquidity) == (Decimal("0.25"), Decimal(1_000_100), "taker")
    assert (fill.fill.fee, fill.fill.fee_currency) == (Decimal("0.25") * Decimal("0.0015"), "BTC")
    nothing = valr.send("0.3", "900000", time_in_force="IOC")
    assert (nothing.state, nothing.filled) == ("cancelled", 0)


@pytest.mark.parametrize("fault", ["timeout", "lost", "disconnect", "garbage", "failure"])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_answer_is_an_unknown_outcome_and_the_order_is_found_only_where_it_was_placed(
    serve: Callable[..., Valr], fault: str, accepted: bool
) -> None:
    valr, sent = serve(timeout=0.5 if fault == "timeout" else 10), order()
    valr.server.fail(fault, accepted=accepted)  # pyright: ignore[reportArgumentType]  # one of its kinds
    with pytest.raises(OutcomeUnknownError):
        valr.adapter.send(sent)
    found = valr.adapter.find(sent.client_id, SYMBOL, YEAR_AGO)
    assert (found is not None and found.state == "open") if accepted else found is None
    assert len(valr.placed) == 1


def test_an_order_is_found_open_filled_cancelled_and_by_its_fills_alone(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    valr, sent = serve(), order("0.01", "999000")
    rests = valr.adapter.send(sent)
    valr.adapter.cancel(rests, SYMBOL)
    cancelled = valr.adapter.find(sent.client_id, SYMBOL, YEAR_AGO)
    assert cancelled == rests._replace(state="cancelled")
    waits = valr.send("0.02", "999500")
    valr.paper.show(SYMBOL, QUOTE._replace(bid=Decimal(999_000), ask=Decimal(999_400)))
    filled = valr.adapter.find(waits.client_id, SYMBOL, YEAR_AGO)
    assert filled == waits._replace(state="filled", filled=Decimal("0.02"))
    monkeypatch.setattr(valr.dialect, "_rows", lambda account: [])
    by_fills = valr.adapter.find(waits.client_id, SYMBOL, YEAR_AGO)
    assert by_fills == waits._replace(state="partially_filled", filled=Decimal("0.02"))
    assert valr.adapter.find(uuid4().hex, SYMBOL, YEAR_AGO) is None


def test_an_order_of_another_page_of_the_history_is_found(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    valr = serve()
    sent = valr.send("0.0001", "900000", time_in_force="IOC")
    for _ in range(120):
        valr.paper.place(_paper(valr, "900000"))
    monkeypatch.setattr(valr.adapter, "_status", lambda *_: None)
    assert valr.adapter.find(sent.client_id, SYMBOL, YEAR_AGO) == sent


def _paper(valr: Valr, price: str):  # the paper exchange's own order
    from fntx_dagster.simulate.exchanges.paper import NewOrder

    return NewOrder(KEY, uuid4().hex, SYMBOL, "buy", Decimal("0.0001"), Decimal(price), "IOC")


def test_an_order_that_valr_only_took_in_is_asked_for_until_it_is_there(serve: Callable[..., Valr]) -> None:
    valr = serve(late=3)
    assert valr.send().state == "open"
    refused = valr.send("0.000001")
    assert (refused.state, refused.filled, refused.reason) == ("rejected", 0, "Minimum order size not met")


def test_an_order_that_valr_took_in_and_never_shows_is_an_unknown_outcome(serve: Callable[..., Valr]) -> None:
    valr = serve(late=1000, timeout=0.5)
    with pytest.raises(OutcomeUnknownError, match="HTTP 202"):
        valr.send()


def test_what_rests_is_cancelled_and_what_does_not_is_no_error(serve: Callable[..., Valr]) -> None:
    valr = serve()
    rests = valr.send("0.01", "999000")
    for named in (rests, rests, rests._replace(exchange_id="")):
        valr.adapter.cancel(named, SYMBOL)
    other = valr.send("0.01", "999000")
    valr.adapter.cancel(other._replace(exchange_id=""), SYMBOL)  # by the client's id
    found = valr.adapter.find(other.client_id, SYMBOL, YEAR_AGO)
    assert found is not None
    assert found.state == "cancelled"
    with pytest.raises(Permanent, match="Order not found"):
        valr.adapter.cancel(FoundOrder(uuid4().hex, "", "open", Decimal(0)), SYMBOL)


def test_fills_come_oldest_first_with_their_trade_ids_across_pages_and_from_a_moment_on(
    serve: Callable[..., Valr],
) -> None:
    valr = serve()
    now = NOW
    valr.paper.clock = lambda: now
    for _ in range(130):
        now += timedelta(seconds=1)
        valr.paper.show(SYMBOL, QUOTE)
        valr.paper.place(_paper(valr, "1000100"))
    fills = valr.adapter.fills(SYMBOL, NOW)
    assert len({found.fill.trade_id for found in fills}) == len(fills) == 130
    assert [found.fill.at for found in fills] == sorted(found.fill.at for found in fills)
    assert {found.symbol for found in fills} == {SYMBOL}
    last = fills[-1]
    assert valr.adapter.fills(SYMBOL, last.fill.at) == [last]
    assert valr.adapter.fills(SYMBOL, last.fill.at + timedelta(milliseconds=500)) == []
    ids = {(placed.client_id, placed.fills[0].trade_id) for placed in valr.paper.orders}
    assert {(found.client_id, int(found.fill.trade_id.replace("-", ""), 16)) for found in fills} == ids


def test_a_makers_reward_is_a_fee_below_zero_and_a_makers_fee_is_in_what_is_paid(serve: Callable[..., Valr]) -> None:
    for reward, fee, currency in (("1", Decimal("-0.999"), "ZAR"), ("0", Decimal("14.985"), "ZAR")):
        valr = serve(reward=reward)
        valr.send("0.01", "999000")
        valr.paper.show(SYMBOL, QUOTE._replace(bid=Decimal(998_000), ask=Decimal(999_000)))
        [found] = valr.adapter.fills(SYMBOL, YEAR_AGO)
        assert (found.fill.liquidity, found.fill.fee, found.fill.fee_currency) == ("maker", fee, currency)


def test_rules_quote_and_fees_are_those_of_the_market_to_the_digit(serve: Callable[..., Valr]) -> None:
    valr = serve()
    assert valr.adapter.rules(SYMBOL) == BTC
    before = datetime.now(UTC)
    quote = valr.adapter.quote(SYMBOL)
    assert quote._replace(at=NOW) == QUOTE
    assert quote.at >= before  # the book's last change is not the quote's time
    assert valr.adapter.fee_bps(SYMBOL) == (15, 15)


@pytest.mark.parametrize(("amount", "price"), [("0.0123456789012345", "1000000"), ("0.01", "1000000.5")])
def test_an_amount_or_a_price_that_valr_would_cut_is_not_sent(
    serve: Callable[..., Valr], amount: str, price: str
) -> None:
    valr = serve()
    with pytest.raises(OrderRefusedError, match=r"in steps of 0\.00000001 and prices of 1: the order was not sent"):
        valr.send(amount, price)
    assert valr.placed == []
    valr.send("0.01234567")
    assert valr.placed[0]["quantity"] == "0.01234567"


@pytest.mark.parametrize(
    ("amount", "held", "words"),
    [("0.000009", None, "Minimum order size not met"), ("0.01", "9999", "Insufficient Balance")],
)
def test_a_refusal_says_why_and_leaves_no_order(
    serve: Callable[..., Valr], amount: str, held: str | None, words: str
) -> None:
    valr = serve(held=held)
    with pytest.raises(OrderRefusedError, match=words):
        valr.send(amount)
    assert valr.paper.orders == []


def test_too_many_requests_and_an_id_that_rests_already_may_leave_the_order(serve: Callable[..., Valr]) -> None:
    valr, sent = serve(), order("0.01", "999000")
    valr.server.fail("too_many", accepted=False)
    with pytest.raises(OutcomeUnknownError, match="429"):
        valr.adapter.send(sent)
    valr.adapter.send(sent)
    with pytest.raises(OutcomeUnknownError, match="not unique"):
        valr.adapter.send(sent)
    assert len(valr.paper.orders) == 1


def test_a_failure_of_the_server_in_valrs_own_words_may_leave_the_order(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    valr, answer = serve(), HttpAnswer(500, {"code": -1, "message": "Something went wrong"})
    valr.adapter.rules(SYMBOL)
    monkeypatch.setattr(valr.dialect, "answer", lambda request: answer)
    with pytest.raises(OutcomeUnknownError, match="Something went wrong"):
        valr.send()
    with pytest.raises(Transient, match="Something went wrong"):
        valr.adapter.fee_bps(SYMBOL)


def test_a_bare_number_of_the_answer_is_read_by_its_text(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    valr = serve()
    valr.adapter.rules(SYMBOL)
    row = {"currencyPair": "BTCZAR", "makerPercentage": 0.07, "takerPercentage": 0.1}
    monkeypatch.setattr(valr.dialect, "answer", lambda request: HttpAnswer(200, [row]))
    assert valr.adapter.fee_bps(SYMBOL) == (Decimal(7), Decimal(10))


def test_questions_keep_valrs_pace_and_an_order_waits_for_nothing(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    valr = serve()
    waits: list[float] = []
    monkeypatch.setattr("fntx_dagster.adapters.exchanges.valr_api.time.sleep", waits.append)
    public = open_exchange("valr", None, valr.server.url, 10)
    for _ in range(25):
        public.quote(SYMBOL)
    assert [bool(wait) for wait in waits] == [False] * 20 + [True] * 6  # the list of markets is a question, too
    waits.clear()
    placed = valr.send("0.01", "999000")
    valr.adapter.cancel(placed, SYMBOL)
    asked = [request.method for request in valr.server.requests[26:]]
    assert len(waits) == asked.count("GET")
    assert {"POST", "DELETE"} < {*asked}


def test_valrs_clock_can_be_compared(serve: Callable[..., Valr]) -> None:
    valr = serve().adapter
    assert isinstance(valr, ClockedExchange)
    ahead = valr.clock_ahead()
    assert ahead is not None
    assert abs(ahead - (NOW - datetime.now(UTC))) < timedelta(seconds=60)


def test_a_refused_order_is_nowhere_and_one_that_is_somewhere_is_found_whatever_fails(
    serve: Callable[..., Valr], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fntx_dagster.adapters.exchanges.valr_api._PACE", (1e-6, 1000))
    chance, valr = random.Random(7), serve(held="2000000")
    for _ in range(80):
        if fault := chance.choice(["lost", "disconnect", "garbage", "too_many", "failure", None, None, None]):
            valr.server.fail(fault, accepted=chance.random() < 0.5)  # pyright: ignore[reportArgumentType]  # one of its kinds
        valr.paper.show(SYMBOL, QUOTE)
        amount, price = chance.choice(["0.000001", "0.01", "0.3", "5"]), chance.choice(["999000", "1000100"])
        sent = order(amount, price, time_in_force=chance.choice(["GTC", "IOC"]))
        outcome: FoundOrder | Exception
        try:
            outcome = valr.adapter.send(sent)
        except (OrderRefusedError, OutcomeUnknownError) as error:
            outcome = error
        there = [one for one in valr.paper.orders if one.client_id == sent.client_id]
        found = valr.adapter.find(sent.client_id, SYMBOL, YEAR_AGO)
        assert len(there) == (found is not None)
        assert not (there and isinstance(outcome, OrderRefusedError))
        if isinstance(outcome, FoundOrder):
            assert found == outcome
        assert found is None or found.filled == there[0].filled
    told = [(each.fill.quantity, each.client_id) for each in valr.adapter.fills(SYMBOL, YEAR_AGO)]
    assert sorted(told) == sorted((trade.quantity, trade.order.client_id) for trade in valr.paper.trades)
    assert len(told) > 5


def test_an_exchange_that_is_not_there_has_not_got_the_order() -> None:
    adapter = open_exchange("valr", KEYS, f"http://127.0.0.1:{unused_port()}", 5)
    with pytest.raises(OrderRefusedError, match="VALR cannot be reached: the order was not sent"):
        adapter.send(order())
    with pytest.raises(Transient, match="cannot be reached"):
        adapter.quote(SYMBOL)


def test_a_market_that_valr_does_not_have_is_named(serve: Callable[..., Valr]) -> None:
    valr = serve()
    with pytest.raises(Permanent, match="no market BTC/USDT"):
        valr.adapter.rules("BTC/USDT")
    with pytest.raises(OrderRefusedError, match="no market BTC/USDT: the order was not sent"):
        valr.send(symbol="BTC/USDT")


def test_without_keys_rules_and_quotes_are_there_and_an_account_is_not(serve: Callable[..., Valr]) -> None:
    public = open_exchange("valr", None, serve().server.url, 10)
    assert public.rules(SYMBOL) == BTC
    assert public.quote(SYMBOL).bid == QUOTE.bid
    with pytest.raises(Permanent, match="FNTX_EXCHANGE_KEYS"):
        public.fills(SYMBOL, YEAR_AGO)


def test_no_error_and_no_log_holds_a_key_or_a_secret(
    serve: Callable[..., Valr], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = serve().server.url
    for key, secret in ((KEY, "wrong" * 10), ("other" * 10, SECRET)):
        wrong = open_exchange("valr", ExchangeKeys(key=SecretStr(key), secret=SecretStr(secret)), url, 10)
        with pytest.raises(Permanent, match="does not accept the keys: Request has an invalid signature") as asked:
            wrong.fee_bps(SYMBOL)
        with pytest.raises(OrderRefusedError) as sent:
            wrong.send(order())
        shown = f"{asked.value!r} {asked.value.__cause__!r} {sent.value!r} {vars(wrong)!r}"
        assert not any(hidden in shown + caplog.text for hidden in (key, secret))

"""The exchanges that are reached through ccxt, over HTTP against servers that speak their protocols."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Thread
from typing import Any

import pytest

from fntx_dagster.adapters.exchanges.budget import RequestBudget
from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.model.exchanges import FoundOrder, OrderRefusedError, OutcomeUnknownError
from fntx_dagster.settings.exchanges import ExchangeKeys
from fntx_dagster.simulate.exchanges.paper import NewOrder
from fntx_dagster.simulate.exchanges.server import FaultKind, Shuffler
from tests.adapters.exchanges.conftest import (
    DIALECTS,
    FINE,
    KEY,
    KEYS,
    MARKETS,
    PASSWORD,
    PATIENCE,
    SECRET,
    SYMBOL,
    Venue,
    order,
)

JSON = '{"code": -2010, "msg": "Account has insufficient balance."}'
LONG_AGO = datetime.now(UTC) - timedelta(minutes=5)


def test_an_order_that_takes_is_filled_at_once_and_one_that_waits_is_open(venue: Venue) -> None:
    venue.show("99.99", "100", "0.2")
    taking, waiting = order("0.3", "100.5", at_once=True), order("0.5", "99.5")
    taken, waits = venue.account.send(taking), venue.account.send(waiting)
    assert (taken.client_id, taken.filled) == (taking.client_id, Decimal("0.2"))
    assert taken.state in ("expired", "cancelled")
    assert (waits.state, waits.filled) == ("open", 0)
    [first] = venue.account.fills(SYMBOL, LONG_AGO)
    assert (first.exchange_id, first.fill.quantity, first.fill.price) == (taken.exchange_id, Decimal("0.2"), 100)
    venue.show("99.4", "99.5")
    assert venue.account.find(waiting.client_id, SYMBOL, LONG_AGO) == waits._replace(
        state="filled", filled=Decimal("0.5")
    )


def test_every_order_is_a_limit_with_its_client_id_and_its_time_in_force(venue: Venue) -> None:
    sent = [order("0.3", "100.5", at_once=True), order("0.2", "100", side="sell")]
    for each in sent:
        venue.account.send(each)
    placed = [
        (one.client_id, one.side, one.amount, one.price, one.time_in_force) for one in venue.server.exchange.orders
    ]
    assert placed == [(one.client_id, one.side, one.amount, one.price, one.time_in_force) for one in sent]


def test_no_order_carries_the_mark_of_a_broker(venue: Venue) -> None:
    venue.account.send(order("0.3", "100"))
    for request in venue.server.requests:
        assert not [name for name in request.headers if "partner" in name or "broker" in name]


def test_an_order_goes_while_another_request_waits_for_the_pace(venue: Venue) -> None:
    """At Kraken, where placing an order costs nothing and reading is counted."""
    account: Any = venue.account
    if account.name != "kraken":
        return
    account.rules(SYMBOL)
    waits = Event()

    class Slow(RequestBudget):
        def wait_for(self, cost: float, now: float) -> float:
            if cost:
                waits.set()
            return 20 if cost else 0

    account._client.enableRateLimit, account._budget = True, Slow(1, 1)

    def apart(call: Callable[[], object]) -> Thread:
        def tried() -> None:
            with suppress(Exception):  # the server has ended by then
                call()

        thread = Thread(target=tried, daemon=True)
        thread.start()
        return thread

    reading = apart(lambda: account.quote(SYMBOL))
    assert waits.wait(20)
    apart(lambda: account.send(order("0.3", "100")))
    while not venue.server.exchange.orders and reading.is_alive():
        time.sleep(0.01)
    assert reading.is_alive()


def test_an_address_of_the_settings_takes_the_place_of_every_address_of_the_exchange() -> None:
    for name in DIALECTS:
        account: Any = open_exchange(name, KEYS, "http://127.0.0.1:9/sandbox")
        assert {url.split("/sandbox")[0] for url in account.addresses()} == {"http://127.0.0.1:9"}
        assert len(account.addresses()) >= 2


def test_a_limit_whose_rest_waits_is_partially_filled(venue: Venue) -> None:
    venue.show("99.99", "100", "0.2")
    found = venue.account.send(order("0.3", "100"))
    assert (found.state, found.filled) == ("partially_filled", Decimal("0.2"))


@pytest.mark.parametrize("kind", ["timeout", "lost", "garbage", "failure"])
def test_an_order_whose_answer_is_lost_is_unknown_and_found_by_its_client_id(venue: Venue, kind: FaultKind) -> None:
    account: Any = venue.account
    lost = order("0.3", "100")
    account.rules(SYMBOL)
    venue.server.fail(kind)
    patience, account._client.timeout = account._client.timeout, 300 if kind == "timeout" else PATIENCE * 1000
    with pytest.raises(OutcomeUnknownError):
        account.send(lost)
    account._client.timeout = patience
    found = venue.account.find(lost.client_id, SYMBOL, LONG_AGO)
    assert found is not None
    assert (found.client_id, found.state, found.filled) == (lost.client_id, "filled", Decimal("0.3"))
    assert len(venue.server.exchange.orders) == 1


@pytest.mark.parametrize("kind", ["disconnect", "too_many", "failure"])
def test_an_order_that_never_arrived_is_unknown_as_well_and_found_nowhere(venue: Venue, kind: FaultKind) -> None:
    lost = order("0.3", "100")
    venue.server.fail(kind, accepted=False)
    with pytest.raises(OutcomeUnknownError):
        venue.account.send(lost)
    assert venue.account.find(lost.client_id, SYMBOL, LONG_AGO) is None
    assert venue.server.exchange.orders == []


def test_an_order_for_which_the_money_is_missing_is_refused_in_the_words_of_the_exchange(venue: Venue) -> None:
    venue.server.exchange.balances[KEY] = {"USDT": Decimal(29)}
    with pytest.raises(OrderRefusedError, match=r"(?i)insufficient|funds"):
        venue.account.send(order("0.3", "100"))
    assert venue.server.exchange.orders == []


def test_an_order_that_rules_which_changed_meanwhile_forbid_is_refused(venue: Venue) -> None:
    venue.account.rules(SYMBOL)
    venue.server.exchange.markets[SYMBOL] = MARKETS[0]._replace(least_cost=Decimal(1000))
    with pytest.raises(OrderRefusedError) as refused:
        venue.account.send(order("0.3", "100"))
    assert "not sent" not in str(refused.value)
    assert venue.server.exchange.orders == []


def test_an_order_that_ccxt_would_round_is_not_sent(venue: Venue) -> None:
    account: Any = venue.account
    account.rules(SYMBOL)
    account._client.amount_to_precision = lambda symbol, amount: "0.2"
    with pytest.raises(OrderRefusedError, match=r"not sent: ccxt would send 0\.2 at 100"):
        account.send(order("0.3", "100"))
    assert venue.server.exchange.orders == []


def test_the_same_client_id_again_is_no_refusal_because_an_order_has_it(venue: Venue) -> None:
    waiting = order("0.3", "99")
    venue.account.send(waiting)
    with pytest.raises(OutcomeUnknownError):
        venue.account.send(waiting)
    assert len(venue.server.exchange.orders) == 1


def test_an_order_off_the_steps_or_below_the_least_cost_is_never_sent(venue: Venue) -> None:
    assert {venue.account.rules(market.symbol) for market in MARKETS} == {*MARKETS} or venue.account.name == "luno"
    before = len(venue.asked)
    for amount, price in (("0.000123456", "100"), ("0.3", "99.999"), ("0.00001", "1000000")):
        with pytest.raises(OrderRefusedError, match="not sent"):
            venue.account.send(order(amount, price))
    if venue.account.name != "luno":  # it has no least cost
        with pytest.raises(OrderRefusedError, match="not sent"):
            venue.account.send(order("0.01", "100"))
    assert len(venue.asked) == before


@pytest.mark.parametrize("amount", ["0.0123456789012345", "8999.9999999999999999", "0.0000000000000001"])
def test_an_amount_of_sixteen_decimals_goes_and_comes_back_exactly(venue: Venue, amount: str) -> None:
    sent = order(amount, "9.9899", side="sell", symbol=FINE)
    assert venue.account.send(sent).filled == Decimal(amount)
    [placed] = venue.server.exchange.orders
    [found] = venue.account.fills(FINE, LONG_AGO)
    fee = placed.fees
    assert (placed.amount, found.fill.quantity, found.fill.fee) == (Decimal(amount), Decimal(amount), fee)


def test_a_cancelled_order_waits_no_more_and_is_cancelled_twice_without_an_error(venue: Venue) -> None:
    waiting = order("0.3", "99")
    found = venue.account.send(waiting)
    venue.account.cancel(found, SYMBOL)
    after = venue.account.find(waiting.client_id, SYMBOL, LONG_AGO)
    assert after == found._replace(state="cancelled")
    venue.account.cancel(found, SYMBOL)
    venue.account.cancel(FoundOrder("", "999999", "open", Decimal(0)), SYMBOL)


def test_an_order_whose_id_at_the_exchange_is_not_known_is_cancelled_by_its_client_id(venue: Venue) -> None:
    lost = order("0.3", "99")
    venue.server.fail("lost")
    with pytest.raises(OutcomeUnknownError):
        venue.account.send(lost)
    venue.account.cancel(FoundOrder(lost.client_id, "", "open", Decimal(0)), SYMBOL)
    [placed] = venue.server.exchange.orders
    assert placed.state == "cancelled"
    venue.account.cancel(FoundOrder("f" * 32, "", "open", Decimal(0)), SYMBOL)


def test_an_order_that_was_filled_before_the_cancellation_came_stays_filled(venue: Venue) -> None:
    filled = order("0.3", "100")
    venue.account.cancel(venue.account.send(filled), SYMBOL)
    after = venue.account.find(filled.client_id, SYMBOL, LONG_AGO)
    assert after is not None
    assert after.state == "filled"


def test_fills_have_their_own_ids_fees_sides_and_liquidity(venue: Venue) -> None:
    venue.account.send(order("0.3", "100"))
    waiting = venue.account.send(order("0.2", "100.5", side="sell"))
    venue.show("100.5", "100.6")
    bought, sold = venue.account.fills(SYMBOL, LONG_AGO)
    trades = venue.server.exchange.trades
    assert [bought.fill.fee, sold.fill.fee] == [trade.fee for trade in trades]
    assert (bought.fill.side, bought.fill.liquidity, bought.fill.fee_currency) == ("buy", "taker", "USDT")
    assert (sold.fill.side, sold.fill.liquidity, sold.exchange_id) == ("sell", "maker", waiting.exchange_id)
    assert len({bought.fill.trade_id, sold.fill.trade_id}) == 2
    assert abs(sold.fill.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert venue.account.fills(SYMBOL, datetime.now(UTC) + timedelta(seconds=5)) == []
    assert venue.account.fills(FINE, LONG_AGO) == []


def test_fills_beyond_a_page_are_all_there_once_and_in_order_however_they_are_delivered(venue: Venue) -> None:
    exchange = venue.server.exchange
    count = 1003 if venue.account.name == "binance" else 130
    exchange.deliver = Shuffler(7)
    for number in range(count):
        exchange.place(NewOrder(KEY, "", SYMBOL, "buy", Decimal("0.1") + number * Decimal("0.00001"), Decimal(100)))
    found = venue.account.fills(SYMBOL, LONG_AGO)
    assert [one.fill.quantity for one in found] == [trade.quantity for trade in exchange.trades]
    assert len({one.fill.trade_id for one in found}) == count


def test_fills_of_more_than_a_week_ago_are_found(venue: Venue) -> None:
    now = datetime.now(UTC)
    venue.server.exchange.clock = lambda: now - timedelta(days=20)
    venue.server.exchange.place(NewOrder(KEY, "", SYMBOL, "buy", Decimal("0.1"), Decimal(100)))
    venue.server.exchange.clock = lambda: now
    assert len(venue.account.fills(SYMBOL, now - timedelta(days=30))) == 1


def test_orders_of_many_threads_all_arrive(venue: Venue) -> None:
    sent = [order("0.3", "100") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(venue.account.send, sent)]
    assert [one.state for one in found] == ["filled"] * 8
    assert {one.client_id for one in venue.server.exchange.orders} == {one.client_id for one in sent}


def test_a_clock_that_steps_is_followed_and_costs_no_order(venue: Venue) -> None:
    venue.account.send(order("0.3", "100"))
    venue.server.exchange.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    stepped = order("0.2", "100")
    try:
        venue.account.send(stepped)
    except OutcomeUnknownError:
        assert venue.account.find(stepped.client_id, SYMBOL, LONG_AGO) is None
    venue.account.send(order("0.1", "100"))
    assert len(venue.server.exchange.orders) == len(venue.account.fills(SYMBOL, LONG_AGO))


def test_the_quote_is_exact_and_has_its_sizes(venue: Venue) -> None:
    venue.show("9.0001", "9.0002", "0.0123456789012345", FINE)
    quote = venue.account.quote(FINE)
    size = Decimal("0.0123456789012345")
    assert quote[:4] == (Decimal("9.0001"), Decimal("9.0002"), size, size)
    assert abs(quote.at - datetime.now(UTC)) < timedelta(seconds=30)


def test_the_fees_are_the_accounts_own(venue: Venue) -> None:
    own = venue.server.exchange.fees
    assert venue.account.fee_bps(SYMBOL) == (own.maker_bps, own.taker_bps)


def test_a_symbol_that_the_exchange_does_not_have_is_named(venue: Venue) -> None:
    for ask in (venue.account.rules, venue.account.quote, venue.account.fee_bps):
        with pytest.raises(Permanent, match="has no market DOGE/USDT"):
            ask("DOGE/USDT")
    with pytest.raises(OrderRefusedError, match="has no market DOGE/USDT"):
        venue.account.send(order("1", "1", symbol="DOGE/USDT"))


def test_keys_that_do_not_work_are_said_so_and_appear_nowhere(venue: Venue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = ExchangeKeys.model_validate({"key": KEY, "secret": SECRET[:-4] + "AAA=", "password": PASSWORD})
    account = open_exchange(venue.account.name, wrong, venue.server.url, PATIENCE)
    with pytest.raises(Permanent, match="does not accept the keys") as asked:
        account.fills(SYMBOL, LONG_AGO)
    with pytest.raises(OrderRefusedError) as sent:
        account.send(order("0.3", "100"))
    venue.server.fail("lost")
    with pytest.raises(OutcomeUnknownError) as lost:
        venue.account.send(order("0.3", "100"))
    told = "".join(f"{raised.getrepr(style='long', showlocals=False)}" for raised in (asked, sent, lost))
    for secret in (KEY, SECRET, PASSWORD, wrong.secret.get_secret_value()):
        assert secret not in told
        assert secret not in caplog.text
        assert secret not in repr(vars(account).get("name"))


def test_an_exchange_that_is_away_is_transient_and_an_order_is_then_certainly_not_sent() -> None:
    account = open_exchange("binance", None, "http://127.0.0.1:9", 0.5)
    with pytest.raises(Transient, match="binance gives no answer now"):
        account.quote(SYMBOL)
    with pytest.raises(OrderRefusedError, match="not sent: binance gives no answer now"):
        account.send(order("0.3", "100"))


def test_without_keys_the_market_can_be_asked_and_the_account_cannot(venue: Venue) -> None:
    account = open_exchange(venue.account.name, None, venue.server.url, PATIENCE)
    assert account.quote(SYMBOL)[:4] == venue.account.quote(SYMBOL)[:4]
    with pytest.raises((FntxError, OrderRefusedError)):
        account.send(order("0.3", "100"))
    with pytest.raises(Permanent):
        account.fills(SYMBOL, LONG_AGO)


# What ccxt raises: only what certainly was not placed is a refusal.


@pytest.fixture(scope="module")
def room() -> Any:
    """What tells a refusal from an unknown outcome: imported when a test runs, because it brings ccxt."""
    from fntx_dagster.adapters.exchanges import ccxt_faults

    return ccxt_faults


def _all(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _all(each)


@pytest.mark.parametrize(("status", "body"), [(None, ""), (400, JSON), (503, "<html>")], ids=["none", "json", "html"])
def test_an_operation_that_failed_may_have_placed_the_order(room: Any, status: int | None, body: str) -> None:
    kinds = [*_all(room.ccxt.OperationFailed)]
    assert len(kinds) > 10
    for kind in kinds:
        last = room.LastAnswer(status, body)
        assert type(room.outcome(kind("kraken says no"), last, ())) is OutcomeUnknownError
        assert type(room.fault("kraken", kind("kraken says no"), ())) is Transient


def test_what_cannot_be_read_may_have_placed_the_order(room: Any) -> None:
    for kind in (TypeError, KeyError, ValueError, RuntimeError, room.ccxt.ExchangeError, room.ccxt.BaseError):
        assert type(room.outcome(kind("id"), room.LastAnswer(400, JSON), ())) is OutcomeUnknownError


@pytest.mark.parametrize("name", ["InsufficientFunds", "InvalidOrder", "BadSymbol", "PermissionDenied"])
@pytest.mark.parametrize(
    ("status", "body", "is_refusal"),
    [
        (400, JSON, True),
        (200, '{"error": ["EOrder:Insufficient funds"]}', True),
        (None, "", True),  # ccxt sent nothing
        (503, JSON, False),
        (403, "<html>Forbidden</html>", False),
    ],
    ids=["json", "status 200", "not sent", "status 503", "html"],
)
def test_a_refusal_is_one_in_json_below_status_500(
    room: Any, name: str, status: int | None, body: str, is_refusal: bool
) -> None:
    told = room.outcome(getattr(room.ccxt, name)("the exchange says no"), room.LastAnswer(status, body), ())
    assert type(told) is (OrderRefusedError if is_refusal else OutcomeUnknownError)


@pytest.mark.parametrize(
    "text",
    ["Duplicate order sent.", "clientOid duplicate", "EGeneral:Invalid arguments:cl_ord_id", "id already in use"],
)
def test_a_refusal_of_the_client_id_means_that_an_order_has_it(room: Any, text: str) -> None:
    error = room.ccxt.InvalidOrder(f"exchange {text}")
    assert type(room.outcome(error, room.LastAnswer(400, JSON), ())) is OutcomeUnknownError


def test_an_order_that_is_not_found_after_it_was_sent_may_be_placed(room: Any) -> None:
    for kind in (room.ccxt.OrderNotFound, room.ccxt.DuplicateOrderId):
        assert type(room.outcome(kind("no such order"), room.LastAnswer(400, JSON), ())) is OutcomeUnknownError


def test_the_words_are_the_exchanges_without_keys_signatures_and_control_characters(room: Any) -> None:
    secrets = ("k9f27", "s3cr3t")
    url = "binance GET https://x/order?a=1&signature=0afde31b, key k9f27, secret s3cr3t\x1b[31m"
    shown = room.said(room.ccxt.NetworkError(url), secrets)
    assert shown == "binance GET https://x/order?a=1&signature=…, key …, secret …\ufffd[31m"
    assert room.said(room.ccxt.InvalidOrder(f"binance {JSON}"), secrets) == "Account has insufficient balance."
    assert (
        room.said(room.ccxt.InvalidOrder('kraken {"error":["EOrder:a","EOrder:b"]}'), secrets) == "EOrder:a; EOrder:b"
    )
    assert len(room.said(room.ccxt.InvalidOrder("x" * 1000), secrets)) == 300


def test_wrong_keys_are_permanent_and_say_which_setting_has_them(room: Any) -> None:
    told = room.fault("luno", room.ccxt.AuthenticationError("luno no"), ())
    assert isinstance(told, Permanent)
    assert "FNTX_EXCHANGE_KEYS" in str(told)

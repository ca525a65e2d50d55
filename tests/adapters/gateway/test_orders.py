"""Orders through IB Gateway's protocol: what is sent, found, filled and cancelled, and what is never said wrongly."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import ib_insync
import pytest

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.client import snapshot
from fntx_dagster.adapters.gateway.orders import BrokerAccount
from fntx_dagster.adapters.gateway.states import Unavailable
from fntx_dagster.adapters.gateway.symbols import Instrument, instrument
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.exchanges import FoundOrder, OrderRefusedError, OutcomeUnknownError, SentOrder
from fntx_dagster.model.orders import Quote
from fntx_dagster.simulate.gateway import Faults, SimulatedGateway, serve, unused_port
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, GatewayContract, july_28, option
from fntx_dagster.simulate.gateway_orders import (
    ALL_OPEN_ORDERS,
    CANCEL_ORDER,
    OPEN_ORDERS,
    PLACE_ORDER,
    GatewayListing,
    GatewayOrder,
    OrderDesk,
)

NOW = QUARTER_PAST_TEN
MINE, OTHER = "U1000001", "U2000002"
SPY, CALL = "SPY/USD", "SPY250815C00640000/USD"
SPY_QUOTE = Quote(Decimal("630.10"), Decimal("630.12"), Decimal(400), Decimal(300), NOW)
CALL_QUOTE = Quote(Decimal("5.10"), Decimal("5.15"), Decimal(20), Decimal(7), NOW)
STOCK = GatewayContract(756733, "SPY", local_symbol="SPY")
SPY_CALL = option(800815640, "SPY", date(2025, 8, 15), "640", "C")
CLIENT_ID = 171


def listings() -> list[GatewayListing]:
    return [GatewayListing(STOCK, Decimal("0.01"), SPY_QUOTE), GatewayListing(SPY_CALL, Decimal("0.01"), CALL_QUOTE)]


class Traded:
    """A simulated gateway, and the account that orders go to."""

    def __init__(self, gateway: SimulatedGateway, timeout: float) -> None:
        self.gateway, self.desk = gateway, gateway.desk
        self.address = Gateway(gateway.host, gateway.port, CLIENT_ID, timeout, "FNTX_ORDER_CLIENT_ID")
        self.account = BrokerAccount(self.address, MINE)

    def send(self, amount: str = "100", price: str = "630.10", **more: object) -> FoundOrder:
        return self.account.send(order(amount, price, **more))

    def find(self, sent: SentOrder | FoundOrder, symbol: str = SPY) -> FoundOrder | None:
        return self.account.find(sent.client_id, symbol, NOW - timedelta(minutes=1))

    def sent(self, kind: int = PLACE_ORDER) -> list[list[str]]:
        return [asked for asked in self.gateway.asked if int(asked[0]) == kind]


def order(amount: str = "100", price: str = "630.10", **more: object) -> SentOrder:
    return SentOrder(uuid4().hex, SPY, "buy", Decimal(amount), Decimal(price))._replace(**more)


@contextmanager
def trading(timeout: float = 10, **faults: object) -> Iterator[Traded]:
    with serve(july_28(), now=NOW, faults=Faults(**faults), desk=OrderDesk(listings())) as gateway:
        yield Traded(gateway, timeout)


def test_a_stock_is_bought_by_a_limit_order_whose_reference_is_the_client_id() -> None:
    with trading() as traded:
        sent = order("100", "630.05")
        placed = traded.account.send(sent)
        [asked] = traded.sent()
        assert (asked[2], asked[16:20], asked[21], asked[23], asked[26], asked[27]) == (
            "756733",
            ["BUY", "100.0", "LMT", "630.05"],
            "GTC",
            MINE,
            sent.client_id,
            "1",
        )
        assert placed == FoundOrder(sent.client_id, str(traded.desk.orders[0].perm_id), "open", Decimal(0))
        assert traded.find(sent) == placed


def test_an_options_amount_is_in_shares_so_that_amount_times_price_is_the_money() -> None:
    with trading() as traded:
        rules = traded.account.rules(CALL)
        assert (rules.amount_step, rules.least_amount, rules.price_step) == (100, 100, Decimal("0.01"))
        taken = traded.send("1000", "5.15", symbol=CALL, time_in_force="IOC")
        assert traded.sent()[0][17] == "10.0"
        assert (taken.state, taken.filled) == ("cancelled", 700)  # seven contracts were offered
        [found] = traded.account.fills(CALL, NOW)
        fill = found.fill
        assert (fill.quantity, fill.price, fill.quantity * fill.price) == (700, Decimal("5.15"), Decimal("3605.00"))
        assert (fill.fee, fill.fee_currency, fill.liquidity) == (Decimal("4.55"), "USD", "taker")
        with pytest.raises(OrderRefusedError, match="amounts in steps of 100"):
            traded.send("150", "5.15", symbol=CALL)
        assert len(traded.sent()) == 1


@pytest.mark.parametrize(
    ("symbol", "named"),
    [
        ("AAPL/USD", Instrument("AAPL/USD", "AAPL", "USD")),
        ("BRK.B/USD", Instrument("BRK.B/USD", "BRK B", "USD")),
        (
            "AAPL250718C00200000/USD",
            Instrument("AAPL250718C00200000/USD", "AAPL", "USD", "AAPL  250718C00200000"),
        ),
        ("SPXW250718P05900000/USD", Instrument("SPXW250718P05900000/USD", "SPXW", "USD", "SPXW  250718P05900000")),
    ],
)
def test_a_symbol_names_a_stock_or_an_option_by_its_occ_symbol(symbol: str, named: Instrument) -> None:
    assert instrument(symbol) == named


@pytest.mark.parametrize("symbol", ["AAPL", "aapl/USD", "/USD", "AAPL 250718C00200000/USD", "AAPL/"])
def test_another_symbol_is_refused_with_the_two_forms(symbol: str) -> None:
    with pytest.raises(Permanent, match="AAPL250718C00200000/USD"):
        instrument(symbol)


def test_an_order_is_found_open_partly_filled_filled_and_cancelled() -> None:
    with trading() as traded:
        partly, rests = order("500", "630.12"), order("100", "630.00")
        assert traded.account.send(partly).state == "partially_filled"
        waiting = traded.account.send(rests)
        found = traded.find(partly)
        assert found is not None
        assert (found.state, found.filled) == ("partially_filled", 300)
        traded.desk.show(STOCK.con_id, SPY_QUOTE._replace(bid=Decimal("629.90"), ask=Decimal("630.00")), NOW)
        for sent, amount in ((partly, 500), (rests, 100)):
            found = traded.find(sent)
            assert found is not None
            assert (found.state, found.filled) == ("filled", amount)
        other = traded.send("100", "629.00")
        traded.account.cancel(other, SPY)
        assert traded.find(other) == other._replace(state="cancelled")
        assert waiting.exchange_id != other.exchange_id
        assert traded.find(order()) is None


@pytest.mark.parametrize(
    ("faults", "accepted"),
    [({"loses_answer_at": PLACE_ORDER}, True), ({"vanishes_at": PLACE_ORDER}, False)],
)
def test_a_connection_that_ends_on_an_order_is_an_unknown_outcome_and_the_order_is_found_where_it_was_placed(
    faults: dict[str, object], accepted: bool
) -> None:
    with trading(**faults) as traded:
        sent = order()
        with pytest.raises(OutcomeUnknownError):
            traded.account.send(sent)
        found = traded.find(sent)
        assert (found is not None and found.state == "open") if accepted else found is None
        assert len(traded.sent()) == 1


def test_a_lost_answer_to_an_order_that_was_filled_is_found_with_its_fills() -> None:
    with trading(loses_answer_at=PLACE_ORDER) as traded:
        sent = order("100", "630.12", time_in_force="IOC")
        with pytest.raises(OutcomeUnknownError):
            traded.account.send(sent)
        found = traded.find(sent)
        assert found is not None
        assert (found.state, found.filled) == ("filled", 100)
        [fill] = traded.account.fills(SPY, NOW)
        assert (fill.client_id, fill.exchange_id) == (sent.client_id, found.exchange_id)


def test_a_gateway_that_says_nothing_of_an_order_is_an_unknown_outcome() -> None:
    silent = trading(timeout=0.5, silent=frozenset({PLACE_ORDER}))
    with silent as traded, pytest.raises(OutcomeUnknownError, match="did not say what became of the order"):
        traded.send()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (201, "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED"),
        (321, "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."),
    ],
)
def test_a_refusal_of_the_broker_is_one_in_its_words(code: int, words: str) -> None:
    with trading() as traded:
        traded.desk.refusal = (code, words)
        with pytest.raises(OrderRefusedError, match=f"{code} {words[:20]}"):
            traded.send()


def test_an_error_that_may_leave_the_order_is_an_unknown_outcome() -> None:
    with trading() as traded:
        traded.desk.refusal = (507, "Bad message length")
        with pytest.raises(OutcomeUnknownError, match="507"):
            traded.send()


def test_a_gateway_that_is_not_there_has_not_got_the_order() -> None:
    away = BrokerAccount(Gateway("127.0.0.1", unused_port(), CLIENT_ID, 5), MINE)
    with pytest.raises(OrderRefusedError, match="cannot be reached: the order was not sent"):
        away.send(order())
    with pytest.raises(Transient):
        away.quote(SPY)


def test_a_gateway_of_another_account_gets_no_order() -> None:
    with trading() as traded:
        other = BrokerAccount(traded.address, OTHER)
        with pytest.raises(OrderRefusedError, match="serves U…0001, not U…0002"):
            other.send(order())
        assert traded.sent() == []


def test_orders_and_fills_of_another_account_behind_the_same_login_are_not_found() -> None:
    second = replace(july_28(OTHER), account_id=OTHER)
    with serve(july_28(), second, now=NOW, desk=OrderDesk(listings())) as gateway:
        at = Gateway(gateway.host, gateway.port, CLIENT_ID)
        mine, other = BrokerAccount(at, MINE), BrokerAccount(at, OTHER)
        sent = order("100", "630.12")
        other.send(sent)
        assert mine.find(sent.client_id, SPY, NOW) is None
        assert mine.fills(SPY, NOW) == []
        assert len(other.fills(SPY, NOW)) == 1


@pytest.mark.parametrize("price", ["630.105", "630.1234567890123456"])
def test_a_price_between_two_ticks_is_not_sent(price: str) -> None:
    with trading() as traded:
        with pytest.raises(OrderRefusedError, match=r"prices of 0\.01: the order was not sent"):
            traded.send(price=price)
        with pytest.raises(OrderRefusedError, match="amounts in steps of 1 "):
            traded.send("0.0123456789012345")
        assert traded.sent() == []


def test_a_cancelled_order_is_gone_and_one_that_rests_no_more_is_no_error() -> None:
    with trading() as traded:
        rests = traded.send()
        for _ in range(2):
            traded.account.cancel(rests, SPY)
        assert [one.state for one in traded.desk.orders] == ["Cancelled"]
        assert len(traded.sent(CANCEL_ORDER)) == 1
        by_reference = traded.send()
        traded.account.cancel(by_reference._replace(exchange_id=""), SPY)
        assert traded.desk.orders[1].state == "Cancelled"


def test_an_order_of_another_client_id_is_not_called_cancelled() -> None:
    with trading() as traded:
        rests = traded.send()
        changed = BrokerAccount(traded.address._replace(client_id=172), MINE)
        with pytest.raises(Permanent, match=r"client id 171 placed the order.*FNTX_ORDER_CLIENT_ID"):
            changed.cancel(rests, SPY)
        assert traded.desk.orders[0].state == "Submitted"


def test_a_cancellation_that_is_not_confirmed_is_told() -> None:
    with trading(timeout=0.5, silent=frozenset({CANCEL_ORDER})) as traded:
        rests = traded.send()
        with pytest.raises(Unavailable, match="did not confirm"):
            traded.account.cancel(rests, SPY)


def test_fills_have_their_commission_and_of_a_corrected_one_the_correction_counts_under_the_same_trade_id() -> None:
    with trading(late_commissions=0.1) as traded:
        traded.send("100", "630.12")
        traded.gateway.now = NOW + timedelta(minutes=1)
        traded.send("200", "630.12")
        first, second = traded.account.fills(SPY, NOW)
        assert (first.fill.quantity, second.fill.quantity) == (100, 200)
        assert (first.fill.fee, first.fill.at) == (Decimal("65.00"), NOW)
        assert traded.account.fills(SPY, NOW + timedelta(seconds=1)) == [second]
        done = traded.desk.executions[0]
        corrected = replace(done, execution_id=done.execution_id[:-2] + "02", price=Decimal("630.11"))
        traded.desk.executions.append(corrected)
        again = traded.account.fills(SPY, NOW)[0]
        assert again.fill == first.fill._replace(price=Decimal("630.11"))
        assert first.fill.trade_id == done.execution_id == "0000e0d5.00000001.01.01"


def test_fills_without_their_commission_are_not_delivered() -> None:
    with trading(timeout=0.5, no_commissions=True) as traded:
        traded.send("100", "630.12")
        with pytest.raises(Unavailable, match="commissions of 1 fill"):
            traded.account.fills(SPY, NOW)


def test_an_order_older_than_what_the_gateway_shows_is_not_called_absent() -> None:
    with trading() as traded:
        assert traded.account.find(uuid4().hex, SPY, NOW - timedelta(hours=2)) is None
        with pytest.raises(Permanent, match="not what became of one of 2025-07-27"):
            traded.account.find(uuid4().hex, SPY, NOW - timedelta(days=1))
        rests = traded.send()
        assert traded.account.find(rests.client_id, SPY, NOW - timedelta(days=30)) == rests


def test_a_gateway_cut_off_from_the_broker_is_not_believed_that_an_order_is_absent() -> None:
    with trading(messages=((1100, "Connectivity between IBKR and the gateway has been lost."),)) as traded:
        with pytest.raises(Unavailable, match="lost its connection to the broker"):
            traded.account.find(uuid4().hex, SPY, NOW)
        with pytest.raises(OrderRefusedError, match=r"lost its connection to the broker.*the order was not sent"):
            traded.send()
        assert traded.sent() == []


def test_what_is_known_of_a_market_is_asked_for_anew_after_some_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    with trading() as traded:
        assert traded.account.rules(SPY).price_step == Decimal("0.01")
        traded.desk.listings[STOCK.con_id] = GatewayListing(STOCK, Decimal("0.05"))
        assert traded.account.rules(SPY).price_step == Decimal("0.01")
        monkeypatch.setattr("fntx_dagster.adapters.gateway.orders._MARKETS_KEPT", -1)
        assert traded.account.rules(SPY).price_step == Decimal("0.05")


def test_a_quote_has_both_sides_with_their_sizes_in_shares() -> None:
    with trading() as traded:
        assert traded.account.quote(SPY) == SPY_QUOTE
        assert traded.account.quote(CALL) == CALL_QUOTE._replace(bid_size=Decimal(2000), ask_size=Decimal(700))


@pytest.mark.parametrize("data", [0, 3])
def test_prices_that_are_delayed_or_not_subscribed_guard_no_order(data: int) -> None:
    with trading() as traded:
        traded.desk.market_data = data
        with pytest.raises(Permanent, match="no live prices of SPY/USD"):
            traded.account.quote(SPY)


def test_a_market_without_a_quote_may_have_one_later() -> None:
    with trading(timeout=0.5) as traded:
        traded.desk.listings[STOCK.con_id] = GatewayListing(STOCK, Decimal("0.01"))
        with pytest.raises(Transient, match="no bid and ask of SPY/USD"):
            traded.account.quote(SPY)


def test_a_contract_that_is_unknown_ambiguous_or_quoted_in_pence_is_not_traded() -> None:
    with trading() as traded:
        with pytest.raises(Permanent, match="IBKR does not know QQQ/USD"):
            traded.account.rules("QQQ/USD")
        twin = replace(STOCK, con_id=5)
        traded.desk.listings[5] = GatewayListing(twin, Decimal("0.01"))
        with pytest.raises(Permanent, match="knows 2 contracts called SPY/USD"):
            traded.account.rules(SPY)
        pence = GatewayContract(6, "VOD", currency="GBP", local_symbol="VOD")
        traded.desk.listings[6] = GatewayListing(pence, Decimal("0.01"), price_magnifier=100)
        with pytest.raises(Permanent, match="in a part of GBP"):
            traded.account.rules("VOD/GBP")


def test_ibkrs_fees_are_a_setting() -> None:
    with trading() as traded, pytest.raises(Permanent, match="FNTX_EXCHANGE_FEES"):
        traded.account.fee_bps(SPY)


def test_the_data_connection_has_another_client_id_and_sends_nothing_about_orders() -> None:
    with trading() as traded:
        traded.send()
        orders = [asked for asked in traded.gateway.asked if asked[0] == "71"]
        traded.gateway.asked.clear()
        snapshot(Gateway(traded.gateway.host, traded.gateway.port), MINE)
        data = [asked for asked in traded.gateway.asked if asked[0] == "71"]
        assert (orders[0][2], data[0][2]) == ("171", "71")
        assert not {PLACE_ORDER, CANCEL_ORDER, OPEN_ORDERS, ALL_OPEN_ORDERS} & set(traded.gateway.kinds)


def test_threads_take_turns_on_the_one_connection_that_the_client_id_allows() -> None:
    with trading() as traded:
        placed: list[FoundOrder] = []
        workers = [threading.Thread(target=lambda: placed.append(traded.send("100", "629.00"))) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len({one.exchange_id for one in placed}) == len(traded.desk.orders) == 4


def test_a_client_id_that_another_process_uses_is_waited_for() -> None:
    with trading(timeout=5) as traded:
        traded.gateway.clients.add(str(CLIENT_ID))
        freed = threading.Timer(0.3, traded.gateway.clients.clear)
        freed.start()
        assert traded.send().state == "open"
    with trading(timeout=0.3) as traded:
        traded.gateway.clients.add(str(CLIENT_ID))
        with pytest.raises(OrderRefusedError, match=r"already serves client id 171.*: the order was not sent"):
            traded.send()


def test_a_refused_order_is_nowhere_and_one_that_is_somewhere_is_found_whatever_fails() -> None:
    chance = random.Random(7)
    failing: list[tuple[Faults, tuple[int, str] | None]] = [
        (Faults(), None),
        (Faults(loses_answer_at=PLACE_ORDER), None),
        (Faults(vanishes_at=PLACE_ORDER), None),
        (Faults(), (201, "Order rejected")),
        (Faults(), (509, "Exception caught while reading socket")),
        (Faults(messages=((1100, "lost"),)), None),
        (Faults(drops_at_once=True), None),
    ]
    with trading() as traded:
        for _ in range(40):
            traded.gateway.faults, traded.desk.refusal = chance.choice(failing)
            price = chance.choice(["629.00", "630.12"])
            sent = order(f"{chance.randint(1, 400)}", price, time_in_force=chance.choice(["GTC", "IOC"]))
            outcome: FoundOrder | Exception
            try:
                outcome = traded.account.send(sent)
            except (OrderRefusedError, OutcomeUnknownError) as error:
                outcome = error
            traded.gateway.faults, traded.desk.refusal = Faults(), None
            there = [one for one in traded.desk.orders if one.reference == sent.client_id]
            found = traded.find(sent)
            assert len(there) == (found is not None)
            assert not (there and isinstance(outcome, OrderRefusedError))
            if isinstance(outcome, FoundOrder):
                assert found == outcome
            assert found is None or found.filled == there[0].filled
        told = [(each.fill.quantity, each.client_id) for each in traded.account.fills(SPY, NOW)]
        assert sorted(told) == sorted((done.quantity, done.order.reference) for done in traded.desk.executions)
        assert len(told) > 3


def test_no_log_holds_an_account_or_an_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("ib_insync", "ib_insync.client", "ib_insync.wrapper", "ib_insync.ib", "ib_insync.Decoder"):
        caplog.set_level(logging.DEBUG, logger=name)
    with trading() as traded:
        sent = traded.send("100", "630.12")
        traded.desk.refusal = (201, f"Order rejected - reason: {MINE} may not trade this")
        with pytest.raises(OrderRefusedError, match="U…0001 may not trade"):
            traded.send()
        traded.account.fills(SPY, NOW)
    assert MINE not in caplog.text
    assert sent.client_id not in caplog.text


def test_ib_insync_itself_reads_every_field_of_the_simulated_messages_about_orders() -> None:
    """Its decoder counts the fields: one too few or too many, and the message is lost."""

    async def seen(port: int) -> tuple[ib_insync.Trade, ib_insync.Trade, ib_insync.ContractDetails]:
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", port, clientId=9, timeout=5)
        try:
            [resting] = await asyncio.wait_for(ib.reqAllOpenOrdersAsync(), 5)
            [ended] = await asyncio.wait_for(ib.reqCompletedOrdersAsync(False), 5)
            [details] = await ib.reqContractDetailsAsync(ib_insync.Stock("SPY", "SMART", "USD"))
        finally:
            ib.client.disconnect()
        return resting, ended, details

    with trading() as traded:
        waits, done = traded.send("100", "629.00"), traded.send("200", "630.12")
        resting, ended, details = asyncio.run(seen(traded.gateway.port))
    assert (resting.order.orderRef, resting.order.lmtPrice, resting.order.clientId) == (waits.client_id, 629.0, 171)
    assert (resting.orderStatus.status, str(resting.order.permId)) == ("Submitted", waits.exchange_id)
    assert (ended.order.orderRef, ended.order.filledQuantity, ended.orderStatus.status) == (
        done.client_id,
        200.0,
        "Filled",
    )
    assert (details.minTick, details.contract and details.contract.conId, details.minSize) == (0.01, 756733, 1.0)
    assert isinstance(traded.desk.orders[0], GatewayOrder)


def test_the_moment_of_a_fill_is_aware_and_in_utc() -> None:
    with trading() as traded:
        traded.send("100", "630.12")
        [found] = traded.account.fills(SPY, datetime(2025, 7, 28, tzinfo=UTC))
    assert found.fill.at == NOW
    assert found.fill.at.utcoffset() == timedelta(0)

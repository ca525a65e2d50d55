"""A snapshot through the real protocol: the right figures or a clear state, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ib_insync
import pytest

from fntx_dagster.accounting.provisional import today
from fntx_dagster.adapters.gateway.address import Gateway, gateway_at
from fntx_dagster.adapters.gateway.client import snapshot
from fntx_dagster.adapters.gateway.states import OtherAccount, State, Unavailable
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.simulate import gateway as simulated
from fntx_dagster.simulate.gateway import Faults, serve
from fntx_dagster.simulate.gateway_accounts import (
    PUT_635,
    QUARTER_PAST_TEN,
    GatewayAccount,
    GatewayContract,
    GatewayFill,
    GatewayPosition,
    account,
    july_28,
)
from fntx_dagster.simulate.gateway_orders import UNSET

NOW = QUARTER_PAST_TEN
MINE, OTHER = "U1000001", "U2000002"
SPY = GatewayContract(756733, "SPY")
SAP = GatewayContract(14204, "SAP", currency="EUR")
REQUESTS = {
    simulated.CURRENT_TIME: "its time",
    simulated.POSITIONS: "the positions",
    simulated.ACCOUNT_UPDATES: "the account values",
    simulated.EXECUTIONS: "the executions",
}


def asked(*accounts: GatewayAccount, name: str = MINE, timeout: float = 10, **faults: object) -> Snapshot:
    """The snapshot of `name` from a gateway with these accounts and faults."""
    with serve(*accounts or (july_28(),), now=NOW, faults=Faults(**faults)) as gateway:
        return snapshot(Gateway(gateway.host, gateway.port, timeout=timeout), name)


@contextmanager
def unavailable(state: State, words: str) -> Iterator[None]:
    with pytest.raises(Unavailable, match=words) as caught:
        yield
    assert caught.value.state is state
    assert isinstance(caught.value, Transient)
    assert caught.value.way_out
    assert MINE not in str(caught.value)


def without(whole: GatewayAccount, key: str) -> GatewayAccount:
    return replace(whole, values=tuple(value for value in whole.values if value[0] != key))


def changed(whole: GatewayAccount, key: str, value: str) -> GatewayAccount:
    return replace(whole, values=tuple((k, value if k == key else v, unit) for k, v, unit in whole.values))


def fill(execution_id: str, quantity: str, price: str = "630", contract: GatewayContract = SPY) -> GatewayFill:
    return GatewayFill(
        execution_id, NOW - timedelta(minutes=5), contract, Decimal(quantity), Decimal(price), Decimal(1)
    )


def test_the_nav_of_28_july_comes_out_through_the_protocol() -> None:
    seen = asked()
    assert (seen.nav, seen.currency, seen.as_of) == (Decimal("25520.41"), "USD", NOW)
    traded = [(done.contract.symbol, done.quantity, done.price, done.commission) for done in seen.executions]
    assert traded == [
        ("SPY   250728P00635000", Decimal(-3), Decimal("0.12"), Decimal("-2.59932")),
        ("SPY   250728C00638000", Decimal(-3), Decimal("0.09"), Decimal("-2.59932")),
    ]
    day = today(seen, base_currency="HKD", opening_nav_official=None, rates={"USD/HKD": Decimal("7.8")})
    assert day.closing_nav_official == Decimal("199059.198")
    assert round(day.closing_nav_official, 2) == Decimal("199059.20")


def test_a_snapshot_holds_cash_margin_and_positions_with_market_values() -> None:
    seen = asked()
    assert (seen.cash, seen.maintenance_margin, seen.cushion) == tuple(map(Decimal, ("25568.41", "6350", "0.751180")))
    assert seen.excess_liquidity == Decimal("19170.41")
    put = seen.positions[0]
    assert (put.quantity, put.mark, put.market_value) == (Decimal(-3), Decimal("0.09"), Decimal(-27))
    assert put.average_cost == Decimal("0.1113356")
    assert put.contract.description == "SPY 28JUL25 635 P"
    assert (put.contract.strike, put.contract.put_call, put.contract.multiplier) == (Decimal(635), "P", Decimal(100))


def test_amounts_are_the_decimals_of_the_wire() -> None:
    odd = GatewayPosition(SPY, Decimal("0.1234"), Decimal("630.123456"), Decimal("629.99999999"))
    seen = asked(account(MINE, cash="0.1", positions=(odd,), fills=(fill("a.01", "0.1234", "630.1234567"),)))
    assert seen.positions[0].mark == Decimal("630.123456")
    assert seen.positions[0].average_cost == Decimal("629.99999999")
    assert seen.executions[0].price == Decimal("630.1234567")
    assert seen.executions[0].quantity == Decimal("0.1234")


def test_no_message_is_sent_that_could_touch_an_order() -> None:
    with serve(july_28(), now=NOW) as gateway:
        snapshot(Gateway(gateway.host, gateway.port, client_id=4711), MINE)
        assert set(gateway.kinds) == {simulated.START_API, *REQUESTS}
        assert gateway.asked[0] == ["71", "2", "4711", ""]


def test_the_connection_is_closed_when_the_snapshot_is_there_and_when_it_is_not() -> None:
    for faults in (Faults(), Faults(silent=frozenset({simulated.POSITIONS}))):
        with serve(july_28(), now=NOW, faults=faults) as gateway:
            with suppress(Unavailable):
                snapshot(Gateway(gateway.host, gateway.port, timeout=0.3), MINE)
            gone = time.monotonic() + 5
            while gateway.connected and time.monotonic() < gone:
                time.sleep(0.01)
            assert gateway.connected == 0


def test_a_gateway_that_cannot_be_reached_is_down() -> None:
    with unavailable(State.DOWN, "cannot be reached"):
        snapshot(Gateway("127.0.0.1", simulated.unused_port()), MINE)


def test_a_gateway_that_closes_the_connection_at_once_is_down() -> None:
    with unavailable(State.DOWN, "closes the connection"):
        asked(drops_at_once=True)


def test_a_server_that_is_no_gateway_is_down() -> None:
    with unavailable(State.DOWN, "does not use the protocol of IB Gateway"):
        asked(garbage=b"\x00\x00\x00\x04a\0b\0")


def test_the_error_of_a_client_id_in_use_names_the_setting_and_each_call_frees_its_id() -> None:
    with serve(july_28(), now=NOW) as gateway:
        at = Gateway(gateway.host, gateway.port)
        gateway.clients.add("71")
        with unavailable(State.DOWN, "client id 71.*FNTX_GATEWAY_CLIENT_ID"):
            snapshot(at, MINE)
        gateway.clients.clear()
        assert [snapshot(at, MINE).nav for _ in range(20)] == [Decimal("25520.41")] * 20


def test_a_gateway_that_accepts_and_hangs_is_slow_and_blocks_no_longer_than_the_timeout() -> None:
    began = time.monotonic()
    with unavailable(State.SLOW, "does not greet within 0.3 s"):
        asked(timeout=0.3, hangs=True)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", REQUESTS)
def test_an_answer_that_does_not_come_is_named(kind: int) -> None:
    with unavailable(State.INCOMPLETE, f"did not deliver {REQUESTS[kind]} within 0.3 s"):
        asked(timeout=0.3, silent=frozenset({kind}))


@pytest.mark.parametrize("kind", sorted(REQUESTS.keys() - {simulated.CURRENT_TIME}))
def test_data_without_their_end_are_incomplete(kind: int) -> None:
    with unavailable(State.INCOMPLETE, f"did not deliver {REQUESTS[kind]}"):
        asked(timeout=0.3, unended=frozenset({kind}))


def test_everything_that_is_missing_is_named() -> None:
    with unavailable(State.INCOMPLETE, "the positions and the executions"):
        asked(timeout=0.3, silent=frozenset({simulated.POSITIONS, simulated.EXECUTIONS}))


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_connection_that_breaks_midway_is_incomplete(kind: int) -> None:
    with unavailable(State.INCOMPLETE, "closed the connection"):
        asked(vanishes_at=kind)


def test_answers_that_take_their_time_are_awaited() -> None:
    assert asked(delay=0.1).nav == Decimal("25520.41")


def test_a_portfolio_that_lacks_a_position_is_incomplete() -> None:
    with unavailable(State.INCOMPLETE, "market value of every position"):
        asked(lost_in_portfolio=frozenset({PUT_635.con_id}))


@pytest.mark.parametrize("key", ["NetLiquidation", "TotalCashValue", "TotalCashBalance"])
def test_a_missing_account_value_is_incomplete(key: str) -> None:
    with unavailable(State.INCOMPLETE, f"did not deliver {key}"):
        asked(without(july_28(), key))


@pytest.mark.parametrize("text", ["", "--", "NaN", UNSET])
def test_an_account_value_that_is_no_number_is_incomplete(text: str) -> None:
    with unavailable(State.INCOMPLETE, "did not deliver NetLiquidation"):
        asked(changed(july_28(), "NetLiquidation", text))


def test_an_account_that_is_not_ready_is_incomplete() -> None:
    with unavailable(State.INCOMPLETE, "not ready"):
        asked(changed(july_28(), "AccountReady", "false"))


def test_margin_that_is_not_delivered_is_none() -> None:
    assert asked(without(july_28(), "Cushion")).cushion is None


@pytest.mark.parametrize(("nav", "right"), [("25600.00", True), ("25700.00", False), ("199059.20", False)])
def test_a_nav_that_its_parts_do_not_make_disagrees(nav: str, right: bool) -> None:
    if right:  # within half a percent: not all values are renewed at one moment
        assert asked(changed(july_28(), "NetLiquidation", nav)).nav == Decimal(nav)
    else:
        with unavailable(State.DISAGREES, "its parts do not make"):
            asked(changed(july_28(), "NetLiquidation", nav))


def test_a_gateway_cut_off_from_the_broker_is_incomplete() -> None:
    lost, restored = (1100, "Connectivity lost"), (1102, "Connectivity restored")
    with unavailable(State.INCOMPLETE, "lost its connection to the broker; it says: 1100"):
        asked(messages=(lost,))
    assert asked(messages=(lost, restored)).nav == Decimal("25520.41")


def test_a_message_that_cannot_be_read_is_not_passed_over() -> None:
    broken = replace(SPY, con_id="x")
    with unavailable(State.INCOMPLETE, "cannot be read"):
        asked(account(MINE, cash="100", fills=(fill("a.01", "1", contract=broken),)))


def test_a_position_without_a_mark_is_incomplete() -> None:
    books = account(MINE, cash="100")
    with unavailable(State.INCOMPLETE, "without its figures"):
        asked(replace(books, positions=(GatewayPosition(SPY, Decimal(1), Decimal("NaN")),)))


def test_commissions_that_come_late_are_awaited_and_those_that_never_come_are_missed() -> None:
    assert asked(late_commissions=0.2).executions[0].commission == Decimal("-2.59932")
    with unavailable(State.INCOMPLETE, "commissions of 2 fills"):
        asked(timeout=0.3, no_commissions=True)


def test_a_gateway_of_other_accounts_is_refused_for_good_and_names_them_masked() -> None:
    with pytest.raises(OtherAccount, match="serves U…0002, not U…0001") as caught:
        asked(july_28(OTHER))
    assert isinstance(caught.value, Permanent)
    assert caught.value.state is State.OTHER_ACCOUNT
    assert MINE not in str(caught.value)
    assert OTHER not in str(caught.value)


def test_a_gateway_of_another_account_gets_no_request() -> None:
    with serve(july_28(OTHER), now=NOW) as gateway:
        with pytest.raises(OtherAccount):
            snapshot(Gateway(gateway.host, gateway.port), MINE)
        assert gateway.kinds == [simulated.START_API]


@pytest.mark.parametrize("sloppy", [False, True])
def test_two_accounts_behind_one_login_each_get_their_own_snapshot(sloppy: bool) -> None:
    held = (GatewayPosition(SPY, Decimal(10), Decimal(630)),)
    second = account(OTHER, cash="1000", positions=held, fills=(fill("b.01", "10"),))
    mine, other = (asked(july_28(), second, name=name, everyones_fills=sloppy) for name in (MINE, OTHER))
    assert (mine.nav, len(mine.positions), len(mine.executions)) == (Decimal("25520.41"), 2, 2)
    assert (other.nav, len(other.positions), len(other.executions)) == (Decimal(7300), 1, 1)


def test_only_the_correction_of_a_corrected_fill_counts() -> None:
    fills = (fill("0000.a.01", "10", "630"), fill("0000.a.02", "10", "631"), fill("0000.b.01", "5", "632"))
    held = (GatewayPosition(SPY, Decimal(15), Decimal(630)),)
    seen = asked(account(MINE, cash="0", positions=held, fills=fills))
    assert sorted((done.execution_id, done.price) for done in seen.executions) == [
        ("0000.a.02", Decimal(631)),
        ("0000.b.01", Decimal(632)),
    ]


def test_a_combination_counts_by_its_legs_and_a_pair_of_currencies_is_not_held() -> None:
    spread = GatewayContract(28812380, "SPY", "BAG")
    pair = GatewayContract(12345777, "USD", "CASH", "HKD", local_symbol="USD.HKD")
    books = account(MINE, cash="1000", fills=(fill("a.01", "1", contract=spread), fill("b.01", "100", "7.8", pair)))
    seen = asked(replace(books, positions=(GatewayPosition(pair, Decimal(100), Decimal("7.8")),)))
    assert [done.contract.symbol for done in seen.executions] == ["USD.HKD"]
    assert seen.positions == ()


def test_positions_in_another_currency_keep_it() -> None:
    held = (GatewayPosition(SAP, Decimal(10), Decimal("231.5")),)
    seen = asked(account(MINE, cash="1000", positions=held, rates={"EUR": "1.17"}))
    assert (seen.positions[0].currency, seen.positions[0].market_value) == ("EUR", Decimal(2315))
    assert seen.nav == Decimal("3708.55")


def test_the_broker_says_which_fills_closed_nothing() -> None:
    sold = replace(fill("b.01", "-1"), realised=Decimal("-0.0"))
    seen = asked(account(MINE, cash="1000", fills=(fill("a.01", "1"), sold)))
    assert {done.execution_id: done.realised for done in seen.executions} == {"a.01": None, "b.01": Decimal(0)}


def test_no_log_holds_an_account(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("ib_insync", "ib_insync.client", "ib_insync.wrapper", "ib_insync.ib", "ib_insync.Decoder"):
        caplog.set_level(logging.DEBUG, logger=name)
    asked()
    with pytest.raises(Unavailable):
        asked(timeout=0.3, messages=((321, f"Invalid account {MINE}"),), silent=frozenset({simulated.POSITIONS}))
    assert MINE not in caplog.text
    assert "ib_insync" not in caplog.text


def test_a_message_of_the_gateway_is_shown_without_the_account() -> None:
    with unavailable(State.INCOMPLETE, "it says: 321 Invalid account U…0001"):
        asked(timeout=0.3, messages=((321, f"Invalid account {MINE}"),), silent=frozenset({simulated.POSITIONS}))


def test_snapshots_work_in_threads_side_by_side_and_leave_none() -> None:
    before = threading.active_count()
    snapshots: list[Snapshot] = []
    with serve(july_28(), now=NOW) as gateway:

        def ask(client_id: int) -> None:
            snapshots.append(snapshot(Gateway(gateway.host, gateway.port, client_id), MINE))

        workers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert [each.nav for each in snapshots] == [Decimal("25520.41")] * 4
    assert threading.active_count() == before


def test_the_first_call_may_come_from_a_thread_without_a_loop_and_nothing_is_printed() -> None:
    code = """if True:
        import threading
        from fntx_dagster.adapters.gateway.address import Gateway
        from fntx_dagster.adapters.gateway.client import snapshot
        from fntx_dagster.simulate.gateway import serve
        from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, july_28
        with serve(july_28(), now=QUARTER_PAST_TEN) as gateway:
            at = Gateway(gateway.host, gateway.port)
            worker = threading.Thread(target=lambda: print(snapshot(at, "U1000001").nav))
            worker.start(); worker.join()
            print(snapshot(at, "U1000001").nav)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr, done.returncode) == ("25520.41\n25520.41\n", "", 0)


@pytest.mark.parametrize("readonly", [True, False])
def test_ib_insync_itself_accepts_the_simulated_gateway(readonly: bool) -> None:
    async def connected(port: int) -> tuple[int, int, int, list[str]]:
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", port, clientId=5, readonly=readonly, timeout=5)
        summary = await ib.accountSummaryAsync()
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 5)
        try:
            return len(ib.positions()), len(ib.portfolio()), len(ib.fills()), [value.tag for value in summary]
        finally:
            ib.client.disconnect()

    with serve(july_28(), now=NOW) as gateway:
        positions, portfolio, fills, tags = asyncio.run(connected(gateway.port))
    assert (positions, portfolio, fills) == (2, 2, 2)
    assert "NetLiquidation" in tags


def test_the_simulated_gateway_delivers_its_newest_state() -> None:
    with serve(july_28(), now=NOW) as gateway:
        at = Gateway(gateway.host, gateway.port)
        snapshot(at, MINE)
        gateway.accounts = (account(MINE, cash="26000"),)
        gateway.now = datetime(2025, 7, 28, 20, 30, tzinfo=UTC)
        seen = snapshot(at, MINE)
    assert (seen.nav, seen.as_of.hour, seen.positions) == (Decimal(26000), 20, ())


def test_an_address_is_host_and_port() -> None:
    assert gateway_at("127.0.0.1:4001", client_id=3, timeout=2) == Gateway("127.0.0.1", 4001, 3, 2)
    assert gateway_at("[::1]:4002").host == "::1"
    for wrong in ("4001", "localhost", "localhost:", "localhost:99999", ""):
        with pytest.raises(Permanent, match=r"host:port"):
            gateway_at(wrong)

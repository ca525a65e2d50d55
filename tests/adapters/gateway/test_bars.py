"""Daily bars through the real protocol: the prices that were sent, or a clear reason, and nothing that could trade."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.bars import daily_bars, require_symbol
from fntx_dagster.adapters.gateway.historical import duration
from fntx_dagster.adapters.gateway.states import State, Unavailable
from fntx_dagster.errors import Permanent
from fntx_dagster.model.daily_bars import HeardBars
from fntx_dagster.simulate import gateway as simulated
from fntx_dagster.simulate.gateway import SimulatedGateway, serve, unused_port
from fntx_dagster.simulate.gateway_accounts import july_28
from fntx_dagster.simulate.gateway_bars import HISTORICAL_BARS, NO_PERMISSION, PACING

NOW = datetime(2025, 7, 28, 14, 15, tzinfo=UTC)
DAYS = [session.day for session in sessions(date(2023, 1, 3), date(2025, 7, 29))]
CLOSES = {day: Decimal(400) + Decimal(number) / 8 for number, day in enumerate(DAYS)}
JULY = date(2025, 7, 1)


def asked(gateway: SimulatedGateway, symbol: str = "SPY", since: date = JULY, timeout: float = 10) -> HeardBars:
    return daily_bars(Gateway(gateway.host, gateway.port, timeout=timeout), symbol, since)


def test_bars_are_the_decimals_of_the_wire_up_to_the_day_that_runs() -> None:
    with serve(july_28(), now=NOW, closes={"SPY": CLOSES}) as gateway:
        heard = asked(gateway)
    assert (heard.as_of, heard.currency) == (NOW, "USD")
    assert {bar.day: bar.close for bar in heard.bars} == {
        day: close for day, close in CLOSES.items() if JULY <= day <= NOW.date()
    }
    last = heard.bars[-1]
    assert last[1:] == tuple(
        (last.close * Decimal(ratio)).quantize(Decimal("0.0001")) for ratio in ("0.998", "1.004", "0.996", "1")
    )


def test_the_request_is_for_adjusted_bars_of_a_share_and_touches_no_order() -> None:
    with serve(july_28(), now=NOW, closes={"SPY": CLOSES}) as gateway:
        asked(gateway)
        assert gateway.kinds == [simulated.START_API, simulated.CURRENT_TIME, HISTORICAL_BARS]
        fields = gateway.asked[-1]
    assert fields[3:14] == ["SPY", "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    assert fields[14:] == ["0", "", "1 day", "28 D", "1", "ADJUSTED_LAST", "1", "0", ""]


def test_years_come_in_one_answer() -> None:
    with serve(july_28(), now=NOW, closes={"SPY": CLOSES}) as gateway:
        heard = asked(gateway, since=date(2023, 6, 1))
        assert gateway.asked[-1][17] == "3 Y"
    assert (heard.bars[0].day, len(heard.bars)) == (date(2023, 6, 1), sum(date(2023, 6, 1) <= day for day in DAYS) - 1)


@pytest.mark.parametrize(
    ("days", "said"), [(0, "1 D"), (364, "365 D"), (365, "2 Y"), (729, "2 Y"), (730, "3 Y"), (90_000, "30 Y")]
)
def test_a_span_is_written_as_the_broker_wants_it(days: int, said: str) -> None:
    assert duration(NOW.date() - timedelta(days), NOW.date()) == said


@pytest.mark.parametrize("refusal", [PACING, NO_PERMISSION])
def test_a_refusal_is_said_with_its_code(refusal: tuple[int, str]) -> None:
    with serve(july_28(), now=NOW, closes={"SPY": CLOSES}) as gateway:
        gateway.bars.refuses = refusal
        with pytest.raises(Unavailable, match=refusal[1]) as caught:
            asked(gateway)
    assert (caught.value.refusal, caught.value.state) == (162, State.INCOMPLETE)


def test_no_data_and_an_unknown_symbol_are_refusals() -> None:
    with serve(july_28(), now=NOW, closes={"SPY": {}}) as gateway:
        with pytest.raises(Unavailable, match="HMDS query returned no data: SPY@SMART Trades"):
            asked(gateway)
        with pytest.raises(Unavailable, match="200 No security definition has been found"):
            asked(gateway, "NOSUCH")


@pytest.mark.parametrize(
    "odd",
    [
        ("20250725", "nan", "1", "1", "1", 0, 0, 0),
        ("20250725", "1", "1", "1", "0", 0, 0, 0),
        ("20250725", "-1", "1", "-2", "1", 0, 0, 0),
        ("20250725", "1", "2", "1", "3", 0, 0, 0),
        ("20250725", "1", "inf", "1", "1", 0, 0, 0),
        ("20250725", "1.7976931348623157E308", "1.7976931348623157E308", "1", "1", 0, 0, 0),
        ("20250724", "1", "1", "1", "1", 0, 0, 0),
        ("20990101", "1", "1", "1", "1", 0, 0, 0),
        ("1753464600", "1", "1", "1", "1", 0, 0, 0),
        ("2025-07-25", "1", "1", "1", "1", 0, 0, 0),
        ("", "1", "1", "1", "1", 0, 0, 0),
        ("20250725", "one", "1", "1", "1", 0, 0, 0),
        ("20250725", "1"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_whole(odd: tuple[object, ...]) -> None:
    with serve(july_28(), now=NOW, closes={"SPY": CLOSES}) as gateway:
        gateway.bars.odd[date(2025, 7, 25)] = odd
        with pytest.raises(Unavailable) as caught:
            asked(gateway)
    assert caught.value.state is State.INCOMPLETE


def test_a_gateway_that_is_away_or_says_nothing_is_named() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        daily_bars(Gateway("127.0.0.1", unused_port(), timeout=5), "SPY", JULY)
    silent = simulated.Faults(silent=frozenset({HISTORICAL_BARS}))
    with (
        serve(july_28(), now=NOW, faults=silent) as gateway,
        pytest.raises(Unavailable, match="did not deliver the daily bars of SPY within 1 s"),
    ):
        asked(gateway, timeout=1)


def test_a_gateway_without_its_broker_gives_no_bars() -> None:
    lost = simulated.Faults(messages=((1100, "Connectivity between IBKR and IB Gateway has been lost"),))
    with (
        serve(july_28(), now=NOW, faults=lost, closes={"SPY": CLOSES}) as gateway,
        pytest.raises(Unavailable, match="lost its connection to the broker"),
    ):
        asked(gateway)


@pytest.mark.parametrize(
    "symbol",
    ["", "spy", "SPY\0STK\0", "SPY\n", "<b>SPY</b>", "SPY;", "../SPY", "A" * 20, "ＳＰＹ", "SPY ", "=1+1", "U1000001'"],
)
def test_a_hostile_symbol_never_reaches_the_wire(symbol: str) -> None:
    with serve(july_28(), now=NOW) as gateway:
        with pytest.raises(Permanent, match="no symbol of a share") as caught:
            asked(gateway, symbol)
        assert gateway.asked == []
    assert not symbol or symbol not in str(caught.value)


def test_a_class_of_shares_has_the_brokers_name() -> None:
    assert [require_symbol(symbol) for symbol in ("SPY", "BRK.B", "BRK B")] == ["SPY", "BRK B", "BRK B"]

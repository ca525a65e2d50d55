"""What an account held before its first statement of trades, from Open Positions to the report; every figure by hand.

U4100001: a file with Open Positions of 30 June alone, then July by day. U4100002: the same, and July without Open
Positions. U4100003: July alone, in one statement, whose Open Positions are those of its last day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.loading import remarks
from fntx_dagster.services.reporting import report
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.services.tax import tax_rows, tax_sales
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import AGG, SPY, SimulatedContract, option
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.marts import performance, round_trips, windows
from fntx_dagster.store.raw_flex.coverage import nothing_to_build
from fntx_dagster.store.raw_flex.statements import load_paths
from tests.dbt.conftest import Platform, fresh

CALL, PUT, CLOSED_PUT = option("C", 640, "2025-07-18"), option("P", 600, "2025-07-18"), option("P", 590, "2025-07-11")
MARKS = {SPY: "617.85", AGG: "99", CALL: "2.10", PUT: "3.90", CLOSED_PUT: "0.60"}
HELD = {SPY: 100, AGG: 20, CALL: -1, PUT: -2, CLOSED_PUT: -1}
JULY = Period(date(2025, 7, 1), date(2025, 7, 31))


def account(number: str) -> Account:
    july = Account(number, base="USD", cash={"USD": "50000"}, marks=MARKS)
    july.balance.positions.update({contract: Decimal(held) for contract, held in HELD.items()})
    july.day("2025-07-01", {SPY: "618"})
    july.day("2025-07-02", {SPY: "621", CALL: "2"}).trade(CALL, 1, "2", open_close="C")
    july.day("2025-07-03", {SPY: "620"}).trade(SPY, -70, "620", open_close="C")
    july.day("2025-07-07", {SPY: "620", CLOSED_PUT: "0.10"}).trade(CLOSED_PUT, 1, "0.10", open_close="C")
    july.day("2025-07-18", {SPY: "628", PUT: "0"}).ends(PUT, "Expiration")
    july.day("2025-07-21", {SPY: "629"})
    july.day("2025-07-22", {SPY: "630"}).trade(SPY, 10, "630")
    return july


def held(contract: SimulatedContract, position: int, day: str = "20250630", **more: str) -> str:
    terms = contract.attributes | {"reportDate": day, "position": str(position), "markPrice": MARKS[contract]}
    return row("OpenPosition", **terms, fxRateToBase="1", **more)


def first_file(number: str) -> str:
    """Shares in two lots and their sum, AGG without a cost, options without a date."""
    lots = (
        held(SPY, 60, levelOfDetail="LOT", costBasisPrice="500.10", openDateTime="20240304;100000"),
        held(SPY, 40, levelOfDetail="LOT", costBasisPrice="550.20", holdingPeriodDateTime="20250210"),
    )
    rest = (
        held(SPY, 100, levelOfDetail="SUMMARY", costBasisPrice="520.14"),
        held(AGG, 20, levelOfDetail="SUMMARY"),
        held(CALL, -1, levelOfDetail="SUMMARY", costBasisMoney="-320"),
        held(PUT, -2, levelOfDetail="SUMMARY", costBasisPrice="4.50"),
        held(CLOSED_PUT, -1, levelOfDetail="SUMMARY", costBasisPrice="1.20"),
    )
    return statement(section("OpenPositions", *lots, *rest), account=number, first="20250630")


@pytest.fixture(scope="module")
def july(postgres: str, story_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("statements")
    with fresh(postgres, story_home) as platform:
        first = (first_file("U4100001"), first_file("U4100002"))
        platform.load(write(folder / "first.xml", document(*first)))
        with_marks, without, in_one = account("U4100001"), account("U4100002"), account("U4100003")
        without.delivers(without=["OpenPositions"])
        in_one.delivers(without=["OpenPositions", "ChangeInNAV", "EquitySummaryInBase", "CashReport"], by_day=False)
        navs = account("U4100003")
        navs.delivers(without=["OpenPositions", "Trades", "OptionEAE"])
        last = section("OpenPositions", held(SPY, 40, "20250722", costBasisPrice="572.65"))
        platform.load(
            deliver(folder, "july", with_marks, without, in_one),
            deliver(folder, "navs", navs),
            write(folder / "last.xml", document(statement(last, account="U4100003", first="20250722"))),
        )
        failed = platform.run(*map(str, JULY)).failed
        assert failed == ()
        yield platform


ACCOUNTS = pytest.mark.parametrize("number", ["U4100001", "U4100002"])


@ACCOUNTS
def test_lots_open_at_their_cost_and_date_and_say_where_they_come_from(july: Platform, number: str) -> None:
    lots = july.query(
        """select symbol, direction, sum(quantity), open_price, opened_before, opened_session,
            split_part(origin_fill_id, ':', 2)
        from alm_reporting.position_lots where account_id = %s and how_opened = 'held'
        group by 1, 2, 4, 5, 6, 7 order by opened_session, symbol""",
        number,
    )
    before, since = date(2025, 7, 1), date(2025, 6, 30)
    assert [lot[:6] for lot in lots] == [
        ("SPY", "long", 60, Decimal("500.10"), None, date(2024, 3, 4)),
        ("SPY", "long", 40, Decimal("550.20"), None, date(2025, 2, 10)),
        ("AGG", "long", 20, None, before, since),
        (CLOSED_PUT.symbol, "short", 1, Decimal("1.20"), before, since),
        (CALL.symbol, "short", 1, Decimal("3.20"), before, since),
        (PUT.symbol, "short", 2, Decimal("4.50"), before, since),
    ]
    assert {lot[6] for lot in lots} == {"2025-06-30"}


@ACCOUNTS
def test_every_close_knows_what_is_held(july: Platform, number: str) -> None:
    positions = july.query(
        """select trading_day, symbol, quantity from alm_reporting.closing_positions
        where account_id = %s and quantity <> 0 order by 1, 2""",
        number,
    )
    by_day: dict[str, dict[str, Decimal]] = {}
    for day, symbol, quantity in positions:
        by_day.setdefault(f"{day:%d}", {})[symbol] = quantity
    assert by_day["01"] == {contract.symbol: quantity for contract, quantity in HELD.items()}
    assert by_day["02"] == {"SPY": 100, "AGG": 20, PUT.symbol: -2, CLOSED_PUT.symbol: -1}
    assert by_day["07"] == {"SPY": 30, "AGG": 20, PUT.symbol: -2}
    assert by_day["22"] == {"SPY": 40, "AGG": 20}


@ACCOUNTS
def test_what_is_closed_realises_its_cost_basis_first_in_first_out(july: Platform, number: str) -> None:
    """The call 3.20 − 2; 60 shares from 500.10, 10 from 550.20; the put 1.20 − 0.10; two puts 4.50 each; fees 1 each,
    none of an expiration."""
    trips = round_trips.round_trips(july.database, number, JULY, 10)
    assert [(trip.contract.symbol, trip.quantity, trip.gross_pnl, trip.net_pnl) for trip in trips.trips] == [
        (CALL.symbol, -1, 120, 119),
        (CLOSED_PUT.symbol, -1, 110, 109),
        (PUT.symbol, -2, 900, 900),
    ]
    assert {trip.opened_before for trip in trips.trips} == {date(2025, 7, 1)}
    shares = july.query(
        """select quantity, entry_date, gross_pnl, origin from alm_reporting.stock_positions
        where account_id = %s and exit_date = '2025-07-03' order by entry_date""",
        number,
    )
    assert shares == [
        (60, date(2024, 3, 4), Decimal("7194.00"), "held"),
        (10, date(2025, 2, 10), Decimal("698.00"), "held"),
    ]
    assert july.query(
        """select win_rate, wins, average_holding_hours from alm_reporting.rolling_metrics
        where account_id = %s and trading_day = '2025-07-22' and metric_window = 'all'""",
        number,
    ) == [(100, 3, None)]


@ACCOUNTS
def test_july_made_what_the_marks_of_june_and_the_trades_since_give(july: Platform, number: str) -> None:
    """70 × (620 − 617.85), 30 × (630 − 617.85), the call 2.10 − 2, two puts of 3.90, the put 0.60 − 0.10, four fees."""
    made = Decimal("150.50") + Decimal("364.50") + 10 + 780 + 50 - 4
    assert july.query("select sum(net_pnl) from alm_reporting.daily_summary where account_id = %s", number) == [(made,)]


@ACCOUNTS
def test_the_tax_list_has_their_basis_and_their_term(july: Platform, number: str) -> None:
    rows = tax_rows(tax_sales(july.settings, july.database, 2025, number))
    assert [
        (row["description"], row["quantity"], row["opened_before"], row["term"], round(row["gain"], 2)) for row in rows
    ] == [
        (CALL.symbol, 1, date(2025, 7, 1), "short", 119),
        ("SPY", 60, None, "long", Decimal("7193.14")),
        ("SPY", 10, None, "short", Decimal("697.86")),
        (CLOSED_PUT.symbol, 1, date(2025, 7, 1), "short", 109),
        (PUT.symbol, 2, date(2025, 7, 1), "short", 900),
    ]
    assert [row["cost_basis"] for row in rows if row["direction"] == "long"] == [Decimal("30006"), Decimal("5502")]


@ACCOUNTS
def test_every_day_verifies_and_nothing_is_unexplained(july: Platform, number: str) -> None:
    assert july.failing(number) == {}
    assert {day.unexplained for day in july.days(number)} == {0}


def test_greeks_and_value_at_risk_know_them(july: Platform) -> None:
    update_greeks(july.settings, july.database, JULY)
    options = july.query(
        """select symbol, quantity, status, multiplier * quantity * delta from alm_reporting.option_greeks
        where account_id = 'U4100001' and trading_day = '2025-07-01' order by symbol"""
    )
    assert [(symbol, quantity) for symbol, quantity, *_ in options] == [
        (CLOSED_PUT.symbol, -1),
        (CALL.symbol, -1),
        (PUT.symbol, -2),
    ]
    assert [delta > 0 for *_, delta in options] == [True, False, True], "short puts gain with SPY, a short call loses"
    ((delta, without, risk),) = july.query(
        """select delta * nav::double precision, options_without, var_95_repricing from alm_reporting.portfolio_greeks
        where account_id = 'U4100001' and trading_day = '2025-07-01'"""
    )
    assert (without, risk is None) == (0, True), "one close is no history yet"
    shares = 100 * 618 + 20 * 99
    assert delta == pytest.approx(shares + 618 * sum(each for *_, each in options), rel=1e-6)


@ACCOUNTS
def test_the_report_lists_them_and_says_what_is_unknown(july: Platform, number: str) -> None:
    text = report(july.settings, july.database, Period.on(date(2025, 7, 1)), HONG_KONG, number)
    assert "You hold no open positions" not in text
    page = report(july.settings, july.database, Period.on(date(2025, 7, 2)), HONG_KONG, number, "html")
    assert "before 2025-07-01" in page
    sold = report(july.settings, july.database, Period.on(date(2025, 7, 3)), HONG_KONG, number, "html")
    assert "held before the statements" in sold


def test_a_position_that_no_row_tells_the_cost_of_has_an_unknown_result(july: Platform) -> None:
    """July in one statement: 40 shares at its end, of which the fills bought 10; the puts and the call are gone."""
    lots = july.query(
        """select symbol, quantity, open_price, gross_pnl, how_opened, how_ended from alm_reporting.position_lots
        where account_id = 'U4100003' order by closed_at, symbol, opened_at, quantity"""
    )
    assert lots == [
        (CALL.symbol, 1, None, None, "unstated", "traded"),
        ("SPY", 70, None, None, "held", "traded"),
        (CLOSED_PUT.symbol, 1, None, None, "unstated", "traded"),
        (PUT.symbol, 2, None, None, "unstated", "expired"),
        ("SPY", 30, None, None, "held", None),
        ("SPY", 10, 630, None, "trade", None),
    ]
    trips = round_trips.round_trips(july.database, "U4100003", JULY, 10)
    assert (trips.ended, trips.unknown, trips.net_pnl) == (3, 3, 0)
    text = report(july.settings, july.database, JULY, HONG_KONG, "U4100003")
    assert "What this trade realises is unknown" in text
    assert "neither a gain nor a loss" not in text.partition("## ")[2].replace("The period ends", "")


@pytest.mark.parametrize("number", ["U4100001", "U4100003"])
def test_a_window_of_ones_own_choice_counts_trips_of_unknown_result_as_the_table_does(
    july: Platform, number: str
) -> None:
    kept = [
        row
        for row in performance.rolling_metrics(july.database, JULY, number)
        if row["metric_window"] == "all" and row["trading_day"] == date(2025, 7, 22)
    ]
    chosen = windows.window_metrics(july.database, JULY, number)
    shared = kept[0].keys() - {"metric_window", "paid_in", "dpi", "rvpi", "tvpi"}
    assert [{name: row[name] for name in shared} for row in chosen] == [
        {name: pytest.approx(row[name]) if isinstance(row[name], float) else row[name] for name in shared}
        for row in kept
    ]


def test_a_second_run_of_any_day_changes_nothing(july: Platform) -> None:
    for day in ("2025-07-22", "2025-07-03", "2025-06-27"):
        counts = july.run(day, "2025-07-31")
        assert (counts.fills, counts.position_lots) == ((0, 0, 0), (0, 0, 0))


def test_a_file_with_positions_and_no_nav_says_what_is_held_and_what_to_load(
    platform: Platform, tmp_path: Path
) -> None:
    platform.load(write(tmp_path / "first.xml", document(first_file("U4100001"))))
    day = Period.on(date(2025, 6, 30))
    held = f"Open Positions of 2025-06-30 hold 5 positions: 20 AGG, 100 SPY, -1 {' '.join(CLOSED_PUT.symbol.split())}"
    with pytest.raises(Permanent, match="no trading day is built for 2025-06-30") as said:
        report(platform.settings, platform.database, day, HONG_KONG)
    assert held in str(said.value)
    assert "Load Change in NAV" in said.value.way_out
    assert held in str(nothing_to_build(platform.database, day))


def test_an_option_without_its_terms_is_named_when_it_is_loaded(platform: Platform, tmp_path: Path) -> None:
    bare = held(CALL, -1).replace(' putCall="C"', "").replace(' strike="640"', "")
    assert len(bare) == len(held(CALL, -1)) - 25
    path = write(
        tmp_path / "first.xml",
        document(statement(section("OpenPositions", bare, held(SPY, 5)), account="U4100001", first="20250630")),
    )
    (remark,) = remarks(platform.database, load_paths(platform.database, [path]))
    assert "of 2025-06-30 in Open Positions has no strike: no lot from before the statements opens of it" in remark
    july = account("U4100001")
    platform.load(deliver(tmp_path, "july", july))
    platform.run(*map(str, JULY))
    text = report(platform.settings, platform.database, Period.on(date(2025, 7, 1)), HONG_KONG)
    assert f"do not say strike, expiry or putCall of {' '.join(CALL.symbol.split())}: what was held of them" in text


def test_an_earlier_statement_moves_the_beginning_and_equals_a_load_in_order(
    platform: Platform, tmp_path: Path
) -> None:
    """The first file alone has the call from before; June's trades, which come later, open it."""
    july = account("U4100001")
    platform.load(write(tmp_path / "first.xml", document(first_file("U4100001"))), deliver(tmp_path, "july", july))
    platform.run(*map(str, JULY))
    sold = row(
        "Trade", **CALL.attributes, transactionID="1", reportDate="20250630", dateTime="20250630;100000",
        transactionType="ExchTrade", quantity="-1", tradePrice="3.30", ibCommission="-10", buySell="SELL",
        fxRateToBase="1",
    )  # fmt: skip
    platform.load(
        write(tmp_path / "june.xml", document(statement(section("Trades", sold), account="U4100001", first="20250630")))
    )
    platform.goes_on("2025-07-22")
    assert platform.query(
        "select how_opened, open_price, gross_pnl from alm_reporting.position_lots where symbol = %s", CALL.symbol
    ) == [("trade", Decimal("3.30"), 130)]
    assert platform.query("select distinct opened_before from alm_reporting.position_lots where symbol = 'AGG'") == [
        (date(2025, 6, 30),)
    ]

"""All-in trades: an option, the shares that it brought or took, and the interest between, against figures by hand and
against a second computation from the lots."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.samples import SAMPLE_ACCOUNT, SAMPLES
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY, option
from fntx_dagster.simulate.delivery import ONE_PER_SECTION, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from tests.dbt.conftest import Platform

ACCOUNTS = Accounts(2_000_301)
DELIVERED = (ACCOUNTS,)
PUT, CALL, LATER = option("P", 620, "2025-07-14"), option("C", 622, "2025-07-16"), option("P", 600, "2025-07-18")


@ACCOUNTS.account(base="USD", cash={"USD": "90000"})
def a_wheel(account: Account) -> None:
    """A put brings 100 shares at 620, a call takes 100 at 622 two days later: those, by FIFO, and 50 that were bought
    stay. On the night of the 15th the broker accrues interest that costs, and the day before interest that it pays."""
    day = account.day("2025-07-14", {SPY: "618", PUT: "2"})
    day.trade(PUT, -1, "3.00", at="10:00")
    day.accrues(interest="0.80")
    day.ends(PUT, "Assignment")
    day = account.day("2025-07-15", {SPY: "621", CALL: "2"})
    day.trade(SPY, 50, "620", at="11:00")
    day.trade(CALL, -1, "2.50", at="12:00")
    day.accrues(interest="-9.00")
    day = account.day("2025-07-16", {SPY: "623", CALL: "1"})
    day.ends(CALL, "Assignment")
    day = account.day("2025-07-17", {SPY: "624"})
    day.trade(SPY, -20, "624", at="11:00")
    account.day("2025-07-18", {SPY: "625"}).trade(SPY, -30, "625", at="11:00")


@ACCOUNTS.account(base="USD", cash={"USD": "90000"})
def still_running(account: Account) -> None:
    """A put is assigned on the 14th and half of its shares are sold; nothing of it has ended."""
    day = account.day("2025-07-14", {SPY: "618", PUT: "2"})
    day.trade(PUT, -1, "3.00", at="10:00")
    day.ends(PUT, "Assignment")
    day = account.day("2025-07-15", {SPY: "621", LATER: "1"})
    day.trade(SPY, -50, "621", at="11:00")
    day.trade(LATER, -1, "1.00", at="12:00")
    account.day("2025-07-16", {SPY: "621", LATER: "0.4"}).trade(LATER, 1, "0.40", at="12:00")


def trades(platform: Platform, account: str) -> list[dict[str, Any]]:
    names = ("symbol", "trading_day", "joins_shares", "how_ended", "gross_pnl_in_base", "fees_in_base", "interest")
    rows = platform.query(
        f"select {', '.join(names)} from alm_reporting.all_in_trades where account_id = %s order by opened_at, symbol",
        account,
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_a_put_its_shares_and_the_call_that_takes_them_are_one_trade_and_other_shares_another(built: Platform) -> None:
    wheel, shares = trades(built, a_wheel.number)
    # 300 of the put and 250 of the call, 2 × 100 of the shares; on the night of the 15th 62,000 of 93,000 are its
    assert wheel == {
        "symbol": PUT.symbol,
        "trading_day": date(2025, 7, 17),
        "joins_shares": True,
        "how_ended": "delivered",
        "gross_pnl_in_base": 750,
        "fees_in_base": -2,
        "interest": Decimal("-6"),
    }
    assert (shares["symbol"], shares["trading_day"], shares["joins_shares"]) == ("SPY", date(2025, 7, 18), False)
    assert (shares["gross_pnl_in_base"], shares["fees_in_base"], shares["interest"]) == (4 * 20 + 5 * 30, -3, 0)


def test_an_assigned_option_counts_when_its_shares_have_gone_and_not_before(built: Platform) -> None:
    assert [trade["symbol"] for trade in trades(built, still_running.number)] == [LATER.symbol]
    [(plain, all_in, number)] = built.query(
        """select win_rate, win_rate_all_in, trades_all_in from alm_reporting.rolling_metrics
        where account_id = %s and metric_window = 'all' and trading_day = '2025-07-16'""",
        still_running.number,
    )
    assert (plain, all_in, number) == (100, 100, 1)
    [row] = built.query(
        """select win_rate, win_rate_all_in, trades_all_in, expectancy_all_in from alm_reporting.rolling_metrics
        where account_id = %s and metric_window = 'all' and trading_day = '2025-07-15'""",
        still_running.number,
    )
    assert row == (100, None, 0, None)  # the put's premium is won, and nothing has ended all-in


def test_the_samples_are_won_in_28_round_trips_and_in_26_trades_as_counted_by_hand(platform: Platform) -> None:
    """24 of 28 round trips are won, the shares of both assignments among those lost. All-in: the 625 put loses 40 USD
    on its shares and has 26 of premium; the 628 call loses 145, has 19 and costs the interest of its night."""
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run("2025-07-01", "2025-07-18")
    [row] = platform.query(
        """select win_rate, win_rate_all_in, trades_all_in, expectancy * 28, expectancy_all_in * 26
        from alm_reporting.rolling_metrics where metric_window = 'all' and trading_day = '2025-07-18'"""
    )
    assert row[:3] == (pytest.approx(100 * 24 / 28), pytest.approx(100 * 22 / 26), 26)
    assert row[3] - row[4] == pytest.approx(Decimal("55.47"))
    joined = [trade for trade in trades(platform, SAMPLE_ACCOUNT) if trade["joins_shares"]]
    assert [(trade["symbol"].split()[1], trade["interest"]) for trade in joined] == [
        ("250710P00625000", 0),
        ("250717C00628000", Decimal("-55.47")),
    ]
    put, call = joined
    assert put["gross_pnl_in_base"] == (26 - 40) * Decimal("7.8472")
    assert call["gross_pnl_in_base"] == 19 * Decimal("7.8472") - 145 * Decimal("7.8455")


@pytest.mark.parametrize("seed", [3, 8])
def test_the_trades_of_generated_books_are_those_of_a_second_computation(
    platform: Platform, tmp_path: Path, seed: int
) -> None:
    first, last = date(2025, 6, 16), date(2025, 7, 22)
    accounts = trade(seed, ["U3000001", "U3000002"], first, last, trades_per_day=20, kinds=EVERY_KIND)
    for query_id in ONE_PER_SECTION:
        document = delivered(accounts, QUERIES[query_id], first, last, as_of=last)
        assert document is not None
        platform.load(write_document(tmp_path / f"{query_id}.xml", document))
    platform.run(first, last)
    for account in accounts:
        wanted = second_computation(platform, account.number)
        found = platform.query(
            """select trade_id, closed_at, gross_pnl_in_base, fees_in_base from alm_reporting.all_in_trades
            where account_id = %s""",
            account.number,
        )
        assert {row[0]: row[1:] for row in found} == wanted
        assert len(found) > 20
        assert any(row[0] for row in platform.query("select joins_shares from alm_reporting.all_in_trades"))


def second_computation(platform: Platform, account: str) -> dict[str, tuple[datetime, Decimal, Decimal]]:
    """Trade → when it ended, its gross P&L and fees: the lots are joined one by one, with no regard to sessions."""
    names = [
        "lot_id",
        "round_trip_id",
        "open_fill_id",
        "close_fill_id",
        "origin_fill_id",
        "how_opened",
        "how_ended",
        "opened_at",
        "closed_at",
        "gross_pnl",
        "open_fee",
        "close_fee",
        "open_fx_rate",
        "close_fx_rate",
        "asset_category",
    ]
    lots = [
        dict(zip(names, row, strict=True))
        for row in platform.query(
            f"select {', '.join(names)} from alm_reporting.position_lots where account_id = %s", account
        )
    ]
    linked = dict(
        platform.query(
            "select fill_id, linked_fill_id from alm_reporting.fills where account_id = %s and event_type = 'delivery'",
            account,
        )
    )
    is_option = {lot["lot_id"]: lot["asset_category"] in ("OPT", "FOP") for lot in lots}
    ended_by = {
        lot["close_fill_id"]: lot["round_trip_id"]
        for lot in lots
        if is_option[lot["lot_id"]] and lot["how_ended"] in ("assigned", "exercised")
    }
    leader: dict[str, str] = {}

    def leader_of(trip: str) -> str:
        while leader.setdefault(trip, trip) != trip:
            trip = leader[trip]
        return trip

    own: dict[str, str] = {}
    for lot in lots:
        own[lot["lot_id"]] = lot["round_trip_id"]
        if is_option[lot["lot_id"]]:
            continue
        carried = lot["how_opened"] not in ("trade", "assignment", "exercise")
        options = [
            ended_by.get(linked.get(lot["origin_fill_id"] if carried else lot["open_fill_id"])),
            ended_by.get(linked.get(lot["close_fill_id"])),
        ]
        for trip in filter(None, options):
            leader[leader_of(trip)] = leader_of(next(filter(None, options)))
            own[lot["lot_id"]] = trip
    members, whole = defaultdict(list), defaultdict(list)
    for lot in lots:
        is_rest = not is_option[lot["lot_id"]] and own[lot["lot_id"]] == lot["round_trip_id"]
        members[f"rest {lot['round_trip_id']}" if is_rest else leader_of(own[lot["lot_id"]])].append(lot)
        whole[f"rest {lot['round_trip_id']}"].append(lot)
    found = {}
    for key, own_lots in members.items():
        until = whole[key] if key.startswith("rest ") else own_lots
        if any(lot["closed_at"] is None for lot in until):
            continue
        last = max(until, key=lambda lot: (lot["closed_at"], lot["close_fill_id"]))
        if last["how_ended"] == "transferred":
            continue
        opening = min(own_lots, key=lambda lot: (lot["opened_at"], not is_option[lot["lot_id"]], lot["open_fill_id"]))
        gross = sum(lot["gross_pnl"] * lot["close_fx_rate"] for lot in own_lots)
        fees = sum(lot["open_fee"] * lot["open_fx_rate"] + lot["close_fee"] * lot["close_fx_rate"] for lot in own_lots)
        found[opening["round_trip_id"]] = (last["closed_at"], gross, fees)
    return found

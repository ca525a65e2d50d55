"""Greeks and risk at the close, from statements to the tables: whose prices, at which moment, how often."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import MarkedPosition, Snapshot
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.report.risk_tables import early_assignment_sentences
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.reporting import report
from fntx_dagster.services.risk import closing_risk, provisional_risk, update_greeks
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY, SimulatedContract, option
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.marts import closing, performance, risk
from fntx_dagster.store.marts.current import keep
from tests.dbt.conftest import FIRST, LAST, Platform

ACCOUNTS = Accounts(2_500_001)
DELIVERED = (ACCOUNTS,)
DAYS = [session.day for session in sessions(date(2025, 6, 2), date(2025, 7, 18))]
NIGHT_PUT, NEXT_PUT = option("P", 626, "2025-07-18"), option("P", 620, "2025-08-15")
SAME_DAY_CALL, EARLY_PUT = option("C", 628, "2025-07-17"), option("P", 619, "2025-07-03")
SHOP, SHOP_IN_TORONTO = SimulatedContract("195014116", "SHOP"), SimulatedContract("195014117", "SHOP", currency="CAD")
SHOP_PUT = option("P", 110, "2025-08-15", SHOP)
YEN_STRADDLE = tuple(
    replace(
        option(kind, 0, "2025-08-08", SimulatedContract("26", "6J")),
        multiplier=Decimal(12_500_000),
        strike=Decimal("0.0068"),
    )
    for kind in "CP"
)
STRADDLE = option("C", 625, "2025-07-25"), option("P", 625, "2025-07-25")


def close_of(number: int) -> str:
    """SPY's close on the session of a number: every other close five dollars up, and 628.04 on 17 July."""
    before = len(DAYS) - 2 - number
    return str(Decimal("628.04") - before * Decimal("0.25") - before % 2 * 5)


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def with_shares(account: Account) -> None:
    """Holds ten shares, so that every close is known, and sells options beside them."""
    for number, day in enumerate(DAYS):
        statement = account.day(str(day), {SPY: close_of(number)})
        if not number:
            statement.trade(SPY, 10, "600")
        if day == date(2025, 7, 3):
            statement.trade(EARLY_PUT, -1, "0.40")
            statement.closes_at({EARLY_PUT: "0"})
            statement.ends(EARLY_PUT, "Expiration")
        if day == date(2025, 7, 16):
            statement.trade(NIGHT_PUT, -2, "2.10")
            statement.closes_at({NIGHT_PUT: "1.55"})
        if day == date(2025, 7, 17):
            statement.trade(SAME_DAY_CALL, -1, "0.60")
            statement.trade(NEXT_PUT, -1, "6")
            statement.trade(NEXT_PUT, 1, "6.10", at="11:30")
            statement.closes_at({NIGHT_PUT: "1.20", SAME_DAY_CALL: "0.31", NEXT_PUT: "6.05"})
            statement.ends(SAME_DAY_CALL, "Expiration")
        if day == date(2025, 7, 18):
            statement.closes_at({NIGHT_PUT: "0"})
            statement.ends(NIGHT_PUT, "Expiration")


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def without_shares(account: Account) -> None:
    """No statement gives its underlying's close; a straddle implies it."""
    call, put = STRADDLE
    day = account.day("2025-07-16")
    day.trade(call, -1, "4.1")
    day.trade(put, -1, "3.0")
    day.closes_at({call: "4.40", put: "2.90"})
    day = account.day("2025-07-17", {put: "1.5"})
    day.trade(call, 1, "3")
    account.day("2025-07-18", {put: "1.2"})


@ACCOUNTS.account(base="USD", cash={"USD": "10000"})
def holds_nothing(account: Account) -> None:
    account.day("2025-07-16").moves("interest", "1")


@ACCOUNTS.account(base="USD", cash={"USD": "50000", "CAD": "50000"}, rates={"CAD": "0.73"})
def with_both_listings(account: Account) -> None:
    day = account.day("2025-07-17", {SHOP: "113", SHOP_IN_TORONTO: "155", SHOP_PUT: "4.10"})
    day.trade(SHOP, 5, "112")
    day.trade(SHOP_IN_TORONTO, 10, "154")
    day.trade(SHOP_PUT, -1, "4")


@ACCOUNTS.account(base="USD", cash={"USD": "50000", "CAD": "50000"}, rates={"CAD": "0.73"})
def with_the_other_listing(account: Account) -> None:
    day = account.day("2025-07-17", {SHOP_IN_TORONTO: "155", SHOP_PUT: "4.10"})
    day.trade(SHOP_IN_TORONTO, 10, "154")
    day.trade(SHOP_PUT, -1, "4")


@pytest.fixture(scope="module")
def computed(built: Platform) -> Platform:
    update_greeks(built.settings, built.database, Period(FIRST, LAST))
    return built


def options(platform: Platform, account: Account, day: str) -> dict[str, dict[str, Any]]:
    on = date.fromisoformat(day)
    return {row["contract_id"]: row for row in risk.option_greeks(platform.database, Period.on(on), account.number)}


def portfolio(platform: Platform, account: Account, day: str) -> dict[str, Any]:
    on = date.fromisoformat(day)
    [row] = risk.portfolio_risk(platform.database, Period.on(on), account.number)
    return row


def test_a_same_day_option_has_fifteen_minutes_and_greeks_at_the_close(computed: Platform) -> None:
    row = options(computed, with_shares, "2025-07-17")[SAME_DAY_CALL.conid]
    assert (row["status"], row["mark"], row["underlying_price"]) == ("ok", Decimal("0.31"), Decimal("628.04"))
    assert (row["ends_at"] - row["valued_at"]).total_seconds() == 15 * 60
    assert 0.4 < row["delta"] < 0.6
    assert row["gamma"] > 0
    assert row["theta"] < 0 < row["vega"]
    assert (row["quantity"], row["exercise"]) == (-1, "american")
    assert (row["risk_free_rate"], row["dividend_yield"]) == (Decimal("0.043"), Decimal("0.012"))


def test_on_a_day_that_closes_early_it_has_ended_with_the_session(computed: Platform) -> None:
    row = options(computed, with_shares, "2025-07-03")[EARLY_PUT.conid]
    assert row["status"] == "expired"
    assert row["ends_at"] == row["valued_at"] == datetime(2025, 7, 3, 17, tzinfo=UTC)
    assert row["delta"] is row["implied_volatility"] is None
    day = portfolio(computed, with_shares, "2025-07-03")
    assert (day["options"], day["options_without"], day["gamma"]) == (1, 0, 0)
    assert day["delta"] is not None


def test_an_option_that_was_only_traded_has_greeks_and_no_part_in_the_sums(computed: Platform) -> None:
    rows = options(computed, with_shares, "2025-07-17")
    assert (rows[NEXT_PUT.conid]["quantity"], rows[NEXT_PUT.conid]["mark_source"]) == (0, "closing_price")
    assert rows[NEXT_PUT.conid]["delta"] is not None
    held = [rows[contract.conid] for contract in (NIGHT_PUT, SAME_DAY_CALL)]
    day = portfolio(computed, with_shares, "2025-07-17")
    dollars = 10 * 628.04 + sum(float(row["quantity"]) * 100 * 628.04 * row["delta"] for row in held)
    assert day["delta"] == pytest.approx(dollars / float(day["nav"]), abs=1e-6)
    assert day["theta"] == pytest.approx(sum(float(row["quantity"]) * 100 * row["theta"] for row in held), abs=1e-4)
    assert (day["options"], day["options_without"]) == (2, 0)


def test_every_row_names_its_sources(computed: Platform) -> None:
    rows = options(computed, with_shares, "2025-07-16")
    assert rows[NIGHT_PUT.conid]["mark_source"] == "open_positions"
    assert rows[NIGHT_PUT.conid]["underlying_source"] == "statement"


def turnover(platform: Platform, account: Account, day: str) -> Decimal:
    [[implied]] = platform.query(
        "select implied_turnover from alm_reporting.daily_summary where account_id = %s and trading_day = %s",
        account.number,
        day,
    )
    return implied


def test_of_two_listings_of_a_symbol_the_one_in_the_options_currency_is_its_underlying(computed: Platform) -> None:
    row = options(computed, with_both_listings, "2025-07-17")[SHOP_PUT.conid]
    assert (row["status"], row["underlying_price"], row["underlying_source"]) == ("ok", 113, "statement")
    assert turnover(computed, with_both_listings, "2025-07-17") == 113 * 100
    assert computed.failing(with_both_listings.number) == {}


def test_a_listing_in_another_currency_is_no_underlying(computed: Platform) -> None:
    row = options(computed, with_the_other_listing, "2025-07-17")[SHOP_PUT.conid]
    assert (row["status"], row["underlying_price"]) == ("no_price", None)
    assert turnover(computed, with_the_other_listing, "2025-07-17") == 110 * 100  # at the strike
    assert computed.failing(with_the_other_listing.number) == {}


def test_each_listing_has_closes_of_its_own(computed: Platform) -> None:
    day = date(2025, 7, 17)
    prices = [
        close
        for close in closing.closes(computed.database, Period.on(day))
        if close.account_id == with_both_listings.number
    ]
    assert [(close.symbol, close.currency, close.price) for close in prices] == [
        ("SHOP", "CAD", 155),
        ("SHOP", "USD", 113),
    ]


def test_where_no_statement_gives_the_underlying_a_put_and_a_call_imply_it(computed: Platform) -> None:
    call, put = (options(computed, without_shares, "2025-07-16")[contract.conid] for contract in STRADDLE)
    assert call["underlying_source"] == put["underlying_source"] == "put_call_parity"
    assert call["underlying_price"] == put["underlying_price"]
    years = (9 + 15 / 1440) / 365
    implied = (4.40 - 2.90 + 625 * math.exp(-0.043 * years)) * math.exp(0.012 * years)
    assert float(call["underlying_price"]) == pytest.approx(implied, abs=1e-4)
    assert call["implied_volatility"] == pytest.approx(put["implied_volatility"], abs=2e-3)
    assert portfolio(computed, without_shares, "2025-07-16")["delta"] is not None


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def of_yen(account: Account) -> None:
    """Options over 12,500,000 units of what costs less than a cent."""
    call, put = YEN_STRADDLE
    day = account.day("2025-07-16", {call: "0.0000731", put: "0.0000604"})
    day.trade(call, -1, "0.00007")
    day.trade(put, -1, "0.00006")


def test_an_option_over_millions_of_units_has_greeks(computed: Platform) -> None:
    rows = options(computed, of_yen, "2025-07-16")
    call, put = (rows[contract.conid] for contract in YEN_STRADDLE)
    assert (call["status"], put["status"], call["underlying_source"]) == ("ok", "ok", "put_call_parity")
    implied = 0.0000731 - 0.0000604 + 0.0068 * math.exp(-0.043 * 23 / 365)
    assert float(call["underlying_price"]) == pytest.approx(implied, rel=1e-5)
    assert call["underlying_price"].as_tuple().exponent == -8
    assert 0.45 < call["delta"] < 0.6


def test_a_put_alone_has_no_price_of_its_underlying_and_leaves_the_portfolio_undefined(computed: Platform) -> None:
    row = options(computed, without_shares, "2025-07-18")[STRADDLE[1].conid]
    assert (row["status"], row["underlying_source"], row["delta"]) == ("no_price", None, None)
    day = portfolio(computed, without_shares, "2025-07-18")
    assert (day["delta"], day["theta"], day["var_95_repricing"]) == (None, None, None)
    assert (day["options"], day["options_without"]) == (1, 1)


def test_an_account_without_positions_has_sums_of_zero(computed: Platform) -> None:
    day = portfolio(computed, holds_nothing, "2025-07-16")
    names = ("delta", "gamma", "theta", "vega", "var_95_historical", "var_95_repricing", "options")
    assert [day[name] for name in names] == [0] * len(names)


def test_the_value_at_risk_waits_for_twenty_returns_and_then_comes_with_that_of_returns(computed: Platform) -> None:
    early, late = (portfolio(computed, with_shares, str(day)) for day in (DAYS[19], DAYS[20]))
    assert (early["scenarios"], early["var_95_historical"], early["delta"] is None) == (19, None, False)
    assert (late["scenarios"], late["var_95_historical"] < 0) == (20, True)
    day = portfolio(computed, with_shares, "2025-07-17")
    assert day["var_95_historical"] < 0
    assert day["var_95_repricing"] < 0
    metrics = performance.rolling_metrics(computed.database, Period.on(date(2025, 7, 17)), with_shares.number)
    assert day["var_95_returns"] == next(row["var_95"] for row in metrics if row["metric_window"] == "all")


def test_a_second_computation_writes_nothing_and_day_by_day_gives_the_same_rows(computed: Platform) -> None:
    again = update_greeks(computed.settings, computed.database, Period(FIRST, LAST))
    assert sum(again.option_greeks) == sum(again.portfolio_greeks) == 0
    at_once = everything(computed)
    with computed.database.connect() as connection:
        connection.execute("truncate alm_reporting.option_greeks, alm_reporting.portfolio_greeks")
    for day in DAYS:
        update_greeks(computed.settings, computed.database, Period.on(day))
    assert everything(computed) == at_once


def test_a_changed_day_is_computed_again_with_every_day_that_depends_on_it(computed: Platform) -> None:
    before = everything(computed)
    changed = "update alm_reporting.{} set {} where account_id = %s and trading_day = '2025-06-20'"
    undo = before_change(computed)
    try:
        with computed.database.connect() as connection:
            connection.execute(
                changed.format("closing_positions", "mark_price = mark_price + 30"), (with_shares.number,)
            )
            connection.execute(changed.format("closing_days", "inputs = 'others'"), (with_shares.number,))
        done = update_greeks(computed.settings, computed.database, Period.on(LAST))
        assert done.period == (date(2025, 6, 20), LAST)
        assert everything(computed) != before
        assert done.portfolio_greeks.updated > 5  # a close is a scenario of the days after it
    finally:
        undo()
    update_greeks(computed.settings, computed.database, Period.on(LAST))
    assert everything(computed) == before


def test_a_day_that_is_rebuilt_during_the_computation_is_computed_from_one_state(
    computed: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a row could hold the NAV of one state and the Greeks of another, and be signed."""
    before, undo = everything(computed), before_change(computed)
    read = closing.closing_positions

    def after_a_rebuild(*arguments: Any) -> Any:
        with computed.database.connect() as connection:
            for table, change in (("positions", "mark_price = mark_price + 30"), ("days", "inputs = 'others'")):
                connection.execute(
                    f"update alm_reporting.closing_{table} set {change} where trading_day = '2025-07-17'"
                )
        monkeypatch.undo()
        return read(*arguments)

    try:
        monkeypatch.setattr(closing, "closing_positions", after_a_rebuild)
        update_greeks(computed.settings, computed.database, Period(FIRST, LAST))
        assert everything(computed) == before
        assert update_greeks(computed.settings, computed.database, Period.on(LAST)).period.first == date(2025, 7, 17)
        assert everything(computed) != before
    finally:
        undo()
    update_greeks(computed.settings, computed.database, Period.on(LAST))
    assert everything(computed) == before


def everything(platform: Platform) -> list[list[tuple]]:
    return [
        platform.query(f"select t::text from alm_reporting.{table} as t order by 1")
        for table in ("option_greeks", "portfolio_greeks")
    ]


def before_change(platform: Platform):
    """Puts both marts back as they are now."""
    tables = ("closing_positions", "closing_days")
    with platform.database.connect() as connection:
        for table in tables:
            connection.execute(f"create table kept_{table} as select * from alm_reporting.{table}")

    def undo() -> None:
        with platform.database.connect() as connection:
            for table in tables:
                connection.execute(f"truncate alm_reporting.{table}")
                connection.execute(f"insert into alm_reporting.{table} select * from kept_{table}")
                connection.execute(f"drop table kept_{table}")

    return undo


def test_a_day_whose_greeks_are_missing_is_reported(computed: Platform) -> None:
    day = date(2025, 7, 16)
    assert risk.days_without_risk(computed.database, Period(FIRST, LAST)) == []
    with computed.database.connect() as connection:
        connection.execute(
            "delete from alm_reporting.portfolio_greeks where account_id = %s and trading_day = %s",
            (holds_nothing.number, day),
        )
    assert risk.days_without_risk(computed.database, Period(FIRST, LAST)) == [(holds_nothing.number, day)]
    update_greeks(computed.settings, computed.database, Period(FIRST, LAST))


def test_a_day_that_still_runs_has_greeks_at_the_gateways_moment_and_is_kept_nowhere(computed: Platform) -> None:
    seen = datetime(2025, 7, 22, 15, 0, tzinfo=UTC)
    same_day = Contract("1", "SPY", "", "OPT", "SPY", Decimal(100), Decimal(629), date(2025, 7, 22), "C")
    held = MarkedPosition(same_day, Decimal(-1), "USD", Decimal("1.10"), Decimal(-110), Decimal("1.5"))
    spy = snapshot(with_shares.number, seen, "0").positions[1]
    keep(computed.database, replace(snapshot(with_shares.number, seen, "0"), nav=Decimal(90000), positions=(held, spy)))
    [now] = provisional_risk(computed.settings, computed.database, Period.on(seen.date()))
    [row] = now.options
    assert (row.status, row.valued_at, row.underlying_source) == ("ok", seen, "gateway")
    assert 0 < row.delta < 0.5
    assert now.portfolio.delta == pytest.approx((627 - 100 * 627 * row.delta) / 90000, abs=1e-6)
    assert now.portfolio.var_95_historical is not None
    assert risk.option_greeks(computed.database, Period.on(seen.date())) == []


def test_a_listing_that_the_gateway_sees_in_another_currency_is_no_underlying(computed: Platform) -> None:
    seen = datetime(2025, 7, 22, 15, 0, tzinfo=UTC)
    put, spy = snapshot(with_shares.number, seen, "1").positions
    put = replace(put, contract=replace(put.contract, expiry=date(2025, 8, 15)))
    for currency, status in (("USD", "ok"), ("MXN", "no_price")):
        positions = (put, replace(spy, currency=currency))
        keep(computed.database, replace(snapshot(with_shares.number, seen, "1"), positions=positions))
        [now] = provisional_risk(computed.settings, computed.database, Period.on(seen.date()))
        assert now.options[0].status == status


# -- from here on, databases of their own, which take the place of the database above


def test_a_corporate_action_that_arrives_late_takes_its_move_out_of_the_scenarios(
    platform: Platform, tmp_path: Path
) -> None:
    account = Account("U2600002", base="USD", cash={"USD": "50000"})
    for number, day in enumerate(DAYS):
        statement = account.day(str(day), {SPY: close_of(number)})
        if not number:
            statement.trade(SPY, 10, "600")
        if number == 10:
            statement._acts("PI", "PURCHASE ISSUE", (SPY, Decimal(0), Decimal(0)))

    def scenarios(generated: str, **delivers: Any) -> tuple[int, Any]:
        account.delivers(**delivers)
        platform.load(deliver(tmp_path, f"late {generated}", account, generated=generated))
        platform.run()
        done = update_greeks(platform.settings, platform.database, Period.on(LAST))
        return done.portfolios[-1].scenarios, done.period.first

    before, _ = scenarios("20260105;050000 EST", without=["CorporateActions"])
    after, first = scenarios("20260106;050000 EST")
    assert first == DAYS[10]
    assert after == before - 2  # it may lie before its day's close, or after it


def without_a_price(platform: Platform, tmp_path: Path, number: str) -> tuple[Account, SimulatedContract]:
    """An account that is short of a put, covered by a statement that prices neither the put nor its underlying."""
    account = Account(number, base="USD", cash={"USD": "50000"})
    put = option("P", 620, "2025-07-18")
    account.day("2025-07-17").trade(put, -1, "1.5")
    account.days[-1].closes_at({put: "1.20"})
    account.delivers(without=["OpenPositions"], blank=["closePrice", "mtmPnl"])
    platform.load(deliver(tmp_path, number, account))
    platform.run("2025-07-17", "2025-07-17")
    return account, put


def test_the_gateways_mark_counts_where_no_statement_has_one_and_only_near_the_close(
    platform: Platform, tmp_path: Path
) -> None:
    account, put = without_a_price(platform, tmp_path, "U2600001")

    def asked(hour: int, minute: int, mark: str = "1.10") -> dict[str, Any]:
        seen = datetime(2025, 7, 17, hour, minute, tzinfo=UTC)
        taken = snapshot(account.number, seen, put.conid)
        positions = (replace(taken.positions[0], mark=Decimal(mark)), taken.positions[1])
        keep(platform.database, replace(taken, positions=positions))
        update_greeks(platform.settings, platform.database, Period.on(date(2025, 7, 17)))
        return options(platform, account, "2025-07-17")[put.conid]

    early = asked(18, 0)
    assert (early["status"], early["mark"], early["mark_source"]) == ("no_price", None, None)
    near = asked(19, 50)
    assert (near["status"], near["mark"], near["underlying_price"]) == ("ok", Decimal("1.10"), Decimal("627.00"))
    assert (near["mark_source"], near["underlying_source"]) == ("gateway", "gateway")
    assert near["valued_at"] == datetime(2025, 7, 17, 19, 50, tzinfo=UTC)
    closed = asked(20, 5, "1.12")
    assert (closed["mark"], closed["valued_at"]) == (Decimal("1.12"), datetime(2025, 7, 17, 20, 0, tzinfo=UTC))
    assert asked(20, 12, "1.30")["mark"] == asked(23, 0, "2.40")["mark"] == Decimal("1.12")  # farther from the close


def test_the_gateways_price_long_after_the_close_is_no_closing_price(platform: Platform, tmp_path: Path) -> None:
    account, put = without_a_price(platform, tmp_path, "U2600003")
    keep(platform.database, snapshot(account.number, datetime(2025, 7, 17, 22, 30, tzinfo=UTC), put.conid))
    update_greeks(platform.settings, platform.database, Period.on(date(2025, 7, 17)))
    assert options(platform, account, "2025-07-17")[put.conid]["status"] == "no_price"


def snapshot(account: str, at: datetime, conid: str) -> Snapshot:
    put = Contract(conid, "SPY", "", "OPT", "SPY", Decimal(100), Decimal(620), date(2025, 7, 18), "P")
    spy = Contract("756733", "SPY", "", "STK")
    nothing = dict.fromkeys(("initial_margin", "maintenance_margin", "excess_liquidity", "cushion"))
    zero = Decimal(0)
    positions = (
        MarkedPosition(put, Decimal(-1), "USD", Decimal("1.10"), Decimal(-110), Decimal("1.5")),
        MarkedPosition(spy, Decimal(1), "USD", Decimal("627.00"), Decimal(627), Decimal(600)),
    )
    return Snapshot(account, at, "USD", zero, zero, **nothing, positions=positions, executions=())


def test_the_samples_give_the_greeks_that_they_have_prices_for(platform: Platform) -> None:
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run("2025-07-01", "2025-07-18")
    update_greeks(platform.settings, platform.database, Period(date(2025, 7, 1), date(2025, 7, 18)))
    statuses = dict(
        platform.query(
            "select trading_day::text, string_agg(distinct status, ' ') from alm_reporting.option_greeks group by 1"
        )
    )
    assert len(statuses) == 13
    assert statuses.pop("2025-07-03") == "expired"  # the options of a day that closes early end at its close
    assert set(statuses.values()) == {"low_vega"}  # on their last day all marks lie at the intrinsic value
    days = {str(row["trading_day"]): row for row in risk.portfolio_risk(platform.database, Period(FIRST, LAST))}
    assert len(days) == 13
    # the short 628 call is four cents in the money: the 100 shares of SPY at 628.04 that it is assigned, at 7.8472
    short = round(-100 * 628.04 * 7.8472 / float(days["2025-07-17"]["nav"]), 6)
    assert (days["2025-07-17"]["delta"], days["2025-07-17"]["options_without"]) == (short, 0)
    assert all((row["delta"], row["options_without"]) == (0, 0) for day, row in days.items() if day != "2025-07-17")
    assert days["2025-07-18"]["options"] == 0  # both were booked out the same day


def test_the_samples_count_turnover_at_the_underlyings_close(platform: Platform) -> None:
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run("2025-07-17", "2025-07-18")
    assert platform.query("select trading_day::text, implied_turnover from alm_reporting.daily_summary order by 1") == [
        ("2025-07-17", 6 * 100 * Decimal("628.04") * Decimal("7.8472")),
        ("2025-07-18", 2 * 100 * Decimal("627.58") * Decimal("7.8472")),
    ]


def test_a_dividend_that_a_statement_accrues_prices_the_options_of_its_days_and_flags_the_deep_call(
    platform: Platform, tmp_path: Path
) -> None:
    """The accrual arrives after the days were computed: they are computed again, those before it are not."""
    account, call = Account("U2500099", base="USD", cash={"USD": "100000"}), option("C", 600, "2025-10-17")
    account.day("2025-09-16", {SPY: "659", call: "60.10"}).trade(SPY, 10, "659")
    account["2025-09-16"].trade(call, -1, "60.00")
    account.day("2025-09-17", {SPY: "660", call: "60.90"})
    account.day("2025-09-18", {SPY: "661", call: "61.10"})
    period = Period(date(2025, 9, 16), date(2025, 9, 18))
    platform.load(deliver(tmp_path, "days", account))
    platform.run(*period)
    update_greeks(platform.settings, platform.database, period)

    def implied() -> dict[date, tuple[str, float | None]]:
        rows = risk.option_greeks(platform.database, period)
        return {row["trading_day"]: (row["status"], row["implied_volatility"]) for row in rows}

    before = implied()
    accrual = row(
        "ChangeInDividendAccrual",
        accountId="U2500099",
        currency="USD",
        symbol="SPY",
        date="20250917",
        exDate="20250919",
        payDate="20251031",
        quantity="10",
        grossRate="1.83",
        grossAmount="18.3",
        code="Po",
    )
    text = document(
        statement(
            section("ChangeInDividendAccruals", accrual),
            account="U2500099",
            first="20250917",
            generated="20250919;090000",
        )
    )
    platform.load(write(tmp_path / "accruals.xml", text))
    platform.goes_on("2025-09-18")
    assert closing.due(platform.database, Period.on(period.last)).first == date(2025, 9, 17)
    update_greeks(platform.settings, platform.database, Period.on(period.last))
    after = implied()
    assert after[date(2025, 9, 16)] == before[date(2025, 9, 16)]
    assert after[date(2025, 9, 17)] != before[date(2025, 9, 17)]
    [late] = closing_risk(platform.settings, platform.database, date(2025, 9, 18))
    [flagged] = late.early_assignments
    assert (flagged["ex_date"], flagged["dividend"]) == (date(2025, 9, 19), Decimal("1.83"))
    assert (flagged["time_value"], flagged["shares"]) == (Decimal("0.10"), 100)
    assert (flagged["uncovered"], flagged["cash"], flagged["dividend_owed"]) == (90, 5_490, Decimal("164.70"))
    [said] = early_assignment_sentences(late.early_assignments, late.options)
    assert said == (
        "Short SPY 2025-10-17 600 C may be assigned before the ex-date 2025-09-19: its dividend of 1.83 is more than "
        "its time value of 0.10. You would deliver 100 shares for 60,000.00 USD. 90 of them are not held: to buy these "
        "takes 5,490.00 USD more, and who stays short of them owes 164.70 USD."
    )
    page = report(platform.settings, platform.database, Period.on(date(2025, 9, 18)), HONG_KONG, form="html")
    _, heading, after = page.partition("<h3>Calls That May Be Assigned Early at the Close of September 18, 2025")
    assert heading
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", after.partition("</tbody>")[0])[9:]
    assert cells == [
        *("SPY 2025-10-17 600 C", "2025-09-19", "1.83", "0.10", "100", "90"),
        *("60,000.00 USD", "5,490.00 USD", "164.70 USD"),
    ]
    [early] = closing_risk(platform.settings, platform.database, date(2025, 9, 16))
    assert early.early_assignments == []  # nothing was known of it
    page = report(platform.settings, platform.database, Period.on(date(2025, 9, 16)), HONG_KONG, form="html")
    assert "Assigned Early" not in page
    configured = platform.settings.model_copy(
        update={
            "risk": platform.settings.risk.model_copy(update={"dividends": {"SPY": {date(2025, 9, 19): Decimal(2)}}})
        }
    )
    [early] = closing_risk(configured, platform.database, date(2025, 9, 16))
    assert [call["dividend"] for call in early.early_assignments] == [2]

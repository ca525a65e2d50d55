"""Every figure of rolling_metrics against a second computation, from the definitions of docs/metrics.md."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from decimal import Decimal
from random import Random
from statistics import fmean, stdev
from typing import NamedTuple

import pytest
from pyxirr import xirr

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.metrics.windows import first_day
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.report.performance import drawdowns, linked, years
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY, option
from fntx_dagster.store.marts import performance, windows
from tests.dbt.conftest import FIRST, LAST, Platform

ACCOUNTS = Accounts()
WINDOWS = ("30d", "30obs", "mtd", "qtd", "ytd", "1y", "5y", "all")
YEAR = 252


def days_between(first: str, last: str) -> list[str]:
    return [str(session.day) for session in sessions(date.fromisoformat(first), date.fromisoformat(last))]


def day_trade(account: Account, day: str, gain: str) -> None:
    """A round trip of one share; its two commissions are part of what it nets."""
    bought = account[day].trade(SPY, 1, "600", at="10:00", commission="-0.5")
    account[day].trade(SPY, -1, str(bought.price + Decimal(gain)), at="11:00", commission="-0.5")


# -- accounts; what moves them is interest, because it is exact


@ACCOUNTS.account(base="USD", cash={"USD": "10000"})
def over_a_year(account: Account) -> None:
    """Deposits, withdrawals, a string of losses and round trips, over the turn of two years."""
    random = Random(7)
    for number, day in enumerate(days_between("2024-11-01", "2025-12-19")):
        account.day(day, {SPY: "600"}).moves("interest", str(random.randint(-9000, 10000) / Decimal(100)))
        if number % 37 == 5:
            account[day].moves("deposit", "1250.5")
        if number % 41 == 9:
            account[day].moves("deposit", "-733.25")
        if number % 5 == 2:
            day_trade(account, day, str(random.choice([-3, -1, 1, 2, 4])))
    account["2025-12-01"].trade(SPY, 2, "600", at="12:00", commission="0")
    account["2025-12-04"].trade(SPY, -1, "610", at="12:00", commission="0")
    account["2025-12-08"].trade(SPY, -1, "595", at="12:00", commission="0")


@ACCOUNTS.account(base="USD", cash={"USD": "5000"})
def one_day(account: Account) -> None:
    account.day("2025-07-14").moves("interest", "-50")


@ACCOUNTS.account(base="USD", cash={"USD": "5000"})
def unmoved(account: Account) -> None:
    for day in days_between("2025-07-14", "2025-07-18"):
        account.day(day)


@ACCOUNTS.account(base="USD", cash={"USD": "5000"})
def only_gains(account: Account) -> None:
    for number, day in enumerate(days_between("2025-07-14", "2025-07-18")):
        account.day(day).moves("interest", str(10 + number))


@ACCOUNTS.account(base="USD", cash={"USD": "5000"})
def wiped_out(account: Account) -> None:
    """Loses everything on the third day, has nothing on the fourth, and starts again on the fifth."""
    account.day("2025-07-14").moves("interest", "100")
    account.day("2025-07-15").moves("interest", "-60")
    account.day("2025-07-16").moves("interest", "-5040")
    account.day("2025-07-17")
    account.day("2025-07-18").moves("deposit", "2000")
    account.day("2025-07-21").moves("interest", "20")


@ACCOUNTS.account(base="USD", cash={"USD": "0"})
def funded_later(account: Account) -> None:
    """Opened with nothing; money comes on the second day and again, and some of it goes."""
    account.day("2025-07-14")
    account.day("2025-07-15").moves("deposit", "5000")
    account["2025-07-15"].moves("interest", "50")
    account.day("2025-07-16").moves("interest", "-75.5")
    account.day("2025-07-17").moves("deposit", "20000")
    account["2025-07-17"].moves("interest", "-1000")
    account.day("2025-07-18").moves("deposit", "-15000")
    account["2025-07-18"].moves("interest", "210.75")


ENDINGS = Accounts(2_000_101)
DELIVERED = (ACCOUNTS, ENDINGS)
WORTHLESS, IN_PARTS = option("P", 590, "2025-07-14"), option("C", 610, "2025-07-18")
PUT, CALL, EXERCISED = option("P", 615, "2025-07-16"), option("C", 625, "2025-07-16"), option("C", 612, "2025-07-17")


@ENDINGS.account()
def every_ending(account: Account) -> None:
    """In HKD: one expires, one is closed in two parts, a put's assignment brings shares and a call's takes them that
    night, and an exercise brings shares that are sold."""
    day = account.day("2025-07-14", {SPY: "616", PUT: "4", IN_PARTS: "7", WORTHLESS: "0.01"}, USD="7.8")
    day.trade(PUT, -1, "3.00", at="10:00")
    day.trade(IN_PARTS, 2, "6.50", at="11:00")
    day.trade(WORTHLESS, -3, "0.20", at="12:00")
    day.ends(WORTHLESS, "Expiration")
    day = account.day("2025-07-15", {SPY: "618", PUT: "2", CALL: "3", IN_PARTS: "9"}, USD="7.85")
    day.trade(IN_PARTS, -1, "8.50", at="13:00")
    day.trade(CALL, -1, "2.50", at="13:30")
    day = account.day("2025-07-16", {SPY: "614", PUT: "1", CALL: "0.01"}, USD="7.84")
    day.trade(IN_PARTS, -1, "4.25", at="15:00")
    day.ends(PUT, "Assignment")
    day.ends(CALL, "Assignment")
    day = account.day("2025-07-17", {SPY: "617", EXERCISED: "5"}, USD="7.83")
    day.trade(EXERCISED, 1, "5.00", at="10:30")
    day.ends(EXERCISED, "Exercise")
    account.day("2025-07-18", {SPY: "619"}, USD="7.82").trade(SPY, -100, "619", at="11:00")


# -- the second computation


class Trip(NamedTuple):
    """A round trip as it ended: what it netted in base currency, and how long it was held."""

    net: Decimal
    hours: float


class Observed(NamedTuple):
    day: date
    opens_on: date
    opening: Decimal
    closing: Decimal
    deposits: Decimal
    withdrawals: Decimal
    trips: tuple[Trip, ...]

    @property
    def daily_return(self) -> float | None:
        invested = self.opening + self.deposits
        return float((self.closing + self.withdrawals) / invested - 1) if invested > 0 else None

    @property
    def broker_return(self) -> float | None:
        invested = self.opening + self.deposits - self.withdrawals
        return float(self.closing / invested - 1) if invested > 0 else None


def observed(account: Account) -> list[Observed]:
    """From what the broker did, not from our tables."""
    days, open_cost, open_quantity, opened_at = [], Decimal(0), Decimal(0), None
    calendar = {session.day: session for session in sessions(account.days[0].date, account.days[-1].date)}
    for day in account.days:
        flows = [moved.amount for moved in day.cash if moved.component == "depositsWithdrawals"]
        trips = []
        for done in sorted(day.fills, key=lambda done: (done.at, done.number)):
            opened_at = opened_at if open_quantity else done.at
            open_quantity += done.quantity
            open_cost += done.proceeds + done.commission
            if not open_quantity:
                trips.append(Trip(open_cost, (done.at - opened_at).total_seconds() / 3600))
                open_cost = Decimal(0)
        days.append(
            Observed(
                day.date,
                calendar[day.date].previous_close.astimezone(NEW_YORK).date(),
                day.opening.nav,
                day.nav,
                sum((flow for flow in flows if flow > 0), Decimal(0)),
                -sum((flow for flow in flows if flow < 0), Decimal(0)),
                tuple(trips),
            )
        )
    return days


def window_of(days: list[Observed], window: str) -> list[Observed]:
    last = days[-1].day
    first = days[-30:][0].day if window == "30obs" else first_day(window, last, days[0].day)
    return [day for day in days if day.day >= first]


def expected(days: list[Observed], window: str) -> dict[str, float | int | None]:
    """The metrics of a window that ends with the last of the days."""
    members = window_of(days, window)
    returns = [day.daily_return for day in members if day.daily_return is not None]
    by_broker = [day.broker_return for day in members if day.broker_return is not None]
    n = len(returns)
    wealth = [math.prod(1 + value for value in returns[: i + 1]) for i in range(n)]
    drawdowns = [wealth[i] / max(1, *wealth[: i + 1]) - 1 for i in range(n)]
    built = {
        "observations": n,
        "total_return": wealth[-1] - 1 if n else None,
        "broker_return": math.prod(1 + value for value in by_broker) - 1 if by_broker else None,
        "volatility": None,
        "sharpe": None,
        "sortino": None,
        "max_drawdown": min(drawdowns) if n >= 2 else None,
        "calmar": None,
        "var_95": None,
        "cvar_95": None,
        **money_weighted(members),
        **traded([trip for day in members for trip in day.trips]),
    }
    if n >= 2:
        mean, deviation = fmean(returns), stdev(returns)
        downside = math.sqrt(fmean(min(value, 0) ** 2 for value in returns))
        if deviation > 1e-15:
            built |= {"volatility": deviation * math.sqrt(YEAR), "sharpe": mean / deviation * math.sqrt(YEAR)}
        if downside > 1e-15:
            built["sortino"] = mean * YEAR / (downside * math.sqrt(YEAR))
        ascending, place = sorted(returns), (n - 1) * 0.05
        below, above = ascending[math.floor(place)], ascending[math.ceil(place)]
        built["var_95"] = below + (above - below) * (place - math.floor(place))
        built["cvar_95"] = fmean(ascending[: int(place) + 1])
    if built["xirr"] is not None and min(drawdowns) < 0:
        built["calmar"] = (wealth[-1] ** (YEAR / n) - 1) / abs(min(drawdowns))
    return built


def money_weighted(members: list[Observed]) -> dict[str, float | None]:
    """From the flows with their dates; a deposit counts from the close before its session. The year's rate is
    pyxirr's; the window's own comes by bisection, as a year of a bad week is a loss that no rate tells
    from a total one."""
    first, last = members[0], members[-1]
    flows = [(first.opens_on, -first.opening)]
    for day in members:
        flows += [(day.opens_on, -day.deposits), (day.day, day.withdrawals)]
    flows = [(day, float(amount)) for day, amount in flows if amount]
    if not flows or last.closing <= 0:
        return {"money_weighted_return": None, "xirr": None, "xirr_by_date": None}
    flows.append((last.day, float(last.closing)))
    dated = [(first.opens_on, -first.opening), *((day.day, day.withdrawals - day.deposits) for day in members)]
    dated = [(day, float(amount)) for day, amount in (*dated, (last.day, last.closing)) if amount]
    days = (last.day - flows[0][0]).days
    low, high = 1e-9, 1e9
    for _ in range(200):
        growth = math.sqrt(low * high)
        if sum(amount * growth ** ((last.day - day).days / days) for day, amount in flows) > 0:
            low = growth
        else:
            high = growth
    return {
        "money_weighted_return": growth - 1,
        "xirr": xirr(flows) if days >= 365 else None,
        "xirr_by_date": xirr(dated) if (last.day - dated[0][0]).days >= 365 else None,
    }


def traded(trips: list[Trip]) -> dict[str, float | Decimal | int | None]:
    won = [trip.net for trip in trips if trip.net > 0]
    lost = [trip.net for trip in trips if trip.net < 0]
    return {
        "wins": len(won),
        "losses": len(lost),
        "break_evens": len(trips) - len(won) - len(lost),
        "win_rate": 100 * len(won) / (len(won) + len(lost)) if won or lost else None,
        "average_win": sum(won) / len(won) if won else None,
        "average_loss": sum(lost) / len(lost) if lost else None,
        "profit_factor": float(sum(won) / -sum(lost)) if lost else None,
        "expectancy": sum(trip.net for trip in trips) / len(trips) if trips else None,
        "average_holding_hours": fmean(trip.hours for trip in trips) if trips else None,
    }


def paid(days: list[Observed]) -> dict[str, float | Decimal | None]:
    paid_in = days[0].opening + sum(day.deposits for day in days)
    paid_out = sum(day.withdrawals for day in days)
    if not paid_in:
        return {"paid_in": 0, "dpi": None, "rvpi": None, "tvpi": None}
    dpi, rvpi = float(paid_out / paid_in), float(days[-1].closing / paid_in)
    return {"paid_in": paid_in, "dpi": dpi, "rvpi": rvpi, "tvpi": dpi + rvpi}


# -- tests


def table(built: Platform, account: Account) -> dict[tuple[date, str], dict]:
    rows = performance.rolling_metrics(built.database, Period(FIRST, LAST), account.number)
    return {(row["trading_day"], row["metric_window"]): row for row in rows}


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_every_window_of_every_day_says_what_the_definitions_say(built: Platform, name: str) -> None:
    days = observed(ACCOUNTS[name])
    rows = table(built, ACCOUNTS[name])
    assert len(rows) == len(WINDOWS) * len(days)
    for number in range(1, len(days) + 1):
        for window in WINDOWS:
            row, wanted = rows[days[number - 1].day, window], expected(days[:number], window)
            wanted |= paid(days[:number]) if window == "all" else dict.fromkeys(("paid_in", "dpi", "rvpi", "tvpi"))
            for metric, value in wanted.items():
                said = (row["trading_day"], window, metric, row[metric], value)
                if value is None or row[metric] is None:
                    assert row[metric] is value, said
                else:
                    nearly = 1e-9 if metric.startswith("xirr") else 1e-12  # pyxirr stops there
                    assert math.isclose(row[metric], value, rel_tol=1e-9, abs_tol=nearly), said


@pytest.mark.parametrize("name", [*ACCOUNTS.names, *ENDINGS.names])
def test_a_window_of_ones_own_choice_says_what_the_table_says_of_its_windows(built: Platform, name: str) -> None:
    """Two computations of one definition, on the windows of sampled days."""
    account = (ACCOUNTS if name in ACCOUNTS.names else ENDINGS)[name]
    days, rows = observed(account), table(built, account)
    for number in {1, 2, *range(3, len(days), 23), len(days)} & {*range(1, len(days) + 1)}:
        for window in WINDOWS:
            members = window_of(days[:number], window)
            [chosen] = windows.window_metrics(built.database, Period(members[0].day, members[-1].day), account.number)
            kept = rows[members[-1].day, window]
            for metric in chosen.keys() - {"metric_window", "paid_in", "dpi", "rvpi", "tvpi"}:
                said = (members[-1].day, window, metric, chosen[metric], kept[metric])
                if isinstance(kept[metric], float) and chosen[metric] is not None:
                    assert math.isclose(chosen[metric], kept[metric], rel_tol=1e-9, abs_tol=1e-12), said
                else:
                    assert chosen[metric] == kept[metric], said


def test_a_window_of_thirty_calendar_days_is_not_one_of_thirty_sessions(built: Platform) -> None:
    rows = table(built, over_a_year)
    last = date(2025, 12, 19)
    assert (rows[last, "30d"]["observations"], rows[last, "30obs"]["observations"]) == (21, 30)


def test_month_and_year_begin_anew(built: Platform) -> None:
    rows = table(built, over_a_year)
    assert rows[date(2024, 12, 31), "ytd"]["observations"] == rows[date(2024, 12, 31), "all"]["observations"] == 41
    first = rows[date(2025, 1, 2), "ytd"]
    assert (first["observations"], first["volatility"], first["max_drawdown"]) == (1, None, None)
    assert rows[date(2025, 1, 2), "mtd"]["total_return"] == first["total_return"]


def test_what_is_annualised_waits_for_a_year(built: Platform) -> None:
    """The account opens at the close of 31 October 2024."""
    rows = table(built, over_a_year)
    for window, other in (("all", "1y"), ("1y", "all")):
        before, after = rows[date(2025, 10, 30), window], rows[date(2025, 10, 31), window]
        assert (before["calmar"], before["xirr"]) == (None, None)
        assert after["calmar"] == rows[date(2025, 10, 31), other]["calmar"] is not None
        assert after["xirr"] == rows[date(2025, 10, 31), other]["xirr"] is not None
    assert {row["xirr"] for (_, window), row in rows.items() if window in ("30d", "30obs", "mtd")} == {None}


def test_without_flows_the_money_weighted_return_is_the_time_weighted(built: Platform) -> None:
    rows = [row for account in (one_day, unmoved, only_gains) for row in table(built, account).values()]
    assert [row["money_weighted_return"] for row in rows] == pytest.approx([row["total_return"] for row in rows])


def test_money_counts_from_when_it_is_there(built: Platform) -> None:
    rows = table(built, funded_later)
    assert rows[date(2025, 7, 14), "all"]["money_weighted_return"] is None  # nothing was there
    assert rows[date(2025, 7, 15), "all"]["money_weighted_return"] == pytest.approx(0.01)
    last = rows[date(2025, 7, 18), "all"]
    assert last["money_weighted_return"] < last["total_return"]  # most of it was there on the bad day


def test_what_is_undefined_is_null_and_never_zero(built: Platform) -> None:
    undefined = ("volatility", "sharpe", "sortino", "calmar", "win_rate")
    for account, last in ((one_day, date(2025, 7, 14)), (unmoved, date(2025, 7, 18))):
        row = table(built, account)[last, "all"]
        assert [row[metric] for metric in undefined] == [None] * len(undefined)
    gains = table(built, only_gains)[date(2025, 7, 18), "all"]
    assert (gains["sortino"], gains["calmar"], gains["max_drawdown"]) == (None, None, 0)
    assert gains["sharpe"] > 0


def test_a_wipe_out_is_a_return_of_minus_one_hundred_percent_and_ends_nothing_else(built: Platform) -> None:
    rows = table(built, wiped_out)
    lost = rows[date(2025, 7, 16), "all"]
    assert (lost["total_return"], lost["max_drawdown"]) == (-1, -1)
    assert rows[date(2025, 7, 17), "all"]["observations"] == 3  # nothing was invested: no return
    assert rows[date(2025, 7, 21), "all"]["observations"] == 5
    assert rows[date(2025, 7, 21), "all"]["paid_in"] == 7000


def test_a_round_trip_counts_on_the_day_it_is_back_at_zero_net_of_fees(built: Platform) -> None:
    rows = table(built, over_a_year)
    before, after = rows[date(2025, 12, 5), "all"], rows[date(2025, 12, 8), "all"]
    assert after["wins"] - before["wins"] == 1  # +10 and -5 are one trip
    assert after["losses"] == before["losses"] + sum(
        trip.net < 0 for day in observed(over_a_year) if day.day == date(2025, 12, 8) for trip in day.trips
    )
    assert rows[date(2025, 12, 19), "all"]["break_evens"] > 0  # a gain of 1 pays two commissions of 0.50


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_the_months_and_years_of_a_report_are_the_windows_of_the_table(built: Platform, name: str) -> None:
    """Two computations of one definition: the report links daily returns, the table has its windows."""
    number = ACCOUNTS[name].number
    history = performance.nav_history(built.database, number, LAST)
    rows = performance.rolling_metrics(built.database, Period(FIRST, LAST), number)
    by_window = {(row["metric_window"], row["trading_day"]): row for row in rows}
    last_of_month = {(day.trading_day.year, day.trading_day.month): day.trading_day for day in history}
    for year in years(history):
        ends = [end for (number_of, _), end in last_of_month.items() if number_of == year.year]
        assert year.total == pytest.approx(by_window["ytd", max(ends)]["total_return"], abs=1e-12)
        for end in ends:
            linked_month = year.months[end.month - 1]
            assert linked_month == pytest.approx(by_window["mtd", end]["total_return"], abs=1e-12), end
    whole = by_window["all", history[-1].trading_day]
    assert linked(day.daily_return for day in history) == pytest.approx(whole["total_return"], abs=1e-12)
    if whole["max_drawdown"] is not None:
        lowest = min(drawdowns([day.daily_return for day in history]))
        assert lowest == pytest.approx(whole["max_drawdown"], abs=1e-12)


def test_each_round_trip_says_what_it_made_how_long_it_was_held_and_how_it_ended(built: Platform) -> None:
    rows = built.query(
        """select symbol, direction, quantity, trading_day::text, how_ended, gross_pnl, fees,
            extract(epoch from holding_time) / 60
        from alm_reporting.round_trips where account_id = %s order by closed_at, opened_at, symbol""",
        every_ending.number,
    )
    assert [tuple(row) for row in rows] == [
        (WORTHLESS.symbol, "short", 3, "2025-07-15", "expired", 60, -1, 260),
        (IN_PARTS.symbol, "long", 2, "2025-07-16", "traded", -25, -3, 52 * 60),
        (PUT.symbol, "short", 1, "2025-07-17", "assigned", 300, -1, 54 * 60 + 20),
        (CALL.symbol, "short", 1, "2025-07-17", "assigned", 250, -1, 26 * 60 + 50),
        ("SPY", "long", 100, "2025-07-17", "delivered", 1000, 0, 0),
        (EXERCISED.symbol, "long", 1, "2025-07-18", "exercised", -500, -1, 350),
        ("SPY", "long", 100, "2025-07-18", "traded", 700, -1, 18 * 60 + 40),
    ]


def test_each_leg_goes_into_base_currency_at_its_own_rate(built: Platform) -> None:
    [row] = built.query(
        """select gross_pnl_in_base, fees_in_base, net_pnl from alm_reporting.round_trips
        where account_id = %s and symbol = %s""",
        every_ending.number,
        IN_PARTS.symbol,
    )
    gross, fees = 200 * Decimal("7.85") - 225 * Decimal("7.84"), -Decimal("7.8") - Decimal("7.85") - Decimal("7.84")
    assert tuple(row) == (gross, fees, gross + fees)


def test_round_trips_are_counted_by_how_they_ended_in_every_window(built: Platform) -> None:
    trips = built.query(
        "select trading_day, how_ended, net_pnl from alm_reporting.round_trips where account_id = %s",
        every_ending.number,
    )
    for (day, window), row in table(built, every_ending).items():
        ended = [trip for trip in trips if trip[0] <= day]
        counts = Counter(trip[1] for trip in ended)
        for how in ("traded", "expired", "assigned", "exercised", "delivered"):
            assert row[f"ended_{how}"] == counts[how], (day, window, how)
        assert row["ended_otherwise"] == 0
        assert row["wins"] + row["losses"] + row["break_evens"] == len(ended)
        if ended:
            assert row["expectancy"] == pytest.approx(sum(trip[2] for trip in ended) / len(ended))
    assert row["wins"] == 5
    assert row["losses"] == 2


def test_a_round_trip_that_ended_in_a_session_without_a_summary_is_not_lost(built: Platform) -> None:
    from fntx_dagster.services.building.marts import build

    days = observed(over_a_year)
    gone = next(day for day in days[40:] if day.trips)
    later = days[days.index(gone) + 18].day
    before = table(built, over_a_year)
    with built.database.connect() as connection:
        connection.execute(
            "delete from alm_reporting.daily_summary where account_id = %s and trading_day = %s",
            (over_a_year.number, gone.day),
        )
    [done, *_] = build(built.settings, built.database, ["rolling_metrics"], Period(gone.day, later))
    assert done.status == "success", done.message
    after = table(built, over_a_year)
    assert (gone.day, "all") not in after
    trips = ("wins", "losses", "break_evens", "expectancy")
    for window in ("30d", "ytd", "1y", "all"):
        assert after[later, window]["observations"] == before[later, window]["observations"] - 1
        assert [after[later, window][name] for name in trips] == [before[later, window][name] for name in trips]
    assert after[later, "30obs"]["observations"] == 30
    follows = days[days.index(gone) + 1].day
    assert after[follows, "all"]["wins"] == before[follows, "all"]["wins"]
    assert after[later, "all"]["paid_in"] is not None

"""Every figure of rolling_metrics against a second computation, from the definitions of docs/metrics.md."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from statistics import fmean, stdev
from typing import NamedTuple

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.report.performance import drawdowns, linked, years
from fntx_dagster.simulate.broker import SPY, Account, Accounts
from fntx_dagster.store import marts
from tests.story.conftest import FIRST, LAST, Platform

ACCOUNTS = Accounts()
TOLD = (ACCOUNTS,)
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


# -- the second computation


class Observed(NamedTuple):
    day: date
    opening: Decimal
    closing: Decimal
    deposits: Decimal
    withdrawals: Decimal
    trips: tuple[Decimal, ...]

    @property
    def daily_return(self) -> float | None:
        invested = self.opening + self.deposits
        return float((self.closing + self.withdrawals) / invested - 1) if invested > 0 else None


def observed(account: Account) -> list[Observed]:
    """From what the broker did, not from our tables."""
    found, open_cost, open_quantity = [], Decimal(0), Decimal(0)
    for day in account.days:
        flows = [moved.amount for moved in day.cash if moved.component == "depositsWithdrawals"]
        trips = []
        for done in sorted(day.executions, key=lambda done: (done.at, done.number)):
            open_quantity += done.quantity
            open_cost += done.proceeds + done.commission
            if not open_quantity:
                trips.append(open_cost)
                open_cost = Decimal(0)
        found.append(
            Observed(
                day.date,
                day.opening.nav,
                day.nav,
                sum((flow for flow in flows if flow > 0), Decimal(0)),
                -sum((flow for flow in flows if flow < 0), Decimal(0)),
                tuple(trips),
            )
        )
    return found


def window_of(days: list[Observed], window: str) -> list[Observed]:
    last = days[-1].day
    first = {
        "30d": last - timedelta(days=29),
        "30obs": days[-30:][0].day,
        "mtd": last.replace(day=1),
        "ytd": last.replace(month=1, day=1),
        "all": days[0].day,
    }[window]
    return [day for day in days if day.day >= first]


def expected(days: list[Observed], window: str) -> dict[str, float | int | None]:
    """The metrics of a window that ends with the last of the days."""
    members = window_of(days, window)
    returns = [day.daily_return for day in members if day.daily_return is not None]
    n = len(returns)
    wealth = [math.prod(1 + one for one in returns[: i + 1]) for i in range(n)]
    drawdowns = [wealth[i] / max(1, *wealth[: i + 1]) - 1 for i in range(n)]
    trips = [trip for day in members for trip in day.trips]
    wins, losses = sum(trip > 0 for trip in trips), sum(trip < 0 for trip in trips)
    told = {
        "observations": n,
        "total_return": wealth[-1] - 1 if n else None,
        "volatility": None,
        "sharpe": None,
        "sortino": None,
        "max_drawdown": min(drawdowns) if n >= 2 else None,
        "calmar": None,
        "var_95": None,
        "cvar_95": None,
        "wins": wins,
        "losses": losses,
        "break_evens": len(trips) - wins - losses,
        "win_rate": 100 * wins / (wins + losses) if wins + losses else None,
    }
    if n >= 2:
        mean, deviation = fmean(returns), stdev(returns)
        downside = math.sqrt(fmean(min(one, 0) ** 2 for one in returns))
        if deviation > 1e-15:
            told |= {"volatility": deviation * math.sqrt(YEAR), "sharpe": mean / deviation * math.sqrt(YEAR)}
        if downside > 1e-15:
            told["sortino"] = mean * YEAR / (downside * math.sqrt(YEAR))
        ascending, place = sorted(returns), (n - 1) * 0.05
        below, above = ascending[math.floor(place)], ascending[math.ceil(place)]
        told["var_95"] = below + (above - below) * (place - math.floor(place))
        told["cvar_95"] = fmean(ascending[: int(place) + 1])
    if n >= YEAR and min(drawdowns) < 0:
        told["calmar"] = (wealth[-1] ** (YEAR / n) - 1) / abs(min(drawdowns))
    return told


def paid(days: list[Observed]) -> dict[str, float | Decimal | None]:
    paid_in = days[0].opening + sum(day.deposits for day in days)
    paid_out = sum(day.withdrawals for day in days)
    dpi, rvpi = float(paid_out / paid_in), float(days[-1].closing / paid_in)
    return {"paid_in": paid_in, "dpi": dpi, "rvpi": rvpi, "tvpi": dpi + rvpi}


# -- tests


def table(told: Platform, account: Account) -> dict[tuple[date, str], dict]:
    rows = marts.rolling_metrics(told.database, FIRST, LAST, account.number)
    return {(row["trading_day"], row["metric_window"]): row for row in rows}


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_every_window_of_every_day_says_what_the_definitions_say(told: Platform, name: str) -> None:
    days = observed(ACCOUNTS[name])
    rows = table(told, ACCOUNTS[name])
    assert len(rows) == 5 * len(days)
    for number in range(1, len(days) + 1):
        for window in ("30d", "30obs", "mtd", "ytd", "all"):
            row, wanted = rows[days[number - 1].day, window], expected(days[:number], window)
            wanted |= paid(days[:number]) if window == "all" else dict.fromkeys(("paid_in", "dpi", "rvpi", "tvpi"))
            for metric, value in wanted.items():
                said = (row["trading_day"], window, metric, row[metric], value)
                if value is None or row[metric] is None:
                    assert row[metric] is value, said
                else:
                    assert math.isclose(row[metric], value, rel_tol=1e-9, abs_tol=1e-12), said


def test_a_window_of_thirty_calendar_days_is_not_one_of_thirty_sessions(told: Platform) -> None:
    rows = table(told, over_a_year)
    last = date(2025, 12, 19)
    assert (rows[last, "30d"]["observations"], rows[last, "30obs"]["observations"]) == (21, 30)


def test_month_and_year_begin_anew(told: Platform) -> None:
    rows = table(told, over_a_year)
    assert rows[date(2024, 12, 31), "ytd"]["observations"] == rows[date(2024, 12, 31), "all"]["observations"] == 41
    first = rows[date(2025, 1, 2), "ytd"]
    assert (first["observations"], first["volatility"], first["max_drawdown"]) == (1, None, None)
    assert rows[date(2025, 1, 2), "mtd"]["total_return"] == first["total_return"]


def test_calmar_waits_for_a_year_of_observations(told: Platform) -> None:
    counted = {row["observations"]: row["calmar"] for row in table(told, over_a_year).values()}
    assert counted[251] is None
    assert counted[252] is not None


def test_what_is_undefined_is_null_and_never_zero(told: Platform) -> None:
    undefined = ("volatility", "sharpe", "sortino", "calmar", "win_rate")
    for account, last in ((one_day, date(2025, 7, 14)), (unmoved, date(2025, 7, 18))):
        row = table(told, account)[last, "all"]
        assert [row[metric] for metric in undefined] == [None] * len(undefined)
    gains = table(told, only_gains)[date(2025, 7, 18), "all"]
    assert (gains["sortino"], gains["calmar"], gains["max_drawdown"]) == (None, None, 0)
    assert gains["sharpe"] > 0


def test_a_wipe_out_is_a_return_of_minus_one_hundred_percent_and_ends_nothing_else(told: Platform) -> None:
    rows = table(told, wiped_out)
    lost = rows[date(2025, 7, 16), "all"]
    assert (lost["total_return"], lost["max_drawdown"]) == (-1, -1)
    assert rows[date(2025, 7, 17), "all"]["observations"] == 3  # nothing was invested: no return
    assert rows[date(2025, 7, 21), "all"]["observations"] == 5
    assert rows[date(2025, 7, 21), "all"]["paid_in"] == 7000


def test_a_round_trip_counts_on_the_day_it_is_back_at_zero_net_of_fees(told: Platform) -> None:
    rows = table(told, over_a_year)
    before, after = rows[date(2025, 12, 5), "all"], rows[date(2025, 12, 8), "all"]
    assert after["wins"] - before["wins"] == 1  # +10 and -5 are one trip
    assert after["losses"] == before["losses"] + sum(
        trip < 0 for day in observed(over_a_year) if day.day == date(2025, 12, 8) for trip in day.trips
    )
    assert rows[date(2025, 12, 19), "all"]["break_evens"] > 0  # a gain of 1 pays two commissions of 0.50


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_the_months_and_years_of_a_report_are_the_windows_of_the_table(told: Platform, name: str) -> None:
    """Two computations of one definition: the report links daily returns, the table has its windows."""
    number = ACCOUNTS[name].number
    history = marts.nav_history(told.database, number, LAST)
    rows = marts.rolling_metrics(told.database, FIRST, LAST, number)
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

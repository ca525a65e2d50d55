"""What can hurt an account, from statements to the figures: stress beside the Greeks, cash, falls, margin."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.account_risk import ALL_SHORT, IN_THE_MONEY, AccountRisk
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.report.account_risk import assignment_table, risk_tables, stress_table
from fntx_dagster.services.account_risk import account_risks
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY, option
from fntx_dagster.store.marts import performance, risk
from fntx_dagster.store.marts.current import keep
from tests.dbt.conftest import FIRST, LAST, Platform

ACCOUNTS = Accounts(2_510_001)
DELIVERED = (ACCOUNTS,)
DAYS = [session.day for session in sessions(date(2025, 7, 7), date(2025, 7, 17))]
PUT, CALL = option("P", 630, "2025-08-15"), option("C", 640, "2025-08-15")
LAST_DAY = date(2025, 7, 17)


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def seller(account: Account) -> None:
    """Ten shares, a short put in the money and a short call out of it, from the first day on."""
    for number, day in enumerate(DAYS):
        statement = account.day(str(day), {SPY: str(Decimal("628.04") - (number - 8) ** 2 / Decimal(4))})
        if not number:
            statement.trade(SPY, 10, "610")
            statement.trade(PUT, -1, "15")
            statement.trade(CALL, -1, "4")
        statement.closes_at({PUT: str(Decimal("12.5") + (8 - number)), CALL: "4.40"})


@pytest.fixture(scope="module")
def found(built: Platform) -> AccountRisk:
    update_greeks(built.settings, built.database, Period(FIRST, LAST))
    amounts = {name: Decimal(amount) for name, amount in {"nav": "100000", "cash": "90000"}.items()}
    keep(
        built.database,
        Snapshot(
            account_id=ACCOUNTS["seller"].number,
            as_of=datetime(2025, 7, 17, 19, 55, tzinfo=UTC),
            currency="USD",
            initial_margin=Decimal(30_000),
            maintenance_margin=Decimal(25_000),
            excess_liquidity=Decimal(75_000),
            cushion=Decimal("0.75"),
            positions=(),
            executions=(),
            buying_power=Decimal(280_000),
            **amounts,
        ),
    )
    [only] = account_risks(built.settings, built.database, LAST_DAY)
    return only


def test_a_small_move_changes_what_the_delta_and_the_vega_say(built: Platform, found: AccountRisk) -> None:
    [sums] = risk.portfolio_risk(built.database, Period.on(LAST_DAY))
    step = Decimal("0.0001")
    [small] = account_risks(built.settings, built.database, LAST_DAY, None, [-step, step], [Decimal(0)])
    [[down, up]] = small.stress.changes
    assert float(up - down) == pytest.approx(sums["delta"] * float(step) * 2 * float(found.nav), rel=0.01)
    [point] = account_risks(built.settings, built.database, LAST_DAY, None, [Decimal(0)], [Decimal("0.001")])
    assert float(point.stress.changes[0][0]) == pytest.approx(sums["vega"] * 0.1, rel=0.02)
    assert found.stress.unknown == 0


def test_the_cash_if_assigned_is_that_counted_by_hand(found: AccountRisk) -> None:
    taken = found.assignments
    assert [(row.scope, row.shares_bought, row.shares_delivered) for row in taken.rows] == [
        (IN_THE_MONEY, 100, 0),
        (ALL_SHORT, 100, 100),
    ]
    assert taken.needed(IN_THE_MONEY) == 63_000
    assert taken.cash is not None
    assert taken.cash == pytest.approx(100_000 - 6_100 + 1_900, abs=Decimal(20))  # less commissions


def test_the_deepest_fall_is_the_maximal_drawdown_of_all(built: Platform, found: AccountRisk) -> None:
    [row] = [
        row for row in performance.rolling_metrics(built.database, Period.on(LAST_DAY)) if row["metric_window"] == "all"
    ]
    assert found.drawdowns[0].depth == pytest.approx(row["max_drawdown"], rel=1e-9)


def test_the_margin_is_what_the_gateway_said_and_unknown_where_it_was_not_asked(
    built: Platform, found: AccountRisk
) -> None:
    assert found.margin is not None
    assert (found.margin.available, found.margin.buying_power) == (70_000, 280_000)
    assert found.on_margin is not None
    day = performance.nav_history(built.database, found.account_id, LAST_DAY)[-1]
    assert found.on_margin.ratio == pytest.approx(float((day.closing_nav - day.opening_nav) / 25_000))
    [before] = account_risks(built.settings, built.database, date(2025, 7, 16))
    assert (before.margin, before.on_margin) == (None, None)


def test_where_no_stress_can_be_told_a_row_says_why_and_no_dash_does(found: AccountRisk) -> None:
    assert [len(table.rows) for table in risk_tables(found) if table.title == "Stress"] == [len(found.stress.points)]
    still = found.stress._replace(changes=[[Decimal(0)]], spots=[Decimal(0)], points=[Decimal(0)])
    unknown = still._replace(changes=[[None]], unknown=2)
    said = [stress_table(found._replace(stress=each)).rows for each in (still, unknown)]
    assert said == [
        (("any move", "none: nothing that is held changes its value"),),
        (("any move", "unknown: 2 positions without a price or a rate"),),
    ]


def test_the_cash_to_pay_is_a_least_amount_where_an_option_has_no_price(found: AccountRisk) -> None:
    assert "In the money at the close: 63,000.00 USD to pay" in assignment_table(found.assignments, "USD").footnote
    unknown = found.assignments._replace(unknown=1)
    assert "In the money at the close: at least 63,000.00 USD to pay" in assignment_table(unknown, "USD").footnote


def test_a_day_that_is_not_built_is_named(built: Platform) -> None:
    with pytest.raises(Permanent, match="2025-09-02"):
        account_risks(built.settings, built.database, date(2025, 9, 2))


def test_the_command_shows_the_same_in_every_form(
    built: Platform, found: AccountRisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(built.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", built.database.url)
    words = ["risk", "--date", "2025-07-17", "--spot", "-10,0,10", "--volatility", "0"]
    [document] = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert document["assignment"]["cash_needed"][IN_THE_MONEY] == "63000"
    lines = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*words, "--format", "csv"]).stdout)))
    changes = [move["change"] for move in document["stress"]["moves"]]
    assert [Decimal(line["change"]) for line in lines] == [Decimal(change) for change in changes]
    assert changes[1] == "0"
    shown = CliRunner().invoke(app, words).stdout
    for title in ("Stress at", "Assignment at", "Worst Drawdowns at", "Streaks and Margin at"):
        assert title in shown
    assert CliRunner().invoke(app, [*words[:3], "--spot", "-100"]).exit_code == 2

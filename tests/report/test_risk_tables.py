"""The tables of risk: what they say where prices are not known, and what they count."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.risk_tables import exposure_table, greeks_table

from .html_pages import metrics, option, portfolio
from .role_model import CALL_629_18, PUT_626_18, SPY, position


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ([{"mark": None}], "1 option has no mark, so its Greeks are empty."),
        ([{"mark": None}] * 2, "2 options have no mark, so their Greeks are empty."),
        ([{"underlying_price": None}], "1 option has no price of its underlying, so its Greeks are empty."),
        (
            [{"mark": None}, {"underlying_price": None}, {"underlying_price": None}],
            "1 option has no mark, 2 have no price of their underlying, so their Greeks are empty.",
        ),
    ],
)
def test_options_without_a_price_are_counted(lacking: list[dict[str, Any]], said: str) -> None:
    known = option("SPY", mark=Decimal("1.2"), underlying_price=Decimal(627))
    assert said in greeks_table([known, *(known | prices for prices in lacking)]).footnote
    assert "empty" not in greeks_table([known]).footnote


def spent(put_call: str, strike: int) -> dict[str, Any]:
    prices = {"mark": Decimal("0.04"), "underlying_price": Decimal("628.04")}
    return option("SPY", "low_vega", put_call=put_call, strike=Decimal(strike), **prices)


@pytest.mark.parametrize(
    ("put_call", "strike", "delta"), [("C", 628, "1.0000"), ("C", 629, "0.0000"), ("P", 629, "-1.0000")]
)
def test_an_option_without_time_value_shows_the_greeks_that_the_sums_count(
    put_call: str, strike: int, delta: str
) -> None:
    table = greeks_table([spent(put_call, strike)])
    assert table.rows[0][-5:] == ("–", delta, "0.0000", "0.0000", "0.0000")
    assert "the option counts as its shares, or as nothing" in table.footnote


def test_the_greeks_of_a_report_are_those_of_its_open_positions_and_of_no_other() -> None:
    held = [position(SPY, "100"), position(PUT_626_18, "-1"), position(CALL_629_18, "-2")]
    booked = option("629", contract_id=CALL_629_18.contract_id) | {"quantity": Decimal(0)}
    closed_again = option("630", contract_id="630") | {"quantity": Decimal(0)}
    table = greeks_table([closed_again, booked], held)
    assert [row[:2] for row in table.rows] == [
        ("SPY July 18, 2025, 626 Put", "not computed"),
        ("SPY July 18, 2025, 629 Call", "ok"),
    ]
    assert [row[3] for row in table.rows] == ["-1", "-2, 0 after its end"]
    assert "1 ends and is booked that day: the broker's closing position, and so the exposure" in table.footnote


def test_the_value_at_risk_of_positions_and_that_of_returns_have_names_and_tables_of_their_own() -> None:
    risk = exposure_table(portfolio(var_95_historical=-0.01, var_95_repricing=-0.02, var_95_returns=-0.03))
    returns = metrics_table([metrics("all", var_95=-0.03)])
    assert [row for row in risk.rows if "VaR" in row[0]] == [
        ("VaR 95 % of positions, one day", "by delta and gamma", "-1.00 %"),
        ("VaR 95 % of positions, one day", "by repricing", "-2.00 %"),
    ]
    assert returns.rows == (("VaR 95 % of returns", "-3.00 %"),)


def test_a_value_at_risk_says_what_it_is_over() -> None:
    assert exposure_table(portfolio(var_95_historical=0.0)).footnote.startswith("Nothing is held")
    assert "20 past days; the statements give 19" in exposure_table(portfolio(scenarios=19)).footnote
    assert exposure_table(portfolio(scenarios=20)).footnote == "Value at risk at the close over 20 past days."


def test_windows_with_few_observations_are_warned_of() -> None:
    def said(**observations: int) -> str:
        return metrics_table([metrics(window, observations=count) for window, count in observations.items()]).footnote

    assert said(mtd=13, all=13).startswith("13 observations are few: volatility, Sharpe")
    assert said(mtd=13, all=250).startswith("Few observations in Month (13): volatility, Sharpe")
    assert said(mtd=30, all=250) == ""
    assert "few_observations" not in str(metrics_table([metrics("all", observations=3, few_observations=True)]).rows)

"""Several days in one summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.report.document import to_document
from fntx_dagster.report.period import PeriodSummary, narrate_periods
from fntx_dagster.report.story import narrate

from .role_model import JULY_17, JULY_18, block, event, july_17, july_18, new_york, quiet_day


def period(*days: object) -> PeriodSummary:
    (summary,) = narrate_periods([narrate(day) for day in days])
    return summary


def lines(summary: PeriodSummary) -> list[str]:
    return [line.plain for line in summary.lines]


def test_the_role_models_two_days_in_sentences() -> None:
    assert lines(period(july_17(), july_18())) == [
        "NAV: It goes from 79,498.68 HKD to 79,231.03 HKD.",
        "Cash Flow: Nothing is deposited or withdrawn.",
        "Net P&L: The days make a loss, a time-weighted return of -0.34 %.",
        "Gross P&L: -584.06 HKD",
        "Commissions: -67.20 HKD",
        "Net P&L: -267.65 HKD",
        "Fees by Kind: What the broker charged, at the rate of each charge:",
        "Commissions on options: -7.56 USD, 0.95 each of 8, at 7.8472 = -59.36 HKD",
        "Commissions on shares: -1.00 USD, at 7.8455 = -7.85 HKD",
        "NAV becomes: 79,498.68 - 267.65 = 79,231.03 HKD",
        "Best and Worst Day: Your best day is July 17 (+256.13 HKD, +0.32 %), your worst July 18 "
        "(-523.78 HKD, -0.66 %).",
        "Largest Movers: What moved the NAV most, apart from deposits, withdrawals and transfers:",
        "Pre-Market Cover Trade, July 18: -1,145.44 HKD",
        "0DTE Trades, July 18: +590.64 HKD",
        "Day Trades, July 17: -96.46 HKD",
        "Positions: 3 positions expire worthless, 1 is assigned and 3 are closed by trades. 2 are held at the last "
        "close, of which 2 end that night.",
        "Reconciliation: In sum over the closes, the official NAV less the calculated one = +383.61 HKD, made up of:",
        "Open positions marked to the closing prices: +408.05 HKD",
        "Last closing mark of the assigned option, released by the assignment: +31.39 HKD",
        "The trades' exchange rates against the day's rate: -0.25 HKD",
        "Change in accrued interest: -55.47 HKD",
        "FX translation of balances in other currencies: -0.12 HKD",
        "Unexplained: 0.00 HKD",
        "Exactly, before rounding: +408.0544 + 31.3888 - 0.2465 - 55.47 - 0.1189672 = +383.6077328 HKD",
    ]


def test_one_day_has_no_period_and_each_account_has_its_own() -> None:
    assert narrate_periods([narrate(july_17())]) == []
    other = [replace(day, account_id="U2000002") for day in (july_17(), july_18())]
    summaries = narrate_periods([narrate(day) for day in (july_17(), other[0], july_18(), other[1])])
    assert [each.account_id for each in summaries] == ["U1000001", "U2000002"]


def test_the_days_may_come_in_any_order() -> None:
    assert period(july_18(), july_17()) == period(july_17(), july_18())


def test_flows_are_named_and_make_no_return() -> None:
    rich = quiet_day(deposits=Decimal(1000), closing_nav_official=Decimal("80498.68"))
    poor = quiet_day(
        JULY_18,
        JULY_17,
        opening_nav_official=Decimal("80498.68"),
        withdrawals=Decimal("0.5"),
        closing_nav_official=Decimal("80498.18"),
    )
    summary = period(rich, poor)
    assert summary.time_weighted_return == 0
    texts = lines(summary)
    assert "Cash Flow: You deposit 1,000.00 HKD and withdraw 0.50 HKD; it counts in no return." in texts
    assert "Net P&L: The days make neither a gain nor a loss, a time-weighted return of 0.00 %." in texts
    assert "NAV becomes: 79,498.68 + 1,000.00 - 0.50 = 80,498.18 HKD" in texts
    assert "Positions: None ends. None is held at the last close." in texts
    assert "Reconciliation: The calculated and the official NAV agree at every close." in texts
    assert not any(line.startswith("Best and Worst Day") for line in texts), "the days are alike"


def test_days_with_a_gap_between_them_are_not_summed_to_a_nav() -> None:
    later = quiet_day(JULY_18, JULY_17, opening_nav_official=Decimal(5), closing_nav_official=Decimal(5))
    texts = lines(period(july_17(), later))
    assert any("do not follow on each other" in line for line in texts)
    assert not any(line.startswith("NAV becomes") for line in texts)


def test_what_is_unexplained_is_summed_and_said() -> None:
    day = quiet_day(difference=Decimal("0.02"), unexplained=Decimal("0.02"), closing_nav_official=Decimal("79498.70"))
    summary = period(day, july_18())
    assert summary.unexplained == Decimal("0.02")
    assert "Unexplained: +0.02 HKD" in lines(summary)


@pytest.mark.parametrize("kind", ["deposit", "withdrawal", "transfer_in", "transfer_out"])
def test_deposits_and_transfers_are_no_movers_however_large(kind: str) -> None:
    deposit = event("d", kind, new_york(JULY_17, "08:00"), amount="9999", currency="HKD", rate=Decimal(1))
    day = quiet_day(blocks=(block("cash", "pre_market", deposit, impact="9999", after="89497.68"),))
    assert [mover.title for mover in period(day, july_18()).movers] == ["Pre-Market Cover Trade", "0DTE Trades"]


def test_days_of_several_years_are_named_with_their_year() -> None:
    before = quiet_day(
        date(2024, 12, 31), date(2024, 12, 30), net_pnl=Decimal("1"), closing_nav_official=Decimal(79500)
    )
    summary = period(before, july_18())
    assert summary.heading == "The Period: December 31, 2024 – July 18, 2025 (2 sessions)"
    assert any("your worst July 18, 2025 (" in line for line in lines(summary))


def test_the_document_holds_the_period_with_exact_amounts() -> None:
    document = to_document([narrate(july_17()), narrate(july_18())])
    (content,) = document["periods"]
    assert content["net_pnl"] == {"amount": "-267.65", "display": "-267.65"}
    assert content["best_day"]["trading_day"] == "2025-07-17"
    none = dict.fromkeys(("settled", "exercised", "delivered", "otherwise"), 0)
    assert content["positions_ended"] == {"expired": 3, "assigned": 1, "closed": 3} | none
    assert (content["positions_held"], content["positions_open"]) == (2, 0)
    parts = sum(Decimal(part["amount"]) for part in content["difference_parts"])
    assert parts + Decimal(content["unexplained"]["amount"]) == Decimal(content["difference"]["amount"])
    assert to_document([narrate(july_17())])["periods"] == []

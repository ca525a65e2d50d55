"""The table of a range of days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.report.summary_table import month_tables, summary_table, to_markdown

from .role_model import july_17, july_18, quiet_day


def test_each_day_is_a_row_and_the_header_names_the_currency() -> None:
    table = summary_table([july_17(), july_18()])
    assert table.headers[0] == "Trading Day (HKD)"
    assert [row[0] for row in table.rows] == ["2025-07-17", "2025-07-18"]
    assert dict(zip(table.headers, table.rows[1], strict=True))["Reconciliation"] == "+31.02"


def test_flows_are_totalled_from_exact_amounts_and_navs_are_not() -> None:
    table = summary_table([july_17(), july_18()])
    totals = dict(zip(table.headers, table.totals, strict=True))
    assert totals["Net P&L"] == "-267.65"
    assert totals["Gross P&L"] == "-584.06"  # the displayed -50.69 and -533.36 would give -584.05
    assert totals["Opening NAV"] == totals["Closing NAV"] == ""
    assert (totals["Net %"], totals["Assignment"]) == ("-0.34 %", "SPY 628 Call")


def test_the_cash_flow_is_what_came_in_less_what_went_out() -> None:
    day = replace(july_17(), deposits=Decimal("100"), withdrawals=Decimal("40.50"))
    table = summary_table([day])
    assert dict(zip(table.headers, table.rows[0], strict=True))["Cash Flow"] == "+59.50"


def test_each_month_has_its_table_and_the_months_stand_side_by_side_at_the_end() -> None:
    june = quiet_day(
        date(2025, 6, 30), date(2025, 6, 27), net_pnl=Decimal("1"), closing_nav_official=Decimal("79499.68")
    )
    first, second, months = month_tables([july_17(), june, july_18()])
    assert (first.title, second.title, months.title) == ("June 2025", "July 2025", "June 2025 – July 2025")
    assert [row[0] for row in second.rows] == ["2025-07-17", "2025-07-18"]
    assert second.totals == summary_table([july_17(), july_18()]).totals
    rows = [dict(zip(months.headers, row, strict=True)) for row in months.rows]
    assert [(row["Month (HKD)"], row["Opening NAV"], row["Net P&L"], row["Closing NAV"]) for row in rows] == [
        ("June 2025", "79,498.68", "+1.00", "79,499.68"),
        ("July 2025", "79,498.68", "-267.65", "79,231.03"),
    ]
    assert dict(zip(months.headers, months.totals, strict=True))["Net P&L"] == "-266.65"
    assert len(month_tables([july_17(), july_18()])) == 1


def test_no_days_make_a_table_without_rows_and_totals() -> None:
    assert summary_table([])[1:5] == ((), (), "", "")
    assert month_tables([]) == []
    assert to_markdown(summary_table([])).count("\n") == 2


def test_days_of_two_accounts_are_refused() -> None:
    with pytest.raises(ValueError, match="one account in one base currency, not of 2"):
        summary_table([july_17(), replace(july_18(), account_id="U2000002")])


def test_the_markdown_table_ends_with_the_totals() -> None:
    lines = to_markdown(summary_table([july_17(), july_18()])).splitlines()
    assert lines[1].startswith("| :--- | ---: |")
    assert lines[-1].startswith("| Total |  | 0.00 |")
    assert len({line.count("|") for line in lines}) == 1


@given(st.lists(st.tuples(*[st.decimals(-9999, 9999, places=2)] * 5), min_size=1, max_size=5))
def test_the_columns_sum_across_and_the_totals_down_with_what_the_broker_leaves_over(made: list[tuple]) -> None:
    names = ("gross_pnl", "commissions", "interest", "fees", "broker_residual")
    days = [
        replace(
            quiet_day(date(2025, 7, 7 + number), date(2025, 7, 6 + number)),
            **dict(zip(names, amounts, strict=True)),
            net_pnl=sum(amounts, Decimal(0)),
        )
        for number, amounts in enumerate(made)
    ]
    table = summary_table(days)
    headers = [name for name in ("Gross P&L", "Commissions", "Interest", "Fees", "Residual") if name in table.headers]
    assert ("Residual" in headers) == any(amounts[-1] for amounts in made)
    rows = [dict(zip(table.headers, row, strict=True)) for row in (*table.rows, table.totals)]
    shown = [[Decimal(row[name].replace(",", "")) for name in (*headers, "Net P&L")] for row in rows]
    assert [sum(amounts) for *amounts, _ in shown] == [net for *_, net in shown]
    assert [sum(column) for column in zip(*shown[:-1], strict=True)] == shown[-1]

"""The table of a range of days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

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

"""The table of a range of days."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fntx_dagster.report.summary_table import summary_table, to_markdown

from .role_model import july_17, july_18


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


def test_no_days_make_a_table_without_rows_and_totals() -> None:
    assert summary_table([])[1:] == ((), (), "")
    assert to_markdown(summary_table([])).count("\n") == 2


def test_days_of_two_accounts_are_refused() -> None:
    with pytest.raises(ValueError, match="one account in one base currency, not of 2"):
        summary_table([july_17(), replace(july_18(), account_id="U2000002")])


def test_the_markdown_table_ends_with_the_totals() -> None:
    lines = to_markdown(summary_table([july_17(), july_18()])).splitlines()
    assert lines[1].startswith("| :--- | ---: |")
    assert lines[-1].startswith("| Total |  | 0.00 |")
    assert len({line.count("|") for line in lines}) == 1

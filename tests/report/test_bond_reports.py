"""Reports of a bond beside the worked example and beside golden files, and with texts that would break a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.report.bond_html import bond_report_html
from fntx_dagster.report.bond_report import BondReport, bond_report_document, bond_report_json
from fntx_dagster.report.bond_reports import OF_ONE_BOND, investor_statement, portfolio_summary
from tests.report.bond_books import BOOK, DISTRIBUTION, DRAFT, FACTS, PAYMENTS, standing

GOLDEN = Path(__file__).parents[1] / "golden" / "report" / "bond"
REPORTS: dict[str, Callable[[], BondReport]] = {
    "investor_statement": lambda: investor_statement(BOOK, "holder-1"),
    **{kind: lambda kind=kind: OF_ONE_BOND[kind](BOOK) for kind in OF_ONE_BOND},
    "portfolio_summary": lambda: portfolio_summary([BOOK, DRAFT, BOOK], FACTS.as_of),
}


def document(kind: str) -> dict[str, Any]:
    return bond_report_document(REPORTS[kind]())


def body(page: str) -> str:
    """The page without its head: the style sheet is that of every report."""
    return page[page.index("<body>") :]


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_is_what_its_golden_files_hold(kind: str) -> None:
    report = REPORTS[kind]()
    assert bond_report_json(report) == (GOLDEN / f"{kind}.json").read_text(encoding="utf-8")
    assert body(bond_report_html(report)) == (GOLDEN / f"{kind}.html").read_text(encoding="utf-8")


def test_an_investor_sees_his_own_payments_and_no_others() -> None:
    found = document("investor_statement")
    assert found["figures"] == {
        "received": "75000.00",  # 8,333.33 + 66,666.67
        "interest": "8333.33",
        "principal": "66666.67",
        "set_aside": "0.00",
        "next_due": "2026-07-01",
    }
    assert [row["amount"] for row in found["tables"]["payments"]] == ["8333.33", "66666.67"]
    assert found["totals"]["payments"] == {"amount": "75000.00"}
    # Two thirds of 900,000.00, and the whole tranche C.
    assert [(row["tranche"], row["outstanding"]) for row in found["tables"]["holdings"]] == [
        ("A", "600000.00"),
        ("C", "200000.00"),
    ]
    assert [(row["line"], row["due"], row["unpaid"]) for row in found["tables"]["tranche_dues"]] == [
        ("C", "2026-04-01", "6000.00"),
        ("A", "2026-07-01", "11250.00"),
    ]
    assert "holder-2" not in bond_report_html(REPORTS["investor_statement"]())


def test_who_holds_nothing_gets_no_statement() -> None:
    with pytest.raises(Permanent, match="'holder-9' holds nothing of bond BOND-2026-1"):
        investor_statement(BOOK, "holder-9")


def test_the_sponsor_sees_equity_without_a_part_of_what_is_outstanding() -> None:
    found = bond_report_document(investor_statement(BOOK, "sponsor"))
    assert found["tables"]["holdings"] == [{"tranche": "equity", "units": "1", "of_units": "1", "outstanding": None}]
    assert found["tables"]["tranche_dues"] == []


def test_a_trustee_sees_arrears_and_when_they_become_a_default() -> None:
    found = document("trustee_report")
    assert found["figures"]["outstanding"] == "1393500.00"
    assert [row["unpaid"] for row in found["tables"]["arrears"]] == ["13500.00", "6000.00"]
    assert found["totals"]["arrears"]["unpaid"] == found["figures"]["arrears"] == "19500.00"
    assert document("lifecycle_status")["figures"]["default_from"] == "2026-05-12T00:00:00Z"
    assert found["notes"] == ["The oldest payment that is not paid in full was due on 2026-04-01, 4 days ago."]


def test_a_waterfall_adds_up_to_its_cash() -> None:
    found = document("waterfall_summary")
    assert found["figures"]["paid"] == found["tables"]["distributions"][0]["available"] == "130000.00"
    assert sum(Decimal(row["paid"]) for row in found["tables"]["lines"]) == 130_000
    assert found["tables"]["distributions"][0]["shortfall"] == "19500.00"


def test_a_payment_that_is_recorded_and_on_no_ledger_is_named() -> None:
    assert document("payment_reconciliation")["figures"]["differences"] == 0
    last = standing(7, *PAYMENTS[-1], confirmed=False)
    changed = BOOK._replace(distributions=(DISTRIBUTION._replace(payments=(*DISTRIBUTION.payments[:-1], last)),))
    found = bond_report_document(OF_ONE_BOND["payment_reconciliation"](changed))
    assert found["figures"]["differences"] == 1
    assert found["figures"]["open"] == "6500.00"
    (differs,) = (row for row in found["tables"]["lines"] if row["status"] == "differs")
    assert (differs["line"], differs["kind"], differs["difference"]) == ("B", "principal", "6500.00")


def test_currencies_are_summed_each_by_itself() -> None:
    found = document("portfolio_summary")
    assert found["figures"] == {"bonds": 3, "current": 2, "draft": 1}
    assert [(row["currency"], row["bonds"], row["notional"]) for row in found["tables"]["currencies"]] == [
        ("USD", 2, "3000000.00"),
        ("XAU", 1, "12.5000"),
    ]
    assert bond_report_document(portfolio_summary([], FACTS.as_of))["tables"]["bonds"] == []


@pytest.mark.parametrize("kind", OF_ONE_BOND)
def test_a_bond_without_a_structure_has_every_report(kind: str) -> None:
    page = bond_report_html(OF_ONE_BOND[kind](DRAFT))
    assert "Harbour" in page


def test_a_name_cannot_write_into_the_page() -> None:
    page = bond_report_html(REPORTS["trustee_report"]())
    assert "Harbour &lt;2026&gt;" in page
    assert "<2026>" not in page
    hostile = BOOK._replace(facts=FACTS._replace(name="a\u202eb\x1b[31m<script>"))
    shown = bond_report_html(OF_ONE_BOND["trustee_report"](hostile))
    assert "<script>" not in shown
    assert "\u202e" not in shown
    assert "\x1b" not in shown


def test_the_document_is_plain_json() -> None:
    assert json.loads(bond_report_json(REPORTS["lifecycle_status"]()))["format"] == "fntx.bond_report"

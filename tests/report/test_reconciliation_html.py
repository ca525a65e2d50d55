"""The report of a reconciliation for people: what differs with what to do, and texts of servers that would break it."""

from __future__ import annotations

from datetime import UTC, datetime

from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.reconciliation.checks import ReconInput, reconcile
from fntx_dagster.reconciliation.report import attested, report_of
from fntx_dagster.report.reconciliation_html import reconciliation_html
from tests.reconciliation.vectors_of import Change, changed

TO_DO = {each.id: each.to_do for each in CHECKS}
POOR: Change = [["observed", "xrpl", "accounts", "amm", "balance"], "1"]


def page(*changes: Change) -> str:
    case = changed(*changes)
    items = reconcile(ReconInput(case["config"], case["observed"], case["records"], case["now_s"]), "deep")
    report = report_of(case["config"], case["observed"], items, "deep", datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC))
    return reconciliation_html(attested(report, 12), TO_DO)


def test_what_differs_stands_first_with_what_to_do() -> None:
    shown = page(POOR)
    assert shown.index("Something differs.") < shown.index("2.399999 XRP are missing") < shown.index("Every check")
    assert TO_DO["xrpl.balance.amm"] in shown
    assert "Not as it should be" not in page()
    assert all(each.id in shown for each in CHECKS)
    assert page(POOR) == shown


def test_the_words_of_a_server_cannot_write_into_the_page() -> None:
    hostile = page([["observed", "xrpl", "escrows"], {"error": "<script>alert(1)</script>\u202e\x1b[31m"}])
    assert "&lt;script&gt;" in hostile
    assert not {"<script>", "\u202e", "\x1b"} & {each for each in ("<script>", "\u202e", "\x1b") if each in hostile}

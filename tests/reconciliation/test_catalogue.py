"""The list of checks, the checks themselves and docs/reconciliation.md name the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.reconciliation.checks import ReconInput, reconcile
from fntx_dagster.reconciliation.report import attested, report_hash, report_of
from fntx_dagster.settings import DOCUMENTATION
from tests.reconciliation.vectors_of import changed


def test_the_catalogue_has_the_checks_in_the_order_of_the_report() -> None:
    case = changed()
    items = reconcile(ReconInput(case["config"], case["observed"], case["records"], case["now_s"]), "deep")
    assert [item.id for item in items] == [each.id for each in CHECKS]
    assert all(each.compares and each.to_do for each in CHECKS)


def test_the_documentation_says_of_each_check_what_to_do() -> None:
    page = (DOCUMENTATION / "reconciliation.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([a-z_]+\.[a-zA-Z_.]+)` \|", page, re.MULTILINE)) - {"observed.xrpl"}
    kinds = {re.sub(r"(balance|trustlines|signers)\.\w+$", r"\1.R", each.id) for each in CHECKS}
    kinds = {re.sub(r"flag\.\w+$", "flag.F", each) for each in kinds}
    assert {row for row in rows if not row.startswith("observed")} == kinds


def test_the_hash_of_a_report_is_that_of_everything_but_its_attestation() -> None:
    case = changed()
    items = reconcile(ReconInput(case["config"], case["observed"], case["records"], case["now_s"]), "full")
    report = report_of(case["config"], case["observed"], items, "full", datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC))
    assert report["metadata"] == {
        "generated": "2026-11-30T01:02:03Z",
        "network": "loopback",
        "scope": "full",
        "platform": "OPTKAS",
        "version": "1.0.0",
        "ledger": {"xrpl": 95000000, "stellar": 55000000},
    }
    whole = attested(report, 12)
    assert [*whole] == ["metadata", "summary", "items", "attestation"]
    assert whole["attestation"] == {"hash": report_hash(whole), "seq": 12}
    assert canonical(whole)
    other = attested({**report, "summary": {}}, 12)
    assert other["attestation"]["hash"] != whole["attestation"]["hash"]

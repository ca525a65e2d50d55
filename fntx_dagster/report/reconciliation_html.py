"""The report of a reconciliation as one HTML file that needs nothing else. The same report gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fntx_dagster.foreign import cleaned
from fntx_dagster.report.page import report_page
from fntx_dagster.report.tables import Table

_CAME_TO = {
    "CLEAN": "Everything is as it should be.",
    "DISCREPANCIES_FOUND": "Something differs.",
    "ERROR": "Nothing differs, and somebody gave no answer.",
}
_STATUSES = {"MATCH": "match", "MISMATCH": "differs", "PENDING": "pending", "ERROR": "no answer"}


def reconciliation_html(
    report: Mapping[str, Any], to_do: Mapping[str, str], words: Callable[[str], str] = cleaned
) -> str:
    """A report as a document; `to_do`: what a person does about a mismatch, by the id of the check. Every text passes
    `words`."""
    page = report_page("reconciliation.html.j2", words)
    meta, summary, items = report["metadata"], report["summary"], report["items"]
    ledgers = [("XRP Ledger", meta["ledger"]["xrpl"]), ("Stellar", meta["ledger"]["stellar"])]
    names = {"total_checks": "Checks", "matched": "Match", "mismatched": "Differ", "pending": "Pending"}
    figures = [(label, f"{summary[name]}") for name, label in names.items()]
    figures += [("No answer", f"{summary['errors']}")]
    figures += [(label, "none was read" if number is None else f"{number:,}") for label, number in ledgers]
    return page.template.render(
        style=page.style,
        style_hash=page.style_hash,
        metadata=meta,
        came_to=_CAME_TO[summary["overall_status"]],
        figures=figures,
        differs=_differences([item for item in items if item["status"] != "MATCH"], to_do),
        checks=_checks(items),
        attestation=report["attestation"],
    )


def _differences(items: list[Mapping[str, Any]], to_do: Mapping[str, str]) -> Table:
    rows = [
        (
            item["id"],
            _STATUSES[item["status"]],
            "; ".join(item.get("details") or [item["actual"]]),
            to_do.get(item["id"], "") if item["status"] == "MISMATCH" else "",
        )
        for item in items
    ]
    return Table(("Check", "Status", "What", "What to do"), tuple(rows), title="Not as it should be", words=4)


def _checks(items: list[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (item["id"], item["check"], _STATUSES[item["status"]], item["expected"], item["actual"]) for item in items
    )
    return Table(("Check", "Looks at", "Status", "Expected", "Found"), rows, title="Every check", words=5)
